package check

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type facts struct {
	scopes  map[string][]string // findings of a rule, by scope
	unknown error
}

func rule(id string, coveredBy ...string) Rule[facts] {
	return Rule[facts]{
		Meta: Meta{ID: id, Severity: Notice, Variants: []Variant{{"bad", Error}}, CoveredBy: coveredBy},
		Run: func(f facts, r *Reporter) {
			for _, s := range f.scopes[id] {
				r.Report(Finding{Subject: id + s, Scope: s})
			}
		},
	}
}

func TestEvaluate(t *testing.T) {
	rules := []Rule[facts]{
		rule("silent"),
		rule("fires"),
		{Meta: Meta{ID: "inapplicable", Severity: Error}, Applies: func(facts) bool { return false }, Run: func(facts, *Reporter) { panic("ran") }},
		{Meta: Meta{ID: "cannot-tell", Severity: Warning}, Run: func(f facts, r *Reporter) { r.Unknown(f.unknown); r.Unknown(f.unknown) }},
		{Meta: Meta{ID: "both", Severity: Warning}, Run: func(f facts, r *Reporter) { r.Unknown(f.unknown); r.Report(Finding{}) }},
		{Meta: Meta{ID: "variant", Severity: Info, Variants: []Variant{{"bad", Error}}}, Run: func(_ facts, r *Reporter) {
			r.Report(Finding{})
			r.Report(Finding{Variant: "bad"})
		}},
		{Meta: Meta{ID: "on-request", Severity: Error}, Run: func(_ facts, r *Reporter) { r.Unknown(NotAskedFor("--more")) }},
		{Meta: Meta{ID: "both-causes", Severity: Error}, Run: func(f facts, r *Reporter) {
			r.Unknown(NotAskedFor("--more"))
			r.Unknown(f.unknown)
		}},
	}
	f := facts{scopes: map[string][]string{"fires": {""}}, unknown: Cause{Code: "timeout"}}
	type verdict struct {
		ID       string
		Status   Status
		Severity Severity
		Causes   int
	}
	var got []verdict
	for _, r := range Evaluate(rules, f) {
		got = append(got, verdict{r.Rule.ID, r.Status, r.Severity, len(r.Causes)})
	}
	want := []verdict{
		{"silent", Pass, Notice, 0}, {"fires", Fail, Notice, 0}, {"inapplicable", NotApplicable, Error, 0},
		{"cannot-tell", Unknown, Warning, 1}, {"both", Fail, Warning, 0}, {"variant", Fail, Error, 0},
		{"on-request", NotApplicable, Error, 1}, {"both-causes", Unknown, Error, 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

func TestUndeclaredVariantPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a variant that the rule does not declare was taken")
		}
	}()
	Evaluate([]Rule[facts]{{Meta: Meta{ID: "x", Severity: Info}, Run: func(_ facts, r *Reporter) { r.Report(Finding{Variant: "other"}) }}}, facts{})
}

func TestRelate(t *testing.T) {
	for name, tt := range map[string]struct {
		rules []Rule[facts]
		fires map[string][]string
		want  map[string][]string // root finding's subject: consequences
		gone  []string            // rules no longer failed
	}{
		"chain, whatever the order": {
			rules: []Rule[facts]{rule("missing", "near-miss"), rule("near-miss", "split"), rule("split")},
			fires: map[string][]string{"missing": {""}, "near-miss": {""}, "split": {""}},
			want:  map[string][]string{"split": {"missing", "near-miss"}},
			gone:  []string{"missing", "near-miss"},
		},
		"scopes keep defects apart": {
			rules: []Rule[facts]{rule("term"), rule("detail", "term")},
			fires: map[string][]string{"term": {"a"}, "detail": {"a", "b"}},
			want:  map[string][]string{"terma": {"detail"}, "detailb": nil},
		},
		"a root without scope covers all": {
			rules: []Rule[facts]{rule("root"), rule("detail", "root")},
			fires: map[string][]string{"root": {""}, "detail": {"a", "b"}},
			want:  map[string][]string{"root": {"detail", "detail"}},
			gone:  []string{"detail"},
		},
		"a root that is silent covers nothing": {
			rules: []Rule[facts]{rule("root"), rule("detail", "root")},
			fires: map[string][]string{"detail": {""}},
			want:  map[string][]string{"detail": nil},
		},
		"a cycle moves nothing": {
			rules: []Rule[facts]{rule("a", "b"), rule("b", "a")},
			fires: map[string][]string{"a": {""}, "b": {""}},
			want:  map[string][]string{"a": nil, "b": nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			results := Evaluate(tt.rules, facts{scopes: tt.fires})
			Relate(results)
			got := map[string][]string{}
			var gone []string
			for _, r := range results {
				for _, f := range r.Findings {
					var under []string
					for _, c := range f.Consequences {
						under = append(under, c.Rule)
					}
					got[f.Subject] = under
				}
				if len(tt.fires[r.Rule.ID]) > 0 && r.Status != Fail {
					gone = append(gone, r.Rule.ID)
					if r.Status != NotApplicable || len(r.Causes) != 1 || r.Causes[0].Code != "explained-by" {
						t.Errorf("%s: got %v %v, want not-applicable, explained", r.Rule.ID, r.Status, r.Causes)
					}
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.gone, gone); diff != "" {
				t.Errorf("explained (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWords(t *testing.T) {
	if got := Status(0).String(); got != "no-verdict" {
		t.Errorf("the zero status is %q, want no verdict", got)
	}
	b, err := json.Marshal(map[string]any{"s": Warning, "t": Unknown})
	if err != nil || string(b) != `{"s":"warning","t":"unknown"}` {
		t.Errorf("got %s (%v)", b, err)
	}
	if _, err := json.Marshal(Severity(0)); err == nil {
		t.Error("no severity was marshalled")
	}
	if _, err := ParseSeverity("Error"); err == nil {
		t.Error("words are lower case, and Error was taken")
	}
	for _, p := range Profiles {
		if got, err := ParseProfile(string(p)); err != nil || got != p {
			t.Errorf("%s: got %q, %v", p, got, err)
		}
	}
}

func TestCauseOf(t *testing.T) {
	if got := CauseOf(errors.New("boom")); got.Code != "error" || got.Params["Error"] != "boom" {
		t.Errorf("got %v", got)
	}
	if got := CauseOf(errors.Join(Cause{Code: "x"})); got.Code != "x" {
		t.Errorf("got %v, want the cause in the chain", got)
	}
}

func TestRFC(t *testing.T) {
	for _, tt := range []struct{ ref, want Ref }{
		{RFC(7208, "4.6.4"), Ref{"RFC 7208", "4.6.4", "https://www.rfc-editor.org/rfc/rfc7208.html#section-4.6.4"}},
		{RFC(9989, "A.6"), Ref{"RFC 9989", "A.6", "https://www.rfc-editor.org/rfc/rfc9989.html#appendix-A.6"}},
		{RFC(6152, ""), Ref{"RFC 6152", "", "https://www.rfc-editor.org/rfc/rfc6152.html"}},
	} {
		if tt.ref != tt.want {
			t.Errorf("got %v, want %v", tt.ref, tt.want)
		}
	}
}
