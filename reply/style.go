package reply

import (
	"regexp"
	"strings"
)

// side says who spoke a line of a transcript.
type side int

const (
	note side = iota // neither: what a tool says, a prompt, an empty line
	client
	server
)

// style is how a tool marks who speaks.
type style struct {
	name           string
	server, client *regexp.Regexp // what stands before the text
	tls            *regexp.Regexp // a mark that says the line went over TLS; nil for none
	python         bool           // the text is a Python literal
}

// styles are the marks of tools, more special ones first. The last one has no
// marks: a reply is the server's, a command the client's.
var styles = []*style{
	{name: "labels",
		server: regexp.MustCompile(`^\s*(?:\[[^\]]{0,80}\]\s*)?(?:(?:DEBUG|INFO|TRACE)\s+)?(?:\[[^\]]{0,40}\]\s*)?(?:S|Server|Servidor)\s?: ?`),
		client: regexp.MustCompile(`^\s*(?:\[[^\]]{0,80}\]\s*)?(?:(?:DEBUG|INFO|TRACE)\s+)?(?:\[[^\]]{0,40}\]\s*)?(?:C|Client|Cliente)\s?: ?`)},
	{name: "smtplib", python: true, server: regexp.MustCompile(`^reply: (?:b?['"])`), client: regexp.MustCompile(`^send: (?:b?['"])`)},
	{name: "swaks", tls: regexp.MustCompile(`^(?:<~| ?~>)`),
		server: regexp.MustCompile(`^<(?:-|~|\*\*|~\*)\s{1,2}`), client: regexp.MustCompile(`^ [-~]> `)},
	{name: "exim", server: regexp.MustCompile(`^\s*SMTP<< ?`), client: regexp.MustCompile(`^\s*SMTP>> ?`)},
	{name: "sendmail", server: regexp.MustCompile(`^<<< ?`), client: regexp.MustCompile(`^>>> ?`)},
	{name: "postfix", server: regexp.MustCompile(`^\s*Out: `), client: regexp.MustCompile(`^\s*In: {1,2}`)},
	{name: "brackets", server: regexp.MustCompile(`^\[<-\] ?`), client: regexp.MustCompile(`^\[->\] ?`)},
	{name: "curl", server: regexp.MustCompile(`^< ?`), client: regexp.MustCompile(`^> ?`)},
	{name: "plain"},
}

// command is a line that a client may send (RFC 5321 §4.1, RFC 4954, RFC 3207).
var command = regexp.MustCompile(`(?i)^(?:(?:EHLO|HELO|LHLO)(?: |$)|MAIL FROM ?:|RCPT TO ?:|DATA$|BDAT \d|QUIT$|RSET$|NOOP(?: |$)|STARTTLS$|AUTH [A-Z0-9_-]+(?: |$)|VRFY |EXPN |HELP(?: |$))`)

// transcriptStyle recognises a transcript: something a client said must be in
// it. nil for anything else.
func transcriptStyle(lines []textLine) *style {
	var best *style
	most, worth := 0, 0
	for _, st := range styles {
		replies, commands, login := 0, 0, false
		for _, l := range lines {
			who, text, _ := st.read(l.text)
			text = strings.TrimSpace(text)
			if who != server && command.MatchString(text) && (who == client || st.server == nil) {
				commands++
				m := authLine.FindStringSubmatch(text)
				login = login || m != nil && authMechanism.MatchString(m[1])
			}
			if who == server || st.server == nil {
				if replyLine.MatchString(text) {
					replies++
				}
			}
		}
		if commands == 0 && !(st.server != nil && replies > 1) {
			continue
		}
		// One word such as QUIT in a text is no session, a line of a log neither. A
		// login with what follows it is: it holds a credential.
		if st.server == nil && commands+replies < 2 && !(login && len(lines) > 1) {
			continue
		}
		if worth = replies + commands; worth > most {
			best, most = st, worth
		}
	}
	return best
}

// read says who speaks a line and what.
func (st *style) read(line string) (who side, text string, tls bool) {
	if st.server == nil {
		return note, line, false
	}
	tls = st.tls != nil && st.tls.MatchString(line)
	for _, mark := range []struct {
		re  *regexp.Regexp
		who side
	}{{st.server, server}, {st.client, client}} {
		if m := mark.re.FindString(line); m != "" {
			text = line[len(m):]
			if st.python {
				text = strings.TrimRight(unescape(strings.TrimRight(strings.TrimSpace(text), `'"`)), "\r\n")
			}
			return mark.who, text, tls
		}
	}
	return note, line, tls
}
