package dmarc

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

var reportRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dmarc-rua-missing", Standard: check.DMARC, Severity: check.Warning,
			Title:    "no address for aggregate reports",
			Variants: []check.Variant{{Name: "parked", Severity: check.Info}},
			Refs:     []check.Ref{check.RFC(9989, "4.7"), check.RFC(9989, "5.1.3")},
			Doc: `The record that applies has no valid rua, so receivers send no aggregate reports: nobody learns which sources fail, whether a
change broke real mail, or who forges the domain. A domain without mail that rejects everything is complete without reports.

**Fix:** name a mailbox that a person or program reads.

Before:

    v=DMARC1; p=reject

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
			CoveredBy: slices.Concat([]string{"dmarc-bare-version", "dmarc-policy-none-no-rua", "dmarc-separator-wrong"}, ruaCauses, foreignCauses),
		},
		Applies: hasRecord,
		Run:     ruaMissing,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-report-host-takeover", Standard: check.DMARC, Severity: check.Error,
			Title: "reports go to a domain nobody owns",
			Refs:  []check.Ref{check.RFC(9990, "4")},
			Doc: `The host of a report address lies in a domain that is not delegated. Whoever registers it receives the reports about your mail,
with failure reports even parts of messages, and can publish the consent that reporters look for.

**Fix:** remove the address now.

Before:

    rua=mailto:dmarc@expired-vendor.net

After:

    rua=mailto:dmarc@example.com`,
			CoveredBy: foreignCauses,
		},
		Applies: hasDestinations,
		Run:     hostTakeover,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-report-own-nomail", Standard: check.DMARC, Severity: check.Error,
			Title: "reports go to this domain, which takes no mail",
			Refs:  []check.Ref{check.RFC(9989, "11.6"), check.RFC(7505, "3")},
			Doc: `The report address is at the audited domain itself, and that domain takes no mail: it has a null MX, or neither MX nor address
records. Every report bounces.

**Fix:** name an address at a domain that takes mail, and let that domain publish its consent.

