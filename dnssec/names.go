package dnssec

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/dns"
)

// CauseUnchecked: of a bogus domain the rest is asked with checking disabled,
// and such an answer tells nothing of its security.
const CauseUnchecked = "dnssec-unchecked"

// Name is the security of one name that mail depends on, from answers that the
// standards have asked for.
type Name struct {
	Name  dns.Name `json:"name"`
	What  string   `json:"what"` // one of the words below
	State State    `json:"state"`
	Cause string   `json:"cause"` // cause code when indeterminate, the flaw when bogus and validated here
}

// What a name is to the domain.
const (
	WhatDomain     = "domain"
	WhatMXHost     = "mx-host"
	WhatDMARC      = "dmarc"
	WhatDKIM       = "domainkey"
	WhatPolicyHost = "policy-host"
)

// Of tells the security of another answer of the same run, as that of the
// domain is told; cause says why when it is indeterminate or bogus.
func (f *Facts) Of(l *dns.Lookup) (state State, cause string) {
	a := l.Answer
	switch {
	case !l.Asked():
		return "", ""
	case l.Unknown() && l.Error.Flaw != "":
		return Bogus, string(l.Error.Flaw)
	case f.State == Bogus && l.Name.IsUnder(f.Domain):
		return Bogus, string(f.Flaw) // no proof leads past a zone that does not validate
	case l.Unknown():
		return Indeterminate, l.Error.CauseCode()
	case strings.HasPrefix(a.Server, "zone "):
		return Indeterminate, CauseZoneFile
	case a.AD:
		return Secure, ""
	case f.State == Bogus:
		return Indeterminate, CauseUnchecked
	case a.Validated && a.Trusted:
		return Insecure, ""
	case a.Validated:
		return Indeterminate, CauseNoAnchor
	case !a.Trusted:
		return Indeterminate, CauseNotTrusted
	}
	if f.Cause != "" {
		return Indeterminate, f.Cause // nothing has shown that the resolver validates
	}
	return Insecure, ""
}

// weakness orders states, the weakest first.
var weakness = []State{Bogus, Indeterminate, Insecure, Secure}

// Add notes the security of a name: that of its weakest answer. Denials count
// where there is nothing else, because those of an opted-out span are insecure
// in a zone that is signed (RFC 5155 §9.2).
func (f *Facts) Add(what string, name dns.Name, lookups ...*dns.Lookup) {
	n := Name{Name: name, What: what}
	for _, denials := range []bool{false, true} {
		for _, l := range lookups {
			if !l.Asked() || l.Absent() != denials {
				continue
			}
			s, cause := f.Of(l)
			if n.State == "" || slices.Index(weakness, s) < slices.Index(weakness, n.State) {
				n.State, n.Cause = s, cause
			}
		}
		if n.State != "" {
			f.Names = append(f.Names, n)
			return
		}
	}
}

// tellMethod notes how the state is known.
func (f *Facts) tellMethod() {
	switch {
	case f.State == Indeterminate:
	case f.Validated:
		f.Method = MethodValidated
	case f.Lookup.Answer != nil:
		f.Method, f.Resolver = MethodAD, f.Lookup.Answer.Server
	default:
		f.Method, f.Resolver = MethodAD, f.Lookup.Error.Server
	}
}

// The two ways of knowing.
const (
	MethodValidated = "validated" // here, from the trust anchor down
	MethodAD        = "ad"        // on the word of the resolver
)
