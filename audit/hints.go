package audit

import (
	"slices"

	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/spf"
)

// Hints are what mail hosts and SPF tell DKIM about the domain's providers. The
// record may be nil.
func Hints(hosts []dns.Name, record *spf.Facts) dkim.Hints {
	h := dkim.Hints{MX: hosts}
	if record != nil {
		h.SPF = record.IncludeTargets()
		h.TXT = record.OtherTXT
		if record.InForce() != nil && record.Tree != nil {
			h.Own = chosen(record.Tree.Terms, nil)
		}
		if err := record.Unanswered(); err != nil {
			h.Untold = err
			if record.Lookup.Unknown() || redirects(record.Tree) {
				h.OwnUntold = err
			}
		}
	}
	return h
}

// chosen are the includes of the domain's own record, and of the one that it
// redirects to: a redirect's record stands for the domain's.
func chosen(terms []*spf.Term, list []dns.Name) []dns.Name {
	for _, t := range terms {
		if t.Kind != spf.Include && t.Kind != spf.Redirect || t.Target == "" || slices.Contains(list, t.Target) {
			continue
		}
		list = append(list, t.Target)
		if t.Kind == spf.Redirect {
			list = chosen(t.Children, list)
		}
	}
	return list
}

// redirects tells whether the record in force may be another's.
func redirects(t *spf.Tree) bool {
	return t != nil && slices.ContainsFunc(t.Terms, func(term *spf.Term) bool { return term.Kind == spf.Redirect })
}
