package dmarc

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Sizes of an answer: classic UDP (RFC 1035 §4.2.1), and what EDNS clients
// agreed on to keep clear of fragments.
const (
	classicUDP = 512
	safeUDP    = 1232
)

func missing(f *Facts, r *check.Reporter) {
	variant := ""
	if f.OnlySuffixUnknown() {
		variant = "own"
	} else if !f.known(r) || f.policy != nil {
		return
	}
	asked := make([]string, len(f.Steps))
	for i, s := range f.Steps {
		asked[i] = subjectOf(s.Name) + " " + string(s.Status)
	}
	out := check.Finding{Subject: subjectOf(f.Domain), Variant: variant, Params: check.Params{"Domain": f.Domain.String(), "Asked": asked}}
	switch {
	case f.Profile == check.ProfileParked:
		out.Fix = change(f.Steps[0], "", "v=DMARC1; p=reject; adkim=s; aspf=s")
		out.Fix.Verb = "reject"
	case f.Profile.Receives():
		out.Fix = change(f.Steps[0], "", "v=DMARC1; p=none; rua="+f.mailbox())
	}
	r.Report(out)
}

// OnlySuffixUnknown tells that no name of the owner's has a record and that all
// that could not be looked up lies above: at the public suffix, whose record, if
// there is one, is the registry's (§4.10.1: it never stands in for an own one).
func (f *Facts) OnlySuffixUnknown() bool {
	org := f.RFC7489.OrganizationalDomain
	if org == "" || f.policy != nil {
		return false
	}
	above := false
	for _, s := range f.Steps {
		switch {
		case s.Kept || len(s.Records) > 0:
			return false
		case s.Status != dns.StateUnknown:
		case s.Name.IsUnder(org):
			return false
		default:
			above = true
		}
	}
	return above
}

func lookupFailed(f *Facts, r *check.Reporter) {
	for _, s := range f.Steps {
		switch e := s.Lookup.Error; {
		case s.Status != dns.StateUnknown || e.Kind == dns.Loop:
		case e.Authoritative:
			r.Report(check.Finding{Subject: subjectOf(s.Name), Params: check.Params{"Name": subjectOf(s.Name), "Kind": string(e.Kind)}})
		default:
			r.Unknown(e)
		}
	}
}

// multiple reports names of the organisation with several records. The merge
// is derived: the strictest policy, all addresses.
func multiple(f *Facts, r *check.Reporter) {
	for _, s := range f.Steps {
		if len(s.Records) < 2 || s.Name != f.Domain && !s.Name.IsUnder(f.psl.Name) {
			continue
		}
		fix := change(s, "", merge(s.Records))
		fix.Records[0].Name = s.Lookup.Answer.Owner().FQDN()
		fix.Records[0].Old = slices.Clone(s.Records)
		instead := ""
		if f.Known && f.policy != nil && s.Name != f.PolicyName {
			instead = subjectOf(f.PolicyName)
		}
		r.Report(check.Finding{
			Subject: subjectOf(s.Name), Record: s.Records[0], Fix: fix, Scope: subjectOf(s.Name),
			Params: check.Params{
				"Name": subjectOf(s.Name), "Count": len(s.Records), "Records": s.Records, "Instead": instead,
				"Policy": f.Effective.Domain.Policy, "Legacy": f.RFC7489.Policy,
			},
		})
	}
	if !f.Known {
		f.unknown(r)
	}
}

func inherited(f *Facts, r *check.Reporter) {
	if !f.known(r) || f.Own() {
		return
	}
	if f.Exists.Unknown() {
		r.Unknown(f.Exists.Error)
		return
	}
	p := f.Effective.Domain
	r.Report(f.tagFinding(p.Tag, check.Params{"Policy": p.Policy, "Tag": p.Tag, "Exists": !f.nonexistent()}))
}

func psdOnly(f *Facts, r *check.Reporter) {
	if !f.known(r) || f.Own() || !f.walk.PSD {
		return
	}
	out := f.tagFinding("psd", check.Params{"Policy": f.Effective.Domain.Policy, "Org": f.OrganizationalDomain.String()})
	out.Scope = ""
	if f.Profile.Receives() {
		out.Fix = change(&Step{Name: f.OrganizationalDomain}, "", "v=DMARC1; p=none; rua=mailto:dmarc@"+f.OrganizationalDomain.String())
	}
	r.Report(out)
}

