package dkim

import (
	"github.com/postseal/postseal/check"
)

// inSeparator: where the tags had to be separated first, what the key is worth
// is a consequence.
var inSeparator = []string{"dkim-separator-missing"}

// strengthRules judge what a readable key is worth.
var strengthRules = []rule{
	keyRule(check.Meta{
		ID: "dkim-rsa-too-short", Severity: check.Error,
		Title: "an RSA key under 1024 bits", CoveredBy: inSeparator,
		Refs: refs{check.RFC(8301, "3.2")},
		Doc: `RFC 8301 forbids verifiers to accept RSA keys under 1024 bits, so signatures with this key count as missing. Receivers that
accept them anyway can be deceived: a 512-bit key is factored within hours for a few dollars, and then anybody signs as
the domain.

**Fix.** Make a 2048-bit key under a *new* selector, switch the signer, then revoke the old one.

Before: ` + "`s1._domainkey TXT \"v=DKIM1; p=MFwwDQYJ…\"` (512 bits)" + `
After: ` + "`s202611a._domainkey TXT \"v=DKIM1; k=rsa; p=MIIBIjAN…\"` and `s1._domainkey TXT \"v=DKIM1; p=\"`",
	}),
	keyRule(check.Meta{
		ID: "dkim-rsa-1024", Severity: check.Warning,
		Title: "an RSA key under 2048 bits", CoveredBy: inSeparator,
		Refs: refs{check.RFC(8301, "3.2")},
		Doc: `RFC 8301 asks signers for 2048 bits or more. 1024 bits verify everywhere, but are within reach of those who can spend much;
several policies require 2048.

**Fix.** Make a 2048-bit key under a new selector, switch, revoke the old one after a week. Providers have a switch for it:
Google Workspace (key length when a key is generated), Microsoft 365 (` + "`Rotate-DkimSigningConfig -KeySize 2048`" + `), Amazon SES
(next signing key length). Some providers choose the key themselves; then only they can change it.

Before: ` + "`p=MIGfMA0…`" + ` (1024 bits)
After: ` + "`p=MIIBIjAN…`" + ` (2048 bits)`,
	}),
	keyRule(check.Meta{
		ID: "dkim-rsa-over-4096", Severity: check.Warning,
		Variants: variants{{Name: "absurd", Severity: check.Warning}},
		Title:    "an RSA key over 4096 bits",
		Refs:     refs{check.RFC(8301, "3.2")},
		Doc: `Verifiers must handle RSA keys of 1024 to 4096 bits and may refuse longer ones. Mail signed with this key fails there, and
everywhere the answer needs TCP and verifying takes long.

**Fix.** Make a key of 2048 or 3072 bits under a new selector.

Before: ` + "`k=rsa; p=MIIEIjAN…`" + ` (8192 bits)
After: ` + "`k=rsa; p=MIIBIjAN…`" + ` (2048 bits)`,
	}),
	keyRule(check.Meta{
		ID: "dkim-rsa-4096", Severity: check.Info,
		Title: "a long RSA key",
		Refs:  refs{check.RFC(8301, "3.2")},
		Doc: `3072 to 4096 bits are allowed everywhere and secure. The price is a longer DNS answer, which some panels cut and some networks
handle badly, and slower verifying. 2048 bits are enough for signatures that matter for days.

**What to do.** Nothing. At the next rotation 2048 bits will do: before, a record of 754 characters in three strings; after,
410 characters in two.`,
	}),
	keyRule(check.Meta{
		ID: "dkim-rsa-odd-size", Severity: check.Notice,
		Title: "an RSA key of unusual length", CoveredBy: []string{"dkim-rsa-too-short", "dkim-rsa-1024"},
		Refs: refs{check.RFC(8301, "3.2")},
		Doc: `The length of the modulus is no multiple of 256 bits. Good generators fix the top bits of both primes so that the product has
exactly the length asked for; a modulus of 2047 bits tells of one that does not. Limits are counted in real bits, so 1023 is
under 1024.

**Fix.** Make the next key with a current tool: ` + "`postseal generate dkim`" + ` or ` + "`openssl genrsa 2048`" + `.
Before: 2047 bits; after: 2048 bits.`,
	}),
	keyRule(check.Meta{
		ID: "dkim-rsa-exponent-invalid", Severity: check.Error,
		Title: "an RSA exponent that cannot work",
		Refs:  refs{check.RFC(8017, "3.1")},
		Doc: `The public exponent of an RSA key is odd, at least 3 and less than the modulus. With 1 every message is its own signature, and with an even number
nothing can be signed so that it verifies. The key is a damaged copy or was made by broken software.

**Fix.** Make a new key under a new selector; every current tool uses 65537.

Before: exponent 1 (` + "`…AgEB`" + ` at the end of ` + "`p`" + `)
After: exponent 65537 (` + "`…IDAQAB`" + `)`,
	}),
	keyRule(check.Meta{
		ID: "dkim-rsa-exponent-small", Severity: check.Warning,
		Title: "a small RSA exponent",
		Refs:  refs{check.RFC(8017, "3.1"), cve("CVE-2006-4339")},
		Doc: `With a small public exponent such as 3, a verifier that checks the padding of a signature carelessly accepts forged ones; this
was found in many libraries since 2006. A good verifier is not affected, but the choice of the verifier is not yours.

**Fix.** Make a new key with exponent 65537, which every current tool uses, under a new selector.

Before: ` + "`p=MIGdMA0…AgED`" + ` (exponent 3)
After: ` + "`p=MIIBIjAN…IDAQAB`" + ` (exponent 65537)`,
	}),
	keyRule(check.Meta{
		ID: "dkim-rsa-exponent-large", Severity: check.Notice,
		Title: "a very large RSA exponent",
		Refs:  refs{check.RFC(8017, "3.1")},
		Doc: `The public exponent is over 2^31 - 1. It is legal, but some libraries refuse such keys (Go reads them and then declines to
verify), and verifying takes long. It gains nothing.

**Fix.** Make a new key with exponent 65537 under a new selector.

Before: an exponent of 33 bits or more
After: exponent 65537 (` + "`…IDAQAB`" + ` at the end of ` + "`p`" + `)`,
	}),
	keyRule(check.Meta{
		ID: "dkim-rsa-trivial-factor", Severity: check.Error,
		Variants: variants{{Name: "square", Severity: check.Error}, {Name: "prime", Severity: check.Error}},
		Title:    "an RSA modulus that anybody can factor",
		Refs:     refs{check.RFC(8017, "3.1")},
		Doc: `An RSA modulus is the product of two large, different primes. This one has a small factor, is a perfect square or a prime itself, so either the
text was damaged in copying, and no signature verifies, or the key is worthless and anybody can compute the private half.

**Fix.** Compare the record with what the signer shows. If it is the same, make a new key under a new selector.

Before: modulus divisible by 3
After: a key made by ` + "`postseal generate dkim`",
	}),
	keyRule(check.Meta{
		ID: "dkim-rsa-fermat", Severity: check.Error,
		Title: "an RSA key whose primes are too close",
		Refs:  refs{cve("CVE-2022-26320")},
		Doc: `The two primes lie so close together that Fermat's method finds them from the square root in a moment. Printers and
appliances with a faulty crypto library made such keys. Anybody can compute the private key from the DNS record and sign as
the domain.

**Fix.** Make a new key on other software, under a new selector, and revoke this one at once.

Before: factored within a few steps
After: a key made by ` + "`postseal generate dkim`",
	}),
	keyRule(check.Meta{
		ID: "dkim-rsa-roca", Severity: check.Error,
		Title: "an RSA key with the ROCA weakness",
		Refs:  refs{cve("CVE-2017-15361")},
		Doc: `The modulus has the fingerprint of a library in Infineon chips (smart cards, TPMs, tokens of 2012 to 2017) that makes primes of
a narrow form. Keys of common lengths can be factored with moderate means. The odds that another key has the fingerprint by
chance are negligible.

**Fix.** Make a new key in software, under a new selector, and revoke this one.

Before: a key made on an affected token
After: a key made by ` + "`postseal generate dkim`",
	}),
	keyRule(check.Meta{
		ID: "dkim-known-public-key", Severity: check.Error,
		Variants: variants{{Name: "listed", Severity: check.Error}},
		Title:    "the private half of the key is public",
		Refs:     refs{rfc("C"), check.RFC(8463, "A")},
		Doc: `This is the example key of a standard, and its private half is printed beside it. Anybody can sign mail as this domain with it,
and receivers will accept the signature. It got here by copying an example instead of making a key. With
` + "`--weak-keys`" + ` keys are found too whose private halves lie in public collections: of test suites, firmware, repositories.

**Fix.** Make your own key under a new selector, switch the signer, and revoke this one at once.

Before: ` + "`p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=`" + ` (RFC 8463)
After: a key made by ` + "`postseal generate dkim`",
	}),
	keyRule(check.Meta{
		ID: "dkim-ed25519-bad-point", Severity: check.Error,
		Variants: variants{{Name: "encoding", Severity: check.Error}, {Name: "curve", Severity: check.Error}, {Name: "order", Severity: check.Error}},
		Title:    "the Ed25519 key is no usable point",
		Refs:     refs{check.RFC(8032, "5.1.3")},
		Doc: `The 32 octets are not a point of the curve, or one of its eight points of small order. In the first case nothing verifies; the
octets were damaged or never were a key. In the second, signatures can be made without any private key.

**Fix.** Make a new key under a new selector.

Before: ` + "`k=ed25519; p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=`" + `
After: a key made by ` + "`postseal generate dkim --type ed25519`",
	}),
	keyRule(check.Meta{
		ID: "dkim-ed25519-present", Severity: check.Info,
		Title: "a usable Ed25519 key",
		Refs:  refs{check.RFC(8463, "")},
		Doc: `The selector has a valid Ed25519 key: short in DNS, fast, and strong. Not every receiver verifies Ed25519 yet, so mail should
carry an RSA signature too, under a selector of its own.

**What to do.** Nothing, as long as an RSA key stands beside it. Example of the pair: ` + "`s1._domainkey`" + ` with
` + "`v=DKIM1; k=rsa; p=MIIB…`" + ` and ` + "`s2._domainkey`" + ` with ` + "`v=DKIM1; k=ed25519; p=…`" + `.`,
	}),
}
