package dns_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

func parseZone(t testing.TB, origin dns.Name, text string) *dns.Zone {
	t.Helper()
	z, err := dns.ParseZone(strings.NewReader(text), origin, "test.zone")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func typeOf(t testing.TB, s string) dns.Type {
	t.Helper()
	var v dns.Type
	if err := v.UnmarshalText([]byte(s)); err != nil {
		t.Fatal(err)
	}
	return v
}

// show puts the outcome of a question on one line.
func show(t testing.TB, r dns.Resolver, question string) string {
	t.Helper()
	name, mnemonic, _ := strings.Cut(question, " ")
	a, err := r.Resolve(context.Background(), dns.Name(name), typeOf(t, mnemonic))
	if err != nil {
		e, ok := errors.AsType[*dns.Error](err)
		if !ok {
			t.Fatalf("%s: %v is no *dns.Error", question, err)
		}
		if string(e.Name) != name {
			t.Errorf("%s: the error is about %s", question, e.Name)
		}
		return "error " + string(e.Kind)
	}
	if a.Records == nil || a.Chain == nil || string(a.Name) != name {
		t.Errorf("%s: records %v, chain %v, name %s", question, a.Records, a.Chain, a.Name)
	}
	parts := []string{string(a.Status)}
	for _, n := range a.Chain {
		parts = append(parts, "via "+n.String())
	}
	for i := range a.Records {
		if a.Records[i].Name != a.Owner() {
			t.Errorf("%s: record of %s, owner %s", question, a.Records[i].Name, a.Owner())
		}
		parts = append(parts, a.Records[i].Data)
	}
	return strings.Join(parts, " ")
}

type want map[string]string // question to outcome

func (w want) check(t *testing.T, r dns.Resolver) {
	t.Helper()
	for q, outcome := range w {
		if got := show(t, r, q); got != outcome {
			t.Errorf("%s: got %q, want %q", q, got, outcome)
		}
	}
}

// The names and answers of RFC 4592 §2.2.1.
func TestWildcards(t *testing.T) {
	z := parseZone(t, "example", `
$TTL 3600
example.                 SOA   ns root 1 3600 600 86400 300
example.                 NS    ns.example.com.
example.                 NS    ns.example.net.
*.example.               TXT   "a wildcard"
*.example.               MX    10 host1.example.
sub.*.example.           TXT   "below a wildcard"
host1.example.           A     5.6.7.8
_ssh._tcp.host1.example. SRV   0 0 22 host1.example.
_ssh._tcp.host2.example. SRV   0 0 22 host1.example.
subdel.example.          NS    ns.example.com.
subdel.example.          NS    ns.example.net.
`)
	want{
		"host3.example MX":               "found 10 host1.example.",
		"host3.example A":                "nodata",
		"foo.bar.example TXT":            `found "a wildcard"`,
		"host1.example MX":               "nodata",
		"sub.*.example MX":               "nodata",
		"_telnet._tcp.host1.example SRV": "nxdomain",
		"host.subdel.example A":          "error offline",
		"ghost.*.example MX":             "nxdomain",
		"_tcp.host2.example TXT":         "nodata", // an empty non-terminal
		"host2.example MX":               "nodata", // ENT: no wildcard
		"*.example TXT":                  `found "a wildcard"`,
	}.check(t, dns.Overlay([]*dns.Zone{z}, nil))
}

func TestOverlay(t *testing.T) {
	parent := parseZone(t, "example.com", `
@          300 SOA ns root 1 3600 600 86400 60
@              MX 10 mail
mail           A 5.6.7.8
alias          CNAME mail
out            CNAME mx.provider.test.
outout         CNAME hop.provider.test.
gone           CNAME missing.provider.test.
intochild      CNAME www.child
*.w            CNAME mail
old            DNAME new
www.new        A 5.6.7.10
l0             CNAME l1
l1             CNAME l2
l2             CNAME l0
child          NS ns.child
ns.child       A 5.6.7.9
child          DS 1 8 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF
deleg          NS ns.provider.test.
glue.deleg     A 5.6.7.11
tochain        CNAME c1.provider.test.
`)
	child := parseZone(t, "child.example.com", `
@ SOA ns root 1 3600 600 86400 60
www A 5.6.7.12
back CNAME mail.example.com.
`)
	live := dnstest.New(t, `
mx.provider.test.   A 5.6.7.20
hop.provider.test.  CNAME mail.example.com.
mail.example.com.   A 9.9.9.9
www.deleg.example.com. A 5.6.7.21
glue.deleg.example.com. A 5.6.7.22
other.test.         CNAME alias.example.com.
alias.example.com.  CNAME stale.example.com.
child.example.com.  DS 2 8 2 FF
c1.provider.test. CNAME c2.provider.test.
c2.provider.test. CNAME c3.provider.test.
c3.provider.test. CNAME c4.provider.test.
c4.provider.test. CNAME c5.provider.test.
c5.provider.test. CNAME c6.provider.test.
c6.provider.test. CNAME c7.provider.test.
c7.provider.test. CNAME c8.provider.test.
c8.provider.test. A 5.6.7.8
broken.test. TXT ; !servfail
`)
	want{
		"example.com MX":           "found 10 mail.example.com.",
		"example.com TXT":          "nodata",
		"nope.example.com TXT":     "nxdomain",
		"alias.example.com A":      "found via mail.example.com 5.6.7.8",
		"alias.example.com CNAME":  "found mail.example.com.",
		"out.example.com A":        "found via mx.provider.test 5.6.7.20",
		"out.example.com AAAA":     "nodata via mx.provider.test",
		"outout.example.com A":     "found via hop.provider.test via mail.example.com 5.6.7.8",
		"gone.example.com A":       "nxdomain via missing.provider.test",
		"x.w.example.com A":        "found via mail.example.com 5.6.7.8",
		"www.old.example.com A":    "found via www.new.example.com 5.6.7.10",
		"old.example.com A":        "nodata",
		"l0.example.com A":         "error loop",
		"intochild.example.com A":  "found via www.child.example.com 5.6.7.12",
		"back.child.example.com A": "found via mail.example.com 5.6.7.8",
		"x.child.example.com A":    "nxdomain",
		"child.example.com DS":     "found 1 8 2 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF",
		"www.deleg.example.com A":  "found 5.6.7.21",
		"glue.deleg.example.com A": "found 5.6.7.22", // glue is not authoritative
		"other.test A":             "found via alias.example.com via mail.example.com 5.6.7.8",
		"c1.provider.test A": "found via c2.provider.test via c3.provider.test via c4.provider.test via c5.provider.test" +
			" via c6.provider.test via c7.provider.test via c8.provider.test 5.6.7.8",
		"tochain.example.com A": "found via c1.provider.test via c2.provider.test via c3.provider.test via c4.provider.test" +
			" via c5.provider.test via c6.provider.test via c7.provider.test via c8.provider.test 5.6.7.8",
		"broken.test TXT":                       "error servfail",
		strings.Repeat("a.", 130) + "example A": "error bad-name",
	}.check(t, dns.Overlay([]*dns.Zone{parent, child}, live))

	offline := dns.Overlay([]*dns.Zone{parent}, nil)
	want{
		"out.example.com A":       "error offline",
		"x.child.example.com A":   "error offline",
		"www.example.net A":       "error offline",
		"www.deleg.example.com A": "error offline",
	}.check(t, offline)
}

func TestOverlayDetails(t *testing.T) {
	z := parseZone(t, "", "$ORIGIN example.com.\n@ 7200 SOA ns root 1 3600 600 86400 60\n@ 100 TXT \"a\"\nalias 50 CNAME @\nout 40 CNAME mx.test.\n")
	r := dns.Overlay([]*dns.Zone{z}, dnstest.New(t, "; !secure mx.test.\nmx.test. 30 A 5.6.7.8"))
	ask := func(n dns.Name, qt dns.Type) dns.Answer {
		a, err := r.Resolve(t.Context(), n, qt)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if z.Origin != "example.com" {
		t.Errorf("origin %q, want the SOA's owner", z.Origin)
	}
	a := ask("alias.example.com", dns.TypeTXT)
	if a.TTLSec != 50 || a.Server != "zone test.zone" || a.AD || a.Trusted || a.Records[0].Line != 3 {
		t.Errorf("got %+v", a)
	}
	if a := ask("no.example.com", dns.TypeTXT); a.TTLSec != 60 || a.Zone != "example.com" {
		t.Errorf("denial has TTL %d and zone %q, want 60 and example.com", a.TTLSec, a.Zone)
	}
	if a := ask("out.example.com", dns.TypeA); a.TTLSec != 30 || a.AD || a.Trusted {
		t.Errorf("out of a zone: %+v", a)
	}
	if a := ask("mx.test", dns.TypeA); !a.AD || !a.Trusted {
		t.Errorf("not of a zone: %+v", a)
	}
}

func TestParseZone(t *testing.T) {
	tests := []struct{ name, origin, text, want string }{
		{"outside", "example.com", "@ A 5.6.7.8\n\nwww.example.net. A 5.6.7.8\n", "test.zone:3: www.example.net. lies outside of the zone example.com."},
		{"syntax", "example.com", "@ A 5.6.7.8\n@ A bogus\n", "test.zone:2:"},
		{"no origin", "", "www.example.com. A 5.6.7.8\n", "name it with ORIGIN=test.zone"},
		{"relative", "", "www A 5.6.7.8\n", "ORIGIN=test.zone"},
		{"include", "example.com", "$INCLUDE /etc/passwd\n", "test.zone:1:"},
		{"class", "example.com", "@ CH TXT \"x\"\n", "test.zone:1: the class is CH"},
		{"label", "example.com", strings.Repeat("a", 64) + " TXT \"x\"\n", "test.zone:1:"},
	}
	for _, tt := range tests {
		_, err := dns.ParseZone(strings.NewReader(tt.text), dns.Name(tt.origin), "test.zone")
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestZoneLines(t *testing.T) {
	z := parseZone(t, "example.com", "; head\n$TTL 60\n\n@ SOA ns root (\n 1 ; serial\n 2 3 4\n 5 )\n\n  TXT \"a\" ; why\nb\tTXT ( \"x\"\n \"y\" )\nc A 5.6.7.8\nc A 5.6.7.8\n")
	var got []string
	for _, r := range z.Records() {
		got = append(got, fmt.Sprintf("%d:%s", r.Line, r.Type))
	}
	if want := "4:SOA 9:TXT 10:TXT 12:A 13:A"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	// RFC 2181 §5: an RRset is a set.
	if got := show(t, dns.Overlay([]*dns.Zone{z}, nil), "c.example.com A"); got != "found 5.6.7.8" {
		t.Error(got)
	}
}

func TestZoneNames(t *testing.T) {
	z := parseZone(t, "Example.COM", `
WWW.Example.com. TXT "\228\"\;\\ x" a\032b
user@x A 5.6.7.8
a\046b A 5.6.7.9
`)
	if z.Origin != "example.com" {
		t.Errorf("origin %q", z.Origin)
	}
	r := dns.Overlay([]*dns.Zone{z}, nil)
	a, err := r.Resolve(t.Context(), "www.example.com", dns.TypeTXT)
	if err != nil || a.Status != dns.Found {
		t.Fatal(a, err)
	}
	if got, want := a.Records[0].Text(), "\xe4\";\\ xa b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want{
		dns.FromText("user@x.example.com").String() + " A": "found 5.6.7.8",
		`a\.b.example.com A`: "found 5.6.7.9",
		"b.example.com A":    "nxdomain",
	}.check(t, r)
}

func FuzzParseZone(f *testing.F) {
	f.Add("@ SOA ns root 1 2 3 4 5\n* TXT \"a\\200b\"\nx NS y\nd DNAME e\n")
	f.Add("$ORIGIN a.\n$TTL 1h\n$GENERATE 1-3 h$ A 5.6.7.$\n(\n")
	f.Add("\\001\\.x MX 0 .\nw CNAME \\065.b.\n")
	f.Fuzz(func(t *testing.T, text string) {
		z, err := dns.ParseZone(strings.NewReader(text), "example.com", "f")
		if err != nil {
			return
		}
		r := dns.Overlay([]*dns.Zone{z}, nil)
		for _, rec := range z.Records() {
			if !rec.Name.IsUnder("example.com") || rec.Name.Check() != nil || rec.Line < 1 {
				t.Fatalf("record %+v", rec)
			}
			for _, n := range []dns.Name{rec.Name, rec.Name.Child("x"), rec.Name.Parent()} {
				for _, qt := range []dns.Type{rec.Type, dns.TypeTXT, dns.TypeDS} {
					a, err := r.Resolve(t.Context(), n, qt)
					if err == nil && a.Status == "" {
						t.Fatalf("%s %s: an answer without status", n, qt)
					}
				}
			}
		}
	})
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"example.com", "User@Example.com.", `a\.b..c`, "\x00\xff.", ".", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := dns.FromText(s)
		if n.Check() != nil {
			return
		}
		if again := dns.FromPresentation(n.FQDN()); again != n {
			t.Fatalf("%q read again is %q", n, again)
		}
		if !n.IsUnder(n.Parent()) || !n.Child("x").IsUnder(n) {
			t.Fatalf("%q is not under its parent, or its child not under it", n)
		}
		if got := strings.Join(n.Labels(), "."); n != dns.Root && got != n.String() {
			t.Fatalf("%q has labels that join to %q", n, got)
		}
	})
}
