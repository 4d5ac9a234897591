package dnstest

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

// The ways of a hostile name server.
const (
	CNAMELoop     = "CNAME loop"
	CNAMEChain    = "CNAME chain without end"
	BigTXT        = "64 KiB of TXT over TCP"
	WrongID       = "wrong id"
	WrongQuestion = "wrong question"
	WrongCase     = "question in another case"
	OtherName     = "answer for another name"
	PointerLoop   = "compression loop"
	PointerPast   = "pointer past the end"
	LameReferral  = "referral in place of an answer"
	OnlyTCP       = "silent over UDP"
	OnlyUDP       = "TC, and TCP refused"
	TCForever     = "TC over TCP, too"
	CutShort      = "packet cut in a record"
	DripTCP       = "an octet at a time over TCP"
	ManyRecords   = "thousands of records"
	HalfClosed    = "TCP closed for writing"
	StrayFlood    = "replies that nobody asked for over TCP"
)

// HostileKinds are all of them.
var HostileKinds = []string{CNAMELoop, CNAMEChain, BigTXT, WrongID, WrongQuestion, WrongCase, OtherName, PointerLoop, PointerPast,
	LameReferral, OnlyTCP, OnlyUDP, TCForever, CutShort, DripTCP, ManyRecords, HalfClosed, StrayFlood}

// Hostile is a name server on 127.0.0.1 that means harm.
type Hostile struct {
	Addr netip.AddrPort

	kind          string
	queries, sent atomic.Int64
	closing       chan struct{}
	wg            sync.WaitGroup
}

// Queries are the questions that came, over UDP and TCP.
func (h *Hostile) Queries() int { return int(h.queries.Load()) }

// Sent are the octets that the server got rid of.
func (h *Hostile) Sent() int64 { return h.sent.Load() }

// ServeHostile answers every question in the way of kind until the test ends.
func ServeHostile(t testing.TB, kind string) *Hostile {
	t.Helper()
	pc, l, err := listenBoth()
	if err != nil {
		t.Fatal(err)
	}
	h := &Hostile{Addr: netip.MustParseAddrPort(pc.LocalAddr().String()), kind: kind, closing: make(chan struct{})}
	if kind == OnlyUDP {
		l.Close()
	}
	h.wg.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			q := new(mdns.Msg)
			if q.Unpack(buf[:n]) != nil {
				continue
			}
			h.queries.Add(1)
			if b := h.datagram(q); b != nil {
				pc.WriteTo(b, from)
				h.sent.Add(int64(len(b)))
			}
		}
	})
	h.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.wg.Go(func() {
				<-h.closing
				c.Close()
			})
			h.wg.Go(func() { h.connection(c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		close(h.closing)
		pc.Close()
		l.Close()
		h.wg.Wait()
	})
	return h
}

// datagram is the answer over UDP; nil for none.
func (h *Hostile) datagram(q *mdns.Msg) []byte {
	switch h.kind {
	case OnlyTCP:
		return nil
	case BigTXT, OnlyUDP, TCForever, DripTCP, ManyRecords, HalfClosed, StrayFlood:
		m := reply(q)
		m.Truncated = true
		return pack(m)
	}
	return h.message(q)
}

func reply(q *mdns.Msg) *mdns.Msg {
	m := new(mdns.Msg)
	m.SetReply(q)
	m.RecursionAvailable, m.Authoritative = true, true
	return m
}

func pack(m *mdns.Msg) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// message is the answer where a whole one can be given.
func (h *Hostile) message(q *mdns.Msg) []byte {
	m, asked := reply(q), q.Question[0].Name
	txt := func(name, text string) *mdns.TXT {
		return &mdns.TXT{Hdr: header(name, q.Question[0].Qtype, 60), Txt: []string{text}}
	}
	switch h.kind {
	case CNAMELoop:
		m.Answer = []mdns.RR{&mdns.CNAME{Hdr: header(asked, mdns.TypeCNAME, 60), Target: "loop.test."},
			&mdns.CNAME{Hdr: header("loop.test.", mdns.TypeCNAME, 60), Target: asked}}
	case CNAMEChain:
		m.Answer = []mdns.RR{&mdns.CNAME{Hdr: header(asked, mdns.TypeCNAME, 60), Target: fmt.Sprintf("n%d.chain.test.", h.queries.Load())}}
	case BigTXT:
		for range 240 {
			m.Answer = append(m.Answer, &mdns.TXT{Hdr: header(asked, mdns.TypeTXT, 60), Txt: []string{strings.Repeat("x", 245)}})
		}
		m.Compress = true
	case ManyRecords:
		for range 4500 {
			m.Answer = append(m.Answer, &mdns.TXT{Hdr: header(asked, mdns.TypeTXT, 60), Txt: []string{"a"}})
		}
		m.Compress = true
	case WrongID:
		m.Id++
		m.Answer = []mdns.RR{txt(asked, "forged")}
	case WrongQuestion:
		m.Question[0].Name = "other.test."
		m.Answer = []mdns.RR{txt("other.test.", "forged")}
	case WrongCase:
		m.Question[0].Name = strings.ToUpper(asked)
		m.Answer = []mdns.RR{&mdns.TXT{Hdr: header(asked, mdns.TypeTXT, 60), Txt: []string{"forged"}}}
	case OtherName:
		m.Answer = []mdns.RR{&mdns.RFC3597{Hdr: header("other.test.", q.Question[0].Qtype, 60), Rdata: "00"}}
		if q.Question[0].Qtype == mdns.TypeTXT {
			m.Answer = []mdns.RR{txt("other.test.", "v=spf1 +all")}
		}
	case LameReferral:
		m.RecursionAvailable, m.Authoritative = false, false
		m.Ns = []mdns.RR{&mdns.NS{Hdr: header("test.", mdns.TypeNS, 60), Ns: "ns.elsewhere.test."}}
	case TCForever:
		m.Truncated = true
	case CutShort:
		m.Answer = []mdns.RR{&mdns.TXT{Hdr: header(asked, mdns.TypeTXT, 60), Txt: []string{strings.Repeat("x", 100)}}}
		b := pack(m)
		return b[:len(b)-50]
	case PointerLoop, PointerPast:
		b := pack(m)
		at := len(b)
		b[7] = 1 // one answer
		if h.kind == PointerPast {
			at = 0x3fff
		}
		return append(b, 0xc0|byte(at>>8), byte(at), 0, 16, 0, 1, 0, 0, 0, 60, 0, 2, 1, 'a')
	}
	return pack(m)
}

// connection answers over TCP.
func (h *Hostile) connection(c *net.TCPConn) {
	defer c.Close()
	c.SetWriteBuffer(64 << 10)
	if h.kind == HalfClosed {
		c.CloseWrite()
	}
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		q := new(mdns.Msg)
		if q.Unpack(b) != nil {
			return
		}
		h.queries.Add(1)
		switch h.kind {
		case HalfClosed:
			continue
		case StrayFlood:
			m := reply(q)
			m.Id++
			for h.write(c, framed(pack(m))) {
			}
			return
		case DripTCP:
			for _, octet := range framed(pack(reply(q))) {
				if !h.write(c, []byte{octet}) {
					return
				}
				select {
				case <-time.After(50 * time.Millisecond):
				case <-h.closing:
					return
				}
			}
			continue
		}
		if !h.write(c, framed(h.message(q))) {
			return
		}
	}
}

func framed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func (h *Hostile) write(c net.Conn, b []byte) bool {
	n, err := c.Write(b)
	h.sent.Add(int64(n))
	return err == nil
}
