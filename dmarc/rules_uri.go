package dmarc

import (
	"github.com/postseal/postseal/check"
)

var uriRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dmarc-uri-second-without-mailto", Standard: check.DMARC, Severity: check.Warning,
			Title: "only the first report address has mailto",
			Refs:  []check.Ref{check.RFC(9989, "4.8")},
			Doc: `The list of report addresses gives the scheme once, but every item of it must be a URI of its own. The addresses without
mailto: are ignored, and no reports come there.

**Fix:** write mailto: before each address.

Before:

    rua=mailto:a@example.com,b@example.com

After:

    rua=mailto:a@example.com,mailto:b@example.com`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-uri-second-without-mailto"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-uri-list-separator", Standard: check.DMARC, Severity: check.Error,
			Title: "report addresses are not separated by commas",
			Refs:  []check.Ref{check.RFC(9989, "4.8")},
			Doc: `A semicolon or a space stands between two report addresses. The semicolon ends the tag, so the second address is a stray
element that nobody reads; a space makes both one broken URI.

**Fix:** separate the addresses with a comma.

Before:

    rua=mailto:a@example.com; mailto:b@example.com

After:

    rua=mailto:a@example.com,mailto:b@example.com`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-uri-list-separator"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-uri-no-scheme", Standard: check.DMARC, Severity: check.Warning,
			Title:    "a report address without mailto",
			Variants: []check.Variant{{Name: "only", Severity: check.Error}},
			Refs:     []check.Ref{check.RFC(9989, "4.8")},
			Doc: `A report address is a bare address, or has mail: or mailto= in front. Only a URI counts, so receivers ignore it, and if it is
the only one no reports are sent.

**Fix:** write mailto: before the address.

Before:

    rua=dmarc@example.com

After:

    rua=mailto:dmarc@example.com`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-uri-no-scheme"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-uri-malformed", Standard: check.DMARC, Severity: check.Warning,
			Title:    "a report address that is no valid URI",
			Variants: []check.Variant{{Name: "only", Severity: check.Error}},
			Refs:     []check.Ref{check.RFC(9989, "4.8"), check.RFC(6068, "2")},
			Doc: `A report address cannot be read: slashes after mailto:, no @ or several, a space, angle brackets, a dot at the end of the host,
an exclamation mark that is not written as %21, or an empty place in the list. Receivers ignore it.

**Fix:** write it as mailto:local-part@host, and a comma or exclamation mark in the local part as %2C or %21.

Before:

    rua=mailto://dmarc@example.com

After:

    rua=mailto:dmarc@example.com`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-uri-malformed"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-uri-scheme", Standard: check.DMARC, Severity: check.Notice,
			Title: "a report address that is not mailto",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `A report address uses another scheme than mailto, such as https. That is allowed, but a reporter that does not support it must
ignore it, and practically none does.

**Fix:** give a mailto address.

Before:

    rua=https://reports.example.com/dmarc

After:

    rua=mailto:dmarc@example.com`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-uri-scheme"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-uri-size-limit", Standard: check.DMARC, Severity: check.Notice,
			Title: "a size limit at a report address",
			Refs:  []check.Ref{check.RFC(9989, "4.8"), check.RFC(9989, "C.4")},
			Doc: `The address ends in an exclamation mark and a size, which limited the reports in RFC 7489. RFC 9989 made it obsolete: new
reporters ignore it, old ones may leave out reports that are larger.

**Fix:** remove the mark and the size.

Before:

    rua=mailto:dmarc@example.com!10m

After:

    rua=mailto:dmarc@example.com`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-uri-size-limit"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-uri-duplicate", Standard: check.DMARC, Severity: check.Notice,
			Title: "a report address stands twice",
			Refs:  []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The same address occurs more than once in one list. Reporters that do not notice send every report twice, and the place could
serve another address.

**Fix:** name it once.

Before:

    rua=mailto:dmarc@example.com,mailto:dmarc@example.com

After:

    rua=mailto:dmarc@example.com`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-uri-duplicate"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-uri-many", Standard: check.DMARC, Severity: check.Notice,
			Title: "more than two report addresses",
			Refs:  []check.Ref{check.RFC(9990, "3.5"), check.RFC(7489, "6.3")},
			Doc: `The list has more than two addresses. There is no fixed limit, but a reporter may stop after as many as it likes, and two is
what receivers of RFC 7489 had to support: the later addresses may never get a report.

**Fix:** put the addresses that matter first, and forward from one mailbox to the rest.

Before:

    rua=mailto:a@example.com,mailto:b@example.com,mailto:c@example.com

After:

    rua=mailto:a@example.com,mailto:b@example.com`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-uri-many"),
	},
}
