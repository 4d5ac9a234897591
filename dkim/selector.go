package dkim

import (
	"context"
	"slices"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Slot is a selector at which a new key may be published, as DNS has it.
type Slot struct {
	Selector string
	Lookup   dns.Lookup // TXT at its name
	Wildcard bool       // the same stands at any selector
	// Withdrawn tells that a wildcard answers, and says of every selector without
	// a record of its own that its key is withdrawn: no signature there can break.
	Withdrawn bool
}

// free tells whether nothing stands at the selector. A slot that is neither free
// nor taken could not be looked up.
func (s *Slot) free() bool {
	return s.Withdrawn || s.Lookup.Absent() && len(s.Lookup.Answer.Chain) == 0
}

// Taken tells whether the selector resolves: to a key, to anything else, or to
// an alias, even one that leads nowhere, beside which no record may stand.
func (s *Slot) Taken() bool {
	return !s.Withdrawn && s.resolves()
}

func (s *Slot) resolves() bool {
	return s.Lookup.Found() || s.Lookup.Absent() && len(s.Lookup.Answer.Chain) > 0 ||
		s.Lookup.Unknown() && s.Lookup.Error.Kind == dns.Loop
}

// AskSlot looks at a selector.
func AskSlot(ctx context.Context, r dns.Resolver, domain dns.Name, selector string) Slot {
	node := domain.Child("_domainkey")
	s := Slot{Selector: selector, Lookup: ask(ctx, r, node.Child(selector), dns.TypeTXT)}
	if s.resolves() {
		plain, _ := randomLabels(domain)
		random := ask(ctx, r, node.Child(plain), dns.TypeTXT)
		s.Wildcard = sameAnswer(&random, &s.Lookup)
		if list := s.Lookup.Records(); s.Wildcard && len(list) == 1 {
			k, problems := ParseKey(list[0].Text())
			s.Withdrawn = k.Revoked && !slices.ContainsFunc(problems, func(p Problem) bool { return p.refused })
		}
	}
	return s
}

// Problem is why no new key should be published at the selector: a refusal where
// it resolves already, because signatures made with the key there would fail
// (RFC 6376 §3.1 has selectors so that keys can stand side by side); a warning
// where that could not be told. nil for a free selector.
func (s *Slot) Problem() *check.GenProblem {
	p := &check.GenProblem{ID: "gen-dkim-selector-used", Severity: check.Error,
		Params: check.Params{"Selector": s.Selector, "Name": s.Lookup.Name.String(), "Target": "", "Text": ""}}
	switch {
	case s.free():
		return nil
	case !s.Taken():
		p.ID, p.Severity = "gen-dkim-selector-unknown", check.Warning
		p.Params["Cause"] = ""
		p.Err = s.Lookup.Error
		if s.Lookup.Error.Kind == dns.Offline {
			p.Variant, p.Severity = "offline", check.Info
		}
		return p
	case s.Wildcard:
		p.Variant = "wildcard"
	}
	if a := s.Lookup.Answer; a != nil && len(a.Chain) > 0 {
		p.Params["Target"] = a.Owner().String()
	}
	if list := s.Lookup.Records(); len(list) > 0 {
		text := list[0].Text()
		if HoldsPrivateKey(text) {
			text = Hidden
		}
		p.Params["Text"] = shorten(text)
	}
	return p
}

// FreeSelector finds the selector of the month for which taken says no, from
// "a" to "z". DNS or a folder may say yes; the last slot is the one that was
// chosen, or the last one tried.
func FreeSelector(now time.Time, taken func(selector string) bool) (string, bool) {
	for letter := 'a'; letter <= 'z'; letter++ {
		if s := monthSelector(now) + string(letter); !taken(s) {
			return s, true
		}
	}
	return "", false
}
