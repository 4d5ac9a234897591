package message

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postseal/postseal/dns"
)

// maxVerified is how many signatures of a message are verified (RFC 6376 §6.1
// lets verifiers limit them): the rest are counted.
const maxVerified = 10

// clockSkew is how far t= may lie ahead of the receiver's clock, in seconds.
const clockSkew = 5 * 60

// gatherSignatures reads and verifies every DKIM-Signature, topmost first.
//
// Two verifiers judge: this package's own, which can say what is wrong and what
// would mend it, and go-msgauth. A pass needs both, except where go-msgauth
// gives up before it comes to the hashes (see second).
func (f *Facts) gatherSignatures(ctx context.Context, r dns.Resolver) {
	f.Signatures = []*Signature{}
	bodies := &bodyCache{body: f.Message.Body}
	var verify []*Signature
	var owners []dns.Name
	for n, field := range f.Message.all("dkim-signature") {
		if n >= maxVerified {
			l := parseTags(f.Message.Fields[field].Value)
			s := &Signature{Field: field, Result: "neutral", Reason: reasonNotVerified, list: l, Faults: l.faults, Headers: []string{}, WouldPass: []Hint{}}
			s.signer()
			s.Faults = []Fault{}
			s.Time, s.Expires, s.Limit = -1, -1, -1
			f.Signatures = append(f.Signatures, s)
			continue
		}
		s := parseSignature(f.Message, field)
		at := f.receivedAt().Unix()
		s.Expired, s.Ahead = s.Expires >= 0 && at > s.Expires, s.Time > at+clockSkew
		if s.Limit >= 0 {
			canonical := bodies.get(s.body)
			s.BodyLength = len(canonical)
			s.Unsigned = len(bytes.TrimRight(canonical[min(s.Limit, int64(len(canonical))):], fws))
		}
		f.Signatures = append(f.Signatures, s)
		verify = append(verify, s)
		if len(s.Faults) == 0 {
			owners = append(owners, s.owner())
		}
	}
	ring := newKeyring(r)
	ring.prefetch(ctx, owners)
	for _, s := range verify {
		if len(s.Faults) > 0 {
			s.Result, s.Reason = "permerror", s.Faults[0].Code
			continue
		}
		s.Key = ring.get(ctx, s.owner())
		s.keyTrouble()
		switch {
		case s.Reason != "":
		case s.Key.Strict && s.identityDomain() != s.Domain: // §3.6.1
			s.Result, s.Reason = "permerror", reasonKeyIdentity
		case !s.verify(f.Message, bodies):
			s.diagnose(f.Message, bodies)
		}
	}
	secondOpinion(f.Message, verify)
	for _, s := range verify {
		switch {
		case s.Result != "pass":
		case s.Second == "fail" && !misread(f.Message, s):
			s.Result, s.Reason = "fail", reasonSecondOpinion
		case s.Limit > int64(s.BodyLength):
			// RFC 6376 §3.5: l= is never more than there is. OpenDKIM refuses it, too.
			s.list.add(reasonSyntax, "limit", "l", &s.list.get("l").span)
			s.Faults = s.list.faults
			s.Result, s.Reason = "permerror", reasonSyntax
		case s.Expired:
			s.Result, s.Reason = "permerror", reasonExpired // §6.1.1
		}
	}
}

// receivedAt is when the message came in: what is judged by the clock is judged
// by that time, or every message in a drawer would be expired.
func (f *Facts) receivedAt() time.Time {
	if !f.Delivery.ReceivedAt.IsZero() {
		return f.Delivery.ReceivedAt
	}
	return f.Options.Now()
}

// bodyCache keeps the canonical forms of a body: signatures share them.
type bodyCache struct {
	body []byte
	mode map[string][]byte
}

func (c *bodyCache) get(mode string) []byte {
	if _, ok := c.mode[mode]; !ok {
		if c.mode == nil {
			c.mode = map[string][]byte{}
		}
		c.mode[mode] = canonicalBody(c.body, mode)
	}
	return c.mode[mode]
}

