package dkim

import (
	"github.com/postseal/postseal/check"
)

// tagRules judge the tags of a key record, one by one.
var tagRules = []rule{
	keyRule(check.Meta{
		ID: "dkim-v-missing", Severity: check.Info,
		Title: "the record has no version",
		Refs:  refs{rfc("3.6.1")},
		Doc: `RFC 6376 recommends ` + "`v=DKIM1`" + ` and makes it the default: a record without it is valid. Several large providers leave it
out. Some tools call such records broken; they are not.

**What to do.** Nothing, unless a tool insists.

Before: ` + "`k=rsa; p=MIIB…`" + `
After (optional): ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-v-not-first", Severity: check.Error,
		Title: "the version is not the first tag",
		Refs:  refs{rfc("3.6.1")},
		Doc: `If a key record has a ` + "`v`" + ` tag, it must be the first one. Strict verifiers refuse a record that has it anywhere else, and
every signature with this selector fails there.

**Fix.** Move it to the front. No other order matters.

Before: ` + "`k=rsa; v=DKIM1; p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-v-invalid", Severity: check.Error,
		Title: "the version is not DKIM1", CoveredBy: repaired,
		Refs: refs{rfc("3.6.1")},
		Doc: `The version must be exactly ` + "`DKIM1`" + `, in capitals and without anything behind it. Verifiers must discard a record with
any other value, so for them the key does not exist.

**Fix.** Write ` + "`v=DKIM1`" + `. If the value names another protocol, the record stands at the wrong name.

Before: ` + "`v=dkim1; k=rsa; p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-k-unknown", Severity: check.Error,
		Title: "an unknown key type",
		Refs:  refs{rfc("3.6.1"), check.RFC(8463, "4.2")},
		Doc: `DKIM knows two types of key, ` + "`rsa`" + ` and ` + "`ed25519`" + `. A record with any other ` + "`k=`" + ` must be ignored, so the selector has no
key for anybody.

**Fix.** Name the type that the key has, or make a new key of a type that exists.

Before: ` + "`v=DKIM1; k=rsa-sha256; p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-k-case", Severity: check.Info,
		Title: "the key type in unusual case",
		Refs:  refs{rfc("3.2")},
		Doc: `Values are case-sensitive unless a tag says otherwise, and the key types are defined in lower case. Most verifiers fold case
here; a strict one may not know the type.

**Fix.** Write it in lower case.

Before: ` + "`v=DKIM1; k=RSA; p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-h-excludes-sha256", Severity: check.Error,
		Title: "the record does not allow SHA-256",
		Refs:  refs{rfc("3.6.1"), check.RFC(8301, "3.1")},
		Doc: `` + "`h=`" + ` lists the hash algorithms that signatures with this key may use, and ` + "`sha256`" + ` is not among them. It is the only one
that may still be used: RFC 8301 forbids SHA-1 for signing and for verifying. So every legal signature fails.

**Fix.** Write ` + "`h=sha256`" + `, or drop the tag.

Before: ` + "`v=DKIM1; h=sha1; k=rsa; p=MIIB…`" + `
After: ` + "`v=DKIM1; h=sha256; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-h-sha1", Severity: check.Notice,
		Title: "the record still allows SHA-1",
		Refs:  refs{check.RFC(8301, "3.1")},
		Doc: `` + "`h=`" + ` lists ` + "`sha1`" + ` beside ` + "`sha256`" + `. RFC 8301 forbids SHA-1 in DKIM for signing and verifying. Verifiers that keep to it do
not care; one that does not would take a signature made with a broken hash.

**Fix.** Leave only ` + "`sha256`" + `.

Before: ` + "`v=DKIM1; h=sha1:sha256; k=rsa; p=MIIB…`" + `
After: ` + "`v=DKIM1; h=sha256; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-h-unknown", Severity: check.Info,
		Title: "a hash that DKIM does not have",
		Refs:  refs{rfc("3.6.1")},
		Doc: `` + "`h=`" + ` lists a name that is not a hash algorithm of DKIM. Verifiers ignore it. Often it is a typing error, such as ` + "`sha-256`" + `;
then the right name may be missing, which another check reports.

**What to do.** Leave only ` + "`sha256`" + `, or drop the tag.

Before: ` + "`v=DKIM1; h=sha256:sha512; p=MIIB…`" + `
After: ` + "`v=DKIM1; h=sha256; p=MIIB…`",
	}),
	{
		Meta: check.Meta{
			ID: "dkim-s-excludes-email", Standard: check.DKIM, Severity: check.Error,
			Variants: variants{{Name: "tlsrpt", Severity: check.Info}},
			Title:    "the key is not for mail",
			Refs:     refs{rfc("3.6.1"), check.RFC(8460, "3")},
			Doc: `` + "`s=`" + ` lists the services that may use the key, and neither ` + "`email`" + ` nor ` + "`*`" + ` is among them. Verifiers of mail must ignore the
record. A key that only signs TLS reports rightly says ` + "`s=tlsrpt`" + `; do not sign mail with it. Where another key signs the
mail, or the selector's name speaks of TLS reports, it is only mentioned.

**Fix.** Drop the tag if the key is for mail.

Before: ` + "`v=DKIM1; s=tlsrpt; k=rsa; p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
		},
		Applies: hasRecords, Run: excludesMail,
	},
	keyRule(check.Meta{
		ID: "dkim-t-testing", Severity: check.Warning,
		Title: "the key is in testing mode",
		Refs:  refs{rfc("3.6.1")},
		Doc: `` + "`t=y`" + ` tells verifiers to treat mail whose signature fails no worse than unsigned mail. It is meant for the first days of a
roll-out and usually forgotten. It does not keep good signatures from passing at most receivers, but failures that
should be looked into go unnoticed.

**Fix.** Drop the flag.

Before: ` + "`v=DKIM1; k=rsa; t=y; p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-t-s", Severity: check.Info,
		Title: "signatures for subdomains are not allowed",
		Refs:  refs{rfc("3.6.1")},
		Doc: `` + "`t=s`" + ` demands that the domain of ` + "`i=`" + ` in a signature equals ` + "`d=`" + ` and is not a subdomain of it. RFC 6376 recommends it where
subdomains are not used. Signatures with ` + "`i=@news.example.com; d=example.com`" + ` fail under it.

**What to do.** Keep it unless some signer uses subdomains in ` + "`i=`" + `.

Before: ` + "`v=DKIM1; t=s; p=MIIB…`" + `
After, if subdomains sign: ` + "`v=DKIM1; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-t-unknown", Severity: check.Info,
		Title: "a flag that DKIM does not have",
		Refs:  refs{rfc("3.6.1")},
		Doc: `` + "`t=`" + ` has a flag other than ` + "`y`" + ` and ` + "`s`" + `. Verifiers ignore it; whoever wrote it expected something that does not happen.

**What to do.** Drop it. The two flags that exist are ` + "`y`" + ` (testing) and ` + "`s`" + ` (no subdomains).

Before: ` + "`v=DKIM1; t=n; p=MIIB…`" + `
After: ` + "`v=DKIM1; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-n-note", Severity: check.Info,
		Title: "the record carries a note",
		Refs:  refs{rfc("3.6.1")},
		Doc: `` + "`n=`" + ` is a note for people. Programs ignore it, and everybody can read it: no names of staff, no ticket numbers, nothing
internal belongs there. It also makes the answer longer.

**What to do.** Drop it if nobody needs it.

Before: ` + "`v=DKIM1; k=rsa; n=ask Bob; p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-tag-g", Severity: check.Notice,
		Variants: variants{{Name: "empty", Severity: check.Warning}},
		Title:    "the historic tag g is present",
		Refs:     refs{check.RFC(4871, "")},
		Doc: `` + "`g=`" + ` restricted a key to one local part in the first version of DKIM (RFC 4871) and was taken out in RFC 6376. Verifiers
of today ignore it. An old verifier that still obeys an *empty* ` + "`g=`" + ` matches no address at all and fails every message.

**Fix.** Drop the tag.

Before: ` + "`v=DKIM1; g=*; k=rsa; p=MIIB…`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIB…`",
	}),
}

// excludesMail takes a key for TLS reports for what it says it is, unless
// somebody said that mail is signed with it.
func excludesMail(f *Facts, r *check.Reporter) {
	const id = "dkim-s-excludes-email"
	for _, s := range f.answered(r) {
		for i, rec := range s.records {
			for _, p := range rec.problems {
				if p.Rule != id || rec.extra {
					continue
				}
				if i == 0 && f.forReports(s) {
					p.Variant, p.Fix = "tlsrpt", ""
				}
				report(f, r, s, i, p)
			}
		}
	}
}
