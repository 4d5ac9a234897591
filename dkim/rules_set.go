package dkim

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
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
		Applies: hasRecords,
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
		Applies: hasRecords, Run: reusedKeys,
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

func reusedKeys(f *Facts, r *check.Reporter) {
	byKey := map[string][]*Selector{}
	var order []string
	for _, s := range f.answered(r) {
		if s.Fingerprint == "" || s.Status != StatusFound || s.FoundBy == ByWildcard {
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
