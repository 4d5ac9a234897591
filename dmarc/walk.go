package dmarc

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/postseal/postseal/dns"
)

// The tree walk asks eight names at most: a name of eight labels or more is
// followed by its right-most seven (RFC 9989 §4.10 step 4).
const (
	maxQueries = 8
	jumpLabels = 7
)

// targets are the names that the walk from name asks at, without the _dmarc
// label, longest first, down to the top-level domain.
func targets(name dns.Name) []dns.Name {
	labels := name.Labels()
	out := []dns.Name{name}
	next := name.Parent()
	for drop := len(labels) - jumpLabels; drop > 1; drop-- {
		next = next.Parent()
	}
	for ; next != dns.Root && len(out) < maxQueries; next = next.Parent() {
		out = append(out, next)
	}
	return out
}

// Discovery is what a walk found for the name it started at.
type Discovery struct {
	Start dns.Name
	Steps []*Step // as far as the walk goes: to a psd=n or psd=y, else to the TLD

	OrganizationalDomain dns.Name // §4.10.2; "" when a failed step leaves it open
	Policy               *Step    // whose record applies, §4.10.1; nil when none does or unknown
	Known                bool     // the record that applies, or its absence, is certain
	PSD                  bool     // the record that applies is the public suffix's
	OrgReason            string   // what chose the Organizational Domain, one of the Org codes

	beyond []*Step // asked at the same time, above the stop
}

// Walk asks all names of the walk at once and judges the answers in order.
func Walk(ctx context.Context, r dns.Resolver, name dns.Name) *Discovery {
	return judge(name, ask(ctx, r, targets(name)))
}

// ask looks at _dmarc of each name at once; the steps keep the order of names.
func ask(ctx context.Context, r dns.Resolver, names []dns.Name) []*Step {
	steps := make([]*Step, len(names))
	var wg sync.WaitGroup
	for i, n := range names {
		wg.Go(func() { steps[i] = newStep(n, dns.Ask(ctx, r, n.Child("_dmarc"), dns.TypeTXT)) })
	}
	wg.Wait()
	return steps
}

// newStep sorts the texts of one answer (§4.10 steps 2 and 6).
func newStep(name dns.Name, l dns.Lookup) *Step {
	s := &Step{Name: name, Status: l.State, Lookup: l, Records: []string{}, Other: []string{}}
	if l.Unknown() && l.Error.Kind == dns.BadName {
		s.Status = dns.StateNXDomain
		s.say(StepTooLong, "no record can exist: the name is too long")
		return s
	}
	for _, rr := range l.Records() {
		if text := rr.Text(); isVersioned(text) {
			s.Records = append(s.Records, text)
		} else {
			s.Other = append(s.Other, text)
		}
	}
	switch {
	case l.Unknown():
		s.say(StepUnknown, "could not tell: "+string(l.Error.Kind))
	case len(s.Records) > 1:
		s.say(StepSeveral, fmt.Sprintf("discarded: %d records", len(s.Records)))
	case len(s.Records) == 1:
		s.Kept = true
		s.record, s.problems = Parse(s.Records[0])
		switch s.record.PSD() {
		case "n":
			s.say(StepStopN, "psd=n: the walk stops")
		case "y":
			s.say(StepStopY, "psd=y: the walk stops")
		default:
			s.say(StepKept, "kept")
		}
	case len(s.Other) > 0:
		s.say(StepOther, "discarded: no text starts with v=DMARC1")
	default:
		s.say(StepEmpty, "no TXT record")
	}
	return s
}

// The codes of what became of a step.
const (
	StepKept    = "kept"
	StepStopN   = "stop-n"   // kept, and psd=n ends the walk
	StepStopY   = "stop-y"   // kept, and psd=y ends the walk
	StepSeveral = "several"  // two or more records: all are discarded
	StepOther   = "other"    // only texts that are no DMARC record
	StepEmpty   = "empty"    // no TXT record
	StepTooLong = "too-long" // the name cannot be asked, so nothing can be there
	StepUnknown = "unknown"  // the look-up failed
)

func (s *Step) say(code, note string) { s.Code, s.Note = code, note }

// stops tells whether a walk ends at this step.
func (s *Step) stops() bool { return s.Kept && s.record.PSD() != "u" }

