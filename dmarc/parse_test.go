package dmarc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rules lists the problems of a text as rule IDs without the prefix.
func rules(problems []Problem) string {
	var ids []string
	for _, p := range problems {
		id := strings.TrimPrefix(p.Rule, "dmarc-")
		if p.Variant != "" {
			id += "/" + p.Variant
		}
		ids = append(ids, id)
	}
	return strings.Join(ids, " ")
}

func TestParse(t *testing.T) {
	tests := []struct {
		text  string
		valid bool
		want  string // problems in order
		fixed string // of the first problem
	}{
		// RFC 9989 §4.8: what a record may look like.
		{"v=DMARC1; p=none; rua=mailto:d@example.com", true, "", ""},
		{"v=DMARC1;p=none;", true, "", ""},
		{"v=DMARC1 ;\tp=none", true, "whitespace-style", "v=DMARC1; p=none"},
		{"v=DMARC1; p=Reject; adkim=S", true, "", ""},
		{"v=DMARC1; p=none; rua=mailto:d@example.com?subject=x", true, "", ""},
		{"v=DMARC1; p=none; rua=mailto:d@example.com , mailto:e@example.com", true, "", ""},
		{"v=DMARC1; p=none; ruf=mailto:d@example.com; fo=1:d:s", true, "", ""},
		{"v=DMARC1; p=none; ruf=mailto:d@example.com; fo=d:s", true, "", ""},
		{"v=DMARC1; p=none; rua=mailto:a%21b@example.com", true, "", ""},

		// Versions that are none.
		{"", false, "unrelated-txt", ""},
		{"hello", false, "unrelated-txt", ""},
		{"v=spf1 -all", false, "spf-at-dmarc", ""},
		{"v=DMARC1.0; p=none", false, "near-miss", "v=DMARC1; p=none"},
		{"v=DMARC 1; p=none", false, "near-miss", "v=DMARC1; p=none"},
		{"DMARC1; p=none", false, "near-miss", "v=DMARC1; p=none"},
		{"V=DMARC1; p=none", false, "near-miss", "v=DMARC1; p=none"},
		{"v=DMARC1,", false, "near-miss", "v=DMARC1"},
		{"v:DMARC1; p=none", false, "near-miss", "v=DMARC1; p=none"},
		{"v=DMARC1p=none", false, "near-miss", "v=DMARC1; p=none"},
		{"dmarc=DMARC1; p=none", false, "near-miss", "v=DMARC1; p=none"},
		{"\ufeffv=DMARC1; p=none", false, "near-miss value-charset/policy", "v=DMARC1; p=none"},
		{"v=DMARC2; p=none", false, "near-miss", ""},
		{"v=DMARC1 p=none", false, "version-semicolon-missing", "v=DMARC1; p=none"},
		{"p=none; v=DMARC1; rua=mailto:d@example.com", false, "version-not-first", "v=DMARC1; p=none; rua=mailto:d@example.com"},
		{`v=DMARC1\; p=none\;`, false, "escaped-semicolon", "v=DMARC1; p=none;"},
		{`"v=DMARC1; p=none"`, false, "record-quotes", "v=DMARC1; p=none"},
		{`"v=DMARC1\; p=none"`, false, "record-quotes", "v=DMARC1; p=none"},
		{"v=DMARC1| p=none", false, "separator-wrong", "v=DMARC1; p=none"},
		{"v=DMARC1\np=none", false, "separator-wrong value-charset/policy", "v=DMARC1; p=none"},

		// Elements and tags.
		{"v=DMARC1; p=none;; t=n", true, "element-empty", "v=DMARC1; p=none; t=n"},
		{"v=DMARC1; p=none\nsp=none", true, "p-invalid value-charset/policy separator-wrong", "v=DMARC1; p=none; sp=none"},
		{"v=DMARC1; p=none; junk", true, "tag-malformed", "v=DMARC1; p=none"},
		{"v=DMARC1; junk; p=none", true, "tag-malformed", "v=DMARC1; p=none"},
		{"v=DMARC1; p2=none; p=none", true, "tag-malformed", "v=DMARC1; p=none"},
		{"v=DMARC1; p=none; pt=1", true, "tag-unknown/typo", ""},
		{"v=DMARC1; poicy=none", true, "p-missing tag-unknown/typo", "v=DMARC1; p=none"},
		{"v=DMARC1; poicy=reject; rua=mailto:d@example.com", true, "p-missing/reporting tag-unknown/typo", "v=DMARC1; p=reject; rua=mailto:d@example.com"},
		{"v=DMARC1; poicy=often", true, "p-missing tag-unknown/typo", "v=DMARC1; p=none; poicy=often"},
		{"v=DMARC1; p=none; foo=bar", true, "tag-unknown/typo", ""},
		{"v=DMARC1; p=none; fo0=1; ruf=mailto:d@example.com", true, "tag-malformed", "v=DMARC1; p=none; ruf=mailto:d@example.com"},
		{"v=DMARC1; p=none; aspff=s", true, "tag-unknown/typo", "v=DMARC1; p=none; aspf=s"},
		{"v=DMARC1; p=none; x=1", true, "tag-unknown", ""},
		{"v=DMARC1; p=", true, "p-invalid", ""},
		{"v=DMARC1; p=none; sp=", true, "tag-empty", "v=DMARC1; p=none"},
		{"v=DMARC1; p=none,", true, "p-invalid", "v=DMARC1; p=none"},
		{"v=DMARC1; p=quarentine", true, "p-invalid", "v=DMARC1; p=quarantine"},
		{"v=DMARC1; p=rejected", true, "p-invalid", "v=DMARC1; p=reject"},
		{"v=DMARC1; p=xyz", true, "p-invalid", ""},
		{"v=DMARC1; p=none; aspf=strict", true, "aspf-invalid", "v=DMARC1; p=none; aspf=s"},
		{"v=DMARC1; p=none; t=maybe", true, "t-invalid", "v=DMARC1; p=none"},
		{"v=DMARC1; p=none; ruf=mailto:d@example.com; fo=1,d", true, "fo-invalid", "v=DMARC1; p=none; ruf=mailto:d@example.com; fo=1:d"},
		{"v=DMARC1; p=none; ruf=mailto:d@example.com; fo=d:d", true, "fo-invalid", "v=DMARC1; p=none; ruf=mailto:d@example.com; fo=d"},
		{"v=DMARC1; p=none; fo=x", true, "fo-without-ruf", "v=DMARC1; p=none"},
		{"v=DMARC1; p=none; pct=50", true, "pct", "v=DMARC1; p=none"},
		{"v=DMARC1; p=reject; pct=0", true, "pct/sampling", "v=DMARC1; p=reject; t=y"},
		{"v=DMARC1; p=reject; pct=500", true, "pct", "v=DMARC1; p=reject"},

		// Report addresses.
		{"v=DMARC1; p=none; rua=mail:d@example.com", true, "uri-no-scheme/only", "v=DMARC1; p=none; rua=mailto:d@example.com"},
		{"v=DMARC1; p=none; rua=mailto=d@example.com", true, "uri-no-scheme/only", "v=DMARC1; p=none; rua=mailto:d@example.com"},
		{"v=DMARC1; p=none; rua=mailto;d@example.com", true, "uri-no-scheme/only", "v=DMARC1; p=none; rua=mailto:d@example.com"},
		{"v=DMARC1; p=none; rua=<d@example.com>", true, "uri-malformed/only", "v=DMARC1; p=none; rua=mailto:d@example.com"},
		{"v=DMARC1; p=none; rua=mailto:d@example.com.", true, "uri-malformed/only", "v=DMARC1; p=none; rua=mailto:d@example.com"},
		{"v=DMARC1; p=none; rua=mailto:a!b@example.com", true, "uri-malformed/only", "v=DMARC1; p=none; rua=mailto:a%21b@example.com"},
		{"v=DMARC1; p=none; rua=mailto:d@example.com!99zz", true, "uri-malformed/only", ""},
		{"v=DMARC1; p=none; rua=mailto:d@example.com!", true, "uri-malformed/only", ""},
		{"v=DMARC1; p=none; rua=mailto:a@b@example.com", true, "uri-malformed/only", ""},
		{"v=DMARC1; p=none; rua=mailto:d@example.com,", true, "uri-malformed", "v=DMARC1; p=none; rua=mailto:d@example.com"},
		{"v=DMARC1; p=none; rua=a@example.com,b@example.com", true, "uri-no-scheme/only uri-no-scheme/only", "v=DMARC1; p=none; rua=mailto:a@example.com,b@example.com"},
		{"v=DMARC1; p=none; rua=mailto:a@example.com; b@example.com", true, "uri-list-separator", "v=DMARC1; p=none; rua=mailto:a@example.com,mailto:b@example.com"},
		{"v=DMARC1; p=none; rua=mailto:a@example.com, ruf=mailto:b@example.com", true, "separator-wrong", "v=DMARC1; p=none; rua=mailto:a@example.com; ruf=mailto:b@example.com"},
		{"v=DMARC1; p=none; rua=mailto:a@example.com ruf=mailto:b@example.com", true, "uri-malformed/only", "v=DMARC1; p=none; rua=mailto:a@example.com; ruf=mailto:b@example.com"},
		{"v=DMARC1; p=none; rua=https://example.com/r", true, "uri-scheme", ""},
		{"v=DMARC1; p=none; rua=mailto:d@exämple.com", true, "uri-malformed/only value-charset", ""},
	}
	for _, tt := range tests {
		rec, problems := Parse(tt.text)
		if rec.Valid != tt.valid {
			t.Errorf("%q: valid: got %v, want %v", tt.text, rec.Valid, tt.valid)
		}
		if got := rules(problems); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
			continue
		}
		if tt.want != "" && problems[0].Fixed != tt.fixed && tt.fixed != "" {
			t.Errorf("%q: fixed: got %q, want %q", tt.text, problems[0].Fixed, tt.fixed)
		}
	}
}

