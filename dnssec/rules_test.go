package dnssec

import (
	"context"
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/ruletest"
)

// Setup keys: cd (yes: with checking disabled the question is answered),
// root (plain: the root's SOA is found without AD), file (yes), tlsa (yes).
func TestRules(t *testing.T) {
	ruletest.Run(t, Rules, func(t *testing.T, c *ruletest.Case) *Facts {
		r := tweaked{Resolver: dnstest.New(t, c.Zone()), file: c.Setup["file"] == "yes", plainRoot: c.Setup["root"] == "plain"}
		var res dns.Resolver = &r
		if c.Setup["cd"] == "yes" {
			res = withCD{&r}
		}
		f, err := Gather(t.Context(), res, dns.Name(c.Domain()), noon)
		if err != nil {
			t.Fatal(err)
		}
		f.Profile, f.TLSAPublished = c.Profile(), c.Setup["tlsa"] == "yes"
		if want := c.Setup["state"]; want != "" && string(f.State) != want {
			t.Errorf("state: got %s, want %s (%s)", f.State, want, f.Cause)
		}
		return f
	})
}

// noon is when the signatures of the cases are looked at.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

type tweaked struct {
	dns.Resolver
	file, plainRoot bool
}

func (t *tweaked) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	if t.plainRoot && name == dns.Root {
		return dns.Answer{Name: name, Type: qtype, Status: dns.Found, Trusted: true}, nil
	}
	a, err := t.Resolver.Resolve(ctx, name, qtype)
	if t.file {
		a.Server = "zone example.zone:1"
	}
	return a, err
}

// AskSigned passes on to the world, which reads RRSIG records from its text.
func (t *tweaked) AskSigned(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Signed, error) {
	return t.Resolver.(dns.SignedAsker).AskSigned(ctx, name, qtype)
}

type withCD struct{ *tweaked }

func (withCD) ResolveCD(_ context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	return dns.Answer{Name: name, Type: qtype, Status: dns.Found}, nil
}
