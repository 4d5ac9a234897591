package dnssec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// keyRules judge the keys of the zone and the DS records that name them.
var keyRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dnssec-ds-mismatch", Standard: check.DNSSEC, Severity: check.Error,
			Title: "no DS record names a key of the zone",
			Refs:  []check.Ref{check.RFC(4034, "5")},
			Doc: `The DS records at the parent are digests of keys that the zone does not have, so nothing in it validates and
every validating resolver answers SERVFAIL. This is what a move to another DNS provider leaves behind when the registrar
was not told.

Replace the DS record with that of a key in the zone, or remove it until the new one is known.

Before:

    example.com.  DS      12345 13 2 (digest of the old key)
    example.com.  DNSKEY  257 3 13 (a key with tag 54321)

After:

    example.com.  DS      54321 13 2 (digest of the new key)`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			if f.State != Insecure && len(s.DS) > 0 && len(s.Keys) > 0 && !slices.ContainsFunc(s.DS, matches) {
				r.Report(finding(f, check.Params{"DS": tagsOf(s.DS), "Keys": tagsOfKeys(s.Keys)}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-ds-stale", Standard: check.DNSSEC, Severity: check.Notice,
			Title: "a DS record names no key of the zone",
			Refs:  []check.Ref{check.RFC(6781, "")},
			Doc: `One DS record at the parent fits a key of the zone, and another fits none. Validators use the one that fits, so
nothing breaks. Before a key is rolled the next DS may stand there early; a leftover only confuses the next roll.

If no roll is under way, remove the record at the registrar.

Before:

    example.com.  DS  12345 13 2 (digest of a key that is gone)
    example.com.  DS  54321 13 2 (digest of the key in use)

After:

    example.com.  DS  54321 13 2 (digest of the key in use)`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			// An algorithm's keys and digests that cannot be computed here are no leftovers.
			stale := slices.DeleteFunc(slices.Clone(s.DS), func(d DS) bool { return d.Matches || !d.Usable() })
			if len(stale) > 0 && slices.ContainsFunc(s.DS, matches) {
				r.Report(finding(f, check.Params{"DS": tagsOf(stale)}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-island", Standard: check.DNSSEC, Severity: check.Notice,
			Title: "the zone is signed and its parent does not say so",
			Refs:  []check.Ref{check.RFC(4033, "2")}, CoveredBy: []string{"dnssec-unsigned"},
			Doc: `The zone has keys and signatures, and the parent has no DS record for it. Nobody can find out that the keys are
the right ones, so validators treat every answer as unsigned: the work of signing protects nobody.

Hand the DS record of the key-signing key to the registrar; some providers publish it as CDS, which a few registries fetch.

Before: example.com has a DNSKEY record, and the parent has no DS record.
After:

    example.com.  DS  54321 13 2 (digest of the zone's key)`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			if f.State == Insecure && len(s.Keys) > 0 && len(s.DS) == 0 {
				r.Report(finding(f, check.Params{"Keys": tagsOfKeys(s.Keys)}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-algorithm-unsupported", Standard: check.DNSSEC, Severity: check.Warning,
			Title: "the zone is signed with algorithms that validators do not follow",
			Refs:  []check.Ref{check.RFC(4035, "5.2"), check.RFC(9905, "2")},
			Doc: `The parent has DS records for this zone, and each of them uses an algorithm or a digest that validators no longer
follow or do not know. They then treat the zone as if it were not signed: its answers are insecure, and DANE is impossible.

Sign the zone with algorithm 13 (ECDSA P-256), publish a DS record with digest type 2, and remove the old key once caches
have let go of it.

Before:

    example.com.  DS  12345 5 1 (an RSASHA1 key)

After:

    example.com.  DS  54321 13 2 (an ECDSA P-256 key)`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			if f.State == Insecure && len(s.DS) > 0 && !slices.ContainsFunc(s.DS, func(d DS) bool { return d.Usable() }) {
				r.Report(finding(f, check.Params{"DS": tagsOf(s.DS)}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-algorithm-must-not", Standard: check.DNSSEC, Severity: check.Warning,
			Title: "the zone is signed with an algorithm that must not be used",
			Refs:  []check.Ref{check.RFC(9905, "2"), check.RFC(9904, "")}, CoveredBy: []string{"dnssec-algorithm-unsupported"},
			Doc: `Every key of the zone uses an algorithm that the IANA registry of DNSSEC algorithms says must not be used to sign:
RSAMD5, DSA, RSASHA1 or GOST. Validators are told to treat such zones as unsigned, and one after the other does.

Roll the zone to algorithm 13 (ECDSA P-256), or 8 (RSASHA256) where the signer knows no other.

Before:

    example.com.  DNSKEY  257 3 7 (an RSASHA1-NSEC3-SHA1 key)

After:

    example.com.  DNSKEY  257 3 13 (an ECDSA P-256 key)`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			// During a roll old and new stand side by side: the set is judged.
			if len(s.Keys) > 0 && !slices.ContainsFunc(s.Keys, func(k dns.DNSKEY) bool { return !mustNot[k.Algorithm] }) {
				r.Report(finding(f, check.Params{"Algorithms": algorithmsOf(s.Keys)}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-algorithm-not-recommended", Standard: check.DNSSEC, Severity: check.Notice,
			Title: "the zone is signed with an algorithm that is no longer recommended",
			Refs:  []check.Ref{check.RFC(9904, "")},
			Doc: `Every key of the zone uses algorithm 10, RSASHA512. It validates everywhere, and the registry of algorithms no longer
recommends it for signing: its answers are larger than those of others, and no safer.

Roll the zone to algorithm 13 (ECDSA P-256) when the next key is due.

Before:

    example.com.  DNSKEY  257 3 10 (an RSASHA512 key)

After:

    example.com.  DNSKEY  257 3 13 (an ECDSA P-256 key)`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			if len(s.Keys) > 0 && !slices.ContainsFunc(s.Keys, func(k dns.DNSKEY) bool { return k.Algorithm != 10 }) {
				r.Report(finding(f, nil))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-ds-sha1", Standard: check.DNSSEC, Severity: check.Warning,
			Title:    "a DS record has a SHA-1 digest",
			Variants: []check.Variant{{Name: "beside", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(9904, "")}, CoveredBy: []string{"dnssec-algorithm-unsupported"},
			Doc: `A DS record is the digest of a key, and digest type 1 is SHA-1, for which two inputs with one digest can be made.
Validators are dropping it: one that has, and finds no other digest, treats the zone as unsigned.

Hand a DS record of digest type 2 (SHA-256) to the registrar and remove the other. Where both stand, validators ignore
SHA-1 already.

Before:

    example.com.  DS  54321 13 1 (a SHA-1 digest)

After:

    example.com.  DS  54321 13 2 (a SHA-256 digest)`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			if !slices.ContainsFunc(s.DS, func(d DS) bool { return d.Digest == 1 }) {
				return
			}
			find := finding(f, nil)
			if slices.ContainsFunc(s.DS, func(d DS) bool { return d.Digest == 2 || d.Digest == 4 }) {
				find.Variant = "beside"
			}
			r.Report(find)
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-rsa-short", Standard: check.DNSSEC, Severity: check.Warning,
			Title:    "an RSA key of the zone is short",
			Variants: []check.Variant{{Name: "zsk", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(6781, "")},
			Doc: `Whoever finds the private half of a zone's key can sign any answer below it. RSA keys of less than 2048 bits are
within reach of large attackers. A zone-signing key of 1024 bits or more is less of a worry where it is replaced often,
which one look cannot tell.

Use RSA keys of 2048 bits, or ECDSA P-256, which is stronger and makes shorter answers.

Before:

    example.com.  DNSKEY  257 3 8 (a key of 1024 bits)

After:

    example.com.  DNSKEY  257 3 13 (an ECDSA P-256 key)`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			for _, k := range s.Keys {
				if k.Bits == 0 || k.Bits >= 2048 {
					continue
				}
				find := finding(f, check.Params{"Tag": k.Tag, "Bits": k.Bits})
				if !k.SEP && k.Bits >= 1024 {
					find.Variant = "zsk"
				}
				r.Report(find)
			}
		}),
	},
}

// mustNot are the algorithms that must not be used for signing (IANA registry
// "DNS Security Algorithm Numbers", RFC 9905 §2).
var mustNot = map[uint8]bool{1: true, 3: true, 5: true, 6: true, 7: true, 12: true}

func hasSigning(f *Facts) bool { return f.Signing != nil }

// signing runs a rule over what the zone publishes, and is unknown without it.
func signing(run func(*Facts, *Signing, *check.Reporter)) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		if f.Signing.Error != nil {
			r.Unknown(f.Signing.Error)
			return
		}
		run(f, f.Signing, r)
	}
}

// finding is about the domain; params get its name.
func finding(f *Facts, params check.Params) check.Finding {
	if params == nil {
		params = check.Params{}
	}
	params["Domain"] = f.Domain.String()
	return check.Finding{Subject: f.Domain.String(), Params: params}
}

func matches(d DS) bool { return d.Matches }

// list joins a few items; more than that would be no sentence.
func list[T any](all []T, text func(T) string) string {
	const few = 6
	var out []string
	for _, v := range all {
		if s := text(v); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if len(out) > few {
		out = append(out[:few], "…")
	}
	return strings.Join(out, ", ")
}

func tagsOf(ds []DS) string {
	return list(ds, func(d DS) string { return fmt.Sprintf("%d %d %d", d.Tag, d.Algorithm, d.Digest) })
}

func tagsOfKeys(keys []dns.DNSKEY) string {
	return list(keys, func(k dns.DNSKEY) string { return fmt.Sprint(k.Tag) })
}

func algorithmsOf(keys []dns.DNSKEY) string {
	return list(keys, func(k dns.DNSKEY) string { return fmt.Sprint(k.Algorithm) })
}