func TestRecord(t *testing.T) {
	rec, _ := Parse("v=DMARC1; p=reject; np=quarantine; t=y; psd=n; adkim=s; rua=mailto:D@Example.com!10m,https://r.example/x; ruf=bad; p=none; x=1")
	if got, want := rec.String(), "v=DMARC1; p=reject; np=quarantine; t=y; psd=n; adkim=s; rua=mailto:D@Example.com!10m,https://r.example/x; ruf=bad; p=none; x=1"; got != want {
		t.Errorf("String: got %q, want %q", got, want)
	}
	if rec.Level("p") != Reject || rec.Level("np") != Quarantine || rec.Level("sp") != 0 {
		t.Errorf("levels: got %v %v %v", rec.Level("p"), rec.Level("np"), rec.Level("sp"))
	}
	if !rec.Testing() || rec.PSD() != "n" || !rec.Strict("adkim") || rec.Strict("aspf") || rec.Broken() || !rec.ValidRUA() {
		t.Error("t, psd, adkim, aspf or rua is read wrongly")
	}
	u := rec.RUA[0]
	if u.Text != "mailto:D@Example.com" || u.Host != "example.com" || u.Size != "10m" || !u.Valid {
		t.Errorf("first rua: got %+v", u)
	}
	if rec.RUF[0].Valid {
		t.Errorf("ruf: got %+v", rec.RUF[0])
	}
	for in, want := range map[string]string{
		"v=DMARC1":                 "v=DMARC1; np=reject",
		"v=DMARC1; p=none;":        "v=DMARC1; p=none; np=reject;",
		"v=DMARC1;p=none;fo=1":     "v=DMARC1;p=none; np=reject;fo=1",
		"v=DMARC1; np=none; p=no":  "v=DMARC1; np=reject; p=no",
		"v=DMARC1; rua=mailto:a@b": "v=DMARC1; np=reject; rua=mailto:a@b",
	} {
		rec, _ := Parse(in)
		if got := rec.with("np", "reject"); got != want {
			t.Errorf("%q with np=reject: got %q, want %q", in, got, want)
		}
	}
}

