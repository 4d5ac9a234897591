package message

import (
	"context"
	"crypto/sha256"
	"hash"
	"slices"
	"strconv"
	"strings"

	"github.com/postseal/postseal/dns"
)

// MaxInstances is the longest chain that can be valid (RFC 8617 §4.2.1).
const MaxInstances = 50

// maxARCFields is how many ARC fields are read: a chain has three a set.
const maxARCFields = 3 * MaxInstances

// The kinds of field in a set.
const (
	aar  = "arc-authentication-results"
	ams  = "arc-message-signature"
	seal = "arc-seal"
)

var arcNames = map[string]string{aar: "ARC-Authentication-Results", ams: "ARC-Message-Signature", seal: "ARC-Seal"}

// ARC is the chain of the message.
type ARC struct {
	Result string     `json:"result"` // pass, fail (RFC 8617 §4.4), temperror
	Reason string     `json:"reason"` // the first step that failed: structure, seal-h, cv-fail, message-signature, seal; "" for pass
	At     int        `json:"at"`     // the instance of Reason; 0 for the whole chain
	Sets   []*ARCSet  `json:"sets"`   // by instance
	Faults []ARCFault `json:"faults"` // of the structure
	Oldest int        `json:"oldest"` // from this instance on every ARC-Message-Signature verifies; 0 where none does

	fields int // with ARC names, read or not
}

// ARCSet is what one intermediary added.
type ARCSet struct {
	Instance  int        `json:"instance"`
	Results   string     `json:"results"`           // ARC-Authentication-Results, after its instance
	CV        string     `json:"cv"`                // of the seal, as written
	Signature *Signature `json:"message_signature"` // nil where there is none; Result is "" where it was not verified
	Seal      *Signature `json:"seal"`

	fields map[string]int // by name; the first of that name
}

// ARCFault is a fault of the structure (RFC 8617 §5.2 step 3).
type ARCFault struct {
	Code     string `json:"code"`     // instance, duplicate, missing, gap, limit, cv-first, cv-none, cv, seal-h
	Instance int    `json:"instance"` // 0 where there is none
	Field    string `json:"field"`    // the name of the field, "" where none is meant
	Text     string `json:"text"`
}

// gatherARC validates the chain (RFC 8617 §5.2).
func (f *Facts) gatherARC(ctx context.Context, r dns.Resolver) {
	c := collectARC(f.Message)
	if c == nil {
		return
	}
	f.ARC = c
	c.structure()
	newest := c.newest()
	switch {
	case len(c.Faults) > 0:
		c.fail("structure", c.Faults[0].Instance)
		if !slices.ContainsFunc(c.Faults, func(f ARCFault) bool { return f.Code != "seal-h" }) {
			c.Reason = "seal-h"
		}
		return
	case strings.EqualFold(newest.CV, "fail"):
		c.fail("cv-fail", newest.Instance)
		return
	}
	ring := newKeyring(r)
	var owners []dns.Name
	for _, s := range c.Sets {
		for _, sig := range []*Signature{s.Signature, s.Seal} {
			if len(sig.Faults) == 0 {
				owners = append(owners, sig.owner())
			}
		}
	}
	ring.prefetch(ctx, owners)
	bodies := &bodyCache{body: f.Message.Body}
	c.Result = "pass"
	// Only the newest has to verify; older ones, down to the first that fails,
	// tell since when the message is as it is.
	unbroken := true
	for _, s := range slices.Backward(c.Sets) {
		if !unbroken || newest.Instance-s.Instance >= maxVerified {
			break
		}
		s.Signature.prepare(ctx, ring)
		if s.Signature.Reason == "" {
			s.Signature.verify(f.Message, bodies)
		}
		if unbroken = s.Signature.Result == "pass"; unbroken {
			c.Oldest = s.Instance
		}
		if s == newest {
			c.step("message-signature", s.Instance, s.Signature)
		}
	}
	digests := c.sealDigests(f.Message)
	for n, s := range slices.Backward(c.Sets) {
		s.Seal.prepare(ctx, ring)
		if s.Seal.Reason == "" {
			s.Seal.Result = "pass"
			if !s.Seal.Key.verifies(digests[n], s.Seal.b) {
				s.Seal.Result, s.Seal.Reason = "fail", reasonSignature
			}
		}
		c.step("seal", s.Instance, s.Seal)
	}
}

func (c *ARC) fail(reason string, at int) { c.Result, c.Reason, c.At = "fail", reason, at }

// step takes the result of one signature that the chain rests on. A failure
// outdoes what could not be looked up.
func (c *ARC) step(reason string, at int, s *Signature) {
	switch {
	case s.Result == "pass":
	case s.Result == "temperror":
		if c.Result == "pass" {
			c.Result, c.Reason, c.At = "temperror", reason, at
		}
	case c.Result != "fail":
		c.fail(reason, at)
	}
}

func (c *ARC) newest() *ARCSet {
	if len(c.Sets) == 0 {
		return &ARCSet{}
	}
	return c.Sets[len(c.Sets)-1]
}

// prepare gets the key of a well-written signature.
func (s *Signature) prepare(ctx context.Context, ring *keyring) {
	if len(s.Faults) > 0 {
		s.Result, s.Reason = "permerror", s.Faults[0].Code
		return
	}
	s.Key = ring.get(ctx, s.owner())
	s.keyTrouble()
}

