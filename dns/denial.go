package dns

import (
	"context"
	"strings"

	mdns "github.com/miekg/dns"
)

// Denial is how a signed zone proves that a name or type is not there.
type Denial struct {
	NSEC   []NSEC `json:"nsec"`   // of the answer and the authority section (RFC 4034 §4)
	Hashed bool   `json:"hashed"` // NSEC3 instead (RFC 5155), which names nobody
}

// NSEC is one link of the chain of a zone's names: nothing lies between them.
type NSEC struct {
	Owner Name `json:"owner"`
	Next  Name `json:"next"`
}

// Denier is a Resolver that can also ask for the proof of a denial.
type Denier interface {
	Deny(ctx context.Context, name Name, qtype Type) (Denial, error)
}

// Deny asks for DNSSEC records (RFC 4035 §3.2.1) and gives those of a denial.
// Nothing is followed: the proof is of this name. The error is an *Error.
func (c *Client) Deny(ctx context.Context, name Name, qtype Type) (Denial, error) {
	if err := name.Check(); err != nil {
		return Denial{}, &Error{Name: name, Type: qtype, Kind: BadName, Detail: err.Error()}
	}
	s, err := c.question(ctx, query{name: name, qtype: qtype, recurse: true, do: true})
	if err != nil {
		return Denial{}, err
	}
	return s.denial, nil
}

// denialOf reads the proof in a reply.
func denialOf(m *mdns.Msg) Denial {
	d := Denial{NSEC: []NSEC{}}
	for _, section := range [][]mdns.RR{m.Answer, m.Ns} {
		for _, rr := range section {
			switch rr := rr.(type) {
			case *mdns.NSEC:
				if rr.NextDomain != "" && len(d.NSEC) < maxRecords {
					d.NSEC = append(d.NSEC, NSEC{Owner: nameOf(rr.Hdr.Name), Next: nameOf(rr.NextDomain)})
				}
			case *mdns.NSEC3:
				d.Hashed = true
			}
		}
	}
	return d
}

// Compare orders names as NSEC records link them: by their labels from the
// right, octet by octet (RFC 4034 §6.1).
func (n Name) Compare(o Name) int {
	a, b := n.Labels(), o.Labels()
	for i := 1; i <= min(len(a), len(b)); i++ {
		if c := strings.Compare(unescape(a[len(a)-i]), unescape(b[len(b)-i])); c != 0 {
			return c
		}
	}
	return len(a) - len(b)
}

const denialKind = "dns-denial"

// deniedOnTape is a proof, or why there is none, as a recording has it.
type deniedOnTape struct {
	Denial
	Error  Kind   `json:"error,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// Deny asks the network for the proof of a denial. Zone files have none to
// give: a name in one of them is Kind Offline. The recording is kept and played.
func (r *Run) Deny(ctx context.Context, name Name, qtype Type) (Denial, error) {
	key := query{name: name, qtype: qtype, do: true}.String()
	refuse := func(kind Kind, detail string) (Denial, error) {
		return Denial{}, &Error{Name: name, Type: qtype, Kind: kind, Detail: detail}
	}
	for _, z := range r.cfg.Zones {
		if name.IsUnder(z.Origin) {
			return refuse(Offline, "a zone file proves no denial")
		}
	}
	if r.cfg.Tape.Playing() {
		var v deniedOnTape
		switch ok, err := r.cfg.Tape.Get(denialKind, key, &v); {
		case err != nil:
			return refuse(Malformed, err.Error())
		case !ok:
			return refuse(NotRecorded, "not in the recording")
		case v.Error != "":
			return refuse(v.Error, v.Detail)
		}
		return v.Denial, nil
	}
	if r.client == nil {
		return refuse(Offline, "the network is not used")
	}
	r.asked.Add(1)
	d, err := r.client.Deny(ctx, name, qtype)
	v := deniedOnTape{Denial: d}
	if err != nil {
		e := AsError(err, name, qtype)
		if e.Kind == Cancelled {
			return d, err
		}
		v.Error, v.Detail = e.Kind, e.Detail
	}
	if perr := r.cfg.Tape.Put(denialKind, key, v); perr != nil {
		return refuse(Malformed, perr.Error())
	}
	return d, err
}

// Deny passes the question on; where the next resolver proves nothing, it is
// Kind Offline.
func (l *logged) Deny(ctx context.Context, name Name, qtype Type) (Denial, error) {
	if r, ok := l.next.(Denier); ok {
		return r.Deny(ctx, name, qtype)
	}
	return Denial{}, &Error{Name: name, Type: qtype, Kind: Offline, Detail: "this resolver proves no denial"}
}
