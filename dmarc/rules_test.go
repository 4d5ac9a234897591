package dmarc

import (
	"context"
	"slices"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/ruletest"
)

// Setup keys beside domain and profile: "joined: yes" gives each TXT record as
// one character-string, as zone data that nobody has packed yet; "file: yes"
// answers as a zone file that the user gave.
func TestRules(t *testing.T) {
	ruletest.Run(t, Rules, func(t *testing.T, c *ruletest.Case) *Facts {
		r := dnstest.New(t, c.Zone())
		if c.Setup["joined"] == "yes" {
			r = joined{r}
		}
		if c.Setup["file"] == "yes" {
			r = fromFile{r}
		}
		f, err := Gather(context.Background(), r, dns.Name(c.Domain()))
		if err != nil {
			t.Fatal(err)
		}
		f.Profile = check.Profile(c.Profile())
		return f
	})
}

type joined struct{ dns.Resolver }

func (j joined) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	a, err := j.Resolver.Resolve(ctx, name, qtype)
	a.Records = slices.Clone(a.Records)
	for i := range a.Records {
		if qtype == dns.TypeTXT {
			a.Records[i].Strings = []string{a.Records[i].Text()}
		}
	}
	return a, err
}

type fromFile struct{ dns.Resolver }

func (f fromFile) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	a, err := f.Resolver.Resolve(ctx, name, qtype)
	a.Server = "zone example.com.zone"
	return a, err
}
