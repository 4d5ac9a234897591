package audit

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/provider"
	"github.com/postseal/postseal/spf"
)

// Inference is the profile of the domain and how it was told.
type Inference struct {
	Profile check.Profile
	Source  string // "flag", "config" or "inferred"
	Reason  string // message code: "profile.reason.<code>"
}

// infer tells the profile from MX and SPF unless the user gave one. A policy of
// p=reject says nothing about it: senders publish that too.
func infer(req Request, f *Facts) Inference {
	if req.Profile != check.ProfileUnknown {
		return Inference{req.Profile, req.ProfileSource, "given"}
	}
	in := func(p check.Profile, reason string) Inference { return Inference{p, "inferred", reason} }
	receives, known := f.MX.Receives()
	if !known {
		return in(check.ProfileUnknown, "mx-unknown")
	}
	if receives && !f.MX.Implicit {
		return in(check.ProfileMail, "has-mx")
	}
	// No MX, or a null one: what SPF lets pass decides.
	if f.SPF.Lookup.Unknown() {
		return in(check.ProfileUnknown, "spf-unknown")
	}
	if f.SPF.NamesSender() {
		if f.MX.Null {
			return in(check.ProfileSendOnly, "null-mx-spf-sends")
		}
		return in(check.ProfileSendOnly, "no-mx-spf-sends")
	}
	if f.MX.Null {
		return in(check.ProfileParked, "null-mx")
	}
	return in(check.ProfileParked, "no-mx")
}

// settle puts into each standard's facts what only the whole audit knows.
func settle(f *Facts, p check.Profile) {
	f.Profile = p
	f.SPF.Profile, f.DKIM.Profile, f.DMARC.Profile = p, p, p
	f.MTASTS.Profile, f.TLSRPT.Profile, f.MX.Profile = p, p, p
	f.DNSSEC.Profile, f.DANE.Profile, f.STARTTLS.Profile = p, p, p
	if !f.MX.Lookup.Unknown() {
		hasMX := len(f.MX.Hosts) > 0 && !f.MX.Implicit
		f.SPF.HasMX = &hasMX
		f.MTASTS.MX = f.MX.Names()
	}
	attribute(f)
	if !f.SPF.Lookup.Unknown() {
		sends := f.SPF.NamesSender()
		f.MX.SPFSends = &sends
	}
	for _, h := range f.DANE.Hosts {
		f.DNSSEC.TLSAPublished = f.DNSSEC.TLSAPublished || h.Lookup.Found()
	}
	binds, known := f.DANE.Binds()
	f.MTASTS.DANE = known && binds
	for _, h := range f.STARTTLS.Hosts {
		f.MTASTS.DANE = f.MTASTS.DANE && daneMatches(f, h)
	}
	f.MTASTS.Match()
}

// attribute tells who the targets of SPF belong to, and which senders the mail
// hosts speak for where there is no record yet.
func attribute(f *Facts) {
	if f.SPF.Tree != nil {
		f.SPF.Tree.Walk(func(t *spf.Term) {
			if p := provider.BySPF(t.Target); p != nil {
				t.Provider = p.Name
			}
		})
	}
	for _, host := range f.MX.Names() {
		p := provider.ByMX(host)
		if p == nil || p.Include == "" || p.Kind != provider.Mailbox {
			continue // a gateway in front of the mailboxes does not send for them
		}
		if term := "include:" + p.Include; !slices.Contains(f.SPF.Senders, term) {
			f.SPF.Senders = append(f.SPF.Senders, term)
		}
	}
}