// collectARC sorts the fields into sets; nil where there is none.
func collectARC(m *Message) *ARC {
	c := &ARC{Sets: []*ARCSet{}, Faults: []ARCFault{}}
	by := map[int]*ARCSet{}
	for i := range m.Fields {
		f := &m.Fields[i]
		name, ok := arcNames[f.Key]
		if !ok {
			continue
		}
		if c.fields++; c.fields > maxARCFields {
			continue
		}
		var list *tagList
		text := f.Value
		if f.Key == aar {
			text, _, _ = strings.Cut(text, ";")
			list = parseTags(text)
		} else {
			list = parseTags(text)
		}
		instance, err := strconv.Atoi(list.value("i"))
		switch {
		case err != nil || instance < 1 || strings.Trim(list.value("i"), "0123456789") != "":
			c.fault("instance", 0, name, list.value("i"))
			continue
		case instance > MaxInstances:
			c.fault("limit", instance, name, "")
			continue
		}
		set := by[instance]
		if set == nil {
			set = &ARCSet{Instance: instance, fields: map[string]int{}}
			by[instance] = set
			c.Sets = append(c.Sets, set)
		}
		if _, have := set.fields[f.Key]; have {
			c.fault("duplicate", instance, name, "")
			continue
		}
		set.fields[f.Key] = i
		switch f.Key {
		case aar:
			_, rest, _ := strings.Cut(f.Value, ";")
			set.Results = strings.Trim(rest, fws)
		case ams:
			set.Signature = parseAMS(m, i, list)
		case seal:
			set.Seal, set.CV = parseSeal(i, list), list.value("cv")
		}
	}
	if c.fields == 0 {
		return nil
	}
	if c.fields > maxARCFields {
		c.fault("limit", 0, "", strconv.Itoa(c.fields))
	}
	slices.SortFunc(c.Sets, func(a, b *ARCSet) int { return a.Instance - b.Instance })
	return c
}

func (c *ARC) fault(code string, instance int, field, text string) {
	c.Faults = append(c.Faults, ARCFault{code, instance, field, text})
}

// parseAMS reads an ARC-Message-Signature: the tags of a DKIM-Signature, without
// a version and with the instance in i= (RFC 8617 §4.1.2).
func parseAMS(m *Message, field int, l *tagList) *Signature {
	s := &Signature{Field: field, WouldPass: []Hint{}, list: l}
	s.missing([]string{"a", "b", "bh", "d", "h", "s"})
	s.common(m)
	if t := l.get("h"); t != nil && slices.ContainsFunc(s.Headers, func(h string) bool { return strings.EqualFold(h, seal) }) {
		l.add(reasonSyntax, "seal", "h", &t.span)
	}
	s.Faults = l.faults
	return s
}

// parseSeal reads an ARC-Seal: it has neither h= nor c= (RFC 8617 §4.1.3).
func parseSeal(field int, l *tagList) *Signature {
	s := &Signature{Field: field, WouldPass: []Hint{}, Headers: []string{}, Expires: -1, Limit: -1, list: l}
	s.missing([]string{"a", "b", "cv", "d", "s"})
	s.signer()
	s.Time = l.number("t")
	s.Faults = l.faults
	return s
}

// structure holds the sets to RFC 8617 §5.2 steps 1 to 3.
func (c *ARC) structure() {
	last := 0
	for _, s := range c.Sets {
		if s.Instance != last+1 {
			c.fault("gap", last+1, "", "")
		}
		last = s.Instance
		for _, key := range []string{aar, ams, seal} {
			if _, ok := s.fields[key]; !ok {
				c.fault("missing", s.Instance, arcNames[key], "")
			}
		}
		if s.Seal == nil {
			continue
		}
		cv := strings.ToLower(s.CV)
		switch {
		case s.Seal.list.get("h") != nil:
			c.fault("seal-h", s.Instance, arcNames[seal], s.Seal.list.value("h"))
		case s.Seal.list.get("cv") == nil:
			// a missing tag like any other
		case cv != "none" && cv != "pass" && cv != "fail":
			c.fault("cv", s.Instance, arcNames[seal], s.CV)
		case s.Instance == 1 && cv != "none":
			c.fault("cv-first", 1, arcNames[seal], s.CV)
		case s.Instance > 1 && cv == "none":
			c.fault("cv-none", s.Instance, arcNames[seal], s.CV)
		case s != c.newest() && cv == "fail": // §5.1.2: nobody seals above a failed chain
			c.fault("cv", s.Instance, arcNames[seal], s.CV)
		}
	}
}

// sealDigests are what the seals sign: each its set and all below it, in the
// order of RFC 8617 §5.1.1, relaxed. One pass makes all of them: a chain of
// large fields must not cost fifty.
func (c *ARC) sealDigests(m *Message) [][sha256.Size]byte {
	digests := make([][sha256.Size]byte, len(c.Sets))
	h := sha256.New()
	for n, s := range c.Sets {
		for _, key := range []string{aar, ams} {
			if i, ok := s.fields[key]; ok {
				h.Write(canonicalField(m.Fields[i].Raw, relaxed))
			}
		}
		i, ok := s.fields[seal]
		if !ok {
			continue
		}
		own, err := h.(hash.Cloner).Clone()
		if err != nil {
			panic(err) // the hash is the standard library's
		}
		own.Write(signatureItself(m.Fields[i].Raw, relaxed))
		digests[n] = [sha256.Size]byte(own.Sum(nil))
		h.Write(canonicalField(m.Fields[i].Raw, relaxed))
	}
	return digests
}
