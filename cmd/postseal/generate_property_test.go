package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/steady"
	"github.com/postseal/postseal/mtasts"
)

// generatedBase is a domain before it publishes anything about its mail, and
// generatedWorld what is around it.
const (
	generatedBase = `
@        3600 IN SOA ns1 hostmaster 1 3600 600 86400 300
@        3600 IN NS ns1
@        3600 IN NS ns2
@        3600 IN A 5.6.7.8
@        3600 IN MX 10 mx1
@        3600 IN MX 20 mx2
ns1      3600 IN A 5.6.7.1
ns2      3600 IN A 5.6.8.1
mx1      3600 IN A 5.6.7.9
mx2      3600 IN AAAA 2a01:4f8::9
www      3600 IN A 5.6.7.8
mta-sts  3600 IN A 5.6.7.8
news     3600 IN MX 10 mx1
news     3600 IN TXT "v=spf1 mx -all"
reports  3600 IN MX 10 mx1
`
	generatedWorld = `
_spf.google.com.  TXT "v=spf1 ip4:74.125.0.0/16 ip6:2404:6800:4000::/36 ~all"
sendgrid.net.     TXT "v=spf1 ip4:167.89.0.0/17 include:more.sendgrid.net ~all"
more.sendgrid.net. TXT "v=spf1 ip4:208.117.48.0/20 ~all"
spf.partner.test. TXT "v=spf1 a:out.partner.test ip4:77.1.2.0/24 -all"
out.partner.test. A 77.1.3.4
partner.test.     MX 10 out.partner.test.
partner.test.     NS ns.partner.test.
reports.vendor.test. MX 10 out.partner.test.
vendor.test.      MX 10 out.partner.test.
vendor.test.      A 77.1.3.5
x.vendor.test.    MX 10 out.partner.test.
vendor.test.      SOA ns.vendor.test. h.vendor.test. 1 3600 600 86400 300
`
	generatedDomain = "acme-mail.com"
)

// generatedKey is what 'generate dkim' printed for one choice of options.
type generatedKey struct {
	selectors []string
	zone      string
	asked     []string // rules that object to what was asked for
}

func generatedKeys(t *testing.T) []generatedKey {
	var keys []generatedKey
	for i, c := range []struct{ args, asked string }{
		{"", ""},
		{"--type rsa3072 --strict", ""},
		{"--type rsa4096", ""},
		{"--type ed25519", "dkim-ed25519-only"},
		{"--type ed25519 --test", "dkim-ed25519-only dkim-t-testing dmarc-enforced-without-authentication dmarc-reject-spf-only"},
		{"--type both --test --strict", "dkim-t-testing dmarc-enforced-without-authentication dmarc-reject-spf-only"},
		{"--type both", ""},
	} {
		selector := fmt.Sprintf("s%d", i)
		args := append([]string{"generate", "dkim", generatedDomain, "--offline", "--selector", selector, "--key-dir", t.TempDir()}, strings.Fields(c.args)...)
		code, out, stderr := call(t.Context(), args...)
		if code != 0 {
			t.Fatalf("%v: exit %d, %s", args, code, stderr)
		}
		k := generatedKey{[]string{selector}, out, strings.Fields(c.asked)}
		if strings.Contains(c.args, "both") {
			k.selectors = append(k.selectors, selector+"-ed")
		}
		keys = append(keys, k)
	}
	return keys
}

// servedPolicy serves a policy file from a host that is in order.
type servedPolicy string

func (p servedPolicy) FetchPolicy(_ context.Context, domain dns.Name, addrs []netip.Addr) *mtasts.Fetch {
	return &mtasts.Fetch{
		URL: mtasts.PolicyURL(domain), At: generatedNow(), Status: 200, Phase: "done", Addr: addrs[0], TLSVersion: "TLS 1.3",
		ContentType: "text/plain; charset=utf-8", Body: []byte(p), Text: string(p),
		Certificate: &mtasts.Cert{Verdict: "ok", NotBefore: generatedNow().AddDate(0, -1, 0), NotAfter: generatedNow().AddDate(0, 2, 0)},
	}
}

func generatedNow() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// TestGeneratedPassesTheAudit publishes what the generators print for random
// options and audits it: nothing of weight may be found but what was asked for.
func TestGeneratedPassesTheAudit(t *testing.T) {
	keys := generatedKeys(t)
	server := dnstest.Serve(t, "$ORIGIN "+generatedDomain+".\n"+generatedBase+"$ORIGIN .\n"+generatedWorld)
	for run := range 3 { // of rapid's 100 cases each
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			steady.Seed(t, run+1)
			publishAndAudit(t, keys, server.Addr.String())
		})
	}
}

