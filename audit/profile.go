package audit

import (
	"github.com/postseal/postseal/check"
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
	if !f.SPF.Lookup.Unknown() {
		sends := f.SPF.NamesSender()
		f.MX.SPFSends = &sends
	}
	f.MTASTS.Match()
}
