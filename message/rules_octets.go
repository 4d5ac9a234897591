package message

import (
	"strconv"
	"strings"

	"github.com/postseal/postseal/check"
)

// octetRules are about lines and octets that do not survive transport.
var octetRules = []rule{
	{
		Meta: check.Meta{
			ID: "msg-line-too-long", Severity: check.Error, Title: "a line is longer than 998 octets",
			Refs: refs{check.RFC(5322, "2.1.1")},
			Doc: "A line may have 998 octets and its line end. Servers on the way break or cut a longer one, which changes the body:\n" +
				"the DKIM signature then fails, and HTML is damaged. It is usually a template that puts a whole page on one line.\n\n" +
				"**Fix:** send such parts as quoted-printable or base64, or break the lines where the text is made.\n\n" +
				"Before: `Content-Transfer-Encoding: 8bit` and 20,000 octets on a line. After: `quoted-printable`.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if l := f.Format.Lines; l.LongCount > 0 {
				r.Report(check.Finding{Subject: lineSubject(l.Long[0]), Fix: advice(""),
					Params: check.Params{"Count": l.LongCount, "Lines": numbers(l.Long), "Longest": l.Longest}})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-line-over-78", Severity: check.Info, Title: "a header line is longer than 78 octets",
			Refs: refs{check.RFC(5322, "2.1.1")},
			Doc: "Lines should stay within 78 octets so that every program can show them. Longer ones work nearly everywhere; a few\n" +
				"relays refold them, which breaks signatures made with simple header canonicalization.\n\n" +
				"**Fix:** fold long fields at white space, and sign with `c=relaxed/relaxed`.\n\n" +
				"Before: a To field of 300 octets. After: the same on four lines, the later ones indented.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if l := f.Format.Lines; l.WideCount > 0 {
				r.Report(check.Finding{Subject: lineSubject(l.WideHeader[0]), Params: check.Params{"Count": l.WideCount, "Lines": numbers(l.WideHeader)}})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-bare-cr-lf", Severity: check.Warning, Title: "CR or LF stands alone",
			Refs: refs{check.RFC(5321, "2.3.8")},
			Doc: "In mail, a line ends in CR and LF together, and neither may stand alone. Servers disagree on what a lone one means:\n" +
				"some end the line there, some do not, some repair it. That breaks body hashes, and it is the door of SMTP\n" +
				"smuggling, where a second message hides in the first.\n\n" +
				"**Fix:** let the sending program write CRLF everywhere, and the receiving server refuse lone ones.\n\n" +
				"Before: a body with LF line ends behind a header with CRLF. After: CRLF throughout. A file that has LF only was\n" +
				"saved on Unix; that is converted and not reported.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			l := f.Format.Lines
			if l.BareCR.Count+l.BareLF.Count == 0 {
				return
			}
			first := l.BareLF
			if first.Count == 0 || l.BareCR.Count > 0 && l.BareCR.Offset < first.Offset {
				first = l.BareCR
			}
			r.Report(check.Finding{Subject: lineSubject(first.Line), Fix: advice(""),
				Params: check.Params{"CR": l.BareCR.Count, "LF": l.BareLF.Count, "Line": first.Line, "Offset": first.Offset}})
		},
	},
	{
		Meta: check.Meta{
			ID: "msg-nul", Severity: check.Error, Title: "the message contains NUL octets",
			Refs: refs{check.RFC(5322, "4")},
			Doc: "No field and no body may hold the octet 0. Programs written in C end the text there, others go on: two readers see\n" +
				"two messages. Servers refuse the message or drop the octet, and then the signature fails.\n\n" +
				"**Fix:** encode binary parts as base64.\n\n" +
				"Before: UTF-16 text as 8bit. After: the same text as UTF-8, or in base64.",
		},
		Run: func(f *Facts, r *check.Reporter) {
			if n := f.Format.Lines.NUL; n.Count > 0 {
				r.Report(check.Finding{Subject: lineSubject(n.Line), Fix: advice(""), Params: check.Params{"Count": n.Count, "Line": n.Line, "Offset": n.Offset}})
			}
		},
	},
}

func lineSubject(n int) string { return "line " + strconv.Itoa(n) }

func numbers(list []int) string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = strconv.Itoa(n)
	}
	return strings.Join(out, ", ")
}
