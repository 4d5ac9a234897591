package report

import (
	"fmt"
	"math"
	"strings"
)

// sealView is the score drawn as a seal: a ring of a hundred ticks, one a
// point. Each path draws the ticks of one kind.
type sealView struct {
	Value, Grade, Tone string
	Reached            string // path of the points reached
	Open               string // points that depend on what was not measured
	Lost               string // points to be had
	Cap                string // a long tick where the lowest cap holds the score; "" without one
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
	v.Reached = ticks(0, reached, 50, 60)
	v.Open = ticks(reached, best, 50, 60)
	v.Lost = ticks(best, 100, 53, 57)
	if len(s.Caps) > 0 && s.Caps[0].Cap < 100 {
		v.Cap = ticks(s.Caps[0].Cap, s.Caps[0].Cap+1, 46, 64)
	}
	return v
}

// ticks draws the marks from one point to another, clockwise from the top.
func ticks(from, to, inner, outer int) string {
	var b strings.Builder
	for i := max(from, 0); i < min(to, 100); i++ {
		a := 2 * math.Pi * (float64(i) + 0.5) / 100
		x, y := math.Sin(a), -math.Cos(a)
		fmt.Fprintf(&b, "M%.1f %.1fL%.1f %.1f", 66+x*float64(inner), 66+y*float64(inner), 66+x*float64(outer), 66+y*float64(outer))
	}
	return b.String()
}
