package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/internal/locale"
)

// Dates are as the language writes them; a second part without room goes below.
func TestLines(t *testing.T) {
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for lang, want := range map[string]string{"en": "2026-12-01", "pt-BR": "01/12/2026"} {
		if got := day(at, speaker(t, locale.Lang(lang))); got != want {
			t.Errorf("day in %s: got %q, want %q", lang, got, want)
		}
	}
	if got, want := heading(40, "1. Watch", "from today"), "1. Watch  from today\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := heading(30, "1. Watch  ", "from today, or at any day later"), "1. Watch\n   from today, or at any day\n   later\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := paragraph(24, "   → ", "discarded: it does not start so"), "   → discarded: it does\n     not start so\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for d, want := range map[time.Duration]string{time.Hour: "1 h", 10 * time.Minute: "10 min", 90*time.Minute + time.Second: "1 h 30 min 1 s"} {
		if got := shortTime(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

// A walk is read on a narrow terminal, too.
func TestWalkNarrow(t *testing.T) {
	for _, width := range []int{40, 60, 80} {
		var b strings.Builder
		trace := &dmarc.Trace{Domain: "news.example.com", OrgReason: "start", PolicyReason: "none", OrganizationalDomain: "news.example.com"}
		if err := writeTrace(&b, width, trace, speaker(t, locale.Portuguese)); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("at %d columns a line has %d: %q", width, n, line)
			}
		}
	}
}

func speaker(t *testing.T, lang locale.Lang) *locale.Localizer {
	t.Helper()
	l, err := locale.New(lang)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
