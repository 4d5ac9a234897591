package dnstest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/postseal/postseal/dns"
)

// Server is a world on 127.0.0.1, over UDP and TCP at one port.
type Server struct {
	*World
	Addr netip.AddrPort
}

// Serve answers from the zone text on 127.0.0.1 until the test ends.
func Serve(t testing.TB, zone string) *Server {
	t.Helper()
	w, err := Parse(zone)
	if err != nil {
		t.Fatal(err)
	}
	addr, stop, err := w.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return &Server{World: w, Addr: addr}
}

// Listen answers over UDP and TCP on one port of 127.0.0.1, until stop is
// called. It answers like a recursive resolver, and with authority to questions
// that do not ask for recursion. Of the failure words, timeout sends nothing,
// and truncate sends TC over UDP and nothing over TCP.
func (w *World) Listen() (addr netip.AddrPort, stop func(), err error) {
	udp, tcp, err := listenBoth()
	if err != nil {
		return addr, nil, fmt.Errorf("dnstest: %w", err)
	}
	closing := make(chan struct{})
	var wg sync.WaitGroup
	var servers []*mdns.Server
	for _, s := range []*mdns.Server{{PacketConn: udp}, {Listener: tcp}} {
		s.Handler = mdns.HandlerFunc(func(rw mdns.ResponseWriter, q *mdns.Msg) { w.handle(rw, q, closing) })
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		wg.Go(func() { s.ActivateAndServe() })
		<-started
		servers = append(servers, s)
	}
	var once sync.Once
	return netip.MustParseAddrPort(udp.LocalAddr().String()), func() {
		once.Do(func() {
			close(closing)
			for _, s := range servers {
				s.Shutdown()
			}
			wg.Wait()
		})
	}, nil
}

// listenBoth finds a port that is free for UDP and TCP.
func listenBoth() (net.PacketConn, net.Listener, error) {
	var errs []error
	for range 20 {
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp, nil
		}
		udp.Close()
		errs = append(errs, err)
	}
	return nil, nil, errors.Join(errs...)
}

// SetDelay holds back each reply so long.
func (w *World) SetDelay(d time.Duration) { w.delay.Store(int64(d)) }

// Packets tells how many messages came in.
func (w *World) Packets() int64 { return w.packets.Load() }

func (w *World) handle(rw mdns.ResponseWriter, q *mdns.Msg, closing <-chan struct{}) {
	w.packets.Add(1)
	if d := time.Duration(w.delay.Load()); d > 0 {
		select {
		case <-time.After(d):
		case <-closing:
			return
		}
	}
	overTCP := rw.LocalAddr().Network() == "tcp"
	if m := w.Reply(q, overTCP); m != nil {
		rw.WriteMsg(m)
	}
}

// Reply is the answer to a query; nil when none is sent.
func (w *World) Reply(q *mdns.Msg, overTCP bool) *mdns.Msg {
	m := new(mdns.Msg)
	m.SetReply(q)
	m.RecursionAvailable, m.Authoritative = true, !q.RecursionDesired
	m.CheckingDisabled = q.CheckingDisabled
	opt := q.IsEdns0()
	if opt != nil {
		m.SetEdns0(1232, opt.Do())
	}
	if len(q.Question) != 1 || q.Question[0].Qclass != mdns.ClassINET {
		m.Rcode = mdns.RcodeFormatError
		return m
	}
	name, qtype := dns.FromPresentation(q.Question[0].Name), dns.Type(q.Question[0].Qtype)
	w.count(name, qtype)
	switch w.fill(m, q.CheckingDisabled, name, qtype) {
	case servfail, bogus:
		m.Rcode, m.Answer = mdns.RcodeServerFailure, nil
	case refused:
		m.Rcode, m.Answer = mdns.RcodeRefused, nil
	case timeout:
		return nil
	case truncate:
		if overTCP {
			return nil
		}
		m.Truncated, m.Answer = true, nil
	case lame:
		m.Answer, m.RecursionAvailable, m.Authoritative = nil, false, false
		m.Ns = []mdns.RR{&mdns.NS{Hdr: header(".", mdns.TypeNS, 3600), Ns: "elsewhere.invalid."}}
	}
	if asksAD := q.AuthenticatedData || opt != nil && opt.Do(); !asksAD {
		m.AuthenticatedData = false
	}
	if !overTCP {
		size := mdns.MinMsgSize
		if opt != nil {
			size = int(opt.UDPSize())
		}
		m.Truncate(size)
	}
	m.Compress = true
	return m
}

// fill puts the chain and its end into the reply, or names the failure.
func (w *World) fill(m *mdns.Msg, cd bool, name dns.Name, qtype dns.Type) failure {
	m.AuthenticatedData = true
	for range 12 {
		s, f := w.lookup(name, qtype, cd)
		if f != "" {
			return f
		}
		m.AuthenticatedData = m.AuthenticatedData && s.Secure
		if s.Target != "" {
			ttl := uint32(s.TTL / time.Second)
			m.Answer = append(m.Answer, &mdns.CNAME{Hdr: header(name.FQDN(), mdns.TypeCNAME, ttl), Target: s.Target.FQDN()})
			name = s.Target
			continue
		}
		for i := range s.Records {
			m.Answer = append(m.Answer, w.rr(&s.Records[i]))
		}
		if s.Status == dns.NXDomain {
			m.Rcode = mdns.RcodeNameError
		}
		if s.Status != dns.Found {
			m.Ns = []mdns.RR{&mdns.SOA{
				Hdr: header(".", mdns.TypeSOA, 3600), Ns: "ns.invalid.", Mbox: "root.invalid.",
				Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 3600,
			}}
		}
		return ""
	}
	return "" // a loop: the chain as far as it went
}

// rr is the record for the wire; equal records are read once.
func (w *World) rr(r *dns.Record) mdns.RR {
	text := fmt.Sprintf("%s %d IN %s %s", r.Name.FQDN(), r.TTL, r.Type, r.Data)
	if rr, ok := w.rrs.Load(text); ok {
		return rr.(mdns.RR)
	}
	rr, err := mdns.NewRR(text)
	if err != nil || rr == nil {
		panic(fmt.Sprintf("dnstest: %q was a record and is none any more: %v", text, err))
	}
	w.rrs.Store(text, rr)
	return rr
}

func header(name string, rrtype uint16, ttl uint32) mdns.RR_Header {
	return mdns.RR_Header{Name: name, Rrtype: rrtype, Class: mdns.ClassINET, Ttl: ttl}
}
