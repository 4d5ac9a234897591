package spf

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// valid are records whose syntax RFC 7208 allows, however odd they look.
var valid = []string{
	"v=spf1",
	"V=SpF1  ",
	"v=spf1 a mx -all",
	"v=spf1 a/24 a//64 a/24//64 mx/0 a:host.example/0//0 -all",                // §5.3
	"v=spf1 a:foo:bar/baz.example.com a:foo/8.example.com/24",                 // §7.1
	"v=spf1 ip4:0.0.0.0/0 ip6:::/0 ip6:::ffff:5.6.7.8 ip6:2001:db8::1.2.3.4",  // §5.6
	"v=spf1 exists:%{i}.%{l1r-}.%{d2}.example.com. exists:%{S}%{v}%%%_%-.com", // §7.1
	"v=spf1 include:%{d} redirect=%{o}.example exp=%{h}.example",
	"v=spf1 moo.cow-far_out=man:dog/cat x= y=%{c}%{t}",
	"v=spf1 a:1-2.example.1-2 a:x.9a9 a:.com",
}

// invalid are records that receivers answer with permerror, and the rule that
// says why.
var invalid = map[string]string{
	"v=spf1 ":                               "",
	"v=spf1 a:museum":                       "spf-domain-spec-invalid",
	"v=spf1 a:example.-com":                 "spf-domain-spec-invalid",
	"v=spf1 a:example.com:25":               "spf-domain-spec-invalid",
	"v=spf1 a:example.com/33":               "spf-cidr-invalid",
	"v=spf1 a//129":                         "spf-cidr-invalid",
	"v=spf1 a/":                             "spf-cidr-invalid",
	"v=spf1 a/00":                           "spf-cidr-invalid",
	"v=spf1 ip4:5.6.7.8/032":                "spf-cidr-invalid",
	"v=spf1 ip4:5.6.7.8//32":                "spf-cidr-invalid",
	"v=spf1 ip6:2001:db8::1/129":            "spf-cidr-invalid",
	"v=spf1 ptr/0":                          "spf-cidr-not-allowed",
	"v=spf1 all/8":                          "spf-all-with-argument",
	"v=spf1 -all:foobar":                    "spf-all-with-argument",
	"v=spf1 mx:":                            "spf-empty-argument",
	"v=spf1 exp=":                           "spf-empty-argument",
	"v=spf1 redirect=":                      "spf-empty-argument",
	"v=spf1 ip6":                            "spf-missing-argument",
	"v=spf1 exists:%{z}.example.com":        "spf-macro-syntax",
	"v=spf1 exists:%{i0}.example.com":       "spf-macro-syntax",
	"v=spf1 exists:%{i}x.example.com%":      "spf-macro-syntax",
	"v=spf1 exp=%{r}.example.com":           "spf-macro-exp-only-letter",
	"v=spf1 ip4:5.6.7.8\u00a0-all":          "spf-non-ascii",
	"v=spf1 ip4:5.6.7.8\r\n-all":            "spf-control-char",
	"v=spf1 $ -all":                         "spf-syntax-error",
	"v=spf1 - -all":                         "spf-syntax-error",
	"v=spf1 +redirect:x.example":            "spf-modifier-written-as-mechanism",
	"v=spf1 exp=a.example exp=b.example":    "spf-duplicate-modifier",
	"v=spf1 include:5.6.7.8":                "spf-a-with-ip",
	"v=spf1 exists:2001:db8::1":             "spf-a-with-ip",
	"v=spf1 include:_spf.a.example?all":     "spf-glued-all",
	"v=spf1 ip4:5.6.7.0/24-all":             "spf-glued-all",
	"v=spf1 -+all":                          "spf-double-qualifier",
	"v=spf1 ~include=_spf.a.example":        "spf-qualifier-on-modifier",
	"v=spf1 foo=%bar":                       "spf-unknown-modifier-bad-macro",
	"v=spf1 ip6:%{i}":                       "spf-macro-in-ip",
	"v=spf1 ip6:fe80::1%eth0":               "spf-ip6-invalid",
	"v=spf1 ip6:1::2::3":                    "spf-ip6-invalid",
	"v=spf1 include: _spf.a.example":        "spf-space-inside-term",
	"v=spf1 include:_spf.a.example\\; -all": "spf-backslash",
}

func TestParseValid(t *testing.T) {
	for _, text := range valid {
		if _, problems := Parse(text); firstFatal(problems) != nil {
			t.Errorf("Parse(%q): got %s, want a record without permerror", text, firstFatal(problems).Rule)
		}
	}
}

func TestParseInvalid(t *testing.T) {
	for text, want := range invalid {
		_, problems := Parse(text)
		got := ""
		if p := firstFatal(problems); p != nil {
			got = p.Rule
		}
		if got != want {
			t.Errorf("Parse(%q): got %q, want %q", text, got, want)
		}
	}
}

