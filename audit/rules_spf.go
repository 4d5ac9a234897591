package audit

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/provider"
	"github.com/postseal/postseal/spf"
)

// flattenedTerms is how many addresses make a record look like somebody's copy
// of the ranges of others.
const flattenedTerms = 20

// spfRules hold SPF to what MX, DKIM and the table of providers tell about who
// sends, and ask for records where mail is sent or bounced from.
var spfRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "spf-denies-apparent-sender", Standard: check.SPF, Severity: check.Warning,
			Title:     "SPF lets nobody send, and a mailbox provider sends for the domain",
			Refs:      []check.Ref{check.RFC(7208, "10.1.1")},
			CoveredBy: []string{"spf-mechanism-written-as-modifier"},
			Doc: "The record names no sender at all, while the mail hosts or a DKIM key say that the domain's mailboxes are kept by a provider.\n" +
				"Whatever is written there fails SPF. A gateway or a forwarding service as mail host is no such sign, and the profile\n" +
				"`receive-only` says that the domain really does not send.\n\n" +
				"**Fix:** include the provider's record.\n\n" +
				"Before: `MX aspmx.l.google.com` and `v=spf1 -all`. After: `v=spf1 include:_spf.google.com -all`.",
		},
		Applies: sendsWithSPF,
		Run:     deniesSender,
	},
	{
		Meta: check.Meta{
			ID: "spf-provider-include-missing", Standard: check.SPF, Severity: check.Warning,
			Title:     "the provider that keeps the mailboxes may not send",
			Refs:      []check.Ref{check.RFC(7208, "10.1.1")},
			CoveredBy: []string{"spf-mechanism-written-as-modifier", "spf-denies-apparent-sender"},
			Doc: "The mail hosts say which provider keeps the domain's mailboxes, and SPF neither includes its record nor lists its addresses.\n" +
				"Mail written in those mailboxes fails SPF, unless it all leaves through another host. Where SPF includes a gateway or\n" +
				"asks a service with macros, nothing is said: the mail may leave there.\n\n" +
				"**Fix:** include the provider's record.\n\n" +
				"Before: `MX aspmx.l.google.com` and `v=spf1 include:sendgrid.net ~all`. After: `v=spf1 include:sendgrid.net include:_spf.google.com ~all`.",
		},
		Applies: sendsWithSPF,
		Run:     providerMissing,
	},
	{
		Meta: check.Meta{
			ID: "spf-flattened", Standard: check.SPF, Severity: check.Info,
			Title: "SPF lists a provider's addresses one by one",
			Refs:  []check.Ref{check.RFC(7208, "10.1.1")},
			Doc: "The record has many addresses, and among them ranges of the provider that keeps the mailboxes, whose own record is not\n" +
				"included. Such a copy saves look-ups and goes stale: when the provider moves, mail from its new addresses fails, and\n" +
				"the old ones may pass for somebody else.\n\n" +
				"**Instead:** include the provider's record where the look-ups allow, or copy it again on a schedule.\n\n" +
				"Before: twenty `ip4:` terms. Alternative: `include:_spf.google.com`.",
		},
		Applies: sendsWithSPF,
		Run:     flattened,
	},
	{
		Meta: check.Meta{
			ID: "spf-mx-inbound-only", Standard: check.SPF, Severity: check.Notice,
			Title: "mx names hosts that only take mail in",
			Refs:  []check.Ref{check.RFC(7208, "5.4")},
			Doc: "The mail hosts belong to a provider that sends from other addresses, and its record for those is included already. The `mx`\n" +
				"term costs one of ten look-ups and authorises hosts that never send. Servers of your own usually do send from where\n" +
				"they take mail; there `mx` is right.\n\n" +
				"**Fix:** remove `mx`.\n\n" +
				"Before: `v=spf1 mx include:_spf.google.com ~all`. After: `v=spf1 include:_spf.google.com ~all`.",
		},
		Applies: hasSPF,
		Run:     mxInboundOnly,
	},
	{
		Meta: check.Meta{
			ID: "spf-include-unneeded", Standard: check.SPF, Severity: check.Notice,
			Title: "an include that is usually never asked",
			Refs:  []check.Ref{check.RFC(7208, "2.4"), check.RFC(7208, "4.6.4")},
			Doc: "SPF is asked for the domain in MAIL FROM. This vendor usually puts a name of its own there, or a subdomain with records of its\n" +
				"own, so the include is never evaluated for the mail it sends and only costs look-ups. DMARC then rests on its DKIM\n" +
				"signature.\n\n" +
				"**Fix:** see in the DMARC reports which MAIL FROM the vendor uses; if it is not this domain, remove the include.\n\n" +
				"Before: `v=spf1 mx include:servers.mcsv.net ~all`. After: `v=spf1 mx ~all`.",
		},
		Applies: hasSPF,
		Run:     includeUnneeded,
	},
	{
		Meta: check.Meta{
			ID: "spf-subdomain-unprotected", Standard: check.SPF, Severity: check.Warning,
			Title:    "a subdomain with mail hosts has no SPF record",
			Variants: []check.Variant{{Name: "covered", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(7208, "3.5"), check.RFC(7208, "10.1.2")},
			Doc: "SPF is not inherited: each name that can stand in MAIL FROM needs a record of its own. This subdomain has mail hosts, so\n" +
				"receivers believe that it sends, and anybody may use it. An enforced DMARC policy for subdomains stops that in the\n" +
				"visible sender, not in MAIL FROM.\n\n" +
				"**Fix:** publish a record at the subdomain: who sends from it, or `v=spf1 -all`.\n\n" +
				"Before: `lists.example.com MX 10 mail.example.com`. After: the same, and `lists.example.com TXT \"v=spf1 mx -all\"`.",
		},
		Applies: hasSPF,
		Run:     subdomainUnprotected,
	},
	{
		Meta: check.Meta{
			ID: "spf-helo-unprotected", Standard: check.SPF, Severity: check.Notice,
			Title:     "a mail host has no SPF record of its own",
			Refs:      []check.Ref{check.RFC(7208, "2.3"), check.RFC(7208, "10.1.3")},
			CoveredBy: []string{"spf-subdomain-unprotected"},
			Doc: "A bounce has no MAIL FROM; receivers then ask for SPF at the name the server gives in HELO. Without a record there the result\n" +
				"is \"none\", and anybody can greet with the name of your mail host. Only hosts of the domain's own organisation are\n" +
				"asked; those of a provider are the provider's business.\n\n" +
				"**Fix:** publish a record at the host that authorises its own address.\n\n" +
				"Before: `mail.example.com A 5.6.7.8`. After: the same, and `mail.example.com TXT \"v=spf1 a -all\"`.",
		},
		Applies: func(f *Facts) bool { return f.MX.Lookup.Unknown() || len(f.HELO) > 0 },
		Run:     heloUnprotected,
	},
}

