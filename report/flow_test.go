package report

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/score"
)

// TestFlowDrawing: the drawing is light, follows every standard of the two
// lanes, and the list below it names the same.
func TestFlowDrawing(t *testing.T) {
	drawing := regexp.MustCompile(`(?s)<svg class="?fl"? .*?</svg>`)
	label := regexp.MustCompile(`<text class=hd x=11 y=22>([^<]*)`)
	for _, lang := range []string{"en", "pt-BR"} {
		sender := words{locale.Must(locale.Lang(lang))}.t("flow.sender")
		for _, name := range fixtureNames {
			page := htmlOf(t, fixture(t, name, lang), HTMLOptions{})
			svg := drawing.FindString(page)
			if svg == "" {
				t.Errorf("%s.%s: no drawing", name, lang)
				continue
			}
			if len(svg) > 4096 {
				t.Errorf("%s.%s: the drawing has %d octets", name, lang, len(svg))
			}
			if strings.Contains(svg, "style=") || !strings.Contains(svg, "role=img") || !strings.Contains(svg, "<title id=fl-t>") || !strings.Contains(svg, "<desc id=fl-d>") {
				t.Errorf("%s.%s: %.300s", name, lang, svg)
			}
			_, twin, _ := strings.Cut(page, "<details class=twin>")
			twin, _, _ = strings.Cut(twin, "</section>")
			var labels []string
			for _, m := range label.FindAllStringSubmatch(svg, -1) {
				labels = append(labels, m[1])
			}
			want := 10
			if name == "parked" {
				want = 7 // mail to it ends at the null MX
			}
			if len(labels) != want {
				t.Errorf("%s.%s: boxes %q, want %d", name, lang, labels, want)
			}
			for _, l := range labels {
				if l != sender && !strings.Contains(twin, ">"+l+"<") && !strings.Contains(twin, ">"+l+" <") {
					t.Errorf("%s.%s: the list lacks %q", name, lang, l)
				}
			}
		}
	}
}

// TestFlowOutcome: what becomes of forged mail follows from the policy in
// effect, unless a limit of the score says that forgers pass SPF or DKIM.
func TestFlowOutcome(t *testing.T) {
	w := words{locale.Must(locale.English)}
	for _, c := range []struct {
		dmarc, cap, tone, main string
	}{
		{`{"known":true,"effective":{"domain":{"policy":"reject","known":true}}}`, "", "ok", "refuse forged mail"},
		{`{"known":true,"effective":{"domain":{"policy":"quarantine","known":true}}}`, "", "ok", "put forged mail into spam"},
		{`{"known":true,"effective":{"domain":{"policy":"none","known":true}}}`, "dmarc-none", "warning", "deliver forged mail"},
		{`{"known":true,"effective":{"domain":{"policy":"","known":true}}}`, "dmarc-missing", "error", "deliver forged mail"},
		{`{"known":false,"effective":{"domain":{"policy":"","known":false}}}`, "", "unknown", "not measured"},
		{`null`, "", "unknown", "not measured"},
		{`{"known":true,"effective":{"domain":{"policy":"reject","known":true}}}`, "spf-pass-all", "error", "let forged mail pass: SPF allows everybody"},
		{`{"known":true,"effective":{"domain":{"policy":"reject","known":true}}}`, "dkim-broken-key", "error", "let forged mail pass: a signing key can be broken"},
	} {
		r := reportWith("dmarc", c.dmarc)
		if c.cap != "" {
			r.Score.Caps = []score.Cap{{ID: score.CapID(c.cap)}}
		}
		stops := w.flow(r)[0].Stops
		got := stops[len(stops)-1]
		if got.Tone != c.tone || got.Main != c.main {
			t.Errorf("%s %s: got %s %q, want %s %q", c.dmarc, c.cap, got.Tone, got.Main, c.tone, c.main)
		}
	}
}

// TestFlowDANE: only records that DNSSEC secures count (RFC 7672 §2.2), and
// what could not be told is never "no record".
func TestFlowDANE(t *testing.T) {
	w := words{locale.Must(locale.English)}
	host := func(state, secure string) string {
		return `{"host":"mx","lookup":{"state":"` + state + `"},"secure":"` + secure + `"}`
	}
	for _, c := range []struct{ hosts, want string }{
		{host("found", "yes") + "," + host("nodata", "yes"), "TLSA at 1 of 2 hosts"},
		{host("found", "no"), "TLSA without DNSSEC: nobody looks at it"},
		{host("found", "unknown"), "not measured"},
		{host("unknown", "unknown") + "," + host("nxdomain", "no"), "not measured"},
		{host("nxdomain", "yes"), "no TLSA record"},
		{"", "no TLSA record"},
	} {
		r := reportWith("dane", `{"hosts":[`+c.hosts+`]}`)
		r.Facts["mx"] = json.RawMessage(`{"hosts":[{"name":"mx"}]}`)
		if got := w.flow(r)[1].Stops[2].Main; got != c.want {
			t.Errorf("%s: got %q, want %q", c.hosts, got, c.want)
		}
	}
}

func TestFitLines(t *testing.T) {
	for _, c := range []struct {
		text  string
		lines int
		want  []string
	}{
		{"", 3, nil},
		{"short", 3, []string{"short"}},
		{"is delivered even if both fail", 3, []string{"is delivered even", "if both fail"}},
		{"mx1.rusty-gears.example", 3, []string{"mx1.rusty-gears.", "example"}},
		{"averyverylongnamewithoutany", 3, []string{"averyverylongname", "withoutany"}},
		{"one two three four five six seven eight nine", 2, []string{"one two three", "four five six se…"}},
		{"ção ção ção ção ção", 2, []string{"ção ção ção ção", "ção"}},
		{"anything", 0, nil},
	} {
		if diff := cmp.Diff(c.want, fitLines(c.text, 17, c.lines)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.text, diff)
		}
	}
}
