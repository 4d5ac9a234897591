package audit

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/provider"
	"github.com/postseal/postseal/spf"
)

// Inference is the profile of the domain and how it was told.
type Inference struct {
	Profile check.Profile
	Source  string // "flag", "config" or "inferred"
	Reason  string // message code: "profile.reason.<code>"

	// Open are the profiles that the domain may have where a failed look-up
	// left Profile unknown, and Cause is that look-up.
	Open  []check.Profile
	Cause check.Cause
}

// infer tells the profile from MX and SPF unless the user gave one. A policy of
// p=reject says nothing about it: senders publish that too.
func infer(req Request, f *Facts) Inference {
	if req.Profile != check.ProfileUnknown {
		return Inference{Profile: req.Profile, Source: req.ProfileSource, Reason: "given"}
	}
	in := func(p check.Profile, reason string) Inference {
		return Inference{Profile: p, Source: "inferred", Reason: reason}
	}
	between := func(reason string, cause error, open ...check.Profile) Inference {
		i := in(check.ProfileUnknown, reason)
		i.Open, i.Cause = open, check.CauseOf(cause)
		return i
	}
	if len(f.MX.Hosts) > 0 && !f.MX.Implicit {
		return in(check.ProfileMail, "has-mx")
	}
	// No MX, or a null one: what SPF lets pass decides.
	sends, sendsKnown := f.SPF.NamesSender()
	switch {
	case f.MX.Lookup.Unknown() && !sendsKnown:
		return between("mx-unknown", f.MX.Lookup.Error, check.ProfileMail, check.ProfileSendOnly, check.ProfileParked)
	case f.MX.Lookup.Unknown() && sends:
		return between("mx-unknown", f.MX.Lookup.Error, check.ProfileMail, check.ProfileSendOnly)
	case f.MX.Lookup.Unknown():
		return between("mx-unknown", f.MX.Lookup.Error, check.ProfileMail, check.ProfileParked)
	case !sendsKnown:
		return between("spf-unknown", f.SPF.Unanswered(), check.ProfileSendOnly, check.ProfileParked)
	case sends && f.MX.Null:
		return in(check.ProfileSendOnly, "null-mx-spf-sends")
	case sends:
		return in(check.ProfileSendOnly, "no-mx-spf-sends")
	case f.MX.Null:
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
	f.BIMI.Profile, f.BIMI.DMARC = p, BIMIGate(f.DMARC)
	if !f.MX.Lookup.Unknown() {
		hasMX := len(f.MX.Hosts) > 0 && !f.MX.Implicit
		f.SPF.HasMX = &hasMX
		f.MTASTS.MX = f.MX.Names()
	}
	attribute(f)
	if sends, known := f.SPF.NamesSender(); known {
		f.MX.SPFSends = &sends
	}
	for _, h := range f.DANE.Hosts {
		f.DNSSEC.TLSAPublished = f.DNSSEC.TLSAPublished || h.Lookup.Found()
	}
	f.MTASTS.Match()
	settleNames(f)
	settleDANE(f)
	settleZone(f)
}

// settleDANE tells DANE about MTA-STS and the mail hosts, and MTA-STS about DANE.
func settleDANE(f *Facts) {
	if _, known := f.MX.Receives(); !known {
		for _, l := range []*dns.Lookup{&f.MX.Lookup, &f.MX.A, &f.MX.AAAA} {
			if l.Unknown() {
				f.DANE.HostsUnknown = l.Error
				break
			}
		}
	}
	if f.MTASTS.Known() {
		enforced := f.MTASTS.Valid && f.MTASTS.Mode() == "enforce"
		f.DANE.Enforced = &enforced
	}
	for _, h := range f.DANE.Hosts {
		if p := provider.ByMX(h.Name); p != nil {
			h.Provider = p.Name
		}
	}
	for _, h := range f.DANE.Hosts {
		h.InUse = daneInUse(f, h)
	}
	binds, known := f.DANE.Binds()
	f.MTASTS.DANE = known && binds
	for _, h := range f.STARTTLS.Hosts {
		matches, known := daneMatches(f, h)
		f.MTASTS.DANE = f.MTASTS.DANE && known && matches
	}
}

// Attribute tells who each target of an SPF tree belongs to, as far as anybody
// known does. The tree may be nil.
func Attribute(tree *spf.Tree) {
	tree.Walk(func(t *spf.Term) {
		if p := provider.BySPF(t.Target); p != nil {
			t.Provider = p.Name
		}
	})
}

// attribute tells who the targets of SPF belong to, and which senders the mail
// hosts speak for where there is no record yet.
func attribute(f *Facts) {
	Attribute(f.SPF.Tree)
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
