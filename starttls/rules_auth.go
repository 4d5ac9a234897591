package starttls

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// authRules judge log-in and the submission ports.
var authRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "auth-plain-before-tls", Standard: check.STARTTLS, Severity: check.Error,
			Title: "passwords are taken before TLS",
			Refs:  []check.Ref{check.RFC(4954, ""), check.RFC(8314, "")},
			Doc: `The server offers to take a password, or a token, before the session is encrypted. A client that does so shows it to everybody on
the way, and an attacker who removes STARTTLS from the dialogue makes clients do so.

Offer AUTH only inside TLS.

Before, the first EHLO:

    250-STARTTLS
    250 AUTH PLAIN LOGIN

After, with smtpd_tls_auth_only = yes in Postfix:

    250 STARTTLS`,
		},
		Applies: receives,
		Run: each(clearPorts, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
			m := offersAny(s.AuthBeforeTLS, "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER")
			line, _ := capability(s.Capabilities, "AUTH")
			return when(m != "", onLine(s, line, check.Params{"Mechanism": m}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "auth-on-25", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "the mail host offers log-in on port 25",
			Refs:  []check.Ref{check.RFC(6409, ""), check.RFC(8314, "")},
			Doc: `Servers that deliver mail never log in; people do, on ports 465 and 587. Log-in on port 25 only draws those who guess passwords.

Offer AUTH on the submission ports only.

Before, in Postfix:

    smtpd_sasl_auth_enable = yes                 (main.cf, all ports)

After:

    submissions inet n - y - - smtpd
      -o smtpd_sasl_auth_enable=yes              (master.cf, 465 only)`,
		},
		Applies: receives,
		Run: each(port25, StepEHLOTLS, func(_ *Facts, s *Session) *check.Finding {
			line, _ := capability(s.CapabilitiesTLS, "AUTH")
			return when(len(s.AuthAfterTLS) > 0, onLine(s, line, check.Params{"Mechanisms": strings.Join(s.AuthAfterTLS, " ")}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "auth-missing", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "a submission port asks nobody to log in",
			Refs:  []check.Ref{check.RFC(6409, "4.3")},
			Doc: `The port for handing in mail offers no log-in, even inside TLS. Either it trusts addresses instead of people, or anybody may send.

Require log-in on the submission ports.

Before, the EHLO inside TLS:

    250 8BITMIME

After:

    250-8BITMIME
    250 AUTH PLAIN LOGIN`,
		},
		Applies: submits,
		Run: each(submission, StepEHLOTLS, func(_ *Facts, s *Session) *check.Finding {
			return when(len(s.AuthAfterTLS) == 0, on(s, nil))
		}),
	},
	{
		Meta: check.Meta{
			ID: "auth-anonymous", Standard: check.STARTTLS, Severity: check.Error,
			Title: "anybody may log in without a password",
			Refs:  []check.Ref{check.RFC(4505, "")},
			Doc: `The mechanism ANONYMOUS lets everybody log in, and who is logged in may usually send to the whole world. Spammers find it quickly.

Remove it from the list of mechanisms.

Before:

    250 AUTH PLAIN ANONYMOUS

After, with smtpd_sasl_security_options = noanonymous in Postfix:

    250 AUTH PLAIN`,
		},
		Applies: receives,
		Run:     mechanism("ANONYMOUS"),
	},
	{
		Meta: check.Meta{
			ID: "auth-cram-md5", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "a log-in mechanism needs passwords kept readable",
			Refs:  []check.Ref{check.RFC(6331, "")},
			Doc: `CRAM-MD5 and DIGEST-MD5 hide the password on the wire, but the server must keep it, or an equivalent, in readable form to check
it. Inside TLS they add nothing; a stolen database then opens every account.

Offer PLAIN inside TLS, or SCRAM-SHA-256.

Before:

    250 AUTH CRAM-MD5 DIGEST-MD5

After:

    250 AUTH PLAIN SCRAM-SHA-256`,
		},
		Applies: receives,
		Run:     mechanism("CRAM-MD5", "DIGEST-MD5"),
	},
	{
		Meta: check.Meta{
			ID: "submission-465-missing", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "port 587 works and port 465 is closed",
			Refs:  []check.Ref{check.RFC(8314, "3.3")},
			Doc: `People can hand in mail on port 587 with STARTTLS, and port 465 refuses. On 465 the session is encrypted from its first octet, so
nothing can be stripped or injected before; it is the preferred port since 2018.

Open 465 beside 587.

Before, in Postfix master.cf:

    submission  inet n - y - - smtpd

After:

    submission  inet n - y - - smtpd
    submissions inet n - y - - smtpd -o smtpd_tls_wrappermode=yes`,
		},
		Applies: submits,
		Run: func(f *Facts, r *check.Reporter) {
			each([]uint16{587}, StepEHLOTLS, func(f *Facts, s *Session) *check.Finding {
				for _, o := range f.sessions([]uint16{465}) {
					if o.Host == s.Host && o.Addr == s.Addr && o.Status == "refused" {
						return on(o, nil)
					}
				}
				return nil
			})(f, r)
		},
	},
	{
		Meta: check.Meta{
			ID: "submission-465-plaintext", Standard: check.STARTTLS, Severity: check.Error,
			Title: "port 465 speaks clear text",
			Refs:  []check.Ref{check.RFC(8314, "3.3")},
			Doc: `Port 465 is TLS from the first octet. This server greets in clear there, so mail programs hang or fail, and those that adapt
send the password in clear.

Wrap the port in TLS.

Before, in Postfix master.cf:

    submissions inet n - y - - smtpd

After:

    submissions inet n - y - - smtpd -o smtpd_tls_wrappermode=yes`,
		},
		Applies: submits,
		Run: each([]uint16{465}, StepConnected, func(_ *Facts, s *Session) *check.Finding {
			return when(s.STARTTLS == "plaintext", on(s, nil))
		}),
	},
}

// offersAny is the first of the mechanisms that is offered, "" for none.
func offersAny(mechs []string, bad ...string) string {
	for _, m := range mechs {
		if slices.Contains(bad, m) {
			return m
		}
	}
	return ""
}

// mechanism reports a mechanism offered before or after TLS, on any port.
func mechanism(bad ...string) func(*Facts, *check.Reporter) {
	j := func(_ *Facts, s *Session) *check.Finding {
		m := offersAny(slices.Concat(s.AuthAfterTLS, s.AuthBeforeTLS), bad...)
		return when(m != "", on(s, check.Params{"Mechanism": m}))
	}
	return both(each(clearPorts, StepEHLO, j), each([]uint16{465}, StepEHLOTLS, j))
}
