package score

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/postseal/postseal/check"
)

// source draws numbers below n: a seeded generator in the long loops, rapid
// where a failure should shrink.
type source func(n int) int

func seeded(seed uint64) source { return rand.New(rand.NewPCG(seed, 1)).IntN }

func drawn(t *rapid.T) source {
	return func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }
}

var allParts = []Part{Nothing, 7, Half, Most, 27, Full}

func pick[T any](n source, of []T) T { return of[n(len(of))] }

// randomState has any profile, measures of its checks (one in six not
// measured) and up to three open caps.
func randomState(n source) State {
	s := State{Profile: pick(n, check.Profiles), Measures: map[CheckID]Measure{}}
	for _, g := range Groups(s.Profile) {
		for _, c := range g.Checks {
			if n(6) > 0 {
				s.Measures[c.ID] = Of(pick(n, allParts))
			}
		}
	}
	for range n(4) {
		s.Caps = append(s.Caps, OpenCap{pick(n, capTable).ID, pick(n, ruleNames)})
	}
	return s
}

var ruleNames = []string{"r1", "r2", "r3"}

// randomStep raises some checks of the profile and closes some caps.
func randomStep(n source, s State, name string) Step {
	step := Step{Rule: pick(n, ruleNames), Name: name, Effort: Effort(1 + n(3)), Sets: map[CheckID]Part{}}
	for range n(3) {
		g := pick(n, Groups(s.Profile))
		step.Sets[pick(n, g.Checks).ID] = pick(n, allParts)
	}
	for range n(3) {
		step.Closes = append(step.Closes, pick(n, capTable).ID)
	}
	return step
}

// fix does what a step says by the simplest reading, apart from Staircase.
func fix(s State, step Step) State {
	out := State{Profile: s.Profile, Measures: maps.Clone(s.Measures)}
	for id, part := range step.Sets {
		if m := out.Measures[id]; m.Known {
			out.Measures[id] = Of(max(m.Part, part))
		}
	}
	for _, o := range s.Caps {
		if !slices.Contains(step.Closes, o.ID) {
			out.Caps = append(out.Caps, o)
		}
	}
	return out
}

type tester interface {
	Helper()
	Errorf(string, ...any)
}

// fixesNeverLower is rule 6 of the score.
func fixesNeverLower(t tester, n source) {
	t.Helper()
	s := randomState(n)
	step := randomStep(n, s, "")
	before, after := Compute(s), Compute(fix(s, step))
	if after.Value < before.Value || after.Best < before.Best || after.Worst < before.Worst {
		t.Errorf("%+v\nwith fix %+v: %d (%d to %d) became %d (%d to %d)", s, step,
			before.Value, before.Worst, before.Best, after.Value, after.Worst, after.Best)
	}
	if before.Worst > before.Value || before.Value > before.Best && before.Coverage > 0 {
		t.Errorf("%+v: %d does not lie between %d and %d", s, before.Value, before.Worst, before.Best)
	}
}

func TestFixNeverLowers(t *testing.T) {
	n := seeded(6)
	for range 200_000 {
		if fixesNeverLower(t, n); t.Failed() {
			return
		}
	}
	rapid.Check(t, func(t *rapid.T) { fixesNeverLower(t, drawn(t)) })
}

