package dkim

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/provider"
)

// Pages of vendors, where no RFC says it.
var (
	microsoftDKIM = check.Ref{Doc: "Microsoft: New-DkimSigningConfig", URL: "https://learn.microsoft.com/powershell/module/exchange/new-dkimsigningconfig"}
	kinghostDKIM  = check.Ref{Doc: "KingHost: DKIM, SPF e DMARC", URL: "https://king.host/wiki/artigo/dkim-spf-e-dmarc-como-garantir-a-seguranca-e-a-entrega-dos-seus-e-mails"}
)

// providerRules compare what was found with what the domain's providers use.
var providerRules = []rule{
	{
		Meta: check.Meta{
			ID: "dkim-provider-key-missing", Standard: check.DKIM, Severity: check.Warning,
			Variants: variants{{Name: "gateway", Severity: check.Notice}},
			Title:    "a provider that SPF lets send has no key here", CoveredBy: []string{"dkim-domainkey-nxdomain"},
			Refs: refs{rfc("3.6.2"), microsoftDKIM},
			Doc: `The domain's own SPF record lets a provider send that always uses the same selectors, and none of them exists. Its mail then
goes out unsigned, or signed with a domain of the provider's own, which does not align with the From address: DMARC rests on SPF
alone and breaks when a message is forwarded. Providers that let customers choose selectors are never reported here. Behind a
gateway, which may sign instead, it is only a notice.

**Fix.** Turn DKIM on for the domain in the provider's console and publish the records that it shows.

Before: ` + "`v=spf1 include:spf.protection.outlook.com -all`" + ` and nothing at ` + "`selector1._domainkey`" + `
After: ` + "`selector1._domainkey`" + ` and ` + "`selector2._domainkey`" + ` as CNAMEs to what the Defender portal shows`,
		},
		Applies: func(f *Facts) bool { return f.Profile.Sends() && (len(f.fixedSenders()) > 0 || f.ownUntold != nil) },
		Run:     providerKeyMissing,
	},
	{
		Meta: check.Meta{
			ID: "dkim-provider-pair-incomplete", Standard: check.DKIM, Severity: check.Notice,
			Variants: variants{{Name: "rotates", Severity: check.Warning}},
			Title:    "one of the selectors that a provider rotates through is missing",
			Refs:     refs{rfc("3.1"), microsoftDKIM},
			Doc: `The provider asks for several aliases so that it can change keys without the domain's help: one selector signs, the next
one takes over. One of them is not in DNS at all, so after the next change signatures name a selector without a key. Microsoft 365
changes by itself, hence the warning there. An alias that leads to an empty or revoked key is fine: that is the reserve.

**Fix.** Publish the other alias as the provider's console shows it.

Before: ` + "`selector1._domainkey CNAME selector1-example-com._domainkey.contoso.n-v1.dkim.mail.microsoft.`" + ` alone
After: the same, and ` + "`selector2._domainkey CNAME selector2-example-com._domainkey.contoso.n-v1.dkim.mail.microsoft.`",
		},
		Applies: func(f *Facts) bool { return len(f.sets()) > 0 || f.blind() != nil },
		Run:     pairIncomplete,
	},
	{
		Meta: check.Meta{
			ID: "dkim-provider-old-target", Standard: check.DKIM, Severity: check.Info,
			Title: "the alias has an older form of its provider",
			Refs:  refs{microsoftDKIM},
			Doc: `The selector's CNAME has the form that the provider gave out earlier; for new domains it uses another one. Both work, and
each domain keeps the form it was given: there is nothing to do, and an alias of the newer form that nobody was shown would break
the signatures.

**What to do.** Nothing. Copy a new target only if the provider's console shows one for this domain.

Older: ` + "`selector1-example-com._domainkey.contoso.onmicrosoft.com.`" + `
Newer: ` + "`selector1-example-com._domainkey.contoso.n-v1.dkim.mail.microsoft.`",
		},
		Applies: mayHaveVendor,
		Run: func(f *Facts, r *check.Reporter) {
			for _, s := range f.answered(r) {
				if s.old {
					r.Report(aliasFinding(s))
				}
			}
			f.guessed(r)
		},
	},
	{
		Meta: check.Meta{
			ID: "dkim-provider-no-custom", Standard: check.DKIM, Severity: check.Warning,
			Title: "a provider signs with its own domain only",
			Refs:  refs{kinghostDKIM},
			Doc: `SPF lets a provider send that signs all mail with a domain of its own and offers no keys for its customers' domains. Such a
signature is valid and does not align with the From address, so DMARC rests on SPF alone: a forwarded message fails, and
` + "`p=reject`" + ` would have it refused.

**Fix.** Send through a relay that signs with this domain, or ask the provider for a key of its own. Until then leave DMARC at
` + "`p=none`" + ` or ` + "`p=quarantine`" + `.

Before: ` + "`DKIM-Signature: …; d=dkim.kinghost.net`" + `
After: ` + "`DKIM-Signature: …; d=example.com; s=relay1`",
		},
		Applies: func(f *Facts) bool { return f.Profile.Sends() && (len(f.Detected) > 0 || f.ownUntold != nil) },
		Run: func(f *Facts, r *check.Reporter) {
			for _, d := range f.Detected {
				if d.By == "spf" && len(d.p.SignsAs) > 0 {
					r.Report(check.Finding{Subject: f.Domain.String(), Scope: "provider " + d.ID, Params: check.Params{
						"Provider": d.p.Name, "Signal": d.Signal, "SignsAs": strings.Join(d.p.SignsAs, ", ")}})
				}
			}
			if f.ownUntold != nil {
				r.Unknown(f.ownUntold)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "dkim-provider-unexpected", Standard: check.DKIM, Severity: check.Info,
			Title: "a key of a vendor that nothing else shows",
			Refs:  refs{rfc("8.1")},
			Doc: `A selector leads to a vendor that appears neither in SPF nor in MX nor in a verification token of the domain. Some vendors
need nothing else, so this is no fault. It may also be a service that was left: as long as the alias stands, it can send mail in
the domain's name that passes DKIM and DMARC.

**What to do.** Ask who uses the service. If nobody does, delete its selectors.

Before: ` + "`k2._domainkey CNAME dkim2.mcsv.net.`" + ` of a newsletter that ended years ago
After: no record at ` + "`k2._domainkey`",
		},
		Applies: func(f *Facts) bool { return f.hinted && mayHaveVendor(f) },
		Run:     unexpected,
	},
}

// fixedSenders are the providers that the domain's own SPF record lets send and
// whose selectors are known for sure.
func (f *Facts) fixedSenders() []Detected {
	var list []Detected
	for _, d := range f.Detected {
		if d.By == "spf" && d.p.Fixed && d.p.Mark == provider.Verified && len(d.p.Selectors) > 0 {
			list = append(list, d)
		}
	}
	return list
}

// guessed says that a selector without an answer may be what the rule is after.
func (f *Facts) guessed(r *check.Reporter) {
	if err := f.blind(); err != nil {
		r.Unknown(err)
	}
}

// blind is the failed look-up of a selector of which not even an alias is known,
// nil without one.
func (f *Facts) blind() error {
	for _, s := range f.Selectors {
		if s.Status == StatusUnknown && s.CNAME == "" && s.Lookup.Error != nil {
			return s.Lookup.Error
		}
	}
	if f.FailedWith != nil {
		return f.FailedWith
	}
	return nil
}

func mayHaveVendor(f *Facts) bool {
	return f.blind() != nil || slices.ContainsFunc(f.Selectors, func(s *Selector) bool { return s.Vendor != "" })
}

// asked gives the look-up of a selector, nil where it was not asked for.
func (f *Facts) asked(name string) *Selector {
	for _, s := range f.all {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// none tells whether DNS says that there is nothing at the selector, and the
// failure where it does not say.
func (f *Facts) none(name string) (bool, error) {
	s := f.asked(name)
	switch {
	case s == nil:
		return false, nil
	case s.Status == StatusUnknown && s.Lookup.Error != nil:
		return false, s.Lookup.Error
	}
	return s.Lookup.Absent() && s.CNAME == "", nil
}

func providerKeyMissing(f *Facts, r *check.Reporter) {
	if f.ownUntold != nil {
		r.Unknown(f.ownUntold)
	}
	gateway := slices.ContainsFunc(f.Detected, func(d Detected) bool { return d.p.Kind == provider.Gateway })
	for _, d := range f.fixedSenders() {
		if slices.ContainsFunc(f.Selectors, func(s *Selector) bool { return s.Vendor == d.ID }) {
			continue
		}
		missing := true
		var untold error
		for _, name := range d.p.Selectors {
			none, err := f.none(name)
			missing = missing && none
			if err != nil {
				untold = err
			}
		}
		switch {
		case missing:
			finding := check.Finding{Subject: f.NodeTXT.Name.String(), Scope: "provider " + d.ID, Params: check.Params{
				"Provider": d.p.Name, "Signal": d.Signal, "Selectors": strings.Join(d.p.Selectors, ", "), "Without": d.p.Without}}
			if gateway {
				finding.Variant = "gateway"
			}
			r.Report(finding)
		case untold != nil:
			r.Unknown(untold)
		}
	}
}

// keyless tells whether dkim-provider-key-missing has something to report.
func (f *Facts) keyless() bool {
	if !f.Profile.Sends() {
		return false
	}
	results := check.Evaluate([]rule{{Meta: check.Meta{Variants: variants{{Name: "gateway"}}}, Run: providerKeyMissing}}, f)
	return results[0].Status == check.Fail
}

// sets are the providers some of whose selectors are aliases here, of those
// that need several.
func (f *Facts) sets() []*provider.Provider {
	var list []*provider.Provider
	for _, s := range f.Selectors {
		p := provider.ByName(s.Vendor)
		if s.Vendor != "" && p != nil && slices.Contains(p.Set, s.Name) && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

func pairIncomplete(f *Facts, r *check.Reporter) {
	f.guessed(r)
	for _, p := range f.sets() {
		var have, lack []string
		for _, name := range p.Set {
			none, err := f.none(name)
			switch {
			case err != nil:
				r.Unknown(err)
			case none:
				lack = append(lack, name)
			default:
				have = append(have, name)
			}
		}
		if len(lack) == 0 {
			continue
		}
		finding := check.Finding{Subject: f.NodeTXT.Name.String(), Scope: "provider " + p.ID, Params: check.Params{
			"Provider": p.Name, "Have": strings.Join(have, ", "), "Missing": strings.Join(lack, ", ")}}
		if p.ID == "microsoft365" {
			finding.Variant = "rotates"
		}
		r.Report(finding)
	}
}

func unexpected(f *Facts, r *check.Reporter) {
	f.guessed(r)
	seen := map[string]bool{}
	for _, s := range f.Selectors {
		if s.Vendor == "" || s.Status != StatusFound || seen[s.Vendor] ||
			slices.ContainsFunc(f.Detected, func(d Detected) bool { return d.ID == s.Vendor }) {
			continue
		}
		if f.untold != nil {
			r.Unknown(f.untold)
			return
		}
		seen[s.Vendor] = true
		r.Report(aliasFinding(s))
	}
}

// Unguessable are the providers told from hints that give each domain selectors
// which nobody can guess, and of which none was found.
func (f *Facts) Unguessable() []*provider.Provider {
	var list []*provider.Provider
	for _, d := range f.Detected {
		if d.p.Form != "" && !slices.ContainsFunc(f.Selectors, func(s *Selector) bool { return s.Vendor == d.ID }) {
			list = append(list, d.p)
		}
	}
	return list
}
