package dkim

import (
	"github.com/postseal/postseal/check"
)

// repaired are the rules whose damage is undone before the rest is read: what a
// verifier makes of the damaged text is their consequence.
var repaired = []string{"dkim-escaped-semicolon", "dkim-literal-quote", "dkim-separator-missing", "dkim-value-has-owner-name", "dkim-non-ascii"}

// recordRules judge the RRset at a selector and its text as a whole.
var recordRules = []rule{
	{
		Meta: check.Meta{
			ID: "dkim-multiple-keys", Standard: check.DKIM, Severity: check.Error,
			Title: "several keys at one selector",
			Refs:  refs{rfc("3.6.2.2")},
			Doc: `Two or more TXT records at one selector are keys. RFC 6376 leaves the result undefined: some verifiers take the first
answer, some the first that parses, some refuse, some try all. DNS answers come in changing order, so the same mail
passes at one moment and fails at the next.

**Fix.** Keep the key that the signer uses and delete the other. A new key always gets a new selector.

Before: two TXT records at ` + "`s1._domainkey.example.com`" + `
After: one at ` + "`s1._domainkey.example.com`" + `, the newer one at ` + "`s2._domainkey.example.com`",
		},
		Applies: hasRecords, Run: severalKeys,
	},
	{
		Meta: check.Meta{
			ID: "dkim-extra-txt", Standard: check.DKIM, Severity: check.Warning,
			Title: "other text beside the key",
			Refs:  refs{rfc("3.6.2.2")},
			Doc: `At the selector stands one key and besides it a TXT record that is none, such as an SPF record or a verification token.
Verifiers that take the first record of the answer may read the wrong one and report a broken key.

**Fix.** Delete the record that is not the key, or move it to the name where it belongs.

Before: ` + "`s1._domainkey TXT \"v=DKIM1; k=rsa; p=MIIB…\"` and `s1._domainkey TXT \"v=spf1 -all\"`" + `
After: only ` + "`s1._domainkey TXT \"v=DKIM1; k=rsa; p=MIIB…\"`",
		},
		Applies: hasRecords, Run: extraText,
	},
	keyRule(check.Meta{
		ID: "dkim-not-a-key", Severity: check.Error,
		Title: "the text at a selector is no key",
		Refs:  refs{rfc("3.2"), rfc("3.6.1")},
		Doc: `The TXT record at the selector is not a list of ` + "`tag=value`" + ` pairs, or has neither a ` + "`p`" + ` tag nor ` + "`v=DKIM1`" + `. Verifiers
stop with a key syntax error, so every signature with this selector fails.

**Fix.** Replace the text by the record that the signer shows.

Before: ` + "`s1._domainkey TXT \"google-site-verification=abc\"`" + `
After: ` + "`s1._domainkey TXT \"v=DKIM1; k=rsa; p=MIIBIjAN…\"`",
	}),
	keyRule(check.Meta{
		ID: "dkim-separator-missing", Severity: check.Error,
		Title: "a semicolon between two tags is missing",
		Refs:  refs{rfc("3.2")},
		Doc: `Tags are separated by semicolons. Where one is missing, the value before it swallows the next tag: in
` + "`v=DKIM1 k=rsa p=MIIB…`" + ` there is a single tag whose value is everything, and no key at all. Commas do not separate either.

**Fix.** Put a semicolon after every tag. The strength of the key is shown as it would count after that.

Before: ` + "`v=DKIM1 k=rsa p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-escaped-semicolon", Severity: check.Error,
		Title: "escapes of a zone file are in the data",
		Refs:  refs{rfc("3.2")},
		Doc: `The record as served contains a backslash before a semicolon, ` + "`\\032`" + ` for a space, or a stray ` + "`\\\"`" + `. Zone files and some
panels *show* a semicolon as ` + "`\\;`" + `; pasted into a field that wants plain text, the backslash becomes part of the value. The
version then reads ` + "`DKIM1\\`" + `, and verifiers must discard the record.

**Fix.** Store the text without escapes.

Before: ` + "`v=DKIM1\\; k=rsa\\; p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-literal-quote", Severity: check.Error,
		Title: "quotation marks are in the data",
		Refs:  refs{rfc("3.2"), rfc("3.6.1")},
		Doc: `The record as served contains quotation marks. In a zone file they delimit strings; in a panel that adds its own they become
part of the value. At the beginning they make the first tag unreadable, and ` + "`\" \"`" + ` in the middle of a long key is no
base64. Only a note (` + "`n=`" + `) may contain them.

**Fix.** Store the text without quotation marks; the panel or the server splits long values itself.

Before: ` + "`\"v=DKIM1; k=rsa; p=MIIB…\" \"…AQAB\"`" + ` as one value
After: ` + "`v=DKIM1; k=rsa; p=MIIB……AQAB`",
	}),
	keyRule(check.Meta{
		ID: "dkim-non-ascii", Severity: check.Error,
		Title: "the record contains characters outside ASCII",
		Refs:  refs{rfc("3.2")},
		Doc: `Key records are ASCII. This one has other octets: typically typographic quotation marks, a no-break space or an invisible
character that a word processor, chat or web page put in. Verifiers cannot read the list, or the key.

**Fix.** Copy the record again as plain text, or retype the characters around the place shown. A note may carry other
characters only as quoted-printable.

Before: ` + "`v=DKIM1;[U+00A0]k=rsa; p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-tag-duplicate", Severity: check.Error,
		Title: "a tag stands twice",
		Refs:  refs{rfc("3.2")},
		Doc: `RFC 6376 makes a list with a repeated tag invalid as a whole. Verifiers that do not care take the first or the last value:
with ` + "`p=A; p=B`" + ` two receivers see two different keys. The key is not graded, because nobody can tell which one is meant.

**Fix.** Keep one.

Before: ` + "`v=DKIM1; k=rsa; k=rsa; p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-tag-malformed", Severity: check.Error,
		Variants: variants{{Name: "empty", Severity: check.Error}, {Name: "bare", Severity: check.Error}, {Name: "name", Severity: check.Error},
			{Name: "many", Severity: check.Error}},
		Title: "an element is no tag",
		Refs:  refs{rfc("3.2")},
		Doc: `Every element of the list must be ` + "`name=value`" + `, with a name that begins with a letter. An element without an equals sign, an
odd name, or nothing between two semicolons makes the list invalid for strict verifiers. One semicolon at the very end
is fine.

**Fix.** Remove the element or complete it.

Before: ` + "`v=DKIM1;; k=rsa; p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-tag-case", Severity: check.Error,
		Variants: variants{{Name: "minor", Severity: check.Notice}},
		Title:    "a tag name in the wrong case",
		Refs:     refs{rfc("3.2")},
		Doc: `Tag names are case-sensitive and lower-case. ` + "`P=`" + ` is an unknown tag, so a record that has it has no key; ` + "`K=`" + ` leaves the
default type, RSA; other names in upper case are ignored together with what they say.

**Fix.** Write the name in lower case.

Before: ` + "`v=DKIM1; k=rsa; P=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-tag-unknown", Severity: check.Info,
		Title: "a tag that DKIM does not have",
		Refs:  refs{rfc("3.6.1")},
		Doc: `The record has a tag that no standard defines. Verifiers ignore it, so nothing breaks; it may be a typing error for a tag
that was meant to do something, or a leftover of another protocol.

**What to do.** Drop it unless you know who reads it.

Before: ` + "`v=DKIM1; k=rsa; x=1798761600; p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
}

func severalKeys(f *Facts, r *check.Reporter) {
	for _, s := range f.answered(r) {
		if s.Status != StatusSeveral {
			continue
		}
		var prints []string
		for _, rec := range s.records {
			if rec.key.keyish && rec.key.fingerprint() != "" {
				prints = append(prints, rec.key.fingerprint()[:16])
			}
		}
		r.Report(check.Finding{Subject: s.subject(f), Record: s.Record, Scope: s.scope(0),
			Params: check.Params{"Selector": s.Name, "Count": s.keyCount(), "Fingerprints": prints}})
	}
}

// keyCount is the number of records at the selector that are keys.
func (s *Selector) keyCount() int {
	n := 0
	for _, rec := range s.records {
		if rec.key.keyish {
			n++
		}
	}
	return n
}

func extraText(f *Facts, r *check.Reporter) {
	for _, s := range f.answered(r) {
		for i, rec := range s.records {
			if !rec.extra {
				continue
			}
			finding := check.Finding{Subject: s.subject(f), Record: rec.text, Scope: s.scope(i),
				Params: check.Params{"Selector": s.Name, "Text": shorten(rec.text)}}
			if owner := s.owner(f); owner.IsUnder(f.Domain) {
				finding.Fix = change(owner, []string{rec.text}, []string{})
			}
			r.Report(finding)
		}
	}
}
