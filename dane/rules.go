package dane

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Rules judge Facts, in report order.
var Rules = slices.Concat(lookupRules, aroundRules, recordRules)

// lookupRules judge whether records are there and can bind.
var lookupRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dane-tlsa-missing", Standard: check.DANE, Severity: check.Notice,
			Title: "the mail hosts have no TLSA records",
			Variants: []check.Variant{
				{Name: "insecure", Severity: check.Info}, {Name: "hosted", Severity: check.Info}, {Name: "enforced", Severity: check.Info},
			},
			Refs:      []check.Ref{check.RFC(7672, "")},
			CoveredBy: []string{"mtasts-record-missing", "dnssec-bogus", "dane-wrong-owner", "dane-tlsa-cname-dangling"},
			Doc: `A TLSA record in a signed zone says which key a mail host has. Senders that look for it deliver over that key or not at all, so
nobody on the path can strip the encryption or put another certificate in its place. No mail host of this domain has one.

It takes DNSSEC at the domain and at its mail hosts. Where those are a provider's, only the provider can publish the records;
MTA-STS, which needs no DNSSEC, protects from most of the same.

Before:

    _25._tcp.mx1.example.com.  (nothing)

After:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (SHA-256 of the public key)`,
		},
		Applies: applies,
		Run:     known(runMissing),
	},
	{
		Meta: check.Meta{
			ID: "dane-lookup-failed", Standard: check.DANE, Severity: check.Error,
			Title:     "the TLSA records of a mail host cannot be looked up",
			Variants:  []check.Variant{{Name: "insecure", Severity: check.Info}},
			Refs:      []check.Ref{check.RFC(7672, "2.1.2")},
			CoveredBy: []string{"dnssec-bogus"},
			Doc: `The host's own name servers fail for the question whether it has TLSA records. A sender cannot tell that from an attack in which
the records are withheld, so it leaves the host out and the mail waits. This is the most common way to lose mail by DANE, and it
hits domains that never published a record. Where the host's addresses are not secure nobody asks, and nothing is lost.

Make the name servers answer for every type: old load balancers and broken signers are the usual causes.

Before:

    _25._tcp.mx1.example.com. TLSA -> SERVFAIL

After:

    _25._tcp.mx1.example.com. TLSA -> no such record`,
		},
		Applies: inUse,
		Run:     known(hosts(runLookupFailed)),
	},
	{
		Meta: check.Meta{
			ID: "dane-tlsa-insecure", Standard: check.DANE, Severity: check.Warning,
			Title:     "TLSA records stand in a zone that DNSSEC does not secure",
			Refs:      []check.Ref{check.RFC(6698, "")},
			CoveredBy: []string{"dnssec-bogus", "dnssec-unsigned"},
			Doc: `TLSA records count only when DNSSEC proves them: otherwise whoever can forge an answer could name a key of his own. These records
are in a zone that is not signed, or whose parent has no DS record for it, and every sender ignores them.

Sign the zone of the mail host and have the DS record published, or remove the records.

Before:

    the parent zone has no DS record for example.com

After:

    example.com.  DS  54321 13 2 (digest of the zone's key)`,
		},
		Applies: inUse,
		Run: known(hosts(func(f *Facts, h *Host, r *check.Reporter) {
			switch {
			case h.Lookup.Absent() || h.Secure == "yes":
			case h.Secure == "unknown":
				r.Unknown(f.unsure(&h.Lookup))
			default:
				r.Report(at(h, nil))
			}
		})),
	},
	{
		Meta: check.Meta{
			ID: "dane-mx-insecure", Standard: check.DANE, Severity: check.Warning,
			Title:     "mail hosts have DANE, but the list of them is not secured",
			Refs:      []check.Ref{check.RFC(7672, "")},
			CoveredBy: []string{"dnssec-bogus", "dnssec-unsigned"},
			Doc: `The mail hosts have TLSA records in signed zones, and the MX records that name these hosts are not signed. Whoever can forge the
MX answer sends the mail to a host of his own, to which no TLSA record applies. Many senders count DANE only where both are
secure.

Sign the domain itself as well and have its DS record published.

Before:

    example.com.  MX  10 mx.provider.example   (insecure)
    _25._tcp.mx.provider.example. TLSA         (secure)

After: both are secure.`,
		},
		Applies: inUse,
		Run:     known(runMXInsecure),
	},
	{
		Meta: check.Meta{
			ID: "dane-address-insecure", Standard: check.DANE, Severity: check.Warning,
			Title:     "TLSA records are never asked for, because the host's addresses are not secure",
			Refs:      []check.Ref{check.RFC(7672, "2.2.2")},
			CoveredBy: []string{"dnssec-bogus", "dane-tlsa-insecure"},
			Doc: `A sender asks for TLSA records only when the A or the AAAA record of the mail host is secure. Here neither is, though TLSA records
exist: usually the name of the host is an alias into a zone that is not signed.

Give the host addresses in a signed zone. One address family is enough.

Before:

    mx1.example.com.  CNAME  balancer.unsigned.example.

After:

    mx1.example.com.  A  192.0.2.25   (in the signed zone)`,
		},
		Applies: inUse,
		Run: known(hosts(func(f *Facts, h *Host, r *check.Reporter) {
			switch {
			case h.Lookup.Absent() || h.SecureAddress == "yes":
			case h.Lookup.Unknown():
				r.Unknown(h.Lookup.Error)
			case h.SecureAddress == "unknown":
				r.Unknown(f.unsureAddress(h))
			case h.A.Found() || h.AAAA.Found():
				r.Report(at(h, nil))
			}
		})),
	},
	{
		Meta: check.Meta{
			ID: "dane-partial-mx", Standard: check.DANE, Severity: check.Warning,
			Title: "some mail hosts have DANE and some do not",
			Refs:  []check.Ref{check.RFC(7672, "")},
			Doc: `Senders hold each mail host to its own TLSA records. An attacker who keeps the protected hosts from answering leads the mail to
the one without, backup hosts of low priority included, and strips its encryption.

Publish TLSA records for every mail host, or take the others out of the MX records.

Before:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (digest)
    _25._tcp.mx2.example.com.  (nothing)

After:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (digest)
    _25._tcp.mx2.example.com.  TLSA  3 1 1 (digest)`,
		},
		Applies: inUse,
		Run:     known(runPartial),
	},
}

