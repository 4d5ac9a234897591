package spf

import (
	"strconv"
	"strings"

	"github.com/postseal/postseal/check"
)

// diagnose reads one term. fatal tells whether it breaks the grammar; a term
// that does not may still have a fault, when it plainly means something else.
func diagnose(tok string) (e Entry, f *fault, fatal bool) {
	e, f = parseTerm(tok)
	e.Text = tok
	if f == nil {
		return e, disguised(&e), false
	}
	for _, find := range []func(string) *fault{charFault, listFault} {
		if cf := find(tok); cf != nil {
			return e, cf, true
		}
	}
	if f.rule != "spf-double-qualifier" {
		if head, tail, ok := cutAll(tok); ok && meansSomething(head) {
			return e, &fault{rule: "spf-glued-all", start: len(head), end: len(tok), fix: unglued(head, tail)}, true
		}
	}
	return e, f, true
}

// disguised finds a valid term that stands for two: an all swallowed by a
// name, or a list with semicolons or commas, quotes and backslashes in a name.
func disguised(e *Entry) *fault {
	if e.Domain == "" || e.Kind == Unknown {
		return nil
	}
	if f := charFault(e.Text); f != nil {
		return f
	}
	if f := listFault(e.Text); f != nil {
		return f
	}
	head, tail, ok := cutAll(e.Text)
	if ok && tail[0] == '-' {
		if _, f := parseTerm(head); f == nil {
			return &fault{rule: "spf-glued-all-swallowed", start: len(head), end: len(e.Text), fix: unglued(head, tail)}
		}
	}
	return nil
}

// cutAll cuts a signed all off the end of a term.
func cutAll(tok string) (head, tail string, ok bool) {
	i := len(tok) - len("-all")
	if i <= 0 || !strings.EqualFold(tok[i+1:], "all") || strings.IndexByte("+-~?", tok[i]) < 0 {
		return tok, "", false
	}
	head = tok[:i]
	return head, tok[i:], strings.Trim(head, "+-~?") != ""
}

// unglued is the two terms apart; beside a redirect, all would switch it off.
func unglued(head, tail string) string {
	if e, f := parseTerm(head); f == nil && e.Kind == Redirect {
		return head
	}
	return head + " " + tail
}

// meansSomething tells whether text is a term, or is evidently meant as one.
func meansSomething(text string) bool {
	_, f := parseTerm(text)
	return f == nil || f.fix != ""
}

// listFault finds semicolons and commas used between or after terms.
func listFault(tok string) *fault {
	for _, c := range []struct {
		sep  byte
		rule string
	}{{';', "spf-semicolon"}, {',', "spf-comma"}} {
		at := indexOutside(tok, c.sep)
		if at < 0 {
			continue
		}
		fixed := []byte(tok)
		for i := at; i >= 0; i = indexOutside(string(fixed), c.sep) {
			fixed[i] = ' '
		}
		return &fault{rule: c.rule, start: at, end: at + 1, fix: orSpace(strings.Join(strings.Fields(string(fixed)), " "))}
	}
	return nil
}

// orSpace keeps a replacement by nothing apart from no replacement.
func orSpace(s string) string {
	if s == "" {
		return " "
	}
	return s
}

// indexOutside finds c outside %{…}, where commas are delimiters.
func indexOutside(s string, c byte) int {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+1 < len(s) && s[i+1] == '{' {
			if end := strings.IndexByte(s[i:], '}'); end > 0 {
				i += end
				continue
			}
		}
		if s[i] == c {
			return i
		}
	}
	return -1
}

