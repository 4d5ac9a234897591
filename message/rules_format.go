package message

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

func hasFrom(f *Facts) bool { return f.Format.FromFields > 0 }

var formatRules = slices.Concat(fromRules, headerRules, octetRules, deliveryRules)

// fromRules are about the author: everything else hangs on who that is.
var fromRules = []rule{
	{
		Meta: check.Meta{
			ID: "msg-from-missing", Severity: check.Error, Title: "the message has no From field",
			Refs: refs{check.RFC(5322, "3.6"), check.RFC(9989, "5.3.1")},
			Doc: "Each message has exactly one From field. Without it there is no author, so DMARC has no domain to ask about,\n" +
				"and large receivers refuse the message.\n\n" +
				"**Fix:** let the program that writes the message put a From field in.\n\n" +
				"Before: `Subject: Hello` and no From. After: `From: News <news@example.com>`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if f.Format.FromFields == 0 {
				r.Report(check.Finding{Subject: "From", Params: check.Params{}, Fix: advice("")})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-from-multiple-fields", Severity: check.Error, Title: "the message has more than one From field",
			Refs: refs{check.RFC(5322, "3.6"), check.RFC(9989, "11.5")},
			Doc: "Only one From field may stand in a message. With two, one program shows the first and another checks the last:\n" +
				"a reader sees an author whom nobody verified. Receivers need not evaluate DMARC for such a message, and many\n" +
				"refuse it.\n\n" +
				"**Fix:** remove the extra field; if a relay added it, find the relay. Sign with From named once more than it\n" +
				"stands there, so that an added one breaks the signature.\n\n" +
				"Before: `From: ceo@example.com` above `From: a@example.com`. After: one of them.",
		},
		Applies: hasFrom,
		Run: func(f *Facts, r *check.Reporter) {
			if f.Format.FromFields > 1 {
				i := f.Message.all("from")[1]
				fd := f.at(i, check.Params{"Count": f.Format.FromFields, "Addresses": addresses(f.Format.From)})
				fd.Scope, fd.Fix = "from", advice("")
				r.Report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-from-multiple-addresses", Severity: check.Warning, Title: "From names more than one author",
			Variants: variants{{Name: "domains", Severity: check.Error}},
			Refs:     refs{check.RFC(5322, "3.6.2"), check.RFC(9989, "5.3.1")},
			Doc: "From may hold several addresses, and then Sender must say who sent the message. Hardly anybody does so: DMARC\n" +
				"knows one Author Domain, and receivers skip the check, take the strictest policy or refuse. With addresses of\n" +
				"different domains nobody can say whose policy counts.\n\n" +
				"**Fix:** name one author in From and the others in the text, or in Reply-To.\n\n" +
				"Before: `From: a@example.com, b@other.example`. After: `From: a@example.com`.",
		},
		Applies: hasFrom,
		Run: func(f *Facts, r *check.Reporter) {
			if f.Format.FromFields > 1 || len(f.Format.From) < 2 {
				return // several fields are another rule's business
			}
			fd := f.at(f.Message.all("from")[0], check.Params{"Count": len(f.Format.From), "Addresses": addresses(f.Format.From)})
			fd.Fix = advice("")
			if slices.ContainsFunc(f.Format.From, func(m Mailbox) bool { return m.Domain != f.Format.From[0].Domain }) {
				fd.Variant = "domains"
			}
			r.Report(fd)
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-from-syntax", Severity: check.Error, Title: "From cannot be read in one way only",
			Variants: variants{{Name: "readings", Severity: check.Warning}},
			Refs:     refs{check.RFC(5322, "3.4"), check.RFC(9989, "11.5")},
			Doc: "The value of From does not follow the grammar of addresses, or it does, but simple programs take another address\n" +
				"out of it. Filters, signers and mail readers then see different authors, which is how a message passes the checks\n" +
				"of one domain and shows another.\n\n" +
				"**Fix:** write a display name with dots, commas, colons, brackets or `@` in quotes, and one address in angle\n" +
				"brackets after it.\n\n" +
				"Before: `From: Doe, John <a@example.com>`. After: `From: \"Doe, John\" <a@example.com>`.",
		},
		Applies: hasFrom,
		Run:     fromSyntax,
	},
	{
		Meta: check.Meta{
			ID: "msg-from-group", Severity: check.Notice, Title: "From holds a group instead of an address",
			Refs: refs{check.RFC(6854, "2"), check.RFC(9989, "5.3.1")},
			Doc: "A group (`Name:;`) in From is allowed since RFC 6854, for messages without an author who could be answered.\n" +
				"A group without members has no domain, so DMARC cannot be evaluated, and many receivers distrust the message.\n\n" +
				"**Fix:** give From an address of your own domain, such as a no-reply address.\n\n" +
				"Before: `From: Automatic System:;`. After: `From: Automatic System <noreply@example.com>`.",
		},
		Applies: hasFrom,
		Run: func(f *Facts, r *check.Reporter) {
			if len(f.Format.FromGroups) > 0 {
				fd := f.at(f.Message.all("from")[0], check.Params{"Group": clip(f.Format.FromGroups[0]), "Members": len(f.Format.From)})
				fd.Fix = advice("")
				r.Report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-from-no-domain", Severity: check.Error, Title: "the address in From has no domain name",
			Refs:      refs{check.RFC(5321, "2.3.5"), check.RFC(9989, "5.3.1")},
			CoveredBy: []string{"msg-from-syntax"},
			Doc: "The address has only a local part, an address in brackets, or a name without a dot. None of these can publish SPF,\n" +
				"DKIM or DMARC, so nothing vouches for the message. It is usually a script that sends as a local user.\n\n" +
				"**Fix:** configure the sending program, or the mail server's `myorigin` and the like, with a full domain name.\n\n" +
				"Before: `From: root@localhost`. After: `From: server1 <root@example.com>`.",
		},
		Applies: hasFrom,
		Run: func(f *Facts, r *check.Reporter) {
			for _, m := range f.Format.From {
				if m.Domain == "" {
					fd := f.at(f.Message.all("from")[0], check.Params{"Address": clip(m.Address)})
					fd.Fix = advice("")
					r.Report(fd)
					return
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-from-domain-missing-dns", Severity: check.Error, Title: "the domain in From does not exist",
			Refs: refs{check.RFC(9989, "3.2.13"), check.RFC(5321, "2.3.5")},
			Doc: "DNS answers NXDOMAIN for the domain of the author. Nobody can reply, nothing can authenticate it, and the policy\n" +
				"that an organisation publishes for names that do not exist (`np=`) applies. It is a typing error or an invention.\n\n" +
				"**Fix:** send from a domain that exists; if this one should exist, publish it.\n\n" +
				"Before: `From: shop@mial.example.com`. After: `From: shop@mail.example.com`.",
		},
		Applies: func(f *Facts) bool { return len(f.Format.Exists) > 0 },
		Run: func(f *Facts, r *check.Reporter) {
			for i := range f.Format.Exists {
				l := &f.Format.Exists[i]
				switch {
				case l.Unknown():
					r.Unknown(l.Error)
				case l.State == dns.StateNXDomain:
					r.Report(check.Finding{Subject: l.Name.String(), Params: check.Params{"Domain": l.Name.String()}, Fix: advice("")})
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-from-display-address", Severity: check.Warning, Title: "the display name shows another address",
			Refs: refs{check.RFC(9989, "11.4")},
			Doc: "Many mail readers show only the display name. Here it contains an address or a domain that is not the one the\n" +
				"message comes from: DMARC says nothing about it, so a stranger can show any address there. Filters count it as a\n" +
				"sign of fraud.\n\n" +
				"**Fix:** put a name there, not an address; to speak for somebody, write \"Bob via Service\".\n\n" +
				"Before: `\"support@bank.example\" <x@example.com>`. After: `\"Bank support\" <x@example.com>`.",
		},
		Applies: hasFrom,
		Run:     displayAddress,
	},
	{
		Meta: check.Meta{
			ID: "msg-from-idn-confusable", Severity: check.Notice, Title: "the domain in From looks like another one",
			Refs: refs{check.RFC(9989, "2.2"), {Doc: "UTS 39", Section: "4", URL: "https://www.unicode.org/reports/tr39/"}},
			Doc: "The domain is written with letters of several scripts, or entirely with letters of another script that look like\n" +
				"Latin ones. A reader takes it for a different domain. DMARC does not protect from lookalikes: the domain can\n" +
				"authenticate itself perfectly.\n\n" +
				"**Fix:** if the domain is yours, use one script in each label. If you received the message, do not trust the name.\n\n" +
				"Before: `xn--80ak6aa92e.com`, shown as аррӏе.com. After: a name in one script that imitates none.",
		},
		Applies: hasFrom,
		Run: func(f *Facts, r *check.Reporter) {
			for _, m := range f.Format.From {
				if skeleton, odd := confusable(m.Domain); odd {
					fd := check.Finding{Subject: m.Domain.String(), Params: check.Params{"Domain": m.Domain.String(), "Unicode": m.Domain.Unicode(), "Like": skeleton}}
					r.Report(fd)
					return
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-sender-missing", Severity: check.Warning, Title: "several authors and no Sender",
			Refs: refs{check.RFC(5322, "3.6.2")},
			Doc: "When From holds several addresses, the Sender field must name the one that sent the message. Without it nobody is\n" +
				"responsible, and strict receivers refuse the message.\n\n" +
				"**Fix:** add a Sender field with one address, or name one author only.\n\n" +
				"Before: `From: a@example.com, b@example.com`. After: the same with `Sender: a@example.com`.",
		},
		Applies: func(f *Facts) bool { return f.Format.FromFields == 1 && len(f.Format.From) > 1 },
		Run: func(f *Facts, r *check.Reporter) {
			if f.Message.first("sender") == nil {
				r.Report(check.Finding{Subject: "Sender", Params: check.Params{"Count": len(f.Format.From)}, Fix: advice("")})
			}
		},
	},
}

// fromSyntax compares the strict reading with the lenient ones.
func fromSyntax(f *Facts, r *check.Reporter) {
	fm := f.Format
	if p := fm.FromProblem; p != nil {
		fd := f.at(p.Field, check.Params{"Problem": p.Code, "Readings": readingsShown(fm.Readings)})
		fd.Fix = advice("")
		if at := len(f.Message.Fields[p.Field].Name) + 2 + p.Offset; at <= len(fd.Record) {
			fd.Span = &check.Span{Start: at, End: len(fd.Record)}
		}
		r.Report(fd)
		return
	}
	if fm.FromFields > 1 {
		return // each field may be fine; that there are two is the finding
	}
	for _, rd := range fm.Readings {
		for i, d := range rd.Domains {
			if !slices.ContainsFunc(fm.From, func(m Mailbox) bool { return m.Domain == d }) {
				fd := f.at(f.Message.all("from")[0], check.Params{"Address": clip(addresses(fm.From)), "Other": clip(rd.Addresses[i])})
				fd.Variant, fd.Fix = "readings", advice("")
				r.Report(fd)
				return
			}
		}
	}
}

func displayAddress(f *Facts, r *check.Reporter) {
	for _, m := range f.Format.From {
		if text, ok := otherAddress(m); ok {
			fd := f.at(f.Message.all("from")[0], check.Params{"Shown": clip(text), "Address": clip(m.Address)})
			fd.Fix = advice("")
			r.Report(fd)
			return
		}
	}
}

// readingsShown lists what the readers took for the author.
func readingsShown(list []Reading) string {
	var all []string
	for _, rd := range list {
		for _, a := range rd.Addresses {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	return clip(strings.Join(all, ", "))
}
