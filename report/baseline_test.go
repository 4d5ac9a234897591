package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
)

func runOf(results []Result, queries []Query) *Document {
	return &Document{Lang: "en", Tool: Tool{ScoreVersion: 1, RulesVersion: "2026.11"}, Reports: []*Report{{
		Domain: "Example.com", StartedAt: time.Date(2026, 11, 16, 9, 0, 0, 0, time.UTC), Results: results, Queries: queries,
	}}}
}

func failing(rule string, subjects ...string) Result {
	res := Result{ID: rule, Standard: check.SPF, Status: check.Fail, Severity: check.Warning}
	for _, s := range subjects {
		res.Findings = append(res.Findings, Finding{Subject: s, Severity: check.Warning, Message: rule + " of " + s})
	}
	return res
}

func rules(list []SinceFinding) string {
	var out []string
	for _, f := range list {
		out = append(out, strings.Trim(f.Rule+"@"+f.Subject+" "+f.Why, " "))
	}
	return strings.Join(out, ", ")
}

func TestCompare(t *testing.T) {
	moved := failing("root", "example.com")
	moved.Findings[0].Consequences = []Consequence{{Rule: "spf-moved", Subject: "example.com"}}
	old := runOf([]Result{
		failing("spf-stays", "example.com"), failing("spf-two", "a", "b"), failing("spf-goes", "example.com"),
		failing("spf-unclear", "example.com"), failing("spf-moved", "example.com"), failing("spf-retired", "example.com"),
		{ID: "spf-late", Standard: check.SPF, Status: check.Unknown}, {ID: "root", Status: check.Pass},
	}, nil)
	now := runOf([]Result{
		failing("spf-stays", "EXAMPLE.com"), failing("spf-two", "b", "c"), {ID: "spf-goes", Standard: check.SPF, Status: check.Pass},
		{ID: "spf-unclear", Standard: check.SPF, Status: check.Unknown}, {ID: "spf-moved", Status: check.NotApplicable}, moved,
		failing("spf-late", "example.com"), failing("spf-brand-new", "example.com"),
	}, nil)
	now.Reports[0].Domain = "example.com"
	Compare(old, now)
	s := now.Reports[0].Since
	if s == nil {
		t.Fatal("nothing was compared")
	}
	if got, want := rules(s.New), "spf-two@c, root@example.com, spf-late@example.com first-measured, spf-brand-new@example.com new-rule"; got != want {
		t.Errorf("new:\ngot  %s\nwant %s", got, want)
	}
	if got, want := rules(s.Fixed), "spf-two@a, spf-goes@example.com"; got != want {
		t.Errorf("fixed:\ngot  %s\nwant %s", got, want)
	}
	if got, want := rules(s.Unclear), "spf-unclear@example.com"; got != want {
		t.Errorf("what could not be told:\ngot  %s\nwant %s", got, want)
	}
	if old.Reports[0].Since != nil {
		t.Error("the earlier run was changed")
	}
}

func TestCompareRecords(t *testing.T) {
	txt := func(name, state string, answer ...string) Query {
		return Query{Name: name, Type: "TXT", State: state, Answer: answer}
	}
	old := runOf(nil, []Query{
		txt("example.com", "found", `"v=spf1 -all"`, `"other"`), txt("_dmarc.example.com", "nxdomain"),
		txt("same.example.com", "found", "a", "b"), txt("lost.example.com", "found", "x"), txt("failed.example.com", "unknown"),
		{Name: "example.com", Type: "SOA", State: "found", Answer: []string{"serial 1"}},
	})
	now := runOf(nil, []Query{
		txt("EXAMPLE.com", "found", `"other"`, `"v=spf1 ~all"`), txt("_dmarc.example.com", "found", `"v=DMARC1"`),
		txt("same.example.com", "found", "b", "a"), txt("lost.example.com", "unknown"), txt("failed.example.com", "found", "y"),
		txt("first.example.com", "found", "z"), {Name: "example.com", Type: "SOA", State: "found", Answer: []string{"serial 2"}},
	})
	Compare(old, now)
	want := []RecordDiff{
		{"EXAMPLE.com", "TXT", []string{`"v=spf1 -all"`}, []string{`"v=spf1 ~all"`}},
		{"_dmarc.example.com", "TXT", []string{}, []string{`"v=DMARC1"`}},
	}
	if diff := cmp.Diff(want, now.Reports[0].Since.Records); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestCompareNothingToCompareWith(t *testing.T) {
	now := runOf(nil, nil)
	failed := runOf(nil, nil)
	failed.Reports[0].Error = "the resolver does not answer"
	for _, old := range []*Document{{}, failed, now} {
		Compare(old, now)
		if now.Reports[0].Since != nil {
			t.Errorf("compared with %+v", old)
		}
	}
}

// TestSinceOnPage: the section tells what came, what went and what nobody could
// see, and the JSON with it follows the schema.
func TestSinceOnPage(t *testing.T) {
	for lang, want := range map[string][]string{
		"en":    {"Since the last run", "41 points, grade F then", "28", "1 finding is gone", "1 finding could not be looked at again", "gone-message", "hidden-message", "v=spf1 old"},
		"pt-BR": {"Desde a última auditoria", "41 pontos, nota F na época", "1 achado resolvido"},
	} {
		d := fixture(t, "typical", lang)
		old := fixture(t, "typical", lang)
		b := old.Reports[0]
		b.StartedAt = b.StartedAt.AddDate(0, 0, -7)
		b.Score.Value, b.Score.Grade = 41, "F"
		var pass, unknown *Result
		for i := range d.Reports[0].Results {
			switch res := &d.Reports[0].Results[i]; res.Status {
			case check.Pass:
				pass = res
			case check.Unknown:
				unknown = res
			}
		}
		b.Results = append(b.Results,
			Result{ID: pass.ID, Standard: pass.Standard, Status: check.Fail, Findings: []Finding{{Subject: "s", Severity: check.Error, Message: "gone-message<b>"}}},
			Result{ID: unknown.ID, Standard: unknown.Standard, Status: check.Fail, Findings: []Finding{{Subject: "s", Severity: check.Error, Message: "hidden-message"}}})
		if len(b.Queries) == 0 || b.Queries[0].State != "found" {
			t.Fatal("the fixture's first question has no answer")
		}
		b.Queries[0].Answer = []string{`"v=spf1 old"`}
		Compare(old, d)
		page := htmlOf(t, d, HTMLOptions{})
		for _, w := range want {
			if !strings.Contains(page, w) {
				t.Errorf("%s: no %q on the page", lang, w)
			}
		}
		if strings.Contains(page, "gone-message<b>") {
			t.Error("markup of an earlier run is on the page")
		}
		var out bytes.Buffer
		if err := WriteJSON(&out, d); err != nil {
			t.Fatal(err)
		}
		validate(t, compiledSchema(t), out.Bytes())
	}
}
