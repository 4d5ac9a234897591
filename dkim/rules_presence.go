package dkim

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// presenceRules tell what can be known about the existence of keys.
var presenceRules = []rule{
	{
		Meta: check.Meta{
			ID: "dkim-none-found", Standard: check.DKIM, Severity: check.Warning,
			Title: "no DKIM key found at any selector tried",
			Refs:  refs{rfc("3.6.2")},
			Doc: `A DKIM key lives at ` + "`<selector>._domainkey.<domain>`" + `, and DNS offers no way to list selectors. The names
tried were answered, and none holds a key. That is not proof that mail goes out unsigned: the selector may be one that
nobody can guess, as with Amazon SES tokens or Postmark time stamps. So this is *unknown*, never a failure.

If mail really is unsigned, DMARC rests on SPF alone and breaks whenever a message is forwarded.

**Fix.** Look into the headers of a message you received from the domain: ` + "`DKIM-Signature: …; d=example.com; s=mta2026`" + `
names the selector. Run again with ` + "`--selector mta2026`" + `. Without such a header, turn signing on at the provider.`,
		},
		Applies: func(f *Facts) bool {
			return f.Profile.Sends() && f.Node != NodeMissing && len(f.Stray) == 0 && !f.keyless() &&
				!slices.ContainsFunc(f.Selectors, func(s *Selector) bool {
					return s.dangling() || slices.ContainsFunc(s.records, func(r record) bool {
						return slices.ContainsFunc(r.problems, func(p Problem) bool { return p.Rule == "dkim-cname-as-txt" })
					})
				})
		},
		Run: noneFound,
	},
	{
		Meta: check.Meta{
			ID: "dkim-domainkey-nxdomain", Standard: check.DKIM, Severity: check.Warning,
			Variants: variants{{Name: "idle", Severity: check.Info}},
			Title:    "nothing exists below _domainkey", CoveredBy: []string{"dkim-value-has-owner-name", "dkim-wrong-name"},
			Refs: refs{check.RFC(8020, ""), rfc("3.6.2.1")},
			Doc: `The name servers say that ` + "`_domainkey.<domain>`" + ` does not exist, and by RFC 8020 nothing can exist below a
name that does not. The usual selectors are denied too. So no signature with ` + "`d=`" + ` exactly this domain can verify.

Mail may still be signed with a subdomain, such as ` + "`d=mg.example.com`" + `, and pass DMARC in relaxed mode: look there first.

**Fix.** Turn DKIM on at whoever sends the mail and publish the record it shows.

Before: ` + "`_domainkey.example.com` → NXDOMAIN" + `
After: ` + "`s202611a._domainkey.example.com. TXT \"v=DKIM1; k=rsa; p=MIIBIjAN…\"`",
		},
		Run: nodeMissing,
	},
	{
		Meta: check.Meta{
			ID: "dkim-existence-unknowable", Standard: check.DKIM, Severity: check.Info,
			Variants: variants{{Name: "wildcard", Severity: check.Info}},
			Title:    "DNS does not tell whether selectors exist",
			Refs:     refs{check.RFC(9824, ""), check.RFC(4592, "")},
			Doc: `A selector made up for this audit was answered "no data" instead of "no such name". Either the servers deny every
missing name that way (compact denial of existence, RFC 9824), or a wildcard of another type, such as ` + "`*.example.com A`" + `,
covers the names below ` + "`_domainkey`" + `. Nothing is wrong with it, but "no data" then says nothing about selectors.

**What to do.** Name the selectors with ` + "`--selector`" + `, or give a message the domain sent. Example: before, 37 guesses
answered "no data"; after ` + "`--selector pm2026`" + `, one key found and judged.`,
		},
		Run: func(f *Facts, r *check.Reporter) {
			wild := f.wildcard()
			switch {
			case wild == nil:
				r.Unknown(f.Random.Error)
			case wild.State == dns.StateNoData && len(wild.Answer.Chain) == 0:
				finding := check.Finding{Subject: wild.Name.String(), Params: check.Params{"Name": wild.Name.String(), "Domain": f.Domain.String()}}
				if c := &f.Control; c.Found() || c.Answer != nil && len(c.Answer.Chain) > 0 {
					finding.Variant = "wildcard"
				}
				r.Report(finding)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "dkim-domainkey-nodata", Standard: check.DKIM, Severity: check.Info,
			Title: "a selector probably exists that was not guessed",
			Refs:  refs{check.RFC(8020, "")},
			Doc: `` + "`_domainkey.<domain>`" + ` exists although it holds nothing itself, and a made-up selector below it is denied. A name
without records exists only because something lives below it, so a key is probably there under a selector that is not
on the list of usual ones. That is good news, and the reason why nothing is called missing.

**What to do.** Find the selector in the ` + "`s=`" + ` tag of a DKIM-Signature header and run again with it. Before:
` + "`postseal audit example.com`" + `; after: ` + "`postseal audit example.com --selector 20261103pm`" + `.`,
		},
		Run: nodeEmpty,
	},
	{
		Meta: check.Meta{
			ID: "dkim-lookup-failed", Standard: check.DKIM, Severity: check.Error,
			Title: "the look-up of a selector failed",
			Refs:  refs{rfc("6.1.2")},
			Doc: `The question for a key got no usable answer: a time-out, SERVFAIL or REFUSED. A receiver in the same position
treats the signature as a temporary error, defers the mail or carries on as if it were unsigned. Whether the key
exists is unknown. It becomes a failure only when every name server of the domain was asked and none answered.

**Fix.** Ask each name server: ` + "`dig +tcp TXT s1._domainkey.example.com @ns1.example.com`" + `. Usual causes are a broken
DNSSEC signature, a dead delegation of ` + "`_domainkey`" + `, and a firewall that drops DNS over TCP, which long keys need.
Before: SERVFAIL; after: NOERROR with one TXT record.`,
		},
		Run: lookupFailed,
	},
	{
		Meta: check.Meta{
			ID: "dkim-selector-not-found", Standard: check.DKIM, Severity: check.Error,
			Variants: variants{{Name: "observed", Severity: check.Notice}},
			Title:    "no key at a selector that should have one", CoveredBy: []string{"dkim-wrong-name", "dkim-value-has-owner-name"},
			Refs: refs{rfc("6.1.2")},
			Doc: `DNS was asked for this selector and answered that there is no TXT record. Every signature that names it fails with
"no key for signature". A selector that only an old message or a report named may simply have been retired.

**Fix.** Check the name first: panels that append the zone turn ` + "`s1._domainkey.example.com`" + ` into
` + "`s1._domainkey.example.com.example.com`" + `, and ` + "`s1`" + ` is not ` + "`selector1`" + `. Then publish the key that the signer has.

Before: ` + "`s1._domainkey.example.com` → NXDOMAIN" + `
After: ` + "`s1._domainkey.example.com. TXT \"v=DKIM1; k=rsa; p=MIIBIjAN…\"`",
		},
		Applies: func(f *Facts) bool { return slices.ContainsFunc(f.Selectors, (*Selector).wanted) },
		Run: func(f *Facts, r *check.Reporter) {
			for _, s := range f.answered(r) {
				if !s.wanted() || s.Status != StatusMissing || s.dangling() {
					continue
				}
				finding := check.Finding{Subject: s.Owner().String(), Scope: s.scope(0),
					Params: check.Params{"Selector": s.Name, "Answer": string(s.Lookup.State), "Near": f.near(s.Name)}}
				if s.FoundBy == ByObserved {
					finding.Variant = "observed"
				}
				r.Report(finding)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "dkim-wildcard-key", Standard: check.DKIM, Severity: check.Warning,
			Title: "a wildcard makes every selector a valid one",
			Refs:  refs{rfc("3.1")},
			Doc: `A selector made up for this audit was answered with a key. So every name below ` + "`_domainkey`" + ` "has" that key: a key
cannot be revoked by deleting its selector, rotation by a new selector changes nothing, and nobody can tell which
selectors are in use.

**Fix.** Publish the key at the selectors in use and delete the wildcard.

Before: ` + "`*._domainkey.example.com. TXT \"v=DKIM1; k=rsa; p=MIIBIjAN…\"`" + `
After: ` + "`s202611a._domainkey.example.com. TXT \"v=DKIM1; k=rsa; p=MIIBIjAN…\"`",
		},
		Run: wildcardIs(StatusFound, StatusSeveral),
	},
	{
		Meta: check.Meta{
			ID: "dkim-wildcard-revoked", Standard: check.DKIM, Severity: check.Info,
			Title: "a wildcard declares every other selector revoked",
			Refs:  refs{rfc("3.6.1")},
			Doc: `A made-up selector was answered with an empty key, ` + "`v=DKIM1; p=`" + `. Receivers then treat any signature in the domain's
name as revoked, unless its selector has a record of its own. For a domain that sends no mail this is the recommended
statement; beside real selectors it is harmless, because their own records win.

**What to do.** Keep it. Guesses were not counted as selectors. Example of the record, before and after:
` + "`*._domainkey.example.com. TXT \"v=DKIM1; p=\"`" + `.`,
		},
		Run: wildcardIs(StatusRevoked),
	},
	{
		Meta: check.Meta{
			ID: "dkim-wildcard-other", Standard: check.DKIM, Severity: check.Notice,
			Title: "a wildcard answers selectors with text that is no key",
			Refs:  refs{rfc("3.6.2.2")},
			Doc: `A made-up selector was answered with text that is no key: a wildcard TXT record, often an SPF record or a
verification token, reaches below ` + "`_domainkey`" + `. A receiver that looks for a key finds rubbish there and reports a broken
key instead of a missing one.

**Fix.** Narrow the wildcard to the names that need it, or delete it. Any record at ` + "`_domainkey`" + ` or below also stops it.

Before: ` + "`*.example.com. TXT \"v=spf1 -all\"`" + `
After: ` + "`www.example.com. TXT \"v=spf1 -all\"`",
		},
		Run: wildcardIs(StatusMalformed),
	},
}

// keys tells whether somebody published a key, good or bad, at a selector found.
func (f *Facts) keys() bool {
	return slices.ContainsFunc(f.Selectors, func(s *Selector) bool {
		return s.Status == StatusFound || s.Status == StatusSeveral || s.Status == StatusMalformed
	})
}

func noneFound(f *Facts, r *check.Reporter) {
	if f.keys() {
		return
	}
	f.answered(r)
	if f.FailedWith != nil && 2*len(f.Failed) > len(f.Tried) {
		r.Unknown(f.FailedWith)
		return
	}
	params := check.Params{"Tried": len(f.Tried), "Domain": f.Domain.String()}
	var vendors []string
	for _, p := range f.Unguessable() {
		vendors = append(vendors, p.Name)
	}
	if vendors != nil {
		params["Providers"] = strings.Join(vendors, ", ")
		r.Unknown(check.Cause{Code: "selector-unguessable", Params: params})
		return
	}
	r.Unknown(check.Cause{Code: "no-selector-known", Params: params})
}

func nodeMissing(f *Facts, r *check.Reporter) {
	switch {
	case f.NodeTXT.Unknown():
		r.Unknown(f.NodeTXT.Error)
	case f.Node == NodeUnknown && denied(&f.NodeTXT) && f.FailedWith != nil:
		r.Unknown(f.FailedWith) // the usual selectors have to confirm it
	case f.Node == NodeUnknown && denied(&f.NodeTXT):
		for _, l := range []*dns.Lookup{&f.Random, &f.Dotted, &f.ADSP, &f.Report} {
			if l.Unknown() {
				r.Unknown(l.Error)
			}
		}
	case f.Node == NodeMissing:
		finding := check.Finding{Subject: f.NodeTXT.Name.String(), Params: check.Params{"Domain": f.Domain.String(), "Name": f.NodeTXT.Name.String()}}
		if !f.Profile.Sends() {
			finding.Variant = "idle"
		}
		r.Report(finding)
	}
}

func nodeEmpty(f *Facts, r *check.Reporter) {
	for _, l := range []*dns.Lookup{&f.NodeTXT, &f.Random, &f.ADSP, &f.Report} {
		if l.Unknown() {
			r.Unknown(l.Error)
			return
		}
	}
	if f.FailedWith != nil {
		r.Unknown(f.FailedWith) // it may be one of the usual ones after all
		return
	}
	if f.Unseen() {
		r.Report(check.Finding{Subject: f.NodeTXT.Name.String(), Params: check.Params{"Name": f.NodeTXT.Name.String(), "Tried": len(f.Tried)}})
	}
}

// Unseen tells whether _domainkey exists and nothing that was asked for says
// why: something else lives below it (RFC 8020).
func (f *Facts) Unseen() bool {
	something := slices.ContainsFunc(f.Selectors, func(s *Selector) bool {
		return s.Status != StatusMissing || s.dangling()
	})
	return empty(&f.NodeTXT) && denied(&f.Random) && !something && f.FailedWith == nil &&
		f.ADSP.State == dns.StateNXDomain && f.Report.State == dns.StateNXDomain
}

func lookupFailed(f *Facts, r *check.Reporter) {
	for _, s := range f.Selectors {
		e := s.Lookup.Error
		if s.Status != StatusUnknown || e == nil {
			continue
		}
		if !e.Authoritative {
			r.Unknown(e)
			continue
		}
		r.Report(check.Finding{Subject: s.Owner().String(), Scope: s.scope(0), Params: check.Params{
			"Selector": s.Name, "Kind": string(e.Kind), "Detail": e.Detail}})
	}
	if f.FailedWith != nil && !f.keys() {
		r.Unknown(f.FailedWith)
	}
}

// wildcardIs reports a wildcard whose answer has one of the statuses.
func wildcardIs(statuses ...string) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		if f.wildcard() == nil {
			r.Unknown(f.Random.Error)
			return
		}
		if f.wild == nil || !slices.Contains(statuses, f.wild.Status) {
			return
		}
		r.Report(check.Finding{Subject: wildcardName(f).String(), Record: f.wild.Record,
			Params: check.Params{"Name": f.wild.Lookup.Name.String(), "Text": shorten(f.wild.Record)}})
	}
}

// near is a selector with a key whose name somebody may have confused with the
// other one, "" without one.
func (f *Facts) near(name string) string {
	for _, s := range f.Selectors {
		if s.Status != StatusFound || s.FoundBy == ByWildcard {
			continue
		}
		a, b := strings.TrimRight(name, "0123456789"), strings.TrimRight(s.Name, "0123456789")
		sameNumber := name[len(a):] == s.Name[len(b):]
		switch {
		case sameNumber && a != "" && b != "" && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)):
			return s.Name // s1 and selector1
		case len(name) > 4 && len(s.Name) > 4 && oneEdit(name, s.Name):
			return s.Name
		}
	}
	return ""
}

// oneEdit tells whether one letter more, less or other makes a into b, or two
// neighbours that changed places.
func oneEdit(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch len(b) - len(a) {
	case 0:
		rest := min(i+1, len(a))
		return a[rest:] == b[rest:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	case 1:
		return a[i:] == b[i+1:]
	}
	return false
}
