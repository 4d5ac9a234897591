package dkim

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Verdict is how a private key relates to what DNS publishes.
type Verdict string

// The verdicts. Only Matched is good news; MatchUnknown is none at all.
const (
	Matched      Verdict = "match"
	Mismatched   Verdict = "mismatch"      // a key is published, and it is another one
	MatchRevoked Verdict = "revoked"       // the record says that its key is withdrawn
	NotPublished Verdict = "not-published" // nothing stands at the selector
	Malformed    Verdict = "malformed"     // a record stands there from which verifiers get no key
	MatchUnknown Verdict = "unknown"       // could not be told
)

// How the selector of a key was come by.
const (
	SelectorNamed  = "named"  // by the user
	SelectorFile   = "file"   // from the name of the key file
	SelectorSearch = "search" // the key was found at it
)

// Match is one key file and what became of it.
type Match struct {
	File        string  `json:"file"`
	KeyType     string  `json:"key_type"`    // "rsa2048", "ed25519", …; "" where no key was read
	Fingerprint string  `json:"fingerprint"` // SHA-256 of the public half, "" where no key was read
	OpenToAll   bool    `json:"open_to_all"` // every user of this machine can read the file
	Verdict     Verdict `json:"verdict"`

	Selector   string   `json:"selector"` // "" unknown
	SelectorBy string   `json:"selector_by"`
	Name       dns.Name `json:"name"`  // where verifiers look, "" unknown
	CNAME      dns.Name `json:"cname"` // where the selector is an alias
	Published  string   `json:"published_fingerprint"`
	Record     string   `json:"published_record"`
	Testing    bool     `json:"testing"` // the record has t=y
	Several    bool     `json:"several"` // malformed, because several records stand there
	Weak       bool     `json:"weak"`    // the key is published as it should be, and verifiers refuse it

	Cause      *check.Cause `json:"-"`          // of MatchUnknown
	Signatures []Signed     `json:"signatures"` // of the message, those made for the domain
	Message    Verdict      `json:"message"`    // "" where no message was given
}

// Signed is one signature of a message and whether the key made it.
type Signed struct {
	Selector string `json:"selector"`
	// Result is "match"; "mismatch" for another key's signature, or a header
	// changed on the way, which look the same; "unknown" where the body was
	// changed or the signature cannot be checked, which tells nothing of the key.
	Result Verdict `json:"result"`
	Detail string  `json:"detail"` // why not, in the verifier's words
}

// LookAt asks for one selector and reads what stands there.
func LookAt(ctx context.Context, r dns.Resolver, domain dns.Name, selector string) *Selector {
	node := domain.Child("_domainkey")
	s := &Selector{Name: selector, FoundBy: ByNamed, Lookup: ask(ctx, r, node.Child(selector), dns.TypeTXT)}
	if a := s.Lookup.Answer; a != nil && len(a.Chain) > 0 {
		s.CNAME = a.Owner()
	}
	s.read()
	return s
}

// Matcher holds keys to the records of a domain. It looks each selector up once,
// and searches the domain once at most.
type Matcher struct {
	Resolver dns.Resolver
	Domain   dns.Name
	Selector string // named by the user, "" for none
	Message  []byte // of which the signatures are held to the keys; nil for none

	seen  map[string]*Selector
	once  sync.Once
	found *Facts
	err   error
}

// Match holds one key to its record. The error is that of a cancelled context.
func (m *Matcher) Match(ctx context.Context, f KeyFile) (*Match, error) {
	out := &Match{File: f.Path, OpenToAll: f.openToAll(), Verdict: MatchUnknown, Signatures: []Signed{}}
	if f.Key == nil {
		out.unknown(f.Err)
		return out, nil
	}
	out.KeyType, out.Fingerprint = f.Key.Type, f.Key.fingerprint()
	if m.Message != nil {
		out.Signatures, out.Message = m.signatures(f.Key)
	}
	out.Selector, out.SelectorBy = m.Selector, SelectorNamed
	if out.Selector == "" {
		out.Selector, _ = SelectorOf(f.Path, m.Domain)
		out.SelectorBy = SelectorFile
	}
	if out.Selector == "" {
		out.SelectorBy = ""
		return out, m.search(ctx, out, f.Key)
	}
	if m.seen == nil {
		m.seen = map[string]*Selector{}
	}
	s := m.seen[out.Selector]
	if s == nil {
		s = LookAt(ctx, m.Resolver, m.Domain, out.Selector)
		m.seen[out.Selector] = s
	}
	out.judge(s, f.Key)
	if out.SelectorBy == SelectorFile && (out.Verdict == NotPublished || out.Verdict == Mismatched) && looseName(f.Path, m.Domain) {
		elsewhere := *out
		if err := m.search(ctx, &elsewhere, f.Key); err != nil {
			return out, err
		}
		if elsewhere.Verdict == Matched {
			*out = elsewhere
		}
	}
	return out, ctx.Err()
}