func TestParseTerms(t *testing.T) {
	rec, problems := Parse("v=spf1 +A:Host.example/24//64 ip4:5.6.7.77/24 ?include:_spf.%{d2} x-y=1 -all")
	if len(problems) == 0 {
		t.Error("got no problems, want notes on case, macro and modifier")
	}
	want := []Entry{
		{Kind: A, Text: "+A:Host.example/24//64", Name: "A", Sign: '+', Domain: "Host.example", Bits4: 24, Bits6: 64},
		{Kind: IP4, Text: "ip4:5.6.7.77/24", Name: "ip4", Addr: netip.MustParseAddr("5.6.7.77"), Bits4: 24, Bits6: -1},
		{Kind: Include, Text: "?include:_spf.%{d2}", Name: "include", Sign: '?', Domain: "_spf.%{d2}", Bits4: -1, Bits6: -1},
		{Kind: Unknown, Text: "x-y=1", Name: "x-y", Domain: "1", Bits4: -1, Bits6: -1},
		{Kind: All, Text: "-all", Name: "all", Sign: '-', Bits4: -1, Bits6: -1},
	}
	if diff := cmp.Diff(want, rec.Terms, cmpopts.IgnoreFields(Entry{}, "Span"), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("terms (-want +got):\n%s", diff)
	}
	if got := rec.Terms[1].prefix(); got != netip.MustParsePrefix("5.6.7.0/24") {
		t.Errorf("Prefix: got %v, want the network without host bits", got)
	}
}

func TestReplacements(t *testing.T) {
	for text, want := range map[string]string{
		"v=spf1 ip4:5.6.7.8;include:_spf.a.example~all;":           "v=spf1 ip4:5.6.7.8 include:_spf.a.example ~all",
		"v=spf1 include:münchen.example -all":                      "v=spf1 include:xn--mnchen-3ya.example -all",
		"v=spf1 “include:_spf.a.example” —all":                     "v=spf1 include:_spf.a.example -all",
		"v=spf1 inclde:_spf.a.example ipv6:2a01:4f8::1 - all":      "v=spf1 include:_spf.a.example ip6:2a01:4f8::1 -all",
		"v=spf1 ip4:5.6.7.8/255.255.255.240 include=a.example.":    "v=spf1 ip4:5.6.7.8/28 include:a.example.",
		"v=spf1 ip6:::ffff:5.6.7.0/120 a/024/064 --all":            "v=spf1 ip4:5.6.7.0/24 a/24//64 -all",
		"v=spf1 a:https://mail.example.com mx:me@example.com ~all": "v=spf1 a:mail.example.com mx:example.com ~all",
	} {
		rec, _ := Parse(text)
		got := rec.rewrite(nil)
		if got != want {
			t.Errorf("%q mended: got %q, want %q", text, got, want)
		}
		if _, problems := Parse(got); firstFatal(problems) != nil {
			t.Errorf("%q is still broken: %s", got, firstFatal(problems).Rule)
		}
	}
}

func TestNearMiss(t *testing.T) {
	for text, want := range map[string]string{
		"v = spf1 mx -all":         "v=spf1 mx -all",
		"v=spf 1 mx -all":          "v=spf1 mx -all",
		"\ufeffv=spf1 mx -all":     "v=spf1 mx -all",
		"\"v=spf1 mx -all\"":       "v=spf1 mx -all",
		"v=spf1, mx, -all":         "v=spf1 mx -all",
		"v=spf1: mx -all":          "v=spf1 mx -all",
		"v=spf1\tmx -all":          "v=spf1 mx -all",
		"v=spfl mx -all":           "v=spf1 mx -all",
		"SPF v=spf1 mx -all":       "v=spf1 mx -all",
		"spf=v=spf1 mx -all":       "v=spf1 mx -all",
		"v=spf2 mx -all":           "v=spf1 mx -all",
		"spf1 mx -all":             "v=spf1 mx -all",
		"v=spf1-all":               "v=spf1 -all",
		"v=spf1include:a.example":  "v=spf1 include:a.example",
		"v=spf10 mx -all":          "",
		"spf2.0/pra mx -all":       "",
		"spf-verification=12 a mx": "",
		"v=spf1x":                  "",
		"v=DMARC1; p=none":         "",
	} {
		fixed, end, ok := nearMiss(text)
		if fixed != want || ok != (want != "") || end > len(text) {
			t.Errorf("nearMiss(%q): got %q up to %d (%v), want %q", text, fixed, end, ok, want)
		}
	}
}

// FuzzParse holds Parse to its promises on any octets: spans inside the input,
// terms in order, and a canonical form that reads back as the same record.
func FuzzParse(f *testing.F) {
	for _, s := range valid {
		f.Add(s)
	}
	for s := range invalid {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rec, problems := Parse(text)
		for _, p := range problems {
			for _, s := range []int{p.Span.Start, p.Span.End, p.Term.Start, p.Term.End} {
				if s < 0 || s > len(text) {
					t.Fatalf("%s: span %v or %v lies outside of %d octets", p.Rule, p.Span, p.Term, len(text))
				}
			}
			if p.Span.Start > p.Span.End {
				t.Fatalf("%s: span %v is reversed", p.Rule, p.Span)
			}
		}
		if !slices.IsSortedFunc(rec.Terms, func(a, b Entry) int { return a.Span.Start - b.Span.Start }) {
			t.Fatalf("terms are out of order")
		}
		nearMiss(text)
		glued(strings.SplitAfter(text, "."))
		if !isRecord(text) || firstFatal(problems) != nil || len(rec.Terms) >= maxTerms {
			return
		}
		printed := rec.String()
		again, problems := Parse(printed)
		if p := firstFatal(problems); p != nil {
			t.Fatalf("%q prints as %q, which is broken: %s", text, printed, p.Rule)
		}
		if again.String() != printed || len(again.Terms) != len(rec.Terms) {
			t.Fatalf("%q prints as %q, then as %q", text, printed, again.String())
		}
	})
}
