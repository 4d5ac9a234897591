package dmarc

import (
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/dns"
)

// pslDomain is the organizational domain by the public suffix list, both its
// sections, as RFC 7489 §3.2 has it; of a public suffix, the suffix itself.
func pslDomain(name dns.Name) dns.Name {
	d, err := publicsuffix.EffectiveTLDPlusOne(string(name))
	if err != nil {
		return name
	}
	return dns.Name(d)
}

// isPublicSuffix tells whether the list names it. A top-level domain that the
// list does not know is not on it.
func isPublicSuffix(name dns.Name) bool {
	suffix, icann := publicsuffix.PublicSuffix(string(name))
	return suffix == string(name) && (icann || strings.Contains(suffix, "."))
}

// legacy is what a receiver of RFC 7489 §6.6.3 does. own and org are the steps
// at the domain and at its organizational domain by the list.
func legacy(own, org *Step) Legacy {
	l := Legacy{OrganizationalDomain: org.Name, Pct: 100}
	fromOrg := func(tag string) (string, bool) {
		if org.Status == dns.StateUnknown {
			return "", false
		}
		if !org.Kept {
			return "", true
		}
		return org.record.legacyPolicy(tag), true
	}
	if pslDomain(own.Name.Child("any")) == org.Name {
		l.Subdomain, l.SubdomainKnown = fromOrg("sp")
	} else {
		l.SubdomainKnown = true // below a public suffix each name is its own organization
	}
	switch {
	case own.Status == dns.StateUnknown:
	case own.Kept:
		l.PolicyName, l.Known = own.Name, true
		l.Policy, l.Pct = own.record.legacyPolicy("p"), own.record.pct()
	case len(own.Records) > 1: // step 5: several records end the discovery
		l.Known = true
	default:
		l.Policy, l.Known = fromOrg("sp")
		if org.Kept {
			l.PolicyName, l.Pct = org.Name, org.record.pct()
		}
	}
	return l
}

// legacyPolicy reads a record as RFC 7489 does: no t, no np, and only p and sp
// can break it.
func (r *Record) legacyPolicy(tag string) string {
	p, sp := r.Level("p"), r.Level("sp")
	if p == 0 || r.Has("sp") && sp == 0 {
		if r.ValidRUA() {
			return "none"
		}
		return ""
	}
	if tag == "sp" && sp != 0 {
		return sp.String()
	}
	return p.String()
}