func hasSPF(f *Facts) bool       { return f.SPF.Lookup.Unknown() || f.SPF.InForce() != nil }
func sendsWithSPF(f *Facts) bool { return f.Profile.Sends() && hasSPF(f) }

// spfUnknown says that what SPF or MX say could not be had.
func spfUnknown(f *Facts, r *check.Reporter) bool {
	for _, l := range []*dns.Lookup{&f.SPF.Lookup, &f.MX.Lookup} {
		if l.Unknown() {
			r.Unknown(l.Error)
			return true
		}
	}
	return false
}

func onSPF(f *Facts, params check.Params) check.Finding {
	params["Domain"] = f.Domain.String()
	return check.Finding{Subject: f.Domain.String(), Record: f.SPF.InForce().Text, Params: params}
}

func deniesSender(f *Facts, r *check.Reporter) {
	if f.SPF.Lookup.Unknown() {
		r.Unknown(f.SPF.Lookup.Error)
		return
	}
	names, known := f.SPF.NamesSender()
	all, _ := f.SPF.All()
	switch {
	case !known:
		r.Unknown(f.SPF.Unanswered())
		return
	case names || all != '-' && all != '~':
		return
	}
	signs := hosted(f)
	for _, key := range f.DKIM.UsableKeys() {
		if p := provider.ByDKIMTarget(key.CNAME); p != nil && p.Kind == provider.Mailbox && !slices.Contains(signs, p) {
			signs = append(signs, p)
		}
	}
	if len(signs) == 0 {
		switch {
		case f.MX.Lookup.Unknown():
			r.Unknown(f.MX.Lookup.Error)
		case f.DKIM.Unanswered() != nil:
			r.Unknown(f.DKIM.Unanswered())
		case f.DKIM.FailedWith != nil:
			r.Unknown(f.DKIM.FailedWith)
		}
		return
	}
	found := onSPF(f, check.Params{"Provider": signs[0].Name})
	if signs[0].Include != "" {
		found.Fix = f.SPF.Adding("include:" + signs[0].Include)
	}
	r.Report(found)
}

