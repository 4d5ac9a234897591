package message

import (
	"strings"

	"github.com/postseal/postseal/check"
)

func isBulk(f *Facts) bool { return f.Bulk != nil }

func hasPost(f *Facts) bool { return f.Bulk != nil && f.Bulk.Post != nil }

// bulkRules are asked of mail that goes to many.
var bulkRules = []rule{
	{
		Meta: check.Meta{
			ID: "msg-bulk-unsubscribe-missing", Severity: check.Warning, Title: "bulk mail without List-Unsubscribe",
			Refs: refs{check.RFC(2369, "3.2"), googleGuidelines},
			Doc: "Mail to many should say in List-Unsubscribe how to get off the list. Mail readers make a button of it; without\n" +
				"one, people press \"spam\" instead, and Gmail and Yahoo ask for it from all who send much.\n\n" +
				"**Fix:** add the field with an https address that unsubscribes this recipient, and cover it with the signature.\n\n" +
				"Before: a newsletter with a link at its end only. After: `List-Unsubscribe: <https://example.com/u/abc>`.",
		},
		Applies: isBulk,
		Run: func(f *Facts, r *check.Reporter) {
			if f.Message.first("list-unsubscribe") == nil {
				r.Report(check.Finding{Subject: "List-Unsubscribe", Params: check.Params{"Signs": clip(strings.Join(f.Bulk.Signs, ", "))}, Fix: advice("")})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-bulk-oneclick-missing", Severity: check.Warning, Title: "bulk mail without one-click unsubscribing",
			Refs:      refs{check.RFC(8058, "3.1"), googleGuidelines},
			CoveredBy: []string{"msg-bulk-unsubscribe-missing"},
			Doc: "Gmail and Yahoo ask everybody who sends much for unsubscribing with one click: a second field that says a POST\n" +
				"to the https address is enough. Mail about a purchase and discussion lists are exempt.\n\n" +
				"**Fix:** add `List-Unsubscribe-Post`, answer POST at the address, and name both fields in `h=` of the signature.\n\n" +
				"Before: `List-Unsubscribe: <https://example.com/u/abc>` alone. After: `List-Unsubscribe-Post:\n" +
				"List-Unsubscribe=One-Click` beside it.",
		},
		Applies: func(f *Facts) bool { return isBulk(f) && !f.Bulk.Discussion },
		Run: func(f *Facts, r *check.Reporter) {
			if f.Bulk.Post == nil {
				r.Report(check.Finding{Subject: "List-Unsubscribe-Post", Params: check.Params{}, Fix: advice("")})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-bulk-oneclick-no-https", Severity: check.Error, Title: "one-click unsubscribing without an https address",
			Refs: refs{check.RFC(8058, "3.1")},
			Doc: "List-Unsubscribe-Post promises that a POST unsubscribes, and List-Unsubscribe has no https address to send it to.\n" +
				"A mailto address cannot take a POST, and plain http is not allowed: the button does nothing or is not shown.\n\n" +
				"**Fix:** put an https address into List-Unsubscribe; a mailto one may stand beside it.\n\n" +
				"Before: `List-Unsubscribe: <mailto:u@example.com>`. After: `<https://example.com/u/abc>, <mailto:u@example.com>`.",
		},
		Applies: hasPost,
		Run: func(f *Facts, r *check.Reporter) {
			if !f.Bulk.HTTPS {
				r.Report(check.Finding{Subject: "List-Unsubscribe", Params: check.Params{"Have": clip(strings.Join(f.Bulk.Unsubscribe, ", "))}, Fix: advice("")})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-bulk-oneclick-unsigned", Severity: check.Error, Title: "one-click unsubscribing that no signature covers",
			Refs: refs{check.RFC(8058, "4")},
			Doc: "A valid DKIM signature must cover both List-Unsubscribe and List-Unsubscribe-Post. Without it anybody on the way\n" +
				"could put an address in, so receivers ignore the fields and show no button.\n\n" +
				"**Fix:** name both fields in `h=` of a signature that verifies; its domain need not be the author's.\n\n" +
				"Before: `h=from:to:subject`. After: `h=from:to:subject:list-unsubscribe:list-unsubscribe-post`.",
		},
		Applies: hasPost,
		Run: func(f *Facts, r *check.Reporter) {
			switch f.Bulk.Signed {
			case "no":
				r.Report(check.Finding{Subject: "List-Unsubscribe-Post", Params: check.Params{"Signatures": len(f.Signatures)}, Fix: advice("")})
			case "unknown":
				for _, s := range f.Signatures {
					if s.Result == "temperror" {
						r.Unknown(check.Cause{Code: "msg-key-open", Params: check.Params{"Domain": s.Domain.String(), "Selector": clip(s.Selector)}})
					}
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-bulk-post-value", Severity: check.Warning, Title: "List-Unsubscribe-Post has another value",
			Refs: refs{check.RFC(8058, "3.1")},
			Doc: "The field has one value only, `List-Unsubscribe=One-Click`, because it is what the receiver posts. With anything else\n" +
				"receivers take the field for absent.\n\n" +
				"**Fix:** write the value exactly so.\n\n" +
				"Before: `List-Unsubscribe-Post: One-Click`. After: `List-Unsubscribe-Post: List-Unsubscribe=One-Click`.",
		},
		Applies: hasPost,
		Run: func(f *Facts, r *check.Reporter) {
			if *f.Bulk.Post != oneClickValue {
				fd := f.at(f.Message.all("list-unsubscribe-post")[0], check.Params{"Value": clip(*f.Bulk.Post)})
				fd.Fix = advice("")
				r.Report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-bulk-list-id", Severity: check.Notice, Title: "list mail without List-Id",
			Refs: refs{check.RFC(2919, "")},
			Doc: "The message has fields of a mailing list and lacks List-Id, the name by which mail readers sort it and filters know\n" +
				"it again when its addresses change.\n\n" +
				"**Fix:** add a List-Id that never changes, under a domain of yours.\n\n" +
				"Before: `List-Post: <mailto:talk@example.com>` alone. After: `List-Id: Talk <talk.example.com>` beside it.",
		},
		Applies: func(f *Facts) bool { return isBulk(f) && len(f.Bulk.ListSigns) > 0 },
		Run: func(f *Facts, r *check.Reporter) {
			if !f.Bulk.ListID {
				r.Report(check.Finding{Subject: "List-Id", Params: check.Params{"Signs": clip(strings.Join(f.Bulk.ListSigns, ", "))}, Fix: advice("")})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-bulk-freemail-from", Severity: check.Warning, Title: "bulk mail in the name of a free mailbox",
			Refs: refs{googleGuidelines},
			Doc: "The author's address is at a provider of free mailboxes, and the message came from elsewhere. Only the provider can\n" +
				"sign for its domain, its DMARC policy asks receivers to refuse or quarantine the rest, and Google forbids\n" +
				"imitating Gmail addresses in From.\n\n" +
				"**Fix:** send from a domain of your own, and put the mailbox into Reply-To.\n\n" +
				"Before: `From: shop@gmail.com` through a newsletter service. After: `From: news@example.com`.",
		},
		Applies: func(f *Facts) bool { return isBulk(f) && f.Bulk.Freemail },
		Run: func(f *Facts, r *check.Reporter) {
			switch o := f.DMARC; {
			case o == nil:
				return
			case o.Result == "temperror" && o.Failed() != nil:
				r.Unknown(o.Failed())
				return
			case o.Result == "temperror":
				r.Unknown(check.Cause{Code: "msg-dmarc-open", Params: check.Params{"Domain": o.From.String()}})
				return
			}
			if !f.DMARC.Aligned.SPF && !f.DMARC.Aligned.DKIM {
				fd := f.at(f.Message.all("from")[0], check.Params{"Domain": f.Format.AuthorDomain.String()})
				fd.Fix = advice("")
				r.Report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-bulk-google", Severity: check.Info, Title: "Gmail's demands on bulk senders are not all met",
			Refs: refs{googleGuidelines},
			Doc: "Google asks those who send more than 5,000 messages a day to Gmail for SPF and DKIM that pass, a DMARC record, an\n" +
				"aligned identifier, PTR, TLS, a header by the book and one-click unsubscribing. Mail that lacks one is delayed or\n" +
				"refused with codes such as 5.7.26. What this message shows is listed; the rate of spam complaints cannot be seen.\n\n" +
				"**Fix:** the other findings say how to mend each point.\n\n" +
				"Before: a signed newsletter from an address without PTR. After: the same with PTR set by the hoster.",
		},
		Applies: isBulk,
		Run:     func(f *Facts, r *check.Reporter) { demands(f.Bulk.Google, "google.com", r) },
	},
	{
		Meta: check.Meta{
			ID: "msg-bulk-microsoft", Severity: check.Info, Title: "Outlook.com's demands on bulk senders are not all met",
			Refs: refs{{Doc: "Microsoft, requirements for high-volume senders", URL: "https://techcommunity.microsoft.com/blog/microsoftdefenderforoffice365blog/strengthening-email-ecosystem-outlook%E2%80%99s-new-requirements-for-high%E2%80%90volume-senders/4399730"}},
			Doc: "Since May 2025 Microsoft asks those who send more than 5,000 messages a day to Outlook.com for SPF that passes, DKIM\n" +
				"that passes, and DMARC with one of them aligned. Both have to pass, which is more than DMARC asks for; what fails is\n" +
				"refused with 5.7.515.\n\n" +
				"**Fix:** the other findings say how to mend each point.\n\n" +
				"Before: DKIM passes, SPF fails. After: the sending address is in the SPF record of MAIL FROM, too.",
		},
		Applies: isBulk,
		Run:     func(f *Facts, r *check.Reporter) { demands(f.Bulk.Microsoft, "outlook.com", r) },
	},
}

// demands reports what is not met; what could not be told is no failure.
func demands(list []Demand, who string, r *check.Reporter) {
	if missing := states(list, notMet); len(missing) > 0 {
		r.Report(check.Finding{Subject: who, Params: check.Params{
			"Missing": strings.Join(missing, ", "), "Met": len(states(list, met)), "Of": len(list), "Open": strings.Join(states(list, unknown), ", ")}})
		return
	}
	if open := states(list, unknown); len(open) > 0 {
		r.Unknown(check.Cause{Code: "msg-demands-open", Params: check.Params{"Open": strings.Join(open, ", ")}})
	}
}
