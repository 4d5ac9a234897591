package dkim

import (
	"slices"
	"strconv"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

type (
	rule     = check.Rule[*Facts]
	variants = []check.Variant
	refs     = []check.Ref
)

func rfc(section string) check.Ref { return check.RFC(6376, section) }

func cve(id string) check.Ref {
	return check.Ref{Doc: id, URL: "https://nvd.nist.gov/vuln/detail/" + id}
}

// keyRule is a rule that the parser decides: it reports every problem with its
// ID in every record that was found.
func keyRule(m check.Meta) rule {
	m.Standard = check.DKIM
	return rule{Meta: m, Applies: hasRecords, Run: func(f *Facts, r *check.Reporter) { reportProblems(f, r, m.ID) }}
}

// hasText tells whether there is any text that may be a key, wherever it stands.
func hasText(f *Facts) bool { return len(f.Stray) > 0 || hasRecords(f) }

// hasRecords tells whether there is anything that rules over records look at.
func hasRecords(f *Facts) bool {
	return slices.ContainsFunc(f.Selectors, func(s *Selector) bool {
		return len(s.records) > 0 || s.known() && s.Status == StatusUnknown
	})
}

// wanted tells whether somebody said that the selector is there.
func (s *Selector) wanted() bool { return s.FoundBy == ByNamed || s.FoundBy == ByObserved }

// known tells whether the selector is there, as far as anybody knows: somebody
// said so, or it is an alias whose target failed.
func (s *Selector) known() bool { return s.wanted() || s.CNAME != "" }

// answered gives the selectors with an answer and reports those without one
// that the rule needed.
func (f *Facts) answered(r *check.Reporter) []*Selector {
	var list []*Selector
	for _, s := range f.Selectors {
		switch {
		case s.Status != StatusUnknown:
			list = append(list, s)
		case s.known() && s.Lookup.Error != nil:
			r.Unknown(s.Lookup.Error)
		}
	}
	return list
}

func reportProblems(f *Facts, r *check.Reporter, id string) {
	for _, s := range f.answered(r) {
		for i, rec := range s.records {
			if rec.extra {
				continue // dkim-extra-txt says it
			}
			for _, p := range rec.problems {
				if p.Rule == id {
					report(f, r, s, i, p)
				}
			}
		}
	}
}

// report makes a finding of a problem in the i-th record of a selector.
func report(f *Facts, r *check.Reporter, s *Selector, i int, p Problem) {
	rec := &s.records[i]
	params := check.Params{"Selector": s.Name, "Name": s.subject(f)}
	for k, v := range p.Params {
		params[k] = v
	}
	finding := check.Finding{
		Subject: s.subject(f), Variant: p.Variant, Params: params,
		Record: rec.text, Span: spanOf(p), Scope: s.scope(i),
	}
	if p.Rule == "dkim-revoked" && p.Variant == "" {
		finding.Variant = f.revokedHow(s)
	}
	if rec.secret() {
		finding.Record, finding.Span = "", nil
		r.Report(finding)
		return
	}
	owner := s.owner(f)
	// A record that an alias leads to is its provider's to mend.
	if owner.IsUnder(f.Domain) {
		switch {
		case p.Alias != "":
			target := strings.TrimSuffix(p.Alias, ".") + "."
			finding.Fix = &check.Fix{Verb: p.Verb, Records: []check.RecordChange{
				{Name: owner.FQDN(), Type: "TXT", Old: []string{rec.text}, New: []string{}},
				{Name: owner.FQDN(), Type: "CNAME", Old: []string{}, New: []string{target}},
			}}
		case p.Fix != "":
			finding.Fix = change(owner, []string{rec.text}, []string{p.Fix})
			finding.Fix.Verb = p.Verb
		}
	}
	r.Report(finding)
}

// revokedHow is the variant of a key that is revoked although somebody said that
// its selector is used. Providers that rotate through aliases keep spares
// revoked; and where another key is in force a message or a report with the
// selector is rather older than the change of keys than a sign of trouble.
func (f *Facts) revokedHow(s *Selector) string {
	another := slices.ContainsFunc(f.Selectors, func(o *Selector) bool { return o != s && o.Usable && o.FoundBy != ByWildcard })
	spare := s.CNAME != "" && slices.ContainsFunc(f.Selectors, func(o *Selector) bool { return o != s && o.Usable && o.CNAME != "" })
	switch {
	case !s.wanted() || spare:
		return ""
	case s.FoundBy == ByNamed:
		return "named"
	case another:
		return "observed"
	}
	return "in-use"
}

// secret tells whether the text holds a private key, which no report repeats.
func (r *record) secret() bool { return isSecret(r.problems) }

func isSecret(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Rule == "dkim-p-private-key" })
}

func spanOf(p Problem) *check.Span {
	if p.Span.Start == p.Span.End {
		return nil
	}
	span := p.Span
	return &span
}

// scope tells records apart, so that a defect of one explains only its own consequences.
func (s *Selector) scope(i int) string { return string(s.Lookup.Name) + "#" + strconv.Itoa(i) }

// subject is the name a finding is about; what a wildcard answers is about the wildcard.
func (s *Selector) subject(f *Facts) string {
	if s.FoundBy == ByWildcard {
		return wildcardName(f).String()
	}
	return s.Lookup.Name.String()
}

func wildcardName(f *Facts) dns.Name { return f.Domain.Child("*._domainkey") }

// owner is the name that has the record: the end of the alias, if there is one.
func (s *Selector) owner(f *Facts) dns.Name {
	switch {
	case s.CNAME != "":
		return s.CNAME
	case s.FoundBy == ByWildcard:
		return wildcardName(f)
	}
	return s.Lookup.Name
}

// change is a fix of one TXT RRset.
func change(name dns.Name, old, new []string) *check.Fix {
	return &check.Fix{Records: []check.RecordChange{{Name: name.FQDN(), Type: "TXT", Old: old, New: new}}}
}
