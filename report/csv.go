package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
)

// CSVCell makes a stranger's text safe in a spreadsheet: what begins like a
// formula is quoted, and nothing hidden remains.
func CSVCell(s string) string { return csvCell(s) }

var csvColumns = []string{
	"domain", "measured_at", "profile", "score", "grade", "coverage",
	"rule", "standard", "severity", "subject", "message", "record", "fix", "accepted", "file", "line",
}

// WriteCSV writes a row for each finding, accepted ones too; a domain with
// none has one row whose finding is empty. Column names and rule IDs are the
// same in every language.
func WriteCSV(w io.Writer, d *Document) error {
	d = Normalise(d)
	out := csv.NewWriter(w)
	row := func(cells ...string) {
		for i := range cells {
			cells[i] = csvCell(cells[i])
		}
		_ = out.Write(cells) // the first error is kept for Error
	}
	row(csvColumns...)
	list := flatFindings(d, true)
	for _, r := range d.Reports {
		score := strconv.Itoa(r.Score.Value)
		if ungraded(r) {
			score = ""
		}
		head := []string{
			r.Domain, r.StartedAt.UTC().Format(time.RFC3339), string(r.Profile.Name), score, r.Score.Grade, strconv.Itoa(r.Score.Coverage),
		}
		n := 0
		for ; len(list) > 0 && list[0].report == r; list = list[1:] {
			n++
			f := list[0]
			var fix, accepted, file, line string
			if f.Fix != nil {
				fix = f.Fix.Verb
				for _, c := range f.Fix.Records {
					for _, v := range c.New {
						fix += "\n" + zoneLine(c.Name, c.Type, v)
					}
				}
				// A cell is one line: the escape of a line feed would be read as text.
				fix = strings.ReplaceAll(strings.TrimSpace(fix), "\n", " | ")
			}
			if f.Ignored != nil {
				accepted = f.Ignored.Reason
			}
			if f.Location != nil || r.DeclaredAt != nil {
				at := f.place()
				file, line = at.File, strconv.Itoa(at.Line)
			}
			row(append(head[:len(head):len(head)], f.res.ID, string(f.res.Standard), f.Severity.String(), f.Subject, f.Message, f.Record, fix, accepted, file, line)...)
		}
		if n == 0 {
			row(append(head[:len(head):len(head)], make([]string, len(csvColumns)-len(head))...)...)
		}
	}
	out.Flush()
	return out.Error()
}
