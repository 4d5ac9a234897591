package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
)

func wordsEN() words { return wordsFor("en", &Document{}) }

func reportWith(standard, facts string) *Report {
	return &Report{Domain: "example.com", Facts: map[string]json.RawMessage{standard: json.RawMessage(facts)}}
}

// What a failed look-up leaves open is not a missing policy, and each line of
// the table has its own answer.
func TestPolicyTableTellsUnknownFromNone(t *testing.T) {
	for _, tc := range []struct{ name, sub, tone, says string }{
		{"not known", `{"policy":"","known":false}`, "unknown", "not measured"},
		{"none in force", `{"policy":"","known":true}`, "error", "none in force"},
		{"quarantine", `{"policy":"quarantine","tag":"sp","known":true}`, "ok", "quarantine"},
		{"saved by an older version", `{"policy":"none","tag":"sp"}`, "warning", "none"},
	} {
		r := reportWith("dmarc", `{"known":true,"effective":{"domain":{"policy":"reject","tag":"p","known":true},"subdomain":`+tc.sub+`,"nonexistent":`+tc.sub+`}}`)
		var c cardView
		wordsEN().details(&c, r, check.DMARC)
		if c.Policy == nil || len(c.Policy.Rows) != 3 {
			t.Fatalf("%s: got table %+v want three rows", tc.name, c.Policy)
		}
		if got := c.Policy.Rows[0]; got.Tone != "ok" || got.Policy != "reject" {
			t.Errorf("%s: the domain itself: got %s %q want ok reject", tc.name, got.Tone, got.Policy)
		}
		for _, row := range c.Policy.Rows[1:] {
			if row.Tone != tc.tone || row.Policy != tc.says {
				t.Errorf("%s: %s: got %s %q want %s %q", tc.name, row.Who, row.Tone, row.Policy, tc.tone, tc.says)
			}
		}
	}
}

func TestMailHostWithoutAddress(t *testing.T) {
	for _, tc := range []struct{ a, aaaa, tone string }{
		{"unknown", "unknown", "unknown"},
		{"nodata", "unknown", "unknown"},
		{"nxdomain", "nxdomain", "error"},
	} {
		r := reportWith("mx", `{"hosts":[{"name":"mx.example.com","preference":10,"a":{"state":"`+tc.a+`"},"aaaa":{"state":"`+tc.aaaa+`"},"addresses":[]}],"name_servers":{"hosts":[{"name":"ns1.example.com"}],"agree":"yes"}}`)
		var c cardView
		wordsEN().details(&c, r, check.MX)
		if len(c.Hosts) != 1 || c.Hosts[0].None == nil || c.Hosts[0].None.Tone != tc.tone {
			t.Errorf("A %s, AAAA %s: got %+v want tone %s", tc.a, tc.aaaa, c.Hosts, tc.tone)
		}
		for _, f := range c.Facts {
			if f.Label == wordsEN().t("fact.agree") {
				t.Errorf("one name server is said to agree: %q", f.Value)
			}
		}
	}
}

func TestRecordOutsideTheDomain(t *testing.T) {
	for name, want := range map[string]bool{
		"example.com.": false, "_dmarc.Example.com.": false, "example.com": false,
		"example.com._report._dmarc.reports.example.net.": true, "notexample.com.": true, "com.": true,
	} {
		if got := outside("example.com", name); got != want {
			t.Errorf("outside(example.com, %s) got %v want %v", name, got, want)
		}
	}
	r := &Report{Domain: "example.com", NextSteps: []NextStep{{Title: "ask", Records: []check.RecordChange{
		{Name: "example.com._report._dmarc.reports.example.net.", Type: "TXT", New: []string{"v=DMARC1"}},
		{Name: "_dmarc.example.com.", Type: "TXT", New: []string{"v=DMARC1; p=reject"}},
	}}}}
	p := newDomainPage(&Document{Lang: "en", Reports: []*Report{r}}, r, HTMLOptions{}, "", detailAll)
	if len(p.Records) != 2 || p.Records[0].Change.Elsewhere == "" || p.Records[1].Change.Elsewhere != "" {
		t.Errorf("got %+v want only the first marked as elsewhere", p.Records)
	}
	if got := p.Formats[0].Text; got != "; ask\n_dmarc.example.com. TXT \"v=DMARC1; p=reject\"" {
		t.Errorf("the zone lines are %q, with what is not for this zone", got)
	}
}

func TestFewNames(t *testing.T) {
	long := strings.Repeat("a", 50)
	for _, tc := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"a", "b"}, "a, b"},
		{[]string{long, long, long, long}, long + ", " + long + " and 2 more"},
	} {
		if got := wordsEN().few(tc.names); got != tc.want {
			t.Errorf("few(%v) got %q want %q", tc.names, got, tc.want)
		}
	}
}

func TestIssuer(t *testing.T) {
	for dn, want := range map[string]string{
		"CN=Lab Root CA,O=ca.example": "Lab Root CA",
		"O=Example,CN=R11,C=BR":       "R11",
		"O=Example,C=BR":              "O=Example, C=BR",
		"":                            "",
	} {
		if got := issuer(dn); got != want {
			t.Errorf("issuer(%q) got %q want %q", dn, got, want)
		}
	}
}

// Without a grade there is no score, so steps count up to none.
func TestUngradedStepsShowNoScore(t *testing.T) {
	for _, coverage := range []int{40, 100} {
		r := &Report{Domain: "example.com", NextSteps: []NextStep{{Title: "do it", Gain: 9, ScoreAfter: 95, GradeAfter: "–", Effort: "hours"}}}
		r.Score.Coverage = coverage
		if coverage == 100 {
			r.Score.Value, r.Score.Grade, r.NextSteps[0].GradeAfter = 86, "B", "A+"
		}
		d := &Document{Lang: "en", Reports: []*Report{r}}
		var text, page strings.Builder
		if err := WriteText(&text, d, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := WriteHTML(&page, d, HTMLOptions{}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), "do it") || !strings.Contains(page.String(), "do it") {
			t.Fatalf("the step is missing:\n%s", text.String())
		}
		want := coverage == 100
		if got := strings.Contains(text.String(), "95"); got != want {
			t.Errorf("coverage %d: the text shows a score to reach: %v want %v\n%s", coverage, got, want, text.String())
		}
		if got := strings.Contains(page.String(), `class=st-num`); got != want {
			t.Errorf("coverage %d: the page shows a score to reach: %v want %v", coverage, got, want)
		}
	}
}
