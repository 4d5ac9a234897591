package dkim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

var testDay = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// find gathers over a zone and gives what it asked, too.
func find(t *testing.T, zone string, opts Options) (*Facts, *dnstest.World) {
	t.Helper()
	w, err := dnstest.Parse(zone)
	if err != nil {
		t.Fatal(err)
	}
	if opts.Now.IsZero() {
		opts.Now = testDay
	}
	f, err := Gather(t.Context(), w, "example.com", opts)
	if err != nil {
		t.Fatal(err)
	}
	f.Profile = check.ProfileMail
	return f, w
}

func hinted(h Hints) func(context.Context) Hints {
	return func(context.Context) Hints { return h }
}

func key(selector string) string {
	return selector + `._domainkey.example.com. TXT "v=DKIM1; p=` + k1024 + "\"\n"
}

// found lists selectors with how they were found.
func found(f *Facts) string {
	var list []string
	for _, s := range f.Selectors {
		list = append(list, s.Name+" "+s.FoundBy+" "+s.Status)
	}
	return strings.Join(list, "; ")
}

// denyENT is a server that denies empty non-terminals, against RFC 8020.
type denyENT struct{ *dnstest.World }

func (d denyENT) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	a, err := d.World.Resolve(ctx, name, qtype)
	if name == "_domainkey.example.com" && err == nil {
		a.Status = dns.NXDomain
	}
	return a, err
}

// compact is a server that denies as RFC 9824 says: no name is missing.
type compact struct{ *dnstest.World }

func (c compact) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	a, err := c.World.Resolve(ctx, name, qtype)
	if err == nil && a.Status == dns.NXDomain {
		a.Status = dns.NoData
	}
	return a, err
}

