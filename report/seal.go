package report

import (
	"fmt"
	"math"
)

// sealView is the score drawn as a seal: a ring of a hundred ticks, one a
// point. Each path draws the ticks of one kind.
type sealView struct {
	Value, Grade, Tone string
	Reached            arc // the points reached
	Open               arc // points that depend on what was not measured
	Lost               arc // points to be had
	Cap                arc // a long tick where the lowest cap holds the score; empty without one
	Label              string
}

func (w words) seal(r *Report) sealView {
	s := r.Score
	v := sealView{Value: w.integer(s.Value), Grade: s.Grade, Tone: gradeTone(s.Grade)}
	reached, best := s.Value, max(s.Best, s.Value)
	if s.Coverage < 100 {
		reached = min(s.Value, max(s.Worst, 0))
	} else {
		best = s.Value
	}
	if ungraded(r) {
		v.Value, v.Grade = "–", ""
		v.Label = w.t("seal.ungraded")
	} else {
		v.Label = w.t("seal.label", "Score", s.Value, "Grade", s.Grade)
	}
	v.Reached = ticks(0, reached)
	v.Open = ticks(reached, best)
	v.Lost = ticks(best, 100)
	if len(s.Caps) > 0 && s.Caps[0].Cap < 100 {
		v.Cap = ticks(s.Caps[0].Cap, s.Caps[0].Cap+1)
	}
	return v
}

// arc is a part of the ring: its path, and how many points long that is. The
// style cuts it into ticks by dashes of a point's length.
type arc struct {
	Path   string
	Points int
}

// sealRadius is that of the ring's middle.
const sealRadius = 55

// ticks draws the marks from one point to another, clockwise from the top.
func ticks(from, to int) arc {
	from, to = max(from, 0), min(to, 100)
	if from >= to {
		return arc{}
	}
	at := func(point float64) string {
		a := 2 * math.Pi * point / 100
		return fmt.Sprintf("%.2f %.2f", 66+sealRadius*math.Sin(a), 66-sealRadius*math.Cos(a))
	}
	// Two halves: a whole ring ends where it starts, which one arc cannot draw.
	half := fmt.Sprintf("A%d %d 0 0 1 ", sealRadius, sealRadius)
	return arc{"M" + at(float64(from)) + half + at(float64(from+to)/2) + half + at(float64(to)), to - from}
}
