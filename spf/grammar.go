package spf

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/postseal/postseal/check"
)

// fault is what is wrong with one term: the rule that says so, where in the
// term, and what the term was meant to be when that can be told.
type fault struct {
	rule       string
	start, end int // in the term; end 0 means all of it
	params     check.Params
	fix        string // replacement of the whole term, "" when none can be derived
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// macros is what a macro-string says about itself (§7.1).
type macros struct {
	tail    int    // where the literal after the last macro begins
	letters string // the macro letters used, lower-case, each once
}

// scanMacros reads a macro-string. exp allows the letters of explanations (§7.2).
func scanMacros(s string, exp bool) (macros, *fault) {
	var m macros
	for i := 0; i < len(s); {
		if s[i] != '%' {
			if s[i] < 0x21 || s[i] > 0x7e {
				return m, &fault{rule: "spf-syntax-error", start: i, end: i + 1}
			}
			i++
			continue
		}
		bad := func(end int) (macros, *fault) {
			end = min(max(end, i+1), len(s))
			return m, &fault{rule: "spf-macro-syntax", start: i, end: end, params: check.Params{"Macro": s[i:end]}}
		}
		if i+1 >= len(s) {
			return bad(i + 1)
		}
		switch s[i+1] {
		case '%', '_', '-':
			i += 2
			m.tail = i
			continue
		case '{':
		default:
			return bad(i + 2)
		}
		closing := strings.IndexByte(s[i:], '}')
		if closing < 0 {
			return bad(len(s))
		}
		end := i + closing + 1
		body := s[i+2 : end-1]
		if body == "" || strings.IndexByte("slodiphcrtv", body[0]|0x20) < 0 || !isAlpha(body[0]) {
			return bad(end)
		}
		letter := body[0] | 0x20
		if !exp && strings.IndexByte("crt", letter) >= 0 {
			return m, &fault{rule: "spf-macro-exp-only-letter", start: i, end: end, params: check.Params{"Macro": s[i:end]}}
		}
		body = body[1:]
		digits := 0
		for digits < len(body) && isDigit(body[digits]) {
			digits++
		}
		if digits > 0 && strings.Trim(body[:digits], "0") == "" { // §7.1: the number must not be zero
			return bad(end)
		}
		body = body[digits:]
		if body != "" && body[0]|0x20 == 'r' {
			body = body[1:]
		}
		if strings.Trim(body, ".-+,/_=") != "" {
			return bad(end)
		}
		if strings.IndexByte(m.letters, letter) < 0 {
			m.letters += string(letter)
		}
		i = end
		m.tail = end
	}
	return m, nil
}

// checkDomainSpec holds s to domain-spec = macro-string domain-end (§7.1).
func checkDomainSpec(s string) (macros, *fault) {
	m, f := scanMacros(s, false)
	if f != nil {
		return m, f
	}
	lit := s[m.tail:]
	if lit == "" && m.tail > 0 {
		return m, nil
	}
	lit = strings.TrimSuffix(lit, ".")
	dot := strings.LastIndexByte(lit, '.')
	label := lit[dot+1:]
	if dot < 0 || !isTopLabel(label) {
		reason := "label"
		if dot < 0 {
			reason = "single"
		}
		return m, &fault{rule: "spf-domain-spec-invalid", params: check.Params{"Value": s, "Label": label, "Reason": reason}}
	}
	return m, nil
}

// isTopLabel is the toplabel of §7.1: letters, digits and inner hyphens, and
// not digits alone.
func isTopLabel(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	other := false
	for i := 0; i < len(s); i++ {
		switch {
		case isAlpha(s[i]), s[i] == '-':
			other = true
		case !isDigit(s[i]):
			return false
		}
	}
	return other
}

// splitDualCIDR cuts the lengths off the right end of an a or mx argument, so
// that slashes inside the domain-spec stay there (§5.3, §7.1).
func splitDualCIDR(s string) (rest, lengths string) {
	i := len(s)
	for i > 0 && (s[i-1] == '/' || isDigit(s[i-1])) {
		i--
	}
	for i < len(s) && s[i] != '/' {
		i++
	}
	return s[:i], s[i:]
}

// parseLength reads a prefix length without leading zeros (§12).
func parseLength(s string, limit int) (int, bool) {
	if s == "" || len(s) > 3 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return 0, false
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n <= limit
}

// parseDualCIDR reads [ "/" n ] [ "//" m ]; -1 where a length is not written.
func parseDualCIDR(s string) (ip4, ip6 int, ok bool) {
	ip4, ip6 = -1, -1
	v4, v6, dual := strings.Cut(s, "//")
	if dual {
		if ip6, ok = parseLength(v6, 128); !ok {
			return -1, -1, false
		}
	}
	if v4 != "" {
		if ip4, ok = parseLength(strings.TrimPrefix(v4, "/"), 32); !ok || v4[0] != '/' {
			return -1, -1, false
		}
	}
	return ip4, ip6, true
}

// parseQuad reads qnum "." qnum "." qnum "." qnum (§12): netip agrees with it
// in refusing leading zeros.
func parseQuad(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a, err == nil && a.Is4()
}

// parseIP6 reads an IPv6 literal without zone.
func parseIP6(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a, err == nil && a.Is6() && a.Zone() == ""
}

// addressTerm makes an ip4 or ip6 term of text that is an address, with or
// without a length; "" when it is not one.
func addressTerm(s string) string {
	host, length, cut := strings.Cut(s, "/")
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "" || !isDigit(host[len(host)-1]) && strings.IndexByte(host, ':') < 0 {
		return "" // what netip would find out too, at the price of an error
	}
	kind, limit := IP4, 32
	a, ok := parseQuad(host)
	if !ok {
		if a, ok = parseIP6(host); !ok {
			return ""
		}
		kind, limit = IP6, 128
	}
	if cut {
		n, ok := parseLength(strings.TrimPrefix(length, "/"), limit)
		if !ok {
			return ""
		}
		return string(kind) + ":" + a.String() + "/" + strconv.Itoa(n)
	}
	return string(kind) + ":" + a.String()
}
