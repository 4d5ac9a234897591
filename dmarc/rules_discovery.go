package dmarc

import "github.com/postseal/postseal/check"

var discoveryRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dmarc-missing", Standard: check.DMARC, Severity: check.Error,
			Title: "no DMARC record applies to the domain",
			// Without the public suffix's answer it is certain only that the owner
			// publishes nothing: at best the registry's record applies.
			Variants: []check.Variant{{Name: "own", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(9989, "4.10.1")},
			Doc: `The tree walk from the domain to its top-level domain found no valid DMARC record, so no
receiver applies DMARC: anyone can put the domain into the From line. Large mailbox providers also refuse or
junk bulk mail of domains without a record.

**Fix:** publish a record and start by watching; raise the policy when the reports are clean.
A domain that sends no mail can reject at once.

Before:

    no TXT record at _dmarc.example.com

After:

    _dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.com"`,
			CoveredBy: []string{
				"dmarc-multiple-records", "dmarc-version-semicolon-missing", "dmarc-version-not-first", "dmarc-escaped-semicolon",
				"dmarc-separator-wrong", "dmarc-record-quotes", "dmarc-near-miss", "dmarc-spf-at-dmarc", "dmarc-cname-takeover", "dmarc-cname-broken", "dmarc-wrong-name",
				"mx-domain-nxdomain", // in a whole audit: nothing can be published below a name that does not exist
			},
		},
		Run: missing,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-lookup-failed", Standard: check.DMARC, Severity: check.Error,
			Title: "a step of the DMARC tree walk could not be looked up",
			Refs:  []check.Ref{check.RFC(9989, "4.10.1"), check.RFC(9989, "5.3.6")},
			Doc: `One of the names that receivers ask for a DMARC record gave no usable answer: a timeout, SERVFAIL or
a refusal. That is not "no record". While it lasts, receivers cannot apply the policy, and what lies above the
failed name in the walk cannot be told here either.

**Fix:** ask the name at each authoritative server and mend the one that fails; broken DNSSEC and servers that
drop queries for names with an underscore are the usual causes.

Example:

    dig TXT _dmarc.example.com @ns1.example.com must answer NOERROR or NXDOMAIN.`,
		},
		Run: lookupFailed,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-multiple-records", Standard: check.DMARC, Severity: check.Error,
			Title: "more than one DMARC record at one name",
			Refs:  []check.Ref{check.RFC(9989, "4.10")},
			Doc: `Two or more TXT records at one _dmarc name start with v=DMARC1. Receivers discard all of them: those of
RFC 9989 go on to the parent's record, which is often weaker or absent, and those of RFC 7489 apply no DMARC.

**Fix:** keep one record with the policy you want and all report addresses.

Before:

    v=DMARC1; p=reject and v=DMARC1; p=none; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
		},
		Run: multiple,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-inherited", Standard: check.DMARC, Severity: check.Info,
			Title: "the policy is inherited from another name",
			Refs:  []check.Ref{check.RFC(9989, "4.10.1")},
			Doc: `The domain has no DMARC record of its own; the record of its Organizational Domain decides. For a name
that exists that is sp (else p); for one that does not exist it is np (else sp, else p). Nothing is wrong
with that. Publish an own record only where the name needs another policy or other report addresses.

Example:

    mail from news.example.com follows sp=quarantine in v=DMARC1; p=reject; sp=quarantine at _dmarc.example.com.`,
		},
		Applies: hasRecord,
		Run:     inherited,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-psd-only", Standard: check.DMARC, Severity: check.Warning,
			Title: "only the public suffix's record applies",
			Refs:  []check.Ref{check.RFC(9989, "4.10.1")},
			Doc: `Neither the domain nor its Organizational Domain has a DMARC record, so the one of the public suffix
(marked psd=y) applies. The registry then chooses the policy for your mail and receives the reports about it;
receivers that still follow RFC 7489 apply nothing.

**Fix:** publish an own record at the Organizational Domain.

