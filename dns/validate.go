package dns

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"
)

// Flaw is why signatures or proofs do not validate (RFC 4035 §5).
type Flaw string

// The flaws of a bogus answer.
const (
	FlawExpired     Flaw = "signature-expired"
	FlawNotYetValid Flaw = "signature-not-yet-valid"
	FlawUnsigned    Flaw = "signature-missing" // in a zone that its parent calls signed
	FlawSignature   Flaw = "signature-wrong"
	FlawDS          Flaw = "ds-mismatch" // no key of the zone is one that its parent vouches for
	FlawNoKeys      Flaw = "keys-missing"
	FlawDenial      Flaw = "denial-broken" // the records do not prove what is denied
	FlawWork        Flaw = "too-much-work" // more of it than an honest zone asks for
)

// security is what validation says of a zone or an answer that is not bogus
// (RFC 4033 §5), worst first.
type security int

const (
	indeterminate security = iota // no usable trust anchor above it
	insecure                      // proven to lie below the signed part of the tree
	secure
)

// validator asks with checking disabled, validates every answer from a trust
// anchor down (RFC 4035 §5) and sets AD by its own finding. A bogus answer is
// Kind ServFail, as users of validating resolvers see it, with its Flaw.
//
// Of each zone, DS and DNSKEY are asked once and kept. What a stranger can make
// us do is bounded: see budget.
type validator struct {
	c       *Client
	anchors map[Name]*Anchor
	now     func() time.Time

	// Questions and packets beyond those that were asked for. The next outcome
	// takes them over, so that a recording has them all.
	questions, packets atomic.Int64
	asked              atomic.Int64 // all such questions of the run

	zones flights[*cut]
	keys  flights[[]*mdns.DNSKEY]
}

func newValidator(c *Client, anchors []Anchor, now func() time.Time) *validator {
	v := &validator{c: c, anchors: map[Name]*Anchor{}, now: now}
	if v.now == nil {
		v.now = time.Now
	}
	if anchors == nil {
		anchors = builtInAnchors()
	}
	for i := range anchors {
		v.anchors[anchors[i].Zone] = &anchors[i]
	}
	return v
}

// budget bounds the work for one message: enough for anything honest, too
// little for key tags that collide on purpose (CVE-2023-50387) or for hashes
// without end (CVE-2023-50868).
type budget struct {
	signatures int // signatures verified
	hashes     int // names hashed for NSEC3
}

const (
	maxSignatures = 40
	maxHashes     = 300 // the longest name has 127 labels; each is hashed once or twice
	maxSigned     = 24  // signed sets looked at in one message
	maxSigners    = 4   // signers tried for one set
	maxWalk       = 40  // labels walked down from an anchor; ip6.arpa needs 34
)

func newBudget() *budget { return &budget{signatures: maxSignatures, hashes: maxHashes} }

// Resolve asks and validates. With checking disabled it only asks.
func (v *validator) Resolve(ctx context.Context, name Name, qtype Type) (Answer, error) {
	if checkingDisabled(ctx) {
		return v.c.Resolve(ctx, name, qtype)
	}
	a, err := Follow(ctx, name, qtype, func(n Name) (Step, error) {
		s, err := v.c.question(ctx, query{name: n, qtype: qtype, recurse: true, cd: true, do: true, raw: true})
		if err != nil {
			return s, err
		}
		sec, e := v.judge(ctx, n, qtype, &s)
		s.msg = nil
		if e != nil {
			bogus := *e
			bogus.Server, bogus.Packets = s.Server, s.packets
			return s, &bogus
		}
		s.Secure, s.Trusted = sec == secure, sec != indeterminate
		return s, nil
	})
	if err != nil {
		e := *AsError(err, name, qtype)
		e.Questions, e.Packets = v.claim(e.Packets)
		return a, &e
	}
	a.Validated = true
	a.Questions, a.Packets = v.claim(a.Packets)
	return a, nil
}

// claim takes over what validation has asked since.
func (v *validator) claim(packets int) (questions, all int) {
	return int(v.questions.Swap(0)), packets + int(v.packets.Swap(0))
}

// fetch asks for the records of a zone that validation needs.
func (v *validator) fetch(ctx context.Context, name Name, qtype Type) (Step, *Error) {
	v.questions.Add(1)
	v.asked.Add(1)
	s, err := v.c.question(ctx, query{name: name, qtype: qtype, recurse: true, cd: true, do: true, raw: true})
	if err != nil {
		e := *AsError(err, name, qtype)
		v.packets.Add(int64(e.Packets))
		e.Packets = 0
		return s, &e
	}
	v.packets.Add(int64(s.packets))
	return s, nil
}

