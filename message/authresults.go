package message

import (
	"strings"

	"github.com/emersion/go-msgauth/authres"
)

// tagBPrefix is how much of b= tells signatures apart (RFC 6008 §3).
const tagBPrefix = 8

// AuthenticationResults is what a receiver would write into the field of that
// name (RFC 8601), without the name of the field. A method of which nothing
// could be told is left out.
func (f *Facts) AuthenticationResults() string {
	id := f.Options.Receiver
	if id == "" {
		id = "localhost"
	}
	var list []authres.Result
	add := func(method, result string, params map[string]string) {
		for k, v := range params {
			params[k] = plainValue(v)
		}
		list = append(list, &authres.GenericResult{Method: method, Value: authres.ResultValue(result), Params: params})
	}
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
		if s.Reason != "" {
			params["reason"] = s.Reason
		}
		add("dkim", s.Result, params)
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
	if f.ARC != nil {
		add("arc", f.ARC.Result, nil)
	}
	// A method without properties leaves a space before the semicolon.
	return strings.TrimRight(strings.ReplaceAll(authres.Format(plainValue(id), list), " ;", ";"), " ")
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