func TestMerge(t *testing.T) {
	for _, tt := range []struct{ a, b, want string }{
		{"v=DMARC1; p=reject", "v=DMARC1; p=none; rua=mailto:a@example.com", "v=DMARC1; p=reject; rua=mailto:a@example.com"},
		{"v=DMARC1; p=none; sp=reject; rua=mailto:a@example.com", "v=DMARC1; p=quarantine; rua=mailto:b@example.com", "v=DMARC1; p=quarantine; sp=reject; rua=mailto:a@example.com,mailto:b@example.com"},
		{"v=DMARC1; p=none; np=reject; aspf=s", "v=DMARC1; p=none; adkim=s", "v=DMARC1; p=none; np=reject; adkim=s; aspf=s"},
	} {
		if got := merge([]string{tt.a, tt.b}); got != tt.want {
			t.Errorf("merging %q and %q: got %q, want %q", tt.a, tt.b, got, tt.want)
		}
	}
}

// A fix mends what it is for: the fault is gone from the text it proposes, and
// the proposal has no more faults than the text had.
func TestFixes(t *testing.T) {
	for _, text := range []string{
		"v=DMARC1; p=none; junk; pct=100; rf=afrf; ri=1; x=1", "v=DMARC1; P=none;; sp=quarentine; rua=a@example.com",
		"v=DMARC1; rua=mailto:a@example.com,b@example.com; p=reject", "v=DMARC1; p=reject; p=none; sp=",
		"v=DMARC1; p=none; rua=mailto:a@example.com!10m,mailto:a@example.com; fo=1", "v = DMARC1 ; p=reject, rua=mailto:a@example.com",
		"v=DMARC1; p=monitor; adkim=strict; aspf=x; t=yes; psd=no; ruf=mailto://a@example.com; fo=0:1", `v=DMARC1; p="none"; rau=x`,
		"v=DMARC1; p=none\\; rua=mailto:a@example.com; mailto:b@example.com", "v=DMARC1; p=“reject”; rua=mailto:a@example.com mailto:b@example.com",
	} {
		_, problems := Parse(text)
		for _, p := range problems {
			if p.Fixed == "" {
				continue
			}
			rec, left := Parse(p.Fixed)
			for _, q := range left {
				if q.Rule == p.Rule && q.Tag == p.Tag && len(left) >= len(problems) {
					t.Errorf("%s: %q is no fix of %q", p.Rule, p.Fixed, text)
				}
			}
			if !rec.Valid {
				t.Errorf("%s: the fix %q of %q is no record", p.Rule, p.Fixed, text)
			}
		}
	}
}

