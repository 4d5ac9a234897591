package reply

import (
	"regexp"

	"github.com/postseal/postseal/check"
)

// spaced is a path behind a space that the grammar does not have.
var spaced = regexp.MustCompile(`(?i)^(MAIL FROM|RCPT TO) ?: +|^(MAIL FROM|RCPT TO) +:`)

// sessionRules are about both sides of a session.
var sessionRules = []rule{
	{
		Meta: check.Meta{
			ID: "session-space-after-colon", Severity: check.Warning, Title: "a space stands next to the colon of MAIL FROM or RCPT TO",
			Refs: refs{check.RFC(5321, "3.3"), check.RFC(5321, "4.1.1.2"), check.RFC(5321, "4.1.1.3")},
			Doc: "The address follows the colon at once. Many examples show a space there, and most servers take it; strict ones, and\n" +
				"filters that look out for spam programs, answer 501 or hang up.\n\n" +
				"**Fix:** write the commands without the space.\n\n" +
				"Before: `MAIL FROM: <a@example.com>`. After: `MAIL FROM:<a@example.com>`.",
		},
		Applies: isSession,
		Run: func(f *Facts, r *check.Reporter) {
			out := limited{r: r}
			for _, st := range f.Session.Steps {
				if m := spaced.FindStringIndex(st.Text); m != nil {
					fd := finding(st.Line, st.Text, check.Params{"Verb": map[string]string{"MAIL": "MAIL FROM:", "RCPT": "RCPT TO:"}[st.Verb]})
					fd.Span = &check.Span{Start: m[0], End: m[1]}
					out.report(fd)
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "session-auth-before-tls", Severity: check.Error, Title: "a login was sent before encryption began",
			Variants: variants{{Name: "challenge", Severity: check.Warning}, {Name: "unsent", Severity: check.Notice}},
			Refs:     refs{check.RFC(4954, "4"), check.RFC(8314, "3")},
			Doc: "AUTH PLAIN, LOGIN and the token mechanisms send what opens the account, and base64 hides nothing: whoever sits on the\n" +
				"path reads it. Challenge mechanisms do not send the password, but what they send lets it be guessed, and the rest of\n" +
				"the session can be changed. A refusal comes too late where the credential stood in the AUTH command already.\n\n" +
				"**Fix:** begin TLS first, with STARTTLS on port 587 or from the start on port 465, and let the client refuse to log in\n" +
				"without it. Change a password that was sent in the clear.\n\n" +
				"Before: `EHLO`, `AUTH PLAIN AGEA…`. After: `EHLO`, `STARTTLS`, `EHLO`, `AUTH PLAIN AGEA…`.",
		},
		Applies: func(f *Facts) bool { return isSession(f) && len(auths(f)) > 0 },
		Run: func(f *Facts, r *check.Reporter) {
			out, open := limited{r: r}, false
			for _, st := range auths(f) {
				if st.TLS {
					continue
				}
				// A server lists STARTTLS until TLS begins (RFC 3207 §4.2). Where it does
				// not, the transcript may be of port 465, or begin in the middle.
				if !st.Offered && !f.Session.Plain && f.Session.TLSLine == 0 {
					if !open { // said once: a file may have thousands of logins
						r.Unknown(check.Cause{Code: "reply-tls-unseen", Params: check.Params{"Line": st.Line}})
					}
					open = true
					continue
				}
				fd := finding(st.Line, st.Text, check.Params{"Mechanism": mechanism(st)})
				switch {
				case !st.Credential:
					fd.Variant = "unsent"
				case !readable[st.Mechanism]:
					fd.Variant = "challenge"
				}
				out.report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "session-missing-334", Severity: check.Notice, Title: "the client went on with AUTH without waiting to be asked",
			Refs: refs{check.RFC(4954, "4")},
			Doc: "AUTH with a mechanism alone asks the server to begin: it answers 334, and only then does the client send its base64\n" +
				"line. A client that does not wait may have that line taken for a command, and a script that expects no 334 hangs.\n\n" +
				"**Fix:** wait for the 334, or put the response on the line of the command, where the mechanism begins with one.\n\n" +
				"Before: `AUTH PLAIN`, then the base64 at once. After: `AUTH PLAIN AGEA…` on one line.",
		},
		Applies: func(f *Facts) bool { return isSession(f) && len(auths(f)) > 0 },
		Run: func(f *Facts, r *check.Reporter) {
			out := limited{r: r}
			for _, st := range auths(f) {
				if st.Unprompted != 0 {
					out.report(finding(st.Unprompted, Redacted, check.Params{"Mechanism": mechanism(st), "Command": st.Line}))
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "session-no-second-ehlo", Severity: check.Warning, Title: "no EHLO follows the start of TLS",
			Refs: refs{check.RFC(3207, "4.2")},
			Doc: "With TLS the session begins anew, and both sides forget what was said before: an attacker may have changed the list\n" +
				"of extensions. The client asks for it again with EHLO. Without that, servers answer 503, or the client relies on\n" +
				"extensions that anybody on the path could have written.\n\n" +
				"**Fix:** send EHLO as the first command after STARTTLS.\n\n" +
				"Before: `STARTTLS`, `220`, `MAIL FROM:<a@example.com>`. After: `STARTTLS`, `220`, `EHLO mail.example.com`, then MAIL.",
		},
		Applies: func(f *Facts) bool {
			return isSession(f) && f.Session.TLSLine > 0 && !f.Session.ImplicitTLS
		},
		Run: func(f *Facts, r *check.Reporter) {
			seen := map[int]bool{}
			for _, st := range f.Session.Steps {
				if st.StaleEHLO && !seen[st.Connection] {
					seen[st.Connection] = true
					if len(seen) <= maxFindings {
						r.Report(finding(st.Line, st.Text, check.Params{"Verb": st.Verb}))
					}
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "session-bare-lf", Severity: check.Warning, Title: "lines end in LF without CR",
			Refs: refs{check.RFC(5321, "2.3.8"), check.RFC(5321, "4.1.1.4")},
			Doc: "In SMTP a line ends in CR and LF together. Servers disagree on what a lone LF means, and a dot between two of them\n" +
				"ends the message for one server and not for the next: that is how SMTP smuggling hides a second message in the\n" +
				"first, past SPF and DMARC.\n\n" +
				"**Fix:** let the client write CRLF everywhere, and the server refuse lone LF.\n\n" +
				"Before: `.` between two LF. After: CRLF, `.`, CRLF. A file that has LF only was saved on Unix; it counts with\n" +
				"`--raw`, which says that the octets are as sent.",
		},
		Applies: func(f *Facts) bool { return isSession(f) && (f.Session.LF.CRLF > 0 || f.Session.LF.Raw) },
		Run: func(f *Facts, r *check.Reporter) {
			if l := f.Session.LF; l.LF > 0 {
				fd := finding(l.Line, "", check.Params{"Count": l.LF, "Offset": l.Offset})
				r.Report(fd)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "session-dot-stuffing", Severity: check.Error, Title: "a line of the message begins with a single dot",
			Variants: variants{{Name: "cut", Severity: check.Error}},
			Refs:     refs{check.RFC(5321, "4.5.2")},
			Doc: "A dot alone ends the message, so the client doubles each dot at the beginning of a line, and the server takes one\n" +
				"away. Where the client forgets, the first dot of the line is lost, which breaks DKIM signatures; a line with only a\n" +
				"dot cuts the message off, and the rest is read as commands.\n\n" +
				"**Fix:** double the dot at the beginning of every line of the message. Libraries do it; scripts and `telnet` do not.\n\n" +
				"Before: `.hidden`. After: `..hidden`.",
		},
		Applies: func(f *Facts) bool { return isSession(f) && len(f.Session.Messages) > 0 },
		Run: func(f *Facts, r *check.Reporter) {
			out := limited{r: r}
			for _, d := range f.Session.Dots {
				fd := finding(d.Line, d.Text, check.Params{})
				if d.Ends {
					fd.Variant = "cut"
				}
				out.report(fd)
			}
		},
	},
}

// readable are the mechanisms that send what opens the account.
var readable = map[string]bool{"PLAIN": true, "LOGIN": true, "XOAUTH2": true, "OAUTHBEARER": true, "": true}

func auths(f *Facts) []*Step {
	var list []*Step
	for _, st := range f.Session.Steps {
		if st.Verb == "AUTH" {
			list = append(list, st)
		}
	}
	return list
}

func mechanism(st *Step) string {
	if st.Mechanism == "" {
		return "AUTH"
	}
	return "AUTH " + st.Mechanism
}
