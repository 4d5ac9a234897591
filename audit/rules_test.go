package audit

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/ruletest"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/starttls"
)

// fixedPolicy answers every fetch with one policy file.
type fixedPolicy string

func (p fixedPolicy) FetchPolicy(_ context.Context, domain dns.Name, _ []netip.Addr) *mtasts.Fetch {
	return &mtasts.Fetch{
		URL: mtasts.PolicyURL(domain), Status: 200, ContentType: "text/plain", Body: []byte(p), Text: string(p),
		Certificate: &mtasts.Cert{Verdict: "ok", NotAfter: testNow().AddDate(0, 2, 0), NotBefore: testNow().AddDate(0, -1, 0)},
	}
}

func testNow() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// gatherCase makes the facts of a case: its zone, its policy file (section
// "policy") and what the probe saw (section "starttls", the facts as JSON, with
// the certificate of the section "leaf" in place of each, or the certificates of
// "chain", or of "chain ADDRESS" for one address).
func gatherCase(t *testing.T, c *ruletest.Case) *Facts {
	t.Helper()
	domain, err := dns.ParseDomain(c.Domain())
	if err != nil {
		t.Fatal(err)
	}
	a := &Auditor{Resolver: dnstest.New(t, c.Zone()), Now: testNow, NoSMTP: "disabled", AskServer: askServer(t, c)}
	if p, ok := c.Files["policy"]; ok {
		a.Fetcher = fixedPolicy(p)
	}
	req := Request{Domain: domain, Profile: check.Profile(c.Setup["profile"]), ProfileSource: "flag"}
	if s := c.Setup["selector"]; s != "" {
		req.Selectors = []string{s}
	}
	req.Bulk, req.PolicyProfiles = c.Setup["bulk"] == "yes", strings.Fields(c.Setup["policy-profile"])
	req.Expect = Expect{DMARCPolicy: c.Setup["expect-dmarc"], MTASTSMode: c.Setup["expect-mta-sts"], DNSSEC: c.Setup["expect-dnssec"] == "yes", Selectors: strings.Fields(c.Setup["expect-selectors"])}
	req.Selectors = append(req.Selectors, req.Expect.Selectors...)
	if n := c.Setup["expect-lookups"]; n != "" {
		bound, err := strconv.Atoi(n)
		if err != nil {
			t.Fatal(err)
		}
		req.Expect.SPFLookups = &bound
	}
	f, err := a.gather(t.Context(), a.Resolver, req)
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := c.Files["starttls"]; ok {
		f.STARTTLS = &starttls.Facts{}
		if err := json.Unmarshal([]byte(text), f.STARTTLS); err != nil {
			t.Fatalf("starttls section: %v", err)
		}
	}
	if text, ok := c.Files["leaf"]; ok {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			t.Fatal("the leaf section holds no certificate")
		}
		for _, h := range f.STARTTLS.Hosts {
			for _, s := range h.Sessions {
				if s.Certificate != nil {
					s.Certificate.DER = [][]byte{block.Bytes}
				}
			}
		}
	}
	for name, text := range c.Files {
		addr, one := strings.CutPrefix(name, "chain ")
		if !one && name != "chain" {
			continue
		}
		var chain [][]byte
		for b, rest := pem.Decode([]byte(text)); b != nil; b, rest = pem.Decode(rest) {
			chain = append(chain, b.Bytes)
		}
		for _, h := range f.STARTTLS.Hosts {
			for _, s := range h.Sessions {
				if s.Certificate != nil && (!one || s.Addr.String() == addr) {
					s.Certificate.DER = chain
				}
				if h := s.Handshakes; h != nil && h.Other != nil {
					h.Other.DER = otherLeaf(t, c)
				}
			}
		}
	}
	settle(f, infer(req, f).Profile)
	return f
}

// otherLeaf is the certificate of the section "other": for the other type of key.
func otherLeaf(t *testing.T, c *ruletest.Case) [][]byte {
	t.Helper()
	b, _ := pem.Decode([]byte(c.Files["other"]))
	if b == nil {
		t.Fatal("the other section holds no certificate")
	}
	return [][]byte{b.Bytes}
}

// askServer answers from the sections "server ADDRESS" of a case, each the zone
// as that server has it; nil without any.
func askServer(t *testing.T, c *ruletest.Case) func(context.Context, netip.Addr, dns.Name, dns.Type) (dns.Answer, error) {
	worlds := map[netip.Addr]dns.Resolver{}
	for name, zone := range c.Files {
		if addr, ok := strings.CutPrefix(name, "server "); ok {
			worlds[netip.MustParseAddr(addr)] = dnstest.New(t, zone)
		}
	}
	if len(worlds) == 0 {
		return nil
	}
	return func(ctx context.Context, server netip.Addr, name dns.Name, qtype dns.Type) (dns.Answer, error) {
		w := worlds[server]
		if w == nil {
			return dns.Answer{}, &dns.Error{Name: name, Type: qtype, Kind: dns.Timeout, Server: server.String()}
		}
		return w.Resolve(ctx, name, qtype)
	}
}

func TestRules(t *testing.T) {
	ruletest.Run(t, rules, gatherCase)
}
