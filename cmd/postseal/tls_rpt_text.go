package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/tlsrpt/reports"
)

// tlsReportsText prints sums of reports, strangers' text.
type tlsReportsText struct {
	strings.Builder
	l     *locale.Localizer
	width int
}

func writeTLSReports(w io.Writer, width int, sum *reports.Summary, top int, l *locale.Localizer) error {
	p := &tlsReportsText{l: l, width: width}
	for i, d := range sum.Domains {
		if i > 0 {
			p.WriteByte('\n')
		}
		p.domain(d, top)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

func (p *tlsReportsText) text(id string, params check.Params) string {
	return report.Escape(p.l.Text("tls-rpt-reports."+id, params))
}

// number says how many of something there are.
func (p *tlsReportsText) number(id string, n int64) string {
	if n == 1 {
		return p.text(id+"-1", nil)
	}
	return p.text(id+"-n", check.Params{"N": n})
}

func (p *tlsReportsText) line(indent, text string) {
	p.WriteString(indent + report.Wrap(p.width, strings.Repeat(" ", utf8.RuneCountInString(indent)), text) + "\n")
}

func (p *tlsReportsText) domain(d *reports.Domain, top int) {
	p.line("", p.text("title", check.Params{"Domain": d.Domain.String()}))
	p.line("", p.text("read", check.Params{
		"Reports": p.number("reports", int64(d.Reports)), "Reporters": p.number("reporters", int64(len(d.Reporters))),
		"Begin": reportDay(d.Begin), "End": reportDay(d.End), "Days": p.number("days", int64(d.Days)),
	}))
	total := d.Successful + d.Failed
	if d.Failed == 0 {
		p.line("", p.text("total-none", check.Params{"Sessions": p.number("sessions", total)}))
	} else {
		p.line("", p.text("total", check.Params{"Sessions": p.number("sessions", total), "Failed": d.Failed, "Percent": p.percent(d.Failed, total)}))
	}
	p.WriteString("\n" + p.text("policies", nil) + "\n")
	for _, s := range d.Policies {
		p.line("   ", fmt.Sprintf("%s: %s", p.text("type.is-"+s.Type, nil),
			p.text("policy", check.Params{"Sessions": p.number("sessions", s.Successful+s.Failed), "Failed": s.Failed})))
	}
	if len(d.Hosts) > 0 {
		p.WriteString("\n" + p.text("hosts", nil) + "\n")
		for _, h := range d.Hosts[:min(len(d.Hosts), 10)] {
			fmt.Fprintf(p, "%9d  %s\n", h.Failed, p.host(h.Host.String()))
		}
	}
	if len(d.Failures) > 0 {
		p.WriteString("\n" + p.text("failures", nil) + "\n")
	}
	shown := d.Failures
	if top > 0 {
		shown = shown[:min(len(shown), top)]
	}
	for i := range shown {
		p.failure(&shown[i])
	}
	if more := len(d.Failures) - len(shown); more > 0 {
		p.line("   ", p.text("more", check.Params{"N": more}))
	}
	if d.Untold > 0 {
		p.WriteString("\n" + p.text("untold", check.Params{"N": d.Untold}) + "\n")
	}
}

func (p *tlsReportsText) host(name string) string {
	if name == "" {
		return p.text("no-host", nil)
	}
	return report.Escape(name)
}

func (p *tlsReportsText) percent(part, whole int64) string {
	s := strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 1, 64)
	if p.l.Lang == locale.Portuguese {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

func (p *tlsReportsText) failure(f *reports.FailureSum) {
	p.line("   ", p.text("failure", check.Params{"N": f.Count, "Result": f.Result, "Host": p.host(f.Host.String()), "Type": p.text("type.is-"+f.Type, nil)}))
	meaning := "other"
	if f.Known {
		meaning = f.Result
	}
	p.line("      ", p.text("result.is-"+meaning, nil))
	if len(f.Rules) > 0 {
		p.line("      ", p.text("rules", check.Params{"Rules": strings.Join(f.Rules, ", ")}))
	}
	p.line("      ", p.text("said", check.Params{"Reporters": some(f.Reporters, 5), "First": reportDay(f.First), "Last": reportDay(f.Last), "Senders": f.Senders}))
	if len(f.Reasons) > 0 {
		p.line("      ", p.text("reasons", check.Params{"Reasons": cut(some(f.Reasons, 3), 300)}))
	}
}

// writeTLSReportsCSV prints a line for each kind of failure; a domain without
// failures has one line, with its sessions.
func writeTLSReportsCSV(w io.Writer, sum *reports.Summary) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"domain", "policy_type", "mx_host", "result", "failed", "reports", "senders", "first", "last", "reporters", "reasons", "rules", "domain_successful", "domain_failed"}}
	for _, d := range sum.Domains {
		totals := []string{strconv.FormatInt(d.Successful, 10), strconv.FormatInt(d.Failed, 10)}
		if len(d.Failures) == 0 {
			rows = append(rows, append([]string{d.Domain.String(), "", "", "", "0", strconv.Itoa(d.Reports), "0", reportDay(d.Begin), reportDay(d.End), strings.Join(d.Reporters, "; "), "", ""}, totals...))
		}
		for i := range d.Failures {
			f := &d.Failures[i]
			rows = append(rows, append([]string{
				d.Domain.String(), f.Type, f.Host.String(), f.Result, strconv.FormatInt(f.Count, 10), strconv.Itoa(f.Reports), strconv.Itoa(f.Senders),
				reportDay(f.First), reportDay(f.Last), strings.Join(f.Reporters, "; "), strings.Join(f.Reasons, "; "), strings.Join(f.Rules, " "),
			}, totals...))
		}
	}
	for _, row := range rows {
		for i := range row {
			row[i] = report.CSVCell(row[i])
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
