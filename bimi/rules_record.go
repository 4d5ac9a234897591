package bimi

import "github.com/postseal/postseal/check"

// Rules over the record as a whole.
var recordRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "bimi-record-missing", Standard: check.BIMI, Severity: check.Info,
			Title: "no BIMI record", Refs: []check.Ref{core},
			CoveredBy: []string{"bimi-cname-dangling"},
			Doc: `With a BIMI record a domain names a logo that some mailbox providers show beside its messages. It is optional
and protects nothing: receivers look at it only once DMARC rejects or quarantines, and most of the large ones
want a certificate that costs money. Its absence is a fact, not a defect.

    before: (nothing at default._bimi.example.com)
    after:  default._bimi.example.com. TXT "v=BIMI1; l=https://example.com/logo.svg; a=https://example.com/mark.pem"`,
		},
		Applies: sends, Run: runMissing,
	},
	{
		Meta: check.Meta{
			ID: "bimi-record-lookup-failed", Standard: check.BIMI, Severity: check.Notice,
			Title: "the BIMI record could not be looked up", Refs: []check.Ref{core},
			Doc: `The name servers gave no usable answer for the record. Receivers treat that as a temporary fault and show no
logo until it is mended. A failure seen from one machine proves nothing, so this is a finding only when each
authoritative server was asked and failed.

    before: default._bimi.example.com TXT -> SERVFAIL
    after:  default._bimi.example.com TXT -> "v=BIMI1; l=https://example.com/logo.svg"`,
		},
		Applies: sendsOrPublished, Run: runLookupFailed,
	},
	{
		Meta: check.Meta{
			ID: "bimi-record-multiple", Standard: check.BIMI, Severity: check.Warning,
			Title: "more than one BIMI record", Refs: []check.Ref{core},
			Doc: `Receivers stop when more than one text at the name begins with ` + "`" + `v=BIMI1` + "`" + `, and show no logo. It happens when a
new record is added and the old one stays. Keep one; other text at the same name does no harm.

    before: "v=BIMI1; l=https://example.com/old.svg"  and  "v=BIMI1; l=https://example.com/new.svg"
    after:  "v=BIMI1; l=https://example.com/new.svg"`,
		},
		Applies: applies(stageText), Run: runMultiple,
	},
	{
		Meta: check.Meta{
			ID: "bimi-record-syntax", Standard: check.BIMI, Severity: check.Warning,
			Variants: []check.Variant{{Name: "empty", Severity: check.Warning}, {Name: "equals", Severity: check.Warning}, {Name: "name", Severity: check.Warning}, {Name: "value", Severity: check.Warning}},
			Title:    "the BIMI record is malformed", Refs: []check.Ref{core, check.RFC(6376, "3.2")},
			Doc: `The record is a list of tags, ` + "`" + `name=value` + "`" + `, with a semicolon between them, as in DKIM. A text that does not
follow this grammar is ignored, and receivers must not repair it. Look for a lost semicolon, a stray one, or
characters that came in by copying.

    before: v=BIMI1; https://example.com/logo.svg
    after:  v=BIMI1; l=https://example.com/logo.svg`,
		},
		Applies: applies(stageRecord), Run: problem("bimi-record-syntax"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-version", Standard: check.BIMI, Severity: check.Warning,
			Title: "a TXT record looks like BIMI but is not one", Refs: []check.Ref{core},
			Doc: `Receivers drop every text that does not begin with exactly ` + "`" + `v=BIMI1` + "`" + `, in this case and first of all tags. What
is published was meant to be the record and is unrelated text to them.

    before: v=bimi1; l=https://example.com/logo.svg
    after:  v=BIMI1; l=https://example.com/logo.svg`,
		},
		Applies: applies(stageText), Run: runVersion,
	},
	{
		Meta: check.Meta{
			ID: "bimi-tag-duplicate", Standard: check.BIMI, Severity: check.Warning,
			Title: "a tag stands twice in the BIMI record", Refs: []check.Ref{core, check.RFC(6376, "3.2")},
			Doc: `Each tag may stand once. A list with a tag twice is invalid as a whole, so receivers ignore the record; which of
the two values was meant only you know.

    before: v=BIMI1; l=https://example.com/a.svg; l=https://example.com/b.svg
    after:  v=BIMI1; l=https://example.com/b.svg`,
		},
		Applies: applies(stageRecord), Run: problem("bimi-tag-duplicate"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-tag-unknown", Standard: check.BIMI, Severity: check.Info,
			Variants: []check.Variant{{Name: "preference", Severity: check.Info}},
			Title:    "the BIMI record has a tag nobody knows", Refs: []check.Ref{core},
			Doc: `Receivers ignore tags that they do not know, so this one does nothing. It is legal and shown because a misspelt
tag looks just the same. An early draft had a tag for the preferred kind of picture; today that is ` + "`" + `avp` + "`" + `.

    before: v=BIMI1; l=https://example.com/logo.svg; logo=1
    after:  v=BIMI1; l=https://example.com/logo.svg`,
		},
		Applies: applies(stageRecord), Run: problem("bimi-tag-unknown"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-declined", Standard: check.BIMI, Severity: check.Info,
			Title: "the domain declines BIMI", Refs: []check.Ref{core},
			Doc: `Empty ` + "`" + `l` + "`" + ` and ` + "`" + `a` + "`" + ` say that no logo is to be shown, though the organization above may have one. That is a
deliberate choice and no defect: a name that sends for customers often does so.

    before: v=BIMI1; l=https://example.com/logo.svg
    after:  v=BIMI1; l=; a=;`,
		},
		Applies: applies(stageRecord), Run: problem("bimi-declined"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-l-missing", Standard: check.BIMI, Severity: check.Warning,
			Title: "the BIMI record does not name a logo", Refs: []check.Ref{core},
			Doc: `The tag ` + "`" + `l` + "`" + ` is required. Without it receivers ignore the record; empty it would decline BIMI on purpose, which
is something else than leaving it out.

    before: v=BIMI1; a=https://example.com/mark.pem
    after:  v=BIMI1; l=https://example.com/logo.svg; a=https://example.com/mark.pem`,
		},
		Applies: applies(stageRecord), Run: problem("bimi-l-missing"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-l-empty", Standard: check.BIMI, Severity: check.Warning,
			Title: "the BIMI record has a certificate but no logo", Refs: []check.Ref{core},
			Doc: `The record names a mark certificate and leaves the address of the logo empty. Receivers that compare the two, or
that show logos without a certificate, have nothing to fetch.

    before: v=BIMI1; l=; a=https://example.com/mark.pem
    after:  v=BIMI1; l=https://example.com/logo.svg; a=https://example.com/mark.pem`,
		},
		Applies: applies(stageRecord), Run: problem("bimi-l-empty"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-l-scheme", Standard: check.BIMI, Severity: check.Warning,
			Variants: []check.Variant{{Name: "scheme", Severity: check.Warning}, {Name: "host", Severity: check.Warning}},
			Title:    "the logo's address is not a complete https address", Refs: []check.Ref{core},
			Doc: `Receivers fetch the logo over ` + "`" + `https` + "`" + ` from a host with a name, and nothing else. An address with ` + "`" + `http` + "`" + `, without
a host, or with the number of a host in place of its name is refused.

    before: v=BIMI1; l=http://example.com/logo.svg
    after:  v=BIMI1; l=https://example.com/logo.svg`,
		},
		Applies: applies(stageRecord), Run: problem("bimi-l-scheme"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-l-multiple", Standard: check.BIMI, Severity: check.Warning,
			Title: "the BIMI record names more than one logo", Refs: []check.Ref{core},
			Doc: `The tag ` + "`" + `l` + "`" + ` takes one address; lists are from an early draft. A comma or a space that belongs to the address
must be written ` + "`" + `%2C` + "`" + ` or ` + "`" + `%20` + "`" + `.

    before: v=BIMI1; l=https://example.com/a.svg,https://example.com/b.svg
    after:  v=BIMI1; l=https://example.com/a.svg`,
		},
		Applies: applies(stageRecord), Run: problem("bimi-l-multiple"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-l-suffix", Standard: check.BIMI, Severity: check.Warning,
			Title: "the logo's address does not end in .svg", Refs: []check.Ref{core},
			Doc: `Some receivers look at the end of the path before they fetch anything and take only ` + "`" + `.svg` + "`" + ` and ` + "`" + `.svgz` + "`" + `. A query
after it does no harm. Serve the file under such a name.

    before: v=BIMI1; l=https://example.com/logo
    after:  v=BIMI1; l=https://example.com/logo.svg`,
		},
		Applies: applies(stageRecord), Run: problem("bimi-l-suffix"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-a-scheme", Standard: check.BIMI, Severity: check.Warning,
			Variants: []check.Variant{{Name: "scheme", Severity: check.Warning}, {Name: "host", Severity: check.Warning}},
			Title:    "the certificate's address is not a complete https address", Refs: []check.Ref{core},
			Doc: `Receivers fetch the mark certificate over ` + "`" + `https` + "`" + ` from a host with a name. With any other address they have no
certificate, and those that want one show no logo.

    before: v=BIMI1; l=https://example.com/logo.svg; a=http://example.com/mark.pem
    after:  v=BIMI1; l=https://example.com/logo.svg; a=https://example.com/mark.pem`,
		},
		Applies: applies(stageRecord), Run: problem("bimi-a-scheme"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-a-missing", Standard: check.BIMI, Severity: check.Notice,
			Title: "no mark certificate", Refs: []check.Ref{core},
			Doc: `Gmail and Apple Mail show a logo only with a mark certificate: a VMC for a registered trademark, a CMC for a
logo in use (Gmail takes both). Some others, Yahoo among them, may show it without. What each one asks for
changes; this was written in 2026.

    before: v=BIMI1; l=https://example.com/logo.svg
    after:  v=BIMI1; l=https://example.com/logo.svg; a=https://example.com/mark.pem`,
		},
		Applies: applies(stageRecord), Run: problem("bimi-a-missing"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-avp-invalid", Standard: check.BIMI, Severity: check.Warning,
			Title: "avp has an unknown value", Refs: []check.Ref{core},
			Doc: `The tag ` + "`" + `avp` + "`" + ` says which picture the sender prefers: ` + "`" + `brand` + "`" + `, which is also meant when it is left out, or
` + "`" + `personal` + "`" + `. Receivers may treat any other value as a broken record.

    before: v=BIMI1; l=https://example.com/logo.svg; avp=both
    after:  v=BIMI1; l=https://example.com/logo.svg; avp=brand`,
		},
		Applies: applies(stageRecord), Run: problem("bimi-avp-invalid"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-lps-invalid", Standard: check.BIMI, Severity: check.Warning,
			Title: "lps has a prefix that never matches", Refs: []check.Ref{core},
			Doc: `The tag ` + "`" + `lps` + "`" + ` lists beginnings of local parts that have a logo of their own. Before the comparison a local part
is reduced to letters, digits and hyphens, so a prefix with anything else, or longer than 63 characters, never
matches.

    before: v=BIMI1; l=https://example.com/logo.svg; lps=brand_one
    after:  v=BIMI1; l=https://example.com/logo.svg; lps=brand-one`,
		},
		Applies: applies(stageRecord), Run: problem("bimi-lps-invalid"),
	},
	{
		Meta: check.Meta{
			ID: "bimi-record-inherited", Standard: check.BIMI, Severity: check.Info,
			Title: "the BIMI record is that of the organizational domain", Refs: []check.Ref{core},
			Doc: `The name has no record of its own, so receivers use the one at the organizational domain. That is how BIMI is
meant to work; it is shown so that the logo surprises nobody. A record of its own, or one that declines, changes
it.

    before: (nothing at default._bimi.news.example.com)
    after:  default._bimi.news.example.com. TXT "v=BIMI1; l=; a=;"`,
		},
		Applies: applies(stageRecord), Run: runInherited,
	},
	{
		Meta: check.Meta{
			ID: "bimi-cname-dangling", Standard: check.BIMI, Severity: check.Warning,
			Variants: []check.Variant{{Name: "unregistered", Severity: check.Error}},
			Title:    "the BIMI record is an alias of a name that does not exist", Refs: []check.Ref{core, check.RFC(1034, "")},
			Doc: `` + "`" + `default._bimi` + "`" + ` points to a name that is gone, so there is no logo. Whoever gets hold of the target chooses the
logo that stands beside your messages, which is why a target that anyone can register counts as an error.

    before: default._bimi.example.com. CNAME example-com.gone-provider.example.
    after:  (nothing at default._bimi.example.com)`,
		},
		Applies: aliased, Run: runDangling,
	},
}
