package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/postseal/postseal/check"
)

func TestASCII(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"plain", "plain"},
		{"✗ error · +12 → 81 B", "x error - +12 -> 81 B"},
		{"conceito não há: ção", "conceito nao ha: cao"},
		{"└─ include:a.example", "`- include:a.example"},
		// A name must not become another name.
		{"münchen.example", `m\u00fcnchen.example`},
		{"pаypal.example", `p\u0430ypal.example`},
		{"😀", `\U0001f600`},
		{"\xff", `\xff`},
	} {
		if got := ASCII(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

// TestASCIIReports: reports of both languages come out as ASCII, the symbols of
// ours with a stand-in, and no two states with the same.
func TestASCIIReports(t *testing.T) {
	for _, lang := range []string{"en", "pt-BR"} {
		for _, name := range fixtureNames {
			for _, verbose := range []bool{false, true} {
				plain := text(t, fixture(t, name, lang), TextOptions{Verbose: verbose})
				out := ASCII(plain)
				if i := strings.IndexFunc(out, func(r rune) bool { return r > unicode.MaxASCII }); i >= 0 {
					t.Errorf("%s %s: %q", name, lang, out[i:min(len(out), i+20)])
				}
				// The one name with a letter of another language keeps it as an escape.
				if name != "hostile" && strings.Contains(strings.ReplaceAll(out, `\u00fc`, ""), `\u`) {
					t.Errorf("%s %s: a character without a stand-in: %s", name, lang, out)
				}
			}
		}
	}
	shapes := map[string]string{}
	for _, s := range []check.Severity{check.Error, check.Warning, check.Notice} {
		st := severityState(s)
		shape := ASCII(st.Symbol)
		if other, have := shapes[shape]; have && other != st.Symbol {
			t.Errorf("%s and %s are both %q", other, st.Symbol, shape)
		}
		shapes[shape] = st.Symbol
	}
}

// TestRulePageLanguage: a link leads to the page in the language of the report,
// and that page is there.
func TestRulePageLanguage(t *testing.T) {
	const home = "https://github.com/postseal/postseal/blob/main/"
	for lang, want := range map[string]string{
		"en":    "docs/rules/dmarc-policy-none.md",
		"pt-BR": "docs/rules/pt-BR/dmarc-policy-none.md",
	} {
		got := text(t, fixture(t, "typical", lang), TextOptions{Verbose: true, Links: true})
		if !strings.Contains(got, "\x1b]8;;"+home+want+"\x1b\\") {
			t.Errorf("%s: no link to %s", lang, want)
		}
		if _, err := os.Stat(filepath.FromSlash("../" + want)); err != nil {
			t.Error(err)
		}
	}
}

// TestLinks: a link goes round the ID of a rule and changes nothing else.
func TestLinks(t *testing.T) {
	d := fixture(t, "typical", "en")
	plain, linked := text(t, d, TextOptions{Verbose: true}), text(t, d, TextOptions{Verbose: true, Links: true})
	const page = "https://github.com/postseal/postseal/blob/main/docs/rules/dmarc-policy-none.md"
	if !strings.Contains(linked, "\x1b]8;;"+page+"\x1b\\dmarc-policy-none\x1b]8;;\x1b\\") {
		t.Errorf("dmarc-policy-none is no link:\n%q", linked)
	}
	var b strings.Builder
	for rest := linked; ; {
		before, after, found := strings.Cut(rest, "\x1b]8;;")
		b.WriteString(before)
		if !found {
			break
		}
		_, rest, _ = strings.Cut(after, "\x1b\\")
	}
	if b.String() != plain {
		t.Error("links change the text")
	}
}

func TestQuiet(t *testing.T) {
	out := text(t, several(t, "pt-BR"), TextOptions{Quiet: true})
	if got, want := strings.Count(out, "\n"), len(fixtureNames); got != want {
		t.Errorf("got %d lines, want one for each of %d domains:\n%s", got, want, out)
	}
}