// opaque tells whether SPF asks a name that only a message in hand makes: who
// passes there cannot be told.
func opaque(f *Facts) bool {
	found := false
	f.SPF.Tree.Walk(func(t *spf.Term) { found = found || t.Status == "macro" })
	return found
}

// throughGateway tells whether SPF names a service that mail may leave through.
func throughGateway(f *Facts) bool {
	return slices.ContainsFunc(f.SPF.IncludeTargets(), func(target dns.Name) bool {
		p := provider.BySPF(target)
		return p != nil && p.Kind == provider.Gateway
	})
}

// copied tells how many of the ranges that the provider's own record lets pass
// SPF lets pass without including it.
func copied(f *Facts, p *provider.Provider) (covered, all int, err error) {
	theirs := f.Ranges[p.ID]
	switch {
	case theirs == nil:
		return 0, 0, nil
	case theirs.Unanswered() != nil:
		return 0, 0, theirs.Unanswered()
	case theirs.InForce() == nil:
		return 0, 0, nil
	}
	covered, all = f.SPF.Tree.Covers(theirs.Tree)
	return covered, all, nil
}

func providerMissing(f *Facts, r *check.Reporter) {
	if spfUnknown(f, r) || f.SPF.PassesEveryone() || opaque(f) || throughGateway(f) {
		return
	}
	for _, p := range hosted(f) {
		if includes(f, p) {
			continue
		}
		if err := f.SPF.Unanswered(); err != nil {
			r.Unknown(err)
			continue
		}
		covered, all, err := copied(f, p)
		switch {
		case err != nil:
			r.Unknown(err)
		case all == 0 || covered < all:
			found := onSPF(f, check.Params{"Provider": p.Name, "Include": p.Include})
			found.Fix = f.SPF.Adding("include:" + p.Include)
			r.Report(found)
		}
	}
}

func flattened(f *Facts, r *check.Reporter) {
	if spfUnknown(f, r) {
		return
	}
	if err := f.SPF.Unanswered(); err != nil {
		r.Unknown(err)
		return
	}
	terms := f.SPF.OwnAddresses()
	if terms < flattenedTerms {
		return
	}
	for _, p := range hosted(f) {
		if includes(f, p) {
			continue
		}
		covered, all, err := copied(f, p)
		if err != nil {
			r.Unknown(err)
		} else if covered > 0 {
			r.Report(onSPF(f, check.Params{"Provider": p.Name, "Terms": terms, "Covered": covered, "All": all}))
		}
	}
}

func mxInboundOnly(f *Facts, r *check.Reporter) {
	if spfUnknown(f, r) {
		return
	}
	terms := f.SPF.Tree.Terms
	i := slices.IndexFunc(terms, func(t *spf.Term) bool {
		return t.Kind == spf.MX && t.Target == f.Domain && t.Status != "ignored"
	})
	hosts := f.MX.Names()
	if i < 0 || len(hosts) == 0 || f.MX.Implicit {
		return
	}
	who := provider.ByMX(hosts[0])
	for _, host := range hosts {
		p := provider.ByMX(host)
		if p == nil || p.Include == "" || p.Kind == provider.Sender {
			return
		}
		if !includes(f, p) {
			if err := f.SPF.Unanswered(); err != nil {
				r.Unknown(err)
			}
			return
		}
	}
	found := f.SPF.At(terms[i], check.Params{"Provider": who.Name})
	found.Fix = f.SPF.Dropping(terms[i])
	r.Report(found)
}

