// Package dnssec tells whether the names that mail depends on are signed
// (RFC 4033 to 4035), from the answers of a resolver that validates, or from
// our own validation. Without either, or without a resolver that can be trusted
// for the AD bit, the answer is unknown.
//
// An answer is secure, insecure, bogus or indeterminate (RFC 4033 §5). Insecure
// is what the parent proves: there is no usable DS; the zone may still be
// signed. Bogus reaches users as SERVFAIL, and shows when the same question
// with checking disabled is answered, or as the flaw that our own validation
// found. This package validates no signature itself.
package dnssec

import (
	"context"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// State is the security of a name (RFC 4035 §4.3).
type State string

// The states. Indeterminate covers all that could not be told.
const (
	Secure        State = "secure"
	Insecure      State = "insecure"
	Bogus         State = "bogus"
	Indeterminate State = "indeterminate"
)

// The cause codes of Indeterminate, beside those of a failed look-up.
const (
	CauseNotTrusted    = "dnssec-resolver-not-trusted"
	CauseNotValidating = "dnssec-resolver-not-validating"
	CauseZoneFile      = "zone-file"
	CauseNoAnchor      = "dnssec-no-anchor" // our own validation found no way down from its trust anchor
)

// Facts are what was observed about the domain's signatures.
type Facts struct {
	Domain  dns.Name      `json:"domain"`
	Profile check.Profile `json:"profile"` // set by the audit before rules run
	// TLSAPublished tells that a mail host has TLSA records, which are worth
	// nothing without signatures; set by the audit.
	TLSAPublished bool `json:"tlsa_published"`

	Lookup dns.Lookup `json:"lookup"` // whose AD bit decides: SOA, or the first answer found
	State  State      `json:"state"`
	Cause  string     `json:"cause"` // cause code when indeterminate
	// Validated tells that the state is our own finding, and not the resolver's word.
	Validated bool     `json:"validated,omitempty"`
	Flaw      dns.Flaw `json:"flaw,omitempty"` // what our validation found wrong, when bogus
	Method    string   `json:"method"`         // how the state is known: "validated", "ad", "" when it is not
	Resolver  string   `json:"resolver"`       // on whose word, under "ad"

	Names []Name `json:"names"` // others that mail depends on, the domain first; set by the audit

	Signing *Signing `json:"signing,omitempty"` // what the zone publishes to be validated; nil when not asked

	// SelfTest is the root's SOA, which every validating resolver finds
	// secure; asked only when the domain's answer was not.
	SelfTest dns.Lookup `json:"self_test"`
	// CheckingDisabled tells that the question was answered once the resolver
	// was told not to validate.
	CheckingDisabled bool `json:"checking_disabled"`
}

// cdResolver is a resolver that can be told not to validate (RFC 4035 §3.2.2).
type cdResolver interface {
	ResolveCD(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error)
}

// Gather asks. A failed look-up is a fact; the error is only that of a
// cancelled context.
//
// now is when signatures are looked at.
func Gather(ctx context.Context, r dns.Resolver, domain dns.Name, now time.Time) (*Facts, error) {
	f := &Facts{Domain: domain, Names: []Name{}}
	f.Lookup = dns.Ask(ctx, r, domain, dns.TypeSOA)
	if f.Lookup.Absent() && !f.Lookup.Answer.AD && f.Lookup.Answer.Trusted {
		// A denial from an opted-out range is insecure though the zone is
		// signed (RFC 5155 §6): an answer with records decides, if there is one.
		// MX and A were asked by others already, so they cost no packet.
		for _, t := range []dns.Type{dns.TypeMX, dns.TypeA} {
			if l := dns.Ask(ctx, r, domain, t); l.Found() {
				f.Lookup = l
				break
			}
		}
	}
	f.judge(ctx, r)
	f.tellMethod()
	f.Signing = gatherSigning(ctx, r, domain, f.State, now)
	return f, ctx.Err()
}

func (f *Facts) judge(ctx context.Context, r dns.Resolver) {
	f.State = Indeterminate
	switch a := f.Lookup.Answer; {
	case f.Lookup.Unknown() && f.Lookup.Error.Flaw != "":
		f.State, f.Flaw, f.Validated, f.CheckingDisabled = Bogus, f.Lookup.Error.Flaw, true, true
	case f.Lookup.Unknown():
		f.Cause = f.Lookup.Error.CauseCode()
		if f.Lookup.Error.Kind == dns.ServFail && f.bogus(ctx, r) {
			f.State, f.Cause = Bogus, ""
		}
	case len(a.Server) > 5 && a.Server[:5] == "zone ":
		f.Cause = CauseZoneFile
	case a.AD:
		f.State, f.Validated = Secure, a.Validated
	case a.Validated && a.Trusted:
		f.State, f.Validated = Insecure, true
	case a.Validated:
		f.Cause = CauseNoAnchor
	case !a.Trusted:
		f.Cause = CauseNotTrusted
	default:
		f.SelfTest = dns.Ask(ctx, r, dns.Root, dns.TypeSOA)
		switch {
		case f.SelfTest.Unknown():
			f.Cause = f.SelfTest.Error.CauseCode()
		case f.SelfTest.Found() && !f.SelfTest.Answer.AD:
			f.Cause = CauseNotValidating // a local forwarder that never sets AD
		default: // no root at all is a closed test world: its word counts
			f.State = Insecure
		}
	}
}

// bogus tells validation failure from a server's trouble: the question is
// answered with checking disabled, and fails again without.
func (f *Facts) bogus(ctx context.Context, r dns.Resolver) bool {
	cd, ok := r.(cdResolver)
	if !ok {
		return false
	}
	if _, err := cd.ResolveCD(ctx, f.Domain, dns.TypeSOA); err != nil {
		return false
	}
	f.CheckingDisabled = true
	again := dns.Ask(ctx, r, f.Domain, dns.TypeSOA)
	return again.Unknown() && again.Error.Kind == dns.ServFail
}

// Unknown is why the state could not be told, nil when it was.
func (f *Facts) Unknown() error {
	switch {
	case f.State != Indeterminate:
		return nil
	case f.Lookup.Unknown():
		return f.Lookup.Error
	case f.SelfTest.Unknown():
		return f.SelfTest.Error
	}
	params := check.Params{"Domain": f.Domain.String()}
	if f.Lookup.Answer != nil {
		params["Server"] = f.Lookup.Answer.Server
	}
	return check.Cause{Code: f.Cause, Params: params}
}
