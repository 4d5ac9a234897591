package starttls

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// starttlsRules judge whether the way to TLS is open.
var starttlsRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "starttls-missing", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "the server does not offer STARTTLS",
			CoveredBy: []string{"mtasts-mx-starttls-missing", "dane-starttls-missing"},
			Refs:      []check.Ref{check.RFC(3207, "")},
			Doc: `The server does not offer encryption, so mail, or passwords on a submission port, can be read by anyone on the way. On port 25
encryption is offered and never demanded, so switching it on locks nobody out.

Give the server a certificate and enable TLS.

Before:

    250-mx1.example.com
    250 8BITMIME

After, with smtpd_tls_security_level = may in Postfix:

    250-mx1.example.com
    250-STARTTLS
    250 8BITMIME`,
		},
		Applies: receives,
		Run: each(clearPorts, StepEHLO, func(f *Facts, s *Session) *check.Finding {
			return when(lacks(s) && !(s.Port == 25 && f.uneven()), on(s, nil))
		}),
	},
	{
		Meta: check.Meta{
			ID: "starttls-refused", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "the server offers STARTTLS and refuses it",
			CoveredBy: []string{"mtasts-mx-starttls-missing", "dane-starttls-missing"},
			Refs:      []check.Ref{check.RFC(3207, "4")},
			Doc: `STARTTLS is listed, and the command itself is answered with a permanent error. Senders fall back to clear text or defer the
message. Usually the server cannot read its key or certificate. A temporary refusal (454) is unknown.

Check the files and their permissions, then reload.

Before:

    STARTTLS
    554 5.7.3 TLS not available

After:

    STARTTLS
    220 2.0.0 Ready to start TLS`,
		},
		Applies: receives,
		Run: both(each(clearPorts, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
			return when(s.STARTTLS == "refused", onLine(s, s.Detail, nil))
		}), unknownWhen(func(s *Session) bool { return s.STARTTLS == "temporary" })),
	},
	{
		Meta: check.Meta{
			ID: "starttls-handshake-failed", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "the TLS handshake fails",
			CoveredBy: []string{"dane-handshake-failed"},
			Refs:      []check.Ref{check.RFC(3207, "")},
			Doc: `The server agrees to STARTTLS, and then no handshake succeeds: neither a current one, nor one with a small first packet, nor
one with old versions and suites. Senders try again in clear or defer the message.

Look for the reason in the server's log: usually the key does not fit the certificate, or no common suite is left.

Before:

    openssl s_client -starttls smtp -connect mx1.example.com:25
    alert handshake failure

After:

    openssl s_client -starttls smtp -connect mx1.example.com:25
    New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384`,
		},
		Applies: receives,
		Run: both(each(clearPorts, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
			return when(s.handshakeFailed(), on(s, check.Params{"Detail": s.TLSError}))
		}), unknownWhen(func(s *Session) bool { return s.TLSTimedOut })),
	},
	{
		Meta: check.Meta{
			ID: "starttls-large-hello", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "the server cannot take a large first TLS packet",
			Refs:  []check.Ref{check.RFC(9325, "")},
			Doc: `A handshake with the key shares of current clients fails, and one without the post-quantum share works. The first packet of the
former is longer than one network packet, and a server or a device in front of it does not put the pieces together. More and
more senders fail there.

Upgrade the TLS library or the device.

Before: a hello of 1600 octets gets no answer, one of 300 octets does.
After: both are answered.`,
		},
		Applies: receives,
		Run: each(clearPorts, StepTLS, func(_ *Facts, s *Session) *check.Finding {
			return when(s.LargeHello, on(s, nil))
		}),
	},
	{
		Meta: check.Meta{
			ID: "starttls-plaintext-after-220", Standard: check.STARTTLS, Severity: check.Error,
			Title: "clear text follows the answer to STARTTLS",
			Refs:  []check.Ref{check.RFC(3207, "4.2")},
			Doc: `After the 220 to STARTTLS the next thing must be the handshake. Here more clear text came. A client that keeps it takes it for
something said inside TLS, so whoever is on the path can put words into the server's mouth.

Find out whether the server or a device on the way sends it, and repair that.

Before:

    220 Ready to start TLS
    250 injected

After:

    220 Ready to start TLS
    (TLS handshake)`,
		},
		Applies: receives,
		Run: each(clearPorts, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
			return when(s.STARTTLS == "injected", on(s, check.Params{"Octets": s.Injected}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "starttls-listed-after-tls", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "STARTTLS is offered again inside TLS",
			Refs:  []check.Ref{check.RFC(3207, "4.2")},
			Doc: `Inside TLS the server offers STARTTLS once more. It must not, because TLS cannot be begun twice; it puts nobody at risk but
confuses clients. On port 465 the session is encrypted from the start, so it should not be offered there at all.

Do not list it once TLS runs.

Before, the second EHLO:

    250-STARTTLS
    250 8BITMIME

After, the second EHLO:

    250 8BITMIME`,
		},
		Applies: receives,
		Run: each(allPorts, StepEHLOTLS, func(_ *Facts, s *Session) *check.Finding {
			line, ok := capability(s.CapabilitiesTLS, "STARTTLS")
			return when(ok, onLine(s, line, nil))
		}),
	},
	{
		Meta: check.Meta{
			ID: "starttls-uneven", Standard: check.STARTTLS, Severity: check.Warning,
			Title:     "some mail hosts offer STARTTLS and some do not",
			CoveredBy: []string{"mtasts-mx-starttls-missing", "dane-starttls-missing"},
			Refs:      []check.Ref{check.RFC(3207, "")},
			Doc: `Which host or address a sender picks decides whether the message is encrypted. An attacker can choose for it, by keeping the good
hosts from answering.

Enable TLS on the hosts that lack it, backup hosts included, or take them out.

Before:

    mx1.example.com   250 STARTTLS
    mx2.example.com   250 8BITMIME

After:

    mx1.example.com   250 STARTTLS
    mx2.example.com   250 STARTTLS`,
		},
		Applies: receives,
		Run: func(f *Facts, r *check.Reporter) {
			if !f.uneven() {
				each(port25, StepEHLO, func(*Facts, *Session) *check.Finding { return nil })(f, r)
				return
			}
			var with []dns.Name
			for _, s := range f.sessions(port25) {
				if offers(s) && !slices.Contains(with, s.Host) {
					with = append(with, s.Host)
				}
			}
			each(port25, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
				return when(lacks(s), on(s, check.Params{"With": hostNames(with)}))
			})(f, r)
		},
	},
}

// both runs one rule after the other over the same reporter.
func both(a, b func(*Facts, *check.Reporter)) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		a(f, r)
		b(f, r)
	}
}

// offers tells whether the session saw STARTTLS among the capabilities.
func offers(s *Session) bool { return has(s.Capabilities, "STARTTLS") }

// lacks tells whether a clean EHLO on the session did not list STARTTLS.
func lacks(s *Session) bool {
	return s.STARTTLS == "missing" && s.reached(StepEHLO) && maskedLine(s) == ""
}

// uneven tells whether some addresses of the domain's hosts offer STARTTLS on
// port 25 and some do not.
func (f *Facts) uneven() bool {
	all := f.sessions(port25)
	return slices.ContainsFunc(all, offers) && slices.ContainsFunc(all, lacks)
}
