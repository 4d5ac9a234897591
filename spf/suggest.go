package spf

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// unknownMechanism says that a name is none of the eight, and which was meant.
func unknownMechanism(e *Entry, arg, rest, sign string) *fault {
	f := &fault{rule: "spf-unknown-mechanism", params: check.Params{"Name": e.Name}}
	if term := addressTerm(rest); term != "" { // a bare address
		f.fix = sign + term
		return f
	}
	if e.Name == "" && (rest == "" || !isDigit(rest[0]) && rest[0] != '_') || arg != "" && strings.IndexByte(":/", arg[0]) < 0 && e.Name != "" {
		if !strings.Contains(rest, ".") || e.Name == "" {
			f.rule = "spf-syntax-error"
			return f
		}
	}
	if e.Name == "" {
		f.params["Name"] = rest
	}
	value := strings.TrimPrefix(arg, ":")
	if arg != "" && arg[0] == ':' {
		if term := addressTerm(value); term != "" { // ipv4:, ip:, host: with an address
			f.fix = sign + term
			return f
		}
	}
	if host, dotted := strings.CutPrefix(strings.ToLower(rest), "include."); dotted {
		if _, bad := checkDomainSpec(host); bad == nil {
			f.fix = sign + "include:" + host
			return f
		}
	}
	if kind := nearest(strings.ToLower(e.Name)); kind != "" {
		f.fix = sign + string(kind) + arg
		if kind == Redirect {
			f.fix = "redirect=" + value
		}
		if _, bad := parseTerm(f.fix); bad != nil {
			f.fix = ""
		}
		return f
	}
	if _, bad := checkDomainSpec(rest); bad == nil && strings.Contains(strings.ToLower(rest), "spf") && !strings.ContainsAny(rest, ":/") {
		f.fix = sign + "include:" + rest
	}
	return f
}

// nearest is the mechanism or redirect that a misspelt name was meant to be.
// Short names are too near to each other to guess.
func nearest(name string) Kind {
	if t := Kind(strings.Trim(name, ".-_")); t != Kind(name) && (t.Mechanism() || t == Redirect) {
		return t
	}
	if len(name) < 4 {
		return ""
	}
	for _, k := range []Kind{Include, Exists, Redirect} {
		if distance(name, string(k)) <= 2 {
			return k
		}
	}
	return ""
}

