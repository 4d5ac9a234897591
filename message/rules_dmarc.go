package message

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
)

// noDKIM are the findings that take DKIM away: where DMARC then rests on SPF
// alone, or fails, they are the reason.
var noDKIM = []string{
	"msg-dkim-none", "msg-dkim-missing-tag", "msg-dkim-syntax", "msg-dkim-sha1", "msg-dkim-alg-unknown", "msg-dkim-from-unsigned",
	"msg-dkim-i-outside-d", "msg-dkim-x-before-t", "msg-dkim-expired", "msg-dkim-key-unavailable", "msg-dkim-key-unusable",
	"msg-dkim-i-subdomain-t-s", "msg-dkim-body-hash", "msg-dkim-signature-bad", "msg-dkim-key-temperror", "msg-dkim-unaligned",
	"msg-dmarc-strict-mismatch",
}

// dmarcRules judge DMARC of the message (RFC 9989).
var dmarcRules = []rule{
	verdictRule(check.Meta{
		ID: "msg-dmarc-pass", Severity: check.Info, Title: "DMARC passes",
		Refs: refs{check.RFC(9989, "5.3.5")},
		Doc: "At least one mechanism passes for a domain of the same organisation as From. One is enough; both are better, because\n" +
			"SPF ends at the first forwarder and a signature at the first hop that changes the text.\n\n" +
			"**Nothing to fix.** The identifiers that count are named.\n\n" +
			"Example: From `a@example.com`, DKIM `d=example.com` passes.",
	}, func(f *Facts, fd *check.Finding) bool {
		var by []string
		for _, id := range f.DMARC.Identifiers {
			if text := identifierText(id); id.Counts && !slices.Contains(by, text) {
				by = append(by, text)
			}
		}
		fd.Params["By"] = strings.Join(by, ", ")
		return f.DMARC.Result == "pass"
	}),
	verdictRule(check.Meta{
		ID: "msg-dmarc-fail", Severity: check.Error, Title: "DMARC fails: nothing that passes is the author's",
		Refs:      refs{check.RFC(9989, "5.3.5")},
		CoveredBy: []string{"msg-dmarc-strict-mismatch"},
		Doc: "A policy is published for the domain in From, and neither SPF nor a signature passes for that organisation. Receivers\n" +
			"apply the policy that is shown, with the tag it comes from. Each identifier is listed with its result and its domain.\n\n" +
			"**Fix:** make one of them pass and be aligned: sign with `d=` the domain in From, or send with a MAIL FROM of it.\n\n" +
			"Before: From `a@example.com`, SPF and DKIM of esp.example. After: DKIM `d=example.com`.",
	}, func(f *Facts, fd *check.Finding) bool {
		var ids []string
		for _, id := range f.DMARC.Identifiers {
			if text := identifierText(id) + " " + id.Result; id.Result != "" && !slices.Contains(ids, text) {
				ids = append(ids, text)
			}
		}
		p := f.DMARC.Policy
		fd.Params["Policy"], fd.Params["Tag"], fd.Params["Identifiers"] = p.Policy, p.Tag, strings.Join(ids, ", ")
		fd.Fix = advice("")
		return f.DMARC.Result == "fail"
	}),
	verdictRule(check.Meta{
		ID: "msg-dmarc-none", Severity: check.Warning, Title: "no DMARC policy applies to the domain in From",
		Variants: variants{{Name: "discarded", Severity: check.Warning}, {Name: "broken", Severity: check.Warning}},
		Refs:     refs{check.RFC(9989, "5.3.2"), check.RFC(9989, "4.10.1")},
		Doc: "From the domain in From up to its top-level domain no DMARC record applies, so anybody can use the domain, and this\n" +
			"message is judged without it. Several records at one name, or a policy that cannot be read, count like none.\n\n" +
			"**Fix:** publish a record; `postseal audit` derives it.\n\n" +
			"Before: no TXT at `_dmarc.example.com`. After: `v=DMARC1; p=none; rua=mailto:dmarc@example.com`.",
	}, func(f *Facts, fd *check.Finding) bool {
		switch f.DMARC.Reason {
		case dmarc.ReasonDiscarded:
			fd.Variant = "discarded"
		case dmarc.ReasonBroken:
			fd.Variant = "broken"
		}
		fd.Fix = advice("")
		return f.DMARC.Result == "none"
	}),
	{
		Meta: check.Meta{
			ID: "msg-dmarc-spf-only", Severity: check.Warning, Title: "DMARC passes by SPF alone",
			Variants:  variants{{Name: "none", Severity: check.Notice}},
			Refs:      refs{check.RFC(9989, "7.4"), check.RFC(9989, "4.5")},
			CoveredBy: noDKIM,
			Doc: "No aligned signature verifies. As soon as somebody forwards the message, SPF fails and with it DMARC; a policy of\n" +
				"quarantine or reject then hits honest mail. With p=none it is a notice.\n\n" +
				"**Fix:** sign with DKIM for the domain in From, or mend the signature that is there.\n\n" +
				"Before: no signature. After: `DKIM-Signature: v=1; a=rsa-sha256; d=example.com; …`.",
		},
		Applies: hasVerdict,
		Run: func(f *Facts, r *check.Reporter) {
			o := f.DMARC
			if open := f.dmarcOpen(); open != nil {
				r.Unknown(open)
				return
			}
			if o.Result != "pass" || o.Aligned.DKIM {
				return
			}
			if open := f.dkimOpen(); open != nil {
				r.Unknown(open)
				return
			}
			fd := f.onVerdict()
			fd.Params["Policy"], fd.Fix = o.Policy.Policy, advice("")
			switch {
			case !o.Policy.Known:
				r.Unknown(check.Cause{Code: "message-policy-open", Params: check.Params{"Domain": o.From.String()}})
				return
			case o.Policy.Policy == "none":
				fd.Variant = "none"
			}
			r.Report(fd)
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-dmarc-dkim-only", Severity: check.Info, Title: "DMARC passes by DKIM alone",
			Refs: refs{check.RFC(9989, "4.5")},
			Doc: "An aligned signature verifies, and SPF gives no aligned pass. That is how forwarded mail arrives, and how services send\n" +
				"that have bounce addresses of their own. Both mechanisms together are recommended.\n\n" +
				"**Better:** where the service allows it, set up a bounce domain of your own.\n\n" +
				"Before: MAIL FROM `b@esp.example`. After: MAIL FROM `b@bounce.example.com`.",
		},
		Applies: hasVerdict,
		Run: func(f *Facts, r *check.Reporter) {
			o := f.DMARC
			switch open := f.dmarcOpen(); {
			case open != nil && (o.Aligned.DKIM || f.dkimOpen() != nil):
				r.Unknown(open)
			case o.Result != "pass" || o.Aligned.SPF:
			case f.spfOpen() != nil:
				r.Unknown(f.spfOpen())
			default:
				r.Report(f.onVerdict())
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-dmarc-strict-mismatch", Severity: check.Error, Title: "strict alignment refuses what relaxed would take",
			Variants: variants{{Name: "spare", Severity: check.Info}},
			Refs:     refs{check.RFC(9989, "3.2.10"), check.RFC(9989, "4.4")},
			Doc: "An identifier passes for a domain of the same organisation, but not for exactly the domain in From, and the record asks\n" +
				"for that with `adkim=s` or `aspf=s`. It is an error where DMARC fails by it; where another identifier is aligned it is a fact.\n\n" +
				"**Fix:** take `adkim=s` or `aspf=s` out of the record, or sign and send with exactly the domain in From.\n\n" +
				"Before: `p=reject; adkim=s`, signed with `d=mail.example.com`. After: `p=reject`.",
		},
		Applies: hasVerdict,
		Run:     strictMismatch,
	},
	{
		Meta: check.Meta{
			ID: "msg-dmarc-divergence", Severity: check.Warning, Title: "old and new receivers judge the message differently",
			Refs: refs{check.RFC(9989, "4.10")},
			Doc: "Receivers of RFC 9989 walk up the tree to find the record and the organisation; those of RFC 7489 use a list of public\n" +
				"suffixes, and do not know `np`, `psd` and `t`. For this message that gives two outcomes, and both are shown.\n\n" +
				"**Fix:** publish a record at the domain in From itself, and `psd=n` at the organisation's where a parent has a record.\n\n" +
				"Before: `p=reject; t=y` (quarantine, and reject at old receivers). After: `p=quarantine`.",
		},
		Applies: hasVerdict,
		Run: func(f *Facts, r *check.Reporter) {
			o, old := f.DMARC, f.DMARC.RFC7489
			if open := f.dmarcOpen(); open != nil {
				r.Unknown(open)
				return
			}
			if old.Result == "temperror" || old.Result == "fail" && f.SPF == nil && f.spfCouldCount(o) {
				r.Unknown(check.Cause{Code: "message-identifier-open", Params: check.Params{}})
				return
			}
			if o.Result == old.Result && o.Disposition == old.Disposition {
				return
			}
			fd := f.onVerdict()
			fd.Params["New"], fd.Params["NewPolicy"] = o.Result, o.Disposition
			fd.Params["Old"], fd.Params["OldPolicy"], fd.Params["OldName"], fd.Params["Pct"] = old.Result, old.Disposition, old.PolicyName.String(), old.Pct
			fd.Params["Partly"] = old.Pct < 100
			r.Report(fd)
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-dmarc-not-applicable", Severity: check.Warning, Title: "DMARC cannot judge the message: there is no single author's domain",
			Refs: refs{check.RFC(9989, "5.3.1"), check.RFC(9989, "11.5")},
			Doc: "DMARC needs one domain in From. Here there is none, or several, so receivers may refuse the message, judge every domain\n" +
				"and apply the strictest policy, or skip DMARC. Attackers use that to get around a policy.\n\n" +
				"**Fix:** write one From field with one author; put the others into the text, or the poster into Sender.\n\n" +
				"Before: `From: a@example.com, b@other.example`. After: `From: a@example.com`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if f.DMARC != nil {
				return
			}
			var domains []string
			for _, m := range f.Format.From {
				if d := m.Domain.String(); d != "" && !slices.Contains(domains, d) && len(domains) < 10 {
					domains = append(domains, d)
				}
			}
			r.Report(check.Finding{Subject: "From", Params: check.Params{"Domains": strings.Join(domains, ", "), "Fields": len(f.Message.all("from"))}, Fix: advice("")})
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-dmarc-list-damage", Severity: check.Info, Title: "a mailing list or forwarder explains the broken signature",
			Refs: refs{check.RFC(9989, "7.4")},
			Doc: "The message shows signs of a list or a forwarder, and the body of a signature was changed: lists add footers. The failure\n" +
				"then says nothing about the author, and cannot be told from forgery by DMARC alone.\n\n" +
				"**Better:** lists should leave messages as they are, or write themselves into From. Authors of domains whose people post\n" +
				"to lists should think twice about p=reject.\n\n" +
				"Example: `List-Id: <l.list.example>` and a body hash that does not fit.",
		},
		Applies: hasSignature,
		Run: func(f *Facts, r *check.Reporter) {
			if !f.forwarded() {
				return
			}
			for _, s := range f.judged() {
				if s.Reason == reasonBodyHash {
					fd := f.onSignature(s)
					fd.Params["Signs"] = strings.Join(f.Delivery.Forwarded, ", ")
					fd.Scope = ""
					r.Report(fd)
					return
				}
			}
		},
	},
}

