package message

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// recommended are the fields that a signature should cover where they are
// present (RFC 6376 §5.4.1); those of lists come with their prefix.
var recommended = []string{
	"subject", "date", "to", "cc", "reply-to", "mime-version", "content-type", "message-id",
	"list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post", "list-subscribe", "list-post", "list-owner", "list-archive",
}

// trace are the fields that servers add, change or take away on the way
// (RFC 6376 §5.4).
var trace = []string{"return-path", "received", "bcc", "dkim-signature", "authentication-results"}

// once are the fields that stand in a message once (RFC 5322 §3.6, RFC 2045 §3)
// and that readers or programs go by.
var once = []string{
	"from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
	"mime-version", "content-type", "content-transfer-encoding",
}

// covers tells how often h= names a field.
func (s *Signature) covers(key string) int {
	n := 0
	for _, h := range s.Headers {
		if strings.EqualFold(h, key) {
			n++
		}
	}
	return n
}

// dkimCoverRules judge what a signature covers.
var dkimCoverRules = []rule{
	signatureRule(check.Meta{
		ID: "msg-dkim-recommended-unsigned", Severity: check.Notice, Title: "a signature leaves out fields that matter",
		Refs:      refs{check.RFC(6376, "5.4.1")},
		CoveredBy: []string{"msg-dkim-from-unsigned"},
		Doc: "Fields that readers see or programs act on are in the message and not under the signature: Subject, Date, To, Cc, Reply-To,\n" +
			"MIME-Version, Content-Type, Message-ID or fields of lists. Whoever relays the message can change them unnoticed.\n\n" +
			"**Fix:** add the fields to the signer's list.\n\n" +
			"Before: `h=from:date`. After: `h=from:from:to:subject:date:message-id:mime-version:content-type`.",
	}, func(f *Facts, s *Signature, fd *check.Finding) bool {
		if s.list.get("h") == nil || s.Result == "fail" || s.Result == "permerror" {
			return false // a signature that does not hold protects nothing
		}
		foreign := f.foreignList(s)
		oneClick := f.Message.first("list-unsubscribe-post") != nil
		var missing []string
		for _, key := range recommended {
			field := f.Message.first(key)
			if field == nil || s.covers(key) > 0 {
				continue
			}
			if oneClick && strings.HasPrefix(key, "list-unsubscribe") || foreign && strings.HasPrefix(key, "list-") {
				continue // msg-bulk-oneclick-unsigned says it; a list adds its fields to what others signed
			}
			missing = append(missing, field.Name)
		}
		fd.Params["Fields"], fd.Fix = strings.Join(missing, ", "), advice("")
		return len(missing) > 0
	}),
	signatureRule(check.Meta{
		ID: "msg-dkim-trace-signed", Severity: check.Warning, Title: "a signature covers fields that change on the way",
		Refs: refs{check.RFC(6376, "5.4")},
		Doc: "Return-Path, Received, Authentication-Results and signatures are added, changed or removed by the servers on the way, and\n" +
			"Bcc is taken out. A signature over them breaks in normal handling.\n\n" +
			"**Fix:** take these fields out of the signer's list.\n\n" +
			"Before: `h=received:from:to:subject`. After: `h=from:from:to:subject`.",
	}, func(_ *Facts, s *Signature, fd *check.Finding) bool {
		var named []string
		for _, key := range trace {
			if s.covers(key) > 0 {
				named = append(named, key)
			}
		}
		fd.Params["Fields"], fd.Fix = strings.Join(named, ", "), advice("")
		return len(named) > 0
	}),
	signatureRule(check.Meta{
		ID: "msg-dkim-no-oversign", Severity: check.Notice, Title: "a second From can be added under a signature",
		Refs:      refs{check.RFC(6376, "8.15"), check.RFC(6376, "5.4.2")},
		CoveredBy: []string{"msg-dkim-extra-header-attack", "msg-dkim-from-unsigned"},
		Doc: "`h=` names From only as often as it stands in the message. A copy put on top afterwards leaves the signature valid, and some\n" +
			"mail readers show that copy. Naming From once more says that there is no other. Many large senders do not do this,\n" +
			"so it is a notice only.\n\n" +
			"**Fix:** let the signer oversign: name From, and better Subject, To and Date as well, once more than they are present.\n\n" +
			"Before: `h=from:to:subject:date`. After: `h=from:from:to:to:subject:subject:date:date`.",
	}, func(f *Facts, s *Signature, fd *check.Finding) bool {
		n := s.covers("from")
		if n == 0 || n > len(f.Message.all("from")) {
			return false
		}
		var also []string
		for _, key := range []string{"subject", "to", "date"} {
			if c := s.covers(key); c > 0 && c <= len(f.Message.all(key)) {
				also = append(also, key)
			}
		}
		fd.Params["Also"], fd.Params["H"] = strings.Join(also, ", "), clip("from:"+strings.ToLower(strings.Join(s.Headers, ":")))
		fd.Fix = advice("")
		return true
	}),
	resultRule(check.Meta{
		ID: "msg-dkim-extra-header-attack", Severity: check.Error, Title: "a copy of a signed field stands above it, unsigned",
		Refs: refs{check.RFC(6376, "8.15")},
		Doc: "A field that may stand once is in the message more often than the signature covers it. Signatures cover the lowest; the\n" +
			"other one was added later, the signature still verifies, and readers may be shown the copy that nobody signed.\n\n" +
			"**Fix:** treat the message as forged. As the signer, name From, To, Subject and Date once more than they are present.\n\n" +
			"Before: `From: ceo@example.com` on top of a message signed with `h=from`. After: with `h=from:from` that breaks the signature.",
	}, func(f *Facts, s *Signature, fd *check.Finding) bool {
		if s.Result != "pass" {
			return false
		}
		var fields []string
		top := -1
		for _, key := range once {
			all := f.Message.all(key)
			if n := s.covers(key); n > 0 && len(all) > n {
				fields = append(fields, f.Message.Fields[all[0]].Name)
				if top < 0 {
					top = all[0]
				}
			}
		}
		if top < 0 {
			return false
		}
		field := &f.Message.Fields[top]
		fd.Params["Fields"], fd.Params["Copy"], fd.Params["Line"] = strings.Join(fields, ", "), clip(field.Value), field.Line
		fd.Record, fd.Fix = cut(field.Name+": "+field.Value, maxRecord), advice("")
		return true
	}),
	signatureRule(check.Meta{
		ID: "msg-dkim-l-tag", Severity: check.Warning, Title: "a signature covers only the beginning of the body",
		Variants: variants{{Name: "appended", Severity: check.Error}, {Name: "nothing", Severity: check.Error}},
		Refs:     refs{check.RFC(6376, "8.2")},
		Doc: "`l=` limits the signature to so many octets of the body, so that lists could add a footer. Anybody else can append as well:\n" +
			"with HTML, what follows covers what was signed, and the message passes DKIM and DMARC. It is an error where something does\n" +
			"follow the limit, and where `l=0` leaves the whole body open.\n\n" +
			"**Fix:** sign without `l=`. Many receivers refuse such signatures by now.\n\n" +
			"Before: `bh=…; l=300; b=…`. After: `bh=…; b=…`.",
	}, func(f *Facts, s *Signature, fd *check.Finding) bool {
		if s.Limit < 0 {
			return false
		}
		fd.Params["Limit"], fd.Params["Length"], fd.Params["Rest"] = int(s.Limit), s.BodyLength, s.Unsigned
		switch {
		case s.Limit == 0:
			fd.Variant = "nothing"
		case s.Unsigned > 0:
			fd.Variant = "appended"
		}
		if t := s.list.get("l"); t != nil {
			fd.Span = spanIn(fd.Record, len(f.Message.Fields[s.Field].Name)+2, &t.span)
		}
		fd.Fix = advice("")
		return true
	}),
}

// foreignList tells whether the message passed a list of somebody else than the
// signer: List-Id names a domain that has nothing to do with d=.
func (f *Facts) foreignList(s *Signature) bool {
	field := f.Message.first("list-id")
	if field == nil {
		return false
	}
	_, id, _ := strings.Cut(field.Value, "<")
	id, _, _ = strings.Cut(id, ">")
	name, err := dns.ParseDomain(id)
	return err == nil && !name.IsUnder(s.Domain) && !s.Domain.IsUnder(name) && (f.DMARC == nil || !name.IsUnder(f.DMARC.OrganizationalDomain))
}

// spanIn moves a span of a field's value into the evidence "Name: value"; nil
// where that was cut.
func spanIn(record string, head int, span *check.Span) *check.Span {
	if span == nil || head+span.End > len(strings.TrimSuffix(record, "…")) {
		return nil
	}
	return &check.Span{Start: head + span.Start, End: head + span.End}
}