// verify takes the steps of RFC 6376 §6.1.3: the hash of the body, then the
// signature. ARC-Message-Signatures take them as well (RFC 8617 §4.1.2).
func (s *Signature) verify(m *Message, bodies *bodyCache) bool {
	canonical := bodies.get(s.body)
	sum := bodyHash(canonical, s.Limit)
	s.BodyHash, s.BodyLength = base64.StdEncoding.EncodeToString(sum[:]), len(canonical)
	switch {
	case !bytes.Equal(sum[:], s.bh):
		s.Result, s.Reason = "fail", reasonBodyHash
	case !s.Key.verifies(hashParts(signedParts(m, s.fields, s.Field, s.header)), s.b):
		s.Result, s.Reason = "fail", reasonSignature
	default:
		s.Result = "pass"
	}
	return s.Result == "pass"
}

// diagnose looks for what happened to the message.
func (s *Signature) diagnose(m *Message, bodies *bodyCache) {
	if s.Reason == reasonBodyHash {
		s.WouldPass = bodyHints(m.Body, s, bodies)
		return
	}
	s.headerHints(m, signedParts(m, s.fields, s.Field, s.header))
}

// keyTrouble says why there is no key to verify with (§6.1.2).
func (s *Signature) keyTrouble() {
	switch k := s.Key; {
	case k.Lookup.Unknown() && k.Lookup.Error.Kind != dns.Loop && k.Lookup.Error.Kind != dns.BadName:
		s.Result, s.Reason = "temperror", reasonKeyFailed
	case k.Record == "":
		s.Result, s.Reason = "permerror", reasonKeyMissing
	case k.public == nil, !k.fits(s.Algo):
		s.Result, s.Reason = "permerror", reasonKeyUnusable
	}
}

// secondOpinion asks go-msgauth. It gets the keys that were found, so that it
// judges the message and nothing else.
func secondOpinion(m *Message, list []*Signature) {
	keys := map[string]string{}
	for _, s := range list {
		if s.Key != nil && s.Key.public != nil {
			keys[strings.ToLower(withoutSpace(s.list.value("s"))+"._domainkey."+withoutSpace(s.list.value("d")))] = s.Key.plain()
		}
	}
	if len(keys) == 0 {
		return
	}
	var readers []io.Reader
	for i := range m.Fields {
		readers = append(readers, bytes.NewReader(m.Fields[i].Raw))
	}
	readers = append(readers, strings.NewReader("\r\n"), bytes.NewReader(m.Body))
	verdicts, err := msgauth.VerifyWithOptions(io.MultiReader(readers...), &msgauth.VerifyOptions{
		MaxVerifications: maxVerified,
		LookupTXT: func(name string) ([]string, error) {
			if text, ok := keys[strings.ToLower(name)]; ok {
				return []string{text}, nil
			}
			return nil, errors.New("not asked")
		},
	})
	if err != nil && !errors.Is(err, msgauth.ErrTooManySignatures) || len(verdicts) != len(list) {
		return
	}
	for i, v := range verdicts {
		switch s := list[i]; {
		case s.Key == nil || s.Key.public == nil:
		case v.Err == nil:
			s.Second = "pass"
		case msgauth.IsPermFail(v.Err):
			s.Second = "permerror"
		case msgauth.IsTempFail(v.Err):
			s.Second = "temperror"
		default:
			s.Second = "fail"
		}
	}
}

// misread tells where a failure of go-msgauth v0.7.0 is no statement about the
// signature: it fails every signature with l=, it takes out whatever follows a
// "b=" in any tag of the field, and it makes line ends of a CR or LF alone.
func misread(m *Message, s *Signature) bool {
	return s.Limit >= 0 || strayB(m.Fields[s.Field].Raw) || bareLineEnd(m.Raw)
}

// strayB tells whether "b=" stands in the field elsewhere than as the tag.
func strayB(raw []byte) bool {
	colon := bytes.IndexByte(raw, ':')
	for i := colon + 1; colon >= 0 && i < len(raw); i++ {
		if raw[i] != 'b' {
			continue
		}
		rest := bytes.TrimLeft(raw[i+1:], fws)
		if len(rest) < 2 || rest[0] != '=' || rest[1] == ';' {
			continue
		}
		before := bytes.TrimRight(raw[:i], fws)
		if n := len(before); before[n-1] != ';' && n-1 != colon {
			return true
		}
	}
	return false
}

func bareLineEnd(raw []byte) bool {
	pairs := bytes.Count(raw, []byte("\r\n"))
	return bytes.Count(raw, []byte("\r")) != pairs || bytes.Count(raw, []byte("\n")) != pairs
}