func hasVerdict(f *Facts) bool { return f.DMARC != nil }

// verdictRule is a rule over the verdict, unknown where that is open.
func verdictRule(m check.Meta, test func(*Facts, *check.Finding) bool) rule {
	return rule{Meta: m, Applies: hasVerdict, Run: func(f *Facts, r *check.Reporter) {
		if open := f.dmarcOpen(); open != nil {
			// Whether a record applies may be known where the verdict is not.
			if m.ID != "msg-dmarc-none" || f.DMARC.Reason == dmarc.ReasonPolicyOpen {
				r.Unknown(open)
			}
			return
		}
		if fd := f.onVerdict(); test(f, &fd) {
			r.Report(fd)
		}
	}}
}

// onVerdict is a finding about the verdict, with the record that was applied.
func (f *Facts) onVerdict() check.Finding {
	o := f.DMARC
	return check.Finding{
		Subject: clip(o.From.String()), Record: cut(o.PolicyRecord, maxRecord),
		Params: check.Params{"From": o.From.String(), "Name": o.PolicyName.String()},
	}
}

// identifierText is an identifier for people: "spf mail.example.com", "dkim example.com (s1)".
func identifierText(id dmarc.Alignment) string {
	s := id.Method + " " + clip(id.Domain.String())
	if id.Selector != "" {
		s += " (" + clip(id.Selector) + ")"
	}
	return s
}

func strictMismatch(f *Facts, r *check.Reporter) {
	o := f.DMARC
	var list []string
	tags := []string{}
	for _, id := range o.Identifiers {
		if !id.StrictOnly || id.Result != "pass" {
			continue
		}
		list = append(list, identifierText(id))
		tag := map[string]string{"spf": "aspf=s", "dkim": "adkim=s"}[id.Method]
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	if len(list) == 0 {
		if open := f.dmarcOpen(); open != nil {
			r.Unknown(open)
		}
		return
	}
	fd := f.onVerdict()
	fd.Params["Identifiers"], fd.Params["Tags"], fd.Fix = strings.Join(list, ", "), strings.Join(tags, ", "), advice("")
	switch open := f.dmarcOpen(); {
	case open != nil:
		r.Unknown(open)
		return
	case o.Result != "fail":
		fd.Variant, fd.Fix = "spare", nil
	}
	r.Report(fd)
}
