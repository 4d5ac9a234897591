package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postseal/postseal/internal/atomicfile"
)

// indexPage lists the domains of a run, worst first.
type indexPage struct {
	frame
	Total   int
	Verdict string
	Strip   []gradeView
	Rows    []indexRow
	Same    []sameFix
}

type gradeView struct {
	Grade, Tone, Text string
	Width             int
}

type indexRow struct {
	Domain, Link, Score, Grade, Tone         string
	Worst, WorstTone, WorstSymbol, WorstWord string
	DMARC, SPF, Profile, Coverage            string
}

// sameFix is one action that helps several domains.
type sameFix struct {
	Title, Count, Domains string
	n                     int
}

func newIndexPage(d *Document, opts HTMLOptions, links map[*Report]string) *indexPage {
	f := newFrame(d, opts, indexLook())
	w := f.words
	p := &indexPage{frame: f, Total: len(d.Reports)}
	if links != nil {
		p.Data = opts.index() + ".json"
	}
	p.Title = w.count("index.title", len(d.Reports)) + " – " + w.t("title")
	counts := map[string]int{}
	wrong := 0
	for i, r := range worstFirst(d.Reports) {
		if i == 0 || r.StartedAt.After(d.Reports[0].StartedAt) {
			p.Measured = w.moment(r.StartedAt)
		}
		grade := r.Score.Grade
		if ungraded(r) {
			grade = "–"
		}
		counts[grade]++
		row := indexRow{Domain: unicodeDomain(r), Link: links[r], Score: w.integer(r.Score.Value), Grade: Escape(grade), Tone: gradeTone(grade), Profile: w.profile(r.Profile.Name), Coverage: w.integer(r.Score.Coverage) + " %"}
		if grade == "–" {
			row.Score = "–"
		}
		res, finding := worstFinding(r)
		switch {
		case r.Error != "":
			row.Worst, row.WorstTone, row.WorstSymbol, row.WorstWord = clip(Escape(r.Error), 100), stateError.Code, stateError.Symbol, w.t("incomplete-short")
			wrong++
		case finding != nil:
			st := severityState(finding.Severity)
			row.Worst, row.WorstTone, row.WorstSymbol, row.WorstWord = clip(Escape(res.Title), 100), st.Code, st.Symbol, w.severity(finding.Severity)
			if st == stateError {
				wrong++
			}
		}
		if v := factsOf[dmarcView](r, "dmarc"); v != nil && v.Effective != nil {
			row.DMARC = clip(Escape(v.Effective.Domain.Policy), 12)
			if row.DMARC == "" && v.Known {
				row.DMARC = "–"
			} else if row.DMARC == "" {
				row.DMARC = "?"
			}
		}
		if v := factsOf[spfView](r, "spf"); v != nil && v.Tree != nil {
			row.SPF = fmt.Sprintf("%d/%d", v.Tree.Lookups, spfLimit)
		}
		p.Rows = append(p.Rows, row)
	}
	p.Verdict = w.t("index.verdict-fine")
	if wrong > 0 {
		p.Verdict = w.count("index.verdict", wrong)
	}
	for _, g := range grades {
		if n := counts[g]; n > 0 {
			p.Strip = append(p.Strip, gradeView{g, gradeTone(g), w.integer(n), max(1, 100*n/len(d.Reports))})
		}
	}
	p.Same = w.sameFixes(d.Reports)
	return p
}

func unicodeDomain(r *Report) string {
	if r.DomainUnicode != "" {
		return Escape(r.DomainUnicode)
	}
	return Escape(r.Domain)
}

// sameFixes groups the first steps that several domains share.
func (w words) sameFixes(reports []*Report) []sameFix {
	domains := map[string][]string{}
	titles := map[string]string{}
	var order []string
	for _, r := range reports {
		seen := map[string]bool{}
		for _, s := range r.NextSteps {
			if seen[s.Rule] {
				continue
			}
			seen[s.Rule] = true
			if titles[s.Rule] == "" {
				titles[s.Rule] = s.Title
				order = append(order, s.Rule)
			}
			domains[s.Rule] = append(domains[s.Rule], Escape(r.Domain))
		}
	}
	var list []sameFix
	for _, rule := range order {
		n := len(domains[rule])
		if n < 2 {
			continue
		}
		names := domains[rule]
		more := ""
		if n > 12 {
			names, more = names[:12], " …"
		}
		list = append(list, sameFix{Escape(titles[rule]), w.count("index.domains", n), strings.Join(names, ", ") + more, n})
	}
	slices.SortStableFunc(list, func(a, b sameFix) int { return b.n - a.n })
	return list[:min(len(list), 10)]
}

// WriteHTMLDir writes an index, a page for each domain and the document as JSON
// into a directory, which it makes where it is missing. Each file is written
// whole or not at all. Links are relative, so the directory can be moved and
// served from anywhere. It gives the paths written, the index first.
func WriteHTMLDir(dir string, d *Document, opts HTMLOptions) ([]string, error) {
	d = Normalise(d)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	links := map[*Report]string{}
	taken := map[string]bool{opts.index(): true}
	for _, r := range d.Reports {
		links[r] = pageName(r.Domain, taken)
	}
	home := opts.index() + ".html"
	paths := []string{filepath.Join(dir, home)}
	if err := writeFile(paths[0], func(w io.Writer) error {
		return writePage(w, "index.html", newIndexPage(d, opts, links))
	}); err != nil {
		return nil, err
	}
	for _, r := range d.Reports {
		path := filepath.Join(dir, links[r])
		if err := writeFile(path, func(w io.Writer) error {
			return writeDomain(w, d, r, opts, home)
		}); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	path := filepath.Join(dir, opts.index()+".json")
	if err := writeFile(path, func(w io.Writer) error { return WriteJSON(w, d) }); err != nil {
		return nil, err
	}
	return append(paths, path), nil
}

func writeFile(path string, write func(io.Writer) error) error {
	if err := atomicfile.Write(path, 0o644, func(f *os.File) error { return write(f) }); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// pageName is a file name for a domain that is safe on every system, whatever
// the domain is.
func pageName(domain string, taken map[string]bool) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}, domain)
	name = strings.Trim(name, ".")
	if name == "" || len(name) > 200 {
		name = "domain"
	}
	base := name
	for i := 2; taken[name]; i++ {
		name = base + "-" + itoa(i)
	}
	taken[name] = true
	return name + ".html"
}
