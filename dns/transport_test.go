package dns_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(t testing.TB, cfg dns.Config) *dns.Client {
	t.Helper()
	c, err := dns.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

const world = `
example.com.        MX 10 mx.example.com.
example.com.        TXT "v=spf1 -all"
example.com.        TXT "a" "" "\200\"x"
mx.example.com.     A 5.6.7.8
www.example.com.    CNAME mx.example.com.
a.b.example.com.    TXT "deep"
c0.test. CNAME c1.test.
c1.test. CNAME c2.test.
c2.test. TXT "end"
loop.test. CNAME loop.test.
sf.test.    TXT ; !servfail
ref.test.   TXT ; !refused
dead.test.  ANY ; !timeout
big.test.   TXT ; !truncate
lame.test.  TXT ; !lame
bog.test.   TXT "unsigned" ; !bogus
; !secure example.com.
` // and a TXT RRset that does not fit a datagram

var large = func() string {
	var b strings.Builder
	for i := range 12 {
		fmt.Fprintf(&b, "large.test. TXT \"%d %s\"\n", i, strings.Repeat("x", 200))
	}
	return b.String()
}()

func TestClient(t *testing.T) {
	srv := dnstest.Serve(t, world+large)
	c := newClient(t, dns.Config{Servers: []string{srv.Addr.String()}})
	same := want{
		"example.com MX":       "found 10 mx.example.com.",
		"example.com TXT":      `found "v=spf1 -all" "a" "" "\200\"x"`,
		"www.example.com A":    "found via mx.example.com 5.6.7.8",
		"www.example.com AAAA": "nodata via mx.example.com",
		"b.example.com TXT":    "nodata",
		"no.example.com TXT":   "nxdomain",
		"c0.test TXT":          `found via c1.test via c2.test "end"`,
		"loop.test TXT":        "error loop",
	}
	same.check(t, c)
	if got := srv.Packets(); got != int64(len(same)) || c.Packets() != got {
		t.Errorf("%d questions took %d packets at the server and %d at the client", len(same), got, c.Packets())
	}
	failing := want{
		"sf.test TXT":                         "error servfail",
		"ref.test TXT":                        "error refused",
		"dead.test TXT":                       "error timeout",
		"lame.test TXT":                       "error lame",
		"bog.test TXT":                        "error servfail",
		strings.Repeat("a", 64) + ".test TXT": "error bad-name",
		"..test TXT":                          "error bad-name",
	}
	failing.check(t, newClient(t, dns.Config{Servers: []string{srv.Addr.String()}, Timeout: 600 * time.Millisecond}))
	inProcess, err := dnstest.Parse(world)
	if err != nil {
		t.Fatal(err)
	}
	same.check(t, inProcess)
	failing.check(t, inProcess)
}

func TestAnswerDetails(t *testing.T) {
	srv := dnstest.Serve(t, world)
	inProcess := dnstest.New(t, world)
	c := newClient(t, dns.Config{Servers: []string{srv.Addr.String()}})
	for _, name := range []dns.Name{"example.com", "www.example.com", "no.example.com", "c0.test"} {
		a, err := c.Resolve(t.Context(), name, dns.TypeTXT)
		if err != nil {
			t.Fatal(err)
		}
		b, err := inProcess.Resolve(t.Context(), name, dns.TypeTXT)
		if err != nil {
			t.Fatal(err)
		}
		if a.TTL != b.TTL || a.AD != b.AD || a.Trusted != b.Trusted || a.Size != b.Size {
			t.Errorf("%s: over the wire %+v, in process %+v", name, a, b)
		}
		if a.Server != srv.Addr.String() || a.Took <= 0 || a.TookMS <= 0 || a.Packets != 1 {
			t.Errorf("%s: server %q, took %v, %d packets", name, a.Server, a.Took, a.Packets)
		}
	}
	if a, err := c.ResolveCD(t.Context(), "bog.test", dns.TypeTXT); err != nil || a.Status != dns.Found || a.AD {
		t.Errorf("with checking disabled: %+v, %v", a, err)
	}
}

func TestTruncation(t *testing.T) {
	srv := dnstest.Serve(t, world+large)
	c := newClient(t, dns.Config{Servers: []string{srv.Addr.String()}, Timeout: time.Second})
	a, err := c.Resolve(t.Context(), "large.test", dns.TypeTXT)
	if err != nil || len(a.Records) != 12 || a.Packets != 2 {
		t.Errorf("%d records with %d packets, %v", len(a.Records), a.Packets, err)
	}
	// TCP carries many questions at once.
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if a, err := c.Resolve(t.Context(), "large.test", dns.TypeTXT); err != nil || len(a.Records) != 12 {
				t.Errorf("%d records, %v", len(a.Records), err)
			}
		})
	}
	wg.Wait()
	if got := show(t, c, "big.test TXT"); got != "error truncated" {
		t.Error(got)
	}
}

