package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/report"
)

// policyText prints a policy and its verdicts. All of it but the words is
// strangers' text.
type policyText struct {
	strings.Builder
	l     *locale.Localizer
	width int
}

// shownLines bounds the lines of a policy file that text shows.
const shownLines = 60

func writePolicy(w io.Writer, width int, v *policyView, l *locale.Localizer) error {
	p := &policyText{l: l, width: width}
	p.line("", p.text("title", check.Params{"Domain": v.Domain.String()}))
	p.record(v)
	p.fetch(v)
	p.policy(v)
	p.hosts(v)
	p.answers(v)
	p.findings(v)
	_, err := io.WriteString(w, p.String())
	return err
}

func (p *policyText) text(id string, params check.Params) string {
	return report.Escape(p.l.Text("mta-sts-policy."+id, params))
}

func (p *policyText) line(indent, text string) {
	p.WriteString(indent + report.Wrap(p.width, strings.Repeat(" ", utf8.RuneCountInString(indent)), text) + "\n")
}

// head begins a part.
func (p *policyText) head(id, rest string) {
	text := p.text(id, nil)
	if rest != "" {
		text += "  " + rest
	}
	p.WriteString("\n" + text + "\n")
}

func (p *policyText) record(v *policyView) {
	p.head("record", report.Escape(v.RecordName.String()))
	for _, text := range v.Records[:min(len(v.Records), shownTexts)] {
		p.WriteString("   " + cut(report.Escape(text), shownText) + "\n")
	}
	switch {
	case v.Lookup == dns.StateUnknown:
		p.line("   → ", p.text("record-unknown", nil))
	case v.Lookup == dns.StateNXDomain:
		p.line("   → ", p.text("record-nxdomain", nil))
	case len(v.Records) == 0:
		p.line("   → ", p.text("record-missing", nil))
	case len(v.Records) > 1:
		p.line("   → ", p.text("record-several", check.Params{"Count": len(v.Records)}))
	case v.ID == "" || !v.facts.RecordValid():
		p.line("   → ", p.text("record-invalid", nil))
	default:
		p.line("   → ", p.text("record-id", check.Params{"ID": v.ID}))
	}
}

func (p *policyText) fetch(v *policyView) {
	f := &v.Fetch
	p.head("fetch", report.Escape(v.URL))
	if f.Status != 0 {
		kind := f.ContentType
		if kind == "" {
			kind = p.l.Text("mta-sts-policy.no-type", nil)
		}
		p.line("   ", p.text("answer", check.Params{
			"Status": fmt.Sprintf("%d %s", f.Status, http.StatusText(f.Status)), "Type": cut(kind, 100), "Size": f.Size, "MS": int(math.Round(f.TookMS)),
			"Address": f.Address.String(), "TLS": f.TLSVersion,
		}))
	}
	if c := f.Certificate; c != nil {
		if c.Verdict == mtasts.VerdictOK {
			p.line("   ", p.text("certificate-ok", check.Params{"Until": c.NotAfter.UTC().Format("2006-01-02")}))
		} else {
			p.line("   ", p.text("certificate-bad", check.Params{"Verdict": p.l.Text("mta-sts-policy.verdict.is-"+c.Verdict, nil), "Detail": c.Detail}))
		}
	}
	switch {
	case f.Error != "":
		text := p.text("error.is-"+f.Error, nil)
		if f.Detail != "" && f.Error != mtasts.ErrCertificate && f.Error != mtasts.ErrSpecial {
			text += ": " + report.Escape(f.Detail)
		}
		p.line("   → ", text)
	case f.Status >= 300 && f.Status < 400 && f.Location != "":
		p.line("   → ", p.text("redirect", check.Params{"Location": cut(f.Location, 300)}))
	case f.Status != 200:
		p.line("   → ", p.text("not-200", nil))
	}
}

func (p *policyText) policy(v *policyView) {
	if v.Policy == nil {
		p.head("policy", p.text("no-policy", nil))
		return
	}
	state := p.text("not-in-force", nil)
	if v.InForce {
		state = p.text("in-force", check.Params{"Mode": v.Policy.Mode, "Days": p.days(v.Policy.MaxAgeSeconds)})
	}
	p.head("policy", state)
	patterns := map[int]*mtasts.TracePtn{} // by where they stand
	for i := range v.Patterns {
		patterns[v.Patterns[i].Span.Start] = &v.Patterns[i]
	}
	for _, l := range v.Lines[:min(len(v.Lines), shownLines)] {
		fmt.Fprintf(p, "%5d  %s\n", l.Number, cut(report.Escape(l.Text), shownText))
		for _, note := range p.notes(v, &l, patterns[l.Span.Start+strings.Index(l.Text, l.Value)]) {
			p.line("       ← ", note)
		}
	}
	if more := max(0, len(v.Lines)-shownLines) + v.MoreLines; more > 0 {
		p.line("       ", p.text("more-lines", check.Params{"N": more}))
	}
}

