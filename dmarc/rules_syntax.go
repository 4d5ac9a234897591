package dmarc

import (
	"github.com/postseal/postseal/check"
)

var syntaxRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dmarc-tag-duplicate", Standard: check.DMARC, Severity: check.Warning,
			Title:    "a tag stands twice in the record",
			Variants: []check.Variant{{Name: "policy", Severity: check.Error}},
			Refs:     []check.Ref{check.RFC(6376, "3.2")},
			Doc: `The same tag occurs more than once. RFC 9989 does not say which one counts: some receivers take the first, some the
last, some refuse the record. For p, sp and np that decides whether mail is rejected or delivered.

**Fix:** keep one of them.

Before:

    v=DMARC1; p=reject; p=none

After:

    v=DMARC1; p=reject`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-tag-duplicate"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-tag-malformed", Standard: check.DMARC, Severity: check.Warning,
			Title: "an element that is no tag",
			Refs:  []check.Ref{check.RFC(9989, "4.8")},
			Doc: `Something between two semicolons is not of the form name=value with a name of letters. Receivers skip it, so whatever it
was meant to say is not in force; stricter programs refuse the record.

**Fix:** correct or remove the element.

Before:

    v=DMARC1; p=reject; rua:mailto:dmarc@example.com

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
			CoveredBy: []string{"dmarc-value-charset"},
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-tag-malformed"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-tag-empty", Standard: check.DMARC, Severity: check.Warning,
			Title: "a tag without a value",
			Refs:  []check.Ref{check.RFC(9989, "4.8")},
			Doc: `A tag has nothing after the equals sign. The grammar wants at least one character, so receivers ignore the tag: an empty
rua means that no reports come, an empty sp that subdomains follow p.

**Fix:** give the tag its value, or remove it.

Before:

    v=DMARC1; p=reject; rua=

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-tag-empty"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-tag-case", Standard: check.DMARC, Severity: check.Warning,
			Title: "a tag name with capital letters",
			Refs:  []check.Ref{check.RFC(6376, "3.2"), check.RFC(9989, "4.8")},
			Doc: `Tag names of DMARC follow the tag lists of DKIM, which are case-sensitive. Many receivers do not care; for the others P is
an unknown tag, and the record then has no policy.

**Fix:** write tag names in small letters.

Before:

    v=DMARC1; P=reject

After:

    v=DMARC1; p=reject`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-tag-case"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-tag-unknown", Standard: check.DMARC, Severity: check.Notice,
			Title:    "a tag that DMARC does not have",
			Variants: []check.Variant{{Name: "typo", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(9989, "4.7")},
			Doc: `The record has a tag that is not registered for DMARC. Receivers must ignore it. A slip of the pen such as rau for rua or
poicy for p therefore loses the setting without any error.

**Fix:** correct the name, or remove the tag.

Before:

    v=DMARC1; p=reject; rau=mailto:dmarc@example.com

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-tag-unknown"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-element-empty", Standard: check.DMARC, Severity: check.Info,
			Title: "two semicolons with nothing between them",
			Refs:  []check.Ref{check.RFC(9989, "4.8")},
			Doc: `Two semicolons follow each other. The grammar does not allow an empty element; the receivers known to us skip it, so
nothing is lost. It is untidy, no more.

**Fix:** remove one semicolon.

Before:

    v=DMARC1;; p=reject

After:

    v=DMARC1; p=reject`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-element-empty"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-value-charset", Standard: check.DMARC, Severity: check.Warning,
			Title:    "a character outside printable ASCII",
			Variants: []check.Variant{{Name: "policy", Severity: check.Error}},
			Refs:     []check.Ref{check.RFC(9989, "4.8")},
			Doc: `The record contains an octet that the grammar does not allow: a curly quote, a no-break space, a line end, a Cyrillic letter
that looks Latin. It mostly came from a word processor or a web page. The value or the tag it stands in is not what it looks
like, and in v, p, sp or np the policy is lost.

**Fix:** type the part anew by hand.

Before:

    v=DMARC1; p=“reject”

After:

    v=DMARC1; p=reject`,
			CoveredBy: []string{"dmarc-near-miss"},
		},
		Run: fromText("dmarc-value-charset"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-whitespace-style", Standard: check.DMARC, Severity: check.Notice,
			Title: "white space around equals signs",
			Refs:  []check.Ref{check.RFC(9989, "4.8")},
			Doc: `Spaces around an equals sign, or tabs, are valid in a DMARC record, but several widely used checkers and some receivers do
not recognise a record written like that.

**Fix:** write tags without spaces around the equals sign, one space after each semicolon.

Before:

    v = DMARC1 ; p = reject

After:

    v=DMARC1; p=reject`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-whitespace-style"),
	},
	{
		Meta: check.Meta{
			ID: "dmarc-p-not-second", Standard: check.DMARC, Severity: check.Notice,
			Title: "the policy does not follow the version",
			Refs:  []check.Ref{check.RFC(9989, "4.8"), check.RFC(7489, "6.4")},
			Doc: `The tag p stands somewhere after the second place. RFC 9989 leaves the order free, but RFC 7489 wanted p right after v, and
some programs written for it refuse the record otherwise.

**Fix:** move p to the second place.

Before:

    v=DMARC1; rua=mailto:dmarc@example.com; p=reject

After:

    v=DMARC1; p=reject; rua=mailto:dmarc@example.com`,
		},
		Applies: hasOwners,
		Run:     fromText("dmarc-p-not-second"),
	},
}