// judge tells how secure a step of an answer is: its weakest part counts.
func (v *validator) judge(ctx context.Context, name Name, qtype Type, s *Step) (security, *Error) {
	if s.msg.IsEdns0() == nil {
		return indeterminate, nil // without EDNS there are no signatures to ask for (RFC 3225)
	}
	b := newBudget()
	answer := collect(s.msg.Answer)
	sec, owner := secure, name
	for range maxChain + 1 {
		c := cnameAt(s.msg.Answer, owner)
		if c == nil || qtype == TypeCNAME {
			break
		}
		target := nameOf(c.Target)
		// A DNAME is signed, the CNAME made from it is not (RFC 6672 §5.3.1).
		set := dnameTo(answer, owner, target)
		if set == nil {
			set = find(answer, owner, mdns.TypeCNAME)
		}
		hop, e := v.judgeAnswer(ctx, b, s, set)
		if e != nil {
			return 0, e
		}
		sec, owner = min(sec, hop), target
	}
	switch {
	case s.Target != "":
		return sec, nil // the rest is asked for next
	case s.Status == Found:
		end, e := v.judgeAnswer(ctx, b, s, find(answer, owner, uint16(qtype)))
		return min(sec, end), e
	}
	d, e := v.judgeDenial(ctx, b, s.msg, owner, qtype)
	if e != nil {
		return 0, e
	}
	if d.sec == secure {
		s.Status = d.status // RFC 9824 §3.1: NOERROR may prove that there is no such name
	}
	return min(sec, d.sec), nil
}

// judgeAnswer tells how secure a set of the answer section is, expanded from a
// wildcard or not.
func (v *validator) judgeAnswer(ctx context.Context, b *budget, s *Step, set *signedSet) (security, *Error) {
	if set == nil {
		return 0, flawed(FlawUnsigned, Root, 0, "the answer cannot be taken apart")
	}
	sec, sig, e := v.judgeSet(ctx, b, set)
	if e != nil || sec != secure {
		return sec, e
	}
	left := time.Duration(sig.Expiration-uint32(v.now().Unix())) * time.Second
	// RFC 4035 §5.3.3: neither longer than signed for nor beyond the signature.
	s.TTL = min(s.TTL, left, time.Duration(sig.OrigTtl)*time.Second)
	if int(sig.Labels) < labelsOf(set.owner) {
		return v.judgeExpansion(ctx, b, s.msg, set.owner, nameOf(sig.SignerName), int(sig.Labels))
	}
	return secure, nil
}

// judgeSet tells how secure an RRset is, and which signature says so.
func (v *validator) judgeSet(ctx context.Context, b *budget, set *signedSet) (security, *mdns.RRSIG, *Error) {
	var worst *Error
	for _, signer := range set.signers() {
		z, e := v.cutAt(ctx, signer)
		switch {
		case e != nil:
			return 0, nil, e
		case z.sec != secure:
			return z.sec, nil, nil
		case z.apex != signer:
			continue // no zone begins there
		}
		sig, e := v.verify(ctx, b, set, z)
		if e == nil {
			return secure, sig, nil
		}
		worst = e
	}
	if worst != nil {
		return 0, nil, worst
	}
	z, e := v.walk(ctx, set.below())
	if e != nil || z.sec != secure {
		return secOf(z), nil, e
	}
	return 0, nil, flawed(FlawUnsigned, set.owner, Type(set.rrtype), "the zone "+z.apex.FQDN()+" is signed")
}

func secOf(z *cut) security {
	if z == nil {
		return indeterminate
	}
	return z.sec
}

// flawed is the error of a bogus answer.
func flawed(f Flaw, owner Name, rrtype Type, detail string) *Error {
	e := &Error{Name: owner, Type: rrtype, Kind: ServFail, Flaw: f}
	e.Detail = "bogus: " + string(f)
	if rrtype != 0 {
		e.Detail += " at " + owner.FQDN() + " " + rrtype.String()
	}
	if detail != "" {
		e.Detail += ", " + detail
	}
	return e
}

// flights keeps what was found under a name, and lets one find it for all.
type flights[T any] struct {
	mu sync.Mutex
	m  map[Name]*flight[T]
}

type flight[T any] struct {
	done  chan struct{}
	value T
	err   *Error
	until time.Time
}

// maxKept bounds what is kept of the zones of a long run.
const maxKept = 1 << 16

// do gives the value kept under a name, or finds it: look says how long it may
// be kept. What was cancelled is not kept.
func (f *flights[T]) do(ctx context.Context, now func() time.Time, name Name, look func() (T, time.Duration, *Error)) (T, *Error) {
	for {
		f.mu.Lock()
		have := f.m[name]
		if have != nil && !have.until.IsZero() && now().After(have.until) {
			have = nil
		}
		if have == nil {
			mine := &flight[T]{done: make(chan struct{})}
			if f.m == nil || len(f.m) >= maxKept {
				f.m = map[Name]*flight[T]{}
			}
			f.m[name] = mine
			f.mu.Unlock()
			return f.fly(mine, now, name, look)
		}
		f.mu.Unlock()
		select {
		case <-have.done:
		case <-ctx.Done():
			return have.value, netError(ctx.Err())
		}
		if have.err == nil || have.err.Kind != Cancelled || ctx.Err() != nil {
			return have.value, have.err
		}
		// He who looked has left; look again.
	}
}

func (f *flights[T]) fly(mine *flight[T], now func() time.Time, name Name, look func() (T, time.Duration, *Error)) (T, *Error) {
	value, keep, err := look()
	if err != nil {
		keep = failureTTL
	}
	f.mu.Lock()
	mine.value, mine.err = value, err
	mine.until = now().Add(min(max(keep, minTTL), maxTTL))
	if err != nil && err.Kind == Cancelled && f.m[name] == mine {
		delete(f.m, name)
	}
	f.mu.Unlock()
	close(mine.done)
	return value, err
}