// looseName tells whether a selector read from the file's name may be no
// selector: "rsa.private" is named by a habit of opendkim-genkey's, or by
// somebody who named a key.
func looseName(path string, domain dns.Name) bool {
	return !strings.HasPrefix(strings.ToLower(filepath.Base(path)), domain.String()+".")
}

// unknown keeps why nothing could be told.
func (m *Match) unknown(err error) {
	m.Verdict = MatchUnknown
	c := check.CauseOf(err)
	m.Cause = &c
}

// judge holds the key to what stands at a selector.
func (m *Match) judge(s *Selector, key *PrivateKey) {
	m.Name, m.CNAME, m.Record, m.Published, m.Testing = s.Owner(), s.CNAME, s.Record, s.Fingerprint, s.Testing
	switch s.Status {
	case StatusFound:
		m.Verdict = Mismatched
		if s.key != nil && key.Matches(s.key) {
			m.Verdict, m.Weak = Matched, !s.Usable
		}
	case StatusRevoked:
		m.Verdict = MatchRevoked
	case StatusMissing:
		m.Verdict = NotPublished
	case StatusSeveral, StatusMalformed:
		m.Verdict, m.Several = Malformed, s.Status == StatusSeveral
	default:
		m.unknown(s.Lookup.Error)
	}
}

// search looks for the key at the selectors that can be guessed. That it is at
// none of them tells nothing, because selectors cannot be listed, unless DNS
// proves that there is none.
func (m *Matcher) search(ctx context.Context, out *Match, key *PrivateKey) error {
	m.once.Do(func() { m.found, m.err = Gather(ctx, m.Resolver, m.Domain, Options{}) })
	if m.err != nil {
		return m.err
	}
	for _, s := range m.found.Selectors {
		if s.Status == StatusFound && s.key != nil && key.Matches(s.key) {
			out.Selector, out.SelectorBy = s.Name, SelectorSearch
			out.judge(s, key)
			return nil
		}
	}
	if m.found.Node == NodeMissing {
		out.Verdict = NotPublished
		return nil
	}
	out.unknown(check.Cause{Code: "key-selector", Params: check.Params{"Domain": m.Domain.String(), "Tried": len(m.found.Tried)}})
	return nil
}

const (
	maxSignatures     = 20       // of one message are held to a key: each costs a verification
	maxSignatureField = 64 << 10 // octets of a field in which d= and s= are looked for
)

// signatures has a verifier check the message with the public half of the key
// in the place of what DNS has.
func (m *Matcher) signatures(key *PrivateKey) (list []Signed, verdict Verdict) {
	list = []Signed{}
	record := key.Record(RecordOptions{})
	results, err := msgauth.VerifyWithOptions(bytes.NewReader(m.Message), &msgauth.VerifyOptions{
		LookupTXT:        func(string) ([]string, error) { return []string{record}, nil },
		MaxVerifications: maxSignatures,
	})
	fields := signatureFields(m.Message)
	if err != nil && !errors.Is(err, msgauth.ErrTooManySignatures) {
		return append(list, Signed{Result: MatchUnknown, Detail: plainDetail(err)}), MatchUnknown
	}
	verdict = NotPublished // no signature of the domain
	for i, r := range results {
		if i >= len(fields) || dns.FromText(fields[i].domain) != m.Domain {
			continue
		}
		s := Signed{Selector: fields[i].selector, Result: Matched}
		if r.Err != nil {
			s.Detail = plainDetail(r.Err)
			s.Result = MatchUnknown
			// Only these two are about the key; what else fails, fails before it is tried.
			if strings.HasPrefix(s.Detail, "signature did not verify") || s.Detail == "inappropriate key algorithm" {
				s.Result = Mismatched
			}
		}
		list = append(list, s)
		switch {
		case s.Result == Matched || verdict == Matched:
			verdict = Matched
		case s.Result == MatchUnknown || verdict == MatchUnknown:
			verdict = MatchUnknown
		default:
			verdict = Mismatched
		}
	}
	return list, verdict
}

func plainDetail(err error) string { return strings.TrimPrefix(err.Error(), "dkim: ") }

type signatureField struct{ domain, selector string }

// signatureFields reads d= and s= of each DKIM-Signature, in the order of the
// header, which is that of the verifier's results.
func signatureFields(message []byte) (list []signatureField) {
	var field string
	end := func() {
		name, value, ok := strings.Cut(field, ":")
		if ok && strings.EqualFold(strings.TrimSpace(name), "DKIM-Signature") {
			var f signatureField
			src := newSource(value)
			for _, e := range elements(src) {
				text := strings.Join(strings.Fields(e.value(src)), "")
				switch e.name(src) {
				case "d":
					f.domain = text
				case "s":
					f.selector = text
				}
			}
			list = append(list, f)
		}
	}
	for line := range bytes.Lines(message) {
		text := strings.TrimRight(string(line), "\r\n")
		switch {
		case text == "":
			end()
			return list
		case (text[0] == ' ' || text[0] == '\t') && field != "":
			if len(field) < maxSignatureField {
				field += "\r\n" + text
			}
		default:
			end()
			field = text
		}
	}
	end()
	return list
}
