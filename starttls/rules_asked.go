package starttls

import (
	"strings"

	"github.com/postseal/postseal/check"
)

// askedRules judge the tests that a user asks for on servers of their own.
var askedRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "relay-open", Standard: check.STARTTLS, Severity: check.Error,
			Title: "the server takes mail from strangers for strangers",
			Refs:  []check.Ref{check.RFC(2505, ""), check.RFC(5321, "7.9")},
			Doc: `Asked for by --relay-test. A sender and a recipient that have nothing to do with the server were given, and it accepted both.
Spammers find such a server within hours, and blocklists follow. The test ends before any message is sent; a few servers refuse
only then, and one that trusts the network you test from proves nothing, so test from outside.

Refuse recipients in domains that are not yours, unless the client has logged in.

Before, in Postfix:

    smtpd_relay_restrictions = permit

After:

    smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination`,
		},
		Applies: asked(TestRelay),
		Run:     tested(TestRelay, func(t *Test) bool { return t.Outcome == "accepted" }),
	},
	{
		Meta: check.Meta{
			ID: "relay-rcpt-postmaster", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "mail to the postmaster is refused",
			Refs:  []check.Ref{check.RFC(5321, "4.5.1")},
			Doc: `Asked for by --rcpt-test. Every domain that takes mail must take it for postmaster. Whoever cannot deliver to you, or is attacked
from your network, writes there; where that address bounces, complaints go to a blocklist instead. A temporary refusal is greylisting
and says nothing.

Let the address lead to somebody who reads it.

Before:

    RCPT TO:<postmaster@example.com>
    550 5.1.1 User unknown

After, in /etc/aliases:

    postmaster: admin@example.com`,
		},
		Applies: asked(TestRecipient),
		Run: tested(TestRecipient, func(t *Test) bool {
			return t.Outcome == "refused" && postmaster(t.Command)
		}),
	},
	{
		Meta: check.Meta{
			ID: "starttls-injection", Standard: check.STARTTLS, Severity: check.Error,
			Title: "commands sent before TLS are obeyed inside it",
			Refs:  []check.Ref{{Doc: "CVE-2011-0411", URL: "https://nvd.nist.gov/vuln/detail/CVE-2011-0411"}, check.RFC(3207, "4.2")},
			Doc: `Asked for by --injection-test. A harmless command was sent in one packet with STARTTLS, before the encryption began, and the server
answered it inside TLS. Whoever sits on the way can so slip commands into sessions of others, and have their mail or password sent
somewhere else.

Upgrade the server, or the proxy in front of it: what is buffered when TLS begins has to be thrown away.

Before:

    STARTTLS and NOOP in one packet: 220, TLS, then "250 OK" without a question

After:

    STARTTLS and NOOP in one packet: 554 5.5.0, or 220 and nothing after the handshake`,
		},
		Applies: asked(TestInjection),
		Run:     tested(TestInjection, func(t *Test) bool { return t.Outcome == "accepted" }),
	},
	{
		Meta: check.Meta{
			ID: "submission-587-tls-optional", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "mail is taken for submission without TLS",
			CoveredBy: []string{"starttls-missing"},
			Refs:      []check.Ref{check.RFC(8314, "4.1")},
			Doc: `Asked for by --tls-required-test. The submission port took MAIL before the session was encrypted. A mail program with a wrong
setting, or one whose STARTTLS somebody on the way removed, then sends mail in clear without anybody noticing.

Demand TLS on the port for handing in mail.

Before, in Postfix master.cf:

    submission inet n - y - - smtpd -o smtpd_tls_security_level=may

After:

    submission inet n - y - - smtpd -o smtpd_tls_security_level=encrypt`,
		},
		Applies: asked(TestTLSRequired),
		Run:     tested(TestTLSRequired, func(t *Test) bool { return t.Outcome == "accepted" }),
	},
	{
		Meta: check.Meta{
			ID: "auth-login-ok", Standard: check.STARTTLS, Severity: check.Info,
			Title: "the login works",
			Refs:  []check.Ref{check.RFC(4954, "6")},
			Doc: `Asked for by --login. The server accepted the user and the password, or token, inside TLS with a verified certificate. Nothing was
sent after that but QUIT.

Nothing need be done.

Before:

    AUTH PLAIN
    535 5.7.8 Authentication credentials invalid

After:

    AUTH PLAIN
    235 2.7.0 Authentication successful`,
		},
		Applies: asked(TestLogin),
		Run:     tested(TestLogin, func(t *Test) bool { return t.Outcome == "accepted" && t.Reason == "" }),
	},
	{
		Meta: check.Meta{
			ID: "auth-login-failed", Standard: check.STARTTLS, Severity: check.Error,
			Title:    "the login fails",
			Variants: []check.Variant{{Name: "proof", Severity: check.Error}},
			Refs:     []check.Ref{check.RFC(4954, "6")},
			Doc: `Asked for by --login. The server refused the user and the password, or token. It was tried once and is not tried again: repeated
failures lock accounts. Or the server said yes and did not prove that it knows the password, as SCRAM asks it to: then it may be
somebody else's.

See what the answer means with postseal explain. With two-step verification most providers want an app password.

Before:

    AUTH PLAIN
    535 5.7.8 Authentication credentials invalid

After:

    AUTH PLAIN
    235 2.7.0 Authentication successful`,
		},
		Applies: asked(TestLogin),
		Run:     tested(TestLogin, func(t *Test) bool { return t.Outcome == "refused" || t.Reason == "server-proof" }),
	},
}

// asked applies a rule only where its test was asked for.
func asked(name string) func(*Facts) bool {
	return func(f *Facts) bool {
		for _, s := range f.sessions(allPorts) {
			if s.test(name) != nil {
				return true
			}
		}
		return false
	}
}

// tested reports a test that went badly; one that came to no answer is unknown.
func tested(name string, bad func(*Test) bool) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		for _, s := range f.sessions(allPorts) {
			t := s.test(name)
			switch {
			case t == nil:
			case bad(t):
				find := onLine(s, t.Reply, check.Params{"Command": t.Command, "Code": t.Code, "Reply": t.Reply})
				if t.Reason == "server-proof" {
					find.Variant = "proof"
				}
				r.Report(*find)
			case t.Outcome != "accepted" && t.Outcome != "refused", t.atMail():
				r.Unknown(t.cause(s))
			}
		}
	}
}

// atMail tells that the sender was refused already: of the recipient, that the
// test is about, nothing is known.
func (t *Test) atMail() bool {
	return (t.Name == TestRelay || t.Name == TestRecipient) && strings.HasPrefix(t.Command, "MAIL ")
}

// cause is why a test came to no answer.
func (t *Test) cause(s *Session) check.Cause {
	code := "smtp-test-open"
	if t.Outcome == "not-run" {
		code = "smtp-test-" + t.Reason
	}
	return check.Cause{Code: code, Params: check.Params{
		"Host": s.Host.String(), "Port": int(s.Port), "Test": t.Name, "Reply": t.Reply}}
}