// judge reads the steps of a walk in order. A failed step leaves open what lies
// above it, and with it the Organizational Domain; the start's own record is
// the policy all the same.
func judge(start dns.Name, steps []*Step) *Discovery {
	d := &Discovery{Start: start, OrgReason: OrgUnknown}
	failed := false
	var kept []*Step
	for i, s := range steps {
		d.Steps = append(d.Steps, s)
		failed = failed || s.Status == dns.StateUnknown
		if s.Kept {
			kept = append(kept, s)
		}
		if s.stops() {
			d.beyond = steps[i+1:]
			break
		}
	}
	if !failed {
		d.OrganizationalDomain, d.OrgReason = organizational(start, kept)
	}
	own := len(kept) > 0 && kept[0].Name == start
	if own {
		d.Policy, d.Known = kept[0], true
		d.PSD = kept[0].record.PSD() == "y"
		return d
	}
	if failed {
		return d
	}
	d.Known = true
	for _, s := range kept {
		switch {
		case s.Name == d.OrganizationalDomain:
			d.Policy, d.PSD = s, false
			return d
		case s.record.PSD() == "y":
			d.Policy, d.PSD = s, true
		}
	}
	return d
}

// The codes of what chose the Organizational Domain (§4.10.2).
const (
	OrgPSDN     = "psd-n"   // a record with psd=n
	OrgPSDY     = "psd-y"   // the name one label below a record with psd=y
	OrgFewest   = "fewest"  // the record kept at the name with the fewest labels
	OrgNoRecord = "start"   // no record: the name that the walk started at
	OrgUnknown  = "unknown" // a failed step leaves it open
)

// organizational is §4.10.2 over the records kept, longest name first.
func organizational(start dns.Name, kept []*Step) (dns.Name, string) {
	if len(kept) == 0 {
		return start, OrgNoRecord
	}
	last := kept[len(kept)-1] // a psd=n or psd=y ends the walk, so it can only be the last
	switch psd := last.record.PSD(); {
	case psd == "n":
		return last.Name, OrgPSDN
	case psd == "y" && last.Name != start:
		labels, above := start.Labels(), len(last.Name.Labels())
		n := start
		for range len(labels) - above - 1 {
			n = n.Parent() // the name below, even if the jump skipped it
		}
		return n, OrgPSDY
	}
	return last.Name, OrgFewest
}

// policyReason tells which place of §4.10.1 the record that applies stands at.
func (d *Discovery) policyReason() string {
	switch {
	case !d.Known:
		return PolicyUnknown
	case d.Policy == nil:
		return PolicyNone
	case d.Policy.Name == d.Start:
		return PolicyOwn
	case d.PSD:
		return PolicyPSD
	}
	return PolicyOrganizational
}

// The codes of PolicyReason, in the order of preference of §4.10.1.
const (
	PolicyOwn            = "own"
	PolicyOrganizational = "organizational"
	PolicyPSD            = "psd"
	PolicyNone           = "none"
	PolicyUnknown        = "unknown"
)

// below is what a walk from a name one label below start finds, where that name
// has no record of its own: the same names, but of a start of eight labels or
// more the jump passes over it.
func (d *Discovery) below() *Discovery {
	steps := slices.Concat(d.Steps, d.beyond)
	if len(d.Start.Labels()) >= maxQueries {
		steps = steps[1:]
	}
	child := d.Start.Child("any")
	own := &Step{Name: child, Status: dns.StateNXDomain}
	return judge(child, append([]*Step{own}, steps...))
}

// memo asks each question once in a Gather, whoever asks it.
type memo struct {
	under dns.Resolver
	mu    sync.Mutex
	calls map[question]func() (dns.Answer, error)
}

type question struct {
	name  dns.Name
	qtype dns.Type
}

func newMemo(r dns.Resolver) *memo {
	return &memo{under: r, calls: map[question]func() (dns.Answer, error){}}
}

// Resolve implements dns.Resolver.
func (m *memo) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	q := question{name, qtype}
	m.mu.Lock()
	call := m.calls[q]
	if call == nil {
		call = sync.OnceValues(func() (dns.Answer, error) { return m.under.Resolve(ctx, name, qtype) })
		m.calls[q] = call
	}
	m.mu.Unlock()
	return call()
}
