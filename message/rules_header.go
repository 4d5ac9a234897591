package message

import (
	"regexp"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
)

// maxDrift is how far Date may lie from the time of reception.
const maxDrift = 7 * 24 * time.Hour

// messageID is the form of RFC 5322 §3.6.4, with a domain on the right.
var messageID = regexp.MustCompile(`^<[^<>@\s]+@(\[[^\[\]\s]+\]|[^<>@\s\[\]]+\.[^<>@\s\[\]]+)>$`)

// headerRules are about the other fields.
var headerRules = []rule{
	{
		Meta: check.Meta{
			ID: "msg-header-duplicate", Severity: check.Error, Title: "a field that may stand once stands twice",
			Variants:  variants{{Name: "minor", Severity: check.Notice}},
			Refs:      refs{check.RFC(5322, "3.6"), check.RFC(6376, "8.15")},
			CoveredBy: []string{"msg-from-multiple-fields"},
			Doc: "From, Sender, Reply-To, To, Subject, Date and Message-ID, and a few more, may stand once. Where one stands twice,\n" +
				"DKIM signs the lowest and mail readers often show the topmost: a copy added after signing puts other words under\n" +
				"a signature that still verifies.\n\n" +
				"**Fix:** remove the copy where it is added, and name the field in `h=` once more than it stands there.\n\n" +
				"Before: `Subject: Invoice` above the signed `Subject: Hello`. After: one Subject.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			for _, d := range f.Format.Duplicates {
				key := strings.ToLower(d.Name)
				fd := f.at(d.Fields[0], check.Params{"Count": len(d.Fields), "Other": f.Message.Fields[d.Fields[1]].Line})
				fd.Scope, fd.Fix = key, advice("")
				if !singles[key] {
					fd.Variant = "minor"
				}
				r.Report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-date-missing", Severity: check.Error, Title: "the message has no Date field",
			Refs: refs{check.RFC(5322, "3.6")},
			Doc: "Date is, with From, the one field that every message must have. Filters count its absence against the sender, and\n" +
				"mail readers sort the message anywhere.\n\n" +
				"**Fix:** let the sending program write Date when the message is finished.\n\n" +
				"Before: no Date. After: `Date: Tue, 14 Nov 2023 22:13:20 +0000`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if f.Message.first("date") == nil {
				r.Report(check.Finding{Subject: "Date", Params: check.Params{}, Fix: advice("")})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-date-invalid", Severity: check.Warning, Title: "Date is wrong or cannot be read",
			Variants: variants{{Name: "far", Severity: check.Warning}},
			Refs:     refs{check.RFC(5322, "3.3")},
			Doc: "The value is no date of RFC 5322, or lies more than a week from the time at which the receiver's server took the\n" +
				"message. Filters count both as a sign of spam, and signatures with `t=` and `x=` become hard to judge.\n\n" +
				"**Fix:** set the clock of the sending machine and write the date as RFC 5322 does, in English and with an offset.\n\n" +
				"Before: `Date: 2023-11-14 22:13`. After: `Date: Tue, 14 Nov 2023 22:13:20 +0000`.",
		},
		Applies: func(f *Facts) bool { return f.Message.first("date") != nil },
		Run: func(f *Facts, r *check.Reporter) {
			date, received := f.Format.Date, f.Delivery.ReceivedAt
			i := f.Message.all("date")[0]
			if date == nil {
				fd := f.at(i, check.Params{})
				fd.Fix = advice("")
				r.Report(fd)
				return
			}
			if received.IsZero() {
				return
			}
			if apart := date.Sub(received).Abs(); apart > maxDrift {
				fd := f.at(i, check.Params{"Days": int(apart / (24 * time.Hour)), "Received": received.UTC().Format(time.RFC3339)})
				fd.Variant, fd.Fix = "far", advice("far")
				r.Report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-message-id", Severity: check.Warning, Title: "Message-ID is missing or malformed",
			Variants: variants{{Name: "malformed", Severity: check.Notice}},
			Refs:     refs{check.RFC(5322, "3.6.4")},
			Doc: "Every message should carry an identifier of its own: a unique left part, `@` and a domain of the sender, in angle\n" +
				"brackets. Threads, duplicate filters and some receivers rely on it; a missing one is typical of careless scripts,\n" +
				"and a few large receivers refuse such mail.\n\n" +
				"**Fix:** let the sending program make one, with a domain of yours on the right.\n\n" +
				"Before: `Message-ID: 12345`. After: `Message-ID: <12345.abc@mail.example.com>`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			all := f.Message.all("message-id")
			if len(all) == 0 {
				r.Report(check.Finding{Subject: "Message-ID", Params: check.Params{}, Fix: advice("")})
				return
			}
			if !messageID.MatchString(f.Format.MessageID) {
				fd := f.at(all[0], check.Params{"Value": clip(f.Format.MessageID)})
				fd.Variant, fd.Fix = "malformed", advice("malformed")
				r.Report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-encoded-word-in-address", Severity: check.Warning, Title: "an encoded word inside an address",
			Refs: refs{check.RFC(2047, "5")},
			Doc: "Encoded words (`=?utf-8?…?=`) may stand in a display name, never in the address itself. Some mail readers decode\n" +
				"them there all the same and show an address that no server ever saw: a trick to pass as another sender.\n\n" +
				"**Fix:** encode the display name only; an address with other letters needs SMTPUTF8, or an A-label domain.\n\n" +
				"Before: `<=?utf-8?q?ceo?=@example.com>`. After: `=?utf-8?q?Jos=C3=A9?= <jose@example.com>`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			for _, i := range f.Format.EncodedAddr {
				fd := f.at(i, check.Params{})
				fd.Fix = advice("")
				r.Report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-8bit-header", Severity: check.Warning, Title: "a header field with octets beyond US-ASCII",
			Refs: refs{check.RFC(5322, "2.2"), check.RFC(6532, "")},
			Doc: "Header fields are US-ASCII, unless both servers agreed on SMTPUTF8, and nothing here says that they did. Programs\n" +
				"read such octets in different ways, relays replace them, and a signature over the field breaks on the way.\n\n" +
				"**Fix:** write other letters as encoded words (RFC 2047).\n\n" +
				"Before: `Subject: Olá`. After: `Subject: =?utf-8?q?Ol=C3=A1?=`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if f.Format.SMTPUTF8 || len(f.Format.EightBit) == 0 {
				return
			}
			var names []string
			for _, i := range f.Format.EightBit {
				names = append(names, f.Message.Fields[i].Name)
				if len(names) == firstTen {
					break
				}
			}
			fd := f.at(f.Format.EightBit[0], check.Params{"Count": len(f.Format.EightBit), "Fields": clip(strings.Join(names, ", "))})
			fd.Fix = advice("")
			r.Report(fd)
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-mime-missing", Severity: check.Notice, Title: "MIME without MIME-Version",
			Refs: refs{check.RFC(2045, "4")},
			Doc: "The message uses MIME, by a Content-Type field or by octets beyond US-ASCII in its body, and lacks the field\n" +
				"`MIME-Version: 1.0` that says so. Strict readers then show the body as plain text in US-ASCII.\n\n" +
				"**Fix:** add the field where the message is made, before it is signed.\n\n" +
				"Before: `Content-Type: text/html` alone. After: the same with `MIME-Version: 1.0`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if f.Message.first("mime-version") == nil && (f.Message.first("content-type") != nil || f.Format.Lines.Body8Bit) {
				r.Report(check.Finding{Subject: "MIME-Version", Params: check.Params{}, Fix: advice("")})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-bcc-present", Severity: check.Notice, Title: "the message still carries Bcc",
			Refs: refs{check.RFC(5322, "3.6.3")},
			Doc: "Bcc names recipients that the others should not know of. The sending program removes it before the message leaves;\n" +
				"here it arrived, and everybody who received the message can read the list.\n\n" +
				"**Fix:** hand the addresses to the server as recipients and leave the field out.\n\n" +
				"Before: `Bcc: boss@example.com` in what is sent. After: no such field.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			for _, i := range f.Message.all("bcc") {
				if n := len(parseAddresses(f.Message.Fields[i].Value).mailboxes); n > 0 {
					// The addresses are somebody's secret: they are counted, not repeated.
					r.Report(check.Finding{Subject: "Bcc", Params: check.Params{"Count": n}, Fix: advice("")})
					return
				}
			}
		},
	},
}
