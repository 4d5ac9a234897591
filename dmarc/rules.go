package dmarc

import (
	"fmt"
	"maps"
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Rules judge Facts, in report order.
var Rules = slices.Concat(discoveryRules, aroundRules, versionRules, syntaxRules, valueRules, policyRules, psdRules, uriRules, reportRules)

// maxTexts bounds how many texts of one name are judged one by one.
const maxTexts = 20

// foreignCauses cover what is wrong with a record that is not the owner's.
var foreignCauses = []string{"dmarc-parent-record-no-psd", "dmarc-psd-only"}

// ruaCauses are the slips that leave a record without a rua in force.
var ruaCauses = []string{
	"dmarc-uri-second-without-mailto", "dmarc-uri-list-separator", "dmarc-uri-no-scheme",
	"dmarc-uri-malformed", "dmarc-tag-empty", "dmarc-tag-unknown",
}

// published is one text at a name of the walk that the owner can mend.
type published struct {
	step     *Step
	text     string
	record   *Record
	problems []Problem
	beside   bool   // ignored, but nothing hangs on it: another record decides
	rival    bool   // another text there was meant as the record, too
	scope    string // tells texts at one name apart; "" for the record in force
}

// readTexts collects the record in force and the texts that are no record at
// the names of the organisation.
func (f *Facts) readTexts() []published {
	var out []published
	decided := false
	for _, s := range f.Steps {
		if s.Name != f.Domain && !s.Name.IsUnder(f.psl.Name) {
			break
		}
		decided = decided || len(s.Records) > 0 || s == f.policy
		for i, text := range s.Other[:min(len(s.Other), maxTexts)] {
			rec, problems := Parse(text)
			out = append(out, published{step: s, text: text, record: rec, problems: problems, beside: decided, scope: fmt.Sprintf("#text%d", i)})
		}
		markRivals(out, s)
		if s == f.policy {
			out = append(out, published{step: s, text: s.record.Text, record: s.record, problems: s.problems})
		}
	}
	return out
}

// markRivals marks the texts at a name of which more than one could be mended.
func markRivals(texts []published, s *Step) {
	var meant []*published
	for i := range texts {
		t := &texts[i]
		if t.step == s && slices.ContainsFunc(t.problems, func(p Problem) bool { return p.Fixed != "" }) {
			meant = append(meant, t)
		}
	}
	for _, t := range meant {
		t.rival = len(meant) > 1
	}
}

// fromText makes the Run of a rule that the parser decides.
func fromText(rule string) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		for _, t := range f.texts {
			for _, p := range t.problems {
				if p.Rule != rule || t.beside && rule == "dmarc-value-charset" {
					continue
				}
				out := t.finding(p)
				if f.Profile == check.ProfileParked && t.record.Valid && p.Tag == "p" && out.Fix != nil {
					// A domain without mail has one right policy, whatever was meant.
					out.Fix = change(t.step, t.text, t.record.with("p", "reject"))
					out.Params["Nearest"] = "reject"
				}
				r.Report(out)
			}
		}
		if !f.Known {
			f.unknown(r)
		}
	}
}

// finding is a problem of the text as a finding.
func (t *published) finding(p Problem) check.Finding {
	subject := subjectOf(t.step.Name)
	params := check.Params{"Name": subject}
	maps.Copy(params, p.Params)
	sp := p.Span
	out := check.Finding{Subject: subject, Variant: p.Variant, Params: params, Record: t.text, Span: &sp, Scope: t.scopeOf(p)}
	if p.Fixed != "" && p.Fixed != t.text {
		out.Fix = change(t.step, t.text, p.Fixed)
	}
	if out.Fix != nil {
		out.Fix.Verb = p.Verb
	}
	if t.beside && !t.record.Valid && out.Variant == "" {
		out.Variant = "beside"
	}
	switch { // a second valid record at one name would void both (§4.10)
	case t.record.Valid || out.Fix == nil:
	case len(t.step.Records) > 0:
		out.Fix = change(t.step, t.text, "")
		out.Fix.Verb = "leftover"
	case t.rival:
		out.Fix = nil
	}
	return out
}

