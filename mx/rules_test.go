package mx

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/ruletest"
)

// Setup keys: spf_sends (yes, no), serials ("ns1.example.com=1 ns2.example.com=refused", a serial as
// "1@primary.example" where the SOA names that primary),
// file (yes: the answers come from a zone file), proven (yes: failures are the domain's own).
func TestRules(t *testing.T) {
	ruletest.Run(t, Rules, func(t *testing.T, c *ruletest.Case) *Facts {
		opts := Options{AllowPrivate: c.Setup["allow_private"] == "yes"}
		if s := c.Setup["serials"]; s != "" {
			opts.ServerSOA = serials(s)
		}
		r := dnstest.New(t, c.Zone())
		r = &tweaked{r, c.Setup["file"] == "yes", c.Setup["proven"] == "yes"}
		f, err := Gather(t.Context(), r, dns.Name(c.Domain()), opts)
		if err != nil {
			t.Fatal(err)
		}
		f.Profile = c.Profile()
		if v := c.Setup["spf_sends"]; v != "" {
			sends := v == "yes"
			f.SPFSends = &sends
		}
		return f
	})
}

// tweaked makes a test resolver look like a zone file, or its failures proven.
type tweaked struct {
	dns.Resolver
	file, proven bool
}

func (t *tweaked) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	a, err := t.Resolver.Resolve(ctx, name, qtype)
	if t.file {
		a.Server = "zone example.zone:1"
	}
	if err != nil && t.proven {
		e := *dns.AsError(err, name, qtype)
		e.Authoritative = true
		return a, &e
	}
	return a, err
}

func serials(spec string) func(context.Context, dns.Name, netip.Addr, dns.Name) (dns.Answer, error) {
	return func(_ context.Context, server dns.Name, _ netip.Addr, zone dns.Name) (dns.Answer, error) {
		for _, part := range strings.Fields(spec) {
			name, v, _ := strings.Cut(part, "=")
			if dns.Name(name) != server {
				continue
			}
			v, primary, _ := strings.Cut(v, "@")
			n, err := strconv.ParseUint(v, 10, 32)
			if err != nil {
				return dns.Answer{}, &dns.Error{Name: zone, Type: dns.TypeSOA, Kind: dns.Kind(v)}
			}
			rec := dns.Record{Name: zone, Type: dns.TypeSOA, SOA: &dns.SOA{MName: dns.Name(primary), Serial: uint32(n)}}
			return dns.Answer{Status: dns.Found, Records: []dns.Record{rec}}, nil
		}
		return dns.Answer{Status: dns.NoData}, nil
	}
}
