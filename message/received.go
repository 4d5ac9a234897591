package message

import (
	"net/mail"
	"net/netip"
	"regexp"
	"strings"
	"time"
)

// Hop is one Received field as far as it can be understood. Servers write it in
// forms of their own; RFC 5321 §4.4 has the frame, "from … by … with …; date".
type Hop struct {
	Field int        `json:"field"` // index in Message.Fields
	From  string     `json:"from"`  // the word after "from"
	HELO  string     `json:"helo"`  // what the client called itself
	IP    netip.Addr `json:"ip"`    // of the client; the zero value: not written
	PTR   string     `json:"ptr"`   // the name that the server found for the address, as it wrote it; "" none
	By    string     `json:"by"`
	ByIP  netip.Addr `json:"by_ip"` // the server's own address, where it writes one
	With  string     `json:"with"`  // ESMTPS and the like (RFC 3848), as written
	TLS   string     `json:"tls"`   // "yes", "no", "unknown"
	At    *time.Time `json:"at"`
}

// maxReceived bounds how much of one field is read: real ones stay below 1 KiB.
const maxReceived = 8 << 10

// parseReceived reads the forms of Postfix, Sendmail, Exim, Exchange, Google,
// qmail, Courier and what resembles them.
func parseReceived(value string) Hop {
	value = value[:min(len(value), maxReceived)]
	h := Hop{TLS: "unknown"}
	if at := strings.LastIndexByte(value, ';'); at >= 0 {
		if t, err := mail.ParseDate(strings.Trim(value[at+1:], " \t")); err == nil {
			h.At = &t
			value = value[:at]
		}
	}
	from, with := clauses(value, &h)
	h.IP = clientIP(h.From, from)
	h.HELO = heloOf(h.From, from)
	h.PTR = ptrOf(h.From, from)
	h.TLS = tlsOf(h.With, append(from, with...))
	return h
}

// clauses fills in the words, and the server's address, and gives the comments
// of the from clause and those of the rest.
func clauses(value string, h *Hop) (from, rest []string) {
	current := ""
	for i := 0; i < len(value); {
		switch c := value[i]; {
		case c == ' ' || c == '\t' || c == ';' || c == '\r':
			i++
		case c == '(':
			end := commentEnd(value, i)
			if end < 0 {
				end = len(value)
			}
			text := strings.TrimSuffix(value[i+1:end], ")")
			switch {
			case current == "from":
				from = append(from, text)
			case current == "by" && parseIP(text).IsValid():
				h.ByIP = parseIP(text)
			default:
				rest = append(rest, text)
			}
			i = end
		default:
			end := i + strings.IndexAny(value[i:]+" ", " \t(;")
			word := value[i:end]
			i = end
			switch lower := strings.ToLower(word); {
			case clauseWords[lower] && !(current == "from" && h.From == ""):
				current = lower
			case current == "from" && h.From == "":
				h.From = word
			case current == "by" && h.By == "":
				h.By = word
			case current == "with":
				h.With = strings.TrimSpace(h.With + " " + word)
			}
		}
	}
	return from, rest
}

var clauseWords = map[string]bool{"from": true, "by": true, "with": true, "via": true, "id": true, "for": true, "tls": true}

var (
	// bracketed is an address in brackets, with Exim's port behind it.
	bracketed = regexp.MustCompile(`\[((?i:ipv6:)?[0-9A-Fa-f:.]+(?:%[0-9a-z]+)?)\]`)
	// named is the client's name for itself in a comment of Exim, qmail or Yahoo.
	named = regexp.MustCompile(`(?i)(?:^|\s)(?:helo|ehlo)[= ]\s*([^\s)]+)`)
	// ciphered is how servers mention TLS in a comment, at its beginning.
	ciphered = regexp.MustCompile(`(?i)^\s*(using TLS|version=(TLS|SSL)|TLS[ :_v.0-9]|SSL[ :_v.0-9]|cipher=|[a-z0-9_-]+ encrypted)`)
	// secure and plain are the protocols of RFC 3848 and RFC 6531 §4.3, and what
	// servers made of them.
	secure = regexp.MustCompile(`(?i)^(UTF8)?(E?SMTP|LMTP)SA?\b|^ESMTPS|^HTTPS`)
	plain  = regexp.MustCompile(`(?i)^(UTF8)?(E?SMTP|LMTP)A?$`)
)

func parseIP(s string) netip.Addr {
	if len(s) > 5 && strings.EqualFold(s[:5], "ipv6:") {
		s = s[5:]
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// clientIP looks in the comments first: what the server saw stands there. The
// word after "from" is, but for Exim and Yahoo, what the client said.
func clientIP(word string, comments []string) netip.Addr {
	for _, c := range comments {
		// Exim: a literal behind "helo=" is the client's word.
		if m := bracketed.FindStringSubmatch(named.ReplaceAllString(c, "")); m != nil {
			if a := parseIP(m[1]); a.IsValid() {
				return a
			}
		}
	}
	for _, c := range comments {
		c = strings.TrimSpace(c)
		if at := strings.LastIndexByte(c, '@'); at >= 0 { // qmail: ident@address
			c = c[at+1:]
		}
		if a := parseIP(c); a.IsValid() {
			return a
		}
	}
	if m := bracketed.FindStringSubmatch(word); m != nil {
		return parseIP(m[1])
	}
	return parseIP(word)
}

// heloOf is the name that a comment gives, else the word after "from".
func heloOf(word string, comments []string) string {
	for _, c := range comments {
		if m := named.FindStringSubmatch(c); m != nil {
			return m[1]
		}
	}
	return word
}

// verified is a name in front of the address.
var verified = regexp.MustCompile(`(?:^|[@\s])([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)\.?\s+\[`)

// ptrOf is the name that the server looked up, as opposed to what the client said.
func ptrOf(word string, comments []string) string {
	for _, c := range comments {
		if m := verified.FindStringSubmatch(c); m != nil {
			return m[1]
		}
		if named.MatchString(c) && strings.Contains(word, ".") && !strings.HasPrefix(word, "[") && !parseIP(word).IsValid() {
			return word // qmail and Exim: the client's own name stands in the comment
		}
	}
	return ""
}

func tlsOf(with string, comments []string) string {
	protocol, _, _ := strings.Cut(with, " ")
	switch {
	case secure.MatchString(protocol):
		return "yes"
	case anyMatch(ciphered, comments):
		return "yes"
	case plain.MatchString(protocol) && plain.MatchString(with): // not "SMTP over something"
		return "no"
	}
	return "unknown"
}

func anyMatch(re *regexp.Regexp, list []string) bool {
	for _, s := range list {
		if re.MatchString(s) {
			return true
		}
	}
	return false
}
