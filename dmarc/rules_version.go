package dmarc

import (
	"github.com/postseal/postseal/check"
)

var versionRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dmarc-near-miss", Standard: check.DMARC, Severity: check.Error,
			Title:    "a text that was meant as a DMARC record is none",
			Variants: []check.Variant{{Name: "beside", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(9989, "4.7"), check.RFC(9989, "4.8")},
			Doc: `The text begins almost like a DMARC record, but not with v=DMARC1 and a semicolon: a blank or a byte order mark
in front, small letters, a colon, a dot. Receivers compare the value exactly and ignore the record, so that no policy, or
only an inherited one, is in force. V=DMARC1 with a capital V is read by some receivers and not by others.

**Fix:** begin with exactly v=DMARC1; and check the first octets with a tool that shows them.

Before:

    v=dmarc1; p=reject

After:

    v=DMARC1; p=reject`,
		},
		Run: fromText("dmarc-near-miss"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-version-semicolon-missing", Standard: check.DMARC, Severity: check.Error,
			Title:    "no semicolon after the version",
			Variants: []check.Variant{{Name: "beside", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(9989, "4.8")},
			Doc: `After v=DMARC1 stands a space instead of a semicolon. The value of v is then everything up to the next semicolon,
which is not DMARC1, and receivers ignore the whole record.

**Fix:** put a semicolon behind the version.

Before:

    v=DMARC1 p=reject; rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
		},
		Run: fromText("dmarc-version-semicolon-missing"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-version-not-first", Standard: check.DMARC, Severity: check.Error,
			Title:    "the version does not come first",
			Variants: []check.Variant{{Name: "beside", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The tag v must be the first of the record. With another tag before it receivers ignore the whole record, however
right the rest may be.

**Fix:** move v=DMARC1 to the front.

Before:

    p=reject; v=DMARC1

After:

    v=DMARC1; p=reject`,
		},
		Run: fromText("dmarc-version-not-first"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-escaped-semicolon", Standard: check.DMARC, Severity: check.Error,
			Title:    "a backslash before a semicolon in the data",
			Variants: []check.Variant{{Name: "beside", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(9989, "4.8")},
			Doc: `The record contains a backslash before a semicolon. Some zone file formats want that escape in their source, but here
it became part of the data, mostly because a control panel or an import escaped once more. The backslash belongs to the value
before it, so the version is not DMARC1, or the policy is no policy.

**Fix:** enter the record without backslashes and look at the answer with dig.

Before:

    v=DMARC1\; p=reject

After:

    v=DMARC1; p=reject`,
		},
		Run: fromText("dmarc-escaped-semicolon"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-separator-wrong", Standard: check.DMARC, Severity: check.Error,
			Title:    "tags are not separated by semicolons",
			Variants: []check.Variant{{Name: "beside", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(9989, "4.8")},
			Doc: `A comma, a vertical bar or a line end stands between two tags. Only a semicolon separates tags: the value before it
swallows all that follows, and both settings are lost.

**Fix:** separate the tags with semicolons.

Before:

    v=DMARC1; p=reject, rua=mailto:dmarc@example.com

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
		},
		Run: fromText("dmarc-separator-wrong"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-record-quotes", Standard: check.DMARC, Severity: check.Error,
			Title:    "a quotation mark in the record",
			Variants: []check.Variant{{Name: "beside", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(9989, "4.8")},
			Doc: `The data itself contains a quotation mark. Zone files put quotes around text, control panels mostly do not want them:
typed there they become part of the record. At its start they make receivers ignore it, elsewhere they break a value.

**Fix:** remove the quotes from the data.

Before:

    "v=DMARC1; p=reject"

After:

    v=DMARC1; p=reject`,
		},
		Run: fromText("dmarc-record-quotes"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-bare-version", Standard: check.DMARC, Severity: check.Error,
			Title: "the record is only a version",
			Refs:  []check.Ref{check.RFC(9989, "4.8"), check.RFC(9989, "4.10.1")},
			Doc: `The record says v=DMARC1 and nothing else. Its syntax is right, but without a policy and without a report address
receivers do no DMARC processing at all: the domain is as open as without a record. (At a _report._dmarc name the same text
is complete.)

**Fix:** add a policy and an address for reports.

Before:

    v=DMARC1

After:

    v=DMARC1; p=none; rua=mailto:dmarc@example.com`,
		},
		Applies: hasOwners,
		Run:     bareVersion,
	},
}

// bareVersion completes the record by what the domain does: a p=none without
// rua would do as little as the version alone.
func bareVersion(f *Facts, r *check.Reporter) {
	for _, t := range f.texts {
		for _, p := range t.problems {
			if p.Rule != "dmarc-bare-version" {
				continue
			}
			out := t.finding(p)
			switch rec, _ := Parse(p.Fixed); {
			case f.Profile == check.ProfileParked:
				out.Fix = change(t.step, t.text, rec.with("p", "reject"))
			case f.Profile.Receives():
				out.Fix = change(t.step, t.text, rec.with("rua", "mailto:dmarc@"+t.step.Name.String()))
			}
			r.Report(out)
		}
	}
	if !f.Known {
		f.unknown(r)
	}
}