func publishAndAudit(t *testing.T, keys []generatedKey, server string) {
	published := 0
	rapid.Check(t, func(rt *rapid.T) {
		g := &publisher{rt: rt, ctx: t.Context(), server: server, asked: map[string]bool{}}
		key := rapid.SampledFrom(keys).Draw(rt, "key")
		g.zone.WriteString(key.zone)
		g.allow(key.asked...)
		g.spf()
		g.dmarc()
		g.mtasts()
		g.tlsrpt()
		published += g.records

		zone, err := dns.ParseZone(strings.NewReader(generatedBase+g.zone.String()), generatedDomain, "generated")
		if err != nil {
			rt.Fatalf("%v\n%s", err, g.zone.String())
		}
		world, err := dnstest.Parse(generatedWorld + g.foreign.String())
		if err != nil {
			rt.Fatal(err)
		}
		a := &audit.Auditor{
			Resolver: dns.Overlay([]*dns.Zone{zone}, world), Fetcher: servedPolicy(g.policy), NoSMTP: "disabled", Now: generatedNow,
		}
		out, err := a.Audit(t.Context(), audit.Request{Domain: generatedDomain, Selectors: key.selectors})
		if err != nil {
			rt.Fatal(err)
		}
		generators := []check.Standard{check.SPF, check.DKIM, check.DMARC, check.MTASTS, check.TLSRPT}
		for _, r := range out.Results {
			if r.Status == check.Fail && r.Severity >= check.Warning && slices.Contains(generators, r.Rule.Standard) && !g.asked[r.Rule.ID] {
				for _, f := range r.Findings {
					rt.Errorf("%s %s %s %v\n%q\n%s", r.Severity, r.Rule.ID, f.Variant, f.Params, f.Record, strings.Join(g.calls, "\n"))
				}
			}
		}
	})
	if published < 200 {
		t.Errorf("only %d records were published", published)
	}
}

// publisher draws options, generates and publishes.
type publisher struct {
	rt      *rapid.T
	ctx     context.Context
	server  string
	calls   []string
	zone    strings.Builder // of the domain
	foreign strings.Builder // what other organisations publish for it
	policy  string
	records int
	asked   map[string]bool
}

func (g *publisher) allow(rules ...string) {
	for _, id := range rules {
		g.asked[id] = true
	}
}

func (g *publisher) one(label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(g.rt, label)
}

// some draws a few different values, each as an option of its own.
func (g *publisher) some(flag string, most int, from ...string) []string {
	var args []string
	for _, v := range rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, min(most, len(from)), rapid.ID[string]).Draw(g.rt, flag) {
		args = append(args, "--"+flag, v)
	}
	return args
}

// warned are the rules that a generator warned of.
var warned = map[string][]string{
	"gen-spf-void":       {"spf-void-limit", "spf-void-limit-ipv6"},
	"gen-spf-lookups":    {"spf-lookup-near-limit"},
	"gen-spf-long":       {"spf-record-long"},
	"gen-spf-permissive": {"spf-all-neutral"},
}

// warnedOf is a rule that the generator itself names in a warning.
var warnedOf = regexp.MustCompile(`\((spf-[a-z0-9-]+)\)`)

// overBudget is the one refusal that random options rightly meet.
var overBudget = regexp.MustCompile(`not generated: the record would need (1[1-9]|2\d) DNS lookups, [^;]*; [^;]* \(gen-spf-lookups\)\n$`)

// generate calls postseal, in JSON as well as as a zone, which must agree.
func (g *publisher) generate(args ...string) {
	args = append([]string{"generate", args[0], generatedDomain}, args[1:]...)
	g.calls = append(g.calls, strings.Join(args, " "))
	code, zone, stderr := call(g.ctx, args...)
	if code != 0 || strings.Contains(stderr, "[gen") || strings.Contains(stderr, "<no value>") {
		g.rt.Fatalf("%s: exit %d, %s", strings.Join(args, " "), code, stderr)
	}
	for id, rules := range warned {
		if strings.Contains(stderr, "("+id+")") {
			g.allow(rules...)
		}
	}
	for _, m := range warnedOf.FindAllStringSubmatch(stderr, -1) {
		g.allow(m[1])
	}
	g.zone.WriteString(zone)
	code, text, stderr := call(g.ctx, append(args, "--format", "json")...)
	var set struct {
		Records []struct{ Name, Value string }
		Files   []struct{ Content string }
	}
	if err := json.Unmarshal([]byte(text), &set); code != 0 || err != nil {
		g.rt.Fatalf("%s: exit %d, %v, %s", strings.Join(args, " "), code, err, stderr)
	}
	for _, r := range set.Records {
		g.records++
		if !dns.FromText(r.Name).IsUnder(generatedDomain) {
			fmt.Fprintf(&g.foreign, "%s TXT \"%s\"\n", r.Name, r.Value)
		}
	}
	if len(set.Files) > 0 {
		g.policy = set.Files[0].Content
	}
}

