package dmarc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/steady"
)

// meaning is all that a receiver reads of a record.
func meaning(r *Record) string {
	var uris []string
	for _, u := range append(append([]URI{}, r.RUA...), r.RUF...) {
		uris = append(uris, fmt.Sprint(u.Tag, " ", u.Text, " ", u.Valid, " ", u.Scheme, " ", u.Host, " ", u.Size))
	}
	return fmt.Sprint(r.Valid, " ", r.Level("p"), r.Level("sp"), r.Level("np"), " t=", r.Testing(), " psd=", r.PSD(),
		" adkim=", r.Strict("adkim"), " aspf=", r.Strict("aspf"), " broken=", r.Broken(), " pct=", r.pct(), " ", uris)
}

// A record drawn from parts of records, good and bad: read, printed and read
// again it says the same, and what is wrong with it lies inside the text.
func TestRecordsMeanWhatTheyPrint(t *testing.T) {
	steady.Seed(t, 480)
	valid := 0
	rapid.Check(t, func(t *rapid.T) {
		space := rapid.SampledFrom([]string{"", "", "", " ", "\t", "  "})
		value := rapid.SampledFrom([]string{
			"none", "quarantine", "reject", "Reject", "rejekt", "", "y", "n", "u", "Y", "r", "s", "0", "1:d:s", "0:1", "100", "20", "-1", "300",
			"mailto:a@example.com", "mailto:a@example.com!10m", "mailto:a@example.com,mailto:b@example.net", "a@example.com", "mailto:",
			"https://example.com/x", "mailto:a@example.com,", "DMARC1", "x y", "\"none\"", "é", "=",
		})
		name := rapid.SampledFrom([]string{"p", "p", "sp", "np", "t", "psd", "adkim", "aspf", "rua", "ruf", "fo", "pct", "rf", "ri", "v", "P", "x", "rau", "", "p2"})
		var b strings.Builder
		b.WriteString(rapid.SampledFrom([]string{"v=DMARC1", "v=DMARC1", "v=DMARC1", "v = DMARC1", "V=DMARC1", "v=dmarc1", " v=DMARC1", ""}).Draw(t, "version"))
		for range rapid.IntRange(0, 7).Draw(t, "tags") {
			b.WriteString(rapid.SampledFrom([]string{";", ";", ";", "; ", " ;", ";;", ",", " "}).Draw(t, "separator"))
			b.WriteString(space.Draw(t, "before") + name.Draw(t, "name") + space.Draw(t, "between"))
			b.WriteString(rapid.SampledFrom([]string{"=", "=", "=", " = ", "", ":"}).Draw(t, "equals"))
			b.WriteString(value.Draw(t, "value") + space.Draw(t, "after"))
		}
		text := b.String()
		rec, problems := Parse(text)
		inside := func(what string, s check.Span) {
			if s.Start < 0 || s.Start > s.End || s.End > len(text) {
				t.Fatalf("%q: the span %v of %s lies outside", text, s, what)
			}
		}
		for _, p := range problems {
			inside(p.Rule, p.Span)
		}
		for _, tag := range rec.Tags {
			inside(tag.Name, tag.Span)
		}
		for _, u := range append(append([]URI{}, rec.RUA...), rec.RUF...) {
			inside(u.Text, u.Span)
		}
		if rec.Valid != isVersioned(text) {
			t.Fatalf("%q: valid %v", text, rec.Valid)
		}
		if !rec.Valid {
			return
		}
		valid++
		printed := rec.String()
		again, _ := Parse(printed)
		if diff := cmp.Diff(meaning(rec), meaning(again)); diff != "" {
			t.Fatalf("%q printed as %q (-read +read again):\n%s", text, printed, diff)
		}
		if again.String() != printed {
			t.Fatalf("%q is printed %q, then %q", text, printed, again.String())
		}
	})
	if valid < 20 {
		t.Errorf("only %d of the records were valid", valid)
	}
}

// A word that is another tag's is none of this tag's, and no fix for it.
func TestWordsOfOtherTags(t *testing.T) {
	for _, text := range []string{"t=s", "t=strict", "psd=s", "adkim=y", "aspf=yes", "adkim=n", "psd=\"strict\""} {
		_, problems := Parse("v=DMARC1; p=none; " + text)
		if len(problems) != 1 && !strings.Contains(text, `"`) || len(problems) == 0 {
			t.Errorf("%s: got %+v", text, problems)
			continue
		}
		for _, p := range problems {
			if p.Tag != "" && p.Fixed != "v=DMARC1; p=none" {
				t.Errorf("%s: %s is fixed as %q", text, p.Rule, p.Fixed)
			}
		}
	}
	for text, want := range map[string]string{"t=yes": "t=y", "psd=0": "psd=n", "adkim=strict": "adkim=s"} {
		_, problems := Parse("v=DMARC1; p=none; " + text)
		if len(problems) != 1 || problems[0].Fixed != "v=DMARC1; p=none; "+want {
			t.Errorf("%s: got %+v, want it fixed as %s", text, problems, want)
		}
	}
}
