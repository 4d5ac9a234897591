package spf

import "github.com/postseal/postseal/check"

// Mended is the record in force, or the merger of several, with everything
// repaired that its own text can repair: evident misspellings put right, terms
// that name nothing and terms that stand twice dropped. Nobody who passes now
// stops passing by it.
type Mended struct {
	Text   string
	Valid  bool // one record, no permerror left in it or behind its targets
	Limits bool // within the limits of §4.6.4, as far as the targets are known
	All    byte // the sign of its all; 0 without one
}

// Mended is what can be made of the record without knowing who sends; nil where
// there is none. Terms that were unreadable count as one look-up each.
func (f *Facts) Mended() *Mended {
	tree := f.Tree
	if tree == nil {
		tree = f.merged
	}
	if tree == nil || tree.root == nil {
		return nil
	}
	n := tree.root
	seen := map[string]bool{}
	lookups, voids, sound, within := 0, 0, true, true
	m := &Mended{Text: n.rec.rewrite(func(i int, e *Entry, text string) string {
		t := n.terms[i]
		if dead(t) || t.Kind == Include && t.Status == "loop" { // its own name: whoever it lets pass has passed
			return ""
		}
		if e.Kind.Mechanism() && e.Kind != All && n.rec.live(i) {
			key := e.key(f.Domain)
			if seen[key] {
				return ""
			}
			seen[key] = true
		}
		switch {
		case e.Kind == Invalid:
			lookups++
			return text
		case !n.rec.live(i):
			return text
		}
		lookups += t.Cost
		t.below(func(t *Term) {
			if t.Void.IPv4 && t.Void.IPv6 {
				voids++
			}
			switch t.Status {
			case "none", "permerror":
				sound = false
			case "loop":
				within = false
			}
			if t.Kind == MX && t.mx > MaxMX {
				within = false
			}
		})
		return text
	})}
	rec, problems := Parse(m.Text)
	m.Valid = sound && firstFatal(problems) == nil
	m.Limits = within && lookups <= MaxLookups && voids <= MaxVoids
	if i := rec.First(All); i >= 0 {
		m.All = rec.Terms[i].qualifier()
	}
	return m
}

// below visits a term and all that evaluation reaches through it.
func (t *Term) below(visit func(*Term)) {
	visit(t)
	if t.child != nil {
		t.child.each(visit)
	}
}

// Change is the fix that publishes the mended record in place of what is
// there; nil when it would change nothing or let everyone pass.
func (m *Mended) Change(f *Facts) *check.RecordChange {
	if m.All == '+' || len(f.Records) == 1 && f.Records[0] == m.Text {
		return nil
	}
	c := f.change("", append([]string{}, f.Records...), []string{m.Text}).Records[0]
	return &c
}

// Ending is the mended record with its all changed to that sign, or put in;
// "" where a redirect decides.
func (m *Mended) Ending(sign byte) string {
	rec, _ := Parse(m.Text)
	if rec.First(Redirect) >= 0 {
		return ""
	}
	text := rec.rewrite(func(_ int, e *Entry, text string) string {
		if e.Kind == All {
			return string(sign) + "all"
		}
		return text
	})
	if m.All == 0 {
		text += " " + string(sign) + "all"
	}
	return text
}
