package audit

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/mx"
)

func TestOperator(t *testing.T) {
	for host, want := range map[dns.Name]string{
		"ns-123.awsdns-15.com": "awsdns", "ns-9.awsdns-02.co.uk": "awsdns", "ada.ns.cloudflare.com": "cloudflare",
		"ns1.example.com": "example", "com": "com",
	} {
		if got := operator(host); got != want {
			t.Errorf("%s: got %q, want %q", host, got, want)
		}
	}
}

// The zone text of tests delegates nothing, so what a delegation shows is made here.
func TestAlignmentShared(t *testing.T) {
	servers := func(zone dns.Name, hosts ...dns.Name) dns.Lookup {
		l := dns.Lookup{Name: zone, Type: dns.TypeNS, State: dns.StateFound, Answer: &dns.Answer{}}
		for _, h := range hosts {
			l.Answer.Records = append(l.Answer.Records, dns.Record{Host: h})
		}
		return l
	}
	failed := dns.Lookup{State: dns.StateUnknown, Error: &dns.Error{Kind: dns.Timeout}}
	tests := []struct {
		name, record string
		own, cut     dns.Lookup
		want         check.Status
		tags         string
	}{
		{"others", "p=reject", servers("", "ns1.example.com"), servers("", "ns1.hosting.example", "ns2.hosting.example"), check.Fail, "adkim, aspf"},
		{"one tag strict", "p=reject; adkim=s", servers("", "ns1.example.com"), servers("", "ns1.hosting.example"), check.Fail, "aspf"},
		{"both strict", "p=reject; adkim=s; aspf=s", servers("", "ns1.example.com"), servers("", "ns1.hosting.example"), check.Pass, ""},
		{"the same hoster", "p=reject", servers("", "ns-1.awsdns-01.com"), servers("", "ns-7.awsdns-44.net"), check.Pass, ""},
		{"not known", "p=reject", servers("", "ns1.example.com"), failed, check.Unknown, ""},
		{"not known whose the domain is", "p=reject", failed, servers("", "ns1.hosting.example"), check.Unknown, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &Facts{Domain: "example.com", MX: &mx.Facts{NameServers: mx.NameServers{Lookup: tt.own}},
				Below: Below{Cuts: map[dns.Name]dns.Lookup{"shop.example.com": tt.cut}}}
			var err error
			f.DMARC, err = dmarc.Gather(t.Context(), dnstest.New(t, `_dmarc.example.com. TXT "v=DMARC1; `+tt.record+`; rua=mailto:d@example.com"`), "example.com")
			if err != nil {
				t.Fatal(err)
			}
			for _, res := range check.Evaluate(dmarcRules, f) {
				if res.Rule.ID != "dmarc-alignment-shared" {
					continue
				}
				if res.Status != tt.want {
					t.Errorf("got %s, want %s (%v)", res.Status, tt.want, res.Causes)
				}
				for _, found := range res.Findings {
					if diff := cmp.Diff(tt.tags, found.Params["Tags"]); diff != "" {
						t.Errorf("tags (-want +got):\n%s", diff)
					}
				}
			}
		})
	}
}

// TestBelowCuts: a denial that comes from a zone below the domain shows a
// delegation, and only then are its name servers asked for.
func TestBelowCuts(t *testing.T) {
	zone := `example.com. MX 10 mx.shop.example.com.
_dmarc.example.com. TXT "v=DMARC1; p=reject; rua=mailto:d@example.com"
shop.example.com. NS ns1.hosting.example.`
	r := denier{dnstest.New(t, zone), "shop.example.com"}
	done := make(chan struct{})
	close(done)
	b, err := below(t.Context(), r, &Facts{Domain: "example.com"}, done)
	if err != nil {
		t.Fatal(err)
	}
	cut, ok := b.Cuts["shop.example.com"]
	if !ok || len(cut.Records()) != 1 || cut.Records()[0].Host != "ns1.hosting.example" {
		t.Errorf("got cuts %v, want the name server of shop.example.com", b.Cuts)
	}
}

// denier denies as the authoritative servers of a zone below would.
type denier struct {
	dns.Resolver
	zone dns.Name
}

func (d denier) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	a, err := d.Resolver.Resolve(ctx, name, qtype)
	if err == nil && a.Status != dns.Found && name.IsUnder(d.zone) {
		a.Zone = d.zone
	}
	return a, err
}