// distance is the optimal string alignment distance: one insertion, deletion,
// substitution or swap of neighbours is one. Names longer than any we know are far.
func distance(a, b string) int {
	if len(a) > 20 {
		return 20
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

// suspicious finds a domain-spec that is valid and cannot be meant: a URL, an
// address of a person, a wildcard, an empty or over-long label (§4.8, §7.3).
func suspicious(e *Entry) (meant, reason string) {
	d := e.Domain
	put := func(host string) string {
		if _, f := checkDomainSpec(host); f != nil || dns.FromText(host).Check() != nil {
			return ""
		}
		i := strings.Index(e.Text, d)
		return e.Text[:i] + host + e.Text[i+len(d):]
	}
	switch {
	case strings.Contains(d, "://"):
		host := d[strings.Index(d, "://")+3:]
		host, _, _ = strings.Cut(host, "/")
		return put(host), "url"
	case strings.Contains(d, "@"):
		return put(d[strings.LastIndexByte(d, '@')+1:]), "address"
	case strings.Contains(d, "*"):
		return "", "wildcard"
	}
	for _, l := range strings.Split(strings.TrimSuffix(d, "."), ".") {
		if l == "" {
			host := strings.TrimPrefix(d, ".")
			for strings.Contains(host, "..") {
				host = strings.ReplaceAll(host, "..", ".")
			}
			return put(host), "empty"
		}
		if len(l) > 63 {
			return "", "label"
		}
	}
	if len(d) > 253 {
		return "", "name"
	}
	return "", ""
}

// mappedTerm is the ip4 term that an ip6 term inside ::ffff:0:0/96 was meant to be.
func mappedTerm(e *Entry) string {
	p := netip.PrefixFrom(e.Addr.Unmap(), e.prefix().Bits()-96).Masked()
	sign := ""
	if e.Sign != 0 {
		sign = string(e.Sign)
	}
	if p.Bits() == 32 {
		return sign + "ip4:" + p.Addr().String()
	}
	return sign + "ip4:" + p.String()
}

// charFault finds octets that no term may hold, and what pasting made of them.
func charFault(tok string) *fault {
	for i := 0; i < len(tok); {
		if tok[i] > 0x7e {
			r, size := utf8.DecodeRuneInString(tok[i:])
			return &fault{rule: "spf-non-ascii", start: i, end: i + size, fix: asciiOf(tok),
				params: check.Params{"Character": runeName(r, tok[i]), "Characters": runeNames(tok)}}
		}
		i++
	}
	for _, c := range []struct{ set, rule string }{
		{"\t\r\n\v\f\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f", "spf-control-char"},
		{`"`, "spf-embedded-quotes"}, {`\`, "spf-backslash"},
	} {
		at := strings.IndexAny(tok, c.set)
		if at < 0 {
			continue
		}
		f := &fault{rule: c.rule, start: at, end: at + 1, params: check.Params{"Character": fmt.Sprintf("0x%02X", tok[at])}}
		switch c.rule {
		case "spf-control-char":
			f.fix = strings.Join(strings.FieldsFunc(tok, func(r rune) bool { return r < 0x20 }), " ")
		case "spf-embedded-quotes":
			f.fix = strings.ReplaceAll(strings.ReplaceAll(tok, `\"`, ""), `"`, "")
		default:
			f.fix = unescape(tok)
		}
		f.fix = orSpace(strings.TrimSpace(f.fix))
		return f
	}
	return nil
}

// unescape undoes one round of presentation escapes (RFC 1035 §5.1).
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+3 < len(s) && isDigit(s[i+1]) && isDigit(s[i+2]) && isDigit(s[i+3]) {
			if n, _ := strconv.Atoi(s[i+1 : i+4]); n < 0x7f {
				b.WriteByte(byte(n))
			}
			i += 3
		}
	}
	return b.String()
}

// lookalikes are the characters that word processors, chat programs and
// keyboards put in place of ASCII.
var lookalikes = map[rune]struct{ name, ascii string }{
	'\u00a0': {"no-break space", " "}, '\u2007': {"figure space", " "}, '\u202f': {"narrow no-break space", " "},
	'\u2002': {"en space", " "}, '\u2003': {"em space", " "}, '\u2009': {"thin space", " "}, '\u3000': {"ideographic space", " "},
	'\u200b': {"zero width space", ""}, '\u200c': {"zero width non-joiner", ""}, '\u200d': {"zero width joiner", ""},
	'\u2060': {"word joiner", ""}, '\ufeff': {"byte order mark", ""}, '\u00ad': {"soft hyphen", ""},
	'\u200e': {"left-to-right mark", ""}, '\u200f': {"right-to-left mark", ""},
	'\u2010': {"hyphen", "-"}, '\u2011': {"non-breaking hyphen", "-"}, '\u2012': {"figure dash", "-"},
	'\u2013': {"en dash", "-"}, '\u2014': {"em dash", "-"}, '\u2212': {"minus sign", "-"}, '\uff0d': {"fullwidth hyphen-minus", "-"},
	'\u2018': {"left single quotation mark", ""}, '\u2019': {"right single quotation mark", ""},
	'\u201c': {"left double quotation mark", ""}, '\u201d': {"right double quotation mark", ""}, '\u00b4': {"acute accent", ""},
	'\u02dc': {"small tilde", "~"}, '\u223c': {"tilde operator", "~"}, '\uff5e': {"fullwidth tilde", "~"}, '\uff1a': {"fullwidth colon", ":"},
	'\u0430': {"Cyrillic а", "a"}, '\u0435': {"Cyrillic е", "e"}, '\u043e': {"Cyrillic о", "o"}, '\u0440': {"Cyrillic р", "p"},
	'\u0441': {"Cyrillic с", "c"}, '\u0445': {"Cyrillic х", "x"}, '\u0456': {"Cyrillic і", "i"}, '\u0443': {"Cyrillic у", "y"},
}

func runeName(r rune, octet byte) string {
	if r == utf8.RuneError {
		return fmt.Sprintf("octet 0x%02X", octet)
	}
	if l, ok := lookalikes[r]; ok {
		return fmt.Sprintf("U+%04X %s", r, l.name)
	}
	return fmt.Sprintf("U+%04X", r)
}

func runeNames(s string) []string {
	var names []string
	seen := map[string]bool{}
	for i, r := range s {
		if r < 0x7f || len(names) >= 8 {
			continue
		}
		if n := runeName(r, s[i]); !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	return names
}

// asciiOf is the ASCII text that was meant: lookalikes replaced, else the
// domain of the term in A-labels (RFC 8616 §4); "" when neither helps.
func asciiOf(tok string) string {
	var b strings.Builder
	for _, r := range tok {
		l, ok := lookalikes[r]
		switch {
		case ok:
			b.WriteString(l.ascii)
		case r < 0x7f:
			b.WriteRune(r)
		default:
			i := strings.IndexAny(tok, ":=")
			if i < 0 {
				return ""
			}
			name, err := dns.ParseDomain(tok[i+1:])
			if err != nil {
				return ""
			}
			return tok[:i+1] + name.String()
		}
	}
	return orSpace(strings.TrimSpace(b.String()))
}