func (g *publisher) spf() {
	args := []string{"spf", "--dns", g.server}
	for range rapid.IntRange(0, 12).Draw(g.rt, "ip4s") {
		args = append(args, "--ip4", fmt.Sprintf("%d.%d.%d.%d/%d", rapid.IntRange(11, 99).Draw(g.rt, "a"), rapid.Byte().Draw(g.rt, "b"),
			rapid.Byte().Draw(g.rt, "c"), rapid.Byte().Draw(g.rt, "d"), rapid.IntRange(8, 32).Draw(g.rt, "bits")))
	}
	for range rapid.IntRange(0, 3).Draw(g.rt, "ip6s") {
		args = append(args, "--ip6", fmt.Sprintf("2a01:%x:%x::/%d", rapid.Uint16().Draw(g.rt, "a6"), rapid.Uint16().Draw(g.rt, "b6"), rapid.IntRange(20, 128).Draw(g.rt, "bits6")))
	}
	args = append(args, g.some("provider", 2, "google", "sendgrid")...)
	args = append(args, g.some("include", 1, "spf.partner.test", "SPF.Partner.test.")...)
	args = append(args, g.some("a", 2, generatedDomain, "www."+generatedDomain, "gone."+generatedDomain, "out.partner.test", "gone.partner.test")...)
	args = append(args, g.some("mx", 2, generatedDomain, "news."+generatedDomain, "www."+generatedDomain)...)
	args = append(args, g.some("merge", 2, "v=spf1 mx -all", "v=spf1 a include:_spf.google.com ?all", "v=spf1 ip4:77.1.2.3 ~all foo=bar", "v=spf1 include=sendgrid.net all")...)
	args = append(args, g.some("exists", 1, "%{i}._spf."+generatedDomain, "%{ir}.%{v}._spf.%{d}")...)
	args = append(args, g.some("flatten", 2, "include:_spf.google.com", "include:SendGrid.net", "spf.partner.test")...)
	args = append(args, g.some("max-lookups", 1, "10")...)
	switch g.one("end", "all", "all", "redirect", "default") {
	case "all":
		args = append(args, "--all", g.one("all", "softfail", "fail", "neutral"))
	case "redirect":
		args = append(args, "--redirect", "spf.partner.test")
	}
	if code, _, stderr := call(g.ctx, append([]string{"generate", "spf", generatedDomain}, args[1:]...)...); code == exitFindings && overBudget.MatchString(stderr) {
		args = []string{"spf", "--offline", "--all", "fail"} // as somebody would who has to start anew
	}
	g.generate(args...)
}

func (g *publisher) dmarc() {
	level := []string{"none", "quarantine", "reject"}
	policy := g.one("p", level...)
	args := []string{"dmarc", "--policy", policy}
	if policy == "none" {
		g.allow("dmarc-policy-none")
	}
	if sp := g.some("sp", 1, level...); sp != nil {
		args = append(args, sp...)
		g.allow("dmarc-sp-weaker", "dmarc-np-inherits-weak")
	}
	if np := g.some("np", 1, level...); np != nil {
		args = append(args, np...)
		g.allow("dmarc-np-weaker")
	}
	args = append(args, g.some("adkim", 1, "r", "s")...)
	args = append(args, g.some("aspf", 1, "r", "s")...)
	args = append(args, "--rua", g.one("rua", "dmarc@"+generatedDomain, "mailto:a!b@reports."+generatedDomain, "mailto:acme@vendor.test", "in@reports.vendor.test"))
	if rapid.Bool().Draw(g.rt, "ruf") {
		args = append(args, "--ruf", "forensic@"+generatedDomain)
		g.allow("dmarc-ruf-present")
		args = append(args, g.some("fo", 1, "0", "1", "d:s", "1:d:s")...)
	}
	if rapid.Bool().Draw(g.rt, "t") {
		args = append(args, "--test")
		g.allow("dmarc-test-mode", "dmarc-test-mode-moot")
	}
	g.generate(args...)
}

func (g *publisher) mtasts() {
	mode := g.one("mode", "testing", "enforce", "none")
	args := []string{"mta-sts", "--dns", g.server, "--mode", mode}
	if mode == "enforce" {
		args = append(args, "--assume-certs-ok")
	}
	switch g.one("mx", "live", "named", "wildcard") {
	case "named":
		args = append(args, "--mx", "MX1."+generatedDomain+".", "--mx", "mx2."+generatedDomain)
	case "wildcard":
		args = append(args, "--mx", "*."+generatedDomain)
	}
	args = append(args, g.some("max-age", 1, "86400", "604800", "1209600", "31557600")...)
	args = append(args, "--id", g.one("id", "hash", "20261123120000", "A"))
	g.generate(args...)
}

func (g *publisher) tlsrpt() {
	args := append([]string{"tls-rpt", "--rua", g.one("tls", "tls@"+generatedDomain, "mailto:a!b@x.vendor.test", "https://vendor.test/tls;v=1")},
		g.some("rua", 1, "mailto:second@vendor.test")...)
	g.generate(args...)
}