// parseTerm holds one term to the grammar of §12.
func parseTerm(tok string) (Entry, *fault) {
	e := Entry{Kind: Invalid, Text: tok, Bits4: -1, Bits6: -1}
	signs := 0
	for signs < len(tok) && strings.IndexByte("+-~?", tok[signs]) >= 0 {
		signs++
	}
	rest := tok[signs:]
	if rest == "" {
		return e, &fault{rule: "spf-syntax-error"}
	}
	if signs > 1 {
		return e, &fault{rule: "spf-double-qualifier", end: signs, fix: oneSign(tok[:signs]) + rest}
	}
	if signs == 1 {
		e.Sign = tok[0]
	}
	n := 0
	for n < len(rest) && (isAlpha(rest[n]) || n > 0 && (isDigit(rest[n]) || strings.IndexByte("-_.", rest[n]) >= 0)) {
		n++
	}
	e.Name = rest[:n]
	arg := rest[n:]
	if n > 0 && arg != "" && arg[0] == '=' {
		return modifier(e, arg[1:], tok[:signs])
	}
	return mechanism(e, arg, rest, tok[:signs])
}

// oneSign picks the sign next to the term, but never one that lets more pass.
func oneSign(signs string) string {
	if s := strings.Trim(signs, "+"); s != "" {
		return s[len(s)-1:]
	}
	return "+"
}

// modifier reads name "=" value (§6).
func modifier(e Entry, value, sign string) (Entry, *fault) {
	kind := Kind(strings.ToLower(e.Name))
	if sign != "" {
		fix := e.Name + "=" + value
		switch {
		case kind.Mechanism():
			fix = sign + e.Name + ":" + value
		case strings.HasPrefix(string(kind), "all"): // "~allgoogle-site-verification=…": two records in one
			fix = ""
		}
		return e, &fault{rule: "spf-qualifier-on-modifier", end: 1, fix: fix}
	}
	if kind != Redirect && kind != Exp {
		if _, f := scanMacros(value, true); f != nil {
			if f.rule == "spf-macro-syntax" {
				f.rule = "spf-unknown-modifier-bad-macro"
				f.params["Name"] = e.Name
			}
			return e, shift(f, len(e.Name)+1)
		}
		e.Kind, e.Domain = Unknown, value
		return e, nil
	}
	if value == "" {
		return e, &fault{rule: "spf-empty-argument", params: check.Params{"Name": e.Name}}
	}
	if head, lengths := splitDualCIDR(value); lengths != "" && head != "" {
		return e, &fault{rule: "spf-domain-spec-invalid", fix: e.Name + "=" + head,
			params: check.Params{"Value": value, "Label": value[strings.LastIndexByte(value, '.')+1:], "Reason": "label"}}
	}
	if _, f := checkDomainSpec(value); f != nil {
		return e, shift(f, len(e.Name)+1)
	}
	e.Kind, e.Domain = kind, value
	return e, nil
}

// shift moves a fault found in an argument to its place in the term.
func shift(f *fault, by int) *fault {
	if f.end > 0 {
		f.start += by
		f.end += by
	}
	return f
}

// mechanism reads a directive (§5); rest is the term without sign.
func mechanism(e Entry, arg, rest, sign string) (Entry, *fault) {
	kind := Kind(strings.ToLower(e.Name))
	if strings.HasPrefix(string(kind), "all.") {
		kind, arg = All, rest[len("all"):]
		e.Name = rest[:len("all")]
	}
	params := func() check.Params { return check.Params{"Name": e.Name} }
	switch {
	case !kind.Mechanism() && kind != Redirect && kind != Exp:
		return e, unknownMechanism(&e, arg, rest, sign)
	case arg != "" && arg[0] != ':' && arg[0] != '/' && kind != All:
		return e, &fault{rule: "spf-syntax-error"}
	case kind == Redirect || kind == Exp:
		if arg == "" {
			return e, &fault{rule: "spf-missing-argument", params: params()}
		}
		if arg == ":" {
			return e, &fault{rule: "spf-empty-argument", params: params()}
		}
		return e, &fault{rule: "spf-modifier-written-as-mechanism", params: params(), fix: string(kind) + "=" + arg[1:]}
	case kind == All:
		if arg != "" {
			f := &fault{rule: "spf-all-with-argument", fix: sign + "all"}
			if strings.IndexByte(":/.", arg[0]) < 0 {
				f = &fault{rule: "spf-syntax-error"}
			}
			return e, f
		}
	case kind == IP4 || kind == IP6:
		if arg == "" || arg[0] == '/' {
			return e, &fault{rule: "spf-missing-argument", params: params()}
		}
		if arg == ":" {
			return e, &fault{rule: "spf-empty-argument", params: params()}
		}
		return address(e, kind, arg[1:], sign)
	default:
		return named(e, kind, arg, sign)
	}
	e.Kind = kind
	return e, nil
}