After:

    _dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.com"`,
		},
		Applies: hasRecord,
		Run:     psdOnly,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-unrelated-txt", Standard: check.DMARC, Severity: check.Notice,
			Title: "other text beside the DMARC record",
			Refs:  []check.Ref{check.RFC(9989, "4.10")},
			Doc: `TXT records that have nothing to do with DMARC stand at the same _dmarc name. Receivers discard them, so
the policy holds; but they make the answer larger, and some older programs stumble over them.

**Fix:** move or delete them.

Before:

    v=DMARC1; p=reject and site-verification=abc123 at _dmarc.example.com

After:

    v=DMARC1; p=reject alone`,
		},
		Applies: hasOwners,
		Run:     unrelated,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-spf-at-dmarc", Standard: check.DMARC, Severity: check.Error,
			Title: "an SPF record stands where the DMARC record belongs",
			Refs:  []check.Ref{check.RFC(9989, "4.5")},
			Doc: `The _dmarc name answers with an SPF record and none for DMARC. Mostly a wildcard TXT record or an alias to
the domain itself answers for every name. Receivers find no policy there.

**Fix:** publish a real record at the name; it takes precedence over the wildcard.

Before:

    *.example.com. TXT "v=spf1 -all"

After:

    in addition _dmarc.example.com. TXT "v=DMARC1; p=reject"`,
		},
		Run: spfAtDMARC,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-cname", Standard: check.DMARC, Severity: check.Info,
			Title: "the DMARC record is an alias",
			Refs:  []check.Ref{check.RFC(1034, "3.6.2")},
			Doc: `The _dmarc name is a CNAME: whoever runs its target writes your policy. That is normal when a DMARC vendor
hosts the record, and receivers follow it. Know who the target belongs to, and remove the alias when you leave.

Example:

    _dmarc.example.com. CNAME example.com.dmarc.vendor.example.`,
		},
		Run: cname,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-cname-broken", Standard: check.DMARC, Severity: check.Error,
			Title: "the alias at the DMARC name leads nowhere",
			Refs:  []check.Ref{check.RFC(1034, "3.6.2"), check.RFC(9989, "4.5")},
			Doc: `The _dmarc name is a CNAME whose target does not exist, has no TXT record, or leads round in a circle. There
is no policy there, though the zone looks as if there were one. It happens when a vendor's account ends.

**Fix:** replace the alias with a record, or mend its target.

Before:

    _dmarc.example.com. CNAME gone.vendor.example.

After:

    _dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.com"`,
			CoveredBy: []string{"dmarc-cname-takeover"},
		},
		Run: cnameBroken,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-cname-takeover", Standard: check.DMARC, Severity: check.Error,
			Title: "the alias at the DMARC name leads into a domain nobody owns",
			Refs:  []check.Ref{check.RFC(1034, "3.6.2")},
			Doc: `The _dmarc name is a CNAME into a domain that is not delegated. Whoever registers that domain sets your
policy (for instance p=none) and receives the reports about your mail.

**Fix:** remove the alias now and publish a record of your own.

Before:

    _dmarc.example.com. CNAME example.com.expired-vendor.net.

After:

    _dmarc.example.com. TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.com"`,
		},
		Run: cnameTakeover,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-deep-name", Standard: check.DMARC, Severity: check.Warning,
			Title: "a name of more than eight labels has no DMARC record of its own",
			Refs:  []check.Ref{check.RFC(9989, "5.1.8"), check.RFC(9989, "4.10")},
			Doc: `The tree walk asks eight names at most: after the name itself it jumps to the right-most seven labels. A record
at one of the names passed over is never seen, so a sender domain of more than eight labels must have its own.

**Fix:** publish a record at the full name.

Before:

    a record at _dmarc.b.c.d.e.f.g.example.com meant for a.b.c.d.e.f.g.example.com

After:

    _dmarc.a.b.c.d.e.f.g.example.com. TXT "v=DMARC1; p=reject"`,
		},
		Applies: func(f *Facts) bool { return len(f.Domain.Labels()) > maxQueries },
		Run:     deepName,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-7489-divergence", Standard: check.DMARC, Severity: check.Warning,
			Title:    "old and new receivers apply different policies",
			Variants: []check.Variant{{Name: "minor", Severity: check.Info}},
			Refs:     []check.Ref{check.RFC(9989, "4.10"), check.RFC(9989, "C.3")},
			Doc: `Receivers that follow RFC 9989 find the policy with the tree walk; many still follow RFC 7489 and its list of
public suffixes. For this domain the two come to different results, so the same message is treated differently
from one receiver to the next.

**Fix:** usually psd=n in the organisation's record, or dropping a record in between, makes both agree.

Before:

    v=DMARC1; p=reject at _dmarc.example.com.br under a registry that publishes a record without psd=y

After:

    v=DMARC1; p=reject; psd=n`,
			CoveredBy: []string{"dmarc-parent-record-no-psd", "dmarc-psd-only", "dmarc-multiple-records", "dmarc-pct", "dmarc-test-mode", "dmarc-np-invalid"},
		},
		Run: divergence,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-parent-record-no-psd", Standard: check.DMARC, Severity: check.Warning,
			Title: "a record above the organisation is taken for its own",
			Refs:  []check.Ref{check.RFC(9989, "11.8"), check.RFC(9989, "5.2")},
			Doc: `A name above your registrable domain, such as a public suffix, publishes a DMARC record without psd=y. The tree
walk takes that name as the Organizational Domain: its policy reaches your names, and strangers under the same
suffix are aligned with you.

**Fix:** say in your own record that the organisation begins there; the registry should add psd=y.

Before:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com.br

After:

    v=DMARC1; p=reject; psd=n; rua=mailto:dmarc@example.com.br`,
		},
		Run: parentRecord,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-answer-size", Standard: check.DMARC, Severity: check.Notice,
			Title:    "the answer with the DMARC record is large",
			Variants: []check.Variant{{Name: "large", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(1035, "4.2.1")},
			Doc: `The answer for the _dmarc name exceeds 512 octets, the limit of plain UDP, or 1232, above which packets are
split on the way. Receivers then ask again over TCP; where that is blocked, the policy is not found.

**Fix:** remove unrelated text at the name, and shorten the list of report addresses.

Before:

    a record with six addresses in rua and a verification token beside it

After:

    one record with one or two addresses`,
		},
		Run: answerSize,
	},
}