// fakeUDP answers each datagram with what reply makes of it; nil sends nothing.
func fakeUDP(t testing.TB, reply func(q *mdns.Msg) [][]byte) string {
	t.Helper()
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
			q := new(mdns.Msg)
			if err := q.Unpack(buf[:n]); err != nil {
				t.Errorf("the client sent garbage: %v", err)
				continue
			}
			for _, b := range reply(q) {
				pc.WriteTo(b, from)
			}
		}
	}()
	t.Cleanup(func() { pc.Close(); <-done })
	return pc.LocalAddr().String()
}

func replyA(q *mdns.Msg, addr string) *mdns.Msg {
	m := new(mdns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	rr, err := mdns.NewRR(q.Question[0].Name + " 60 IN A " + addr)
	if err != nil {
		panic(err)
	}
	m.Answer = []mdns.RR{rr}
	return m
}

func packed(m *mdns.Msg) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func TestForeignReplies(t *testing.T) {
	good := func(q *mdns.Msg) []byte { return packed(replyA(q, "5.6.7.8")) }
	bad := func(q *mdns.Msg, spoil func(*mdns.Msg)) []byte {
		m := replyA(q, "6.6.6.6")
		spoil(m)
		return packed(m)
	}
	tests := []struct {
		name  string
		reply func(q *mdns.Msg) [][]byte
		want  string
	}{
		{"wrong id, then the answer", func(q *mdns.Msg) [][]byte {
			return [][]byte{bad(q, func(m *mdns.Msg) { m.Id++ }), good(q)}
		}, "found 5.6.7.8"},
		{"wrong id only", func(q *mdns.Msg) [][]byte {
			return [][]byte{bad(q, func(m *mdns.Msg) { m.Id++ })}
		}, "error timeout"},
		{"wrong question, then the answer", func(q *mdns.Msg) [][]byte {
			return [][]byte{bad(q, func(m *mdns.Msg) { m.Question[0].Name = "other.test." }), good(q)}
		}, "found 5.6.7.8"},
		{"wrong type", func(q *mdns.Msg) [][]byte {
			return [][]byte{bad(q, func(m *mdns.Msg) { m.Question[0].Qtype = mdns.TypeMX })}
		}, "error timeout"},
		{"no question", func(q *mdns.Msg) [][]byte {
			return [][]byte{bad(q, func(m *mdns.Msg) { m.Question = nil })}
		}, "error timeout"},
		{"a query", func(q *mdns.Msg) [][]byte { return [][]byte{packed(q)} }, "error timeout"},
		{"garbage", func(q *mdns.Msg) [][]byte {
			b := good(q)
			return [][]byte{b[:len(b)-3]}
		}, "error malformed"},
		{"short", func(q *mdns.Msg) [][]byte { return [][]byte{{1, 2, 3}} }, "error malformed"},
		{"garbage, then the answer", func(q *mdns.Msg) [][]byte {
			b := good(q)
			return [][]byte{{0}, b[:len(b)-3], b}
		}, "found 5.6.7.8"},
		{"records of other names", func(q *mdns.Msg) [][]byte {
			m := replyA(q, "5.6.7.8")
			other, _ := mdns.NewRR("other.test. 60 IN A 6.6.6.6")
			m.Answer = append(m.Answer, other)
			return [][]byte{packed(m)}
		}, "found 5.6.7.8"},
		{"lower case", func(q *mdns.Msg) [][]byte {
			q.Question[0].Name = strings.ToLower(q.Question[0].Name)
			return [][]byte{good(q)}
		}, "found 5.6.7.8"},
		{"no EDNS", func(q *mdns.Msg) [][]byte {
			if q.IsEdns0() != nil {
				return [][]byte{bad(q, func(m *mdns.Msg) { m.Rcode, m.Answer = mdns.RcodeFormatError, nil })}
			}
			return [][]byte{good(q)}
		}, "found 5.6.7.8"},
		{"notimp", func(q *mdns.Msg) [][]byte {
			return [][]byte{bad(q, func(m *mdns.Msg) { m.Rcode, m.Answer = mdns.RcodeNotImplemented, nil })}
		}, "error servfail"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, dns.Config{Servers: []string{fakeUDP(t, tt.reply)}, Timeout: 300 * time.Millisecond})
			if got := show(t, c, "a-name.with-letters.test A"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Letters come in random case, and a server that does not keep it costs one
// packet once.
func TestCaseRandomisation(t *testing.T) {
	var mixed atomic.Int32
	addr := fakeUDP(t, func(q *mdns.Msg) [][]byte {
		if n := q.Question[0].Name; n != strings.ToLower(n) {
			mixed.Add(1)
			q.Question[0].Name = strings.ToLower(n)
		}
		return [][]byte{packed(replyA(q, "5.6.7.8"))}
	})
	c := newClient(t, dns.Config{Servers: []string{addr}})
	for i := range 5 {
		if got := show(t, c, fmt.Sprintf("name%d.long-enough-to-be-mixed.test A", i)); got != "found 5.6.7.8" {
			t.Fatal(got)
		}
	}
	if mixed.Load() != 1 || c.Packets() != 6 {
		t.Errorf("%d names in mixed case, %d packets; want 1 and 6", mixed.Load(), c.Packets())
	}
}

// A chain that the reply leaves open is followed.
// TestCaseDoesNotShow holds answers to the letters that were published: names
// in a reply point into the question, whose case was drawn at random.
func TestCaseDoesNotShow(t *testing.T) {
	const name = "a-name-with-many-letters.example"
	addr := fakeUDP(t, func(q *mdns.Msg) [][]byte {
		m := new(mdns.Msg)
		m.SetReply(q)
		m.Compress = true
		asked := q.Question[0].Name
		m.Answer = []mdns.RR{
			&mdns.MX{Hdr: mdns.RR_Header{Name: asked, Rrtype: mdns.TypeMX, Class: mdns.ClassINET, Ttl: 60}, Preference: 10, Mx: "mx." + asked},
			&mdns.MX{Hdr: mdns.RR_Header{Name: asked, Rrtype: mdns.TypeMX, Class: mdns.ClassINET, Ttl: 60}, Preference: 20, Mx: "MX.Other.example."},
		}
		return [][]byte{packed(m)}
	})
	c := newClient(t, dns.Config{Servers: []string{addr}})
	a, err := c.Resolve(t.Context(), name, dns.TypeMX)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range a.Records {
		got = append(got, r.Data)
	}
	if want := []string{"10 mx." + name + ".", "20 MX.Other.example."}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOpenChain(t *testing.T) {
	addr := fakeUDP(t, func(q *mdns.Msg) [][]byte {
		m := replyA(q, "5.6.7.8")
		if strings.EqualFold(q.Question[0].Name, "start.test.") {
			rr, _ := mdns.NewRR("start.test. 20 IN CNAME end.test.")
			m.Answer = []mdns.RR{rr}
		}
		return [][]byte{packed(m)}
	})
	c := newClient(t, dns.Config{Servers: []string{addr}})
	a, err := c.Resolve(t.Context(), "start.test", dns.TypeA)
	if err != nil || a.Owner() != "end.test" || len(a.Records) != 1 || a.TTLSec != 20 || a.Packets != 2 {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestExtendedError(t *testing.T) {
	addr := fakeUDP(t, func(q *mdns.Msg) [][]byte {
		m := new(mdns.Msg)
		m.SetRcode(q, mdns.RcodeServerFailure)
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []mdns.EDNS0{&mdns.EDNS0_EDE{InfoCode: mdns.ExtendedErrorCodeDNSBogus, ExtraText: "no key"}}
		return [][]byte{packed(m)}
	})
	_, err := newClient(t, dns.Config{Servers: []string{addr}}).Resolve(t.Context(), "x.test", dns.TypeA)
	if e := dns.AsError(err, "", 0); e.Kind != dns.ServFail || e.Detail != "SERVFAIL, DNSSEC Bogus: no key" || e.Packets != 2 {
		t.Errorf("got %+v", e)
	}
}

func TestNextServer(t *testing.T) {
	good := dnstest.Serve(t, "x.test. A 5.6.7.8")
	for _, word := range []string{"refused", "servfail", "timeout", "lame"} {
		bad := dnstest.Serve(t, "x.test. A ; !"+word)
		c := newClient(t, dns.Config{Servers: []string{bad.Addr.String(), good.Addr.String()}, Timeout: time.Second})
		if got := show(t, c, "x.test A"); got != "found 5.6.7.8" {
			t.Errorf("after %s: %s", word, got)
		}
	}
	// Denials are answers: the next server is not asked.
	none := dnstest.Serve(t, "y.test. A 5.6.7.8")
	before := good.Packets()
	c := newClient(t, dns.Config{Servers: []string{none.Addr.String(), good.Addr.String()}})
	if got := show(t, c, "x.test A"); got != "nxdomain" || good.Packets() != before {
		t.Errorf("%s, %d packets to the second server", got, good.Packets()-before)
	}
}

func TestDeadResolver(t *testing.T) {
	addr := fakeUDP(t, func(*mdns.Msg) [][]byte { return nil })
	c := newClient(t, dns.Config{Servers: []string{addr}, Timeout: 150 * time.Millisecond})
	begin := time.Now()
	for i := range 50 {
		if got := show(t, c, fmt.Sprintf("n%d.test A", i)); got != "error timeout" {
			t.Fatal(got)
		}
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("50 questions to a dead resolver took %v", d)
	}
	if n := c.Packets(); n > 30 {
		t.Errorf("sent %d packets", n)
	}
}

func TestUnreachable(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := pc.LocalAddr().String()
	pc.Close()
	c := newClient(t, dns.Config{Servers: []string{addr}})
	if got := show(t, c, "x.test A"); got != "error network" {
		t.Error(got)
	}
}

func TestCancelled(t *testing.T) {
	addr := fakeUDP(t, func(*mdns.Msg) [][]byte { return nil })
	c := newClient(t, dns.Config{Servers: []string{addr}})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := c.Resolve(ctx, "x.test", dns.TypeA)
	if e := dns.AsError(err, "", 0); e.Kind != dns.Timeout || time.Since(begin) > time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = c.Resolve(ctx, "y.test", dns.TypeA)
	if e := dns.AsError(err, "", 0); e.Kind != dns.Cancelled {
		t.Errorf("got %v", err)
	}
}

func TestTrust(t *testing.T) {
	// Loopback is trusted; that other addresses are not, TestSpecs sees.
	srv := dnstest.Serve(t, "; !secure a.test.\na.test. A 5.6.7.8\nb.test. A 5.6.7.8")
	c := newClient(t, dns.Config{Servers: []string{srv.Addr.String()}})
	for name, want := range map[dns.Name]bool{"a.test": true, "b.test": false} {
		if a, err := c.Resolve(t.Context(), name, dns.TypeA); err != nil || a.AD != want || !a.Trusted {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

func TestSpecs(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("# none\nsearch example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, spec := range []string{
		"", "nonsense", "192.0.2.53:0", "192.0.2.53:99999", "udp://192.0.2.53", "tls://", "tls://a:0", "tls://a:b",
		"https://", "https://user:pw@host/dns-query", "192.0.2.300", "system",
	} {
		if c, err := dns.New(dns.Config{Servers: []string{"127.0.0.1", spec}, ResolvConf: conf}); err == nil {
			c.Close()
			t.Errorf("%q was taken", spec)
		}
	}
	for _, spec := range []string{
		"192.0.2.53", "192.0.2.53:5353", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:53", "tls://192.0.2.53", "tls://[2001:db8::1]:853",
		"tls://dns.example", "https://dns.example/dns-query", "https://dns.example:8443",
	} {
		c, err := dns.New(dns.Config{Servers: []string{spec}})
		if err != nil {
			t.Error(err)
			continue
		}
		c.Close()
	}
}

func TestAskServer(t *testing.T) {
	srv := dnstest.Serve(t, "example.com. SOA ns.example.com. root.example.com. 7 2 3 4 5\nother.test. SOA ; !refused\nlame.test. SOA ; !lame\n")
	a, err := dns.AskServer(t.Context(), srv.Addr, "example.com", dns.TypeSOA)
	if err != nil || a.Records[0].SOA.Serial != 7 || a.Server != srv.Addr.String() {
		t.Errorf("got %+v, %v", a, err)
	}
	for name, want := range map[dns.Name]dns.Kind{"other.test": dns.Refused, "lame.test": dns.Lame} {
		_, err := dns.AskServer(t.Context(), srv.Addr, name, dns.TypeSOA)
		if e := dns.AsError(err, "", 0); e.Kind != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	// An answer without authority is no answer of an authoritative server.
	addr := fakeUDP(t, func(q *mdns.Msg) [][]byte { return [][]byte{packed(replyA(q, "5.6.7.8"))} })
	_, err = dns.AskServer(t.Context(), netip.MustParseAddrPort(addr), "x.test", dns.TypeA)
	if e := dns.AsError(err, "", 0); e.Kind != dns.Lame {
		t.Errorf("got %v", err)
	}
}

// Loss costs time, never an answer.
func TestLoss(t *testing.T) {
	var n atomic.Int32
	addr := fakeUDP(t, func(q *mdns.Msg) [][]byte {
		if n.Add(1)%10 == 0 {
			return nil
		}
		return [][]byte{packed(replyA(q, "5.6.7.8"))}
	})
	c := newClient(t, dns.Config{Servers: []string{addr}, Timeout: 600 * time.Millisecond})
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if got := show(t, c, fmt.Sprintf("n%d.test A", i)); got != "found 5.6.7.8" {
				t.Error(got)
			}
		})
	}
	wg.Wait()
	if sent := c.Packets(); sent < 108 || sent > 200 {
		t.Errorf("100 questions at 10 %% loss took %d packets", sent)
	}
}
