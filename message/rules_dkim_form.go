package message

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// faultRule reports each fault of one code in each signature.
func faultRule(m check.Meta, code string) rule {
	return rule{Meta: m, Applies: hasSignature, Run: func(f *Facts, r *check.Reporter) {
		for _, s := range f.judged() {
			for _, fault := range s.Faults {
				if fault.Code == code {
					r.Report(f.onFault(s, fault))
				}
			}
		}
	}}
}

// onFault points at the fault in the field.
func (f *Facts) onFault(s *Signature, fault Fault) check.Finding {
	out := f.onSignature(s)
	p := out.Params
	p["Tag"], p["Text"], p["Kind"] = fault.Tag, clip(fault.Text), fault.kind
	out.Span = spanIn(out.Record, len(f.Message.Fields[s.Field].Name)+2, fault.Span)
	out.Fix = advice("")
	return out
}

// dkimFormRules judge the field as it is written.
var dkimFormRules = []rule{
	faultRule(check.Meta{
		ID: "msg-dkim-missing-tag", Severity: check.Error, Title: "a signature lacks a tag that it must have",
		Refs: refs{check.RFC(6376, "3.5"), check.RFC(6376, "6.1.1")},
		Doc: "A DKIM-Signature needs v, a, b, bh, d, h and s. Without one of them verifiers stop with a permanent error, and the\n" +
			"message counts as not signed.\n\n" +
			"**Fix:** update or configure the signer; a tag is mostly lost when something else rewrites the field.\n\n" +
			"Before: `DKIM-Signature: a=rsa-sha256; d=example.com; …`. After: `DKIM-Signature: v=1; a=rsa-sha256; d=example.com; …`.",
	}, reasonMissingTag),
	faultRule(check.Meta{
		ID: "msg-dkim-syntax", Severity: check.Error, Title: "a signature is malformed",
		Refs: refs{check.RFC(6376, "3.5"), check.RFC(6376, "3.2")},
		Doc: "The field is no list of tags as RFC 6376 has it: a tag stands twice, base64 is damaged, an element has no `=`, `v` is not 1,\n" +
			"or a value is none of those known. Verifiers stop with a permanent error, and the message counts as not signed.\n\n" +
			"**Fix:** look at the place shown; update the signer, or stop the hop that rewrites the field.\n\n" +
			"Before: `c=relax/relax`. After: `c=relaxed/relaxed`.",
	}, reasonSyntax),
	faultRule(check.Meta{
		ID: "msg-dkim-sha1", Severity: check.Error, Title: "a signature uses SHA-1",
		Refs: refs{check.RFC(8301, "3.1")},
		Doc: "`a=rsa-sha1` must neither be made nor accepted since 2018: collisions of SHA-1 can be computed. Verifiers treat the\n" +
			"message as not signed.\n\n" +
			"**Fix:** set the signer to rsa-sha256. The key stays as it is, unless its record has `h=sha1`.\n\n" +
			"Before: `a=rsa-sha1`. After: `a=rsa-sha256`.",
	}, reasonSHA1),
	faultRule(check.Meta{
		ID: "msg-dkim-alg-unknown", Severity: check.Warning, Title: "a signature uses an algorithm that verifiers do not know",
		Refs: refs{check.RFC(6376, "6.1.1"), check.RFC(8463, "3")},
		Doc: "Verifiers know rsa-sha256, and newer ones ed25519-sha256. Any other value in `a=` is ignored, and with it the signature.\n\n" +
			"**Fix:** sign with rsa-sha256, and with ed25519-sha256 beside it if wanted.\n\n" +
			"Before: `a=rsa-sha512`. After: `a=rsa-sha256`.",
	}, reasonAlgorithm),
	faultRule(check.Meta{
		ID: "msg-dkim-from-unsigned", Severity: check.Error, Title: "a signature does not cover From",
		Refs: refs{check.RFC(6376, "5.4"), check.RFC(6376, "6.1.1")},
		Doc: "From must be among the signed fields. A signature without it says nothing about the author, and verifiers refuse it\n" +
			"with a permanent error.\n\n" +
			"**Fix:** put `from` into the signer's list of fields, once more than it stands in the message.\n\n" +
			"Before: `h=to:subject:date`. After: `h=from:from:to:subject:date`.",
	}, reasonFrom),
	faultRule(check.Meta{
		ID: "msg-dkim-i-outside-d", Severity: check.Error, Title: "the identity is outside the signing domain",
		Refs: refs{check.RFC(6376, "3.5"), check.RFC(6376, "6.1.1")},
		Doc: "The domain in `i=` must be that in `d=` or lie below it. Verifiers refuse anything else with a permanent error.\n\n" +
			"**Fix:** leave `i=` out, or give it the domain of `d=`.\n\n" +
			"Before: `d=example.com; i=a@example.net`. After: `d=example.com; i=a@example.com`.",
	}, reasonIdentity),
	faultRule(check.Meta{
		ID: "msg-dkim-x-before-t", Severity: check.Error, Title: "a signature expires before it was made",
		Refs: refs{check.RFC(6376, "3.5")},
		Doc: "The time in `x=` must be later than that in `t=`. Strict verifiers refuse the signature, and to all others it has expired\n" +
			"as soon as it is made.\n\n" +
			"**Fix:** correct the clock or the lifetime in the signer's configuration.\n\n" +
			"Before: `t=1700000000; x=1699999999`. After: `t=1700000000; x=1700604800`.",
	}, reasonTimes),
	signatureRule(check.Meta{
		ID: "msg-dkim-t-future", Severity: check.Notice, Title: "a signature was made after the message came in",
		Refs: refs{check.RFC(6376, "3.5")},
		Doc: "The time in `t=` lies more than five minutes after the time of reception: one of the two clocks is wrong. Some verifiers\n" +
			"refuse signatures from the future.\n\n" +
			"**Fix:** let the signing machine set its clock by NTP.\n\n" +
			"Before: `t=1700003600` in a message received at 1700000000. After: `t=1699999990`.",
	}, func(f *Facts, s *Signature, fd *check.Finding) bool {
		if !s.Ahead {
			return false
		}
		fd.Params["Signed"], fd.Params["Received"], fd.Fix = clock(s.Time), clock(f.receivedAt().Unix()), advice("")
		return true
	}),
	signatureRule(check.Meta{
		ID: "msg-dkim-no-x", Severity: check.Info, Title: "a signature never expires",
		Refs: refs{check.RFC(6376, "8.6")},
		Doc: "Without `x=` a signed message can be sent again by anybody, to any number of recipients, for as long as the key is\n" +
			"published. An expiry of some weeks limits such replays and hinders nobody.\n\n" +
			"**Better:** let the signer write `x=`, with room for queues and slow forwarding.\n\n" +
			"Before: `t=1700000000`. After: `t=1700000000; x=1701209600`.",
	}, func(_ *Facts, s *Signature, _ *check.Finding) bool { return len(s.Faults) == 0 && s.Expires < 0 }),
	signatureRule(check.Meta{
		ID: "msg-dkim-simple", Severity: check.Info, Title: "a signature is sensitive to line breaks in the header",
		Refs: refs{check.RFC(6376, "3.4.1")},
		Doc: "The header is canonicalised as `simple`, because `c=` says so or is absent. Any hop that folds a long line in another\n" +
			"place, or changes a space, then breaks the signature, although no reader could see a difference.\n\n" +
			"**Better:** sign with `c=relaxed/relaxed`.\n\n" +
			"Before: no `c=`. After: `c=relaxed/relaxed`.",
	}, func(_ *Facts, s *Signature, fd *check.Finding) bool {
		fd.Params["Stated"] = s.list.get("c") != nil
		return len(s.Faults) == 0 && s.header == simple
	}),
	signatureRule(check.Meta{
		ID: "msg-dkim-z", Severity: check.Notice, Title: "a signature carries copies of header fields",
		Refs: refs{check.RFC(6376, "8.10")},
		Doc: "`z=` holds the header fields as they were when signed, for debugging. It makes the message larger and keeps text, such as\n" +
			"an earlier Subject or recipients, that was meant to be gone.\n\n" +
			"**Fix:** switch the option off in the signer.\n\n" +
			"Before: `z=From:a@example.com|Subject:Hello`. After: no `z=`.",
	}, func(_ *Facts, s *Signature, fd *check.Finding) bool {
		fd.Fix = advice("")
		return s.list.get("z") != nil
	}),
	{
		Meta: check.Meta{
			ID: "msg-dkim-duplicate", Severity: check.Notice, Title: "two signatures by the same key",
			Refs: refs{check.RFC(6376, "4")},
			Doc: "Two signatures have the same domain, selector and algorithm: the message went through a signer twice. That costs octets\n" +
				"and the verifiers' time, and the older one is often broken by then.\n\n" +
				"**Fix:** sign once, at the last hop that changes the message.\n\n" +
				"Before: two fields with `d=example.com; s=s1`. After: one.",
		},
		Applies: hasSignature,
		Run: func(f *Facts, r *check.Reporter) {
			count := map[string]int{}
			for _, s := range f.judged() {
				key := s.Domain.String() + " " + strings.ToLower(s.Selector) + " " + s.Algo
				if count[key]++; s.Domain != "" && count[key] == 2 {
					fd := f.onSignature(s)
					fd.Fix = advice("")
					r.Report(fd)
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-dkim-ed25519-alone", Severity: check.Notice, Title: "the only signature is of a kind that few verify",
			Refs: refs{check.RFC(8463, "6")},
			Doc: "All signatures use ed25519-sha256. Many receivers verify RSA only and treat the message as not signed.\n\n" +
				"**Fix:** sign twice, with ed25519-sha256 and with rsa-sha256, under two selectors.\n\n" +
				"Before: one signature, `a=ed25519-sha256; s=ed`. After: a second one, `a=rsa-sha256; s=s1`.",
		},
		Applies: hasSignature,
		Run: func(f *Facts, r *check.Reporter) {
			if !slices.ContainsFunc(f.Signatures, func(s *Signature) bool { return s.Algo != "ed25519-sha256" }) {
				fd := f.onSignature(f.Signatures[0])
				fd.Fix = advice("")
				r.Report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-dkim-many", Severity: check.Notice, Title: "the message has many signatures",
			Refs: refs{check.RFC(6376, "4"), check.RFC(6376, "8.4")},
			Doc: "A message needs one signature of the author's domain, and perhaps one of the service that sends it. Each signature makes\n" +
				"verifiers ask DNS; they may stop after a few, and the one that counts may be among the rest. Here the first ten are verified.\n\n" +
				"**Fix:** find the hops that sign again and switch that off.\n\n" +
				"Before: eight DKIM-Signature fields. After: two.",
		},
		Applies: hasSignature,
		Run: func(f *Facts, r *check.Reporter) {
			if n := len(f.Signatures); n > 5 {
				r.Report(check.Finding{Subject: "DKIM-Signature", Params: check.Params{"Count": n, "Rest": max(n-maxVerified, 0)}, Fix: advice("")})
			}
		},
	},
}
