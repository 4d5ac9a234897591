package report

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
)

// maxShown is how many octets of one published text a page shows; the JSON has
// the whole.
const maxShown = 2000

// recordView is a published text with its findings underlined.
type recordView struct {
	Owner, Type string
	Segments    []segment
	More        string // how much was left out, "" for nothing
}

// segment is a piece of a record. Tone is the worst severity over it, "" for
// none; Refs are the findings whose span ends with it.
type segment struct {
	Text string
	Tone string
	Refs []ref
}

type ref struct {
	N    int
	ID   string
	Tone string
}

// mark is one finding's span in a record.
type mark struct {
	span     check.Span
	severity check.Severity
	ref      ref
}

func (w words) record(owner, rrtype, text string, marks []mark) recordView {
	v := recordView{Owner: Escape(owner), Type: rrtype}
	cuts := []int{0, len(text)}
	for _, m := range marks {
		cuts = append(cuts, m.span.Start, m.span.End)
	}
	end := len(text)
	if end > maxShown {
		end = maxShown
		for end > maxShown-4 && !utf8.RuneStart(text[end]) {
			end--
		}
		v.More = w.t("octets-more", "N", w.integer(len(text)-end))
		cuts = append(cuts, end)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	for i, from := range cuts {
		to := from
		if i+1 < len(cuts) {
			to = cuts[i+1]
		}
		if from >= end && from > 0 && to > from {
			break
		}
		seg := segment{Text: Escape(text[from:to])}
		var worst check.Severity
		for _, m := range marks {
			if m.span.Start <= from && to <= m.span.End && from < to {
				worst = max(worst, m.severity)
			}
			if m.span.End == to && from < to || m.span.Start == m.span.End && m.span.End == from && from == 0 && i == 0 {
				seg.Refs = append(seg.Refs, m.ref)
			}
		}
		if worst != 0 {
			seg.Tone = severityState(worst).Code
		}
		if seg.Text != "" || len(seg.Refs) > 0 {
			v.Segments = append(v.Segments, seg)
		}
	}
	return v
}

// changeView is one RRset to change, as lines that go and lines that come.
type changeView struct {
	Name, Type string
	Old        []string
	New        []valueView
	Elsewhere  string // says that the place is not in the domain's own zone; "" where it is
}

type valueView struct {
	Text  string // as shown
	Zone  string // as one line of a zone file, safe to copy whatever it holds; "" where it is too long
	Value string // the bare value for a web form; "" where it holds what does not print
}

func (w words) changeViews(domain string, changes []check.RecordChange) []changeView {
	var views []changeView
	for _, c := range changes {
		v := changeView{Name: Escape(c.Name), Type: Escape(c.Type)}
		if outside(domain, c.Name) {
			v.Elsewhere = w.t("elsewhere", "Domain", Escape(domain))
		}
		for _, o := range c.Old {
			v.Old = append(v.Old, clip(Escape(o), maxShown))
		}
		for _, n := range c.New {
			nv := valueView{Text: clip(Escape(n), maxShown)}
			if len(n) <= maxShown {
				nv.Zone = zoneLine(c.Name, c.Type, n)
				if Escape(n) == n {
					nv.Value = n
				}
			}
			v.New = append(v.New, nv)
		}
		views = append(views, v)
	}
	return views
}

// outside reports whether a record is to stand beyond the domain, where
// somebody else may have to publish it.
func outside(domain, name string) bool {
	name, domain = strings.ToLower(strings.TrimSuffix(name, ".")), strings.ToLower(strings.TrimSuffix(domain, "."))
	return name != domain && !strings.HasSuffix(name, "."+domain)
}

func itoa(n int) string { return strconv.Itoa(n) }
