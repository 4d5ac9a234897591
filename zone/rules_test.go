package zone

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

// Setup keys: named and senders (addresses), hosts ("mx1.example.com=5.6.7.8,2a01::1 …"), untold (yes: there may be
// more of them), helo ("5.6.7.8=mx1.example.com": what the host there calls itself),
// random (yes: somebody asked below a name that nobody made), served ("mx1.example.com=ca.example …", "=*ca.example" for a
// wildcard: whose certificate a host shows), mark (whose mark certificate is in use), dnsbl (block lists to ask), proven (yes: CAA fails at each server).
func TestRules(t *testing.T) {
	ruletest.Run(t, Rules, func(t *testing.T, c *ruletest.Case) *Facts {
		known := Known{Senders: addrs(t, strings.Fields(c.Setup["senders"]))}
		for _, h := range strings.Fields(c.Setup["hosts"]) {
			name, list, _ := strings.Cut(h, "=")
			known.Hosts = append(known.Hosts, Host{Name: dns.Name(name), Addresses: addrs(t, strings.Split(list, ","))})
		}
		if c.Setup["untold"] == "yes" {
			known.Untold = &dns.Error{Name: dns.Name(c.Domain()), Type: dns.TypeTXT, Kind: dns.ServFail, Detail: "SERVFAIL"}
		}
		var lists []dns.Name
		for _, n := range strings.Fields(c.Setup["dnsbl"]) {
			lists = append(lists, dns.Name(n))
		}
		world := dnstest.New(t, c.Zone())
		f, err := Gather(t.Context(), world, dns.Name(c.Domain()), Options{
			Named: addrs(t, strings.Fields(c.Setup["named"])), BlockLists: lists,
			Known: func(context.Context) Known { return known },
			Random: func(ctx context.Context) dns.Lookup {
				if c.Setup["random"] == "" {
					return dns.Lookup{}
				}
				return dns.Ask(ctx, world, dns.Name("_dmarc.nobody."+c.Domain()), dns.TypeTXT)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		f.Profile = c.Profile()
		for _, s := range strings.Fields(c.Setup["served"]) {
			name, ca, _ := strings.Cut(s, "=")
			ca, wild := strings.CutPrefix(ca, "*")
			for _, h := range f.CAA.Hosts {
				if h.Name == dns.Name(name) {
					h.Served = &Served{Issuer: "CA", Domains: []string{ca}, Wildcard: wild}
				}
			}
		}
		f.SRV.TLS = map[dns.Name][]uint16{}
		for _, h := range strings.Fields(c.Setup["tls"]) {
			name, port, _ := strings.Cut(h, "=")
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil {
				t.Fatal(err)
			}
			f.SRV.TLS[dns.Name(name)] = append(f.SRV.TLS[dns.Name(name)], uint16(n))
		}
		if ca := c.Setup["mark"]; ca != "" {
			f.CAA.Mark = &Served{Issuer: "CA", Domains: []string{ca}}
		}
		for i := range f.CAA.Lookups {
			if l := &f.CAA.Lookups[i]; l.Unknown() {
				l.Error.Authoritative = c.Setup["proven"] == "yes"
			}
		}
		for _, h := range strings.Fields(c.Setup["helo"]) {
			ip, name, _ := strings.Cut(h, "=")
			for _, a := range f.Addresses {
				if a.IP.String() == ip {
					a.HELO = dns.Name(name)
				}
			}
		}
		return f
	})
}

func addrs(t *testing.T, list []string) []netip.Addr {
	t.Helper()
	var out []netip.Addr
	for _, s := range list {
		a, err := netip.ParseAddr(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// TestGeneric: names that a network makes out of an address, and those that only look a little like it.
func TestGeneric(t *testing.T) {
	for name, want := range map[dns.Name]bool{
		"5-6-7-8.provider.example":           true,
		"8.7.6.5.provider.example":           true,
		"ip-5-6-7-8.provider.example":        true,
		"host005006007008.provider.example":  true,
		"05060708.provider.example":          true,
		"dyn12.provider.example":             true,
		"c8.pool-3.provider.example":         true,
		"mail.example.com":                   false,
		"15-6-7-8.provider.example":          false,
		"staticflow.example.com":             false,
		"mx5-6.example.com":                  false,
		"dynamo.example.com":                 false,
		"mail.static.example.com.static.net": true,
	} {
		a := &Address{IP: netip.MustParseAddr("5.6.7.8")}
		if got := a.generic(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
