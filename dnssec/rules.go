package dnssec

import (
	"slices"

	"github.com/postseal/postseal/check"
)

// Rules judge Facts, in report order.
var Rules = slices.Concat(stateRules, keyRules, signatureRules)

var stateRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dnssec-bogus", Standard: check.DNSSEC, Severity: check.Error,
			Title: "the zone's signatures do not validate",
			Refs:  []check.Ref{check.RFC(4033, "")},
			// They name the cause.
			CoveredBy: []string{"dnssec-ds-mismatch", "dnssec-rrsig-not-yet-valid"},
			Doc: `The parent zone says that this one is signed, and its answers do not verify. Every validating resolver, those of
the large mailbox providers among them, answers SERVFAIL: mail to the domain waits and is returned, and mail from it
fails SPF and DKIM.

Repair it now. When the provider of the zone changed, the old DS record is usually still at the registrar: remove or
replace it. Else renew the signatures, and check the signer's clock.

Before, with the zone signed by a new key:

    example.com.  DS  12345 13 2 (digest of the old key)

After:

    example.com.  DS  54321 13 2 (digest of the new key)`,
		},
		Run: judged(func(f *Facts, r *check.Reporter) {
			if f.State == Bogus {
				r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{"Domain": f.Domain.String()}})
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-unsigned", Standard: check.DNSSEC, Severity: check.Notice,
			Title:    "the domain is not secured by DNSSEC",
			Variants: []check.Variant{{Name: "tlsa", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(4033, "")},

			CoveredBy: []string{"dnssec-algorithm-unsupported"},
			Doc: `Answers for this domain carry no proof, so whoever can answer first can change where mail goes and which keys
are believed. DANE is impossible: TLSA records in an unsigned zone are ignored.

Switch signing on at the provider of the zone, then hand the DS record to the registrar; the registry of the top-level
domain publishes it. Many providers do both with one click. A zone may be signed and still insecure: then the DS record
is missing, or uses an algorithm that validators no longer accept.

Before: the parent zone has no DS record for example.com.
After:

    example.com.  DS  54321 13 2 (digest of the zone's key)`,
		},
		Run: judged(func(f *Facts, r *check.Reporter) {
			if f.State != Insecure {
				return
			}
			find := check.Finding{Subject: f.Domain.String(), Params: check.Params{"Domain": f.Domain.String()}}
			if f.TLSAPublished {
				find.Variant = "tlsa"
			}
			r.Report(find)
		}),
	},
	{
		Meta: check.Meta{
			ID: "dnssec-resolver-not-validating", Standard: check.DNSSEC, Severity: check.Info,
			Title: "the resolver cannot tell whether answers are signed",
			Refs:  []check.Ref{check.RFC(4035, "")},
			Doc: `This is a limit of the audit, not a fault of the domain. Whether a name is secure is told by one bit in the
resolver's answer. It counts when the resolver validates and nobody can change the bit on its way: on this machine,
over TLS or HTTPS, or where you say that you trust the path. Until then DNSSEC and DANE are not measured, and the score
leaves them out.

Before:

    postseal audit --dns 192.0.2.53 example.com

After:

    postseal audit --dns tls://dns.example.net example.com`,
		},
		Applies: func(f *Facts) bool { return f.Cause != CauseZoneFile },
		Run: func(f *Facts, r *check.Reporter) {
			switch f.Cause {
			case "":
			case CauseNotTrusted, CauseNotValidating, CauseNoAnchor:
				r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{"Server": f.Lookup.Answer.Server}})
			default:
				r.Unknown(f.Unknown())
			}
		},
	},
}

// judged runs a rule that needs the state, and is unknown without it.
func judged(run func(*Facts, *check.Reporter)) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		if err := f.Unknown(); err != nil {
			r.Unknown(err)
			return
		}
		run(f, r)
	}
}
