package report

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// Geometry in SVG units; a letter of the monospaced 12px is less than 7.4 wide.
const (
	outlineRow    = 24
	outlineTop    = 64
	outlineIndent = 18
	outlineX      = 28
	outlineNoteX  = 480
	outlineGaugeX = 760
	outlineCell   = 10
	outlineWidth  = 960
	outlineLetter = 7.4
	outlineDepth  = 10 // deeper terms are drawn no further right
)

// outlineStyle colours the drawing for light and dark pages alike.
const outlineStyle = `:root{color-scheme:light dark}
.bg{fill:#fff}text{font:12px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#1b1f24}
.hd{font-weight:650;font-size:15px}.sn,.nt{font-family:system-ui,"Segoe UI","DejaVu Sans",sans-serif}.sn{fill:#57606a}
.ln{fill:none;stroke:#8c959f;shape-rendering:crispEdges}.nd{fill:#116329}.used{fill:#57606a}.free{fill:none;stroke:#b6bec7}.excess{fill:#a40e26}
.warning{fill:#7a4d00}.error{fill:#a40e26}.unknown,.muted{fill:#57606a}
@media (prefers-color-scheme:dark){.bg{fill:#0d1117}text{fill:#e6edf3}.sn{fill:#9198a1}.ln{stroke:#6e7681}.nd{fill:#7ee787}
.used{fill:#9198a1}.free{stroke:#444c56}.excess{fill:#ffa198}.warning{fill:#f2cc60}.error{fill:#ffa198}.unknown,.muted{fill:#9198a1}}`

func (d *treeDrawing) svg() string {
	below := append(d.stops(), d.addresses())
	if d.left > 0 {
		below = append(below, d.count("tree.more", d.left))
	}
	height := outlineTop + (len(d.rows)+len(below))*outlineRow + 16
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t d" lang="%s">`+"\n",
		outlineWidth, height, outlineWidth, height, d.Lang)
	headline := d.summary() + " · " + d.voids()
	fmt.Fprintf(&b, "<title id=\"t\">%s</title>\n<desc id=\"d\">%s</desc>\n<style>%s</style>\n", svgText(d.t("spftree.title", "Domain", Escape(d.v.Domain))),
		svgText(headline+". "+strings.Join(below, " ")), outlineStyle)
	fmt.Fprintf(&b, `<rect class="bg" width="%d" height="%d"/>`+"\n", outlineWidth, height)
	tone := ""
	if d.over() {
		tone = " error"
	}
	fmt.Fprintf(&b, `<text class="hd" x="16" y="26">%s</text><text class="sn%s" x="16" y="46">%s</text>`+"\n",
		svgText(clip(Escape(d.v.Domain), 100)), tone, svgText(headline))
	for i := range d.rows {
		d.svgRow(&b, i)
	}
	y := outlineTop + len(d.rows)*outlineRow + 8
	for i, line := range below {
		tone := ""
		if i == 0 && d.v.StopsAt != nil {
			tone = " error"
		}
		fmt.Fprintf(&b, `<text class="sn%s" x="16" y="%d">%s</text>`+"\n", tone, y+(i+1)*outlineRow-8, svgText(clip(line, 150)))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func outlineAt(depth, index int) (x, y int) {
	return outlineX + min(depth-1, outlineDepth)*outlineIndent, outlineTop + index*outlineRow + outlineRow/2
}

func (d *treeDrawing) svgRow(b *strings.Builder, i int) {
	row := &d.rows[i]
	x, y := outlineAt(row.depth, i)
	px, py := 16, outlineTop-10
	if row.parent >= 0 {
		px, py = outlineAt(d.rows[row.parent].depth, row.parent)
	}
	class := ""
	if row.tone != "ok" {
		class = " " + row.tone
	}
	of, note := d.of(row), d.note(row)
	full := row.term
	for _, s := range []string{of, note} {
		if s != "" {
			full += " · " + s
		}
	}
	fmt.Fprintf(b, `<g><title>%s</title>`, svgText(full))
	if px < x {
		fmt.Fprintf(b, `<path class="ln" d="M%d %dV%dH%d"/>`, px, py+6, y, x-6)
	}
	fmt.Fprintf(b, `<circle class="nd%s" cx="%d" cy="%d" r="4"/>`, class, x, y)
	end := outlineWidth - 16
	if note != "" || of != "" {
		end = outlineNoteX
	}
	term := clip(row.term, int(float64(end-x-20)/outlineLetter))
	fmt.Fprintf(b, `<text class="tm%s" x="%d" y="%d">%s</text>`, class, x+11, y+4, svgText(term))
	if note != "" {
		fmt.Fprintf(b, `<text class="nt%s" x="%d" y="%d">%s</text>`, class, outlineNoteX, y+4, svgText(clip(note, 40)))
	}
	if of != "" {
		d.gauge(b, row, y)
		fmt.Fprintf(b, `<text class="nt" text-anchor="end" x="%d" y="%d">%s</text>`, outlineWidth-16, y+4, svgText(of))
	}
	b.WriteString("</g>\n")
}

// gauge draws a square for each look-up allowed, filled as far as they are used.
func (d *treeDrawing) gauge(b *strings.Builder, row *treeLine, y int) {
	class := "used"
	if row.used > d.v.Limits.Lookups {
		class = "excess"
	}
	limit := min(max(d.v.Limits.Lookups, 0), 20)
	var used, free strings.Builder
	for n := range limit {
		into := &free
		if n < row.used {
			into = &used
		}
		fmt.Fprintf(into, "M%d %dh7v8h-7z", outlineGaugeX+n*outlineCell, y-4)
	}
	fmt.Fprintf(b, `<path class="%s" d="%s"/>`, class, used.String())
	if free.Len() > 0 {
		fmt.Fprintf(b, `<path class="free" d="%s"/>`, free.String())
	}
}

// svgText makes text safe in XML, which has no place for what is not a character.
func svgText(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	return html.EscapeString(s)
}
