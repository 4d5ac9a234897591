package audit

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dnssec"
	"github.com/postseal/postseal/mx"
	"github.com/postseal/postseal/score"
	"github.com/postseal/postseal/starttls"
)

// noTransit answers when there was no host to look at: nothing to measure, and why.
func (m *measurer) noTransit() (score.Measure, bool) {
	if m.f.STARTTLS.NoHosts != "" {
		return cause("smtp-" + m.f.STARTTLS.NoHosts), true
	}
	if m.f.STARTTLS.Blocked {
		return cause("port25-blocked"), true
	}
	if len(m.probed()) == 0 {
		return score.Not(check.Cause{Code: "smtp-no-address", Params: check.Params{"Domain": m.f.Domain.String()}}), true
	}
	return score.Measure{}, false
}

func (m *measurer) transitSTARTTLS() score.Measure {
	if v, none := m.noTransit(); none {
		return v
	}
	known := true
	for _, h := range m.probed() {
		ok, k := m.f.STARTTLS.HostSTARTTLS(h.Name)
		if k && !ok {
			return score.Of(score.Nothing) // the worst MX counts: the attacker picks
		}
		known = known && k
	}
	if !known {
		return m.transitCause()
	}
	return score.Of(score.Full)
}

func (m *measurer) transitTLS() score.Measure {
	if v, none := m.noTransit(); none {
		return v
	}
	part, known, daneKnown := score.Full, true, true
	for _, h := range m.probed() {
		grade, k := m.f.STARTTLS.HostTLS(h.Name)
		switch {
		case !k:
			known = false
		case grade == "none":
			return score.Of(score.Nothing)
		case grade == "opportunistic":
			matches, k := daneMatches(m.f, h)
			daneKnown = daneKnown && k
			if k && !matches {
				part = min(part, score.Half)
			}
		}
	}
	switch {
	case !known:
		return m.transitCause()
	case !daneKnown && part == score.Full: // all or half, and only the TLSA records tell
		return cause("dane-not-measured")
	}
	return score.Of(part)
}

func (m *measurer) transitCause() score.Measure {
	for _, id := range []string{"smtp-port25-not-measured", "starttls-missing", "smtp-all-unreachable", "smtp-address-unreachable"} {
		if r := m.by[id]; r != nil && r.Status == check.Unknown {
			return score.Not(firstCause(r.Causes))
		}
	}
	return cause("smtp-not-measured")
}

// transitPolicy is the better of MTA-STS and DANE (SCORE rule 3).
func (m *measurer) transitPolicy() score.Measure {
	sts, stsKnown := m.mtasts()
	dane, daneKnown := m.dane()
	best := max(sts, dane)
	switch {
	case best == score.Full, stsKnown && daneKnown:
		return score.Of(best)
	case !stsKnown:
		if f := m.f.MTASTS; f.Lookup.Unknown() {
			return score.Not(check.CauseOf(f.Lookup.Error))
		}
		return cause("mtasts-not-measured")
	default:
		return cause("dane-not-measured")
	}
}

func (m *measurer) mtasts() (score.Part, bool) {
	f := m.f.MTASTS
	if !f.Known() {
		return score.Nothing, false
	}
	if !f.Valid {
		return score.Nothing, true
	}
	switch f.Mode() {
	case "enforce":
		return score.Full, true
	case "testing":
		return score.Half, true
	}
	return score.Nothing, true
}

func (m *measurer) dane() (score.Part, bool) {
	binds, known := m.f.DANE.Binds()
	if !known {
		return score.Nothing, false
	}
	if !binds {
		return score.Nothing, true
	}
	// Bound: it counts once the records were seen to match what the hosts send.
	if _, none := m.noTransit(); none {
		return score.Nothing, false
	}
	for _, h := range m.probed() {
		if _, k := m.f.STARTTLS.HostSTARTTLS(h.Name); !k {
			return score.Nothing, false
		}
		matches, k := daneMatches(m.f, h)
		if !k {
			return score.Nothing, false
		}
		if !matches {
			return score.Nothing, true
		}
	}
	return score.Full, true
}

func (m *measurer) tlsrpt() score.Measure {
	if m.f.TLSRPT.Lookup.Unknown() {
		return score.Not(check.CauseOf(m.f.TLSRPT.Lookup.Error))
	}
	return full(m.f.TLSRPT.Valid)
}

// DNS

func (m *measurer) dnssec() score.Measure {
	switch m.f.DNSSEC.State {
	case dnssec.Secure:
		return score.Of(score.Full)
	case dnssec.Insecure, dnssec.Bogus:
		return score.Of(score.Nothing)
	}
	return score.Not(check.CauseOf(m.f.DNSSEC.Unknown()))
}

var mxTargetRules = []string{
	"mx-domain-nxdomain", "mx-null-with-others", "mx-target-ip", "mx-target-doubled", "mx-target-unregistered",
	"mx-target-special-address", "mx-target-nxdomain", "mx-target-no-address", "mx-target-cname", "mx-target-syntax",
	"mx-target-lookup-failed", "mx-lookup-failed",
}

func (m *measurer) dnsMX() score.Measure {
	if m.f.MX.Lookup.Unknown() {
		return score.Not(check.CauseOf(m.f.MX.Lookup.Error))
	}
	if m.f.Profile.Receives() && len(m.f.MX.Hosts) == 0 {
		return score.Of(score.Nothing)
	}
	return m.clear(check.Warning, mxTargetRules...)
}

func (m *measurer) dnsServers() score.Measure {
	good, known := m.f.MX.NameServersGood()
	ns := m.f.MX.NameServers
	switch {
	case known:
		return full(good)
	case ns.Lookup.Unknown():
		return score.Not(check.CauseOf(ns.Lookup.Error))
	case ns.Reason != "":
		return score.Not(check.Cause{Code: ns.Reason, Params: check.Params{"Zone": ns.Zone.String()}})
	}
	zone := ns.Zone
	if zone == "" {
		zone = m.f.Domain
	}
	return score.Not(check.Cause{Code: "ns-not-asked", Params: check.Params{"Zone": zone.String()}})
}

// mxNull: a null MX, or nothing that mail could be sent to.
func (m *measurer) mxNull() score.Measure {
	f := m.f.MX
	switch {
	case f.Lookup.Unknown():
		return score.Not(check.CauseOf(f.Lookup.Error))
	case f.Null:
		return score.Of(score.Full)
	case f.Lookup.Found():
		return score.Of(score.Nothing)
	case f.A.Unknown():
		return score.Not(check.CauseOf(f.A.Error))
	case f.AAAA.Unknown():
		return score.Not(check.CauseOf(f.AAAA.Error))
	}
	return full(!f.A.Found() && !f.AAAA.Found())
}

// probed are the mail hosts that transit is measured by. A name that DNS says
// has no address is nobody's mail host, be it a leftover or a token of
// ownership below msv1.invalid: no sender can reach it, and no attacker either.
func (m *measurer) probed() []*starttls.Host {
	return slices.DeleteFunc(slices.Clone(m.f.STARTTLS.Hosts), func(h *starttls.Host) bool {
		return len(h.Sessions) == 0 && slices.ContainsFunc(m.f.MX.Hosts, func(x *mx.Host) bool {
			return x.Name == h.Name && len(x.Addresses) == 0 && !x.Over && !x.A.Unknown() && !x.AAAA.Unknown()
		})
	})
}