func unrelated(f *Facts, r *check.Reporter) {
	if !f.known(r) {
		return
	}
	var texts []string
	for _, t := range f.texts {
		if t.step != f.policy || t.record.Valid {
			continue
		}
		if rule := t.problems[0].Rule; rule == "dmarc-unrelated-txt" || rule == "dmarc-spf-at-dmarc" {
			texts = append(texts, t.text)
		}
	}
	if len(texts) == 0 {
		return
	}
	fix := change(f.policy, texts[0], "")
	fix.Records[0].Old = texts
	r.Report(check.Finding{Subject: subjectOf(f.PolicyName), Record: texts[0], Fix: fix,
		Params: check.Params{"Name": subjectOf(f.PolicyName), "Count": len(texts), "Texts": texts}})
}

func spfAtDMARC(f *Facts, r *check.Reporter) {
	for _, t := range f.texts {
		if t.beside || t.record.Valid || t.problems[0].Rule != "dmarc-spf-at-dmarc" {
			continue
		}
		r.Report(check.Finding{Subject: subjectOf(t.step.Name), Record: t.text, Scope: subjectOf(t.step.Name) + t.scope,
			Params: check.Params{"Name": subjectOf(t.step.Name), "Alias": alias(t.step)}})
	}
	if !f.Known {
		f.unknown(r)
	}
}

// alias is the end of the CNAME chain at a step, "" where there is none.
func alias(s *Step) string {
	if a := s.Lookup.Answer; a != nil && len(a.Chain) > 0 {
		return a.Owner().String()
	}
	return ""
}

func cname(f *Facts, r *check.Reporter) {
	for _, s := range f.Steps {
		if s.Name != f.Domain && s != f.policy || s.Status != dns.StateFound {
			continue
		}
		if target := alias(s); target != "" {
			r.Report(check.Finding{Subject: subjectOf(s.Name), Params: check.Params{"Name": subjectOf(s.Name), "Target": target}})
		}
	}
	if f.Steps[0].Status == dns.StateUnknown {
		r.Unknown(f.Steps[0].Lookup.Error)
	}
}

func cnameBroken(f *Facts, r *check.Reporter) {
	own := f.Steps[0]
	state := string(own.Status)
	switch {
	case own.Lookup.Unknown() && own.Lookup.Error.Kind == dns.Loop:
		state = "loop"
	case own.Status == dns.StateUnknown:
		r.Unknown(own.Lookup.Error)
		return
	case own.Status == dns.StateFound || alias(own) == "":
		return
	case f.Around.Random.Unknown():
		r.Unknown(f.Around.Random.Error)
		return
	case f.everyonesAlias():
		return
	}
	r.Report(f.aliasFinding(state))
}

// everyonesAlias tells whether the alias at _dmarc is a wildcard's: it says
// nothing about DMARC.
func (f *Facts) everyonesAlias() bool {
	a, own := f.Around.Random.Answer, f.Steps[0].Lookup.Answer
	return a != nil && len(a.Chain) > 0 && own != nil && a.Owner() == own.Owner()
}

func cnameTakeover(f *Facts, r *check.Reporter) {
	if own := f.Steps[0]; own.Status == dns.StateUnknown {
		r.Unknown(own.Lookup.Error)
		return
	}
	switch {
	case f.dangling.Unknown():
		r.Unknown(f.dangling.Error)
	case f.dangling.State == dns.StateNXDomain:
		out := f.aliasFinding(string(dns.NXDomain))
		out.Params["Registrable"] = f.dangling.Name.String()
		r.Report(out)
	}
}

// aliasFinding is a finding over an alias that leads nowhere.
func (f *Facts) aliasFinding(state string) check.Finding {
	name := f.Domain.Child("_dmarc")
	out := check.Finding{Subject: name.String(), Params: check.Params{"Name": name.String(), "Target": alias(f.Steps[0]), "State": state}}
	records := []check.RecordChange{{Name: name.FQDN(), Type: "CNAME", Old: []string{}, New: []string{}}}
	if a := f.Steps[0].Lookup.Answer; a != nil && len(a.Chain) > 0 {
		records[0].Old = append(records[0].Old, a.Chain[0].FQDN())
	}
	if f.Profile.Receives() {
		records = append(records, check.RecordChange{Name: name.FQDN(), Type: "TXT", Old: []string{}, New: []string{"v=DMARC1; p=none; rua=" + f.mailbox()}})
	}
	if len(records[0].Old) > 0 {
		out.Fix = &check.Fix{Records: records}
	}
	return out
}

func deepName(f *Facts, r *check.Reporter) {
	if !f.known(r) || f.Own() {
		return
	}
	var skipped []string
	for n := f.Domain.Parent(); len(n.Labels()) > jumpLabels; n = n.Parent() {
		skipped = append(skipped, subjectOf(n))
	}
	r.Report(check.Finding{Subject: subjectOf(f.Domain),
		Params: check.Params{"Domain": f.Domain.String(), "Labels": len(f.Domain.Labels()), "Skipped": skipped}})
}

