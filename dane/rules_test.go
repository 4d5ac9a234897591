package dane

import (
	"context"
	"errors"
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/ruletest"
)

// Setup keys: authoritative (yes: what fails is the servers' own doing),
// enforced (yes, no: of MTA-STS, else unknown), provider (of every host), hosts
// (unknown), implicit (yes: the domain is the host), root (plain: the root's SOA is found without AD; servfail), file (yes).
func TestRules(t *testing.T) {
	ruletest.Run(t, Rules, func(t *testing.T, c *ruletest.Case) *Facts {
		r := tweaked{Resolver: dnstest.New(t, c.Zone()), file: c.Setup["file"] == "yes", root: c.Setup["root"]}
		domain := dns.Name(c.Domain())
		mx := dns.Ask(t.Context(), &r, domain, dns.TypeMX)
		var hosts []dns.Name
		for _, rec := range mx.Records() {
			hosts = append(hosts, rec.Host)
		}
		if c.Setup["implicit"] == "yes" {
			hosts = []dns.Name{domain}
		}
		f, err := Gather(t.Context(), &r, domain, mx, hosts)
		if err != nil {
			t.Fatal(err)
		}
		f.Profile = c.Profile()
		if s := c.Setup["enforced"]; s != "" {
			enforced := s == "yes"
			f.Enforced = &enforced
		}
		if c.Setup["hosts"] == "unknown" {
			f.HostsUnknown = mx.Error
		}
		for _, h := range f.Hosts {
			h.Provider = c.Setup["provider"]
			if h.Lookup.Unknown() && c.Setup["authoritative"] == "yes" {
				h.Lookup.Error.Authoritative = true
			}
		}
		return f
	})
}

type tweaked struct {
	dns.Resolver
	file bool
	root string
}

func (t *tweaked) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	if name == dns.Root && t.root == "plain" {
		return dns.Answer{Name: name, Type: qtype, Status: dns.Found, Trusted: true, Server: "dnstest"}, nil
	}
	if name == dns.Root && t.root != "" {
		return dns.Answer{}, &dns.Error{Name: name, Type: qtype, Kind: dns.Kind(t.root)}
	}
	a, err := t.Resolver.Resolve(ctx, name, qtype)
	if t.file {
		a.Server = "zone example.zone:1"
	}
	return a, err
}

// TestBinds: the decision table of RFC 7672 §2.1 and §2.2.
func TestBinds(t *testing.T) {
	const tlsa = "TLSA 3 1 1 06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9\n"
	const domain = "example.com. MX 10 mx.example.net.\n"
	const address = "mx.example.net. A 5.6.7.25\n"
	const owner = "_25._tcp.mx.example.net. "
	for name, c := range map[string]struct {
		zone         string
		binds, known bool
	}{
		"all secure":               {domain + address + owner + tlsa + "; !secure .", true, true},
		"MX insecure":              {domain + address + owner + tlsa + "; !secure example.net.", false, true},
		"host insecure":            {domain + address + owner + tlsa + "; !secure example.com.", false, true},
		"no record":                {domain + address + "; !secure .", false, true},
		"TLSA fails":               {domain + address + owner + "TLSA ; !servfail\n; !secure .", false, false},
		"TLSA fails, nobody asks":  {domain + address + owner + "TLSA ; !servfail\n; !secure example.com.", false, true},
		"one family secure":        {domain + address + "mx.example.net. AAAA ; !servfail\n" + owner + tlsa + "; !secure .", true, true},
		"addresses fail":           {domain + "mx.example.net. A ; !servfail\n" + owner + tlsa + "; !secure .", false, false},
		"resolver not trusted":     {domain + address + owner + tlsa, false, false},
		"alias to insecure zone":   {domain + "mx.example.net. CNAME lb.example.org.\nlb.example.org. A 5.6.7.25\n" + owner + tlsa + "; !secure example.com.\n; !secure example.net.", false, true},
		"records behind the alias": {domain + "mx.example.net. CNAME lb.example.net.\nlb.example.net. A 5.6.7.25\n_25._tcp.lb.example.net. " + tlsa + "; !secure .", true, true},
		"the second host is gone":  {domain + "example.com. MX 20 gone.example.net.\n" + address + owner + tlsa + "; !secure .", true, true},
		"the second host without":  {domain + "example.com. MX 20 mx2.example.net.\nmx2.example.net. A 5.6.7.26\n" + address + owner + tlsa + "; !secure .", false, true},
	} {
		r := dnstest.New(t, c.zone)
		mx := dns.Ask(t.Context(), r, "example.com", dns.TypeMX)
		var hosts []dns.Name
		for _, rec := range mx.Records() {
			hosts = append(hosts, rec.Host)
		}
		f, err := Gather(t.Context(), r, "example.com", mx, hosts)
		if err != nil {
			t.Fatal(err)
		}
		if binds, known := f.Binds(); binds != c.binds || known != c.known {
			t.Errorf("%s: got binds %v, known %v; want %v, %v", name, binds, known, c.binds, c.known)
		}
		f.HostsUnknown = errors.New("lost")
		if _, known := f.Binds(); known {
			t.Errorf("%s: known without knowing the hosts", name)
		}
	}
}
