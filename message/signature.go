package message

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/dns"
)

// Signature is one DKIM-Signature and what came of it.
type Signature struct {
	Field    int      `json:"field"` // index in Message.Fields
	Domain   dns.Name `json:"domain"`
	Selector string   `json:"selector"`
	Identity string   `json:"identity"`         // i=, or its default
	Algo     string   `json:"algorithm"`        // a=
	Canon    string   `json:"canonicalization"` // c= in full: "relaxed/simple"
	Headers  []string `json:"headers"`          // h=, as written
	Time     int64    `json:"time"`             // t=, seconds since 1970; -1 without
	Expires  int64    `json:"expires"`          // x=; -1 without
	Limit    int64    `json:"body_limit"`       // l=, octets; -1 without

	// Expired tells that x= lay before the time of reception, Ahead that t= lay
	// after it.
	Expired bool `json:"expired"`
	Ahead   bool `json:"ahead"`

	Result string  `json:"result"` // RFC 8601 §2.7.1: pass, fail, neutral, temperror, permerror
	Reason string  `json:"reason"` // code of the failure, "" for pass
	Faults []Fault `json:"faults"` // what is wrong with the field as written

	Key        *SigningKey `json:"key"`         // nil where it was not asked for
	BodyHash   string      `json:"body_hash"`   // computed, base64; "" where it was not
	BodyLength int         `json:"body_length"` // octets of the canonical body
	Unsigned   int         `json:"unsigned"`    // octets of it after l=, up to the last that is no white space
	WouldPass  []Hint      `json:"would_pass"`  // changes after which it verifies
	OtherKey   bool        `json:"other_key"`   // made by another key than the one published (RSA can tell)

	// Second is what the other verifier says: pass, fail, permerror, temperror;
	// "" where it was not asked. A pass needs both, see verify.go.
	Second string `json:"second_opinion"`

	list         *tagList
	header, body string // the two halves of Canon
	fields       []int  // what Headers cover, as picked has it
	bh, b        []byte
}

// Hint is a change after which a broken signature verifies: it names what was
// done to the message on its way.
type Hint struct {
	Code string `json:"code"`
	Text string `json:"text"` // the field, or how much, where the code asks for it
}

// The codes of Signature.Reason and Fault.Code.
const (
	reasonMissingTag    = "missing-tag"
	reasonSyntax        = "syntax"
	reasonSHA1          = "sha1"
	reasonAlgorithm     = "algorithm-unknown"
	reasonFrom          = "from-unsigned"
	reasonIdentity      = "identity-outside"
	reasonTimes         = "expires-before-signed"
	reasonExpired       = "expired"
	reasonKeyMissing    = "key-missing"
	reasonKeyFailed     = "key-temperror"
	reasonKeyUnusable   = "key-unusable"
	reasonKeyIdentity   = "key-identity"
	reasonBodyHash      = "body-hash"
	reasonSignature     = "signature"
	reasonNotVerified   = "not-verified"
	reasonSecondOpinion = "second-opinion"
)

// requiredTags of a DKIM-Signature (RFC 6376 §3.5), in the order in which they
// are usually written.
var requiredTags = []string{"v", "a", "b", "bh", "d", "h", "s"}

// parseSignature reads a DKIM-Signature. What is wrong with it is in Faults, in
// the order in which a verifier comes across it (RFC 6376 §6.1.1).
func parseSignature(m *Message, field int) *Signature {
	s := &Signature{Field: field, WouldPass: []Hint{}, list: parseTags(m.Fields[field].Value)}
	l := s.list
	if t := l.get("v"); t != nil && t.value != "1" {
		l.add(reasonSyntax, "version", "v", &t.span)
	}
	s.missing(requiredTags)
	s.common(m)
	s.identity()
	if q := l.get("q"); q != nil && !slices.Contains(names(q.value), "dns/txt") {
		l.add(reasonSyntax, "query", "q", &q.span)
	}
	if t := l.get("h"); t != nil && !slices.ContainsFunc(s.Headers, func(h string) bool { return strings.EqualFold(h, "from") }) {
		l.add(reasonFrom, "", "h", &t.span)
	}
	if s.Expires >= 0 && s.Time >= 0 && s.Expires <= s.Time {
		l.add(reasonTimes, "", "x", &l.get("x").span)
	}
	s.Faults = l.faults
	return s
}