func includeUnneeded(f *Facts, r *check.Reporter) {
	if f.SPF.Lookup.Unknown() {
		r.Unknown(f.SPF.Lookup.Error)
		return
	}
	others := 0 // terms that name somebody: the only one is not called unneeded
	for _, t := range f.SPF.Tree.Terms {
		if t.Kind.Mechanism() && t.Kind != spf.All && t.Status != "ignored" {
			others++
		}
	}
	if others < 2 || len(f.SPF.Lookup.Answer.Chain) > 0 { // an alias is the vendor's own name
		return
	}
	for _, t := range f.SPF.Tree.Terms {
		p := provider.BySPF(t.Target)
		if t.Kind != spf.Include || t.Status == "ignored" || t.Status == "none" || p == nil || p.Bounces == provider.BouncesUnknown {
			continue
		}
		if f.MX.Lookup.Unknown() {
			r.Unknown(f.MX.Lookup.Error)
			return
		}
		// At a name whose bounces the vendor takes, the include is required.
		if slices.ContainsFunc(f.MX.Names(), func(host dns.Name) bool { return spf.SameOrganisation(host, t.Target) }) {
			continue
		}
		if p.Bounces == provider.BouncesSigned && !signsFor(f, p) {
			if err := f.DKIM.Unanswered(); err != nil {
				r.Unknown(err)
			} else if f.DKIM.FailedWith != nil {
				r.Unknown(f.DKIM.FailedWith)
			}
			continue
		}
		found := f.SPF.At(t, check.Params{"Provider": p.Name})
		found.Fix = f.SPF.Dropping(t)
		r.Report(found)
	}
}

// signsFor tells whether a DKIM selector is an alias into the provider.
func signsFor(f *Facts, p *provider.Provider) bool {
	return slices.ContainsFunc(f.DKIM.UsableKeys(), func(key *dkim.Selector) bool { return provider.ByDKIMTarget(key.CNAME) == p })
}

func subdomainUnprotected(f *Facts, r *check.Reporter) {
	if f.SPF.Lookup.Unknown() {
		r.Unknown(f.SPF.Lookup.Error)
		return
	}
	lookups, unsure := f.SPF.MailNames()
	if unsure != nil {
		r.Unknown(unsure)
	}
	for _, l := range lookups {
		switch {
		case l.Unknown():
			r.Unknown(l.Error)
			continue
		case spf.HasRecord(l):
			continue
		}
		policy, known := f.DMARC.SubdomainPolicy()
		inForceKnown, _ := f.DMARC.InForce()
		if !known || !inForceKnown {
			r.Unknown(check.Cause{Code: "dmarc-unknown"})
			continue
		}
		found := check.Finding{Subject: l.Name.String(), Scope: l.Name.String(),
			Params: check.Params{"Domain": f.Domain.String(), "Name": l.Name.String(), "Policy": policy}}
		if policy == "quarantine" || policy == "reject" {
			found.Variant = "covered"
		}
		r.Report(found)
	}
}

func heloUnprotected(f *Facts, r *check.Reporter) {
	if f.MX.Lookup.Unknown() {
		r.Unknown(f.MX.Lookup.Error)
		return
	}
	for i := range f.HELO {
		l := &f.HELO[i]
		switch {
		case l.Unknown():
			r.Unknown(l.Error)
			continue
		case spf.HasRecord(l) || l.State == dns.StateNXDomain: // a host that is not there greets nobody
			continue
		}
		found := check.Finding{Subject: l.Name.String(), Scope: l.Name.String(), Params: check.Params{"Host": l.Name.String()}}
		if len(l.Answer.Chain) == 0 { // beside an alias nothing can be published
			found.Fix = &check.Fix{Records: []check.RecordChange{{Name: l.Name.FQDN(), Type: "TXT", Old: []string{}, New: []string{"v=spf1 a -all"}}}}
		}
		r.Report(found)
	}
}
