package message

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/spf"
)

// spfRules judge SPF of the delivery (RFC 7208).
var spfRules = []rule{
	{
		Meta: check.Meta{
			ID: "msg-spf-pass", Severity: check.Info, Title: "SPF passes",
			Refs: refs{check.RFC(7208, "2.6"), check.RFC(7208, "8.3")},
			Doc: "The record of the domain in MAIL FROM lets the client's address send. The term that matched is named, with the\n" +
				"records on the way to it. A pass counts for DMARC only where that domain is aligned with From.\n\n" +
				"**Nothing to fix.** A broad term that matched, such as the range of a whole provider, also lets its other customers pass.\n\n" +
				"Example: 192.0.2.10 matches `ip4:192.0.2.0/24` of example.com.",
		},
		Run: spfResult(spf.ResultPass),
	},
	{
		Meta: check.Meta{
			ID: "msg-spf-fail", Severity: check.Error, Title: "SPF fails: the domain forbids this client",
			Variants: variants{{Name: "forwarded", Severity: check.Notice}},
			Refs:     refs{check.RFC(7208, "8.4")},
			Doc: "The record of the domain in MAIL FROM says that this client may not send for it. Some receivers refuse such mail\n" +
				"before they see a signature. A message that was forwarded fails by nature: the forwarder's address is in nobody's\n" +
				"record. Where the message shows signs of that, the result is expected and only a notice.\n\n" +
				"**Fix:** if the client is yours, authorise its address; if it forwards, rely on DKIM, which survives that.\n\n" +
				"Before: `v=spf1 ip4:192.0.2.10 -all`, mail from 192.0.2.25. After: `v=spf1 ip4:192.0.2.10 ip4:192.0.2.25 -all`.",
		},
		Run: spfResult(spf.ResultFail),
	},
	{
		Meta: check.Meta{
			ID: "msg-spf-softfail", Severity: check.Warning, Title: "SPF softfails: the domain doubts this client",
			Variants: variants{{Name: "forwarded", Severity: check.Notice}},
			Refs:     refs{check.RFC(7208, "8.5")},
			Doc: "The record of the domain in MAIL FROM does not name this client and ends in `~all`: the mail is taken and looked at\n" +
				"harder. For DMARC a softfail is no pass. Forwarded mail softfails by nature.\n\n" +
				"**Fix:** authorise the address if the client is yours.\n\n" +
				"Before: `v=spf1 ip4:192.0.2.10 ~all`, mail from 192.0.2.25. After: `v=spf1 ip4:192.0.2.10 ip4:192.0.2.25 ~all`.",
		},
		Run: spfResult(spf.ResultSoftFail),
	},
	{
		Meta: check.Meta{
			ID: "msg-spf-neutral-none", Severity: check.Warning, Title: "SPF says nothing about this client",
			Variants: variants{{Name: "none", Severity: check.Warning}},
			Refs:     refs{check.RFC(7208, "8.1"), check.RFC(7208, "8.2")},
			Doc: "Either the domain in MAIL FROM has no SPF record (none), or its record takes no side about this client (neutral).\n" +
				"Both count like no SPF at all, and Google and Yahoo ask every sender for a pass.\n\n" +
				"**Fix:** publish a record that names the client and ends in `-all` or `~all`.\n\n" +
				"Before: no record. After: `v=spf1 ip4:192.0.2.10 -all`.",
		},
		Run: spfResult(spf.ResultNeutral, spf.ResultNone),
	},
	{
		Meta: check.Meta{
			ID: "msg-spf-permerror", Severity: check.Error, Title: "the SPF record is broken",
			Refs: refs{check.RFC(7208, "8.7")},
			Doc: "The record of the domain in MAIL FROM cannot be evaluated: its syntax is wrong, it needs too many look-ups, or there\n" +
				"are several. Receivers treat that as no SPF or refuse the mail.\n\n" +
				"**Fix:** audit the domain (`postseal audit`), which names the term and the record to publish instead.\n\n" +
				"Before: `v=spf1 ip4:192.0.2.300 -all`. After: `v=spf1 ip4:192.0.2.30 -all`.",
		},
		Run: spfResult(spf.ResultPermError),
	},
	{
		Meta: check.Meta{
			ID: "msg-spf-temperror", Severity: check.Warning, Title: "the SPF record could not be looked up",
			Refs: refs{check.RFC(7208, "8.6")},
			Doc: "The name servers of the domain in MAIL FROM, or of a domain that its record includes, answer with a failure.\n" +
				"Receivers defer such mail or treat it as no SPF. Where it cannot be told on whose side the trouble is, for instance\n" +
				"after a time-out, this is shown as not measured instead.\n\n" +
				"**Fix:** look at the name servers and DNSSEC of the name shown.\n\n" +
				"Example: `dig TXT example.com` says SERVFAIL, and must say NOERROR.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			switch {
			case f.spfCause() != nil:
				r.Unknown(f.spfCause())
			case f.SPF.Result != spf.ResultTempError:
			case f.SPF.Cause.Code == "dns-servfail":
				r.Report(f.spfFinding())
			default:
				r.Unknown(f.SPF.Cause)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-spf-reconstructed", Severity: check.Info, Title: "who delivered the message is taken from its header",
			Refs: refs{check.RFC(5321, "4.4")},
			Doc: "SPF judges the connection: the client's address, the name that it gave, and MAIL FROM. They are not part of the\n" +
				"message, and were read from the Received and Return-Path fields that the receiving server is said to have written.\n" +
				"If these are forged, or the message passed further servers inside, the result is about another connection.\n\n" +
				"**Better:** give the real values.\n\n" +
				"Example: `postseal message --ip 192.0.2.10 --helo mail.example.com --mail-from a@example.com mail.eml`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if list := f.Delivery.Reconstructed; len(list) > 0 {
				r.Report(check.Finding{Subject: "Received", Params: check.Params{"What": strings.Join(list, ", ")}})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-spf-null-sender", Severity: check.Info, Title: "the reverse-path is null, so the HELO name decides",
			Refs: refs{check.RFC(7208, "2.4")},
			Doc: "Bounces and other reports are sent with an empty MAIL FROM, so that nothing answers them. SPF then checks\n" +
				"`postmaster@` the name that the client gave in HELO. Mail servers that bounce need a record at that name.\n\n" +
				"**Fix:** where the host name has no record, publish one.\n\n" +
				"Before: no TXT at `mail.example.com`. After: `mail.example.com. TXT \"v=spf1 a -all\"`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if d := f.Delivery; d.MailFromKnown && d.MailFrom == "" {
				r.Report(check.Finding{Subject: subjectName(f.spfDomain().String(), "HELO"), Params: check.Params{"HELO": clip(d.HELO)}})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-spf-unaligned", Severity: check.Warning, Title: "SPF passes for a domain that is not the author's",
			Variants: variants{{Name: "covered", Severity: check.Notice}},
			Refs:     refs{check.RFC(9989, "4.4.2")},
			Doc: "SPF passes, but for the domain in MAIL FROM, which belongs to another organisation than From. DMARC does not count\n" +
				"such a pass. That is usual with mailing services, whose bounce addresses are their own; it is harmless where an aligned\n" +
				"DKIM signature carries DMARC, and then only a notice.\n\n" +
				"**Fix:** set up a bounce domain of your own at the service (\"custom return path\").\n\n" +
				"Before: MAIL FROM `b@esp.example`, From `a@example.com`. After: MAIL FROM `b@bounce.example.com`.",
		},
		Applies: func(f *Facts) bool { return f.DMARC != nil },
		Run:     spfUnaligned,
	},
}