// scopeOf tells what a problem of a record explains: the record's name for what
// bears on the whole record, a part of it for what does not.
func (t *published) scopeOf(p Problem) string {
	subject := subjectOf(t.step.Name)
	if t.scope != "" {
		return subject + t.scope
	}
	switch p.Rule {
	case "dmarc-bare-version", "dmarc-p-missing", "dmarc-p-invalid", "dmarc-sp-invalid", "dmarc-np-invalid":
		return subject
	case "dmarc-separator-wrong", "dmarc-escaped-semicolon":
		if isPolicyTag(p.Tag) {
			return subject
		}
	case "dmarc-pct":
		if p.Variant == "sampling" {
			return subject
		}
	case "dmarc-tag-unknown":
		if p.Params["Suggestion"] == "rua" {
			return subject
		}
	}
	if p.Tag == "rua" {
		return subject
	}
	return subject + "#" + p.Tag
}

// isPolicyTag tells whether a broken value of the tag voids the policy.
func isPolicyTag(tag string) bool { return tag == "p" || tag == "sp" || tag == "np" }

// subjectOf is where the record of a name stands.
func subjectOf(name dns.Name) string { return name.Child("_dmarc").String() }

// change is the fix that replaces one text at a step; behind an alias it is the
// target's record that changes.
func change(s *Step, old, text string) *check.Fix {
	c := check.RecordChange{Name: s.Name.Child("_dmarc").FQDN(), Type: "TXT", Old: []string{}, New: []string{}}
	if old != "" {
		if s.Lookup.Answer != nil {
			c.Name = s.Lookup.Answer.Owner().FQDN()
		}
		c.Old = append(c.Old, old)
	}
	if text != "" {
		c.New = append(c.New, text)
	}
	return &check.Fix{Records: []check.RecordChange{c}}
}

// unknown reports every failed step of the walk.
func (f *Facts) unknown(r *check.Reporter) {
	for _, s := range f.Steps {
		if s.Status == dns.StateUnknown {
			r.Unknown(s.Lookup.Error)
		}
	}
}

// known tells whether the policy record is known, and says unknown where not.
func (f *Facts) known(r *check.Reporter) bool {
	if !f.Known {
		f.unknown(r)
	}
	return f.Known
}

// knownOrg is known, for rules that need the Organizational Domain too.
func (f *Facts) knownOrg(r *check.Reporter) bool {
	if !f.known(r) {
		return false
	}
	if f.OrganizationalDomain == "" {
		f.unknown(r)
		return false
	}
	return true
}

// hasRecord is the Applies of rules over the record that applies, whoever's.
func hasRecord(f *Facts) bool { return !f.Known || f.policy != nil }

// hasOwners is the Applies of rules over a record that the owner can mend.
func hasOwners(f *Facts) bool { return !f.Known || f.policy != nil && !f.foreign() }

// hasOwn is the Applies of rules over the domain's own record.
func hasOwn(f *Facts) bool { return !f.Known || f.Own() }

// enforceable is the Applies of rules over the strength of a policy that is in
// force: a record whose policy tags are broken has none to judge.
func enforceable(f *Facts) bool {
	return !f.Known || f.policy != nil && (!f.Record().Broken() || f.Record().Tag("p") == nil)
}

// tagFinding is a finding over a tag of the record that applies, or over the
// whole record where it lacks the tag.
func (f *Facts) tagFinding(tag string, params check.Params) check.Finding {
	subject := subjectOf(f.policy.Name)
	all := check.Params{"Name": subject, "Domain": f.Domain.String()}
	maps.Copy(all, params)
	out := check.Finding{Subject: subject, Params: all, Record: f.policy.record.Text, Scope: subject}
	if t := f.Record().Tag(tag); t != nil {
		sp := t.Span
		out.Span = &sp
	}
	return out
}

// mailbox is the address for reports that a fix proposes.
func (f *Facts) mailbox() string { return "mailto:dmarc@" + f.Domain.String() }
