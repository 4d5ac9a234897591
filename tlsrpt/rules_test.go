package tlsrpt

import (
	"context"
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/ruletest"
)

func TestRules(t *testing.T) {
	ruletest.Run(t, Rules, func(t *testing.T, c *ruletest.Case) *Facts {
		f, err := Gather(context.Background(), dnstest.New(t, c.Zone()), dns.Name(c.Domain()))
		if err != nil {
			t.Fatal(err)
		}
		f.Profile = c.Profile()
		return f
	})
}
