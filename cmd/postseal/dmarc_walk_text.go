package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// Bounds of what strangers published: what one step shows.
const (
	shownTexts = 10
	shownText  = 1000
)

// traceText prints a walk. Records and names are strangers' text.
type traceText struct {
	strings.Builder
	width   int // columns of the terminal
	l       *locale.Localizer
	policy  dns.Name // of the domain, said before the table
	testing bool     // a row of the table is lowered by t=y
}

func writeTrace(w io.Writer, width int, t *dmarc.Trace, l *locale.Localizer) error {
	p := &traceText{width: width, l: l}
	p.line("", p.text("title", check.Params{"Domain": t.Domain.String()}))
	p.WriteByte('\n')
	p.steps(t.Steps)
	p.WriteByte('\n')
	p.chosen(t)
	p.WriteByte('\n')
	p.table(t)
	p.WriteByte('\n')
	p.walks(t)
	p.differs(t)
	_, err := io.WriteString(w, p.String())
	return err
}

func (p *traceText) text(id string, params check.Params) string {
	return report.Escape(p.l.Text("dmarc-walk."+id, params))
}

// line prints text broken at the width, later lines below the first one's text.
func (p *traceText) line(lead, text string) { p.WriteString(paragraph(p.width, lead, text)) }

func (p *traceText) steps(steps []dmarc.TraceStep) {
	wide := 0
	for i := range steps {
		if n := len(steps[i].Query); n <= p.width-34 {
			wide = max(wide, n)
		}
	}
	for i := range steps {
		s := &steps[i]
		fmt.Fprintf(p, "%d  %-*s  %s", i+1, wide, report.Escape(s.Query.String()), p.text("status-"+string(s.Status), nil))
		p.WriteByte('\n')
		if s.Alias != "" {
			p.line("   ", p.text("alias", check.Params{"Target": s.Alias.String()}))
		}
		p.texts(s.Records)
		if len(s.Records) > 0 {
			p.line("   → ", p.text("step-"+s.Code, check.Params{"Count": len(s.Records)}))
		}
		if s.Code == dmarc.StepUnknown {
			p.line("   → ", report.Escape(failure(s.Failed(), p.l)))
		}
		if s.Code == dmarc.StepTooLong {
			p.line("   → ", p.text("step-too-long", nil))
		}
		p.texts(s.Other)
		if len(s.Other) > 0 {
			p.line("   → ", p.text("step-other", check.Params{"Count": len(s.Other)}))
		}
	}
}

// texts prints texts as published, whole as long as they are of a sane size.
func (p *traceText) texts(list []string) {
	for i, text := range list {
		if i == shownTexts {
			p.line("   ", p.text("more", check.Params{"Count": len(list) - i}))
			return
		}
		shown := []rune(report.Escape(text))
		if len(shown) > shownText {
			shown = append(shown[:shownText], '…')
		}
		fmt.Fprintf(p, "   %s\n", string(shown))
	}
}

// chosen says which name is the organization's and whose record applies.
func (p *traceText) chosen(t *dmarc.Trace) {
	org := check.Params{"Org": t.OrganizationalDomain.String(), "Cause": failure(t.Failed(), p.l)}
	p.line("", p.text("org-"+t.OrgReason, org))
	p.line("", p.text("policy-"+t.PolicyReason, check.Params{"Name": "_dmarc." + t.PolicyName.String(), "Cause": failure(t.Failed(), p.l)}))
	if t.Broken {
		p.line("", p.text("broken", check.Params{"Processing": t.Effective.Domain.Policy != ""}))
	}
}

// A row of the table of effective policies.
type policyLine struct{ who, policy, old, why string }