// named reads the mechanisms with a domain-spec: include, exists, a, mx, ptr.
func named(e Entry, kind Kind, arg, sign string) (Entry, *fault) {
	params := func() check.Params { return check.Params{"Name": e.Name} }
	needs := kind == Include || kind == Exists
	prefix := sign + e.Name
	spec, lengths := arg, ""
	if kind == A || kind == MX {
		spec, lengths = splitDualCIDR(arg)
	}
	switch {
	case spec == "" && needs:
		return e, &fault{rule: "spf-missing-argument", params: params()}
	case spec == ":":
		return e, &fault{rule: "spf-empty-argument", params: params()}
	case spec != "" && spec[0] == '/': // a length with junk, or where none may stand
		if kind == A || kind == MX {
			return e, &fault{rule: "spf-cidr-invalid", start: len(prefix), end: len(prefix) + len(arg), params: check.Params{"Length": arg}}
		}
		f := &fault{rule: "spf-cidr-not-allowed", start: len(prefix), end: len(prefix) + len(arg), params: params()}
		if kind == PTR {
			f.fix = prefix
		}
		return e, f
	}
	spec = strings.TrimPrefix(spec, ":")
	if term := addressTerm(spec + lengths); term != "" {
		return e, &fault{rule: "spf-a-with-ip", params: check.Params{"Name": e.Name, "Value": spec + lengths}, fix: sign + term}
	}
	if kind != A && kind != MX {
		if head, cut := splitDualCIDR(spec); cut != "" {
			f := &fault{rule: "spf-cidr-not-allowed", start: len(prefix) + 1 + len(head), end: len(prefix) + 1 + len(spec), params: params()}
			if head != "" {
				f.fix = prefix + ":" + head
			}
			return e, f
		}
	}
	var ok bool
	if e.Bits4, e.Bits6, ok = parseDualCIDR(lengths); !ok {
		at := len(prefix) + len(arg) - len(lengths)
		return e, &fault{rule: "spf-cidr-invalid", start: at, end: at + len(lengths),
			params: check.Params{"Length": lengths}, fix: mendLengths(prefix+arg[:len(arg)-len(lengths)], lengths)}
	}
	if spec != "" {
		if _, f := checkDomainSpec(spec); f != nil {
			return e, shift(f, len(prefix)+1)
		}
	}
	e.Kind, e.Domain = kind, spec
	return e, nil
}

// mendLengths reads "/24/64" as "/24//64" and drops leading zeros; "" when
// neither helps.
func mendLengths(head, lengths string) string {
	parts := strings.Split(strings.TrimPrefix(lengths, "/"), "/")
	for i, s := range parts {
		if t := strings.TrimLeft(s, "0"); t != "" {
			parts[i] = t
		}
	}
	try := "/" + strings.Join(parts, "/")
	if len(parts) == 2 && parts[0] != "" {
		try = "/" + parts[0] + "//" + parts[1]
	}
	if _, _, ok := parseDualCIDR(try); !ok {
		return ""
	}
	return head + try
}

