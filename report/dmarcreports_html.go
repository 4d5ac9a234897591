package report

import (
	"encoding/json"
	"strconv"
	"strings"
)

// DMARCReports is what DMARC aggregate reports say of the audited domain: an
// object as in the domains of 'postseal dmarc reports --format json', kept as it
// came.
type DMARCReports struct{ json.RawMessage }

// reportsOf reads what reports say, nil where there are none.
func reportsOf(r *Report) *reportsView {
	if r.DMARCReports == nil {
		return nil
	}
	v := &reportsView{}
	if json.Unmarshal(r.DMARCReports.RawMessage, v) != nil || v.Domain == "" {
		return nil
	}
	return v
}

// dmarcReportsLine is what the screen of an audit says of reports.
func (p *textPrinter) dmarcReportsLine(r *Report) {
	v := reportsOf(r)
	if v == nil {
		return
	}
	p.line()
	p.line(p.wrap("  ", p.dr("line", "Percent", p.decimal(v.Percent), "Messages", p.drCount("messages", v.Messages), "Days", p.drCount("days", int64(v.Days)))))
	p.line("  ", p.wrap("  ", p.reportsAnswer(v)))
}

// reportsPage is the section of the page.
type reportsPage struct {
	Title, Read, Policy  string
	Answer, Tone, Symbol string
	Gate                 string

	Bar            string // what the bar shows, in words
	Aligned        string // width of 100
	Left           string // the rest
	Numbers, Parts string
	Details        []string

	WouldHead string
	Would     []wouldView

	Chart, ChartDesc string
	Days             []dayView
	ChartWidth       int

	Caption string
	Head    []string
	Sources []sourceRow
	More    []string
}

// dayView is one bar of the chart, in units of a hundredth of its height.
type dayView struct {
	X                  int
	AlignedY, FailingY string
	AlignedH, FailingH string
	Title              string
}

type sourceRow struct {
	Name, Addresses         string
	Failing, Messages, Days string
	Tone, Kind, Why         string
}

// Bounds of the section: the JSON has more.
const (
	sourcesOnPage = 15
	dayWidth      = 10
)

var answerTones = map[string][2]string{
	"ready": {"ok", "✓"}, "top": {"ok", "✓"}, "fix": {"error", "✗"}, "look": {"warning", "!"}, "little": {"unknown", "?"}, "none": {"unknown", "?"},
}

func (w words) reportsPage(r *Report) *reportsPage {
	v := reportsOf(r)
	if v == nil {
		return nil
	}
	tone, ok := answerTones[v.Answer.Code]
	if !ok {
		tone = answerTones["none"]
	}
	p := &reportsPage{
		Title: w.dr("title"), Read: w.reportsLine(v), Policy: w.dr("policy", "Policy", w.reportsPolicy(v)),
		Answer: w.reportsAnswer(v), Tone: tone[0], Symbol: tone[1], Gate: w.reportsGate(v),
		WouldHead: w.reportsWouldHead(v), Would: w.reportsWould(v), Caption: w.dr("caption"),
		Head: []string{w.dr("col-source"), w.dr("col-failing"), w.dr("col-messages"), w.dr("col-days"), w.dr("col-kind")},
	}
	if v.Messages > 0 {
		p.Bar = w.dr("bar") + ": " + w.decimal(v.Percent) + " %"
		p.Aligned = share(v.Messages-v.Failing, v.Messages)
		p.Left = share(v.Failing, v.Messages)
		p.Numbers = w.dr("aligned", "Messages", w.drCount("messages", v.Messages), "Percent", w.decimal(v.Percent), "Failing", w.integer(int(v.Failing)))
		p.Parts = w.reportsParts(v)
		p.Details = w.reportsDone(v)
		w.reportsChart(p, v)
	}
	for i, s := range v.Sources {
		if i == sourcesOnPage {
			break
		}
		row := sourceRow{
			Name: w.sourceName(s), Failing: w.integer(int(s.Failing)), Messages: w.integer(int(s.Messages)), Days: w.integer(s.Days),
			Tone: kindTones[s.Kind], Kind: w.sourceKind(s), Why: w.sourceWhy(s),
		}
		var addrs []string
		for i, a := range s.Addresses {
			if i == 3 {
				addrs = append(addrs, "…")
				break
			}
			if a != s.Name {
				addrs = append(addrs, Escape(a))
			}
		}
		row.Addresses = strings.Join(addrs, " ")
		p.Sources = append(p.Sources, row)
	}
	p.More = w.reportsMore(v, sourcesOnPage)
	return p
}

// reportsChart draws the days, aligned below and failing above.
func (w words) reportsChart(p *reportsPage, v *reportsView) {
	most := int64(0)
	for _, d := range v.PerDay {
		most = max(most, d.Messages)
	}
	if len(v.PerDay) < 2 || most <= 0 {
		return
	}
	days := v.PerDay[max(0, len(v.PerDay)-maxDays):]
	for i, d := range days {
		aligned, failing := 100*float64(d.Messages-d.Failing)/float64(most), 100*float64(d.Failing)/float64(most)
		p.Days = append(p.Days, dayView{
			X: i * dayWidth, AlignedY: units(100 - aligned), AlignedH: units(aligned), FailingY: units(100 - aligned - failing), FailingH: units(failing),
			Title: w.since(d.Date) + ": " + w.dr("aligned", "Messages", w.drCount("messages", d.Messages), "Percent", w.decimal(d.Percent), "Failing", w.integer(int(d.Failing))),
		})
	}
	p.ChartWidth = len(days)*dayWidth - 2
	p.Chart = w.dr("chart")
	p.ChartDesc = w.dr("chart-desc", "Begin", w.since(days[0].Date), "End", w.since(days[len(days)-1].Date), "Most", w.drCount("messages", most))
}

// maxDays bounds the chart.
const maxDays = 92

func units(f float64) string { return strconv.FormatFloat(min(max(f, 0), 100), 'f', 1, 64) }

func share(part, whole int64) string {
	if whole <= 0 {
		return "0"
	}
	return units(100 * float64(part) / float64(whole))
}