func (p *traceText) table(t *dmarc.Trace) {
	named := func(n dns.Name, exists dns.State) string {
		return p.text("who-"+string(exists), check.Params{"Name": n.String()})
	}
	old := &t.RFC7489
	below := *old // what it says of names below, whose pct is the organization's
	below.Policy, below.Known = old.Subdomain, old.SubdomainKnown
	if old.PolicyName != old.OrganizationalDomain {
		below.Pct = 100
	}
	p.policy = t.PolicyName
	rows := []policyLine{
		{p.text("col-who", nil), p.text("col-policy", nil), p.text("col-old", nil), p.text("col-why", nil)},
		p.row(named(t.Domain, t.Exists), t.Effective.Domain, old),
		p.row(p.text("who-below", nil), t.Effective.Subdomain, &below),
		p.row(p.text("who-ghost", nil), t.Effective.Nonexistent, &below),
	}
	for i := range t.Names {
		n := &t.Names[i]
		rows = append(rows, p.row(named(n.Name, n.Exists), n.Policy, &n.RFC7489))
	}
	var wide [3]int
	for _, r := range rows {
		for i, cell := range []string{r.who, r.policy, r.old} {
			if n := utf8.RuneCountInString(cell); i > 0 || n <= p.width-44 { // a long name has a line of its own
				wide[i] = max(wide[i], n)
			}
		}
	}
	for _, r := range rows {
		who := r.who
		if utf8.RuneCountInString(who) > wide[0] {
			p.line("", who)
			who = ""
		}
		head := pad(who, wide[0]) + "  " + pad(r.policy, wide[1]) + "  " + pad(r.old, wide[2]) + "  "
		if utf8.RuneCountInString(head+r.why) > p.width {
			p.WriteString(strings.TrimRight(head, " ") + "\n")
			p.line("    ", r.why)
			continue
		}
		p.WriteString(strings.TrimRight(head+r.why, " ") + "\n")
	}
	if p.testing {
		p.line("", p.text("testing", nil))
	}
}

// walks tells the walk from each other name in a sentence.
func (p *traceText) walks(t *dmarc.Trace) {
	for i := range t.Names {
		n := &t.Names[i]
		var steps []string
		for j := range n.Steps {
			s := &n.Steps[j]
			steps = append(steps, s.Query.String()+" ("+p.l.Text("dmarc-walk.short-"+s.Code, check.Params{"Count": len(s.Records)})+")")
		}
		p.line("", p.text("walk", check.Params{"Name": n.Name.String(), "Steps": strings.Join(steps, " → "), "Org": n.OrganizationalDomain.String()}))
	}
	if len(t.Names) > 0 {
		p.WriteByte('\n')
	}
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

func (p *traceText) row(who string, now dmarc.Policy, old *dmarc.Legacy) policyLine {
	out := policyLine{who: who, policy: p.word(now.Policy, now.Known), old: p.word(old.Policy, old.Known)}
	if old.Known && old.Pct < 100 && dmarc.ParseLevel(old.Policy) > dmarc.None {
		out.old += fmt.Sprintf(" %d%%", old.Pct)
	}
	params := check.Params{"Tag": now.Tag, "Level": now.Published, "Testing": now.Testing, "Name": ""}
	if now.PolicyName != p.policy {
		params["Name"] = "_dmarc." + now.PolicyName.String() // not the record named above
	}
	p.testing = p.testing || now.Testing
	switch {
	case !now.Known:
		out.why = p.text("why-unknown", nil)
	case now.PolicyName == "":
		out.why = p.text("why-none", nil)
	case now.Tag == "":
		out.why = p.text("why-broken", params)
	default:
		out.why = p.text("why-tag", params)
	}
	return out
}

// word shows a policy; DMARC that is not applied as a dash.
func (p *traceText) word(policy string, known bool) string {
	switch {
	case !known:
		return "?"
	case policy == "":
		return "–"
	}
	return report.Escape(policy)
}

// differs says what a receiver of RFC 7489 makes of it.
func (p *traceText) differs(t *dmarc.Trace) {
	l := &t.RFC7489
	params := check.Params{"Org": l.OrganizationalDomain.String(), "Name": ""}
	if l.PolicyName != "" {
		params["Name"] = "_dmarc." + l.PolicyName.String()
	}
	p.line("", p.text("old", params))
	open := !l.Known || !l.SubdomainKnown || !t.Known || t.OrganizationalDomain == ""
	switch {
	case len(t.Differs) == 0 && open:
		p.line("", p.text("differs-open", nil))
	case len(t.Differs) == 0:
		p.line("", p.text("differs-none", nil))
	default:
		var what []string
		for _, code := range t.Differs {
			what = append(what, p.text("differs-"+code, nil))
		}
		p.line("", p.text("differs", check.Params{"What": strings.Join(what, "; ")}))
	}
}