// divergence compares the two models. A difference for names that do not exist
// is minor, and so is one that a psd=y above makes: the list of public suffixes
// lags behind it, and the owner cannot mend that.
func divergence(f *Facts, r *check.Reporter) {
	e, l := f.Effective, f.RFC7489
	if !e.Domain.Known || !e.Subdomain.Known || !e.Nonexistent.Known || !l.Known || !l.SubdomainKnown {
		f.unknown(r)
		if f.psl.Status == dns.StateUnknown {
			r.Unknown(f.psl.Lookup.Error)
		}
		if f.Exists.Unknown() && !f.Own() {
			r.Unknown(f.Exists.Error)
		}
		return
	}
	domain := e.Domain.Policy != l.Policy || l.Pct < 100 && ParseLevel(l.Policy) > None
	below := e.Subdomain.Policy != l.Subdomain
	ghosts := e.Nonexistent.Policy != l.Subdomain
	if isPublicSuffix(f.Domain) {
		// RFC 7489 has no policy for what lies below one, and its owner
		// cannot mend that.
		below, ghosts = false, false
	}
	if !f.Own() && f.nonexistent() {
		ghosts, domain = ghosts || domain, false
	}
	org := f.OrganizationalDomain != "" && f.OrganizationalDomain != l.OrganizationalDomain
	if !domain && !below && !ghosts && (!org || f.policy == nil) {
		return // without a record nobody asks whose organisation it is
	}
	out := check.Finding{
		Subject: subjectOf(f.Domain),
		Params: check.Params{
			"Domain": f.Domain.String(), "New": word(e.Domain.Policy), "Old": word(l.Policy), "Pct": l.Pct,
			"NewBelow": word(e.Subdomain.Policy), "OldBelow": word(l.Subdomain), "NewGhost": word(e.Nonexistent.Policy),
			"NewOrg": f.OrganizationalDomain.String(), "OldOrg": l.OrganizationalDomain.String(),
		},
	}
	if !domain && !below || f.unlistedPSD() {
		out.Variant = "minor"
	}
	if f.policy != nil && !f.discarded() && f.parent() == nil {
		out.Scope = subjectOf(f.PolicyName)
	}
	r.Report(out)
}

// word shows a policy; DMARC that is not applied as a dash.
func word(policy string) string {
	if policy == "" {
		return "–"
	}
	return policy
}

// unlistedPSD tells whether the walk ended at a psd=y above the domain that the
// list of public suffixes does not have.
func (f *Facts) unlistedPSD() bool {
	last := f.Steps[len(f.Steps)-1]
	return last.Name != f.Domain && last.Kept && last.record.PSD() == "y" && !isPublicSuffix(last.Name)
}

// discarded tells whether a name of the walk has several records.
func (f *Facts) discarded() bool {
	for _, s := range f.Steps {
		if len(s.Records) > 1 {
			return true
		}
	}
	return false
}

// parent is the step above the organisation whose record says no psd, nil where
// there is none.
func (f *Facts) parent() *Step {
	for _, s := range f.Steps {
		if s.Kept && s.record.PSD() == "u" && s.Name != f.psl.Name && f.psl.Name.IsUnder(s.Name) {
			return s
		}
	}
	return nil
}

func parentRecord(f *Facts, r *check.Reporter) {
	s := f.parent()
	if s == nil {
		if f.OrganizationalDomain == "" {
			f.unknown(r)
		}
		return
	}
	out := check.Finding{
		Subject: subjectOf(s.Name), Record: s.record.Text,
		Params: check.Params{"Domain": f.Domain.String(), "Parent": s.Name.String(), "Name": subjectOf(s.Name), "Org": f.psl.Name.String()},
	}
	if !f.foreign() {
		out.Scope = out.Subject // the owner's own record stays the owner's
	}
	if f.psl.Kept {
		out.Fix = change(f.psl, f.psl.record.Text, f.psl.record.with("psd", "n"))
	}
	r.Report(out)
}

func answerSize(f *Facts, r *check.Reporter) {
	for _, s := range f.Steps {
		if s.Name != f.Domain && s != f.policy || s.Lookup.Answer == nil || f.foreign() && s == f.policy {
			continue
		}
		if size := s.Lookup.Answer.Size; size > classicUDP {
			out := check.Finding{Subject: subjectOf(s.Name), Params: check.Params{"Name": subjectOf(s.Name), "Size": size}}
			if size > safeUDP {
				out.Variant = "large"
			}
			r.Report(out)
		}
	}
	if f.Steps[0].Status == dns.StateUnknown {
		r.Unknown(f.Steps[0].Lookup.Error)
	}
}
