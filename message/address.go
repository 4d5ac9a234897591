package message

import (
	"mime"
	"net/mail"
	"strings"

	"github.com/postseal/postseal/dns"
)

// addressList is what a strict reader makes of a field of addresses
// (RFC 5322 §3.4, RFC 6854 for groups, RFC 6532 for UTF-8).
type addressList struct {
	mailboxes []Mailbox
	groups    []string // display names of groups
	problem   string   // code of the first thing that no grammar allows; "" where it is well formed
	at        int      // where that is, in the value
}

// addressReader walks over a value. It stops at the first problem.
type addressReader struct {
	s       string
	i       int
	inGroup bool // groups do not nest
	bare    int  // where the first address without a domain stands, and 1; 0 for none
	problem string
	at      int
}

// Nobody sends more in one field; what is longer is read no further.
const (
	maxAddressText = 256 << 10
	maxMailboxes   = 10_000
)

func (p *addressReader) fail(code string, at int) {
	if p.problem == "" {
		p.problem, p.at = code, min(at, len(p.s))
	}
}

// parseAddresses reads a list of mailboxes and groups. Words with dots in a
// display name are of the obsolete syntax, yet everywhere: they are let through.
func parseAddresses(s string) addressList {
	p := &addressReader{s: s[:min(len(s), maxAddressText)]}
	var list addressList
	if len(s) > maxAddressText {
		p.fail("too-long", maxAddressText)
	}
	if nul := strings.IndexByte(s, 0); nul >= 0 {
		p.fail("nul", nul)
	}
	for p.problem == "" {
		p.cfws()
		if p.i >= len(p.s) {
			break
		}
		if p.s[p.i] == ',' { // an empty element, obsolete
			p.i++
			continue
		}
		p.address(&list)
		p.cfws()
		if len(list.mailboxes) > maxMailboxes {
			p.fail("too-long", p.i)
		}
		switch {
		case p.problem != "" || p.i >= len(p.s):
		case p.s[p.i] == ',':
			p.i++
		default:
			p.fail("unexpected", p.i)
		}
	}
	switch {
	case len(list.mailboxes) == 0 && len(list.groups) == 0:
		p.fail("empty", 0)
	case len(list.mailboxes) > 1 && p.bare > 0:
		// Alone, it may be a local user; in a list it is a comma without quotes.
		p.fail("no-address", p.bare-1)
	}
	list.problem, list.at = p.problem, p.at
	return list
}

// address reads one mailbox or group.
func (p *addressReader) address(list *addressList) {
	start := p.i
	words := p.phrase()
	p.cfws()
	if p.problem != "" {
		return
	}
	next := byte(0)
	if p.i < len(p.s) {
		next = p.s[p.i]
	}
	switch {
	case next == '<':
		if addr, ok := p.angle(); ok {
			list.mailboxes = append(list.mailboxes, mailbox(strings.Join(words, " "), addr))
		}
	case next == ':' && len(words) > 0 && !p.inGroup:
		p.i++
		list.groups = append(list.groups, decodeWords(strings.Join(words, " ")))
		p.group(list)
	default: // no display name: an address alone
		p.i = start
		if addr, ok := p.addrSpec(); ok {
			list.mailboxes = append(list.mailboxes, mailbox("", addr))
		}
	}
}

// group reads the members of a group up to its semicolon.
func (p *addressReader) group(list *addressList) {
	p.inGroup = true
	defer func() { p.inGroup = false }()
	for p.problem == "" {
		p.cfws()
		switch {
		case p.i >= len(p.s):
			p.fail("group-open", len(p.s))
		case p.s[p.i] == ';':
			p.i++
			return
		case p.s[p.i] == ',':
			p.i++
		default:
			p.address(list)
			p.cfws()
			if len(list.mailboxes) > maxMailboxes {
				p.fail("too-long", p.i)
			}
			if p.problem == "" && p.i < len(p.s) && p.s[p.i] != ',' && p.s[p.i] != ';' {
				p.fail("unexpected", p.i)
			}
		}
	}
}

// phrase reads the words of a display name.
func (p *addressReader) phrase() (words []string) {
	for p.problem == "" {
		p.cfws()
		if p.i >= len(p.s) {
			return words
		}
		if p.s[p.i] == '"' {
			words = append(words, p.quotedString())
			continue
		}
		start := p.i
		for p.i < len(p.s) && (isAtext(p.s[p.i]) || p.s[p.i] == '.') {
			p.i++
		}
		if p.i == start {
			return words
		}
		words = append(words, p.s[start:p.i])
	}
	return words
}

// angle reads "<local@domain>", with the obsolete route in front (§4.4).
func (p *addressReader) angle() (string, bool) {
	open := p.i
	p.i++
	p.cfws()
	if p.i < len(p.s) && p.s[p.i] == '>' {
		p.fail("empty-address", open)
		return "", false
	}
	if p.i < len(p.s) && p.s[p.i] == '@' {
		p.fail("route", p.i)
		return "", false
	}
	addr, ok := p.addrSpec()
	if !ok {
		return "", false
	}
	p.cfws()
	if p.i >= len(p.s) || p.s[p.i] != '>' {
		code := "unclosed"
		if p.i < len(p.s) && p.s[p.i] == '@' {
			code = "two-at"
		}
		p.fail(code, p.i)
		return "", false
	}
	p.i++
	return addr, true
}

