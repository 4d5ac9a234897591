package message

import (
	"strings"
)

// AuthRes is one Authentication-Results field (RFC 8601).
type AuthRes struct {
	Field   int          `json:"field"` // index in Message.Fields
	ID      string       `json:"authserv_id"`
	Version string       `json:"version"` // "" where none is written, which means 1
	Results []AuthResult `json:"results"`
	Problem *TextProblem `json:"problem"` // where it leaves the grammar of RFC 8601 §2.2; results before that are kept

	Trusted bool `json:"trusted"` // the id is that of the receiver, or of the topmost field where no receiver is known
	Below   int  `json:"below"`   // how many Received fields older than the hop into the receiver stand above it
}

// AuthResult is what one method gave.
type AuthResult struct {
	Method string     `json:"method"` // in lower case
	Result string     `json:"result"` // in lower case
	Reason string     `json:"reason"`
	Props  []AuthProp `json:"properties"`
}

// AuthProp is one property: "header.d=example.com".
type AuthProp struct {
	Name  string `json:"name"` // "header.d", in lower case
	Value string `json:"value"`
}

// get is the value of a property, "" without it.
func (r *AuthResult) get(name string) string {
	for _, p := range r.Props {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// Bounds of what is read: real fields stay far below.
const (
	maxAuthRes     = 100
	maxAuthResText = 64 << 10
)

func (f *Facts) gatherAuthRes() {
	f.AuthRes = []*AuthRes{}
	trusted := f.Options.Receiver
	for i := range f.Message.Fields {
		fd := &f.Message.Fields[i]
		if fd.Key != "authentication-results" || len(f.AuthRes) == maxAuthRes {
			continue
		}
		a := parseAuthRes(fd.Value)
		a.Field = i
		if a.Problem != nil {
			a.Problem.Field = i
		}
		if trusted == "" {
			trusted = a.ID // the topmost was added last
		}
		a.Trusted = a.ID != "" && strings.EqualFold(a.ID, trusted)
		if b := f.Delivery.Border; b >= 0 {
			for _, h := range f.Delivery.Hops[b+1:] {
				if h.Field < i {
					a.Below++
				}
			}
		}
		f.AuthRes = append(f.AuthRes, a)
	}
}

// authReader walks over the value of a field.
type authReader struct {
	s string
	i int
}

// parseAuthRes reads the grammar of RFC 8601 §2.2. Comments may stand anywhere
// between words.
func parseAuthRes(value string) *AuthRes {
	a := &AuthRes{Results: []AuthResult{}}
	p := &authReader{s: value[:min(len(value), maxAuthResText)]}
	bad := func(code string) *AuthRes {
		a.Problem = &TextProblem{Code: code, Offset: min(p.i, len(p.s))}
		return a
	}
	if !p.space() {
		return bad("comment")
	}
	a.ID = p.value("=")
	if a.ID == "" {
		return bad("no-id")
	}
	if !p.space() {
		return bad("comment")
	}
	if p.more() && p.s[p.i] == '=' {
		// The first word is a method: somebody left the name of the server out.
		a.ID, p.i = "", 0
		p.space()
		bad("no-id")
	} else {
		if p.more() && p.s[p.i] != ';' {
			a.Version = p.token()
			p.space()
		}
		if !p.more() {
			return bad("no-results")
		}
		if p.s[p.i] != ';' {
			return bad("unexpected")
		}
		p.i++
	}
	for {
		if !p.space() {
			return bad("comment")
		}
		if !p.more() {
			if len(a.Results) == 0 && a.Problem == nil {
				return bad("no-results")
			}
			return a
		}
		if strings.EqualFold(p.peek(), "none") && len(a.Results) == 0 { // §2.2: no-result
			p.token()
			p.space()
			if p.more() {
				return bad("unexpected")
			}
			return a
		}
		r, code := p.result()
		if r.Method != "" && r.Result != "" {
			a.Results = append(a.Results, r)
		}
		if code != "" {
			return bad(code)
		}
		if !p.more() {
			return a
		}
		p.i++ // the semicolon
		if p.space(); !p.more() {
			return a // one at the end is not in the grammar, and everywhere
		}
	}
}

// result reads "method=result reason=… ptype.property=value …" up to a
// semicolon or the end.
func (p *authReader) result() (AuthResult, string) {
	r := AuthResult{Props: []AuthProp{}}
	r.Method = strings.ToLower(p.token())
	p.space()
	if p.more() && p.s[p.i] == '/' { // a version of the method
		p.i++
		p.space()
		p.token()
		p.space()
	}
	if r.Method == "" {
		return r, "unexpected"
	}
	if !p.more() || p.s[p.i] != '=' {
		return r, "no-equals"
	}
	p.i++
	p.space()
	if r.Result = strings.ToLower(p.token()); r.Result == "" {
		return r, "no-value"
	}
	for {
		if !p.space() {
			return r, "comment"
		}
		if !p.more() || p.s[p.i] == ';' {
			return r, ""
		}
		name := strings.ToLower(p.token())
		if name == "" {
			return r, "unexpected"
		}
		p.space()
		for p.more() && p.s[p.i] == '.' { // CFWS may stand around the dot
			p.i++
			p.space()
			name += "." + strings.ToLower(p.token())
			p.space()
		}
		if !p.more() || p.s[p.i] != '=' {
			return r, "no-equals"
		}
		p.i++
		p.space()
		value := p.value("")
		switch {
		case value == "" && !p.quotedEmpty():
			return r, "no-value"
		case name == "reason":
			r.Reason = value
		default:
			r.Props = append(r.Props, AuthProp{name, value})
		}
	}
}

// quotedEmpty tells whether the value just read was an empty quoted string.
func (p *authReader) quotedEmpty() bool { return strings.HasSuffix(p.s[:p.i], `""`) }

func (p *authReader) more() bool { return p.i < len(p.s) }

// space passes white space and comments; false where a comment never closes.
func (p *authReader) space() bool {
	for p.more() {
		switch p.s[p.i] {
		case ' ', '\t', '\r', '\n':
			p.i++
		case '(':
			end := commentEnd(p.s, p.i)
			if end < 0 {
				return false
			}
			p.i = end
		default:
			return true
		}
	}
	return true
}

// token reads a keyword: letters, digits, hyphens and underscores.
func (p *authReader) token() string {
	w := p.peek()
	p.i += len(w)
	return w
}

func (p *authReader) peek() string {
	end := p.i
	for end < len(p.s) && (isAlnum(p.s[end]) || p.s[end] == '-' || p.s[end] == '_') {
		end++
	}
	return p.s[p.i:end]
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// value reads a value or an address: a quoted string, or what goes up to white
// space, a semicolon, a comment, or one of the other octets given.
func (p *authReader) value(end string) string {
	start := p.i
	if p.more() && p.s[p.i] == '"' {
		q := &addressReader{s: p.s, i: p.i}
		text := q.quotedString()
		if q.problem != "" {
			p.i = len(p.s)
			return ""
		}
		p.i = q.i
		if !p.more() || p.s[p.i] != '@' {
			return text
		}
	}
	for p.more() && strings.IndexByte(" \t\r\n;("+end, p.s[p.i]) < 0 {
		p.i++
	}
	return p.s[start:p.i]
}