// staircaseHolds: it never falls, each stair adds up, nothing comes before
// what must come first, and it ends where doing everything leads.
func staircaseHolds(t tester, n source) {
	t.Helper()
	s := randomState(n)
	var steps []Step
	names := []string{"a", "b", "c", "d", "e", "f"}
	for i := range n(len(names) + 1) {
		step := randomStep(n, s, names[i])
		if i > 0 && n(3) == 0 {
			step.After = append(step.After, names[n(i)])
		}
		if n(4) == 0 {
			step.Opens = []OpenCap{{pick(n, capTable).ID, pick(n, ruleNames)}}
		}
		steps = append(steps, step)
	}
	opens := slices.ContainsFunc(steps, func(st Step) bool { return len(st.Opens) > 0 })

	value := Compute(s).Value
	stairs := Staircase(s, steps)
	for i, st := range stairs {
		if st.Gain < 0 || value+st.Gain != st.ScoreAfter {
			t.Errorf("%+v\n%+v\nstair %d: %d plus %d is not %d", s, steps, i, value, st.Gain, st.ScoreAfter)
		}
		value = st.ScoreAfter
		for _, later := range stairs[i+1:] {
			if slices.Contains(st.After, later.Name) {
				t.Errorf("%+v\n%+v\n%s stands before %s", s, steps, st.Name, later.Name)
			}
		}
	}
	if opens { // then some steps may rightly be held back
		return
	}
	all := s
	for _, step := range steps {
		all = fix(all, step)
	}
	// A cap whose own rule has a step stays until that step is among the
	// stairs; with all of them done, nothing that can be closed is open.
	if end := Compute(all).Value; value != end {
		t.Errorf("%+v\n%+v\nends at %d, doing everything leads to %d", s, steps, value, end)
	}
}

func TestStaircaseProperties(t *testing.T) {
	n := seeded(7)
	for range 20_000 {
		if staircaseHolds(t, n); t.Failed() {
			return
		}
	}
	rapid.Check(t, func(t *rapid.T) { staircaseHolds(t, drawn(t)) })
}

// TestStaircaseReaches100 mends everything there is to mend.
func TestStaircaseReaches100(t *testing.T) {
	n := seeded(8)
	for range 5_000 {
		s := randomState(n)
		var steps []Step
		for _, g := range Groups(s.Profile) {
			for _, c := range g.Checks {
				s.Measures[c.ID] = Of(pick(n, allParts))
				steps = append(steps, Step{Name: string(c.ID), Effort: Minutes, Sets: map[CheckID]Part{c.ID: Full}})
			}
		}
		for _, o := range s.Caps {
			steps = append(steps, Step{Rule: o.Rule, Name: "close " + string(o.ID) + o.Rule, Closes: []CapID{o.ID}})
		}
		stairs := Staircase(s, steps)
		end := Compute(s)
		if len(stairs) > 0 {
			end.Value, end.Grade = stairs[len(stairs)-1].ScoreAfter, stairs[len(stairs)-1].GradeAfter
		}
		if end.Value != 100 || end.Grade != "A+" {
			t.Fatalf("%+v: ends at %d %s", s, end.Value, end.Grade)
		}
	}
}

// TestUnmeasuredLeavesBothSums: forgetting a check gives what the formula says
// over the rest, and of a check that had earned the same part as all others,
// the same score.
func TestUnmeasuredLeavesBothSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawn(t)
		s := randomState(n)
		s.Caps = nil
		part := pick(n, allParts)
		for id := range s.Measures {
			s.Measures[id] = Of(part)
		}
		if len(s.Measures) == 0 {
			return
		}
		if got, want := Compute(s).Value, 100*int(part)/int(Full); got != want {
			t.Errorf("%+v: got %d, want %d", s, got, want)
		}
	})
}

// TestStrangersDoNotMatter: checks that the profile does not have change nothing.
func TestStrangersDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawn(t)
		s := randomState(n)
		before := Compute(s)
		has := map[CheckID]bool{}
		for _, g := range Groups(s.Profile) {
			for _, c := range g.Checks {
				has[c.ID] = true
			}
		}
		for _, p := range check.Profiles {
			for _, g := range Groups(p) {
				for _, c := range g.Checks {
					if !has[c.ID] {
						s.Measures[c.ID] = Of(pick(n, allParts))
					}
				}
			}
		}
		s.Measures["bimi-logo"] = Of(Nothing)
		if after := Compute(s); after.Value != before.Value || after.Coverage != before.Coverage {
			t.Errorf("%+v: %d, without strangers %d", s, after.Value, before.Value)
		}
	})
}