// applies: a domain that takes no mail has no host to protect. Hosts that
// could not be told leave the rules unknown.
func applies(f *Facts) bool {
	return f.Profile.Receives() && (f.HostsUnknown != nil || len(f.Hosts) > 0)
}

// inUse: a host has TLSA records, or nobody could tell. Without any there is
// nothing about them that could be good.
func inUse(f *Facts) bool {
	return applies(f) && (f.HostsUnknown != nil || slices.ContainsFunc(f.Hosts, func(h *Host) bool { return !h.Lookup.Absent() }))
}

// known runs a rule that needs to know the mail hosts.
func known(run func(*Facts, *check.Reporter)) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		if f.HostsUnknown != nil {
			r.Unknown(f.HostsUnknown)
			return
		}
		run(f, r)
	}
}

// hosts judges one host after the other.
func hosts(judge func(*Facts, *Host, *check.Reporter)) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		for _, h := range f.Hosts {
			judge(f, h, r)
		}
	}
}

// at is a finding about the records of a host.
func at(h *Host, params check.Params) check.Finding {
	if params == nil {
		params = check.Params{}
	}
	params["Host"], params["Name"] = h.Name.String(), h.Lookup.Name.String()
	return check.Finding{Subject: h.Lookup.Name.String(), Scope: h.Name.String(), Params: params}
}

func runMissing(f *Facts, r *check.Reporter) {
	for _, h := range f.Hosts {
		if h.Lookup.Found() {
			return
		}
	}
	reachable := f.reachable()
	if len(reachable) == 0 {
		return // a domain without a usable host has another trouble
	}
	// How much it matters depends on whether anybody could publish records.
	insecure, hosted := f.SecureMX == "no", false
	unsure := f.UnsureMX()
	for _, h := range reachable {
		switch {
		case h.Lookup.Unknown():
			r.Unknown(h.Lookup.Error)
			return
		case h.SecureAddress == "no":
			insecure = true
		case h.SecureAddress == "unknown" && unsure == nil:
			unsure = f.unsureAddress(h)
		}
		hosted = hosted || h.Provider != ""
	}
	find := check.Finding{Subject: f.Domain.String(), Params: check.Params{"Domain": f.Domain.String()}}
	switch {
	case insecure:
		find.Variant = "insecure"
	case unsure != nil:
		r.Unknown(unsure)
		return
	case hosted:
		find.Variant = "hosted"
	case f.Enforced == nil:
		r.Unknown(check.Cause{Code: "mtasts-not-measured"})
		return
	case *f.Enforced:
		find.Variant = "enforced"
	}
	r.Report(find)
}

func runLookupFailed(f *Facts, h *Host, r *check.Reporter) {
	e := h.Lookup.Error
	if !h.Lookup.Unknown() {
		return
	}
	if !e.Authoritative {
		r.Unknown(e) // a failure seen from one machine proves nothing
		return
	}
	find := at(h, check.Params{"Kind": string(e.Kind)})
	switch h.SecureAddress {
	case "unknown":
		r.Unknown(f.unsureAddress(h))
		return
	case "no":
		find.Variant = "insecure"
	}
	r.Report(find)
}

func runMXInsecure(f *Facts, r *check.Reporter) {
	if f.SecureMX == "yes" {
		return
	}
	var protected []string
	for _, h := range f.Hosts {
		switch bound, unsure := f.Bound(h); {
		case bound:
			protected = append(protected, h.Name.String())
		case unsure != nil:
			r.Unknown(unsure)
		}
	}
	if len(protected) == 0 {
		return
	}
	if err := f.UnsureMX(); err != nil {
		r.Unknown(err)
		return
	}
	r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{"Domain": f.Domain.String(), "Hosts": list(protected)}})
}

func runPartial(f *Facts, r *check.Reporter) {
	hosts := f.reachable()
	if len(hosts) < 2 {
		return
	}
	var with, without []string
	for _, h := range hosts {
		bound, unsure := f.Bound(h)
		switch {
		case h.Lookup.Absent():
			without = append(without, h.Name.String())
		case unsure != nil:
			r.Unknown(unsure)
		case bound && len(h.Usable()) > 0:
			with = append(with, h.Name.String())
		}
	}
	if len(with) > 0 && len(without) > 0 {
		r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{
			"Domain": f.Domain.String(), "With": list(with), "Without": list(without)}})
	}
}

// records are the TLSA records of the host that could be read.
func (h *Host) records() []dns.Record {
	return slices.DeleteFunc(slices.Clone(h.Lookup.Records()), func(r dns.Record) bool { return r.TLSA == nil })
}