// subjectName is a name, or a word where there is none.
func subjectName(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return clip(name)
}

func (f *Facts) spfFinding() check.Finding {
	o, d := f.SPF, f.Delivery
	path := make([]string, len(o.Path))
	for i, s := range o.Path {
		path[i] = s.Domain.String()
	}
	out := check.Finding{
		Subject: subjectName(o.Domain.String(), "MAIL FROM"),
		Params: check.Params{
			"Domain": o.Domain.String(), "IP": d.IP.String(), "Result": string(o.Result), "Term": clip(o.Term),
			"Path": path, "Reason": clip(o.Reason), "Signs": strings.Join(d.Forwarded, ", "),
		},
	}
	if n := len(o.Path); n > 0 {
		out.Record = cut(o.Path[n-1].Record, maxRecord)
	}
	return out
}

// spfResult reports that SPF gave one of the results.
func spfResult(results ...spf.Result) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		if cause := f.spfCause(); cause != nil {
			r.Unknown(cause)
			return
		}
		if f.SPF.Result == spf.ResultTempError {
			r.Unknown(f.SPF.Cause)
			return
		}
		for _, want := range results {
			if f.SPF.Result != want {
				continue
			}
			out := f.spfFinding()
			switch {
			case want == spf.ResultNone:
				out.Variant = "none"
			case (want == spf.ResultFail || want == spf.ResultSoftFail) && f.forwarded():
				out.Variant = "forwarded"
			}
			if want != spf.ResultPass && out.Variant != "forwarded" {
				out.Fix = advice("")
			}
			r.Report(out)
		}
	}
}

func spfUnaligned(f *Facts, r *check.Reporter) {
	switch {
	case f.SPF == nil:
		r.Unknown(f.spfCause())
		return
	case f.SPF.Result != spf.ResultPass:
		return
	}
	id := f.alignment(f.DMARC, "spf")
	switch {
	case id == nil, id.Aligned == dmarc.AlignedYes, id.StrictOnly: // msg-dmarc-strict-mismatch says it
		return
	case id.Aligned == dmarc.AlignedUnknown:
		if id.Failed() != nil {
			r.Unknown(id.Failed())
		}
		return
	}
	out := check.Finding{
		Subject: subjectName(id.Domain.String(), "MAIL FROM"), Fix: advice(""),
		Params: check.Params{
			"Domain": id.Domain.String(), "From": f.Format.AuthorDomain.String(),
			"Org": id.OrganizationalDomain.String(), "FromOrg": f.DMARC.OrganizationalDomain.String(),
		},
	}
	if f.DMARC.Aligned.DKIM {
		out.Variant = "covered"
	} else if open := f.dkimOpen(); open != nil {
		r.Unknown(open)
		return
	}
	r.Report(out)
}
