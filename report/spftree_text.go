package report

import (
	"strings"
	"unicode/utf8"
)

// listed is how many lines of each list below a tree are shown; there are no
// more widest ranges than that.
const listed = 6

// noteWidth bounds the column of providers and faults.
const noteWidth = 34

func (d *treeDrawing) text(opts TextOptions) string {
	p := &textPrinter{words: d.words, opts: opts}
	head := d.summary()
	if d.over() {
		head = p.tone("error", "✗ "+head)
	}
	p.line(p.tone("bold", Escape(d.v.Domain)), "  ", head, " · ", d.voids())
	d.branches(p)
	if d.left > 0 {
		p.line(d.count("tree.more", d.left))
	}
	p.line()
	for i, s := range d.stops() {
		tone := ""
		if i == 0 {
			tone = "error"
		}
		p.line(p.tone(tone, p.wrap("  ", s)))
	}
	p.line(p.wrap("  ", d.addresses()))
	d.lists(p)
	return p.b.String()
}

// branches draws the rows: tree, look-ups used, and who or what is wrong.
func (d *treeDrawing) branches(p *textPrinter) {
	left, right, notes := 0, 0, 0
	for i := range d.rows {
		row := &d.rows[i]
		left = max(left, 3*row.depth+utf8.RuneCountInString(row.term))
		right = max(right, utf8.RuneCountInString(d.of(row)))
		notes = max(notes, utf8.RuneCountInString(d.note(row)))
	}
	left = max(min(left, p.opts.Width-right-min(notes, noteWidth)-4), 30)
	for i := range d.rows {
		row := &d.rows[i]
		var b strings.Builder
		for level, last := range row.last {
			switch end := level == len(row.last)-1; {
			case end && last:
				b.WriteString("└─ ")
			case end:
				b.WriteString("├─ ")
			case last:
				b.WriteString("   ")
			default:
				b.WriteString("│  ")
			}
		}
		room := left - 3*row.depth
		if row.used == 0 && row.status == "" && row.provider == "" { // nothing stands behind it
			room = p.opts.Width - 3*row.depth
		}
		term := clip(row.term, max(room, 12))
		b.WriteString(term)
		of, note := d.of(row), d.note(row)
		if of != "" || note != "" {
			b.WriteString(strings.Repeat(" ", max(0, room-utf8.RuneCountInString(term))+2+right-utf8.RuneCountInString(of)))
			b.WriteString(of)
			if note != "" {
				space := max(p.opts.Width-left-right-4, 12)
				b.WriteString("  " + p.tone(row.tone, clip(note, space)))
			}
		}
		p.line(b.String())
	}
}

// lists names what stands out.
func (d *treeDrawing) lists(p *textPrinter) {
	list := func(title string, n int, line func(i int) string) {
		if n == 0 {
			return
		}
		p.line(p.tone("bold", title))
		for i := range min(n, listed) {
			p.line("  ", p.wrap("    ", line(i)))
		}
		if n > listed {
			p.line("  ", d.t("spftree.rest", "N", d.integer(n-listed)))
		}
	}
	v := d.v
	list(d.t("spftree.over"), len(v.OverLimit), func(i int) string {
		return d.t("spftree.over-line", "N", v.OverLimit[i].Lookup, "Place", d.at(*v.OverLimit[i]))
	})
	list(d.t("spftree.void"), len(v.VoidTerms), func(i int) string {
		t, who := v.VoidTerms[i], "both"
		if !t.IPv4 {
			who = "ipv6"
		} else if !t.IPv6 {
			who = "ipv4"
		}
		return d.t("spftree.void-line", "Place", d.at(t.outlinePlace), "Who", d.or("spftree.who", who, who))
	})
	list(d.t("spftree.unknown"), len(v.Unknown), func(i int) string {
		var causes []string
		for _, c := range v.Unknown[i].Causes {
			causes = append(causes, Escape(c.Text))
		}
		if len(causes) == 0 {
			causes = []string{d.t("spftree.macro")}
		}
		return d.at(v.Unknown[i].outlinePlace) + ": " + strings.Join(causes, "; ")
	})
	list(d.t("spftree.repeated"), len(v.Repeated), func(i int) string {
		r := v.Repeated[i]
		return d.t("spftree.repeated-line", "Target", Escape(r.Target), "Times", r.Times, "Cost", r.Cost)
	})
	list(d.t("spftree.widest"), len(v.Widest), func(i int) string {
		return d.source(*v.Widest[i])
	})
	list(d.t("spftree.overlaps"), len(v.Overlaps), func(i int) string {
		return d.t("spftree.overlap-line", "Range", d.source(v.Overlaps[i].outlineRange), "In", d.source(v.Overlaps[i].In))
	})
}
