package tlsrpt

import (
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
)

func names(problems []Problem) string {
	var out []string
	for _, p := range problems {
		s := strings.TrimPrefix(p.Rule, "tlsrpt-")
		if p.Variant != "" {
			s += "/" + p.Variant
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text, usable, problems string
	}{
		{"R1", "v=TLSRPTv1;rua=mailto:reports@example.com", "mailto:reports@example.com", ""},
		{"R2", "v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt", "https://reporting.example.com/v1/tlsrpt", ""},
		{"R3", "v=TLSRPTv1; rua=mailto:a@x.example , https://r.example/t;", "mailto:a@x.example https://r.example/t", ""},
		{"R4", "v=TLSRPTv1; rua=mailto:a@x.example; rua=mailto:b@x.example", "mailto:a@x.example mailto:b@x.example", "rua-repeated"},
		{"R5", "v=TLSRPTv1; rua=a@x.example", "", "rua-scheme/bare"},
		{"R6", "v=TLSRPTv1; rua=http://r.example/", "", "rua-scheme"},
		{"R7", "v=TLSRPTv1; rua=MAILTO:a@x.example", "MAILTO:a@x.example", ""},
		{"R8", "v=TLSRPTv1; rua=mailto:a@x.example!10m", "", "rua-size-suffix"},
		{"R9", "v=TLSRPTv1; rua=mailto:a%21b@x.example", "mailto:a%21b@x.example", ""},
		{"R10", "v=TLSRPTv1; rua= mailto:a@x.example", "", "rua-whitespace"},
		{"R11", "v=TLSRPTv1; rua=", "", "rua-empty"},
		{"R11 comma", "v=TLSRPTv1; rua=mailto:a@x.example,", "mailto:a@x.example", "rua-empty"},
		{"R11 inside", "v=TLSRPTv1; rua=mailto:a@x.example,,mailto:b@x.example", "mailto:a@x.example mailto:b@x.example", "rua-empty"},
		{"R12", "v=TLSRPTv1;", "", "rua-missing"},
		{"R14", "v=TLSRPTv1 ; rua=mailto:a@x.example", "mailto:a@x.example", "record-version-delimiter"},
		{"R15", "v=TLSRPTv1; rua=mailto:a@x.example; ext=1", "mailto:a@x.example", "record-extension"},
		{"R16", "v=TLSRPTv1; rua=mailto:a@x.example; ext=", "mailto:a@x.example", "record-syntax/value"},
		{"R19", "v=TLSRPTv1; RUA=mailto:a@x.example", "", "record-extension rua-missing"},
		{"R20", "v=TLSRPTv1; rua=mailto:a@x.example?subject=x", "mailto:a@x.example?subject=x", "rua-mailto-fields"},
		{"raw exclamation mark", "v=TLSRPTv1; rua=mailto:a!b@x.example", "", "rua-unencoded"},
		{"raw semicolon", "v=TLSRPTv1; rua=mailto:a;b@x.example", "", "rua-mailto-invalid rua-unencoded/semicolon"},
		{"raw comma", "v=TLSRPTv1; rua=mailto:a,b@x.example", "", "rua-unencoded/comma"},
		{"raw comma in a URL", "v=TLSRPTv1; rua=https://r.example/a,b", "https://r.example/a", "rua-unencoded/comma"},
		{"second without scheme", "v=TLSRPTv1; rua=mailto:a@x.example,b@x.example", "mailto:a@x.example", "rua-scheme/bare"},
		{"space inside", "v=TLSRPTv1; rua=mailto:a@x.example other", "", "rua-whitespace"},
		{"no at sign", "v=TLSRPTv1; rua=mailto:reports", "", "rua-mailto-invalid"},
		{"two addresses", "v=TLSRPTv1; rua=mailto:a@x.example%2Cb@y.example", "", "rua-mailto-invalid"},
		{"beyond ASCII", "v=TLSRPTv1; rua=mailto:jos\xc3\xa9@x.example", "", "rua-mailto-invalid"},
		{"EAI, encoded", "v=TLSRPTv1; rua=mailto:jos%C3%A9@x.example", "mailto:jos%C3%A9@x.example", ""},
		{"same twice", "v=TLSRPTv1; rua=mailto:a@x.example,MAILTO:a@X.example", "mailto:a@x.example MAILTO:a@X.example", "rua-duplicate"},
		{"URL with an equals sign", "v=TLSRPTv1; rua=https://r.example/t?x=1", "https://r.example/t?x=1", ""},
		{"no host", "v=TLSRPTv1; rua=https:///x", "", "rua-scheme/https"},
		{"two semicolons", "v=TLSRPTv1; rua=mailto:a@x.example;;", "mailto:a@x.example", "record-syntax/empty"},
	} {
		rec, problems := Parse(c.text)
		var usable []string
		for _, u := range rec.RUA {
			if c.text[u.Span.Start:u.Span.End] != u.Text {
				t.Errorf("%s: span of %q is off", c.name, u.Text)
			}
			if u.usable() {
				usable = append(usable, u.Text)
			}
		}
		if got := strings.Join(usable, " "); got != c.usable || names(problems) != c.problems {
			t.Errorf("%s: usable %q, problems %q; want %q, %q", c.name, got, names(problems), c.usable, c.problems)
		}
	}
	rec, _ := Parse("v=TLSRPTv1; rua=mailto:a%21b@x.example")
	if rec.RUA[0].Local != "a!b" || rec.RUA[0].Host != "x.example" {
		t.Errorf("R9: %+v", rec.RUA[0])
	}
}

func TestGenerate(t *testing.T) {
	for _, c := range []struct {
		in   []string
		want string
	}{
		{[]string{"mailto:tls-reports@example.com"}, "v=TLSRPTv1; rua=mailto:tls-reports@example.com"},
		{[]string{"mailto:a!b@x.example"}, "v=TLSRPTv1; rua=mailto:a%21b@x.example"}, // G17
		{[]string{"mailto:a@x.example", "https://r.example/a,b;c"}, "v=TLSRPTv1; rua=mailto:a@x.example,https://r.example/a%2Cb%3Bc"},
		{[]string{"mailto:tls@exämple.com"}, "v=TLSRPTv1; rua=mailto:tls@xn--exmple-cua.com"},
		{[]string{"mailto:a@x.example", "MAILTO:a@X.example", "https://r.example/t", "https://R.example/t"}, "v=TLSRPTv1; rua=mailto:a@x.example,https://r.example/t"},
	} {
		got, problems, err := Generate(Options{RUA: c.in})
		if err != nil || len(problems) > 0 || got != c.want {
			t.Errorf("Generate(%q) = %q, %v, %v, want %q", c.in, got, problems, err, c.want)
		}
		if _, faults := Parse(got); len(faults) > 0 {
			t.Errorf("%q does not read back: %v", got, faults)
		}
	}
	for _, bad := range []string{"tls@example.com", "http://r.example/", "mailto:x", "", "https://exämple.com/"} {
		if got, problems, err := Generate(Options{RUA: []string{bad}}); err != nil || len(problems) != 1 || problems[0].ID != "gen-tlsrpt-rua" || got != "" {
			t.Errorf("Generate(%q) = %q, %v, %v", bad, got, problems, err)
		}
	}
	for _, nowhere := range []string{"https://127.0.0.1/t", "https://[fe80::1]/t", "https://10.1.2.3/", "https://localhost/", "mailto:tls@localhost"} {
		if got, problems, err := Generate(Options{RUA: []string{nowhere}}); err != nil || len(problems) != 1 || problems[0].ID != "gen-tlsrpt-host" || got != "" {
			t.Errorf("Generate(%q) = %q, %v, %v", nowhere, got, problems, err)
		}
	}
	got, problems, err := Generate(Options{RUA: []string{"mailto:a@x.example?subject=tls"}})
	if err != nil || got != "v=TLSRPTv1; rua=mailto:a@x.example" || len(problems) != 1 || problems[0].ID != "gen-tlsrpt-fields" || problems[0].Severity != check.Notice {
		t.Errorf("with header fields: got %q, %v, %v", got, problems, err)
	}
	if _, _, err := Generate(Options{}); err == nil {
		t.Error("no rua is no error")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"v=TLSRPTv1; rua=mailto:a@x.example , https://r.example/t;", "v=TLSRPTv1 ;;rua= a!1m,,b;rua =", "v=TLSRPTv1;rua=mailto:\"a b\"@x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		rec, problems := Parse(s)
		for _, p := range problems {
			if p.Span != nil && (p.Span.Start < 0 || p.Span.Start > p.Span.End || p.Span.End > len(s)) {
				t.Errorf("%s: span %v in %d octets", p.Rule, *p.Span, len(s))
			}
		}
		clean := &Record{Extensions: rec.Extensions}
		for _, u := range rec.RUA {
			if u.usable() {
				clean.RUA = append(clean.RUA, u)
			}
		}
		if len(clean.RUA) == 0 {
			return
		}
		again, problems := Parse(clean.String())
		if hasFatal(problems) || again.String() != clean.String() {
			t.Errorf("%q prints as %q, which reads as %q with %v", s, clean, again, problems)
		}
	})
}
