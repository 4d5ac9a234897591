package report

import (
	"cmp"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
)

// indexPage lists the domains of a run, worst first.
type indexPage struct {
	frame
	Total   int
	Verdict string
	Table   string // link to the table as CSV, "" for none
	Strip   []gradeView
	Compare bool // whether some domain was compared with an earlier run
	Rows    []indexRow
	Same    []sameFix
}

type gradeView struct {
	Grade, Tone, Text string
	Width             int
}

// indexRow is one domain. Sort is what a column is sorted by where that is not
// what it shows.
type indexRow struct {
	Domain, Link, Score, Grade, Tone, Change, ChangeTone string

	Worst                  string
	WorstState             state
	WorstWord              string
	DMARC, SPF             string
	DMARCTone, SPFTone     string
	TLS, DNSSEC            cell
	Profile, Coverage      string
	Measured, MeasuredSort string
}

// sameFix is one action that helps several domains.
type sameFix struct {
	Title, Count, Domains string
	Records               []string // with the domain's name left open
	n                     int
}

func newIndexPage(d *Document, opts HTMLOptions, links map[*Report]string) *indexPage {
	f := newFrame(d, opts, indexLook())
	w := f.words
	p := &indexPage{frame: f, Total: len(d.Reports)}
	if links != nil {
		p.Data, p.Table = opts.index()+".json", opts.index()+".csv"
	}
	p.Title = w.count("index.title", len(d.Reports)) + " – " + w.t("title")
	counts := map[string]int{}
	wrong := 0
	var last time.Time
	for _, r := range worstFirst(d.Reports) {
		if r.StartedAt.After(last) {
			last = r.StartedAt
			p.Measured = w.moment(last)
		}
		row := w.indexRow(r)
		row.Link = links[r]
		p.Compare = p.Compare || row.Change != ""
		if row.WorstState == stateError {
			wrong++
		}
		counts[row.Grade]++
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

func (w words) indexRow(r *Report) indexRow {
	grade := r.Score.Grade
	if ungraded(r) {
		grade = "–"
	}
	row := indexRow{
		Domain: unicodeDomain(r), Score: w.integer(r.Score.Value), Grade: Escape(grade), Tone: gradeTone(grade), Profile: w.profile(r.Profile.Name),
		Coverage: w.integer(r.Score.Coverage) + " %", Measured: w.date(r.StartedAt), MeasuredSort: r.StartedAt.UTC().Format("2006-01-02"),
		TLS: w.mailTLS(r), DNSSEC: w.signed(r),
	}
	if grade == "–" {
		row.Score = "–"
	} else if s := r.Since; s != nil && s.Grade != "" && s.Grade != "–" {
		switch change := r.Score.Value - s.Score; {
		case change > 0:
			row.Change, row.ChangeTone = "+"+w.integer(change), "ok"
		case change < 0:
			row.Change, row.ChangeTone = w.integer(change), "error"
		default:
			row.Change, row.ChangeTone = "0", "none"
		}
	}
	res, finding := worstFinding(r)
	switch {
	case r.Error != "":
		row.Worst, row.WorstState, row.WorstWord = clip(Escape(r.Error), 100), stateError, w.t("incomplete-short")
	case finding != nil:
		row.Worst, row.WorstState, row.WorstWord = clip(Escape(res.Title), 100), severityState(finding.Severity), w.severity(finding.Severity)
	}
	if v := factsOf[dmarcView](r, "dmarc"); v != nil && v.Effective != nil {
		switch policy := v.Effective.Domain.Policy; {
		case policy != "":
			row.DMARC = clip(Escape(policy), 12)
		case v.Known:
			row.DMARC = "–"
		default:
			row.DMARC = "?"
		}
	}
	if v := factsOf[spfView](r, "spf"); v != nil && v.Tree != nil {
		row.SPF = strconv.Itoa(v.Tree.Lookups) + "/" + strconv.Itoa(spfLimit)
		if v.Tree.Lookups > spfLimit {
			row.SPFTone = "error"
		}
	}
	return row
}

// mailTLS sums up port 25 of all mail hosts: the worst that one of them shows.
func (w words) mailTLS(r *Report) cell {
	v := factsOf[starttlsView](r, "starttls")
	if v == nil || v.NoHosts != "" {
		return w.blank()
	}
	seen, unseen := "", false
	for _, h := range v.Hosts {
		if h == nil {
			continue
		}
		for _, s := range h.Sessions {
			switch {
			case s == nil || s.Port != 25:
			case s.STARTTLS == "missing" || s.STARTTLS == "refused" || s.STARTTLS == "injected":
				return toned(stateError, w.t("cell.starttls."+s.STARTTLS), "")
			case s.TLS == nil:
				unseen = true
			case seen == "" || s.TLS.Version < seen: // versions sort as text: SSL, TLS 1.0, …
				seen = s.TLS.Version
			}
		}
	}
	switch {
	case seen != "" && seen < "TLS 1.2":
		return toned(stateError, Escape(seen), "")
	case seen != "" && !unseen:
		return toned(stateOK, Escape(seen), "")
	default:
		return toned(stateUnknown, w.t("index.unseen"), "")
	}
}

func (w words) signed(r *Report) cell {
	v := factsOf[dnssecView](r, "dnssec")
	if v == nil {
		return w.blank()
	}
	switch v.State {
	case "secure":
		return toned(stateOK, w.t("cell.yes"), "")
	case "insecure":
		return toned(stateNone, w.t("cell.no"), "")
	case "bogus":
		return toned(stateError, w.t("index.bogus"), "")
	default:
		return toned(stateUnknown, w.t("index.unseen"), "")
	}
}

func unicodeDomain(r *Report) string {
	if r.DomainUnicode != "" {
		return Escape(r.DomainUnicode)
	}
	return Escape(r.Domain)
}

// Bounds of the groups of domains that one action helps.
const (
	maxSame        = 10
	maxSameDomains = 12
)

// sameFixes groups the next steps that several domains share, with the records
// where they are the same for all but for the domain's name.
func (w words) sameFixes(reports []*Report) []sameFix {
	type group struct {
		title   string
		domains []string
		records []string
		differ  bool
	}
	groups := map[string]*group{}
	var order []string
	for _, r := range reports {
		seen := map[string]bool{}
		for _, s := range r.NextSteps {
			if seen[s.Rule] {
				continue
			}
			seen[s.Rule] = true
			records := openRecords(r.Domain, s.Records)
			g := groups[s.Rule]
			if g == nil {
				g = &group{title: s.Title, records: records}
				groups[s.Rule], order = g, append(order, s.Rule)
			}
			g.differ = g.differ || !slices.Equal(g.records, records)
			g.domains = append(g.domains, unicodeDomain(r))
		}
	}
	var list []sameFix
	for _, rule := range order {
		g := groups[rule]
		n := len(g.domains)
		if n < 2 {
			continue
		}
		same := sameFix{Title: Escape(g.title), Count: w.count("index.domains", n), n: n}
		if !g.differ {
			same.Records = g.records
		}
		names := g.domains[:min(n, maxSameDomains)]
		if same.Domains = strings.Join(names, ", "); n > len(names) {
			same.Domains += " " + w.count("flow.more", n-len(names))
		}
		list = append(list, same)
	}
	slices.SortStableFunc(list, func(a, b sameFix) int { return cmp.Compare(b.n, a.n) })
	return list[:min(len(list), maxSame)]
}

// openRecords are the records to publish, with ‹domain› where the name of the
// domain stands.
func openRecords(domain string, changes []check.RecordChange) []string {
	var list []string
	for _, c := range changes {
		for _, n := range c.New {
			line := clip(Escape(c.Name+" "+c.Type+" "+n), 300)
			if domain != "" {
				line = strings.ReplaceAll(line, Escape(domain), "‹domain›")
			}
			list = append(list, line)
		}
	}
	return list
}

// fleetColumns are the columns of the index as CSV.
var fleetColumns = []string{
	"domain", "score", "grade", "change", "coverage", "profile", "worst_rule", "worst_severity", "worst_title",
	"spf_lookups", "dmarc_policy", "mx_tls", "dnssec", "measured_at", "error",
}

// writeFleetCSV writes the index's table: one row a domain, worst first. Words of
// the contract stand in it, not those of a language; what is not known is empty.
func writeFleetCSV(w io.Writer, d *Document) error {
	out := csv.NewWriter(w)
	if err := out.Write(fleetColumns); err != nil {
		return err
	}
	words := wordsFor("en", d)
	words = wordsFor("en", &Document{Lang: string(words.Lang)})
	for _, r := range worstFirst(d.Reports) {
		row := words.indexRow(r)
		score, rule, severity, title := "", "", "", ""
		if !ungraded(r) {
			score = strconv.Itoa(r.Score.Value)
		}
		if res, f := worstFinding(r); f != nil {
			rule, severity, title = res.ID, f.Severity.String(), res.Title
		}
		known := func(c cell) string {
			if c.Quiet || c.Tone == stateUnknown.Code {
				return ""
			}
			return c.Word
		}
		lookups, _, _ := strings.Cut(row.SPF, "/")
		policy := row.DMARC
		switch policy {
		case "–":
			policy = "none in force"
		case "?":
			policy = ""
		}
		cells := []string{
			r.Domain, score, row.Grade, strings.ReplaceAll(row.Change, "−", "-"), strconv.Itoa(r.Score.Coverage), string(r.Profile.Name), rule, severity, title,
			lookups, policy, known(row.TLS), known(row.DNSSEC), r.StartedAt.UTC().Format(time.RFC3339), r.Error,
		}
		for i, c := range cells {
			if i == 3 { // a change is a number, with its sign
				continue
			}
			cells[i] = csvCell(c)
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
