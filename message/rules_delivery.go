package message

import (
	"net/netip"
	"strings"

	"github.com/postseal/postseal/check"
)

// loopHops is where a message with so many Received fields is taken to go in
// circles; RFC 5321 §6.3 asks servers to allow 100 at least, and many stop sooner.
const loopHops = 25

// deliveryRules are about the way of the message and the client at its end.
var deliveryRules = []rule{
	{
		Meta: check.Meta{
			ID: "msg-return-path-missing", Severity: check.Info, Title: "no Return-Path: the envelope sender is not known",
			Refs: refs{check.RFC(5321, "4.4")},
			Doc: "The server that delivers a message writes MAIL FROM into Return-Path. Without it SPF cannot be worked out from the\n" +
				"file: this is a copy from the sender's side, or a program removed the field.\n\n" +
				"**Fix:** give `--mail-from` (and `--ip`) with the values from the receiving server's log.\n\n" +
				"Before: `postseal message m.eml`. After: `postseal message --ip 192.0.2.10 --mail-from a@example.com m.eml`.",
		},
		Applies: func(f *Facts) bool { return f.Options.MailFrom == nil },
		Run: func(f *Facts, r *check.Reporter) {
			if f.Delivery.ReturnPaths == 0 {
				r.Report(check.Finding{Subject: "Return-Path", Params: check.Params{}, Fix: advice("")})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-return-path-multiple", Severity: check.Notice, Title: "more than one Return-Path",
			Refs: refs{check.RFC(5321, "4.4")},
			Doc: "The last server writes one Return-Path on top, and a message that is sent on must not carry an older one. A second\n" +
				"one was forged by the sender or left over when the message was put back into the mail. The topmost is used here.\n\n" +
				"**Fix:** let the receiving server remove what comes in, and a program that sends stored mail again drop the field.\n\n" +
				"Before: `Return-Path: <a@example.com>` twice. After: one, by the last server.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if n := f.Delivery.ReturnPaths; n > 1 {
				fd := f.at(f.Message.all("return-path")[1], check.Params{"Count": n})
				fd.Fix = advice("")
				r.Report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-received-none", Severity: check.Info, Title: "no Received field: this is not a delivered copy",
			Refs: refs{check.RFC(5321, "4.4")},
			Doc: "Every server that takes a message adds a Received field. Without any, the file was not delivered by mail: a draft, a\n" +
				"copy of sent mail, or an export that lost them. The client's address, the time and TLS are not known.\n\n" +
				"**Fix:** save the message from the mailbox of somebody who received it, with its whole source.\n\n" +
				"Before: a copy from the Sent folder. After: the source of the message in the recipient's mailbox.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if f.Delivery.Received == 0 {
				r.Report(check.Finding{Subject: "Received", Params: check.Params{}, Fix: advice("")})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-received-loop", Severity: check.Notice, Title: "an unusual number of Received fields",
			Refs: refs{check.RFC(5321, "6.3")},
			Doc: "Mail takes three to eight hops. With more than 25 it went round in a forwarding loop, or somebody filled the header\n" +
				"with made-up hops. Servers refuse a message at a number of their own, often 25, 50 or 100.\n\n" +
				"**Fix:** look for two rules that forward to each other.\n\n" +
				"Before: a@example.com forwards to b@example.net, which forwards back. After: one direction.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if n := f.Delivery.Received; n > loopHops {
				r.Report(check.Finding{Subject: "Received", Params: check.Params{"Count": n}, Fix: advice("")})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-received-plaintext", Severity: check.Notice, Title: "the message came in without TLS",
			Refs: refs{check.RFC(3848, ""), googleGuidelines},
			Doc: "The hop from the sender's server into the receiver's says SMTP or ESMTP, not ESMTPS, and mentions no cipher: the\n" +
				"message could be read and changed on the way. Google asks for TLS from everybody who sends to Gmail.\n\n" +
				"**Fix:** switch on STARTTLS for outgoing mail in the sending server. A few servers do not write TLS down here.\n\n" +
				"Before: `with ESMTP id 4X`. After: `(using TLSv1.3 …) with ESMTPS id 4X`.",
		},
		Applies: func(f *Facts) bool { return f.Delivery.Border >= 0 },
		Run: func(f *Facts, r *check.Reporter) {
			d := f.Delivery
			switch h := d.Hops[d.Border]; d.TLS {
			case "no":
				fd := f.at(h.Field, check.Params{"IP": addrText(h.IP), "By": clip(h.By), "With": clip(h.With)})
				fd.Fix = advice("")
				r.Report(fd)
			case "unknown":
				r.Unknown(check.Cause{Code: "msg-hop-silent", Params: check.Params{"By": clip(h.By)}})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-helo-invalid", Severity: check.Notice, Title: "the client did not give a host name in EHLO",
			Variants: variants{{Name: "receiver", Severity: check.Notice}},
			Refs:     refs{check.RFC(5321, "4.1.1.1")},
			Doc: "In EHLO a client gives its full host name, or its address in brackets. Anything else, and above all the receiver's\n" +
				"own name, is what spam programs do, and filters count it.\n\n" +
				"**Fix:** set the host name of the sending server, in Postfix `myhostname` or `smtp_helo_name`.\n\n" +
				"Before: `EHLO localhost`. After: `EHLO mail.example.com`.",
		},
		Applies: func(f *Facts) bool { return f.Delivery.HELO != "" },
		Run: func(f *Facts, r *check.Reporter) {
			d := f.Delivery
			p := check.Params{"HELO": clip(d.HELO)}
			_, isName := d.heloName()
			switch {
			case isName && f.ownName(d.HELO):
				r.Report(check.Finding{Subject: clip(d.HELO), Variant: "receiver", Params: p, Fix: advice("")})
			case !isName && !literal(d.HELO):
				r.Report(check.Finding{Subject: clip(d.HELO), Params: p, Fix: advice("")})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-helo-unresolved", Severity: check.Notice, Title: "the name in EHLO has no address",
			Refs:      refs{check.RFC(5321, "4.1.4")},
			CoveredBy: []string{"msg-helo-invalid"},
			Doc: "The name that the client gave in EHLO is in the form of a host name, and DNS has no address for it. Receivers may\n" +
				"not refuse a message for that alone, and filters count it: real servers have names that lead to them.\n\n" +
				"**Fix:** publish A or AAAA for the name, or give a name in EHLO that has one.\n\n" +
				"Before: `EHLO server1.local.example`. After: `EHLO mail.example.com`, with an A record.",
		},
		Applies: func(f *Facts) bool { return len(f.Delivery.HELOAddress) > 0 },
		Run: func(f *Facts, r *check.Reporter) {
			all := f.Delivery.HELOAddress
			for i := range all {
				switch {
				case all[i].Found():
					return
				case all[i].Unknown():
					r.Unknown(all[i].Error)
					return
				}
			}
			r.Report(check.Finding{Subject: all[0].Name.String(), Params: check.Params{"HELO": all[0].Name.String()}, Fix: advice("")})
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-iprev-fail", Severity: check.Warning, Title: "the client's address has no name that leads back",
			Variants: variants{{Name: "mismatch", Severity: check.Warning}},
			Refs:     refs{check.RFC(8601, "3"), googleGuidelines},
			Doc: "A sending address should have a PTR record, and the name in it an A or AAAA record with that address. Gmail and many\n" +
				"others refuse or delay mail from addresses without, as do filters: home connections look like that.\n\n" +
				"**Fix:** ask the owner of the address (the hoster or provider) to set PTR, and publish the address for that name.\n\n" +
				"Before: `10.2.0.192.in-addr.arpa` has no PTR. After: PTR `mail.example.com.`, and that name has A `192.0.2.10`.",
		},
		Applies: func(f *Facts) bool { return f.Delivery.PTR != nil },
		Run: func(f *Facts, r *check.Reporter) {
			d := f.Delivery
			p := check.Params{"IP": d.IP.String(), "Names": ""}
			switch d.IPRev {
			case "permerror":
				r.Report(check.Finding{Subject: d.IP.String(), Params: p, Fix: advice("")})
			case "fail":
				var names []string
				for _, rec := range d.PTR.Records() {
					names = append(names, rec.Host.String())
				}
				p["Names"] = clip(strings.Join(names, ", "))
				r.Report(check.Finding{Subject: d.IP.String(), Variant: "mismatch", Params: p, Fix: advice("mismatch")})
			case "temperror":
				if d.PTR.Unknown() {
					r.Unknown(d.PTR.Error)
					return
				}
				for i := range d.PTRForward {
					if d.PTRForward[i].Unknown() {
						r.Unknown(d.PTRForward[i].Error)
					}
				}
			}
		},
	},
}

var googleGuidelines = check.Ref{Doc: "Google, email sender guidelines", URL: "https://support.google.com/a/answer/81126"}

// ownName tells whether a name in EHLO is that of the server that took the message.
func (f *Facts) ownName(helo string) bool {
	if strings.EqualFold(helo, f.Options.Receiver) {
		return true
	}
	d := f.Delivery
	return d.Border >= 0 && d.Hops[d.Border].HELO == helo && strings.EqualFold(helo, d.Hops[d.Border].By)
}

// literal tells whether the text is an address in brackets (RFC 5321 §4.1.3).
func literal(s string) bool {
	in, ok := strings.CutPrefix(s, "[")
	in, ok2 := strings.CutSuffix(in, "]")
	return ok && ok2 && parseIP(in).IsValid()
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
