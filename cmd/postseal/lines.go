package main

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// textWidth is how wide text is broken where there is no terminal.
const textWidth = 80

// columns is how wide text is broken: as the terminal, else 80.
func (s *streams) columns() int {
	width, _ := s.tty()
	return width
}

// heading is a line of two parts, the second below the first where they have
// no room beside each other. Both are escaped already.
func heading(width int, first, second string) string {
	if utf8.RuneCountInString(first+"  "+second) <= width {
		return first + "  " + second + "\n"
	}
	return strings.TrimRight(first, " ") + "\n   " + report.Wrap(width, "   ", second) + "\n"
}

// paragraph is text broken at the width after a lead, later lines below where
// the text began.
func paragraph(width int, lead, text string) string {
	return lead + report.Wrap(width, strings.Repeat(" ", utf8.RuneCountInString(lead)), text) + "\n"
}

// day is a date as people of the language write it.
func day(t time.Time, l *locale.Localizer) string {
	if l.Lang == locale.Portuguese {
		return t.Format("02/01/2006")
	}
	return t.Format(time.DateOnly)
}
