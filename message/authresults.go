package message

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// tagBPrefix is how much of b= tells signatures apart (RFC 6008 §3).
const tagBPrefix = 8

// authenticationResults is what a receiver would write into the field of that
// name (RFC 8601), without the name of the field. A method of which nothing
// could be told is left out.
func (f *Facts) authenticationResults() string {
	id := f.Options.Receiver
	if id == "" {
		id = "localhost"
	}
	var b strings.Builder
	b.WriteString(quoteValue(plainValue(id)))
	// §2.2: the reason stands before the properties.
	addBecause := func(method, result, reason string, props map[string]string) {
		b.WriteString("; " + method + "=" + result)
		if reason != "" {
			b.WriteString(" reason=" + quoteValue(plainValue(reason)))
		}
		for _, name := range slices.Sorted(maps.Keys(props)) {
			if v := props[name]; v != "" {
				b.WriteString(" " + name + "=" + quoteProperty(plainValue(v)))
			}
		}
	}
	add := func(method, result string, props map[string]string) { addBecause(method, result, "", props) }
	d := f.Delivery
	if d.IPRev != "" {
		add("iprev", d.IPRev, map[string]string{"policy.iprev": d.IP.String()})
	}
	if f.SPF != nil {
		params := map[string]string{"smtp.mailfrom": d.MailFrom}
		if d.MailFrom == "" {
			params = map[string]string{"smtp.helo": d.HELO} // RFC 8601 §2.7.2
		}
		add("spf", string(f.SPF.Result), params)
	}
	for _, s := range f.Signatures {
		params := map[string]string{"header.d": s.Domain.String(), "header.s": s.Selector, "header.a": s.Algo}
		if s.list != nil {
			if b := s.list.get("b"); b != nil {
				sig := strings.Join(strings.Fields(b.value), "")
				params["header.b"] = sig[:min(len(sig), tagBPrefix)]
			}
		}
		addBecause("dkim", s.Result, s.Reason, params)
	}
	if len(f.Signatures) == 0 {
		add("dkim", "none", nil)
	}
	if o := f.DMARC; o != nil {
		params := map[string]string{"header.from": o.From.String()}
		if o.PolicyRecord != "" && o.Policy.Known {
			params["policy.dmarc"] = o.Policy.Policy // RFC 9989 §9.2
		}
		add("dmarc", o.Result, params)
	}
	// RFC 8617 §10.1 registers none, pass and fail: a chain whose keys got no answer is none of them.
	if f.ARC != nil && f.ARC.Result != "temperror" {
		add("arc", f.ARC.Result, nil)
	}
	return b.String()
}

// The forms of a value that stand without quotes: a token (RFC 2045 §5.1), and
// an address (RFC 8601 §2.2, pvalue) as long as nothing in it could be read as
// something else. Everything else is quoted, base64 with a slash too.
var (
	tokenForm   = regexp.MustCompile(`^[^\x00-\x20\x7f-\x{10FFFF}()<>@,;:\\"/\[\]?=]+$`)
	addressForm = regexp.MustCompile(`^([A-Za-z0-9!#$%&'*+^_{|}~-]+(\.[A-Za-z0-9!#$%&'*+^_{|}~-]+)*)?` +
		`@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
)

// quoteValue writes a value (RFC 8601 §2.2) whose text went through plainValue,
// so that nothing in it needs a backslash.
func quoteValue(s string) string {
	if tokenForm.MatchString(s) {
		return s
	}
	return `"` + s + `"`
}

func quoteProperty(s string) string {
	if addressForm.MatchString(s) {
		return s
	}
	return quoteValue(s)
}

// plainValue keeps what can stand in a header field on one line. The field is
// made of a stranger's words: line ends, quotes and backslashes would let them
// write more of it than their own value.
func plainValue(s string) string {
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c > '~' || strings.ContainsRune(`"\;()`, c) {
			return '?'
		}
		return c
	}, s[:min(len(s), maxParam)])
}
