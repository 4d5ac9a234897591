package dns

import (
	"context"
	"math"
	"strings"
	"time"
)

// maxChain bounds CNAME chains: eight hops, as unbound and BIND follow about
// as many; the standards name no number.
const maxChain = 8

// Overlay answers names at or under the origin of a zone from that zone (the
// longest origin wins) and everything else through next. A CNAME that leads
// out of a zone goes on through next, one that leads into a zone goes on
// there. A nil next means that nothing else can be asked: Kind Offline.
func Overlay(zones []*Zone, next Resolver) Resolver {
	o := &overlay{zones: map[Name]*Zone{}, next: next}
	for _, z := range zones {
		o.zones[z.Origin] = z
	}
	return o
}

type overlay struct {
	zones map[Name]*Zone
	next  Resolver
}

func (o *overlay) Resolve(ctx context.Context, name Name, qtype Type) (Answer, error) {
	return Follow(ctx, name, qtype, func(n Name) (Step, error) {
		if z := o.zone(n, qtype); z != nil {
			if s := z.Lookup(n, qtype); s.Cut == "" {
				s.Server = "zone " + z.File
				if z.draft {
					return o.drafted(ctx, z, n, qtype, s)
				}
				return s, nil
			}
		}
		return o.ask(ctx, n, qtype)
	})
}

// ask puts the rest of the chain to the next resolver, as far as it does not
// lead back into a zone.
func (o *overlay) ask(ctx context.Context, n Name, qtype Type) (Step, error) {
	if o.next == nil {
		return Step{}, &Error{Name: n, Type: qtype, Kind: Offline, Detail: "no zone file answers it"}
	}
	a, err := o.next.Resolve(ctx, n, qtype)
	if err != nil {
		return Step{}, err
	}
	for i, target := range a.Chain {
		if z := o.zone(target, qtype); z != nil && z.Lookup(target, qtype).Cut == "" && !z.partial {
			return Step{Status: Found, passed: a.Chain[:i], Target: target, TTL: a.TTL, Server: a.Server}, nil
		}
	}
	return Step{answer: &a}, nil
}

// zone is the zone with the longest origin at or above the name. A DS record
// belongs to the zone above its owner (RFC 4035 §3.1.4.1).
func (o *overlay) zone(n Name, qtype Type) *Zone {
	for first := true; ; n, first = n.Parent(), false {
		if z := o.zones[n]; z != nil && (!first || qtype != TypeDS || n == Root) {
			return z
		}
		if n == Root || n == "" {
			return nil
		}
	}
}

// Follow asks step about the name and then about each CNAME target, and makes
// one answer of the whole chain. A chain of more than eight hops is Kind Loop;
// a name that cannot be asked is Kind BadName.
func Follow(ctx context.Context, name Name, qtype Type, step func(Name) (Step, error)) (Answer, error) {
	a := Answer{Name: name, Type: qtype, TTL: math.MaxInt64, Chain: []Name{}}
	const header, question = 12, 4
	size := header + question + nameLen(name)
	secure := true
	for n := name; ; {
		if len(a.Chain) > maxChain {
			return Answer{}, loopError(name, qtype, a.Server)
		}
		if err := n.Check(); err != nil {
			return Answer{}, &Error{Name: name, Type: qtype, Kind: BadName, Detail: err.Error()}
		}
		if err := ctx.Err(); err != nil {
			return Answer{}, AsError(err, name, qtype)
		}
		s, err := step(n)
		if err != nil {
			return Answer{}, errorAt(err, name, n, qtype)
		}
		if s.answer != nil {
			return joined(a, s.answer)
		}
		size += s.Size
		secure = secure && s.Secure
		a.TTL = min(a.TTL, s.TTL)
		a.Chain = append(a.Chain, s.passed...)
		a.Server = s.Server
		a.Took += s.took
		a.Packets += s.packets
		if len(a.Chain) > maxChain {
			return Answer{}, loopError(name, qtype, s.Server)
		}
		if s.Target == "" {
			a.TookMS = float64(a.Took.Microseconds()) / 1000
			a.Zone = s.Zone
			a.Status, a.Records, a.Size = s.Status, s.Records, size
			if a.Records == nil {
				a.Records = []Record{}
			}
			a.AD, a.Trusted = secure, s.Trusted
			a.TTLSec = uint32(a.TTL / time.Second)
			return a, nil
		}
		a.Chain = append(a.Chain, s.Target)
		n = s.Target
	}
}

// errorAt says which name failed where it is not the name that was asked.
func errorAt(err error, asked, at Name, qtype Type) error {
	e := *AsError(err, at, qtype)
	if asked == at {
		return &e
	}
	e.Name = asked
	e.Detail = strings.TrimPrefix(e.Detail+", at "+at.String(), ", ")
	return &e
}

// joined is the answer of the next resolver with the chain before it. What
// passed through a zone file is not authenticated.
func joined(head Answer, rest *Answer) (Answer, error) {
	a := *rest
	if head.Name == rest.Name && len(head.Chain) == 0 {
		return a, nil
	}
	if len(head.Chain)+len(rest.Chain) > maxChain {
		return Answer{}, loopError(head.Name, head.Type, rest.Server)
	}
	a.Name = head.Name
	a.Chain = append(head.Chain, rest.Chain...)
	a.TTL = min(head.TTL, rest.TTL)
	a.TTLSec = uint32(a.TTL / time.Second)
	a.AD, a.Trusted, a.Validated = false, false, false
	return a, nil
}

func loopError(name Name, qtype Type, server string) *Error {
	return &Error{Name: name, Type: qtype, Kind: Loop, Server: server, Detail: "the CNAME chain has more than 8 hops"}
}

// nameLen is the length of a name on the wire.
func nameLen(n Name) int {
	size := 1
	for _, l := range n.Labels() {
		size += labelLen(l) + 1
	}
	return size
}
