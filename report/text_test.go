package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
)

func text(t *testing.T, d *Document, opts TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteText(&b, d, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	for _, lang := range []string{"en", "pt-BR"} {
		for _, name := range fixtureNames {
			d := fixture(t, name, lang)
			golden(t, "text/"+name+"."+lang+".txt", []byte(text(t, d, TextOptions{})))
		}
		golden(t, "text/several."+lang+".txt", []byte(text(t, several(t, lang), TextOptions{Width: 100})))
	}
	golden(t, "text/typical.verbose.en.txt", []byte(text(t, fixture(t, "typical", "en"), TextOptions{Verbose: true, Width: 100})))
}

func TestTextFitsOneScreen(t *testing.T) {
	for _, name := range []string{"perfect", "typical", "parked", "broken"} {
		if n := strings.Count(text(t, fixture(t, name, "en"), TextOptions{}), "\n"); n > 32 {
			t.Errorf("%s takes %d lines", name, n)
		}
	}
}

// TestTextIsHarmless: nothing that a stranger wrote acts on the terminal.
func TestTextIsHarmless(t *testing.T) {
	for _, verbose := range []bool{false, true} {
		for _, d := range []*Document{fixture(t, "hostile", "en"), several(t, "en")} {
			out := strings.ReplaceAll(text(t, d, TextOptions{Verbose: verbose}), "\n", "")
			if i := strings.IndexFunc(out, hides); i >= 0 {
				t.Errorf("verbose=%v: %q", verbose, out[max(0, i-40):min(len(out), i+40)])
			}
		}
	}
}

func TestTextColor(t *testing.T) {
	d := fixture(t, "typical", "en")
	colored, plain := text(t, d, TextOptions{Color: true}), text(t, d, TextOptions{})
	if !strings.Contains(colored, "\x1b[33m") || strings.Contains(plain, "\x1b") {
		t.Error("colour is not what Color says")
	}
	stripped := colored
	for _, sgr := range toneSGR {
		stripped = strings.ReplaceAll(stripped, "\x1b["+sgr+"m", "")
	}
	if stripped = strings.ReplaceAll(stripped, "\x1b[0m", ""); len(stripped) < len(plain)-20 {
		t.Error("colour changes the words")
	}
}

func TestTextOfNothing(t *testing.T) {
	if got := text(t, &Document{}, TextOptions{}); got != "No domain was audited.\n" {
		t.Errorf("got %q", got)
	}
	got := text(t, &Document{Reports: []*Report{{Domain: "example.com"}}}, TextOptions{Lang: "pt-BR"})
	if !strings.HasPrefix(got, "example.com  sem conceito") {
		t.Errorf("got %q", got)
	}
}

// TestTextSaysACauseOnce: rules that one cause leaves open stand together below it.
func TestTextSaysACauseOnce(t *testing.T) {
	d := fixture(t, "perfect", "en")
	const cause = "nothing may leave the machine (--offline)"
	n := 0
	for i := range d.Reports[0].Results {
		if r := &d.Reports[0].Results[i]; r.Standard == "starttls" && n < 3 {
			r.Status, r.Cause, r.Findings = check.Unknown, cause, []Finding{}
			n++
		}
	}
	out := text(t, d, TextOptions{Verbose: true, Width: 200})
	if got := strings.Count(out, "? "+cause+"\n"); n != 3 || got != 1 {
		t.Errorf("%d rules are open, and their cause stands %d times as a heading:\n%s", n, got, out)
	}
}