// notes say what a line does, and which rules speak of it.
func (p *policyText) notes(v *policyView, l *mtasts.TraceLine, pattern *mtasts.TracePtn) []string {
	var notes []string
	if l.Key == "mx" && pattern != nil {
		switch {
		case pattern.Fault != "":
			notes = append(notes, p.text("bad-pattern", nil))
		case !v.MXKnown:
		case len(pattern.Matches) == 0:
			notes = append(notes, p.text("unused", nil))
		default:
			var names []string
			for _, n := range pattern.Matches {
				names = append(names, n.String())
			}
			notes = append(notes, p.text("matched", check.Params{"Hosts": strings.Join(names, ", ")}))
		}
	}
	return append(notes, l.Problems...)
}

func (p *policyText) days(seconds int64) string {
	n := int(math.Round(float64(seconds) / 86400))
	if n == 1 {
		return p.l.Text("mta-sts-policy.days-1", nil)
	}
	return p.l.Text("mta-sts-policy.days-n", check.Params{"N": n})
}

func (p *policyText) hosts(v *policyView) {
	p.head("hosts", "")
	switch {
	case !v.MXKnown:
		p.line("   ", p.text("mx-unknown", nil))
	case len(v.Hosts) == 0:
		p.line("   ", p.text("no-mx", nil))
	}
	for i := range v.Hosts {
		h := &v.Hosts[i]
		by := p.text("by-none", nil)
		if h.Matches != "" {
			by = p.text("by-pattern", check.Params{"Pattern": h.Matches})
		}
		if v.Policy != nil {
			p.line("   ", fmt.Sprintf("%s (%d): %s", report.Escape(h.MX.String()), h.Preference, by))
		} else {
			p.line("   ", fmt.Sprintf("%s (%d)", report.Escape(h.MX.String()), h.Preference))
		}
		if len(h.Addresses) == 0 || h.Reason == "not-listed" || h.Reason == "no-policy" || h.Reason == "off" {
			p.line("      → ", p.verdict(h.Verdict, ""))
			continue
		}
		for j := range h.Addresses {
			a := &h.Addresses[j]
			seen := a.Seen
			if a.Reason == "certificate" {
				seen = p.l.Text("mta-sts-policy.verdict.is-"+a.Seen, nil)
			}
			text := a.Address.String() + ": " + p.verdict(a.Verdict, seen)
			if a.Cause.Code != "" {
				text += ": " + report.Escape(p.l.Cause(a.Cause))
			} else if a.Detail != "" && a.Action != mtasts.Deliver {
				text += ": " + cut(report.Escape(a.Detail), 300)
			}
			p.line("      → ", text)
		}
	}
}

func (p *policyText) verdict(v mtasts.Verdict, seen string) string {
	return p.text("action.is-"+string(v.Action), nil) + ": " + p.text("reason.is-"+v.Reason, check.Params{"Seen": seen})
}

func (p *policyText) answers(v *policyView) {
	if len(v.Answers) == 0 {
		return
	}
	p.head("answers", "")
	same := true
	for _, a := range v.Answers {
		what := a.SHA256
		switch {
		case a.Error != "":
			what = p.text("error.is-"+a.Error, nil)
		case what == "":
			what = fmt.Sprintf("HTTP %d", a.Status)
		default:
			what = "sha256 " + what[:16] + "…"
		}
		same = same && a.SHA256 != "" && a.SHA256 == v.Answers[0].SHA256
		p.line("   ", fmt.Sprintf("%s: %s", a.Address, what))
	}
	if same && len(v.Answers) > 1 {
		p.line("   → ", p.text("same", nil))
	}
}

func (p *policyText) findings(v *policyView) {
	if len(v.Findings) == 0 {
		return
	}
	p.head("findings", "")
	for _, r := range v.Findings {
		for _, f := range r.Findings {
			p.line("   ", fmt.Sprintf("%s %s: %s", p.l.Text("report.severity."+f.Severity.String(), nil), r.ID, report.Escape(f.Message)))
		}
	}
}

// cut shortens what a stranger wrote too long.
func cut(s string, runes int) string {
	if utf8.RuneCountInString(s) <= runes {
		return s
	}
	return string([]rune(s)[:runes]) + "…"
}
