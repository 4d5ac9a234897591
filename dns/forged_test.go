package dns

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	mdns "github.com/miekg/dns"
)

// TestForgedAD: over a path that anyone can write to, AD proves nothing (RFC
// 4035 §4.9.3). The servers of tests are on loopback, which is trusted, so the
// test says otherwise.
func TestForgedAD(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			q, m := new(mdns.Msg), new(mdns.Msg)
			if err := q.Unpack(buf[:n]); err != nil {
				return
			}
			m.SetReply(q)
			m.RecursionAvailable, m.AuthenticatedData = true, true
			m.Answer = []mdns.RR{&mdns.TXT{Hdr: mdns.RR_Header{Name: q.Question[0].Name, Rrtype: mdns.TypeTXT, Class: mdns.ClassINET, Ttl: 60}, Txt: []string{"x"}}}
			b, err := m.Pack()
			if err != nil {
				return
			}
			pc.WriteTo(b, from)
		}
	}()
	defer func() { pc.Close(); <-done }()
	for _, trusted := range []bool{false, true} {
		c, err := New(Config{Servers: []string{pc.LocalAddr().String()}})
		if err != nil {
			t.Fatal(err)
		}
		c.servers[0].trusted = trusted
		a, err := c.Resolve(t.Context(), "x.test", TypeTXT)
		if err != nil || a.AD != trusted || a.Trusted != trusted {
			t.Errorf("trusted path %v: AD %v, trusted %v, %v", trusted, a.AD, a.Trusted, err)
		}
		c.Close()
	}
	if s := plainServer(netip.MustParseAddrPort("192.0.2.53:53"), &Config{}, new(atomic.Int64)); s.trusted {
		t.Error("a server on the Internet is trusted over plain UDP")
	}
}
