package dns

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/postseal/postseal/internal/tape"
)

const tapeKind = "dns"

// onTape is an outcome as a recording has it. Records are in presentation
// form, which keeps raw octets.
type onTape struct {
	Status  Status   `json:"status,omitempty"`
	Chain   []Name   `json:"chain,omitempty"`
	Records []string `json:"records,omitempty"`
	TTL     uint32   `json:"ttl"`
	AD      bool     `json:"ad,omitempty"`
	Trusted bool     `json:"trusted,omitempty"`
	Own     bool     `json:"validated,omitempty"`
	Zone    Name     `json:"zone,omitempty"`
	Size    int      `json:"size,omitempty"`
	TookUS  int64    `json:"took_us,omitempty"`
	Server  string   `json:"server,omitempty"`
	Packets int      `json:"packets,omitempty"`
	More    int      `json:"questions,omitempty"` // beyond this one, to validate

	Error  Kind   `json:"error,omitempty"`
	Detail string `json:"detail,omitempty"`
	Flaw   Flaw   `json:"flaw,omitempty"`
}

// recorder keeps what next answers.
type recorder struct {
	next Resolver
	tape *tape.Tape
}

func (r *recorder) Resolve(ctx context.Context, name Name, qtype Type) (Answer, error) {
	a, err := r.next.Resolve(ctx, name, qtype)
	q := query{name: name, qtype: qtype, cd: checkingDisabled(ctx)}
	return a, keep(r.tape, q.String(), name, qtype, &a, err)
}

// keep records an outcome and gives its error back. What was cancelled is no
// outcome.
func keep(t *tape.Tape, key string, name Name, qtype Type, a *Answer, err error) error {
	var v onTape
	if err != nil {
		e := AsError(err, name, qtype)
		if e.Kind == Cancelled {
			return err
		}
		v = onTape{Error: e.Kind, Detail: e.Detail, Server: e.Server, Packets: e.Packets, Flaw: e.Flaw, More: e.Questions}
	} else {
		v = onTape{
			Status: a.Status, Chain: a.Chain, TTL: a.TTLSec, AD: a.AD, Trusted: a.Trusted, Zone: a.Zone,
			Size: a.Size, TookUS: a.Took.Microseconds(), Server: a.Server, Packets: a.Packets,
			Own: a.Validated, More: a.Questions,
		}
		for i := range a.Records {
			v.Records = append(v.Records, a.Records[i].presentation())
		}
	}
	if perr := t.Put(tapeKind, key, v); perr != nil {
		return &Error{Name: name, Type: qtype, Kind: Malformed, Detail: perr.Error(), Err: perr}
	}
	return err
}

// presentation is the record as a line of a zone file.
func (r *Record) presentation() string {
	return fmt.Sprintf("%s %d IN %s %s", r.Name.FQDN(), r.TTL, r.Type, r.Data)
}

// player answers from a recording only.
type player struct {
	tape      *tape.Tape
	packets   atomic.Int64
	questions atomic.Int64
}

func (p *player) Resolve(ctx context.Context, name Name, qtype Type) (Answer, error) {
	q := query{name: name, qtype: qtype, cd: checkingDisabled(ctx)}
	return p.play(q.String(), name, qtype)
}

func (p *player) play(key string, name Name, qtype Type) (Answer, error) {
	var v onTape
	ok, err := p.tape.Get(tapeKind, key, &v)
	p.packets.Add(int64(v.Packets))
	p.questions.Add(int64(v.More))
	switch {
	case err != nil:
		return Answer{}, &Error{Name: name, Type: qtype, Kind: Malformed, Detail: err.Error(), Err: err}
	case !ok:
		return Answer{}, &Error{Name: name, Type: qtype, Kind: NotRecorded, Detail: "not in the recording"}
	case v.Error != "":
		return Answer{}, &Error{Name: name, Type: qtype, Kind: v.Error, Detail: v.Detail, Server: v.Server, Packets: v.Packets, Flaw: v.Flaw, Questions: v.More}
	}
	a := Answer{
		Name: name, Type: qtype, Status: v.Status, Chain: v.Chain, AD: v.AD, Trusted: v.Trusted, Zone: v.Zone,
		TTL: time.Duration(v.TTL) * time.Second, TTLSec: v.TTL, Size: v.Size, Server: v.Server, Packets: v.Packets, Records: []Record{},
		Validated: v.Own, Questions: v.More,
		Took: time.Duration(v.TookUS) * time.Microsecond, TookMS: float64(v.TookUS) / 1000,
	}
	if a.Chain == nil {
		a.Chain = []Name{}
	}
	for _, text := range v.Records {
		r, err := recordFrom(text)
		if err != nil {
			return Answer{}, &Error{Name: name, Type: qtype, Kind: Malformed, Detail: err.Error(), Err: err}
		}
		a.Records = append(a.Records, r)
	}
	return a, nil
}

// recordFrom reads a record that presentation wrote.
func recordFrom(text string) (Record, error) {
	rr, err := mdns.NewRR(strings.TrimRight(text, " "))
	if err == nil && rr != nil {
		return recordOf(rr), nil
	}
	// Data that a stranger cut short need not have a presentation form.
	f := strings.SplitN(text, " ", 5)
	if len(f) < 5 {
		return Record{}, fmt.Errorf("%q of the recording is no record", text)
	}
	r := Record{Name: nameOf(f[0]), Data: f[4]}
	if err := r.Type.UnmarshalText([]byte(f[3])); err != nil {
		return Record{}, fmt.Errorf("record %q of the recording: %w", text, err)
	}
	ttl, err := strconv.ParseUint(f[1], 10, 32)
	if err != nil {
		return Record{}, fmt.Errorf("record %q of the recording: %w", text, err)
	}
	r.TTL = uint32(ttl)
	return r, nil
}
