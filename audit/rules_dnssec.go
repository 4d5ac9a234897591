package audit

import (
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dnssec"
	"github.com/postseal/postseal/internal/provider"
	"github.com/postseal/postseal/mtasts"
)

// dnssecRules judge what a domain that is signed itself leans on.
var dnssecRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dnssec-mx-zone-unsigned", Standard: check.DNSSEC, Severity: check.Notice,
			Title:    "the domain is signed, but the addresses of a mail host are not",
			Variants: []check.Variant{{Name: "hosted", Severity: check.Info}, {Name: "enforced", Severity: check.Info}},
			Refs:     []check.Ref{check.RFC(7672, "2.2.2")},
			Doc: "The domain is secured by DNSSEC, and the answers with the addresses of its mail host are not: they come from a zone\n" +
				"that is not signed. Senders that use DANE look at TLSA records only where the addresses are secure, so DANE is not\n" +
				"possible for this host, and a forged address is believed.\n\n" +
				"**Fix:** have the zone of the mail host signed. Where a provider runs it, ask for a host in a signed zone: Microsoft has\n" +
				"such names below `mx.microsoft`.\n\n" +
				"Before: `example.com. MX 10 mx.unsigned.example.` After: `example.com. MX 10 mx.signed.example.`",
		},
		Applies: func(f *Facts) bool { return f.DNSSEC.State == dnssec.Secure && !f.MX.Null && !f.MX.Implicit },
		Run: func(f *Facts, r *check.Reporter) {
			for i := range f.DNSSEC.Names {
				n := &f.DNSSEC.Names[i]
				if n.What != dnssec.WhatMXHost {
					continue
				}
				switch n.State {
				case dnssec.Insecure:
					variant := ""
					if f.MTASTS.Valid && f.MTASTS.Mode() == mtasts.Enforce {
						variant = "enforced"
					} else if provider.ByMX(n.Name) != nil {
						variant = "hosted"
					}
					r.Report(check.Finding{Subject: n.Name.String(), Variant: variant, Scope: n.Name.String(), Params: check.Params{"Domain": f.Domain.String(), "Host": n.Name.String()}})
				case dnssec.Indeterminate:
					r.Unknown(check.Cause{Code: n.Cause, Params: check.Params{"Name": n.Name.String(), "Type": "A", "Detail": ""}})
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "dnssec-cname-insecure-hop", Standard: check.DNSSEC, Severity: check.Warning,
			Title: "an alias leads from a signed zone into one that is not",
			Refs:  []check.Ref{check.RFC(4035, "")},
			Doc: "A record that mail depends on is found through an alias. The domain is secured by DNSSEC, but the zone that the alias\n" +
				"leads into is not: the answer as a whole is only as secure as its weakest zone, and can be forged there.\n\n" +
				"**Fix:** have the target's zone signed, or publish the record itself instead of the alias.\n\n" +
				"Before: `_dmarc.example.com. CNAME example.com.unsigned.example.` After: the TXT record at `_dmarc.example.com.`",
		},
		Applies: func(f *Facts) bool { return f.DNSSEC.State == dnssec.Secure },
		Run: func(f *Facts, r *check.Reporter) {
			for _, l := range namesBehindAliases(f) {
				target := l.Answer.Chain[len(l.Answer.Chain)-1]
				switch state, cause := f.DNSSEC.Of(l); state {
				case dnssec.Insecure:
					if !target.IsUnder(f.Domain) {
						r.Report(check.Finding{Subject: l.Name.String(), Scope: l.Name.String(), Params: check.Params{"Name": l.Name.String(), "Target": target.String()}})
					}
				case dnssec.Indeterminate:
					r.Unknown(check.Cause{Code: cause, Params: check.Params{"Name": l.Name.String(), "Type": l.Type.String(), "Detail": ""}})
				}
			}
		},
	},
}

// namesBehindAliases are the found answers at names of the domain that stand
// behind an alias.
func namesBehindAliases(f *Facts) []*dns.Lookup {
	all := []*dns.Lookup{&f.MTASTS.Lookup, &f.MTASTS.HostA, &f.TLSRPT.Lookup}
	if len(f.DMARC.Steps) > 0 {
		all = append(all, &f.DMARC.Steps[0].Lookup)
	}
	for _, s := range f.DKIM.Selectors {
		all = append(all, &s.Lookup)
	}
	var list []*dns.Lookup
	for _, l := range all {
		if l.Asked() && l.Found() && len(l.Answer.Chain) > 0 && l.Name.IsUnder(f.Domain) {
			list = append(list, l)
		}
	}
	return list
}
