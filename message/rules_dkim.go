package message

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dns"
)

// dkimRules judge the signatures (RFC 6376): whether there is one, what came of
// it, how it is written, and what it covers.
var dkimRules = slices.Concat(dkimResultRules, dkimFormRules, dkimCoverRules)

// signatureRule is a rule over each signature that was looked at: test says
// whether it is at fault, and fills in the finding.
func signatureRule(m check.Meta, test func(*Facts, *Signature, *check.Finding) bool) rule {
	return rule{Meta: m, Applies: hasSignature, Run: func(f *Facts, r *check.Reporter) {
		for _, s := range f.judged() {
			if fd := f.onSignature(s); test(f, s, &fd) {
				r.Report(fd)
			}
		}
	}}
}

// resultRule is a signatureRule whose answer hangs on the key: without it the
// rule is unknown.
func resultRule(m check.Meta, test func(*Facts, *Signature, *check.Finding) bool) rule {
	out := signatureRule(m, test)
	all := out.Run
	out.Run = func(f *Facts, r *check.Reporter) {
		all(f, r)
		for _, s := range f.judged() {
			if s.Reason == reasonKeyFailed {
				r.Unknown(s.Key.Lookup.Error)
			}
		}
	}
	return out
}

func hasSignature(f *Facts) bool { return len(f.Signatures) > 0 }

// judged are the signatures that were looked at: the first ten.
func (f *Facts) judged() []*Signature { return f.Signatures[:min(len(f.Signatures), maxVerified)] }

// onSignature is a finding about one signature.
func (f *Facts) onSignature(s *Signature) check.Finding {
	out := f.at(s.Field, check.Params{"Domain": s.Domain.String(), "Selector": clip(s.Selector), "Algo": clip(s.Algo)})
	if s.Domain != "" && s.Selector != "" {
		out.Subject = clip(s.owner().String())
	}
	out.Scope = "field:" + strconv.Itoa(s.Field)
	return out
}

