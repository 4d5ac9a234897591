package spf

import (
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/ruletest"
)

// TestRules runs testdata/rules. Its setup keys: domain, profile, has-mx
// (true, false), authoritative (true: a failed look-up is the domain's fault).
func TestRules(t *testing.T) {
	ruletest.Run(t, Rules, func(t *testing.T, c *ruletest.Case) *Facts {
		f, err := Gather(t.Context(), dnstest.New(t, c.Zone()), dns.Name(c.Domain()))
		if err != nil {
			t.Fatal(err)
		}
		f.Profile = c.Profile()
		if v := c.Setup["has-mx"]; v != "" {
			has := v == "true"
			f.HasMX = &has
		}
		if c.Setup["authoritative"] == "true" {
			if f.Lookup.Error != nil {
				f.Lookup.Error.Authoritative = true
			}
			f.Tree.each(func(t *Term) {
				for _, l := range t.failed {
					l.Error.Authoritative = true
				}
			})
		}
		return f
	})
}
