package report

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
)

// Results puts what rules said into words of one language.
func Results(all []check.Result, l *locale.Localizer) []Result {
	metas := map[string]*check.Meta{}
	for i := range all {
		metas[all[i].Rule.ID] = all[i].Rule
	}
	list := make([]Result, len(all))
	for i := range all {
		r := &all[i]
		res := Result{
			ID: r.Rule.ID, Standard: r.Rule.Standard, Severity: r.Severity, Status: r.Status,
			Title: l.Title(r.Rule), Refs: r.Rule.Refs, Findings: make([]Finding, len(r.Findings)),
		}
		if len(r.Causes) > 0 {
			res.Cause, res.CauseCode = l.Cause(r.Causes[0]), r.Causes[0].Code
		}
		if r.Status == check.Fail {
			res.Why = firstParagraph(l.Doc(r.Rule))
		}
		for j := range r.Findings {
			res.Findings[j] = findingOf(r.Rule, &r.Findings[j], metas, l)
		}
		list[i] = res
	}
	return list
}

// firstParagraph is the part of a rule's doc that says why it matters, as plain text.
func firstParagraph(doc string) string {
	p, _, _ := strings.Cut(strings.TrimSpace(doc), "\n\n")
	return strings.NewReplacer("\n", " ", "`", "", "**", "").Replace(p)
}

func findingOf(m *check.Meta, f *check.Finding, metas map[string]*check.Meta, l *locale.Localizer) Finding {
	out := Finding{
		Subject: f.Subject, Severity: m.SeverityOf(f), Variant: f.Variant, Message: l.Message(m, f),
		Params: f.Params, Record: f.Record, Span: f.Span, Consequences: make([]Consequence, len(f.Consequences)),
	}
	if f.Fix != nil {
		out.Fix = &Fix{Verb: l.Fix(m, f), Records: f.Fix.Records}
	}
	for i := range f.Consequences {
		c := &f.Consequences[i]
		cm := metas[c.Rule]
		out.Consequences[i] = Consequence{
			Rule: c.Rule, Severity: cm.SeverityOf(&c.Finding), Title: l.Title(cm), Message: l.Message(cm, &c.Finding), Subject: c.Finding.Subject,
		}
	}
	return out
}
