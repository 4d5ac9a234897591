package starttls

import (
	"regexp"
	"strings"

	"github.com/postseal/postseal/check"
)

// greetingRules judge the first thing a server says.
var greetingRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "smtp-greeting-timeout", Standard: check.STARTTLS, Severity: check.Info,
			Title: "the greeting did not come in time",
			Refs:  []check.Ref{check.RFC(5321, "4.5.3.2.1")},
			Doc: `The connection was made and no complete greeting came before the audit stopped waiting. Real senders wait up to five minutes, so
this is no fault, only something that was not seen. A long pause before the greeting is a common measure against spam.

Lower the pause if senders complain, or ask again with more patience.

Before, in Sendmail:

    GreetPause: 30000

After:

    GreetPause: 5000`,
		},
		Applies: receives,
		Run:     unknownWhen(func(s *Session) bool { return s.Status == "silent" && s.Step == StepConnected }),
	},
	{
		Meta: check.Meta{
			ID: "smtp-greeting-slow", Standard: check.STARTTLS, Severity: check.Info,
			Title: "the greeting takes more than ten seconds",
			Refs:  []check.Ref{check.RFC(5321, "4.5.3.2.1")},
			Doc: `The server waited more than ten seconds before it greeted. The standard lets it take five minutes, and spammers often do not
wait, so this is usually meant. Each message is delayed by as much.

Nothing need be done unless it was not intended.

Before, in Exim:

    delay = 20s

After:

    delay = 5s`,
		},
		Applies: receives,
		Run: each(port25, StepGreeted, func(_ *Facts, s *Session) *check.Finding {
			return when(s.GreetingMS > slowGreeting, on(s, check.Params{"Seconds": int(s.GreetingMS / 1000)}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-tarpit", Standard: check.STARTTLS, Severity: check.Info,
			Title: "the server answers a few octets at a time",
			Refs:  []check.Ref{check.RFC(5321, "4.5.3.2")},
			Doc: `The server sent fewer than ten octets a second until the audit stopped waiting. That is a deterrent against unknown clients, or a
server under heavy load; from outside nobody can tell which, so the rest is not measured.

Exempt senders you know if the delay is not meant for them.

Before, with spamd for OpenBSD in front of the mail server:

    spamd -s 1

After, with known senders let through:

    pass in proto tcp from <nospamd> to any port smtp`,
		},
		Applies: receives,
		Run:     unknownWhen(func(s *Session) bool { return s.Status == "tarpit" }),
	},
	{
		Meta: check.Meta{
			ID: "smtp-greeting-refused", Standard: check.STARTTLS, Severity: check.Info,
			Title: "the server refuses to talk to us",
			Refs:  []check.Ref{check.RFC(5321, "3.1"), check.RFC(5321, "4.2")},
			Doc: `The server answered the connection, or our EHLO, with a permanent refusal. That usually says something about the address that
the audit runs from: it stands on a blocklist, or is a home or cloud address. Nothing is known about the domain from that.

Run the audit from an address with a good name.

Before:

    554 5.7.1 Service unavailable; client host blocked

After:

    220 mx1.example.com ESMTP`,
		},
		Applies: receives,
		Run: unknownWhen(func(s *Session) bool {
			return s.Status == "greeting-refused" && (s.Code != 521 || aboutUs.MatchString(s.Detail))
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-greeting-521", Standard: check.STARTTLS, Severity: check.Error,
			Title: "a mail host says that it takes no mail",
			Refs:  []check.Ref{check.RFC(7504, "")},
			Doc: `The host listed in the MX records greets with 521: it never takes mail. Senders give up on it at once. Some servers send this
code to a blocked client only; where the text says so, the result is unknown.

Take the host out of the MX records, or publish a null MX if the domain takes no mail at all.

Before:

    example.com.  MX  10 web.example.com.     (greets with 521)

After:

    example.com.  MX  10 mx1.example.com.`,
		},
		Applies: receives,
		Run: func(f *Facts, r *check.Reporter) {
			for _, s := range f.sessions(port25) {
				if s.Status == "greeting-refused" && s.Code == 521 && !aboutUs.MatchString(s.Detail) {
					r.Report(*onLine(s, s.Detail, nil))
				}
			}
			unknownWhen(func(*Session) bool { return false })(f, r)
		},
	},
	{
		Meta: check.Meta{
			ID: "smtp-greeting-malformed", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "the greeting is not what SMTP asks for",
			Refs:  []check.Ref{check.RFC(5321, "4.2")},
			Doc: `A greeting is the code 220, a space or a hyphen, text, and CR LF at the end. This one is not, and strict senders give up.

Repair the server's banner, or whatever stands in front of it: a proxy that does not speak SMTP is a common cause.

Before:

    Welcome to mx1

After:

    220 mx1.example.com ESMTP`,
		},
		Applies: receives,
		Run: each(port25, StepConnected, func(_ *Facts, s *Session) *check.Finding {
			if s.Step == StepConnected && s.Status == "protocol" {
				return onLine(s, s.Detail, nil)
			}
			for _, o := range s.Oddities {
				if o.Step == StepConnected && (o.Kind == "bare-lf" || o.Kind == "no-separator") {
					return onLine(s, o.Line, nil)
				}
			}
			return nil
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-greeting-host", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "the greeting does not name the host",
			Refs:  []check.Ref{check.RFC(5321, "4.2"), check.RFC(5321, "4.3.1")},
			Doc: `The first word of the greeting should be the server's full name, or its address in brackets. It helps people who read logs and
servers that look for loops. It need not be the name in the MX record.

Set the host name of the mail server.

Before:

    220 localhost ESMTP

After, with myhostname = mx1.example.com in Postfix:

    220 mx1.example.com ESMTP`,
		},
		Applies: receives,
		Run: each(port25, StepGreeted, func(_ *Facts, s *Session) *check.Finding {
			word := firstWord(s.Banner)
			named := strings.Contains(word, ".") || strings.HasPrefix(word, "[") || strings.HasPrefix(word, "***")
			return when(!named, onLine(s, s.Banner, check.Params{"Word": word}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-greeting-version", Standard: check.STARTTLS, Severity: check.Info,
			Title:     "the greeting shows product and version",
			CoveredBy: []string{"smtp-software-hint"},
			Refs:      []check.Ref{check.RFC(5321, "4.3.1")},
			Doc: `The greeting tells which software runs here and in which version. That is allowed, and hiding it protects nothing that is not
patched. Some prefer to say less.

Shorten the banner if you like.

Before:

    220 mx1.example.com ESMTP Exim 4.98

After, with smtp_banner = $smtp_active_hostname ESMTP:

    220 mx1.example.com ESMTP`,
		},
		Applies: receives,
		Run: each(port25, StepGreeted, func(_ *Facts, s *Session) *check.Finding {
			m := product.FindString(s.Banner)
			return when(m != "", onLine(s, s.Banner, check.Params{"Product": m}))
		}),
	},
}

// unknownWhen is a rule that can only be unknown: what it saw may be our doing.
func unknownWhen(cond func(*Session) bool) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		if err := f.notMeasured(); err != nil {
			r.Unknown(err)
			return
		}
		for _, s := range f.sessions(port25) {
			if cond(s) {
				r.Unknown(s.cause())
			} else if !s.reached(StepConnected) {
				if err := f.missing(s, StepConnected); err != nil {
					r.Unknown(err)
				}
			}
		}
	}
}

// aboutUs finds what a refusal says when it means our address, not the host:
// an address in the text, a list, a policy.
var aboutUs = regexp.MustCompile(`(?i)\d+\.\d+\.\d+\.\d+|[0-9a-f]+:[0-9a-f]*:[0-9a-f:]+|block|list|rbl|policy|reputation|spam|denied|your|client|banned|reject`)

// product finds a product with its version in a banner.
var product = regexp.MustCompile(`(?i)\b(postfix|exim|sendmail|exchange|opensmtpd|haraka|qmail|courier|zimbra|mdaemon|hmailserver|microsoft esmtp mail service)\b\D{0,20}\d+\.\d+[\w.]*`)

const slowGreeting = 10000 // milliseconds

// firstWord is the name that the server gives itself.
func firstWord(banner string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(banner), " ")
	word, _, _ = strings.Cut(word, "\n")
	return word
}
