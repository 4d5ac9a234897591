package dnssec

import (
	"slices"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// signatureRules judge when signatures hold, how denials are hashed, and what
// the zone asks of its parent.
var signatureRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dnssec-rrsig-expiring", Standard: check.DNSSEC, Severity: check.Warning,
			Title: "a signature of the zone runs out soon",
			Refs:  []check.Ref{check.RFC(4034, "3")}, CoveredBy: []string{"dnssec-bogus"},
			Doc: `Signatures have an end, and a signer replaces them well before it. This one has less than three days left, and less
than a fifth of its life: the signer has probably stopped. At that moment the zone turns bogus and validating resolvers
answer SERVFAIL.

Start the signer again, or have it sign anew, and watch the dates.

Before: the signature over the SOA ends tomorrow, and was made for 30 days.
After: it ends in 14 days or more.`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			if sig := earliest(s); sig != nil {
				left, life := sig.Expiration.Sub(s.Now), sig.Expiration.Sub(sig.Inception)
				if left < min(3*24*time.Hour, life/5) {
					r.Report(finding(f, check.Params{"Type": sig.Covered.String(), "At": stamp(sig.Expiration)}))
				}
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-rrsig-not-yet-valid", Standard: check.DNSSEC, Severity: check.Error,
			Title: "the zone's signatures begin in the future",
			Refs:  []check.Ref{check.RFC(4034, "3")}, CoveredBy: []string{"dnssec-ds-mismatch"},
			Doc: `A signature holds from its inception on, and the one here begins later than now, so validators refuse it: the zone is
bogus. The clock of the signer runs ahead, or the clock of this machine is behind; look at your own first.

Set the signer's clock by NTP and sign the zone again; signers usually begin an hour in the past to allow for clocks.

Before: the signature's inception is two hours from now.
After: the inception lies an hour in the past.`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			if f.State != Bogus {
				return // others validate it: the clock of this machine is behind
			}
			for _, t := range []dns.Type{dns.TypeDNSKEY, dns.TypeSOA} {
				sigs := slices.DeleteFunc(slices.Clone(s.Signatures), func(g dns.Signature) bool { return g.Covered != t })
				early := func(g dns.Signature) bool { return g.Inception.After(s.Now.Add(5 * time.Minute)) }
				if len(sigs) > 0 && !slices.ContainsFunc(sigs, func(g dns.Signature) bool { return !early(g) }) {
					r.Report(finding(f, check.Params{"Type": t.String(), "At": stamp(sigs[0].Inception), "Now": stamp(s.Now)}))
					return
				}
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-nsec3-iterations", Standard: check.DNSSEC, Severity: check.Notice,
			Title:    "denials are hashed more than once",
			Variants: []check.Variant{{Name: "many", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(9276, "3.1"), check.RFC(9276, "3.2")},
			Doc: `NSEC3 hashes names so that a zone cannot be listed, and may hash them again and again. More rounds keep nobody out and
cost every resolver time, so they are to be 0. Validators treat zones with many rounds as unsigned, and some refuse them.

Set the iterations to 0 and the salt to "-" in the signer.

Before:

    example.com.  NSEC3PARAM  1 0 10 AABBCCDD

After:

    example.com.  NSEC3PARAM  1 0 0 -`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			if s.NSEC3 == nil || s.NSEC3.Iterations == 0 {
				return
			}
			find := finding(f, check.Params{"Iterations": s.NSEC3.Iterations})
			if s.NSEC3.Iterations >= 50 {
				find.Variant = "many"
			}
			r.Report(find)
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-nsec3-salt", Standard: check.DNSSEC, Severity: check.Info,
			Title: "denials are hashed with a salt",
			Refs:  []check.Ref{check.RFC(9276, "3.1")},
			Doc: `A salt in NSEC3 was meant to spoil tables of hashes made beforehand. The name of the zone is part of every hash already,
so a salt adds nothing, and changing it means to sign every denial again.

Leave the salt empty, written "-", when the signer's settings are next touched.

Before:

    example.com.  NSEC3PARAM  1 0 0 AABBCCDD

After:

    example.com.  NSEC3PARAM  1 0 0 -`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			if s.NSEC3 != nil && s.NSEC3.Salt != "" && s.NSEC3.Salt != "-" {
				r.Report(finding(f, check.Params{"Octets": len(s.NSEC3.Salt) / 2}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-nsec3-optout", Standard: check.DNSSEC, Severity: check.Info,
			Title: "denials may leave names out",
			Refs:  []check.Ref{check.RFC(5155, "6")},
			Doc: `The zone uses NSEC3 with opt-out: delegations that are not signed are left out of the proofs. A denial then cannot be
told from one that hides such a delegation, and validators call it insecure although the zone is signed.

Opt-out is made for zones with very many delegations, as top-level domains. In an ordinary zone switch it off.

Before: NSEC3 records of the zone have flag 1.
After: they have flag 0.`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			if s.NSEC3 != nil && s.NSEC3.OptOut {
				r.Report(finding(f, nil))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-cds-delete", Standard: check.DNSSEC, Severity: check.Notice,
			Title: "the zone asks its parent to switch DNSSEC off",
			Refs:  []check.Ref{check.RFC(8078, "4")},
			Doc: `A CDS record with algorithm 0 tells the parent to remove the DS record. Registries that read CDS will do so, and from then
on the domain is not secured: DANE ends, and answers can be forged again.

If that is meant, as before a move to a provider that does not sign, nothing is to be done. Else replace the record by
the CDS of the key in use, or remove it.

Before:

    example.com.  CDS  0 0 0 00

After:

    example.com.  CDS  54321 13 2 (digest of the zone's key)`,
		},
		Applies: hasSigning,
		Run: signing(func(f *Facts, s *Signing, r *check.Reporter) {
			if s.Delete {
				r.Report(finding(f, nil))
			}
		}),
	},
}

// earliest is the signature that runs out first, of the latest over each set: one
// that a newer has replaced may go.
func earliest(s *Signing) *dns.Signature {
	last := map[dns.Type]*dns.Signature{}
	for i := range s.Signatures {
		g := &s.Signatures[i]
		if have := last[g.Covered]; have == nil || g.Expiration.After(have.Expiration) {
			last[g.Covered] = g
		}
	}
	var first *dns.Signature
	for _, t := range []dns.Type{dns.TypeDNSKEY, dns.TypeSOA} {
		if g := last[t]; g != nil && (first == nil || g.Expiration.Before(first.Expiration)) {
			first = g
		}
	}
	return first
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