// TestNode is what each kind of server lets us know of _domainkey.
func TestNode(t *testing.T) {
	for _, c := range []struct {
		name, zone string
		wrap       func(*dnstest.World) dns.Resolver
		node       string
		found      string
		control    dns.State
	}{
		{"honest, nothing", "example.com. A 5.6.7.8\n", nil, NodeMissing, "", ""},
		{"honest, not guessed", key("x7f3"), nil, NodeExists, "", ""},
		{"denies empty non-terminals", key("x7f3") + key("s1"), func(w *dnstest.World) dns.Resolver { return denyENT{w} }, NodeExists, "s1 wordlist found", ""},
		{"compact denial", key("x7f3"), func(w *dnstest.World) dns.Resolver { return compact{w} }, NodeUnknown, "", dns.StateNoData},
		{"apex wildcard A", "*.example.com. A 5.6.7.8\n", nil, NodeUnknown, "", dns.StateFound},
		{"apex wildcard A beside a node", "*.example.com. A 5.6.7.8\n" + key("x7f3"), nil, NodeExists, "", ""},
		{"apex wildcard CNAME to a host", "*.example.com. CNAME www.example.com.\nwww.example.com. A 5.6.7.8\n", nil, NodeUnknown, "", ""},
		{"apex wildcard CNAME to nothing", "*.example.com. CNAME gone.example.net.\n", nil, NodeUnknown, "", ""},
		{"apex wildcard CNAME to itself", "*.example.com. CNAME gone.example.com.\n", nil, NodeUnknown, "", ""},
		{"wildcard key", "*._domainkey.example.com. TXT \"v=DKIM1; p=" + k1024 + "\"\n", nil, NodeExists, "* wildcard found", ""},
		{"wildcard key and another", "*._domainkey.example.com. TXT \"v=DKIM1; p=\"\n" + key("s1"), nil, NodeExists, "s1 wordlist found", ""},
		{"wildcard TXT of the domain", "*.example.com. TXT \"v=spf1 -all\"\n", nil, NodeUnknown, "", ""},
		{"nothing is answered", "_domainkey.example.com. TXT ; !servfail\n*._domainkey.example.com. ANY ; !servfail\n", nil, NodeUnknown, "", ""},
		{"the node is denied and a guess fails", "example.com. A 5.6.7.8\ns1._domainkey.example.com. TXT ; !timeout\n", func(w *dnstest.World) dns.Resolver { return denyENT{w} }, NodeUnknown, "", ""},
	} {
		w, err := dnstest.Parse(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		var r dns.Resolver = w
		if c.wrap != nil {
			r = c.wrap(w)
		}
		f, err := Gather(t.Context(), r, "example.com", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if f.Node != c.node || found(f) != c.found || f.Control.State != c.control {
			t.Errorf("%s: node %s, found %q, control %q; want %s, %q, %q", c.name, f.Node, found(f), f.Control.State, c.node, c.found, c.control)
		}
		if missing, _ := f.AnyKnown(); missing != (c.found != "") {
			t.Errorf("%s: a usable key is known: %v", c.name, missing)
		}
	}
}

// guesses counts the questions of the search: those for TXT, and the one for A
// that tells wildcards.
func guesses(w *dnstest.World, f *Facts) int {
	n := w.Count("example.com", dns.TypeTXT) + w.Count(f.NodeTXT.Name, dns.TypeTXT) + w.Count(f.Random.Name, dns.TypeTXT) +
		w.Count(f.Dotted.Name, dns.TypeTXT) + w.Count(f.ADSP.Name, dns.TypeTXT) + w.Count(f.Report.Name, dns.TypeTXT)
	if f.Control.Name != "" {
		n += w.Count(f.Control.Name, dns.TypeA)
	}
	for _, s := range f.Tried {
		n += w.Count(f.NodeTXT.Name.Child(s), dns.TypeTXT)
		for _, elsewhere := range []dns.Name{"example.com", "_domainkey.example.com.example.com", "domainkey.example.com", "_domainkeys.example.com"} {
			n += w.Count(elsewhere.Child(s), dns.TypeTXT)
		}
	}
	return n
}

// TestBudget counts the questions: probes and guesses never cost more than the
// budget, whatever is found.
func TestBudget(t *testing.T) {
	many := Hints{SPF: []dns.Name{"send.aweber.com", "mailgun.org", "spf.messagingengine.com", "_mailcust.gandi.net", "servers.mcsv.net",
		"constantcontact.com", "emsd1.com", "_spf.mail.hostinger.com"}, MX: []dns.Name{"mx1.titan.email", "mx1.example.com"}}
	var full strings.Builder // every name of the first list leads on to its neighbours
	for _, s := range wordlist {
		full.WriteString(key(s))
	}
	for _, c := range []struct {
		name, zone string
		opts       Options
		most       int
		exact      bool
	}{
		{"nothing found", key("x7f3"), Options{}, maxQueries - 1, true}, // Control was not needed
		{"nothing found, compact denial", "*.example.com. A 5.6.7.8\n", Options{}, maxQueries, true},
		{"nothing exists", "example.com. A 5.6.7.8\n", Options{}, 6 + len(wordlist), true}, // proven: no more guesses
		{"many providers", key("x7f3"), Options{Hints: hinted(many)}, maxQueries - 1, true},
		{"all found", full.String(), Options{Hints: hinted(many)}, maxQueries, false},
		{"found at once", key("google"), Options{}, 6 + len(wordlist), true},
		{"deep", key("x7f3"), Options{Deep: true, Hints: hinted(many)}, maxDeep, false},
		{"named on top", key("x7f3"), Options{Selectors: []string{"x7f3", "google"}},
			6 + len(wordlist) + 1 + 2 + 4, true}, // the neighbours of one, and where the other may stand by mistake
		{"named and elsewhere", "example.com. A 5.6.7.8\n", Options{Selectors: []string{"own"}}, 6 + len(wordlist) + 1 + 4, true},
		{"nothing is answered", "example.com. ANY ; !timeout\n*.example.com. ANY ; !timeout\n", Options{}, 6 + len(wordlist), true},
	} {
		f, w := find(t, c.zone, c.opts)
		if n := guesses(w, f); n > c.most || c.exact && n != c.most {
			t.Errorf("%s: %d questions, want %d (exactly: %v)", c.name, n, c.most, c.exact)
		}
		sum := 0
		for _, g := range f.Groups {
			sum += g.Count
		}
		if sum != len(f.Tried) {
			t.Errorf("%s: the groups count %d names, %d were tried", c.name, sum, len(f.Tried))
		}
		for i, s := range f.Tried {
			if slices.Contains(f.Tried[:i], s) {
				t.Errorf("%s: %s was tried twice", c.name, s)
			}
		}
	}
}

// TestOrder says how each selector is found.
func TestOrder(t *testing.T) {
	sendgrid := "em._domainkey.example.com. CNAME em.domainkey.u1.wl2.sendgrid.net.\nem.domainkey.u1.wl2.sendgrid.net. TXT \"k=rsa; p=" + k1024 + "\"\n"
	for _, c := range []struct {
		name, zone string
		opts       Options
		want       string
	}{
		{"named before the list", key("s1"), Options{Selectors: []string{"S1._domainkey.Example.com."}, Observed: []string{"s1"}}, "s1 named found"},
		{"observed", key("o7"), Options{Observed: []string{"o7"}}, "o7 observed found"},
		{"the providers'", key("titan2"), Options{Hints: hinted(Hints{MX: []dns.Name{"mx1.titan.email"}})}, "titan2 provider:titan found"},
		{"the domain's label", key("example"), Options{}, "example name found"},
		{"a mail host's label", key("mta7"), Options{Hints: hinted(Hints{MX: []dns.Name{"mta7.example.com", "mta8.example.net"}})}, "mta7 name found"},
		{"a month", key("202611"), Options{}, "202611 dated found"},
		{"second list", key("key1"), Options{}, "key1 wordlist found"},
		{"third list only deep", key("selector7"), Options{}, ""},
		{"third list", key("selector7"), Options{Deep: true}, "selector7 wordlist found"},
		{"old month only deep", key("202505"), Options{}, ""},
		{"old month", key("202505"), Options{Deep: true}, "202505 dated found"},
		{"a day", key("20260915"), Options{Deep: true}, "20260915 dated found"},
		{"siblings", key("s2") + key("s3") + key("s4"), Options{}, "s2 wordlist found; s3 sibling found; s4 sibling found"},
		{"sibling without number", "em2" + strings.ReplaceAll(sendgrid, "em.domainkey", "em2.domainkey")[2:] + sendgrid, Options{Selectors: []string{"em"}}, "em named found; em2 sibling found"},
		{"those of an alias's provider", "cka._domainkey.example.com. CNAME fm1.example.com.dkim.fmhosted.com.\nfm1.example.com.dkim.fmhosted.com. TXT \"v=DKIM1; p=" + k1024 + "\"\n" + key("mesmtp"),
			Options{Selectors: []string{"cka"}}, "cka named found; mesmtp provider:fastmail found"},
		{"an alias to nothing", "s1._domainkey.example.com. CNAME s1.domainkey.u1.wl2.sendgrid.net.\nwl2.sendgrid.net. A 5.6.7.8\n", Options{}, "s1 wordlist missing"},
		{"an alias whose target fails", "s1._domainkey.example.com. CNAME s1.domainkey.u1.wl2.sendgrid.net.\ns1.domainkey.u1.wl2.sendgrid.net. TXT ; !servfail\n", Options{}, "s1 wordlist unknown"},
		{"a guess that fails", "s1._domainkey.example.com. TXT ; !servfail\n", Options{}, ""},
	} {
		f, _ := find(t, c.zone, c.opts)
		if got := found(f); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	f, _ := find(t, "s1._domainkey.example.com. CNAME s1.domainkey.u1.wl2.sendgrid.net.\ns1.domainkey.u1.wl2.sendgrid.net. TXT ; !servfail\n", Options{})
	if s := f.Selectors[0]; s.Vendor != "sendgrid" || s.CNAME != "s1.domainkey.u1.wl2.sendgrid.net" || f.Unanswered() == nil || len(f.Failed) != 0 {
		t.Errorf("the alias was not kept: %+v", s)
	}
}

// TestTakeoverAskedOnce holds aliases into one domain to one question for it.
func TestTakeoverAskedOnce(t *testing.T) {
	f, w := find(t, "s1._domainkey.example.com. CNAME s1.gone.com.\ns2._domainkey.example.com. CNAME s2.gone.com.\n", Options{})
	if n := w.Count("gone.com", dns.TypeNS); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
	for _, s := range f.Selectors {
		if s.Registrable.State != dns.StateNXDomain {
			t.Errorf("%s: got %q", s.Name, s.Registrable.State)
		}
	}
}

// TestRepeatable: the same world is asked the same questions, so that a recorded
// run can be played.
func TestRepeatable(t *testing.T) {
	opts := Options{Deep: true, Hints: hinted(Hints{MX: []dns.Name{"mx1.titan.email"}})}
	a, _ := find(t, key("s3")+key("titan1"), opts)
	for range 3 {
		if b, _ := find(t, key("s3")+key("titan1"), opts); !slices.Equal(a.Tried, b.Tried) {
			t.Fatalf("tried %v, then %v", a.Tried, b.Tried)
		}
	}
}

// TestExamplesOfDiscovery are 27 to 31 of the catalogue: what DNS lets us know.
func TestExamplesOfDiscovery(t *testing.T) {
	reserve := ""
	for i, token := range []string{"k2yvm4q7aqzn3eggmlf5p6cdxzvpyc4a", "fnq6mxt4exrhjklynzbbyn5bnoe6fayk", "sx3kpeibqcmh7xb3sgbjvlwgzgvq7a2b"} {
		reserve += token + "._domainkey.example.com. CNAME " + token + ".dkim.amazonses.com.\n" + token + ".dkim.amazonses.com. TXT "
		if i == 0 {
			reserve += `"v=DKIM1; p=` + k2048() + "\"\n"
		} else {
			reserve += "\"\"\n"
		}
	}
	for _, c := range []struct {
		name, zone string
		selectors  []string
		profile    check.Profile
		want       string // rules that fail, then those that are unknown after a bar
	}{
		{"27 hidden", key("x7f3"), nil, check.ProfileMail, "dkim-domainkey-nodata | dkim-none-found"},
		{"28 proven", "example.com. MX 10 mx.example.com.\n", nil, check.ProfileMail, "dkim-domainkey-nxdomain |"},
		{"28 proven, parked", "example.com. A 5.6.7.8\n", nil, check.ProfileParked, "dkim-domainkey-nxdomain |"},
		{"29 unknowable", "*.example.com. A 5.6.7.8\n", nil, check.ProfileMail, "dkim-existence-unknowable | dkim-none-found"},
		{"30 revoked for all", "*._domainkey.example.com. TXT \"v=DKIM1; p=\"\n", nil, check.ProfileParked, "dkim-wildcard-revoked |"},
		{"31 reserve keys", reserve, []string{"k2yvm4q7aqzn3eggmlf5p6cdxzvpyc4a", "fnq6mxt4exrhjklynzbbyn5bnoe6fayk", "sx3kpeibqcmh7xb3sgbjvlwgzgvq7a2b"},
			check.ProfileMail, "dkim-answer-size dkim-revoked |"},
	} {
		f, _ := find(t, c.zone, Options{Selectors: c.selectors})
		f.Profile = c.profile
		results := check.Evaluate(Rules, f)
		check.Relate(results)
		var failed, unknown []string
		for _, r := range results {
			switch r.Status {
			case check.Fail:
				failed = append(failed, r.Rule.ID)
				if r.Severity > check.Info && !strings.HasPrefix(c.name, "28") {
					t.Errorf("%s: %s is %s, want nothing above info", c.name, r.Rule.ID, r.Severity)
				}
			case check.Unknown:
				unknown = append(unknown, r.Rule.ID)
			}
		}
		slices.Sort(failed)
		if got := strings.TrimSpace(strings.Join(failed, " ") + " | " + strings.Join(unknown, " ")); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestDateIn(t *testing.T) {
	for name, want := range map[string]string{
		"20221208": "2022-12-08", "202311": "2023-11-30", "20180222142302pm": "2018-02-22", "mta-2026-02": "2026-02-28",
		"dutysolicitors-lhr-202407": "2024-07-31", "mimecast20190719": "2019-07-19",
		"s1": "", "s2048": "", "202313": "", "20261201": "", "123456": "", "199912": "", "1522905413783": "", "cf2024-1": "", "20260230": "",
	} {
		got := ""
		if d, ok := dateIn(name, testDay); ok {
			got = d.Format(time.DateOnly)
		}
		if got != want {
			t.Errorf("dateIn(%s): got %q, want %q", name, got, want)
		}
	}
}

func TestSiblings(t *testing.T) {
	for _, c := range []struct {
		name  string
		alias bool
		want  string
	}{
		{"s1", false, "[s2]"}, {"s2", false, "[s3 s1]"}, {"selector10", false, "[selector11 selector9]"},
		{"mbo0001", true, "[mbo0002]"}, {"dkim02", false, "[dkim03 dkim01]"}, {"em", true, "[em2]"}, {"google", false, "[]"},
		{"20221208", false, "[]"}, {"k1.mail", false, "[k2.mail]"}, {"202401", false, "[]"}, {"s1024", false, "[]"},
	} {
		if got := fmt.Sprint(siblings(c.name, c.alias)); got != c.want {
			t.Errorf("siblings(%s, %v): got %s, want %s", c.name, c.alias, got, c.want)
		}
	}
}

func TestDatedNames(t *testing.T) {
	list := datedNames(testDay)
	if list[0] != "202611" || list[23] != "202412" || list[24] != "20261115" || list[25] != "20261101" || list[26] != "20261015" {
		t.Errorf("got %v", list[:27])
	}
	if datedNames(time.Time{}) != nil {
		t.Error("without a clock there are no dates")
	}
}

// TestWordlists holds the lists to what they promise: names that can be asked,
// none in two lists.
func TestWordlists(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range slices.Concat(wordlist, moreWords, deepWords) {
		if seen[s] || selectorName(s, "_domainkey.example.com") != s {
			t.Errorf("%q stands twice, or is not as it is asked", s)
		}
		seen[s] = true
	}
}

func TestNear(t *testing.T) {
	for _, c := range [][3]string{
		{"s1", "selector1", "selector1"}, {"selector2", "s2", "s2"}, {"selecter1", "selector1", "selector1"}, {"slector1", "selector1", "selector1"},
		{"googel", "google", "google"}, {"s1", "s2", ""}, {"mail", "main", ""}, {"s1", "k1", ""}, {"default", "google", ""},
	} {
		f, _ := find(t, key(c[1]), Options{Selectors: []string{c[0]}})
		if got := f.near(c[0]); got != c[2] {
			t.Errorf("near %s with %s: got %q, want %q", c[0], c[1], got, c[2])
		}
	}
}
