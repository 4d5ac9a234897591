package starttls

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// mechanismRules judge what can be logged in with.
var mechanismRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "auth-ntlm", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "a log-in for Windows networks is offered to everybody",
			Refs:  []check.Ref{check.RFC(4954, "")},
			Doc: `NTLM, GSSAPI and NEGOTIATE are made for clients inside one network. Offered to the internet, the first answer of NTLM gives away
the names of the machine and of the internal domain, and the password's hash can be guessed at leisure.

Offer them on the internal network only.

Before:

    250 AUTH NTLM GSSAPI PLAIN

After, with "Integrated Windows authentication" off on the receive connector of Exchange:

    250 AUTH PLAIN`,
		},
		Applies: receives,
		Run:     mechanism("NTLM", "GSSAPI", "NEGOTIATE", "GSS-SPNEGO"),
	},
	{
		Meta: check.Meta{
			ID: "auth-login-only", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "LOGIN is offered without PLAIN",
			Refs:  []check.Ref{check.RFC(4954, "4")},
			Doc: `The mechanism LOGIN was never standardised. PLAIN carries the same and is in every standard, and some programs know only PLAIN.
Both are safe inside TLS and neither is outside it.

Offer PLAIN too.

Before:

    250 AUTH LOGIN

After, with "auth_mechanisms = plain login" in Dovecot:

    250 AUTH PLAIN LOGIN`,
		},
		Applies: submits,
		Run: each(submission, StepEHLOTLS, func(_ *Facts, s *Session) *check.Finding {
			return when(slices.Contains(s.AuthAfterTLS, "LOGIN") && !slices.Contains(s.AuthAfterTLS, "PLAIN"), on(s, nil))
		}),
	},
	{
		Meta: check.Meta{
			ID: "auth-scram", Standard: check.STARTTLS, Severity: check.Info,
			Title: "SCRAM is offered",
			Refs:  []check.Ref{check.RFC(7677, ""), check.RFC(5802, "")},
			Doc: `With SCRAM the password does not travel, not even inside TLS, and the server keeps only what cannot be used elsewhere. The forms
that end in -PLUS are also bound to the TLS session, so that nobody can sit in between with another certificate.

Nothing need be done.

Before:

    250 AUTH PLAIN

After:

    250 AUTH PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS`,
		},
		Applies: submits,
		Run:     offeredInside(func(m string) bool { return strings.HasPrefix(m, "SCRAM-") }),
	},
	{
		Meta: check.Meta{
			ID: "auth-oauth", Standard: check.STARTTLS, Severity: check.Info,
			Title: "OAuth tokens are taken",
			Refs:  []check.Ref{check.RFC(7628, "")},
			Doc: `The server takes a token of OAuth 2 instead of a password. A token is for one purpose, ends by itself and can be withdrawn, and what
asks people to log in can demand a second factor.

Nothing need be done.

Before:

    250 AUTH PLAIN

After:

    250 AUTH PLAIN XOAUTH2 OAUTHBEARER`,
		},
		Applies: submits,
		Run:     offeredInside(func(m string) bool { return slices.Contains(tokenMechanisms, m) }),
	},
}

// offeredInside tells as a fact which mechanisms of a kind are offered inside TLS.
func offeredInside(kind func(string) bool) func(*Facts, *check.Reporter) {
	return each(submission, StepEHLOTLS, func(_ *Facts, s *Session) *check.Finding {
		found := slices.DeleteFunc(slices.Clone(s.AuthAfterTLS), func(m string) bool { return !kind(m) })
		return when(len(found) > 0, on(s, check.Params{"Mechanisms": strings.Join(found, " ")}))
	})
}

// submissionRules judge which ports for handing in mail are open.
var submissionRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "submission-587-missing", Standard: check.STARTTLS, Severity: check.Info,
			Title: "port 465 works and port 587 is closed",
			Refs:  []check.Ref{check.RFC(8314, "3.3")},
			Doc: `People can hand in mail on port 465, and that is enough for every current program. Some old ones know only port 587 with STARTTLS.

Open 587 beside it where such programs are in use.

Before, in Postfix master.cf:

    submissions inet n - y - - smtpd -o smtpd_tls_wrappermode=yes

After:

    submissions inet n - y - - smtpd -o smtpd_tls_wrappermode=yes
    submission  inet n - y - - smtpd -o smtpd_tls_security_level=encrypt`,
		},
		Applies: submits,
		Run: each([]uint16{465}, StepEHLOTLS, func(f *Facts, s *Session) *check.Finding {
			return closedBeside(f, s, 587)
		}),
	},
	{
		Meta: check.Meta{
			ID: "submission-2525", Standard: check.STARTTLS, Severity: check.Info,
			Title: "mail can be handed in on port 2525",
			Refs:  []check.Ref{check.RFC(8314, "7")},
			Doc: `Port 2525 is registered for nothing; providers open it for networks that block 587. What holds for 587 holds for it: TLS, and a log-in.

Tell your users of it, and keep 465 open.

Before:

    nothing but a habit says that the port exists

After:

    the help page names 465, 587 and 2525`,
		},
		Applies: submits,
		Run: each([]uint16{2525}, StepGreeted, func(_ *Facts, s *Session) *check.Finding {
			return on(s, nil)
		}),
	},
	{
		Meta: check.Meta{
			ID: "submission-not-measured", Standard: check.STARTTLS, Severity: check.Info,
			Title: "the submission ports could not be measured from here",
			Refs:  []check.Ref{check.RFC(8314, "3.3")},
			Doc: `No answer came from any port for handing in mail, and this run met none elsewhere. Some hosting networks close 465 and 587 for
outgoing connections as they do 25, so this may say something about our network and nothing about the host.

Run the audit from another network.

Before, on such a network:

    postseal starttls smtp.example.com:587      (no answer)

After, elsewhere:

    postseal starttls smtp.example.com:587      (measured)`,
		},
		Applies: func(f *Facts) bool { return len(f.Named) > 0 },
		Run: func(f *Facts, r *check.Reporter) {
			for _, h := range f.Named {
				if len(h.Sessions) == 0 {
					r.Unknown(check.Cause{Code: "smtp-named-no-address", Params: check.Params{"Host": h.Name.String()}})
				}
			}
			for _, s := range f.sessions(submission) {
				if s.reached(StepConnected) || s.Status == "refused" {
					return
				}
			}
			for _, s := range f.namedSubmission() {
				r.Unknown(s.cause())
			}
		},
	},
}

