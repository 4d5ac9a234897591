package dmarc

import (
	"slices"

	"github.com/postseal/postseal/check"
)

var valueRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dmarc-p-missing", Standard: check.DMARC, Severity: check.Error,
			Title:    "the record states no policy",
			Variants: []check.Variant{{Name: "reporting", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(9989, "4.7"), check.RFC(9989, "4.10.1")},
			Doc: `The record has no p tag. With a valid rua receivers act as if it said p=none; without one they do no DMARC processing at all.
Several programs that follow RFC 7489 refuse such a record.

**Fix:** state the policy, p=none if watching is what you want.

Before:

    v=DMARC1; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=none; rua=mailto:dmarc@example.com`,
			CoveredBy: []string{"dmarc-bare-version"},
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-p-missing"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-p-invalid", Standard: check.DMARC, Severity: check.Error,
			Title: "the policy for the domain is not a policy",
			Refs:  []check.Ref{check.RFC(9989, "4.10.1")},
			Doc: `The value of p is not one of the three words none, quarantine and reject. Without a valid p the record has no policy. Receivers then act as if the whole record said p=none when it has a
valid rua, and do no DMARC processing when it has none.

**Fix:** use one of the three words; their letter case does not matter.

Before:

    v=DMARC1; p=monitor; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=none; rua=mailto:dmarc@example.com`,
			CoveredBy: []string{"dmarc-separator-wrong", "dmarc-escaped-semicolon"},
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-p-invalid"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-sp-invalid", Standard: check.DMARC, Severity: check.Error,
			Title: "the policy for existing subdomains is not a policy",
			Refs:  []check.Ref{check.RFC(9989, "4.10.1")},
			Doc: `The value of sp is not one of the three words none, quarantine and reject. The effect is not limited to subdomains: a valid p=reject is switched off as well. Receivers then act as if the whole record said p=none when it has a
valid rua, and do no DMARC processing when it has none.

**Fix:** use one of the three words; their letter case does not matter.

Before:

    v=DMARC1; p=reject; sp=quarentine

After:

    v=DMARC1; p=reject; sp=quarantine`,
			CoveredBy: []string{"dmarc-separator-wrong", "dmarc-escaped-semicolon"},
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-sp-invalid"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-np-invalid", Standard: check.DMARC, Severity: check.Error,
			Title: "the policy for subdomains that do not exist is not a policy",
			Refs:  []check.Ref{check.RFC(9989, "4.10.1")},
			Doc: `The value of np is not one of the three words none, quarantine and reject. The effect is not limited to such names: a valid p=reject is switched off as well. Receivers of RFC 7489 do not know np and go on enforcing. Receivers then act as if the whole record said p=none when it has a
valid rua, and do no DMARC processing when it has none.

**Fix:** use one of the three words; their letter case does not matter.

Before:

    v=DMARC1; p=reject; np=rejected

After:

    v=DMARC1; p=reject; np=reject`,
			CoveredBy: []string{"dmarc-separator-wrong", "dmarc-escaped-semicolon"},
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-np-invalid"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-adkim-invalid", Standard: check.DMARC, Severity: check.Warning,
			Title: "the alignment mode for DKIM is neither r nor s",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The value of adkim is neither r (relaxed) nor s (strict). Receivers fall back to relaxed, the looser of the two: any domain of
the same organisation then counts as aligned for DKIM.

**Fix:** write s or r, or leave the tag out for relaxed.

Before:

    v=DMARC1; p=reject; adkim=strict

After:

    v=DMARC1; p=reject; adkim=s`,
			CoveredBy: []string{"dmarc-separator-wrong", "dmarc-escaped-semicolon"},
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-adkim-invalid"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-aspf-invalid", Standard: check.DMARC, Severity: check.Warning,
			Title: "the alignment mode for SPF is neither r nor s",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The value of aspf is neither r (relaxed) nor s (strict). Receivers fall back to relaxed, the looser of the two: any domain of
the same organisation then counts as aligned for SPF.

**Fix:** write s or r, or leave the tag out for relaxed.

Before:

    v=DMARC1; p=reject; aspf=strict

After:

    v=DMARC1; p=reject; aspf=s`,
			CoveredBy: []string{"dmarc-separator-wrong", "dmarc-escaped-semicolon"},
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-aspf-invalid"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-fo-invalid", Standard: check.DMARC, Severity: check.Notice,
			Title: "the failure-report options are not valid",
			Refs:  []check.Ref{check.RFC(9989, "4.8")},
			Doc: `The value of fo is not a list, separated by colons, of 0 or 1 (not both) and of d and s (once each). Receivers fall back to 0:
they report only messages for which every mechanism failed to give an aligned pass. The policy is not touched.

**Fix:** write one of the usual forms, such as 1 or 1:d:s.

Before:

    v=DMARC1; p=none; ruf=mailto:dmarc@example.com; fo=0,1

After:

    v=DMARC1; p=none; ruf=mailto:dmarc@example.com; fo=1`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-fo-invalid"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-fo-without-ruf", Standard: check.DMARC, Severity: check.Notice,
			Title: "failure-report options without an address",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The record has fo, which selects when failure reports are sent, but no ruf, the address to send them to. Receivers must
ignore fo then. It does not influence aggregate reports.

**Fix:** remove fo.

Before:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com; fo=1

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-fo-without-ruf"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-t-invalid", Standard: check.DMARC, Severity: check.Warning,
			Title: "the test mode is neither y nor n",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The value of t is neither y nor n, so it counts as n: the policy is applied in full, though somebody seems to have wanted a
test.

**Fix:** write t=y for a test, or remove the tag.

Before:

    v=DMARC1; p=reject; t=yes

After:

    v=DMARC1; p=reject; t=y`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-t-invalid"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-psd-invalid", Standard: check.DMARC, Severity: check.Warning,
			Title: "the public suffix flag is none of y, n and u",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The value of psd is none of y, n and u, so it counts as u: the tree walk goes on and decides by itself where the organisation
begins, and a psd=n that was meant to stop it does not.

**Fix:** write psd=n at the top of an organisation, psd=y only at a public suffix, or remove the tag.

Before:

    v=DMARC1; p=reject; psd=no

After:

    v=DMARC1; p=reject; psd=n`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-psd-invalid"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-pct", Standard: check.DMARC, Severity: check.Notice,
			Title:    "the removed tag pct",
			Variants: []check.Variant{{Name: "sampling", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(9989, "A.6"), check.RFC(9989, "C.5.2")},
			Doc: `RFC 9989 removed pct. New receivers ignore it and apply the policy to all mail, old ones to the given share: a record with
pct=20 that was meant to be careful is in full force at new receivers. The new way to rehearse is t=y, which asks for one
level less.

**Fix:** drop pct=100; replace pct=0 by t=y; for values between, decide on a level, with t=y if it is still a test.

Before:

    v=DMARC1; p=reject; pct=20; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=quarantine; t=y; rua=mailto:dmarc@example.com`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-pct"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-rf", Standard: check.DMARC, Severity: check.Notice,
			Title: "the removed tag rf",
			Refs:  []check.Ref{check.RFC(9989, "C.5.2")},
			Doc: `RFC 9989 removed rf, which named the format of failure reports. There is only one format, and receivers ignore the tag; it
makes the record longer and nothing else.

**Fix:** remove it.

Before:

    v=DMARC1; p=reject; rf=afrf

After:

    v=DMARC1; p=reject`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-rf"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-ri", Standard: check.DMARC, Severity: check.Notice,
			Title: "the removed tag ri",
			Refs:  []check.Ref{check.RFC(9989, "C.5.2"), check.RFC(9989, "5.3.8")},
			Doc: `RFC 9989 removed ri, which asked for an interval between aggregate reports. Receivers report once a day whatever it says, and
new ones ignore the tag.

**Fix:** remove it.

Before:

    v=DMARC1; p=reject; ri=3600

After:

    v=DMARC1; p=reject`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-ri"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-string-over-255", Standard: check.DMARC, Severity: check.Error,
			Title: "a character-string of more than 255 octets",
			Refs:  []check.Ref{check.RFC(1035, "3.3.14")},
			Doc: `A TXT record consists of character-strings of at most 255 octets each. This zone data holds a longer one: a name server refuses
the zone or cuts the record.

**Fix:** split the record into several strings; receivers join them without a space.

Before:

    _dmarc.example.com. TXT "… 300 octets …"

After:

    _dmarc.example.com. TXT "… 255 octets …" "… 45 octets …"`,
		},
		Applies: hasOwners,
		Run:     stringOver255,
	},
}

// stringOver255 looks at the strings of the record that applies. Only zone data
// can hold one that long; on the wire its length is a single octet.
func stringOver255(f *Facts, r *check.Reporter) {
	if !f.known(r) {
		return
	}
	for _, rr := range f.policy.Lookup.Records() {
		if text := rr.Text(); text == f.PolicyRecord && slices.ContainsFunc(rr.Strings, func(s string) bool { return len(s) > 255 }) {
			r.Report(check.Finding{Subject: subjectOf(f.PolicyName), Record: text,
				Params: check.Params{"Name": subjectOf(f.PolicyName), "Size": len(text)}, Fix: change(f.policy, text, text)})
		}
	}
}
