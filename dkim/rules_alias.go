package dkim

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// aliasRules judge selectors that are aliases, and keys in the wrong place.
var aliasRules = []rule{
	{
		Meta: check.Meta{
			ID: "dkim-cname-broken", Standard: check.DKIM, Severity: check.Error,
			Variants: variants{{Name: "loop", Severity: check.Error}, {Name: "spare", Severity: check.Notice}},
			Title:    "the alias of a selector leads to no key",
			Refs:     refs{rfc("6.1.2")}, CoveredBy: []string{"dkim-cname-takeover"},
			Doc: `The selector is a CNAME, and what it points to does not exist, holds no TXT record, or points back to itself. Every
signature with this selector fails with "no key". Beside another selector of the same provider that works it is a
leftover or a reserve, hence only a notice.

**Fix.** Copy the target again from the provider's console, and see that a CDN does not proxy the record. Delete the CNAME if
the provider was left.

Before: ` + "`s1._domainkey CNAME s1.domainkey.u1.wl.sendgrid.nett.`" + `
After: ` + "`s1._domainkey CNAME s1.domainkey.u1.wl.sendgrid.net.`",
		},
		Applies: hasAlias, Run: aliasBroken,
	},
	{
		Meta: check.Meta{
			ID: "dkim-cname-pending", Standard: check.DKIM, Severity: check.Notice,
			Title: "the alias is in place, the provider has no key there yet",
			Refs:  refs{rfc("6.1.2")}, CoveredBy: []string{"dkim-cname-takeover"},
			Doc: `The selector's CNAME leads into the zone of a known provider, but the provider publishes no key there. The DNS side is
ready; signing was not switched on, or the provider has not made the key yet. Until then mail goes out unsigned or with
the provider's own domain, which does not help DMARC.

**Fix.** Switch DKIM on in the provider's console (Microsoft 365: Defender portal, Email authentication settings, DKIM).

Before: ` + "`selector1._domainkey CNAME …dkim.mail.microsoft.` → NXDOMAIN" + `
After: the same CNAME, now answered with ` + "`v=DKIM1; k=rsa; p=…`",
		},
		Applies: hasAlias,
		Run: func(f *Facts, r *check.Reporter) {
			for _, s := range f.answered(r) {
				if s.dangling() && f.pending(s) {
					r.Report(aliasFinding(s))
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "dkim-cname-takeover", Standard: check.DKIM, Severity: check.Error,
			Title: "a selector points to a domain that anybody can register",
			Refs:  refs{rfc("8"), rfc("3.6.2.2")},
			Doc: `The selector is a CNAME into a domain that is not registered. Whoever registers it publishes a key of their own there and
then signs mail as this domain: receivers see a valid DKIM signature and a DMARC pass, also under ` + "`p=reject`" + `.

**Fix.** Delete the CNAME today; publish the right one afterwards if the provider is still in use.

Before: ` + "`k1._domainkey.example.com. CNAME dkim.gone-vendor.com.` (gone-vendor.com is free)" + `
After: no record at ` + "`k1._domainkey.example.com`",
		},
		Applies: hasAlias,
		Run: func(f *Facts, r *check.Reporter) {
			for _, s := range f.answered(r) {
				switch {
				case s.Registrable.Unknown():
					r.Unknown(s.Registrable.Error)
				case s.Registrable.State == dns.StateNXDomain:
					finding := aliasFinding(s)
					finding.Params["Registrable"] = s.Registrable.Name.String()
					r.Report(finding)
				}
			}
		},
	},
	keyRule(check.Meta{
		ID: "dkim-cname-as-txt", Severity: check.Error,
		Title: "the text is a host name that should be a CNAME",
		Refs:  refs{rfc("3.6.1")},
		Doc: `The TXT record holds nothing but a host name. The provider asked for a CNAME, and the value was stored with the wrong
record type. Receivers do not follow it: they see a record that is no key, and the signature fails.

**Fix.** Delete the TXT record and create a CNAME with the same value.

Before: ` + "`selector1._domainkey TXT \"selector1-example-com._domainkey.contoso.n-v1.dkim.mail.microsoft\"`" + `
After: ` + "`selector1._domainkey CNAME selector1-example-com._domainkey.contoso.n-v1.dkim.mail.microsoft.`",
	}),
	{
		Meta: check.Meta{
			ID: "dkim-value-has-owner-name", Standard: check.DKIM, Severity: check.Error,
			Title: "the owner name was pasted into the value",
			Refs:  refs{rfc("3.6.1")},
			Doc: `The text begins with the name of the record instead of its content, as when a whole line of a zone file or of a panel was
pasted into the value field. No verifier can read it, and usually it also stands at the wrong name.

**Fix.** Put the name into the name field and only what begins with ` + "`v=DKIM1`" + ` into the value.

Before: ` + "`example.com. TXT \"default._domainkey v=DKIM1; k=rsa; p=MIIB…\"`" + `
After: ` + "`default._domainkey.example.com. TXT \"v=DKIM1; k=rsa; p=MIIB…\"`",
		},
		Applies: hasText, Run: ownerInValue,
	},
	{
		Meta: check.Meta{
			ID: "dkim-wrong-name", Standard: check.DKIM, Severity: check.Error,
			Title: "a key stands where no verifier looks",
			Refs:  refs{rfc("3.6.2.1")},
			Doc: `A DKIM key was found at the domain itself, directly at ` + "`_domainkey`" + `, or at a name that resembles the one of a selector
in use. Verifiers ask for ` + "`<selector>._domainkey.<domain>`" + ` and nothing else, so this record has no effect: the name lost its
selector or its prefix when it was typed, or a panel appended the domain a second time.

**Fix.** Move the record to the name with the selector that the signer uses.

Before: ` + "`_domainkey.example.com. TXT \"v=DKIM1; k=rsa; p=MIIB…\"`" + `
After: ` + "`s202611a._domainkey.example.com. TXT \"v=DKIM1; k=rsa; p=MIIB…\"`",
		},
		Applies: hasText,
		Run: func(f *Facts, r *check.Reporter) {
			for _, s := range f.Stray {
				if _, owned := ownerOf(s.bad); owned || f.has(s.key) {
					continue
				}
				finding := check.Finding{Subject: s.Name.String(), Record: s.Text, Scope: s.scope(f),
					Params: check.Params{"Name": s.Name.String(), "Owner": ""}}
				if s.Selector != "" {
					owner := f.NodeTXT.Name.Child(s.Selector)
					finding.Params["Owner"] = owner.String()
					if s.Text != "" { // a private key is not to be published again
						finding.Fix = &check.Fix{Records: []check.RecordChange{
							{Name: s.Name.FQDN(), Type: "TXT", Old: []string{s.Text}, New: []string{}},
							{Name: owner.FQDN(), Type: "TXT", Old: []string{}, New: []string{s.Text}},
						}}
					}
				}
				r.Report(finding)
			}
		},
	},
}

// scope is that of the selector whose key this is, so that it explains why
// there is none at the selector's own name.
func (s *Stray) scope(f *Facts) string {
	if s.Selector == "" {
		return "stray " + s.Text
	}
	return string(f.NodeTXT.Name.Child(s.Selector)) + "#0"
}

func hasAlias(f *Facts) bool {
	for _, s := range f.Selectors {
		if s.CNAME != "" || s.loops() || s.wanted() && s.Status == StatusUnknown {
			return true
		}
	}
	return false
}

// dangling tells whether the selector is an alias that leads to nothing.
func (s *Selector) dangling() bool { return s.CNAME != "" && s.Lookup.Absent() || s.loops() }

func (s *Selector) loops() bool { return loops(&s.Lookup) }

func loops(l *dns.Lookup) bool { return l.Error != nil && l.Error.Kind == dns.Loop }

// pending tells whether a dangling alias waits for its provider: it leads into
// a known one's zone, and none of that provider's selectors has a key.
func (f *Facts) pending(s *Selector) bool { return s.Provider != "" && !f.sibling(s) }

// sibling tells whether another selector of the same provider has a key.
func (f *Facts) sibling(s *Selector) bool {
	for _, o := range f.Selectors {
		if o == s || o.CNAME == "" || o.Status != StatusFound {
			continue
		}
		if s.Provider != "" && o.Provider == s.Provider || s.Provider == "" && registrable(o.CNAME) == registrable(s.CNAME) {
			return true
		}
	}
	return false
}

func aliasFinding(s *Selector) check.Finding {
	return check.Finding{Subject: s.Owner().String(), Scope: s.scope(0), Params: check.Params{
		"Selector": s.Name, "Target": s.CNAME.String(), "Answer": string(s.Lookup.State), "Provider": s.Provider,
	}}
}

func aliasBroken(f *Facts, r *check.Reporter) {
	for _, s := range f.answered(r) {
		switch {
		case s.loops():
			finding := aliasFinding(s)
			finding.Variant = "loop"
			r.Report(finding)
		case s.dangling() && !f.pending(s):
			finding := aliasFinding(s)
			if f.sibling(s) {
				finding.Variant = "spare"
			}
			r.Report(finding)
		}
	}
}

// has tells whether the key is also published at a selector.
func (f *Facts) has(k *Key) bool {
	for _, s := range f.Selectors {
		if k.fingerprint() != "" && s.Fingerprint == k.fingerprint() {
			return true
		}
	}
	return false
}

// ownerOf gives the owner name that stands in front of a value.
func ownerOf(problems []Problem) (Problem, bool) {
	for _, p := range problems {
		if p.Rule == "dkim-value-has-owner-name" {
			return p, true
		}
	}
	return Problem{}, false
}

func ownerInValue(f *Facts, r *check.Reporter) {
	reportProblems(f, r, "dkim-value-has-owner-name")
	for _, s := range f.Stray {
		p, ok := ownerOf(s.bad)
		if !ok {
			continue
		}
		owner := dns.FromText(p.Params["Owner"].(string))
		if !owner.IsUnder(f.Domain) {
			owner = f.Domain.Child(strings.TrimSuffix(string(owner), "."))
		}
		r.Report(check.Finding{
			Subject: s.Name.String(), Record: s.Text, Span: spanOf(p), Params: p.Params, Scope: s.scope(f),
			Fix: &check.Fix{Records: []check.RecordChange{
				{Name: s.Name.FQDN(), Type: "TXT", Old: []string{s.Text}, New: []string{}},
				{Name: owner.FQDN(), Type: "TXT", Old: []string{}, New: []string{p.Fix}},
			}},
		})
	}
}