var dkimResultRules = []rule{
	{
		Meta: check.Meta{
			ID: "msg-dkim-none", Severity: check.Warning, Title: "the message is not signed",
			Refs: refs{check.RFC(6376, "6.1"), check.RFC(9989, "8")},
			Doc: "The message has no DKIM-Signature. DMARC then hangs on SPF alone, which breaks as soon as the message is forwarded,\n" +
				"and large receivers count unsigned mail against the sender. Some filters take the signature off copies in quarantine.\n\n" +
				"**Fix:** let the outgoing server or the mailing service sign with a key of the domain in From.\n\n" +
				"Before: no DKIM-Signature. After: `DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s1; …`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if len(f.Signatures) == 0 {
				r.Report(check.Finding{Subject: "DKIM-Signature", Params: check.Params{}, Fix: advice("")})
			}
		},
	},
	resultRule(check.Meta{
		ID: "msg-dkim-pass", Severity: check.Info, Title: "a signature verifies",
		Refs: refs{check.RFC(6376, "6.1.3")},
		Doc: "Header and body are as the signer saw them, as far as the signature covers them. Named are the signing domain, the\n" +
			"selector, the algorithm and the length of the key. What is wrong with the key itself is said by the rules listed.\n\n" +
			"**Nothing to fix** here. Look up a rule that is listed with `postseal explain`.\n\n" +
			"Example: d=example.com, s=s1, rsa-sha256, 2048 bits.",
	}, func(_ *Facts, s *Signature, fd *check.Finding) bool {
		if s.Result != "pass" {
			return false
		}
		fd.Params["Bits"], fd.Params["Problems"] = s.Key.Bits, strings.Join(s.Key.Problems, ", ")
		return true
	}),
	resultRule(check.Meta{
		ID: "msg-dkim-body-hash", Severity: check.Error, Title: "the body was changed after signing",
		Refs: refs{check.RFC(6376, "6.1.3"), check.RFC(6376, "3.7")},
		Doc: "The hash of the body is not the one in `bh=`: something on the way added a footer, encoded the body anew or changed\n" +
			"line ends. Both hashes are shown. Where a known change explains it, that is named: the lines at the end without which\n" +
			"it would pass, the other canonicalisation, LF instead of CRLF, doubled dots, `>From`.\n\n" +
			"**Fix:** find the hop that changes the body; sign after it, or stop it. Sign with `c=relaxed/relaxed`.\n\n" +
			"Before: a filter adds \"Scanned for viruses\" after the signer. After: the filter stands before the signer.",
	}, func(_ *Facts, s *Signature, fd *check.Finding) bool {
		if s.Reason != reasonBodyHash {
			return false
		}
		p := fd.Params
		p["Stated"], p["Computed"], p["Length"], p["Canon"] = base64.StdEncoding.EncodeToString(s.bh[:min(len(s.bh), 64)]), s.BodyHash, s.BodyLength, s.body
		p["Other"], p["CRLF"], p["Dots"], p["Mbox"], p["Blank"], p["Lines"], p["Octets"] = "", false, false, false, false, 0, 0
		for _, h := range s.WouldPass {
			switch h.Code {
			case "relaxed-body", "simple-body":
				p["Other"], _, _ = strings.Cut(h.Code, "-")
			case "crlf":
				p["CRLF"] = true
			case "dots":
				p["Dots"] = true
			case "mbox-from":
				p["Mbox"] = true
			case "blank-lines":
				p["Blank"] = true
			case "footer":
				lines, octets, _ := strings.Cut(h.Text, "/")
				p["Lines"], _ = strconv.Atoi(lines)
				p["Octets"], _ = strconv.Atoi(octets)
			}
		}
		fd.Fix = advice("")
		return true
	}),
	resultRule(check.Meta{
		ID: "msg-dkim-signature-bad", Severity: check.Error, Title: "a signed header field was changed, or the key is another one",
		Refs:      refs{check.RFC(6376, "6.1.3")},
		CoveredBy: []string{"msg-dkim-body-hash"},
		Doc: "The body is as it was signed and the signature does not fit the header. An RSA signature shows whether the key in DNS\n" +
			"made it; if so, a field in `h=` was changed, added or folded anew. Known changes are tried and named: a list's tag in the\n" +
			"Subject, a From or a Reply-To that a list wrote, other line breaks.\n\n" +
			"**Fix:** publish the key that the signer uses; or stop the hop that rewrites the field; sign with relaxed headers.\n\n" +
			"Before: `Subject: [list] Hello` under a signature over `Subject: Hello`. After: the list leaves the Subject alone.",
	}, func(_ *Facts, s *Signature, fd *check.Finding) bool {
		if s.Reason != reasonSignature && s.Reason != reasonSecondOpinion {
			return false
		}
		p := fd.Params
		p["OtherKey"], p["Subject"], p["Added"], p["From"], p["Refolded"] = s.OtherKey, "", "", "", ""
		p["Fields"] = clip(strings.Join(s.Headers, ":"))
		for _, h := range s.WouldPass {
			switch h.Code {
			case "subject":
				p["Subject"] = clip(h.Text)
			case "added":
				p["Added"] = clip(h.Text)
			case "from":
				p["From"] = clip(h.Text)
			case "refolded":
				p["Refolded"] = clip(h.Text)
				if h.Text == "" {
					p["Refolded"] = "*"
				}
			}
		}
		fd.Fix = advice("")
		if s.OtherKey {
			fd.Fix = advice("key")
		}
		return true
	}),
	signatureRule(check.Meta{
		ID: "msg-dkim-key-unavailable", Severity: check.Error, Title: "there is no key at the selector of a signature",
		Refs: refs{check.RFC(6376, "6.1.2")},
		Doc: "DNS says for certain that no key stands where the signature says: the name does not exist, has no TXT record, or is an\n" +
			"alias that leads nowhere. The signature counts as none. In an old sample the key may have been replaced since: compare\n" +
			"the time in `t=`.\n\n" +
			"**Fix:** publish the signer's key at the name shown.\n\n" +
			"Before: NXDOMAIN for `s1._domainkey.example.com`. After: `s1._domainkey.example.com. TXT \"v=DKIM1; k=rsa; p=MIIB…\"`.",
	}, func(_ *Facts, s *Signature, fd *check.Finding) bool {
		if s.Reason != reasonKeyMissing {
			return false
		}
		fd.Params["Name"], fd.Params["State"], fd.Params["Alias"], fd.Params["Signed"] = s.Key.Name.String(), string(s.Key.Lookup.State), "", ""
		if e := s.Key.Lookup.Error; e != nil {
			fd.Params["State"] = string(e.Kind)
		}
		if a := s.Key.Lookup.Answer; a != nil && len(a.Chain) > 0 {
			fd.Params["Alias"] = a.Owner().String()
		}
		if s.Time > 0 {
			fd.Params["Signed"] = clock(s.Time)
		}
		fd.Fix = advice("")
		return true
	}),
	{
		Meta: check.Meta{
			ID: "msg-dkim-key-temperror", Severity: check.Warning, Title: "the key of a signature could not be looked up",
			Refs: refs{check.RFC(6376, "6.1.2")},
			Doc: "The name servers answer the question for the key with a failure, so receivers defer the message or treat it as not\n" +
				"signed. Where it cannot be told on whose side the trouble is, for instance after a time-out, this is shown as not\n" +
				"measured instead.\n\n" +
				"**Fix:** look at the name servers and DNSSEC of the name shown.\n\n" +
				"Example: `dig TXT s1._domainkey.example.com` says SERVFAIL, and must say NOERROR.",
		},
		Applies: hasSignature,
		Run: func(f *Facts, r *check.Reporter) {
			for _, s := range f.judged() {
				if s.Reason != reasonKeyFailed {
					continue
				}
				if e := s.Key.Lookup.Error; !e.Authoritative && e.Kind != dns.ServFail {
					r.Unknown(e)
					continue
				}
				fd := f.onSignature(s)
				fd.Params["Name"], fd.Params["Kind"] = s.Key.Name.String(), string(s.Key.Lookup.Error.Kind)
				fd.Fix = advice("")
				r.Report(fd)
			}
		},
	},
	resultRule(check.Meta{
		ID: "msg-dkim-key-unusable", Severity: check.Error, Title: "verifiers must refuse the key of a signature",
		Refs: refs{check.RFC(6376, "6.1.2"), check.RFC(8301, "3.2")},
		Doc: "A record stands at the selector and gives no key that may be used: it is revoked, shorter than 1024 bits, damaged, for\n" +
			"another algorithm or service, or one of several. The rule that says more about the key is named. Testing mode (`t=y`)\n" +
			"is not among these: receivers pass such signatures.\n\n" +
			"**Fix:** see `postseal explain` for the rule named; usually a new key at a new selector.\n\n" +
			"Before: a key of 512 bits. After: `v=DKIM1; k=rsa; p=` with 2048 bits.",
		Variants: variants{{Name: "kind", Severity: check.Error}},
	}, func(_ *Facts, s *Signature, fd *check.Finding) bool {
		if s.Reason != reasonKeyUnusable {
			return false
		}
		fd.Params["Rule"], fd.Params["Type"], fd.Params["Bits"] = s.Key.Unusable, clip(s.Key.Type), s.Key.Bits
		if s.Key.Unusable == "" {
			fd.Variant = "kind"
		}
		fd.Record, fd.Fix = cut(s.Key.Record, maxRecord), advice("")
		return true
	}),
	resultRule(check.Meta{
		ID: "msg-dkim-i-subdomain-t-s", Severity: check.Error, Title: "the identity is below the domain, and the key forbids that",
		Refs: refs{check.RFC(6376, "3.6.1")},
		Doc: "The key record has the flag `t=s`: the domain in `i=` must be exactly that in `d=`. The signature's identity is in a\n" +
			"subdomain, so verifiers must not accept it, whatever else is right.\n\n" +
			"**Fix:** take `s` out of `t=` in the key record, or sign with `i=@` the domain itself, or without `i=`.\n\n" +
			"Before: `i=@news.example.com; d=example.com` with `t=s`. After: the same with no `t=s`.",
	}, func(_ *Facts, s *Signature, fd *check.Finding) bool {
		fd.Params["Identity"], fd.Fix = clip(s.Identity), advice("")
		return s.Reason == reasonKeyIdentity
	}),
	signatureRule(check.Meta{
		ID: "msg-dkim-expired", Severity: check.Warning, Title: "the signature had expired when the message came in",
		Refs: refs{check.RFC(6376, "3.5"), check.RFC(6376, "6.1.1")},
		Doc: "The time in `x=` lay before the time of reception, and verifiers may then refuse the signature. It is judged by the time at\n" +
			"which the receiving server took the message, not by the clock of today: every stored message would be expired else.\n\n" +
			"**Fix:** give signatures a week or more, to outlast queues; or leave `x=` out. Look why the message was late.\n\n" +
			"Before: `t=1700000000; x=1700000060`. After: `t=1700000000; x=1700604800`.",
	}, func(f *Facts, s *Signature, fd *check.Finding) bool {
		if !s.Expired || s.has(reasonTimes) {
			return false
		}
		fd.Params["Expires"], fd.Params["Received"], fd.Params["Now"] = clock(s.Expires), f.received(), f.Delivery.ReceivedAt.IsZero()
		fd.Fix = advice("")
		return true
	}),
	{
		Meta: check.Meta{
			ID: "msg-dkim-unaligned", Severity: check.Warning, Title: "a signature verifies, and is not the author's domain's",
			Variants: variants{{Name: "beside", Severity: check.Info}},
			Refs:     refs{check.RFC(9989, "4.4.1")},
			Doc: "The signing domain belongs to another organisation than From, so DMARC does not count the signature: it speaks for the\n" +
				"signer only. Default domains such as `….gappssmtp.com` and `….onmicrosoft.com` mean that DKIM was never set up for\n" +
				"the own domain. Where another signature is aligned this is only a fact.\n\n" +
				"**Fix:** set up signing with the own domain at the service.\n\n" +
				"Before: `d=esp.example`, From `a@example.com`. After: `d=example.com`.",
		},
		Applies: func(f *Facts) bool { return hasSignature(f) && f.DMARC != nil },
		Run:     dkimUnaligned,
	},
	{
		Meta: check.Meta{
			ID: "msg-dkim-identity-parent", Severity: check.Info, Title: "the signing domain is a parent of the author's",
			Refs: refs{check.RFC(6376, "3.10")},
			Doc: "The domain in `d=` lies above the domain in From. That is aligned in relaxed mode, which is the default, and is not with\n" +
				"`adkim=s` in the DMARC record.\n\n" +
				"**Nothing to fix** while alignment is relaxed. For strict alignment, sign with the domain in From.\n\n" +
				"Example: `d=example.com`, From `a@news.example.com`.",
		},
		Applies: func(f *Facts) bool { return hasSignature(f) && f.DMARC != nil },
		Run: func(f *Facts, r *check.Reporter) {
			from := f.Format.AuthorDomain
			for _, s := range f.judged() {
				if s.Result == "pass" && s.Domain != from && from.IsUnder(s.Domain) {
					fd := f.onSignature(s)
					fd.Params["From"] = from.String()
					r.Report(fd)
				}
			}
		},
	},
}