func (s *Signature) missing(required []string) {
	for _, name := range required {
		if s.list.get(name) == nil {
			s.list.add(reasonMissingTag, "", name, nil)
		}
	}
}

// common reads the tags that DKIM-Signature and ARC-Message-Signature share.
func (s *Signature) common(m *Message) {
	l := s.list
	s.signer()
	s.header, s.body = simple, simple // RFC 6376 §3.5: simple/simple, and body simple where c= names one only
	if t := l.get("c"); t != nil {
		h, b, both := strings.Cut(t.value, "/")
		if !both {
			b = simple
		}
		if h != simple && h != relaxed || b != simple && b != relaxed {
			l.add(reasonSyntax, "canonicalization", "c", &t.span)
		} else {
			s.header, s.body = h, b
		}
	}
	s.Canon = s.header + "/" + s.body
	s.Headers = []string{}
	if t := l.get("h"); t != nil {
		s.Headers = names(t.value)
		if slices.Contains(s.Headers, "") {
			l.add(reasonSyntax, "headers", "h", &t.span)
		}
	}
	s.fields = picked(m, s.Headers)
	s.bh, _ = l.base64("bh")
	s.Time, s.Expires, s.Limit = l.number("t"), l.number("x"), l.number("l")
}

// signer reads who signed and how: what an ARC-Seal has too.
func (s *Signature) signer() {
	l := s.list
	s.Algo = l.value("a")
	if t := l.get("a"); t != nil {
		switch strings.ToLower(s.Algo) {
		case "rsa-sha256", "ed25519-sha256":
			s.Algo = strings.ToLower(s.Algo)
		case "rsa-sha1": // RFC 8301 §3.1
			l.add(reasonSHA1, "", "a", &t.span)
		default:
			l.add(reasonAlgorithm, "", "a", &t.span)
		}
	}
	s.Selector = l.value("s")
	if t := l.get("s"); t != nil && !hostLike(s.Selector) {
		l.add(reasonSyntax, "selector", "s", &t.span)
	}
	if t := l.get("d"); t != nil {
		name, err := dns.ParseDomain(t.value)
		if err != nil {
			l.add(reasonSyntax, "domain", "d", &t.span)
		}
		s.Domain = name
	}
	s.b, _ = l.base64("b")
}

// hostLike tells whether a selector is made of labels (RFC 6376 §3.1), with the
// underscores that people use and the U-labels of RFC 8616.
func hostLike(s string) bool {
	if s == "" {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool {
			return r < 0x80 && r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			return false
		}
	}
	return true
}

// identity holds i= to d= (RFC 6376 §3.5: the same domain or below it).
func (s *Signature) identity() {
	t := s.list.get("i")
	if t == nil {
		s.Identity = "@" + s.Domain.String()
		return
	}
	s.Identity = t.value
	at := strings.LastIndexByte(t.value, '@')
	if at < 0 {
		s.list.add(reasonSyntax, "identity", "i", &t.span)
		return
	}
	domain, err := dns.ParseDomain(t.value[at+1:])
	switch {
	case err != nil:
		s.list.add(reasonSyntax, "identity", "i", &t.span)
	case s.Domain != "" && !domain.IsUnder(s.Domain):
		s.list.add(reasonIdentity, "", "i", &t.span)
	}
}

// identityDomain is the domain of i=, "" where it cannot be read.
func (s *Signature) identityDomain() dns.Name {
	name, _ := dns.ParseDomain(s.Identity[strings.LastIndexByte(s.Identity, '@')+1:])
	return name
}

// has tells whether a fault of that code was found.
func (s *Signature) has(code string) bool {
	return slices.ContainsFunc(s.Faults, func(f Fault) bool { return f.Code == code })
}

// owner is the name of the key.
func (s *Signature) owner() dns.Name {
	selector := s.Selector
	if name, err := dns.ParseDomain(selector); err == nil {
		selector = string(name)
	}
	return s.Domain.Child(strings.ToLower(selector) + "._domainkey")
}
