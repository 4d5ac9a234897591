package mtasts

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/dns"
)

// p1 is the policy of the worked examples.
const p1 = "version: STSv1\nmode: enforce\nmx: mx1.example.com\nmx: mx2.example.com\nmax_age: 604800\n"

// names lists the rules of problems, with -variant, without their prefix.
func names(problems []Problem, prefix string) string {
	var out []string
	for _, p := range problems {
		s := strings.TrimPrefix(p.Rule, prefix)
		if p.Variant != "" {
			s += "/" + p.Variant
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}

func TestParseRecord(t *testing.T) {
	for _, c := range []struct{ text, id, problems string }{
		{"v=STSv1; id=20160831085700Z;", "20160831085700Z", ""},
		{"v=STSv1;id=a", "a", ""},
		{"v=STSv1; id=" + "policy1;", "policy1", ""},
		{"v=STSv1 ; id=a;", "a", "version-delimiter"},
		{"v=STSv1; id=" + strings.Repeat("a", 32), strings.Repeat("a", 32), ""},
		{"v=STSv1; id=" + strings.Repeat("a", 33), "", "id-invalid/long"},
		{"v=STSv1; id=2026-11-23", "", "id-invalid"},
		{"v=STSv1; id=", "", "id-invalid/empty"},
		{"v=STSv1;", "", "id-missing"},
		{"v=STSv1; ID=a", "", "extension id-missing"},
		{"v=STSv1; id = a", "", "syntax/space"},
		{"v=STSv1; id=a ", "a", "syntax/tail"},
		{"v=STSv1; id=a ;", "a", ""},
		{"v=STSv1; \t id=a  \t;", "a", ""},
		{"v=STSv1; id=a; note=has space", "a", "syntax/value"},
		{"v=STSv1; id=a; id=b", "a", "id-duplicate"},
		{"v=STSv1; id=a; note=café", "a", "syntax/value"},
		{"v=STSv1; id=a; note=", "a", "syntax/value"},
		{"v=STSv1; id=a;;", "a", "syntax/empty"},
		{"v=STSv1; id=a; x=y", "a", "extension"},
	} {
		rec, problems := ParseRecord(c.text)
		if got := names(problems, "mtasts-record-"); rec.ID != c.id || got != c.problems {
			t.Errorf("ParseRecord(%q) = id %q, problems %q; want %q, %q", c.text, rec.ID, got, c.id, c.problems)
		}
	}
}

func TestParsePolicy(t *testing.T) {
	with := func(old, new string) string { return strings.Replace(p1, old, new, 1) }
	mx := func(v string) string { return with("mx1.example.com", v) }
	age := func(v string) string { return with("604800", v) }
	for _, c := range []struct{ name, body, problems string }{
		{"P1", p1, ""},
		{"P2 CRLF", strings.ReplaceAll(p1, "\n", "\r\n"), ""},
		{"P2 mixed", with("\n", "\r\n"), ""},
		{"P2 no last newline", strings.TrimSuffix(p1, "\n"), ""},
		{"P3 order", "max_age: 604800\nmx: a.example\nmode: enforce\nversion: STSv1\n", ""},
		{"P4 middle", with("\n", "\n\n"), "blank-line"},
		{"P4 end", p1 + "\n", "blank-line"},
		{"P5", "version: STSv1\nmode: none\nmax_age: 86400\n", ""},
		{"P6", "version: STSv1\nmode: enforce\nmax_age: 604800\n", "mx-missing"},
		{"P7", "version: STSv1\nmode: enforce\nnmx: a.example\nmax_age: 604800\n", "key-near-miss mx-missing"},
		{"P8", with("mode", "Mode"), "key-near-miss mode/missing"},
		{"P9", with("enforce", "Enforce"), "mode"},
		{"P10 most", age("31557600"), ""},
		{"P10 beyond", age("31557601"), "max-age"},
		{"P10 sign", age("-1"), "max-age"},
		{"P10 exponent", age("1e6"), "max-age"},
		{"P10 11 digits", age("00000000001"), "max-age"},
		{"P11 wildcard", mx("*.example.com"), ""},
		{"P11 bare", mx("*"), "mx-invalid/wildcard"},
		{"P11 inside", mx("mail.*.example.com"), "mx-invalid/wildcard"},
		{"P11 glued", mx("*mail.example.com"), "mx-invalid/wildcard"},
		{"P11 address", mx("192.0.2.1"), "mx-invalid/address"},
		{"P11 IPv6", mx("[2001:db8::1]"), "mx-invalid/address"},
		{"P11 U-label", mx("exämple.com"), "mx-invalid/unicode"},
		{"P11 list", mx("a.example, b.example"), "mx-invalid/list"},
		{"P11 wildcard of an address", mx("*.192.0.2.1"), "mx-invalid/address"},
		{"P11 dot", mx("mx.example.com."), "mx-invalid/dot"},
		{"P11 wildcard of nothing", mx("*."), "mx-invalid/wildcard"},
		{"P12", p1 + "x-note: a:b c\n", ""},
		{"P13", with("mode: enforce", "mode: testing\nmode: enforce"), "duplicate-key/differs"},
		{"P14", "\xef\xbb\xbf" + p1, "bom"},
		{"P15", "\r\n<html></html>", "html"},
		{"P15 with a mark", "\xef\xbb\xbf<html></html>", "html"},
		{"P16", p1 + "x: " + strings.Repeat("a", MaxPolicySize-len(p1)-4) + "\n", ""},
		{"P17", with("\n", "\r"), "mode/missing syntax/cr version/missing"},
		{"trailing white space", with("enforce", "enforce \t"), ""},
		{"space before the colon", with("mode:", "mode :"), "mode/missing syntax/key"},
		{"NUL", p1 + "x: a\x00b\n", "syntax/control"},
		{"UTF-8 in an extension", p1 + "x: né\n", ""},
		{"empty", "", "syntax/empty"},
		{"white space", " \n", "syntax/empty"},
	} {
		policy, problems := parsePolicy([]byte(c.body))
		if got := names(problems, "mtasts-policy-"); got != c.problems {
			t.Errorf("%s: problems %q, want %q", c.name, got, c.problems)
		}
		if c.name == "P13" && policy.Mode != Testing {
			t.Errorf("P13: mode %q, want the first", policy.Mode)
		}
	}
	if sum := sha256.Sum256([]byte(p1)); len(p1) != 85 || hex.EncodeToString(sum[:]) != "dfeeb16d96ec167d8ab81c16262fcd022d6486d9e4842b84f31284431306543b" {
		t.Errorf("P1 has %d octets and the digest %x", len(p1), sum)
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern string
		mx      dns.Name
		want    bool
	}{
		{"mail.example.com", dns.FromText("MAIL.example.com."), true},
		{"Mail.Example.COM", "mail.example.com", true},
		{"*.example.com", "mail.example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", "a.b.example.com", false},
		{"example.com", "mail.example.com", false},
		{"mx.example.com", "mx.example.com.evil.net", false},
		{"*.xn--bcher-kva.example", "mx.xn--bcher-kva.example", true},
		{"mx.prov.net", "mail.example.com", false}, // an alias of mx.prov.net: the MX name counts
		{"*.com", "com", false},
		{"*", "com", false},
	} {
		if got := matches(c.pattern, c.mx); got != c.want {
			t.Errorf("Matches(%q, %q) = %v, want %v", c.pattern, c.mx, got, c.want)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, s := range []string{"v=STSv1; id=a; x=y", "v=STSv1 ;; id = b ", "v=STSv1;id=\xff;=;a=="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		rec, problems := ParseRecord(s)
		inside(t, problems, len(s))
		if rec.ID == "" {
			return
		}
		again, problems := ParseRecord(rec.String())
		if hasFatal(problems, fatalRecord) || again.ID != rec.ID || len(again.Extensions) != len(rec.Extensions) {
			t.Errorf("%q prints as %q, which reads as %+v with %v", s, rec, again, problems)
		}
	})
}

func FuzzParsePolicy(f *testing.F) {
	for _, s := range []string{p1, "\xef\xbb\xbfversion: STSv1\r\nmode: none\r\nmax_age: 1", "<html>", "# a\n\nmx: *\nMode: x\rmx:", "x: \x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, problems := parsePolicy(body)
		inside(t, problems, len(body))
		for i, sp := range p.mxSpans {
			if got := string(body[sp.Start:sp.End]); got != p.MX[i] {
				t.Errorf("span %v holds %q, want %q", sp, got, p.MX[i])
			}
		}
		if hasFatal(problems, fatalPolicy) {
			return
		}
		again, problems := parsePolicy([]byte(p.String()))
		if hasFatal(problems, fatalPolicy) {
			t.Errorf("%q prints as %q, which has %v", body, p, problems)
		}
		if diff := cmp.Diff(p.String(), again.String()); diff != "" {
			t.Error(diff)
		}
	})
}

func inside(t *testing.T, problems []Problem, size int) {
	for _, p := range problems {
		if p.Span != nil && (p.Span.Start < 0 || p.Span.Start > p.Span.End || p.Span.End > size) {
			t.Errorf("%s: span %v in %d octets", p.Rule, *p.Span, size)
		}
	}
}
