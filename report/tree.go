package report

import (
	"fmt"
	"strconv"
)

// treeRows bounds the rows of one tree: ten look-ups never need so many, and a
// hostile zone may.
const treeRows = 80

// spfLimit is the most terms that may query DNS (RFC 7208 §4.6.4).
const spfLimit = 10

// Geometry of the tree in SVG units.
const (
	treeRow    = 26
	treeIndent = 20
	treeTextX  = 26
	treeProvX  = 470
	treeGaugeX = 600
	treeCell   = 10
	treeWidth  = 760
	treeDepth  = 7 // deeper terms are drawn no further right
)

type treeView struct {
	Domain    string
	Summary   string
	Addresses string
	Width     int
	Height    int
	Rows      []treeRowView
	More      string
	Over      bool
}

type treeRowView struct {
	Depth    int
	Label    string // cut to fit the drawing
	Term     string
	Target   string
	Provider string
	Tone     string
	Symbol   string
	Status   string // in words
	Own      int
	Cost     int
	Running  string // "7 / 10" once this term has been asked; "" when it asks nothing
	Link     string // the path from its parent
	X, Y, TY int
	Used     string // the gauge as paths: squares used so far, and those left
	UsedTone string
	Free     string
	ProvX    int
	NumX     int
}

// spfTree draws the worst case of an evaluation: terms in the order in which a
// receiver comes to them, and how much of its budget each has used by then.
func (w words) spfTree(v *spfView) *treeView {
	if v == nil || v.Tree == nil {
		return nil
	}
	t := v.Tree
	tree := &treeView{Domain: Escape(t.Domain), Width: treeWidth, Over: t.Lookups > spfLimit}
	key := "tree.summary"
	if t.Open {
		key = "tree.summary-open"
	}
	tree.Summary = w.t(key, "N", t.Lookups, "Limit", spfLimit, "Voids", max(t.Voids.IPv4, t.Voids.IPv6))
	if n, err := strconv.ParseUint(t.Addresses.IPv4, 10, 40); err == nil {
		v4, v6 := w.integer(int(n)), w.integer(len(t.Addresses.IPv6))
		switch {
		case t.Open && n == 0 && len(t.Addresses.IPv6) == 0: // nothing to say yet
		case t.Open:
			tree.Addresses = w.t("tree.addresses-open", "IPv4", v4, "IPv6", v6)
		case n == 0 && len(t.Addresses.IPv6) == 0:
			tree.Addresses = w.t("tree.addresses-none")
		default:
			tree.Addresses = w.t("tree.addresses", "IPv4", v4, "IPv6", v6)
		}
	}
	left := 0
	var walk func(terms []*spfTerm, depth, parentX, parentY int)
	walk = func(terms []*spfTerm, depth, parentX, parentY int) {
		for _, term := range terms {
			if term == nil {
				continue
			}
			if len(tree.Rows) >= treeRows || depth > 24 {
				left++
				continue
			}
			row := w.treeRow(term, depth, len(tree.Rows)+1)
			if parentY < row.Y {
				row.Link = fmt.Sprintf("M%d %dV%dH%d", parentX, parentY+6, row.Y, row.X-6)
			}
			tree.Rows = append(tree.Rows, row)
			walk(term.Children, depth+1, row.X, row.Y)
		}
	}
	walk(t.Terms, 1, treeTextX/2, treeRow/2)
	if left > 0 {
		tree.More = w.count("tree.more", left)
	}
	tree.Height = (len(tree.Rows) + 1) * treeRow
	return tree
}

func (w words) treeRow(term *spfTerm, depth, index int) treeRowView {
	below := 0
	for _, c := range term.Children {
		if c != nil {
			below += c.Cost
		}
	}
	drawn := min(depth, treeDepth)
	row := treeRowView{
		Depth: depth, Term: clip(Escape(term.Term), 300), Target: clip(Escape(term.Target), 260), Provider: clip(Escape(term.Provider), 60),
		Own: max(0, term.Cost-below), Cost: term.Cost,
		X: treeTextX/2 + drawn*treeIndent, Y: index*treeRow + treeRow/2, TY: index*treeRow + treeRow/2 + 4,
		ProvX: treeProvX, NumX: treeWidth - 4,
	}
	row.Label = clip(row.Term, (treeProvX-row.X-20)/8)
	row.Tone, row.Symbol = treeTone(term.Status)
	row.Status = w.or("term", term.Status, Escape(term.Status))
	if row.Own > 0 {
		used := term.Running - below
		row.Running = fmt.Sprintf("%d / %d", used, spfLimit)
		row.UsedTone = "used"
		if used > spfLimit {
			row.UsedTone = "over"
		}
		// One thick line each, which the style cuts into a square a look-up.
		at := min(used, spfLimit)
		if at > 0 {
			row.Used = gauge(0, at, row.Y)
		}
		if at < spfLimit {
			row.Free = gauge(at, spfLimit, row.Y)
		}
	}
	return row
}

func gauge(from, to, y int) string {
	return fmt.Sprintf("M%d %dh%d", treeGaugeX+from*treeCell, y, (to-from)*treeCell-2)
}

func treeTone(status string) (tone, symbol string) {
	switch status {
	case "ok", "":
		return "ok", "✓"
	case "void", "macro", "ignored":
		return "warning", "!"
	case "unknown":
		return "unknown", "?"
	default: // none, permerror, loop, over-limit
		return "error", "✗"
	}
}
