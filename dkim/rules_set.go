package dkim

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/provider"
)

// setRules judge the keys of a domain together, and what else lives below _domainkey.
var setRules = []rule{
	{
		Meta: check.Meta{
			ID: "dkim-ed25519-only", Standard: check.DKIM, Severity: check.Warning,
			Variants: variants{{Name: "guessed", Severity: check.Notice}},
			Title:    "no RSA key beside Ed25519",
			Refs:     refs{check.RFC(8463, "6")},
			Doc: `All usable keys that were found are Ed25519. RFC 8463 asks to sign with both algorithms during the transition: a receiver that
does not know Ed25519 sees no valid signature, and DMARC then rests on SPF alone.

**Fix.** Add an RSA key of 2048 bits under a selector of its own and let the signer add both signatures.

Before: ` + "`e1._domainkey TXT \"v=DKIM1; k=ed25519; p=…\"`" + `
After: the same, and ` + "`r1._domainkey TXT \"v=DKIM1; k=rsa; p=MIIBIjAN…\"`",
		},
		Applies: (*Facts).anyInForce,
		Run: func(f *Facts, r *check.Reporter) {
			f.answered(r)
			var names []string
			complete := false
			for _, s := range f.UsableKeys() {
				if s.KeyType != "ed25519" {
					return
				}
				names = append(names, s.Name)
				complete = complete || s.FoundBy == ByNamed
			}
			// A selector that got no answer may hold the RSA key.
			untold := slices.ContainsFunc(f.Selectors, func(s *Selector) bool { return s.Status == StatusUnknown })
			if f.FailedWith != nil {
				r.Unknown(f.FailedWith) // a guess that got no answer may hold it, too
				return
			}
			if names == nil || untold {
				return
			}
			finding := check.Finding{Subject: f.NodeTXT.Name.String(), Params: check.Params{"Selectors": strings.Join(names, ", ")}}
			if !complete {
				finding.Variant = "guessed"
			}
			r.Report(finding)
		},
	},
	{
		Meta: check.Meta{
			ID: "dkim-key-reused-selectors", Standard: check.DKIM, Severity: check.Warning,
			Variants: variants{{Name: "alias", Severity: check.Info}},
			Title:    "one key at several selectors",
			Refs:     refs{rfc("3.1")},
			Doc: `Two selectors have the same key. A rotation that gives the old key a new name changes nothing: who has the old private key
still signs. Aliases of a provider that point to one record, as during its roll-over, are normal and only mentioned.

**Fix.** Make a new key for the newer selector, switch, and revoke the old one.

Before: ` + "`s1`" + ` and ` + "`s2`" + ` both with ` + "`p=MIIBIjAN…AQAB`" + `
After: ` + "`s2`" + ` with a key of its own, ` + "`s1._domainkey TXT \"v=DKIM1; p=\"`",
		},
		Applies: (*Facts).anyInForce, Run: reusedKeys,
	},
	{
		Meta: check.Meta{
			ID: "dkim-single-selector", Standard: check.DKIM, Severity: check.Info,
			Title: "only one key in force is known",
			Refs:  refs{rfc("3.1")},
			Doc: `Of the selectors that were named, one has a key of the domain's own making in force, and no other was found. Nothing is
wrong with it. Changing it then takes care: mail on its way carries signatures of the old key, so the new one has to be published
beside it, at a selector of its own, before the signer switches.

**What to do.** When the key is changed next, publish the new selector first, switch the signer, and revoke the old one after a week.
` + "`postseal generate dkim`" + ` makes the new key.

Before: ` + "`s202511a._domainkey`" + ` alone
During the change: ` + "`s202511a._domainkey`" + ` and ` + "`s202611a._domainkey`",
		},
		Applies: (*Facts).anyInForce, Run: singleSelector,
	},
	{
		Meta: check.Meta{
			ID: "dkim-many-keys", Standard: check.DKIM, Severity: check.Notice,
			Title: "more than ten keys are in force",
			Refs:  refs{rfc("8.1")},
			Doc: `Each key in force lets whoever holds its private half send mail in the domain's name that passes DKIM and DMARC. With more than
ten of them, some usually belong to services that nobody uses any more.

**Fix.** Find the owner of each selector; DMARC aggregate reports show which ones still sign. Delete or revoke the rest.

Before: fourteen selectors, three of them seen in this month's reports
After: ` + "`old1._domainkey TXT \"v=DKIM1; p=\"`" + ` for a month, then no record`,
		},
		Applies: (*Facts).anyInForce, Run: manyKeys,
	},
	{
		Meta: check.Meta{
			ID: "dkim-key-age", Standard: check.DKIM, Severity: check.Notice,
			Title: "the key is more than a year old by its name",
			Refs:  refs{rfc("3.1")},
			Doc: `The selector carries a date, and it is more than twelve months ago. The longer a key is in use, the more backups, servers and
people had a chance to copy it, and nobody notices a copy. Selectors of providers that carry the date of the account's creation,
as Postmark's do, are only changed when somebody asks for it.

**Fix.** Make a new key at a new selector, switch the signer, revoke the old one after a week.

Before: ` + "`202307._domainkey TXT \"v=DKIM1; k=rsa; p=MIIB…\"`" + `
After: ` + "`202611._domainkey TXT \"v=DKIM1; k=rsa; p=MIIB…\"`" + ` and ` + "`202307._domainkey TXT \"v=DKIM1; p=\"`",
		},
		Applies: func(f *Facts) bool { return !f.At.IsZero() && f.anyInForce() }, Run: keyAge,
	},
	{
		Meta: check.Meta{
			ID: "dkim-parked-active-key", Standard: check.DKIM, Severity: check.Warning,
			Title: "a domain without mail has a key in force",
			Refs:  refs{rfc("3.6.1")},
			Doc: `The domain sends no mail, yet a DKIM key is published for it. Whoever holds the private half, often a vendor left years ago,
can still send mail in its name that passes DKIM and DMARC.

**Fix.** Delete the record or CNAME, or revoke the key. For a domain that will never send, a wildcard says so for every selector.

Before: ` + "`k1._domainkey CNAME dkim.vendor.example.`" + `
After: ` + "`*._domainkey TXT \"v=DKIM1; p=\"`",
		},
		Applies: func(f *Facts) bool { return f.Profile == check.ProfileParked },
		Run: func(f *Facts, r *check.Reporter) {
			for _, s := range f.answered(r) {
				if s.Status != StatusFound {
					continue
				}
				finding := check.Finding{Subject: s.subject(f), Record: s.Record, Scope: s.scope(0),
					Params: check.Params{"Selector": s.Name, "Domain": f.Domain.String()}}
				if s.CNAME == "" {
					finding.Fix = change(s.owner(f), []string{s.Record}, []string{"v=DKIM1; p="})
				}
				r.Report(finding)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "dkim-legacy-domainkeys-policy", Standard: check.DKIM, Severity: check.Notice,
			Title: "a policy record of DomainKeys is left over",
			Refs:  refs{check.RFC(4870, "")},
			Doc: `At ` + "`_domainkey.<domain>`" + ` stands a policy of DomainKeys, the forerunner of DKIM (RFC 4870, historic). Nothing reads it any more.
It is not a key and does no harm, except that an ` + "`r=`" + ` tag hands out a mail address.

**Fix.** Delete the record.

Before: ` + "`_domainkey.example.com. TXT \"o=~; r=postmaster@example.com\"`" + `
After: no TXT record at ` + "`_domainkey.example.com`",
		},
		Run: func(f *Facts, r *check.Reporter) { leftover(f, r, &f.NodeTXT, domainKeysPolicy) },
	},
	{
		Meta: check.Meta{
			ID: "dkim-adsp", Standard: check.DKIM, Severity: check.Notice,
			Title: "a record of the withdrawn ADSP is left over",
			Refs:  refs{check.RFC(5617, "")},
			Doc: `At ` + "`_adsp._domainkey.<domain>`" + ` stands a signing-practices record of ADSP (RFC 5617), which was declared historic in 2013.
Receivers ignore it; a policy of the domain is said in DMARC.

**Fix.** Delete the record. If it said that all mail is signed, say it with DMARC.

Before: ` + "`_adsp._domainkey.example.com. TXT \"dkim=all\"`" + `
After: ` + "`_dmarc.example.com. TXT \"v=DMARC1; p=reject; rua=mailto:dmarc@example.com\"`",
		},
		Run: func(f *Facts, r *check.Reporter) {
			leftover(f, r, &f.ADSP, func(s string) bool { return strings.HasPrefix(strings.TrimSpace(s), "dkim=") })
		},
	},
}

// many keys in force are more than a domain is likely to need.
const many = 10

// anyInForce tells whether there is a key that rules over all keys can look at,
// or may be behind a look-up that failed.
func (f *Facts) anyInForce() bool {
	return f.FailedWith != nil || slices.ContainsFunc(f.Selectors, func(s *Selector) bool {
		return s.Status == StatusFound || s.Status == StatusUnknown
	})
}

// inForce are the selectors with a key in force; the rule learns what failed.
func (f *Facts) inForce(r *check.Reporter) []*Selector {
	var list []*Selector
	for _, s := range f.answered(r) {
		if s.Status == StatusFound && s.FoundBy != ByWildcard {
			list = append(list, s)
		}
	}
	if len(list) == 0 && f.FailedWith != nil {
		r.Unknown(f.FailedWith)
	}
	return list
}

// singleSelector speaks only where somebody told the selectors: of guesses
// nobody knows whether they are all.
func singleSelector(f *Facts, r *check.Reporter) {
	list := f.inForce(r)
	if len(list) != 1 || !list[0].Usable || list[0].FoundBy != ByNamed && list[0].FoundBy != ByNSEC || list[0].CNAME != "" || provider.BySelector(list[0].Name) != nil ||
		slices.ContainsFunc(f.Selectors, func(s *Selector) bool { return s.Status == StatusUnknown }) {
		return
	}
	s := list[0]
	r.Report(check.Finding{Subject: s.Owner().String(), Scope: s.scope(0), Params: check.Params{"Selector": s.Name}})
}

func manyKeys(f *Facts, r *check.Reporter) {
	list := f.inForce(r)
	if len(list) <= many {
		return
	}
	var names []string
	for _, s := range list {
		name := s.Name
		if s.Provider != "" {
			name += " (" + s.Provider + ")"
		}
		names = append(names, name)
	}
	r.Report(check.Finding{Subject: f.NodeTXT.Name.String(), Params: check.Params{"Count": len(list), "Selectors": strings.Join(names, ", ")}})
}

func keyAge(f *Facts, r *check.Reporter) {
	for _, s := range f.inForce(r) {
		if s.CNAME != "" || provider.BySelector(s.Name) != nil {
			continue // its provider changes the key behind the name
		}
		date, ok := dateIn(s.Name, f.At)
		if !ok || !date.AddDate(1, 0, 0).Before(f.At) {
			continue
		}
		r.Report(check.Finding{Subject: s.Owner().String(), Scope: s.scope(0), Record: s.Record,
			Params: check.Params{"Selector": s.Name, "Date": date.Format("2006-01-02")}})
	}
}

func reusedKeys(f *Facts, r *check.Reporter) {
	byKey := map[string][]*Selector{}
	var order []string
	for _, s := range f.inForce(r) {
		if s.Fingerprint == "" {
			continue
		}
		if byKey[s.Fingerprint] == nil {
			order = append(order, s.Fingerprint)
		}
		byKey[s.Fingerprint] = append(byKey[s.Fingerprint], s)
	}
	for _, print := range order {
		list := byKey[print]
		if len(list) < 2 {
			continue
		}
		var names []string
		aliases := false
		for _, s := range list {
			names = append(names, s.Name)
			aliases = aliases || s.CNAME != ""
		}
		finding := check.Finding{Subject: list[0].Owner().String(), Scope: list[0].scope(0), Record: list[0].Record,
			Params: check.Params{"Selectors": strings.Join(names, ", "), "Fingerprint": print[:16]}}
		if aliases {
			finding.Variant = "alias"
		}
		r.Report(finding)
	}
}

// domainKeysPolicy knows the tags of RFC 4870 §3.6, which a key record never has.
func domainKeysPolicy(text string) bool {
	s := newSource(text)
	return slices.ContainsFunc(elements(s), func(e element) bool {
		return !e.bare && e.name(s) == "o" && (e.value(s) == "~" || e.value(s) == "-")
	})
}

// leftover reports the texts at a name that match, unless a wildcard answered.
func leftover(f *Facts, r *check.Reporter, l *dns.Lookup, match func(string) bool) {
	if l.Unknown() {
		r.Unknown(l.Error)
		return
	}
	if sameAnswer(f.wildcard(), l) {
		return
	}
	for _, rec := range l.Records() {
		text := rec.Text()
		if !match(text) {
			continue
		}
		finding := check.Finding{Subject: l.Name.String(), Record: text, Params: check.Params{"Text": shorten(text)}}
		if owner := l.Answer.Owner(); owner.IsUnder(f.Domain) {
			finding.Fix = change(owner, []string{text}, []string{})
		}
		r.Report(finding)
	}
}
