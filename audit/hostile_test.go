package audit

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestHostileDNS audits a domain whose name server means harm. It ends, within
// bounds of questions and octets, and nothing that may be there is called missing:
// what could not be told is unknown, with the cause, and costs no points.
func TestHostileDNS(t *testing.T) {
	for _, kind := range dnstest.HostileKinds {
		if kind == dnstest.BigTXT { // a whole answer, if a large one: see TestManyTexts
			continue
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			srv := dnstest.ServeHostile(t, kind)
			run, err := dns.NewRun(dns.RunConfig{Config: dns.Config{Servers: []string{srv.Addr.String()}, Timeout: 300 * time.Millisecond}, NoLog: true})
			if err != nil {
				t.Fatal(err)
			}
			defer run.Close()
			a := &Auditor{Resolver: run, Now: testNow, NoSMTP: "disabled"}
			out, err := a.Audit(t.Context(), Request{Domain: "a-domain.example"})
			if err != nil {
				t.Fatal(err)
			}
			unknown := 0
			for _, r := range out.Results {
				switch r.Status {
				case check.Fail:
					if r.Rule.ID == "dmarc-cname-broken" && strings.HasPrefix(kind, "CNAME") {
						continue // an alias that never ends was seen to be one
					}
					t.Errorf("%s found something: %+v", r.Rule.ID, r.Findings[0])
				case check.Unknown:
					unknown++
					if len(r.Causes) == 0 {
						t.Errorf("%s is unknown without a cause", r.Rule.ID)
					}
				}
			}
			for _, l := range out.Queries {
				if l.Absent() {
					t.Errorf("%s %s was taken for %s", l.Name, l.Type, l.State)
				}
			}
			if _, s := out.score(); unknown < 10 || s.Coverage != 0 {
				t.Errorf("%d rules unknown; %d of 100 points were measured", unknown, s.Coverage)
			}
			if n := srv.Queries(); n > 3000 {
				t.Errorf("the server was asked %d times", n)
			}
			if n := srv.Sent(); n > 64<<20 {
				t.Errorf("the server could send %d octets", n)
			}
		})
	}
}

// TestManyTexts: 64 KiB of TXT at every name are an answer. They are no records
// of any standard, and the audit says so.
func TestManyTexts(t *testing.T) {
	srv := dnstest.ServeHostile(t, dnstest.BigTXT)
	run, err := dns.NewRun(dns.RunConfig{Config: dns.Config{Servers: []string{srv.Addr.String()}, Timeout: 2 * time.Second}, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	l := dns.Ask(t.Context(), run, "a-domain.example", dns.TypeTXT)
	texts := l.Records()
	if len(texts) != 240 || slices.ContainsFunc(texts, func(r dns.Record) bool { return strings.Trim(r.Text(), "x") != "" }) {
		t.Errorf("got %d texts, %v", len(texts), l.Error)
	}
}