Before:

    v=DMARC1; p=reject; rua=mailto:dmarc@parked.example

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
			CoveredBy: append([]string{"dmarc-report-host-takeover"}, foreignCauses...),
		},
		Applies: hasDestinations,
		Run:     ownNoMail,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-report-host-unreachable", Standard: check.DMARC, Severity: check.Error,
			Title: "the host of a report address takes no mail",
			Refs:  []check.Ref{check.RFC(5321, "5.1"), check.RFC(7505, "3")},
			Doc: `The host of a report address does not exist, has a null MX, or has neither MX nor address records. Reports to it bounce. (A host
with address records and no MX does take mail.)

**Fix:** correct the host, or name another address.

Before:

    rua=mailto:dmarc@exmaple.com

After:

    rua=mailto:dmarc@example.com`,
			CoveredBy: append([]string{"dmarc-report-host-takeover", "dmarc-report-own-nomail"}, foreignCauses...),
		},
		Applies: hasDestinations,
		Run:     hostUnreachable,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-external-unauthorized", Standard: check.DMARC, Severity: check.Warning,
			Title:    "another organisation has not agreed to receive reports",
			Variants: []check.Variant{{Name: "none-left", Severity: check.Error}},
			Refs:     []check.Ref{check.RFC(9990, "4"), check.RFC(9991, "5")},
			Doc: `A report address belongs to another organisation, and that one has not published its consent. Reporters must ignore the address,
silently: no reports arrive there.

**Fix:** the receiver publishes a record at (your domain)._report._dmarc.(its host); vendors do it when the domain is set up with
them.

Before:

    example.com._report._dmarc.vendor.example does not exist

After:

    example.com._report._dmarc.vendor.example. TXT "v=DMARC1"`,
			CoveredBy: append([]string{"dmarc-report-host-takeover", "dmarc-report-own-nomail", "dmarc-report-host-unreachable"}, foreignCauses...),
		},
		Applies: hasDestinations,
		Run:     unauthorized,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-external-lookup-failed", Standard: check.DMARC, Severity: check.Notice,
			Title: "the consent of a report receiver could not be looked up",
			Refs:  []check.Ref{check.RFC(9990, "4")},
			Doc: `A report address belongs to another organisation, and the question whether that one agreed to receive reports gave no usable
answer. It cannot be told whether reports arrive; reporters that meet the same failure do not send any.

**Fix:** the receiver mends its name servers. To look yourself:

    dig TXT example.com._report._dmarc.vendor.example`,
			CoveredBy: foreignCauses,
		},
		Applies: hasDestinations,
		Run:     consentFailed,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-external-malformed", Standard: check.DMARC, Severity: check.Warning,
			Title: "the consent of a report receiver is not a valid record",
			Refs:  []check.Ref{check.RFC(9990, "4")},
			Doc: `At the name where another organisation should agree to receive your reports stands a text that is not a valid record: it does
not start with v=DMARC1, or something in it is no tag. It does not count as consent.

**Fix:** ask the receiver to publish v=DMARC1 there.

Before:

    v=dmarc1

After:

    v=DMARC1`,
			CoveredBy: append([]string{"dmarc-report-host-takeover", "dmarc-report-own-nomail", "dmarc-report-host-unreachable", "dmarc-external-unauthorized"}, foreignCauses...),
		},
		Applies: hasDestinations,
		Run:     consentMalformed,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-external-override", Standard: check.DMARC, Severity: check.Info,
			Title:    "the receiver of reports redirects them",
			Variants: []check.Variant{{Name: "elsewhere", Severity: check.Error}},
			Refs:     []check.Ref{check.RFC(9990, "4")},
			Doc: `The consent record of a report receiver names an address of its own, which replaces the one in your record. That is allowed on
the same host. An address at another host is not: then reporters must send to neither, and no reports arrive.

**Fix:** for another host, ask the receiver to correct its record.

Before:

    v=DMARC1; rua=mailto:in@other.example   at example.com._report._dmarc.vendor.example

After:

    v=DMARC1; rua=mailto:in@vendor.example   at the same name`,
			CoveredBy: foreignCauses,
		},
		Applies: hasDestinations,
		Run:     override,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-external-name-too-long", Standard: check.DMARC, Severity: check.Warning,
			Title: "the name for the consent of a receiver is too long",
			Refs:  []check.Ref{check.RFC(9990, "4")},
			Doc: `The consent of an external receiver stands at a name made of your domain and its host, and here that name exceeds the 253
octets that DNS allows. Consent cannot be given, so reporters ignore the address.

**Fix:** use a report address at a shorter host, or one in your own organisation.

Before:

    rua=mailto:dmarc@(a host of 200 octets)

After:

    rua=mailto:dmarc@vendor.example`,
			CoveredBy: foreignCauses,
		},
		Applies: hasDestinations,
		Run:     consentTooLong,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-report-freemail", Standard: check.DMARC, Severity: check.Notice,
			Title: "reports go to a free mailbox provider",
			Refs:  []check.Ref{check.RFC(9990, "4")},
			Doc: `The report address is at a provider of free mailboxes. Such providers publish no consent for the reports of strangers' domains,
so reporters ignore the address and nothing arrives.

**Fix:** use a mailbox in your own domain, or a report service.

Before:

    rua=mailto:example.dmarc@gmail.com

After:

    rua=mailto:dmarc@example.com`,
			CoveredBy: append([]string{"dmarc-external-unauthorized"}, foreignCauses...),
		},
		Applies: hasDestinations,
		Run:     freemail,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-ruf-present", Standard: check.DMARC, Severity: check.Notice,
			Title: "failure reports are asked for",
			Refs:  []check.Ref{check.RFC(9991, "7"), check.RFC(9989, "10.2")},
			Doc: `The record has ruf: receivers may send a copy of single messages that fail, with addresses, subjects and sometimes text. Few
receivers do, for privacy's sake. What does arrive is personal data of others (GDPR, LGPD) and needs care in storing.

**Fix:** remove ruf unless somebody uses these reports.

Before:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com; ruf=mailto:dmarc@example.com

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
			CoveredBy: foreignCauses,
		},
		Applies: hasRecord,
		Run:     rufPresent,
	},
}

// freeMailboxes are providers whose users cannot publish anything in their DNS.
var freeMailboxes = map[dns.Name]bool{
	"gmail.com": true, "googlemail.com": true, "outlook.com": true, "hotmail.com": true, "live.com": true, "msn.com": true,
	"outlook.com.br": true, "hotmail.com.br": true, "yahoo.com": true, "yahoo.com.br": true, "ymail.com": true, "aol.com": true,
	"icloud.com": true, "me.com": true, "mac.com": true, "gmx.com": true, "gmx.de": true, "gmx.net": true, "web.de": true,
	"mail.com": true, "mail.ru": true, "yandex.com": true, "yandex.ru": true, "proton.me": true, "protonmail.com": true,
	"zoho.com": true, "uol.com.br": true, "bol.com.br": true, "terra.com.br": true, "ig.com.br": true, "qq.com": true, "163.com": true,
}

// hasDestinations is the Applies of rules over the hosts of report addresses.
func hasDestinations(f *Facts) bool { return !f.Known || len(f.Destinations) > 0 }

func ruaMissing(f *Facts, r *check.Reporter) {
	if !f.known(r) || f.Record().ValidRUA() {
		return
	}
	out := f.tagFinding("rua", nil)
	switch {
	case f.Profile == check.ProfileParked:
		out.Variant = "parked"
	case f.Profile.Receives() && f.Record().Tag("rua") == nil:
		out.Fix = change(f.policy, f.PolicyRecord, f.Record().with("rua", "mailto:dmarc@"+f.PolicyName.String()))
	}
	r.Report(out)
}

func rufPresent(f *Facts, r *check.Reporter) {
	if !f.known(r) || !f.Record().Has("ruf") {
		return
	}
	out := f.tagFinding("ruf", nil)
	out.Fix = change(f.policy, f.PolicyRecord, f.Record().without("ruf", "fo"))
	r.Report(out)
}

// destination is a finding over one report URI.
func (f *Facts) destination(d *Destination) check.Finding {
	subject := subjectOf(f.PolicyName)
	sp := d.span
	return check.Finding{
		Subject: subject, Record: f.PolicyRecord, Span: &sp, Scope: subject + " " + d.Tag + " " + d.URI,
		Params: check.Params{"Tag": d.Tag, "URI": d.URI, "Host": d.Host.String(), "Name": subject, "Domain": f.Domain.String(),
			"Consent": ConsentName(f.PolicyName, d.Host).String()},
	}
}

// each runs over the destinations once the policy is known.
func (f *Facts) each(r *check.Reporter, do func(*Destination)) {
	if !f.known(r) {
		return
	}
	for _, d := range f.Destinations {
		do(d)
	}
}

func hostTakeover(f *Facts, r *check.Reporter) {
	f.each(r, func(d *Destination) {
		switch {
		case d.MX.Unknown():
			r.Unknown(d.MX.Error)
		case d.Registrable.Unknown():
			r.Unknown(d.Registrable.Error)
		case d.Registrable.State == dns.StateNXDomain:
			out := f.destination(d)
			out.Params["Registrable"] = d.Registrable.Name.String()
			r.Report(out)
		}
	})
}

// unreachable reports mail destinations that DNS says take no mail.
func unreachable(f *Facts, r *check.Reporter, want func(*Destination) bool) {
	f.each(r, func(d *Destination) {
		if d.scheme != "mailto" || !want(d) {
			return
		}
		ok, known := d.reachable()
		switch {
		case !known:
			r.Unknown(d.lookupError())
		case !ok:
			out := f.destination(d)
			out.Params["Why"] = "none"
			switch {
			case d.MX.State == dns.StateNXDomain:
				out.Params["Why"] = "nxdomain"
			case d.nullMX():
				out.Params["Why"] = "null-mx"
			}
			r.Report(out)
		}
	})
}

func ownNoMail(f *Facts, r *check.Reporter) {
	unreachable(f, r, func(d *Destination) bool { return d.Host == f.Domain })
}

func hostUnreachable(f *Facts, r *check.Reporter) {
	unreachable(f, r, func(*Destination) bool { return true })
}

func unauthorized(f *Facts, r *check.Reporter) {
	left := false
	for _, d := range f.Destinations {
		left = left || d.Tag == "rua" && d.Authorized != authNo
	}
	f.each(r, func(d *Destination) {
		switch {
		case d.Authorized == authUnknown:
			r.Unknown(d.cause)
		case d.Authorized == authNo && !d.TooLong && d.OverrideElsewhere == "":
			out := f.destination(d)
			if d.Tag == "rua" && !left {
				out.Variant = "none-left"
			}
			// Nobody gets a provider of free mailboxes to publish anything.
			if name := ConsentName(f.PolicyName, d.Host); !freeMailboxes[d.Host] {
				out.Fix = &check.Fix{Records: []check.RecordChange{{Name: name.FQDN(), Type: "TXT", Old: []string{}, New: []string{"v=DMARC1"}}}}
			}
			r.Report(out)
		}
	})
}

func consentFailed(f *Facts, r *check.Reporter) {
	f.each(r, func(d *Destination) {
		if d.Authorized == authUnknown {
			r.Unknown(d.cause)
		}
	})
}

func consentMalformed(f *Facts, r *check.Reporter) {
	f.each(r, func(d *Destination) {
		if !d.External || len(d.consents) > 0 {
			return
		}
		for _, text := range d.ConsentTexts {
			// Other text there, of a wildcard say, is nobody's try at consent.
			if !isVersioned(text) && versionProblem(text).Rule == "dmarc-unrelated-txt" {
				continue
			}
			out := f.destination(d)
			out.Subject, out.Record, out.Span = ConsentName(f.PolicyName, d.Host).String(), text, nil
			r.Report(out)
			return
		}
	})
}

func override(f *Facts, r *check.Reporter) {
	f.each(r, func(d *Destination) {
		if d.Override == "" {
			return
		}
		out := f.destination(d)
		out.Params["Override"] = d.Override
		if d.OverrideElsewhere != "" {
			out.Variant = "elsewhere"
		}
		r.Report(out)
	})
}

func consentTooLong(f *Facts, r *check.Reporter) {
	f.each(r, func(d *Destination) {
		if d.TooLong {
			out := f.destination(d)
			out.Params["Length"] = len(ConsentName(f.PolicyName, d.Host))
			r.Report(out)
		}
	})
}

func freemail(f *Facts, r *check.Reporter) {
	f.each(r, func(d *Destination) {
		if d.External && d.Authorized != authYes && freeMailboxes[d.Host] {
			r.Report(f.destination(d))
		}
	})
}