// namedSubmission are the sessions on submission ports of hosts that were named.
func (f *Facts) namedSubmission() []*Session {
	return slices.DeleteFunc(f.sessions(submission), func(s *Session) bool { return !f.named(s.Target) })
}

// closedBeside reports that another port of the same address refuses.
func closedBeside(f *Facts, s *Session, port uint16) *check.Finding {
	for _, o := range f.sessions([]uint16{port}) {
		if o.Host == s.Host && o.Addr == s.Addr && o.Status == "refused" {
			return on(o, check.Params{"Open": int(s.Port)})
		}
	}
	return nil
}

// accessRules judge IMAP and POP3, where the user names a host for them.
var accessRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "access-cleartext-login", Standard: check.STARTTLS, Severity: check.Error,
			Title: "passwords for mailboxes are taken before TLS",
			Refs:  []check.Ref{check.RFC(8314, "4.1"), check.RFC(9051, "11")},
			Doc: `The IMAP or POP3 server takes a password before the session is encrypted. A mail program with a wrong setting, or one whose STARTTLS
somebody on the way removed, then shows it to everybody on the way.

Refuse log-ins before TLS; an IMAP server then says LOGINDISABLED.

Before, the first answer of the server:

    * CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN

After, with "ssl = required" in Dovecot:

    * CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED`,
		},
		Applies: accesses,
		Run: each([]uint16{143, 110}, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
			return when(s.ClearLogin != "", on(s, check.Params{"By": s.ClearLogin}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "access-starttls-missing", Standard: check.STARTTLS, Severity: check.Warning,
			Title:     "a mailbox port knows no TLS",
			CoveredBy: []string{"access-cleartext-login"},
			Refs:      []check.Ref{check.RFC(8314, "4.1"), check.RFC(9051, "6.2.1"), check.RFC(2595, "4")},
			Doc: `The port for IMAP or POP3 is open and offers no way to encrypt the session, so everything that is read there can be read by others.

Enable STARTTLS (STLS in POP3), or close the port and leave 993 and 995.

Before:

    * CAPABILITY IMAP4rev1 LOGINDISABLED

After:

    * CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED`,
		},
		Applies: accesses,
		Run: each([]uint16{143, 110}, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
			return when(s.STARTTLS == "missing", on(s, nil))
		}),
	},
	{
		Meta: check.Meta{
			ID: "access-implicit-tls-missing", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "mailboxes are read on the old ports only",
			Refs:  []check.Ref{check.RFC(8314, "3.1"), check.RFC(8314, "3.2")},
			Doc: `Port 143 or 110 is open, and the port where TLS comes first, 993 or 995, is closed. On the old ports an attacker can remove STARTTLS
from the dialogue; on the others there is nothing to remove.

Open 993 for IMAP and 995 for POP3.

Before:

    143 open, 993 closed

After, with an imaps listener in Dovecot:

    143 closed, 993 open`,
		},
		Applies: accesses,
		Run: each([]uint16{143, 110}, StepGreeted, func(f *Facts, s *Session) *check.Finding {
			if s.Port == 143 {
				return closedBeside(f, s, 993)
			}
			return closedBeside(f, s, 995)
		}),
	},
	{
		Meta: check.Meta{
			ID: "access-pop3", Standard: check.STARTTLS, Severity: check.Info,
			Title: "mailboxes can be fetched by POP3",
			Refs:  []check.Ref{check.RFC(1939, "")},
			Doc: `POP3 is offered. It is in use and not at fault; IMAP keeps the mail in one place for several devices.

Nothing need be done. A port that nobody uses can be closed.

Before:

    110 and 995 open

After, where nobody uses POP3:

    993 open`,
		},
		Applies: accesses,
		Run: each([]uint16{110, 995}, StepGreeted, func(_ *Facts, s *Session) *check.Finding {
			return on(s, nil)
		}),
	},
}

// accesses tells whether ports for reading mail were looked at.
func accesses(f *Facts) bool { return len(f.sessions(access)) > 0 }
