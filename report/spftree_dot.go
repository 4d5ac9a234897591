package report

import (
	"fmt"
	"strings"
)

// dotColor are Graphviz names that are readable on its white page.
var dotColor = map[string]string{"warning": "darkorange3", "error": "firebrick3", "unknown": "mediumpurple4", "muted": "gray40"}

func (d *treeDrawing) dot() string {
	var b strings.Builder
	b.WriteString("digraph spf {\n")
	b.WriteString("  rankdir=LR;\n  node [shape=box, fontname=\"monospace\", fontsize=11];\n  edge [arrowsize=0.6, color=gray50];\n")
	fmt.Fprintf(&b, "  label=%s;\n  labelloc=b;\n  fontname=\"sans-serif\";\n", dotQuote(Escape(d.v.Domain)+": "+d.summary()+" · "+d.voids(), d.addresses()))
	fmt.Fprintf(&b, "  root [label=%s, style=bold];\n", dotQuote(Escape(d.v.Domain)))
	for i := range d.rows {
		row := &d.rows[i]
		lines := []string{row.term}
		for _, s := range []string{d.of(row), d.note(row)} {
			if s != "" {
				lines = append(lines, s)
			}
		}
		fmt.Fprintf(&b, "  n%d [label=%s", i, dotQuote(lines...))
		if c := dotColor[row.tone]; c != "" {
			fmt.Fprintf(&b, ", color=%s, fontcolor=%s", c, c)
		}
		b.WriteString("];\n")
		from := "root"
		if row.parent >= 0 {
			from = fmt.Sprintf("n%d", row.parent)
		}
		fmt.Fprintf(&b, "  %s -> n%d;\n", from, i)
	}
	if d.left > 0 {
		fmt.Fprintf(&b, "  more [label=%s, shape=plaintext];\n", dotQuote(d.count("tree.more", d.left)))
	}
	b.WriteString("}\n")
	return b.String()
}

// dotQuote writes lines as one label. In it Graphviz reads backslashes and, as
// HTML does, character references.
func dotQuote(lines ...string) string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `&`, `&amp;`)
	for i, line := range lines {
		lines[i] = quote.Replace(line)
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
