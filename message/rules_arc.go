package message

import (
	"strconv"
	"strings"

	"github.com/postseal/postseal/check"
)

// ARC is on its way to be made historic, and a chain says nothing that a
// receiver must heed: no finding of it is above a warning.
var arcRules = []rule{
	{
		Meta: check.Meta{
			ID: "msg-arc-pass", Severity: check.Info, Title: "the ARC chain validates",
			Refs: refs{check.RFC(8617, "5.2")},
			Doc: "Every seal verifies, and so does the newest message signature: the intermediaries named saw what they say they saw, and\n" +
				"nobody changed the message since the last of them. Whether to believe an intermediary is the receiver's own policy.\n\n" +
				"**Nothing to fix.**\n\n" +
				"Example: two sets, sealed by list.example and by forward.example.",
		},
		Applies: hasARC,
		Run: func(f *Facts, r *check.Reporter) {
			switch c := f.ARC; c.Result {
			case "pass":
				var hops []string
				for _, s := range c.Sets {
					hops = append(hops, strconv.Itoa(s.Instance)+" "+clip(s.Seal.Domain.String()))
				}
				fd := f.onChain(c.newest().Seal)
				fd.Params["Count"], fd.Params["Hops"], fd.Params["Oldest"] = len(c.Sets), clip(strings.Join(hops, ", ")), c.Oldest
				r.Report(fd)
			case "temperror":
				r.Unknown(c.open())
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-arc-fail", Severity: check.Notice, Title: "the ARC chain does not validate",
			Refs:      refs{check.RFC(8617, "5.2")},
			CoveredBy: []string{"msg-arc-structure", "msg-arc-seal-h", "msg-arc-cv-fail", "msg-arc-key"},
			Doc: "A seal does not verify, or the newest message signature does not: somebody changed the message or the sets after the last\n" +
				"intermediary. The first step that fails is named. An older message signature may fail, since intermediaries change\n" +
				"messages; only the newest must hold. To a receiver the message is as if it had no chain.\n\n" +
				"**Fix:** as an intermediary, seal after the last change.\n\n" +
				"Before: a footer is added above the seal. After: the footer is added first.",
		},
		Applies: hasARC,
		Run: func(f *Facts, r *check.Reporter) {
			c := f.ARC
			if c.Result == "temperror" {
				r.Unknown(c.open())
				return
			}
			if c.Result != "fail" {
				return
			}
			fd := f.onChain(c.newest().Seal)
			fd.Params["Step"], fd.Params["Instance"], fd.Params["Why"] = c.Reason, c.At, ""
			if s := c.failed(); s != nil {
				fd.Params["Why"] = s.Reason
			}
			fd.Fix = advice("")
			r.Report(fd)
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-arc-cv-fail", Severity: check.Notice, Title: "the last sealer found the ARC chain broken",
			Refs: refs{check.RFC(8617, "4.4"), check.RFC(8617, "5.1.2")},
			Doc: "The newest seal has `cv=fail`: the intermediary that wrote it could not validate the sets below. The chain is dead, and\n" +
				"no later hop can mend it.\n\n" +
				"**Fix:** look at the hop before that one, which changed the message after it had been sealed.\n\n" +
				"Example: `ARC-Seal: i=2; cv=fail; …`.",
		},
		Applies: hasARC,
		Run: func(f *Facts, r *check.Reporter) {
			if c := f.ARC; c.Result == "fail" && c.Reason == "cv-fail" {
				fd := f.onChain(c.newest().Seal)
				fd.Params["Instance"] = c.At
				r.Report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-arc-structure", Severity: check.Warning, Title: "the ARC sets are incomplete or out of order",
			Refs: refs{check.RFC(8617, "4.2"), check.RFC(8617, "5.2")},
			Doc: "Sets are numbered from 1 to 50 without a gap, each with one field of each of the three kinds. The first seal says\n" +
				"`cv=none`, all later ones `pass` or `fail`. A chain that is built otherwise fails for good.\n\n" +
				"**Fix:** find the hop that drops, repeats or invents ARC fields.\n\n" +
				"Before: sets 1 and 3. After: sets 1 and 2.",
		},
		Applies: hasARC,
		Run: func(f *Facts, r *check.Reporter) {
			for n, fault := range f.ARC.Faults {
				if fault.Code == "seal-h" {
					continue
				}
				if n >= maxFaults {
					break
				}
				r.Report(check.Finding{
					Subject: subjectName(fault.Field, "ARC"), Scope: "arc:" + strconv.Itoa(n), Fix: advice(""),
					Params: check.Params{"Kind": fault.Code, "Instance": fault.Instance, "Field": fault.Field, "Text": clip(fault.Text)},
				})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-arc-seal-h", Severity: check.Warning, Title: "an ARC seal lists header fields",
			Refs: refs{check.RFC(8617, "4.1.3")},
			Doc: "An ARC-Seal covers the ARC fields in a fixed order and has no `h=`. Validators must fail a chain with such a seal, or\n" +
				"somebody could choose what it covers.\n\n" +
				"**Fix:** update the sealing software.\n\n" +
				"Before: `ARC-Seal: i=1; cv=none; h=from; …`. After: the same without `h=`.",
		},
		Applies: hasARC,
		Run: func(f *Facts, r *check.Reporter) {
			for _, s := range f.ARC.Sets {
				if s.Seal != nil && s.Seal.list.get("h") != nil {
					fd := f.onChain(s.Seal)
					fd.Params["Instance"], fd.Fix = s.Instance, advice("")
					r.Report(fd)
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-arc-ams-signs-arc", Severity: check.Notice, Title: "an ARC signature covers fields that the next hop adds to",
			Refs: refs{check.RFC(8617, "4.1.2")},
			Doc: "ARC-Message-Signature must not cover ARC fields, and should not cover Authentication-Results: both are added at every hop\n" +
				"and removed at borders, so the signature breaks without need. With ARC-Seal in `h=` it is not valid at all.\n\n" +
				"**Fix:** take these names out of the sealer's list.\n\n" +
				"Before: `h=from:subject:arc-seal`. After: `h=from:subject`.",
		},
		Applies: hasARC,
		Run: func(f *Facts, r *check.Reporter) {
			for _, s := range f.ARC.Sets {
				if s.Signature == nil {
					continue
				}
				var named []string
				for _, key := range []string{aar, ams, seal, "authentication-results"} {
					if s.Signature.covers(key) > 0 {
						named = append(named, key)
					}
				}
				if len(named) > 0 {
					fd := f.onChain(s.Signature)
					fd.Params["Instance"], fd.Params["Fields"], fd.Fix = s.Instance, strings.Join(named, ", "), advice("")
					r.Report(fd)
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-arc-key", Severity: check.Notice, Title: "a key or algorithm of the ARC chain cannot be used",
			Refs: refs{check.RFC(8617, "4.1.2"), check.RFC(8301, "3")},
			Doc: "A seal, or the newest message signature, names a key that is not there, that is revoked, shorter than 1024 bits or damaged,\n" +
				"or uses SHA-1. The chain fails by it. In an old sample the key may have been replaced since.\n\n" +
				"**Fix:** the sealing domain publishes a key of 2048 bits and seals with rsa-sha256.\n\n" +
				"Before: `a=rsa-sha1`. After: `a=rsa-sha256`.",
		},
		Applies: hasARC,
		Run: func(f *Facts, r *check.Reporter) {
			seen := map[string]bool{}
			for _, s := range f.ARC.Sets {
				list := []*Signature{s.Seal}
				if s == f.ARC.newest() {
					list = append(list, s.Signature)
				}
				for _, sig := range list {
					if sig == nil || !keyAtFault(sig) {
						continue
					}
					fd := f.onChain(sig)
					if at := fd.Subject + sig.Reason; seen[at] {
						continue
					} else {
						seen[at] = true
					}
					rule := ""
					if sig.Key != nil {
						rule = sig.Key.Unusable
					}
					fd.Params["Instance"], fd.Params["Why"], fd.Params["Rule"], fd.Fix = s.Instance, sig.Reason, rule, advice("")
					r.Report(fd)
				}
			}
			if f.ARC.Result == "temperror" {
				r.Unknown(f.ARC.open())
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-arc-status", Severity: check.Info, Title: "ARC is being retired",
			Refs: refs{{Doc: "draft-ietf-dmarc-arc-to-historic", URL: "https://datatracker.ietf.org/doc/draft-ietf-dmarc-arc-to-historic/"}, check.RFC(9989, "7.4")},
			Doc: "The DMARC working group of the IETF was chartered anew on 16 April 2026 to conclude ARC; its draft of 22 April 2026 asks to\n" +
				"make it historic. RFC 9989 notes no wide use. Google's guidelines still ask forwarders for it.\n\n" +
				"**Advice:** keep sealing where it runs, and do not build policy on ARC.\n\n" +
				"Example: a forwarder for Gmail users seals; a receiver decides without the chain.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if f.ARC != nil {
				r.Report(check.Finding{Subject: "ARC", Params: check.Params{"Count": len(f.ARC.Sets)}})
			}
		},
	},
}

// maxFaults is how many faults of one chain are findings of their own.
const maxFaults = 10

func hasARC(f *Facts) bool { return f.ARC != nil }

// onChain is a finding about one signature of the chain; nil is the chain.
func (f *Facts) onChain(s *Signature) check.Finding {
	if s == nil {
		return check.Finding{Subject: "ARC", Params: check.Params{"Domain": "", "Selector": ""}}
	}
	out := f.onSignature(s)
	out.Scope = ""
	return out
}

// keyAtFault tells whether a signature failed for its key or its algorithm.
func keyAtFault(s *Signature) bool {
	switch s.Reason {
	case reasonKeyMissing, reasonKeyUnusable, reasonSHA1, reasonAlgorithm:
		return true
	}
	return false
}

// failed is the signature that the chain failed by; nil where it was something else.
func (c *ARC) failed() *Signature {
	if c.At < 1 || c.At > len(c.Sets) {
		return nil
	}
	switch c.Reason {
	case "seal":
		return c.Sets[c.At-1].Seal
	case "message-signature":
		return c.Sets[c.At-1].Signature
	}
	return nil
}

// open is the look-up that left the chain open.
func (c *ARC) open() error {
	if s := c.failed(); s != nil && s.Key != nil && s.Key.Lookup.Error != nil {
		return s.Key.Lookup.Error
	}
	return check.Cause{Code: "message-identifier-open", Params: check.Params{}}
}