// addrSpec reads local-part "@" domain (§3.4.1). A local part alone is an
// address without a domain: another rule speaks of that.
func (p *addressReader) addrSpec() (string, bool) {
	p.cfws()
	start := p.i
	var local string
	if p.i < len(p.s) && p.s[p.i] == '"' {
		p.quotedString()
		local = p.s[start:p.i]
	} else {
		local = p.dotAtom()
	}
	if p.problem != "" {
		return "", false
	}
	if local == "" {
		code := "no-address"
		if p.i < len(p.s) && p.s[p.i] != '@' {
			code = "unexpected"
		}
		p.fail(code, p.i)
		return "", false
	}
	p.cfws()
	if p.i >= len(p.s) || p.s[p.i] != '@' {
		if p.i < len(p.s) && (isAtext(p.s[p.i]) || p.s[p.i] == '"') {
			p.fail("no-address", start) // words, and no address after them
			return "", false
		}
		if p.bare == 0 {
			p.bare = start + 1
		}
		return local, true
	}
	p.i++
	p.cfws()
	at := p.i
	var domain string
	if p.i < len(p.s) && p.s[p.i] == '[' {
		end := strings.IndexByte(p.s[p.i:], ']')
		if end < 0 {
			p.fail("unclosed", p.i)
			return "", false
		}
		domain = p.s[p.i : p.i+end+1]
		p.i += end + 1
	} else {
		domain = p.dotAtom()
	}
	if p.problem == "" && domain == "" {
		code := "no-domain"
		if p.i < len(p.s) && p.s[p.i] == '@' {
			code = "two-at"
		}
		p.fail(code, at)
	}
	p.cfws()
	if p.problem == "" && p.i < len(p.s) && p.s[p.i] == '@' {
		p.fail("two-at", p.i)
	}
	return local + "@" + domain, p.problem == ""
}

// dotAtom reads atoms joined by dots (§3.2.3).
func (p *addressReader) dotAtom() string {
	start := p.i
	for p.i < len(p.s) && (isAtext(p.s[p.i]) || p.s[p.i] == '.') {
		p.i++
	}
	s := p.s[start:p.i]
	if strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") || strings.Contains(s, "..") {
		p.fail("dots", start)
	}
	return s
}

func (p *addressReader) quotedString() string {
	open := p.i
	p.i++
	var b strings.Builder
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return b.String()
		case c == '\\' && p.i+1 < len(p.s):
			p.i++
			b.WriteByte(p.s[p.i])
		default:
			b.WriteByte(c)
		}
		p.i++
	}
	p.fail("unclosed", open)
	return b.String()
}

// cfws passes white space and comments, which nest (§3.2.2).
func (p *addressReader) cfws() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\r', '\n':
			p.i++
		case '(':
			end := commentEnd(p.s, p.i)
			if end < 0 {
				p.fail("unclosed", p.i)
				p.i = len(p.s)
				return
			}
			p.i = end
		default:
			return
		}
	}
}

// commentEnd is where the comment that opens at i is over, or -1.
func commentEnd(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

func isAtext(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80 || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// mailbox makes the fact of a display name and an address as written.
func mailbox(display, addr string) Mailbox {
	return Mailbox{Display: decodeWords(display), Address: addr, Domain: domainOf(addr)}
}

// domainOf is the domain of an address as DNS has it (RFC 9989 §5.3.1: A-labels);
// "" for a literal, a single label and what is no domain.
func domainOf(addr string) dns.Name {
	at := strings.LastIndexByte(addr, '@')
	if at < 0 {
		return ""
	}
	n, err := dns.ParseDomain(addr[at+1:])
	if err != nil || len(n.Labels()) < 2 {
		return ""
	}
	return n
}

// words decodes encoded words (RFC 2047) in UTF-8, US-ASCII and ISO 8859-1;
// those in other character sets stay as they are.
var words mime.WordDecoder

func decodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	out, err := words.DecodeHeader(s)
	if err != nil {
		return s
	}
	return out
}

// lenient are the readings of simple programs: what stands in the first and in
// the last pair of angle brackets, whatever quotes and comments say, and what
// the mail package of Go's library makes of the value.
func lenient(value string) []Reading {
	var list []Reading
	add := func(reader string, addrs ...string) {
		rd := Reading{Reader: reader, Addresses: []string{}, Domains: []dns.Name{}}
		for _, a := range addrs {
			rd.Addresses = append(rd.Addresses, a)
			rd.Domains = append(rd.Domains, domainOf(a))
		}
		list = append(list, rd)
	}
	if parsed, err := mail.ParseAddressList(value); err == nil {
		var addrs []string
		for _, a := range parsed {
			addrs = append(addrs, a.Address)
		}
		add("net/mail", addrs...)
	}
	if a, ok := between(value, strings.IndexByte(value, '<')); ok {
		add("first-angle", a)
	}
	if a, ok := between(value, strings.LastIndexByte(value, '<')); ok {
		add("last-angle", a)
	}
	if !strings.ContainsRune(value, '<') {
		if a := looseAddress(value); a != "" {
			add("words", a)
		}
	}
	return list
}

func between(s string, open int) (string, bool) {
	if open < 0 {
		return "", false
	}
	in, _, ok := strings.Cut(s[open+1:], ">")
	in = strings.Trim(in, " \t")
	return in, ok && strings.Contains(in, "@")
}

// looseAddress is the first word with an @ in it.
func looseAddress(s string) string {
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t,;:()\"'", r) }) {
		if i := strings.LastIndexByte(w, '@'); i > 0 && i < len(w)-1 {
			return w
		}
	}
	return ""
}
