package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/check"
)

// TestSinceInWords: what changed is one line for a screen, and all of it where
// there is room.
func TestSinceInWords(t *testing.T) {
	for _, tt := range []struct{ lang, line, was string }{
		{"en", "Since 2026-11-01: 2 fixed, 1 new, 1 worse, score 90 → ", "(notice before)"},
		{"pt-BR", "Desde 01/11/2026: 2 resolvidos, 1 novo, 1 mais grave, pontuação 90 → ", "(antes: observação)"},
	} {
		d := fixture(t, "typical", tt.lang)
		f := func(rule, message, why string) SinceFinding {
			return SinceFinding{Rule: rule, Severity: check.Warning, Subject: "example.com", Message: message, Why: why}
		}
		d.Reports[0].Since = &Since{
			StartedAt: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC), Score: 90, Grade: "A",
			New: []SinceFinding{f("r-new", "came \x1b[31m|x", "")}, Worse: []SinceFinding{f("r-worse", "grew", "notice")},
			Fixed: []SinceFinding{f("r-one", "went", ""), f("r-two", "went too", "")},
		}
		wide := TextOptions{Width: 200}
		short := text(t, d, wide)
		if !strings.Contains(short, tt.line) || strings.Contains(short, "r-new") {
			t.Errorf("%s: short form without %q, or with more than it:\n%s", tt.lang, tt.line, short)
		}
		wide.Verbose = true
		long := text(t, d, wide)
		var md bytes.Buffer
		if err := WriteMarkdown(&md, d, tt.lang); err != nil {
			t.Fatal(err)
		}
		page := htmlOf(t, d, HTMLOptions{})
		for name, out := range map[string]string{"text": long, "markdown": md.String(), "page": page} {
			if !strings.Contains(out, tt.was) && !strings.Contains(out, strings.Trim(tt.was, "()")) {
				t.Errorf("%s %s: %q is missing", tt.lang, name, tt.was)
			}
			if !strings.Contains(out, "went too") || strings.Contains(out, "\x1b") {
				t.Errorf("%s %s: a finding is missing, or not escaped", tt.lang, name)
			}
		}
	}
}
