package audit

import (
	"slices"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/score"
)

// TestMetas holds the whole set of rules together: IDs unique over all
// standards, root causes that exist.
func TestMetas(t *testing.T) {
	ids := map[string]bool{}
	for _, m := range Metas() {
		if ids[m.ID] {
			t.Errorf("rule %s stands twice", m.ID)
		}
		ids[m.ID] = true
	}
	for _, m := range Metas() {
		for _, root := range m.CoveredBy {
			if !ids[root] {
				t.Logf("%s names the root cause %s, which is not a rule yet", m.ID, root)
			}
		}
	}
	for _, list := range [][]string{limitRules, scopeRules, passAllRules, noPolicyRules, noSPFRules, promiseRules, mxTargetRules} {
		for _, id := range list {
			if !ids[id] {
				t.Errorf("the score asks for rule %s, which does not exist", id)
			}
		}
	}
}

// TestMeasuresAreChecks holds what is measured to the score's own table.
func TestMeasuresAreChecks(t *testing.T) {
	f := &Facts{}
	_ = f
	measured := []score.CheckID{}
	for _, p := range append(check.Profiles, check.ProfileUnknown) {
		for _, g := range score.Groups(p) {
			for _, c := range g.Checks {
				if !slices.Contains(measured, c.ID) {
					measured = append(measured, c.ID)
				}
			}
		}
	}
	have := measures()
	for _, id := range measured {
		if _, ok := have[id]; !ok {
			t.Errorf("the score's table has %s, which the audit does not measure", id)
		}
	}
	for id := range have {
		if !slices.Contains(measured, id) {
			t.Errorf("the audit measures %s, which the score's table does not have", id)
		}
	}
}

// TestWords holds every code that the audit can emit to having its words.
func TestWords(t *testing.T) {
	for _, lang := range locale.Langs {
		l := locale.Must(lang)
		for _, id := range []string{
			"verdict.no-domain", "verdict.pass-all", "verdict.takeover", "verdict.no-auth", "verdict.bogus", "verdict.no-dmarc", "verdict.weak-key",
			"verdict.policy-none", "verdict.spf-broken", "verdict.promise-broken", "verdict.clear-text", "verdict.not-told",
			"verdict.parked-closed", "verdict.parked-open", "verdict.subdomains-open", "verdict.strip", "verdict.good", "verdict.fair",
			"profile.reason.given", "profile.reason.has-mx", "profile.reason.mx-unknown", "profile.reason.spf-unknown",
			"profile.reason.null-mx-spf-sends", "profile.reason.no-mx-spf-sends", "profile.reason.null-mx", "profile.reason.no-mx",
		} {
			if _, ok := l.Lookup(id, check.Params{"Domain": "example.com", "Target": "x"}); !ok {
				t.Errorf("%s lacks %s", lang, id)
			}
		}
		for _, name := range stepNames {
			if _, ok := l.Lookup("step."+name, nil); !ok {
				t.Errorf("%s lacks step.%s", lang, name)
			}
		}
	}
}
