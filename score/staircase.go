package score

import (
	"cmp"
	"maps"
	"slices"
)

// Staircase orders the steps and says where each leads: lowest cap first, then
// largest gain, then least effort, and never before what must come first. A
// step that would change nothing is left out, and no step lowers the score.
//
// A check that was not measured stays so: the staircase promises nothing about
// what nobody has seen. (The next audit may see more, and that alone may move
// the score either way.) What comes out depends on the arguments only, and the
// arguments stay as they were.
func Staircase(s State, steps []Step) []Stair {
	c := climb{state: s, left: slices.Clone(steps), offered: steps}
	c.state.Measures = maps.Clone(s.Measures)
	c.state.Caps = slices.Clone(s.Caps)
	c.value = Compute(c.state).Value

	stairs := []Stair{}
	for {
		c.drop()
		i := c.next()
		if i < 0 {
			if c.giveUp() {
				continue
			}
			return stairs
		}
		step := c.left[i]
		c.left = slices.Delete(c.left, i, i+1)
		c.state = c.after(step)
		reached := Compute(c.state)
		stairs = append(stairs, Stair{
			Step: step, Gain: reached.Value - c.value,
			ScoreAfter: reached.Value, GradeAfter: reached.Grade,
		})
		c.value = reached.Value
	}
}

// climb is a staircase being built.
type climb struct {
	state   State
	value   int
	left    []Step
	offered []Step // as they came: whose rules can be mended at all
}

// after is the state once the step is done.
func (c *climb) after(step Step) State {
	s := c.state
	s.Measures = maps.Clone(s.Measures)
	for id, part := range step.Sets {
		if m := s.Measures[id]; m.Known && m.part() < part {
			s.Measures[id] = Of(part)
		}
	}
	s.Caps = slices.DeleteFunc(slices.Clone(s.Caps), func(o OpenCap) bool { return c.closes(step, o) })
	for _, o := range step.Opens {
		if !slices.Contains(s.Caps, o) {
			s.Caps = append(s.Caps, o)
		}
	}
	return s
}

// closes tells whether the step ends the open cap. Several rules may hold one
// cap open, and then each must be mended: a step ends what its own rule holds,
// and what no other step offered would mend.
func (c *climb) closes(step Step, o OpenCap) bool {
	if !slices.Contains(step.Closes, o.ID) {
		return false
	}
	if row := capRow(c.state.Profile, o.ID); row != nil && row.Either || o.Rule == step.Rule {
		return true
	}
	return !slices.ContainsFunc(c.offered, func(other Step) bool {
		return other.Rule == o.Rule && slices.Contains(other.Closes, o.ID)
	})
}

// changes tells whether the step does anything now.
func (c *climb) changes(step Step) bool {
	for _, g := range Groups(c.state.Profile) {
		for _, k := range g.Checks {
			part, sets := step.Sets[k.ID]
			if m := c.state.Measures[k.ID]; sets && m.Known && m.part() < part {
				return true
			}
		}
	}
	return slices.ContainsFunc(c.state.Caps, func(o OpenCap) bool {
		return capRow(c.state.Profile, o.ID) != nil && c.closes(step, o)
	})
}

// drop takes out the steps that change nothing and never will: what they set
// is reached, and no step still to come opens a cap for them to close.
func (c *climb) drop() {
	for {
		kept := slices.DeleteFunc(slices.Clone(c.left), func(step Step) bool {
			return !c.changes(step) && !slices.ContainsFunc(c.left, func(other Step) bool {
				return slices.ContainsFunc(other.Opens, func(o OpenCap) bool { return c.closes(step, o) })
			})
		})
		if len(kept) == len(c.left) {
			return
		}
		c.left = kept
	}
}

// giveUp takes out the steps that wait for a cap which nothing will open any
// more, and tells whether there were any.
func (c *climb) giveUp() bool {
	before := len(c.left)
	c.left = slices.DeleteFunc(c.left, func(step Step) bool { return !c.changes(step) })
	return len(c.left) < before
}

// next picks the step to do now, or -1 when none is left to do.
func (c *climb) next() int {
	type rank struct {
		ceiling, gain, effort, points int
	}
	best, at := rank{}, -1
	for i, step := range c.left {
		if !c.changes(step) || c.waits(step) {
			continue
		}
		done := tally(c.after(step))
		r := rank{c.leadsTo(step), done.value() - c.value, int(step.Effort), done.points}
		if r.gain < 0 { // a cap it opens; it may do no harm after another step
			continue
		}
		if at < 0 || cmp.Or(
			cmp.Compare(r.ceiling, best.ceiling),
			cmp.Compare(best.gain, r.gain),
			cmp.Compare(r.effort, best.effort),
			cmp.Compare(best.points, r.points), // gains that a cap or rounding hides
		) < 0 {
			best, at = r, i
		}
	}
	return at
}

// waits tells whether a step that must come first is still to be done.
func (c *climb) waits(step Step) bool {
	return slices.ContainsFunc(c.left, func(other Step) bool {
		return other.Name != "" && slices.Contains(step.After, other.Name)
	})
}

// leadsTo is the lowest open cap that the step ends, itself or by making way
// for steps that do; over 100 when it leads to none.
func (c *climb) leadsTo(step Step) int {
	lowest := 101
	seen := map[string]bool{}
	var visit func(Step)
	visit = func(st Step) {
		for _, o := range c.state.Caps {
			if row := capRow(c.state.Profile, o.ID); row != nil && c.closes(st, o) {
				lowest = min(lowest, row.Max)
			}
		}
		if st.Name == "" || seen[st.Name] {
			return
		}
		seen[st.Name] = true
		for _, other := range c.left {
			if slices.Contains(other.After, st.Name) {
				visit(other)
			}
		}
	}
	visit(step)
	return lowest
}
