package starttls

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/postseal/postseal/check"
)

// dialogueRules judge what the server says about itself after EHLO.
var dialogueRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "smtp-ehlo-rejected", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "the server knows no EHLO",
			Refs:  []check.Ref{check.RFC(5321, "3.2")},
			Doc: `The server refuses EHLO and takes only HELO, the greeting of 1982. Without EHLO there are no extensions: no STARTTLS, so all mail
comes in clear, no size limits and no 8-bit text.

Enable ESMTP, or bypass the device in front of the server that switches it off.

Before:

    EHLO client.example
    502 command not implemented

After:

    EHLO client.example
    250-mx1.example.com
    250 STARTTLS`,
		},
		Applies: receives,
		Run: each(port25, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
			return when(s.HELOOnly, on(s, nil))
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-ehlo-mangled", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "a device on the way overwrites the dialogue",
			Refs:  []check.Ref{check.RFC(3207, "")},
			Doc: `Words of the server's answer are replaced by letters X or asterisks. That is how some firewalls "inspect" SMTP: they hide
extensions they do not know, STARTTLS first of all, and so strip the encryption from every message.

Switch the inspection off for port 25.

Before:

    250-XXXXXXXA

After, with "no inspect esmtp" on a Cisco ASA:

    250-STARTTLS`,
		},
		Applies: receives,
		Run:     mangled,
	},
	{
		Meta: check.Meta{
			ID: "smtp-reply-malformed", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "replies break the form that SMTP asks for",
			Refs:  []check.Ref{check.RFC(5321, "4.2"), check.RFC(5321, "4.5.3.1.5")},
			Doc: `A reply ends without CR, mixes codes, has a line over 512 octets, or lacks the space after its code. Senders that are lenient
cope; others drop the connection.

Repair the server or the proxy that writes the reply.

Before:

    250-mx1.example.com
    220 SIZE 1000000

After:

    250-mx1.example.com
    250 SIZE 1000000`,
		},
		Applies: receives,
		Run: each(port25, StepGreeted, func(_ *Facts, s *Session) *check.Finding {
			for _, o := range s.Oddities {
				if o.Step != StepConnected || o.Kind == "mixed-codes" || o.Kind == "long-line" {
					return onLine(s, o.Line, check.Params{"Kind": o.Kind})
				}
			}
			return nil
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-size-small", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "the server takes only small messages",
			Refs:  []check.Ref{check.RFC(1870, "")},
			Doc: `The SIZE extension announces a limit under 10,240,000 octets, the usual default. Ordinary attachments grow by a third on their way, so a file of 7 MB is
already returned to its sender.

Raise the limit. SIZE 0, or SIZE without a number, means that there is no fixed one.

Before:

    250 SIZE 5242880

After, with message_size_limit = 36700160 in Postfix:

    250 SIZE 36700160`,
		},
		Applies: receives,
		Run: each(port25, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
			line, n := smallSize(s)
			return when(n > 0, onLine(s, line, check.Params{"Size": n}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-8bitmime-missing", Standard: check.STARTTLS, Severity: check.Notice,
			Title:     "the server takes no 8-bit text",
			CoveredBy: []string{"smtp-smtputf8-without-8bitmime"},
			Refs:      []check.Ref{check.RFC(6152, "")},
			Doc: `Without 8BITMIME senders must rewrite every message that has letters beyond ASCII. That costs little, but it breaks DKIM
signatures made before the rewriting.

Enable the extension; every current server has it.

Before:

    250-mx1.example.com
    250 SIZE 36700160

After:

    250-mx1.example.com
    250-SIZE 36700160
    250 8BITMIME`,
		},
		Applies: receives,
		Run: each(port25, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
			return when(!s.HELOOnly && !has(extensions(s), "8BITMIME") && maskedLine(s) == "", on(s, nil))
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-smtputf8-without-8bitmime", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "SMTPUTF8 is offered without 8BITMIME",
			Refs:  []check.Ref{check.RFC(6531, "")},
			Doc: `A server that takes addresses in UTF-8 must take 8-bit text as well: the one cannot be sent without the other. Senders that
notice the contradiction treat the server as broken.

Offer both or neither.

Before:

    250-mx1.example.com
    250 SMTPUTF8

After:

    250-mx1.example.com
    250-8BITMIME
    250 SMTPUTF8`,
		},
		Applies: receives,
		Run: each(port25, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
			line, ok := capability(extensions(s), "SMTPUTF8")
			return when(ok && !has(extensions(s), "8BITMIME"), onLine(s, line, nil))
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-requiretls-before-tls", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "REQUIRETLS is offered before TLS",
			Refs:  []check.Ref{check.RFC(8689, "")},
			Doc: `REQUIRETLS promises that a message travels over verified TLS all the way. Offered before TLS has begun, the promise itself can be
forged, so the standard wants it inside TLS only.

Offer it only once the session is encrypted.

Before, the first EHLO:

    250-STARTTLS
    250 REQUIRETLS

After, the first EHLO:

    250 STARTTLS`,
		},
		Applies: receives,
		Run:     each(port25, StepEHLO, listed("REQUIRETLS")),
	},
	{
		Meta: check.Meta{
			ID: "smtp-vrfy-advertised", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "VRFY or EXPN is advertised",
			Refs:  []check.Ref{check.RFC(5321, "7.3")},
			Doc: `The server announces commands that confirm whether an address exists or who is on a list. Spammers use them to clean their lists.
Announced is not yet answered: 252 to every question is harmless. The audit does not try.

Switch them off.

Before:

    250-VRFY

After, in Postfix:

    disable_vrfy_command = yes`,
		},
		Applies: receives,
		Run:     each(port25, StepEHLO, listed("VRFY", "EXPN")),
	},
	{
		Meta: check.Meta{
			ID: "smtp-xclient-exposed", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "XCLIENT or XFORWARD is offered to strangers",
			Refs:  []check.Ref{postfixXCLIENT},
			Doc: `With XCLIENT a client may claim to be another address, and with XFORWARD put one in the logs. Both are meant for a filter on the
same machine. Offered to everybody, address checks, blocklists and SPF can be evaded.

Allow them to your filters only.

Before, in Postfix:

    smtpd_authorized_xclient_hosts = 0.0.0.0/0

After:

    smtpd_authorized_xclient_hosts = 127.0.0.0/8`,
		},
		Applies: receives,
		Run:     each(port25, StepEHLO, listed("XCLIENT", "XFORWARD")),
	},
	{
		Meta: check.Meta{
			ID: "smtp-ended-421", Standard: check.STARTTLS, Severity: check.Info,
			Title: "the server ended the session early",
			Refs:  []check.Ref{check.RFC(5321, "3.8")},
			Doc: `The server answered 421 or another temporary code, or closed the connection. It is busy, or limits clients it does not know.
What was not seen is not measured.

Ask again later. If real senders see it too, raise the limit.

Before, in Postfix:

    smtpd_client_connection_rate_limit = 1

After:

    smtpd_client_connection_rate_limit = 30`,
		},
		Applies: receives,
		Run:     unknownWhen(func(s *Session) bool { return s.Status == "temporary" }),
	},
	{
		Meta: check.Meta{
			ID: "smtp-smuggling-not-tested", Standard: check.STARTTLS, Severity: check.Info,
			Title: "SMTP smuggling was not tested",
			Refs:  []check.Ref{check.RFC(5321, "")},
			Doc: `Servers that take odd line ends for the end of a message let a sender smuggle in a second message with a forged origin. To test
for it one must send mail, which this audit never does, so it says nothing about it either way.

Check that the software is patched (CVE-2023-51764, 51765, 51766).

Before, in Postfix:

    smtpd_forbid_bare_newline = no

After:

    smtpd_forbid_bare_newline = normalize`,
		},
		Applies: receives,
		Run:     notTested(""),
	},
	{
		Meta: check.Meta{
			ID: "relay-not-tested", Standard: check.STARTTLS, Severity: check.Info,
			Title: "open relay was not tested",
			Refs:  []check.Ref{check.RFC(5321, "7.9")},
			Doc: `A server that passes on mail from strangers to strangers is found by spammers within hours. Whether this one does is not
tested: it takes a sender and a recipient, and is fair only on servers of your own.

Test yours from an outside network, with addresses of your own: postseal starttls --relay-test.

Before, in Postfix:

    smtpd_relay_restrictions = permit

After:

    smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination`,
		},
		Applies: receives,
		Run:     notTested(TestRelay),
	},
}

// masked tells whether an inspecting middlebox has overwritten the dialogue.
var masked = regexp.MustCompile(`(?i)^X{4,}[A-Z]?$`)

// maskedLine is the line that shows it, "" when none does.
func maskedLine(s *Session) string {
	if b := firstWord(s.Banner); strings.HasPrefix(b, "***") {
		return s.Banner
	}
	for _, l := range s.Capabilities {
		if masked.MatchString(keyword(l)) {
			return l
		}
	}
	return ""
}

// mangled judges the traces of a middlebox. Where all of several hosts show
// them it stands near us, and nothing is said about the domain.
func mangled(f *Facts, r *check.Reporter) {
	hosts, touched := map[string]bool{}, map[string]bool{}
	for _, s := range f.sessions(port25) {
		if s.reached(StepEHLO) {
			hosts[s.Host.String()] = true
			if maskedLine(s) != "" {
				touched[s.Host.String()] = true
			}
		}
	}
	if len(touched) > 1 && len(touched) == len(hosts) {
		r.Unknown(check.Cause{Code: "smtp-mangled-everywhere", Params: check.Params{"Count": len(hosts)}})
		return
	}
	each(port25, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
		line := maskedLine(s)
		return when(line != "", onLine(s, line, nil))
	})(f, r)
}

// extensions are the capabilities that count: those inside TLS where there is TLS.
func extensions(s *Session) []string {
	if s.reached(StepEHLOTLS) {
		return s.CapabilitiesTLS
	}
	return s.Capabilities
}

// usualSize is Postfix's default limit in octets. A great part of all mail hosts
// run with it: a rule that fired on it would be noise (docs/decisions/0002).
const usualSize = 10_240_000

// smallSize is the SIZE line that says less than the usual limit, "" when none does.
func smallSize(s *Session) (line string, size int) {
	line, ok := capability(extensions(s), "SIZE")
	if p := params(line); ok && len(p) > 0 {
		if n, err := strconv.Atoi(p[0]); err == nil && n > 0 && n < usualSize {
			return line, n
		}
	}
	return "", 0
}

// notTested says of a server that was met what was left alone. test is the one
// that would have been made, "" where there is none.
func notTested(test string) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		if asked(test)(f) {
			return
		}
		for _, s := range f.sessions(port25) {
			if s.reached(StepEHLO) {
				r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{"Domain": f.Domain.String()}})
				return
			}
		}
	}
}
