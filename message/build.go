package message

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// Build makes the report of a message in one language. file is how the user
// named it.
func Build(f *Facts, results []check.Result, file string, l *locale.Localizer) (*report.Message, error) {
	facts, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("message: facts: %w", err)
	}
	out := &report.Message{
		File: file, Verdict: f.verdict(l), Mechanism: f.mechanisms(l), Evidence: f.evidence(), Notes: f.notes(l),
		Results: report.Results(results, l), AuthRes: f.authenticationResults(), Facts: facts,
		Domain: f.Format.AuthorDomain.String(), Counts: map[string]int{},
	}
	if len(f.Format.From) > 0 {
		out.From = cut(f.Format.From[0].Address, maxParam)
	}
	for _, s := range []check.Severity{check.Error, check.Warning, check.Notice, check.Info} {
		out.Counts[s.String()] = 0
	}
	for _, r := range out.Results {
		for _, fd := range r.Findings {
			out.Counts[fd.Severity.String()]++
		}
	}
	return out, nil
}

// verdict is the one sentence on top.
func (f *Facts) verdict(l *locale.Localizer) report.Verdict {
	code, p := f.verdictCode(l)
	return report.Verdict{Code: code, Text: l.Text("msg.verdict."+code, p)}
}

func (f *Facts) verdictCode(l *locale.Localizer) (string, check.Params) {
	p := check.Params{"Domain": f.Format.AuthorDomain.String()}
	o := f.DMARC
	switch {
	case f.Format.FromFields == 0:
		return "no-author", p
	case o == nil:
		return "not-applicable", p
	case o.Result == "pass" && o.Aligned.SPF && o.Aligned.DKIM:
		return "pass-both", p
	case o.Result == "pass" && o.Aligned.DKIM:
		return "pass-dkim", p
	case o.Result == "pass":
		return "pass-spf", p
	case o.Result == "fail":
		p["PolicyName"] = o.PolicyName.String()
		return "fail-" + f.failReason() + "-" + policyWord(o.Disposition), p
	case o.Result == "none":
		return "none", p
	}
	p["Cause"] = ""
	if err := f.dmarcOpen(); err != nil {
		p["Cause"] = l.Cause(check.CauseOf(err))
	}
	return "open", p
}

// failReason tells "nothing passes" from "what passes is somebody else's".
func (f *Facts) failReason() string {
	for _, id := range f.DMARC.Identifiers {
		if id.Result == "pass" {
			return "unaligned"
		}
	}
	return "nothing"
}

func policyWord(disposition string) string {
	switch disposition {
	case "reject", "quarantine":
		return disposition
	}
	return "none"
}

// mechanisms are the lines of the table.
func (f *Facts) mechanisms(l *locale.Localizer) []report.MessageResult {
	list := []report.MessageResult{f.spfRow(l)}
	for _, s := range f.Signatures {
		row := report.MessageResult{
			Method: "DKIM", Result: s.Result, Identity: clip(s.Domain.String()), Aligned: f.aligned("dkim", s),
			Detail: l.Text("msg.selector", check.Params{"Selector": clip(s.Selector)}),
		}
		if s.Reason != "" {
			row.Detail += ", " + l.Text("msg.reason."+s.Reason, nil)
		}
		list = append(list, row)
	}
	if len(f.Signatures) == 0 {
		list = append(list, report.MessageResult{Method: "DKIM", Result: "none", Detail: l.Text("msg.unsigned", nil)})
	}
	row := report.MessageResult{Method: "DMARC", Result: "unknown", Detail: l.Text("msg.no-author-domain", nil)}
	if o := f.DMARC; o != nil {
		row = report.MessageResult{Method: "DMARC", Result: o.Result, Identity: o.From.String()}
		if o.PolicyRecord != "" && o.Policy.Known {
			row.Detail = l.Text("msg.policy", check.Params{"Tag": o.Policy.Tag, "Policy": o.Policy.Policy, "Name": o.PolicyName.String()})
		}
	}
	list = append(list, row)
	if a := f.ARC; a != nil {
		list = append(list, report.MessageResult{Method: "ARC", Result: a.Result, Detail: l.Text("msg.arc", check.Params{"Sets": len(a.Sets), "Reason": a.Reason})})
	} else {
		list = append(list, report.MessageResult{Method: "ARC", Result: "none"})
	}
	return list
}

func (f *Facts) spfRow(l *locale.Localizer) report.MessageResult {
	row := report.MessageResult{Method: "SPF", Result: "unknown", Identity: clip(f.spfDomain().String())}
	if err := f.spfCause(); err != nil {
		row.Detail = l.Cause(check.CauseOf(err))
		return row
	}
	if f.SPF == nil {
		return row
	}
	row.Result, row.Aligned = string(f.SPF.Result), f.aligned("spf", nil)
	if f.SPF.Cause.Code != "" {
		row.Detail = l.Cause(f.SPF.Cause)
	} else {
		row.Detail = l.Text("msg.term", check.Params{"IP": f.Delivery.IP.String(), "Term": clip(f.SPF.Term)})
	}
	return row
}

// aligned is what DMARC said of the identifier, "" where it did not look.
func (f *Facts) aligned(method string, s *Signature) string {
	if f.DMARC == nil {
		return ""
	}
	for _, id := range f.DMARC.Identifiers {
		if id.Method == method && (s == nil || id.Domain == s.Domain && id.Selector == s.Selector) {
			return id.Aligned
		}
	}
	return ""
}

// evidence is what the results rest on.
func (f *Facts) evidence() []report.MessageSource {
	d := f.Delivery
	source := func(what string, known bool) string {
		for _, r := range d.Reconstructed {
			if r == what {
				return "header"
			}
		}
		if known {
			return "given"
		}
		return "unknown"
	}
	sender := clip(d.MailFrom)
	if d.MailFromKnown {
		sender = "<" + sender + ">"
	}
	return []report.MessageSource{
		{What: "ip", Value: addrText(d.IP), Source: source("ip", d.IP.IsValid())},
		{What: "helo", Value: clip(d.HELO), Source: source("helo", d.HELO != "")},
		{What: "mail_from", Value: sender, Source: source("mail_from", d.MailFromKnown)},
	}
}

// notes are what had to be done to the file before it could be read.
func (f *Facts) notes(l *locale.Localizer) []string {
	notes := []string{}
	add := func(id string, p check.Params) { notes = append(notes, l.Text("msg.note."+id, p)) }
	m := f.Message
	if m.LF {
		add("lf", nil)
	}
	if m.Mbox {
		add("mbox", nil)
	}
	if m.BOM {
		add("bom", nil)
	}
	if m.Broken > 0 {
		add("broken", check.Params{"Line": m.Broken})
	}
	if len(f.Delivery.Forwarded) > 0 {
		add("forwarded", check.Params{"Signs": strings.Join(f.Delivery.Forwarded, ", ")})
	}
	return notes
}
