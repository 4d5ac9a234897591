package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// writeVerdict prints what DMARC makes of a message, and why.
func writeVerdict(w io.Writer, width int, o *dmarc.Outcome, l *locale.Localizer) error {
	p := &traceText{width: width, l: l}
	params := check.Params{
		"From": o.From.String(), "Cause": failure(o.Failed(), l), "Disposition": o.Disposition,
		"SPF": o.Aligned.SPF, "DKIM": o.Aligned.DKIM,
	}
	p.line("", o.Result+": "+p.said("reason-"+o.Reason, params))
	if o.Result == "fail" {
		p.line("", p.said("asks-"+o.Disposition, nil))
	}
	p.WriteByte('\n')
	for i := range o.Identifiers {
		p.identifier(o, &o.Identifiers[i])
	}
	if len(o.Identifiers) > 0 {
		p.WriteByte('\n')
	}
	p.applies(o)
	p.oldReceiver(o)
	_, err := io.WriteString(w, p.String())
	return err
}

func (p *traceText) said(id string, params check.Params) string {
	return report.Escape(p.l.Text("dmarc-eval."+id, params))
}

// identifier says of one identifier whether it is aligned, and why.
func (p *traceText) identifier(o *dmarc.Outcome, id *dmarc.Alignment) {
	name := id.Domain.String()
	if id.Selector != "" {
		name += " (s=" + id.Selector + ")"
	}
	fmt.Fprintf(p, "%-4s  %s  %s\n", strings.ToUpper(id.Method), id.Result, report.Escape(name))
	code := "aligned-" + id.Aligned
	switch {
	case id.Domain == "":
		code = "aligned-no-domain"
	case id.Domain == o.From:
		code = "aligned-same"
	case id.StrictOnly:
		code = "aligned-strict"
	case id.Mode == "strict":
		code = "aligned-strict-no"
	case id.Aligned == dmarc.AlignedNo && (id.OrganizationalDomain == "" || o.OrganizationalDomain == ""):
		code = "aligned-never"
	}
	p.line("      ", p.said(code, check.Params{
		"Domain": id.Domain.String(), "From": o.From.String(), "Mode": p.l.Text("dmarc-eval.mode-"+id.Mode, nil),
		"Tag": map[string]string{"spf": "aspf", "dkim": "adkim"}[id.Method],
		"Org": id.OrganizationalDomain.String(), "FromOrg": o.OrganizationalDomain.String(), "Cause": failure(id.Failed(), p.l),
	}))
	if id.Aligned == dmarc.AlignedYes && !id.Counts {
		p.line("      ", p.said("not-counted", check.Params{"Result": id.Result}))
	}
}

// applies says which record applies and which tag of it.
func (p *traceText) applies(o *dmarc.Outcome) {
	if o.PolicyName == "" {
		if o.OrganizationalDomain != "" {
			p.line("", p.said("policy-none", nil))
		}
		return
	}
	params := check.Params{
		"Name": "_dmarc." + o.PolicyName.String(), "Tag": o.Policy.Tag, "Level": o.Policy.Published, "Policy": o.Policy.Policy,
		"Testing": o.Policy.Testing, "Exists": o.Exists != dns.StateNXDomain, "From": o.From.String(), "Inherited": o.PolicyName != o.From,
	}
	switch {
	case !o.Policy.Known:
		p.line("", p.said("policy-open", params))
	case o.Broken:
		p.line("", p.said("policy-broken", params))
	default:
		p.line("", p.said("policy", params))
	}
	p.texts([]string{o.PolicyRecord})
}

// oldReceiver is the verdict under RFC 7489.
func (p *traceText) oldReceiver(o *dmarc.Outcome) {
	l := &o.RFC7489
	by := []string{}
	if l.Aligned.SPF {
		by = append(by, "SPF")
	}
	if l.Aligned.DKIM {
		by = append(by, "DKIM")
	}
	p.line("", p.said("old", check.Params{
		"Result": l.Result, "Disposition": l.Disposition, "Pct": l.Pct, "By": strings.Join(by, ", "), "Org": l.OrganizationalDomain.String(),
		"Same": l.Result == o.Result && l.Disposition == o.Disposition && (l.Pct == 100 || l.Disposition == "none"),
	}))
}