// FuzzParse holds the parser to its promises: no panic, spans inside the text,
// and what String prints is read back as the same tags.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"v=DMARC1; p=none", "v = DMARC1 ;\tp=x;;", "v=DMARC1; rua=mailto:a@b,; c@d", `v=DMARC1\; p=`, "\"v=DMARC1; p=none\"",
		"v=DMARC1; rua=mailto;x@y; ruf=a@b c@d!9", "p=1; v=DMARC1", "v=DMARC1,p=none|sp=x\nfo=", "v=DMARC1;\xc2\xa0p=\xff;P=1;p=2",
		"v=DMARC1; rua=mailto:; ; mailto:x@y?a=b", "v=DMARC1; ruf=,,,; fo=0:1:z; pct=-1; poicy=",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rec, problems := Parse(text)
		for _, p := range problems {
			if p.Span.Start < 0 || p.Span.Start > p.Span.End || p.Span.End > len(text) {
				t.Fatalf("%s: span %v outside %d octets", p.Rule, p.Span, len(text))
			}
			Parse(p.Fixed)
		}
		if !rec.Valid {
			if len(problems) == 0 {
				t.Fatal("an invalid text without a problem")
			}
			return
		}
		type pair struct{ Name, Value string }
		pairs := func(r *Record) (out []pair) {
			for _, tag := range r.Tags {
				if tag.Span.Start < 0 || tag.Span.End > len(r.Text) || r.Text[tag.value.Start:tag.value.End] != tag.Value {
					t.Fatalf("tag %q: its spans are off", tag.Name)
				}
				out = append(out, pair{tag.Name, tag.Value})
			}
			return out
		}
		again, _ := Parse(rec.String())
		if diff := cmp.Diff(pairs(rec), pairs(again)); diff != "" {
			t.Fatalf("%q printed and read again (-first +again):\n%s", text, diff)
		}
		consent, ok := parseConsent(text)
		if ok && !consent.Valid {
			t.Fatal("consent of a text that is no record")
		}
		for _, name := range []string{"np", "psd", "t"} {
			if set, _ := Parse(rec.with(name, "n")); set.Tag(name) == nil {
				t.Fatalf("%q with %s: %q", text, name, rec.with(name, "n"))
			}
			if dropped, _ := Parse(rec.without(name)); dropped.Tag(name) != nil {
				t.Fatalf("%q without %s: %q", text, name, rec.without(name))
			}
		}
	})
}
