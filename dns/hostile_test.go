package dns_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// TestHostileServers asks name servers that mean harm. None of them makes a
// record that may be there look missing; what they are asked, what they can send
// and what that allocates stays bounded.
func TestHostileServers(t *testing.T) {
	want := map[string]struct {
		got     string
		queries int // at most
	}{
		dnstest.CNAMELoop:     {"error loop", 2},
		dnstest.CNAMEChain:    {"error loop", 40},
		dnstest.BigTXT:        {"found", 2},
		dnstest.WrongID:       {"error timeout", 3},
		dnstest.WrongQuestion: {"error timeout", 3},
		dnstest.WrongCase:     {"error malformed", 9},
		dnstest.OtherName:     {"error malformed", 3},
		dnstest.PointerLoop:   {"error malformed", 3},
		dnstest.PointerPast:   {"error malformed", 3},
		dnstest.LameReferral:  {"error lame", 3},
		dnstest.OnlyTCP:       {"error timeout", 3},
		dnstest.OnlyUDP:       {"error truncated", 3},
		dnstest.TCForever:     {"error truncated", 6},
		dnstest.CutShort:      {"error malformed", 3},
		dnstest.DripTCP:       {"error truncated", 6},
		dnstest.ManyRecords:   {"error malformed", 6},
		dnstest.HalfClosed:    {"error truncated", 6},
		dnstest.StrayFlood:    {"error truncated", 6},
	}
	for _, kind := range dnstest.HostileKinds {
		t.Run(kind, func(t *testing.T) {
			srv := dnstest.ServeHostile(t, kind)
			c := newClient(t, dns.Config{Servers: []string{srv.Addr.String()}, Timeout: 600 * time.Millisecond})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			a, err := c.Resolve(t.Context(), "a-name.with-letters.test", dns.TypeTXT)
			got := string(a.Status)
			if err != nil {
				got = "error " + string(dns.AsError(err, "", 0).Kind)
			}
			runtime.ReadMemStats(&after)
			w := want[kind]
			if got != w.got {
				t.Errorf("got %s, want %s (%v)", got, w.got, err)
			}
			if kind == dnstest.BigTXT && len(a.Records) != 240 {
				t.Errorf("%d of 240 records", len(a.Records))
			}
			if n := srv.Queries(); n > w.queries {
				t.Errorf("%d questions, at most %d are to be asked", n, w.queries)
			}
			if n := srv.Sent(); n > 1<<20 {
				t.Errorf("the server could send %d octets", n)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 { // of both sides
				t.Errorf("%d octets were allocated", n)
			}
		})
	}
}
