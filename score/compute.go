package score

import (
	"cmp"
	"math"
	"slices"
)

// Compute gives the score of a state. It reads the state and keeps nothing of
// it; checks and caps that the profile does not have do not matter.
func Compute(s State) Score {
	t := tally(s)
	out := Score{
		Value:    t.value(),
		Coverage: 100 * t.measured / t.total,
		Best:     t.best(),
		Worst:    t.worst(s),
		Caps:     openCaps(s),
	}
	out.Grade = noGrade
	if out.Coverage >= leastMeasured {
		out.Grade = gradeOf(out.Value)
	}
	for _, g := range Groups(s.Profile) {
		out.Categories = append(out.Categories, category(g, s.Measures))
	}
	return out
}

// sums are the three numbers of the formula and the lowest open cap. Points
// are counted in 28ths, so that nothing is rounded before the end.
type sums struct {
	total    int // weight of all checks of the profile
	measured int // weight of those measured
	points   int // Σ w·f over the measured, in 28ths
	ceiling  int
}

func tally(s State) sums {
	t := sums{ceiling: 100}
	for _, g := range Groups(s.Profile) {
		for _, c := range g.Checks {
			t.total += c.Weight
			if m := s.Measures[c.ID]; m.Known {
				t.measured += c.Weight
				t.points += c.Weight * int(m.part())
			}
		}
	}
	for _, c := range s.Caps {
		if row := capRow(s.Profile, c.ID); row != nil {
			t.ceiling = min(t.ceiling, row.Max)
		}
	}
	return t
}

// part is the measured part held to what a part can be.
func (m Measure) part() Part { return min(max(m.Part, Nothing), Full) }

func (t sums) value() int {
	if t.measured == 0 {
		return 0
	}
	return min(100*t.points/(int(Full)*t.measured), t.ceiling)
}

// best counts what was not measured as perfect. What holds a cap open was
// seen, so the cap stays.
func (t sums) best() int {
	points := t.points + int(Full)*(t.total-t.measured)
	return min(100*points/(int(Full)*t.total), t.ceiling)
}

// worst counts what was not measured as absent, with the caps that absence
// opens: a DMARC look-up that failed may hide a domain without DMARC.
func (t sums) worst(s State) int {
	ceiling := t.ceiling
	for _, row := range capsIn(s.Profile) {
		if row.mayBeOpen(s) {
			ceiling = min(ceiling, row.Max)
		}
	}
	return min(100*t.points/(int(Full)*t.total), ceiling)
}

// mayBeOpen tells whether the cap would be open if what was not measured were absent.
func (r *CapRow) mayBeOpen(s State) bool {
	guessed := false
	for _, g := range Groups(s.Profile) {
		for _, c := range g.Checks {
			if !slices.Contains(r.Absent, c.ID) {
				continue
			}
			m := s.Measures[c.ID]
			if m.Known && m.part() > Nothing {
				return false
			}
			guessed = guessed || !m.Known
		}
	}
	return guessed
}

// openCaps lists the caps of the profile that are open, lowest first, each
// rule once.
func openCaps(s State) []Cap {
	caps := []Cap{}
	for _, c := range s.Caps {
		if row := capRow(s.Profile, c.ID); row != nil {
			caps = append(caps, Cap{Rule: c.Rule, Cap: row.Max, ID: c.ID})
		}
	}
	slices.SortFunc(caps, func(a, b Cap) int {
		return cmp.Or(cmp.Compare(a.Cap, b.Cap), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Rule, b.Rule))
	})
	return slices.Compact(caps)
}

func category(g Group, measures map[CheckID]Measure) Category {
	out := Category{Name: g.Name, Weight: g.weight()}
	reached := 0
	for _, c := range g.Checks {
		line := Line{ID: c.ID, Weight: c.Weight}
		if m := measures[c.ID]; m.Known {
			line.Measured = true
			line.Points = points(c.Weight * int(m.part()))
			out.Measured += c.Weight
			reached += c.Weight * int(m.part())
		} else {
			cause := m.Cause
			line.Cause = &cause
		}
		out.Checks = append(out.Checks, line)
	}
	out.Points = points(reached)
	return out
}

// points turns 28ths into points for people, to the hundredth.
func points(in28ths int) float64 {
	return math.Round(float64(in28ths)*100/float64(Full)) / 100
}
