package report

import (
	"strings"
	"unicode/utf8"
)

// Geometry of the drawing in SVG units. Letters are cut by number, so a box has
// room for as many of a wide font; browser tests measure that they stay inside.
// The template has the sizes of boxes.
const (
	flowBoxW   = 136
	flowBoxH   = 116
	flowPitch  = 165 // from one box to the next
	flowTop    = 32  // of the first row's boxes
	flowRow    = 170 // from one row to the next
	flowLetter = 17  // letters in a line
	flowTitle  = 14  // letters of a box's title
	flowLines  = 4
	flowLine   = 15 // from one line to the next

	flowPublished = 3 // boxes that the domain publishes
)

// flowView draws the lanes: who sends, what the domain publishes, who receives.
type flowView struct {
	Lanes  []laneView
	Height int
	Rows   []flowRowView
}

type flowRowView struct {
	Title  string
	TitleY int
	PanelY int // of what is behind the boxes that the domain publishes
	PanelW int
	Panel  string // what it is, said once
	Arrows string // one path through all gaps
	Boxes  []flowBoxView
}

type flowBoxView struct {
	X, Y        int
	Label, Word string
	Tone        string
	Icon        string // the state as a shape, so that colour is not needed to tell
	Lines       []flowText
}

type flowText struct {
	Y    int
	Code bool
	Text string
}

// flowIcons are 14 by 14, in a box's upper right corner: each state has a shape of its own.
var flowIcons = map[string]string{
	"ok":      "M119 10a7 7 0 1 0 .1 0zm-3 7 2.2 2.2L122 15",
	"notice":  "M119 10a7 7 0 1 0 .1 0zm0 6a1 1 0 1 0 .1 0z",
	"info":    "M119 10a7 7 0 1 0 .1 0zm0 6v5m0-8v1",
	"warning": "m119 10 7 13h-14zm0 5v3m0 2v.5",
	"error":   "M116 10h6l4 4v6l-4 4h-6l-4-4v-6zm.5 4.5 5 5m0-5-5 5",
	"unknown": "M116 15a3 3 0 1 1 4.2 2.7q-1.2.6-1.2 1.8m0 2v1",
	"none":    "M114 17h10",
}

func (w words) flowView(lanes []laneView) *flowView {
	if len(lanes) == 0 {
		return nil
	}
	v := &flowView{Lanes: lanes}
	for i, l := range lanes {
		y := flowTop + i*flowRow
		row := flowRowView{Title: l.Title, TitleY: y - 16, PanelY: y - 8}
		row.PanelW = min(len(l.Stops), flowPublished)*flowPitch - 5
		if i == 0 {
			row.Panel = w.t("flow.publish")
		}
		sender := stopView{Label: w.t("flow.sender"), Detail: l.Sender, Tone: "plain"}
		for n, s := range append([]stopView{sender}, l.Stops...) {
			x := n*flowPitch + 2
			row.Boxes = append(row.Boxes, flowBox(s, x, y))
			if n > 0 {
				row.Arrows += "M" + itoa(x-flowPitch+flowBoxW+5) + " " + itoa(y+flowBoxH/2) + "h18m-5-4 5 4-5 4"
			}
		}
		v.Rows = append(v.Rows, row)
		v.Height = y + flowBoxH + 10
	}
	return v
}

func flowBox(s stopView, x, y int) flowBoxView {
	b := flowBoxView{X: x, Y: y, Label: clip(s.Label, flowTitle), Word: s.Word, Tone: s.Tone, Icon: flowIcons[s.Tone]}
	switch s.Tone {
	case "partly":
		b.Icon = flowIcons["unknown"]
	case "accepted":
		b.Icon = flowIcons["none"]
	}
	room := flowLines
	at := 57
	if s.Word == "" {
		at = 41
	}
	add := func(text string, lines int, code bool) {
		for _, line := range fitLines(text, flowLetter, min(lines, room)) {
			b.Lines = append(b.Lines, flowText{at, code, line})
			at += flowLine
			room--
		}
	}
	// The detail has at least one line, for it names what the words are about.
	words := flowLines
	if s.Detail != "" {
		words--
	}
	add(s.Main, words, false)
	add(s.Detail, flowLines, true)
	return b
}

// fitLines breaks text into at most so many lines of so many letters: at
// spaces, else after a dot or hyphen, else anywhere. What does not fit ends in "…".
func fitLines(text string, letters, lines int) []string {
	var out []string
	rest := strings.Join(strings.Fields(text), " ")
	for rest != "" && len(out) < lines {
		if utf8.RuneCountInString(rest) <= letters || len(out) == lines-1 {
			return append(out, clip(rest, letters))
		}
		cut := len(clipTo(rest, letters))
		at := cut
		if i := strings.LastIndexByte(rest[:min(cut+1, len(rest))], ' '); i > 0 {
			at = i
		} else if i := strings.LastIndexAny(rest[:cut], ".-"); i > cut/2 {
			at = i + 1
		}
		out = append(out, strings.TrimSpace(rest[:at]))
		rest = strings.TrimSpace(rest[at:])
	}
	return out
}

// clipTo is the first so many letters.
func clipTo(s string, letters int) string {
	n := 0
	for i := range s {
		if n == letters {
			return s[:i]
		}
		n++
	}
	return s
}