// address reads ip4 and ip6 (§5.6).
func address(e Entry, kind Kind, value, sign string) (Entry, *fault) {
	prefix := sign + e.Name + ":"
	if i := strings.IndexByte(value, '%'); i >= 0 && (kind == IP4 || strings.ContainsAny(value[i:], "{}%_-") && i+1 < len(value) && strings.IndexByte("{%_-", value[i+1]) >= 0) {
		return e, &fault{rule: "spf-macro-in-ip", start: len(prefix) + i, end: len(prefix) + len(value), params: check.Params{"Name": e.Name}}
	}
	host, length, cut := strings.Cut(value, "/")
	limit := 32
	a, ok := parseQuad(host)
	other := !ok && strings.Contains(host, ":")
	if other {
		_, other = parseIP6(strings.Trim(host, "[]"))
	}
	if kind == IP6 {
		_, other = parseQuad(host)
		limit = 128
		a, ok = parseIP6(host)
	}
	if !ok {
		if other {
			f := &fault{rule: "spf-ip-family-swapped", params: check.Params{"Name": e.Name, "Value": value}}
			if term := addressTerm(value); term != "" {
				f.fix = sign + term
			}
			return e, f
		}
		reason, fix := addressReason(kind, value)
		f := &fault{rule: "spf-" + string(kind) + "-invalid", params: check.Params{"Value": value, "Reason": reason}}
		if fix != "" {
			f.fix = sign + fix
		}
		return e, f
	}
	e.Addr = a
	if cut {
		n, ok := parseLength(length, limit)
		if !ok {
			f := &fault{rule: "spf-cidr-invalid", start: len(prefix) + len(host), end: len(prefix) + len(value), params: check.Params{"Length": "/" + length}}
			if bits, isMask := maskBits(length); isMask && kind == IP4 {
				f = &fault{rule: "spf-ip4-invalid", params: check.Params{"Value": value, "Reason": "mask"}, fix: prefix + host + "/" + strconv.Itoa(bits)}
			} else if n, ok := parseLength(strings.TrimLeft(strings.TrimPrefix(length, "/"), "0"), limit); ok && n > 0 {
				f.fix = prefix + host + "/" + strconv.Itoa(n)
			}
			return e, f
		}
		if kind == IP4 {
			e.Bits4 = n
		} else {
			e.Bits6 = n
		}
	}
	e.Kind = kind
	return e, nil
}

// maskBits reads a net mask such as 255.255.255.0.
func maskBits(s string) (int, bool) {
	a, ok := parseQuad(s)
	if !ok {
		return 0, false
	}
	b := a.As4()
	m := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	bits := 0
	for m&(1<<31) != 0 {
		m <<= 1
		bits++
	}
	return bits, m == 0 && bits > 0
}

// addressReason says what an address is instead of one, and the term that was
// meant where only one can be.
func addressReason(kind Kind, value string) (reason, fix string) {
	host, length, cut := strings.Cut(value, "/")
	if cut {
		length = "/" + length
	}
	if kind == IP6 {
		if h := strings.Trim(host, "[]"); h != host {
			return "brackets", addressTerm(h + length)
		}
		if h, _, zone := strings.Cut(host, "%"); zone {
			return "zone", addressTerm(h + length)
		}
		return "other", ""
	}
	octets := strings.Split(host, ".")
	switch {
	case strings.ContainsRune(host, '-'):
		return "range", ""
	case strings.Contains(host, ":"):
		h, _, _ := strings.Cut(host, ":")
		return "port", addressTerm(h + length)
	case strings.ContainsRune(host, '*'):
		for i, o := range octets {
			if o == "*" {
				octets[i] = "0"
			} else if i > 0 && octets[i-1] == "*" {
				return "wildcard", ""
			}
		}
		if n := strings.Count(host, "*"); len(octets) == 4 && !cut && octets[0] != "*" && n < 4 {
			return "wildcard", addressTerm(strings.Join(octets, ".") + "/" + strconv.Itoa(32-8*n))
		}
		return "wildcard", ""
	case strings.HasSuffix(host, ".") && addressTerm(strings.TrimSuffix(host, ".")+length) != "":
		return "other", addressTerm(strings.TrimSuffix(host, ".") + length)
	}
	for i := 0; i < len(host); i++ {
		if isAlpha(host[i]) || host[i] == '_' {
			if _, f := checkDomainSpec(host); f == nil && !cut {
				return "host", "a:" + host
			}
			return "host", ""
		}
	}
	if len(octets) != 4 {
		return "octets", ""
	}
	for _, o := range octets {
		if n, err := strconv.Atoi(o); err == nil && n > 255 {
			return "octet", ""
		}
		if len(o) > 1 && o[0] == '0' {
			return "zero", ""
		}
	}
	return "other", ""
}
