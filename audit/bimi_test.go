package audit

import (
	"context"
	"slices"
	"testing"

	"github.com/postseal/postseal/bimi"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// servedLogo answers every fetch with the same status.
type servedLogo int

func (s servedLogo) Fetch(_ context.Context, _ dns.Resolver, url string, _ int) *bimi.Fetch {
	return &bimi.Fetch{URL: url, Status: int(s), Hops: []bimi.Hop{}}
}

// TestBIMI: the record of the organization is used, with DMARC's word on it; no
// finding moves the score.
func TestBIMI(t *testing.T) {
	const zone = `
$ORIGIN example.com.
@       MX 10 mx1
@       TXT "v=spf1 mx -all"
mx1     A 5.6.7.8
news    MX 10 mx1
news    TXT "v=spf1 mx -all"
_dmarc  TXT "v=DMARC1; p=reject; sp=none; rua=mailto:d@example.com"
`
	const record = `default._bimi TXT "v=BIMI1; l=https://e.example.com/l.svg"` + "\n"
	run := func(zone, domain string) *Outcome {
		a := &Auditor{Resolver: dnstest.New(t, zone), Now: testNow, NoSMTP: "disabled", Logos: servedLogo(403)}
		out, err := a.Audit(t.Context(), Request{Domain: dns.Name(domain)})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	failing := func(out *Outcome) (ids []string) {
		for _, r := range out.Results {
			if r.Rule.Standard == check.BIMI && r.Status == check.Fail {
				ids = append(ids, r.Rule.ID)
			}
		}
		return ids
	}
	for _, tt := range []struct {
		domain string
		want   []string
	}{
		{"example.com", []string{"bimi-a-missing", "bimi-dmarc-sp-none", "bimi-logo-fetch"}},
		// The policy that applies below is none: the root cause covers sp.
		{"news.example.com", []string{"bimi-a-missing", "bimi-record-inherited", "bimi-dmarc-none", "bimi-logo-fetch"}},
	} {
		with, without := run(zone+record, tt.domain), run(zone, tt.domain)
		if got := failing(with); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.domain, got, tt.want)
		}
		if got := failing(without); !slices.Equal(got, []string{"bimi-record-missing"}) {
			t.Errorf("%s without a record: got %v", tt.domain, got)
		}
		_, a := with.score()
		_, b := without.score()
		if a.Value != b.Value || a.Coverage != b.Coverage {
			t.Errorf("%s: the score is %d of %d with a record, %d of %d without", tt.domain, a.Value, a.Coverage, b.Value, b.Coverage)
		}
	}
}
