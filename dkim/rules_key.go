package dkim

import (
	"github.com/postseal/postseal/check"
)

// keyRules judge how the key in "p" is encoded.
var keyRules = []rule{
	keyRule(check.Meta{
		ID: "dkim-p-missing", Severity: check.Error,
		Title: "the record has no p tag", CoveredBy: []string{"dkim-tag-case"},
		Refs: refs{rfc("3.6.1")},
		Doc: `` + "`p=`" + ` holds the public key and is the one tag that a key record cannot do without. Without it verifiers report a key
syntax error, and every signature with this selector fails. A key is revoked by an *empty* ` + "`p=`" + `, not by leaving it out.

**Fix.** Publish the record that the signer shows.

Before: ` + "`v=DKIM1; k=rsa`" + `
After: ` + "`v=DKIM1; k=rsa; p=MIIBIjAN…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-revoked", Severity: check.Info,
		Variants: variants{{Name: "reserve", Severity: check.Info}, {Name: "in-use", Severity: check.Error}, {Name: "named", Severity: check.Error}, {Name: "observed", Severity: check.Notice}},
		Title:    "the key is revoked",
		Refs:     refs{rfc("3.6.1"), rfc("6.1.2")},
		Doc: `An empty ` + "`p=`" + ` says that the key with this selector was withdrawn: signatures that name it fail. This is the right way to
retire a key, and providers that rotate keys through CNAMEs keep their spare selectors empty. It is an error only when mail
is signed with the selector today: when you named it as one in use, or when a message or report shows it and no other key is
in force. Beside another key such a message is probably older than the last change of keys, which is a notice.

**What to do.** Delete the record about a month after the last message was signed with the key, or publish a key again if the
selector is in use.

Before: ` + "`s1._domainkey TXT \"v=DKIM1; p=\"`" + `
After: ` + "`s1._domainkey TXT \"v=DKIM1; k=rsa; p=MIIBIjAN…\"`" + `, or no record`,
	}),
	keyRule(check.Meta{
		ID: "dkim-p-bad-base64", Severity: check.Error,
		Variants: variants{{Name: "character", Severity: check.Error}, {Name: "padding", Severity: check.Error}, {Name: "length", Severity: check.Error}},
		Title:    "the key is not valid base64",
		Refs:     refs{rfc("3.6.1")},
		Doc: `` + "`p=`" + ` has a character that base64 does not know, the wrong number of ` + "`=`" + ` at its end, or a length that no base64 text has.
Verifiers cannot decode it. Usually a character was lost or added when the key was copied. Spaces are legal in there and
are not the reason.

**Fix.** Copy the key again from the signer; add nothing by hand.

Before: ` + "`p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A…IDAQA…`" + ` (an ellipsis was copied)
After: ` + "`p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A`" + ` and so on to ` + "`IDAQAB`",
	}),
	keyRule(check.Meta{
		ID: "dkim-p-truncated", Severity: check.Error,
		Variants: variants{{Name: "order", Severity: check.Error}},
		Title:    "the key is cut short",
		Refs:     refs{rfc("3.6.1"), rfc("3.6.2.2")},
		Doc: `The key says how long it is, and that many octets are not there. Most often a panel cut the value at 255 characters, the limit
of one character-string: a record with a 2048-bit key has about 410. No verifier can use what is left. The same happens when
the strings of a long value were entered in the wrong order: they are joined as they stand.

**Fix.** Publish the whole value. If the field takes only 255 characters, the value goes in as two strings of one record.

Before: ` + "`\"v=DKIM1; k=rsa; p=MIIB…(255 characters)\"`" + `
After: ` + "`\"v=DKIM1; k=rsa; p=MIIB…(255)\" \"…(155 more)IDAQAB\"`",
	}),
	keyRule(check.Meta{
		ID: "dkim-p-trailing", Severity: check.Warning,
		Title: "there is something behind the key",
		Refs:  refs{rfc("3.6.1")},
		Doc: `The key ends before the data does. OpenSSL ignores what follows and takes the key; Go's library and others refuse the whole.
So signatures pass at some receivers and fail at others.

**Fix.** Publish the key without the surplus.

Before: ` + "`p=MIIB…IDAQABAAAA`" + `
After: ` + "`p=MIIB…IDAQAB`",
	}),
	keyRule(check.Meta{
		ID: "dkim-p-pem", Severity: check.Error,
		Title: "the key was pasted with its PEM armour",
		Refs:  refs{rfc("3.6.1")},
		Doc: `` + "`p=`" + ` contains ` + "`-----BEGIN PUBLIC KEY-----`" + `, an ` + "`ssh-rsa`" + ` line or the like. DKIM wants only the base64 between those lines;
with them no verifier can decode the key.

**Fix.** Drop the BEGIN and END lines and the line breaks.

Before: ` + "`p=-----BEGIN PUBLIC KEY----- MIIB…IDAQAB -----END PUBLIC KEY-----`" + `
After: ` + "`p=MIIB…IDAQAB`",
	}),
	{
		Meta: check.Meta{
			ID: "dkim-p-private-key", Standard: check.DKIM, Severity: check.Error,
			Title: "the private key is published",
			Refs:  refs{rfc("3.6.1"), rfc("8")},
			Doc: `What stands in DNS is the *private* key. Anybody who asked for the record can sign mail as this domain, and receivers will
accept it, DMARC included. The record was public from the first moment; deleting it does not make the key secret again.

**Fix.** Treat it as an incident. Make a new key under a new selector, switch the signer, then publish an empty ` + "`p=`" + ` at the
old selector and keep it there. The value is not repeated in this report.

Before: ` + "`s1._domainkey TXT \"v=DKIM1; p=(private key)\"`" + `
After: ` + "`s1._domainkey TXT \"v=DKIM1; p=\"` and `s2._domainkey TXT \"v=DKIM1; k=rsa; p=MIIBIjAN…\"`",
		},
		Applies: hasRecords,
		Run: func(f *Facts, r *check.Reporter) {
			reportProblems(f, r, "dkim-p-private-key")
			for _, s := range f.Stray {
				for _, p := range s.bad {
					if p.Rule == "dkim-p-private-key" {
						r.Report(check.Finding{Subject: s.Name.String(), Scope: "stray " + s.Text,
							Params: check.Params{"Name": s.Name.String(), "Form": p.Params["Form"]}})
					}
				}
			}
		},
	},
	keyRule(check.Meta{
		ID: "dkim-p-certificate", Severity: check.Error,
		Title: "a certificate stands in place of the key",
		Refs:  refs{rfc("3.6.1")},
		Doc: `` + "`p=`" + ` decodes to an X.509 certificate or a certificate request. DKIM has no certificates: verifiers expect the bare public key
and report a syntax error.

**Fix.** Publish the public key that is inside the certificate, if the signer really uses it; else the signer's own.

Before: ` + "`p=MIIDdzCCAl+gAwIBAgIE…`" + ` (a certificate)
After: ` + "`p=MIIBIjANBgkqhkiG9w0B…`" + ` (SubjectPublicKeyInfo)`,
	}),
	keyRule(check.Meta{
		ID: "dkim-p-pkcs1", Severity: check.Notice,
		Title: "the key is in the older RSAPublicKey form",
		Refs:  refs{rfc("3.6.1"), {Doc: "RFC 6376 erratum 3017", URL: "https://www.rfc-editor.org/errata/eid3017"}},
		Doc: `The key is a bare RSAPublicKey (PKCS #1). The text of RFC 6376 asks for this form, its examples use the other one,
SubjectPublicKeyInfo, and so does everybody. Erratum 3017 allows both, yet some verifiers read only the common one.

**Fix.** Publish the same key in the common form. The signer needs no change.

Before: ` + "`p=MIIBCgKCAQEA…IDAQAB`" + `
After: ` + "`p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA…IDAQAB`",
	}),
	keyRule(check.Meta{
		ID: "dkim-p-der-irregular", Severity: check.Warning,
		Title: "the key is not encoded by the rules",
		Refs:  refs{{Doc: "ITU-T X.690", URL: "https://www.itu.int/rec/T-REC-X.690"}, check.RFC(3279, "2.3.1")},
		Doc: `DER gives every value exactly one encoding. This key breaks a rule of it: a length or an integer that is longer than needed,
a negative number, missing NULL parameters, or a length left open. Lenient libraries read it, strict ones such as Go's refuse
it, so the result depends on the receiver.

**Fix.** Publish the canonical encoding of the same key, or have the tool write it again with
` + "`openssl rsa -pubin -in key.pem -outform DER`" + `. Before: ` + "`p=MIGhMA0…`" + `; after: ` + "`p=MIGfMA0…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-k-mismatch", Severity: check.Error,
		Variants: variants{{Name: "unreadable", Severity: check.Error}},
		Title:    "the data is not a key of the type named",
		Refs:     refs{rfc("3.6.1"), rfc("6.1.2")},
		Doc: `` + "`k=`" + ` (RSA where it is absent) says one thing and ` + "`p=`" + ` holds another: a key for another algorithm, such as ECDSA, or octets that
are no key at all. Verifiers report an inappropriate key.

**Fix.** Make a key of a type that DKIM has, RSA or Ed25519, and publish it under a new selector.

Before: ` + "`v=DKIM1; k=rsa; p=MFkwEwYHKoZIzj0C…`" + ` (an elliptic-curve key)
After: ` + "`v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG…`",
	}),
	keyRule(check.Meta{
		ID: "dkim-ed25519-wrapped", Severity: check.Error,
		Title: "the Ed25519 key is wrapped in ASN.1",
		Refs:  refs{check.RFC(8463, "4.2")},
		Doc: `For Ed25519 ` + "`p=`" + ` is the base64 of the bare 32 octets. This record has the key as OpenSSL exports it, 44 octets with an
ASN.1 header. Verifiers expect 32 and refuse it.

**Fix.** Publish the last 32 octets alone.

Before: ` + "`v=DKIM1; k=ed25519; p=MCowBQYDK2VwAyEA…`" + ` (60 characters)
After: ` + "`v=DKIM1; k=ed25519; p=…=`" + ` (44 characters)`,
	}),
	keyRule(check.Meta{
		ID: "dkim-ed25519-length", Severity: check.Error,
		Title: "the Ed25519 key does not have 32 octets",
		Refs:  refs{check.RFC(8463, "4.2")},
		Doc: `An Ed25519 public key is exactly 32 octets, 44 characters of base64. This one is not, so no verifier can use it: it was cut,
it is the 64-octet private form, or the type is wrong.

**Fix.** Have the signer show its public key again.

Before: ` + "`v=DKIM1; k=ed25519; p=vGkOBTozmgIkoBEWhDAfws==`" + `
After: ` + "`v=DKIM1; k=ed25519; p=(44 characters, the last one =)`",
	}),
	keyRule(check.Meta{
		ID: "dkim-ed25519-k-missing", Severity: check.Error,
		Title: "an Ed25519 key that is called RSA", CoveredBy: []string{"dkim-tag-case"},
		Refs: refs{check.RFC(8463, "4.2"), rfc("3.6.1")},
		Doc: `` + "`p=`" + ` holds an Ed25519 key, but ` + "`k=`" + ` is absent or says ` + "`rsa`" + `. Without ` + "`k=ed25519`" + ` verifiers read the octets as an RSA key and
report a syntax error.

**Fix.** Add the type.

Before: ` + "`v=DKIM1; p=vGkOBTozmgIkoBEWhDAfwsIln62vQtQwI2SkHqxyETs=`" + `
After: ` + "`v=DKIM1; k=ed25519; p=vGkOBTozmgIkoBEWhDAfwsIln62vQtQwI2SkHqxyETs=`",
	}),
}
