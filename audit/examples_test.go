package audit

import (
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
)

// exampleHosts is the world of the worked examples: a domain that sends, with
// one mail host and an enforced policy.
const exampleHosts = `
example.com.         MX   10 mail.example.com.
mail.example.com.    A    192.0.2.10
mail.example.com.    TXT  "v=spf1 a -all"
_dmarc.example.com.  TXT  "v=DMARC1; p=reject"
example.             NS   ns.nic.example.
`

// TestWorkedExamples holds the rules on SPF to examples worked out by hand: all
// findings of notice and above, a consequence as "root/consequence", and the
// facts that decide a case. Documentation addresses stand for public ones, so
// spf-special-ip is left out.
func TestWorkedExamples(t *testing.T) {
	const hosts18 = `
example.com. A 192.0.2.1
w.example.com. A 192.0.2.2
x.example.com. A 192.0.2.3
y.example.com. A 192.0.2.4
z.example.com. A 192.0.2.5
v.example.com. A 192.0.2.6
i1.example. TXT "v=spf1 include:i3.example -all"
i2.example. TXT "v=spf1 include:i3.example -all"
i3.example. TXT "v=spf1 ip4:203.0.113.0/24 -all"
`
	const google = `
_spf.google.com. TXT "v=spf1 include:_netblocks.google.com include:_netblocks2.google.com include:_netblocks3.google.com ~all"
_netblocks.google.com. TXT "v=spf1 ip4:203.0.113.0/26 ~all"
_netblocks2.google.com. TXT "v=spf1 ip4:203.0.113.64/26 ~all"
_netblocks3.google.com. TXT "v=spf1 ip4:203.0.113.128/26 ~all"
aspmx.l.google.com. A 198.51.100.1
`
	var eleven strings.Builder
	for _, n := range strings.Fields("a b c d e f g h i j k") {
		eleven.WriteString("example.com. MX 10 m" + n + ".vendor.example.\nm" + n + ".vendor.example. A 198.51.100.9\n")
	}
	txt := func(text string) string { return "example.com. TXT \"" + text + "\"\n" }
	for _, c := range []struct {
		n     int
		zone  string
		want  string // findings
		facts string // info findings that must be there
		cost  int    // look-ups; -1 where there is no one record
		fix   string // of the first finding
	}{
		{1, txt("v=spf1 mx -all"), "", "spf-all-fail-preempts-dmarc", 1, ""},
		{2, txt("v=spf1 include:_spf.a.example -all") + txt("v=spf1 include:_spf.b.example ~all") + `
_spf.a.example. TXT "v=spf1 ip4:198.51.100.1 -all"
_spf.b.example. TXT "v=spf1 ip4:198.51.100.2 -all"
`, "spf-multiple-records", "", -1, "v=spf1 include:_spf.a.example include:_spf.b.example -all"},
		{3, txt("v=spf10 junk") + txt("v=spf1 mx -all"), "", "", 1, ""},
		{4, "example.com. TXT \"v=spf1\" \"mx -all\"\n",
			"spf-split-missing-space spf-split-missing-space/spf-missing spf-split-missing-space/spf-near-miss", "", -1, "v=spf1 mx -all"},
		{5, "example.com. TXT \"v=spf1 ip4:\" \"192.0.2.5 -all\"\n", "", "", 0, ""},
		{6, txt("v=spf1 mx a ~all;") + "example.com. A 192.0.2.1\n", "spf-semicolon", "", 2, "v=spf1 mx a ~all"},
		{7, txt("v=spf1 include=_spf.google.com -all") + "example.com. MX 20 aspmx.l.google.com.\n" + google,
			"spf-mechanism-written-as-modifier spf-mechanism-written-as-modifier/spf-denies-apparent-sender " +
				"spf-mechanism-written-as-modifier/spf-provider-include-missing spf-mechanism-written-as-modifier/spf-unknown-modifier", "", 0,
			"v=spf1 include:_spf.google.com -all"},
		{8, txt("v=spf1 include:_spf.example.com-all"),
			"spf-glued-all-swallowed spf-glued-all-swallowed/spf-all-missing spf-glued-all-swallowed/spf-include-none", "", 1, ""},
		{9, txt("v=spf1 include:_spf.example.com~all") + "_spf.example.com. TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n", "spf-glued-all", "", 1, ""},
		{10, txt("v=spf1 a:192.0.2.1 -all"), "spf-a-with-ip", "", 0, "v=spf1 ip4:192.0.2.1 -all"},
		{11, txt("v=spf1 redirect=_spf.example.net ~all"), "spf-modifier-order spf-redirect-ignored", "", 0, ""},
		{12, txt("v=spf1 ip4:192.0.2.0/24 -all ip4:198.51.100.7 include:x.example"), "spf-terms-after-all", "", 0, ""},
		{13, txt("v=spf1 ip4:192.0.2.4 -all moo"), "spf-unknown-mechanism", "", 0, ""},
		{14, txt("v=spf1 all -all"), "spf-all-pass spf-all-pass/spf-total-addresses spf-multiple-all", "", 0, ""},
		{15, txt("v=spf1 a//33 -all") + "example.com. A 192.0.2.1\n", "", "", 1, ""},
		{16, txt("v=spf1 a/24/64 -all") + "example.com. A 192.0.2.1\n", "spf-cidr-invalid", "", 1, "v=spf1 a/24//64 -all"},
		{17, txt("v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all"), "spf-pass-everyone-hidden spf-pass-everyone-hidden/spf-ip-range-wide " +
			"spf-pass-everyone-hidden/spf-ip-range-wide spf-pass-everyone-hidden/spf-total-addresses", "", 0, ""},
		{18, txt("v=spf1 a mx a:w.example.com a:x.example.com a:y.example.com a:z.example.com include:i1.example include:i2.example -all") + hosts18,
			"spf-lookup-near-limit", "", 10, ""},
		{19, txt("v=spf1 a mx a:w.example.com a:x.example.com a:y.example.com a:z.example.com a:v.example.com include:i1.example include:i2.example -all") + hosts18,
			"spf-lookup-limit", "", 11, ""},
		{20, txt("v=spf1 mx a:gone1.example.com a:gone2.example.com a:gone3.example.com ip4:192.0.2.9 -all"),
			"spf-void-limit spf-void-limit/spf-void-lookup spf-void-limit/spf-void-lookup spf-void-limit/spf-void-lookup", "", 4, ""},
		{21, txt("v=spf1 include:spf.deadvendor.example -all"), "spf-dangling-registrable spf-dangling-registrable/spf-include-none", "", 1, ""},
		{22, txt("v=spf1 \\226\\128\\147all"), "spf-non-ascii", "", 0, "v=spf1 -all"},
		{23, txt(" v=spf1 -all"), "spf-near-miss spf-near-miss/spf-missing", "", -1, "v=spf1 -all"},
		{24, txt("V=SPF1 Include:_SPF.Google.com ~ALL") + google, "spf-version-case", "spf-name-case", 4, ""},
		{25, txt("v=spf1 ip4: 198.51.100.7 mx -all"), "spf-space-inside-term", "", 1, "v=spf1 ip4:198.51.100.7 mx -all"},
		{26, txt("v=spf1 exists:%{i}._spf.%{d} -all"), "", "spf-macro-opaque", 1, ""},
		{27, txt("v=spf1 ~all"), "spf-parked-not-closed spf-parked-not-closed/spf-all-softfail", "", 0, "v=spf1 -all"},
		{28, txt("v=spf1 mx -all") + eleven.String(), "spf-mx-limit", "", 1, ""},
	} {
		world := exampleHosts
		if c.n == 27 || c.n == 28 { // no mail host, or others
			world = strings.Replace(world, "example.com.         MX   10 mail.example.com.\n", "", 1)
		}
		a := &Auditor{Resolver: dnstest.New(t, world+c.zone), Now: testNow, NoSMTP: "disabled"}
		out, err := a.Audit(t.Context(), Request{Domain: "example.com"})
		if err != nil {
			t.Fatal(err)
		}
		var got, facts []string
		fix := ""
		metas := map[string]*check.Meta{}
		for _, m := range Metas() {
			metas[m.ID] = m
		}
		for _, r := range out.Results {
			if r.Rule.Standard != check.SPF || r.Rule.ID == "spf-special-ip" {
				continue
			}
			for _, f := range r.Findings {
				if r.Rule.SeverityOf(&f) < check.Notice {
					facts = append(facts, r.Rule.ID)
					continue
				}
				got = append(got, r.Rule.ID)
				if fix == "" && f.Fix != nil {
					fix = strings.Join(f.Fix.Records[0].New, "|")
				}
				for _, q := range f.Consequences {
					if metas[q.Rule].SeverityOf(&q.Finding) >= check.Notice && q.Rule != "spf-special-ip" {
						got = append(got, r.Rule.ID+"/"+q.Rule)
					}
				}
			}
		}
		slices.Sort(got)
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("example %d: got %q, want %q", c.n, s, c.want)
		}
		if c.facts != "" && !slices.Contains(facts, c.facts) {
			t.Errorf("example %d: got facts %v, want %s among them", c.n, facts, c.facts)
		}
		if c.fix != "" && fix != c.fix {
			t.Errorf("example %d: got fix %q, want %q", c.n, fix, c.fix)
		}
		if rec := out.Facts.SPF.InForce(); (rec == nil) != (c.cost < 0) || rec != nil && out.Facts.SPF.Tree.Lookups != c.cost {
			t.Errorf("example %d: got record %v at %+v look-ups, want %d", c.n, rec, out.Facts.SPF.Tree, c.cost)
		}
	}
}