// dkimUnaligned speaks once for the message: what matters is whether any
// signature counts.
func dkimUnaligned(f *Facts, r *check.Reporter) {
	var domains []string
	var first *dmarc.Alignment
	for i := range f.DMARC.Identifiers {
		id := &f.DMARC.Identifiers[i]
		if id.Method != "dkim" || id.Result != "pass" || id.Aligned != dmarc.AlignedNo || id.StrictOnly {
			continue // msg-dmarc-strict-mismatch speaks of the last
		}
		if first == nil {
			first = id
		}
		if d := id.Domain.String(); !slices.Contains(domains, d) {
			domains = append(domains, d)
		}
	}
	open := f.dkimOpen()
	if first == nil {
		for _, id := range f.DMARC.Identifiers {
			if id.Method == "dkim" && id.Aligned != dmarc.AlignedYes && (id.Result == "temperror" || id.Aligned == dmarc.AlignedUnknown) {
				r.Unknown(keyOpen(&id))
			}
		}
		return
	}
	out := check.Finding{
		Subject: clip(first.Domain.String()), Fix: advice(""),
		Params: check.Params{
			"Domains": domains, "From": f.Format.AuthorDomain.String(),
			"Org": first.OrganizationalDomain.String(), "FromOrg": f.DMARC.OrganizationalDomain.String(),
			"Default": vendorDefault(domains),
		},
	}
	switch {
	case f.DMARC.Aligned.DKIM, slices.ContainsFunc(f.DMARC.Identifiers, func(id dmarc.Alignment) bool {
		return id.Method == "dkim" && id.Result == "pass" && id.StrictOnly
	}):
		out.Variant = "beside"
	case open != nil:
		r.Unknown(open)
		return
	}
	r.Report(out)
}

// vendorDefault tells whether a signing domain is what a mailbox provider uses
// until the customer sets up DKIM.
func vendorDefault(domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool {
		return strings.HasSuffix(d, ".gappssmtp.com") || strings.HasSuffix(d, ".onmicrosoft.com")
	})
}

func clock(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04:05 UTC") }

// received is the time of reception for people; "" where it is not known.
func (f *Facts) received() string {
	if f.Delivery.ReceivedAt.IsZero() {
		return ""
	}
	return clock(f.Delivery.ReceivedAt.Unix())
}
