package report

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/postseal/postseal/check"

	"github.com/postseal/postseal/internal/zonetext"
)

func TestEscape(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"v=spf1 -all", "v=spf1 -all"},
		{`a\b "c"`, `a\b "c"`},
		{"bürgerbüro 日本", "bürgerbüro 日本"},
		{"\x1b[31mred", `\x1b[31mred`},
		{"a\r\nb\tc\x00\x7f", `a\x0d\x0ab\x09c\x00\x7f`},
		{"\u202Eexe.txt\u2066\u200b\ufeff", `\u202eexe.txt\u2066\u200b\ufeff`},
		{"\u0085\u2028", `\u0085\u2028`},
		{"a\xffb\xc3", `a\xffb\xc3`},
		{"x\U000e0041y", `x\U000e0041y`},
		{"fill\u3164er\u034f", `fill\u3164er\u034f`},
		{"10\u00a0%", "10\u00a0%"},
	} {
		if got := Escape(tt.in); got != tt.want {
			t.Errorf("Escape(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("\x1b]8;;\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := Escape(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, hides) {
			t.Errorf("Escape(%q) = %q still has something to hide", s, got)
		}
		if again := Escape(got); again != got {
			t.Errorf("Escape twice: %q, then %q", got, again)
		}
		if q := zonetext.Quote(s); strings.ContainsFunc(q, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("zonetext.Quote(%q) = %q is not plain ASCII", s, q)
		}
	})
}

func TestValidTextMovesSpans(t *testing.T) {
	text, span := validText("a\xffb c\xfe", &check.Span{Start: 4, End: 6})
	if want := `a\xffb c\xfe`; text != want || span == nil || text[span.Start:span.End] != `c\xfe` {
		t.Errorf("got %q %v, want %q with the span over its last part", text, span, want)
	}
	if _, span := validText("abc", &check.Span{Start: 2, End: 9}); span != nil {
		t.Errorf("a span outside the text stays: %v", span)
	}
}

func TestZoneLines(t *testing.T) {
	for _, tt := range []struct{ name, rrtype, value, want string }{
		{"_dmarc.example.com.", "TXT", "v=DMARC1; p=none", `_dmarc.example.com. TXT "v=DMARC1; p=none"`},
		{"example.com.", "TXT", "say \"hi\" \\ \x1b\u00fc", `example.com. TXT "say \"hi\" \\ \027\195\188"`},
		{"example.com.", "MX", "10 mx.example.com.", "example.com. MX 10 mx.example.com."},
		{"k.example.com.", "TXT", strings.Repeat("a", 300), `k.example.com. TXT ( "` + strings.Repeat("a", 255) + `" "` + strings.Repeat("a", 45) + `" )`},
	} {
		if got := zoneLine(tt.name, tt.rrtype, tt.value); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}
