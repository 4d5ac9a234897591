package dmarc

import (
	"context"
	"slices"
	"sync"

	"github.com/postseal/postseal/dns"
)

// Applied is what is in force for mail From one name, under RFC 9989 and under
// the standard before it.
type Applied struct {
	Name      dns.Name
	Discovery *Discovery
	Exists    dns.Lookup // the name itself, for sp against np (§3.2.13)
	Policy    Policy
	Legacy    Legacy

	own, psl *Step
}

// apply walks from a name and says which policy is for mail From it.
func apply(ctx context.Context, r dns.Resolver, name dns.Name) *Applied {
	a := &Applied{Name: name}
	names := targets(name)
	walked := len(names)
	psl := pslDomain(name)
	if !slices.Contains(names, psl) {
		names = append(names, psl) // the walk's jump passes over it
	}
	var wg sync.WaitGroup
	wg.Go(func() { a.Exists = dns.Ask(ctx, r, name, dns.TypeTXT) })
	steps := ask(ctx, r, names)
	wg.Wait()
	a.Discovery = judge(name, steps[:walked])
	a.own = steps[0]
	for _, s := range steps {
		if s.Name == psl {
			a.psl = s
		}
	}
	a.Policy = a.Discovery.policy(a.Exists.State)
	a.Legacy = legacy(a.own, a.psl)
	return a
}

// policy is what the record found asks for mail From the start of the walk,
// which exists or not. Where that could not be told it is certain only if sp
// and np come to the same.
func (d *Discovery) policy(exists dns.State) Policy {
	if d.Policy == nil {
		return Policy{Known: d.Known}
	}
	rec, p := d.Policy.record, Policy{}
	switch {
	case d.Policy.Name == d.Start:
		p = rec.policy(true, true)
	case exists == dns.StateUnknown:
		p = agree(rec.policy(false, true), rec.policy(false, false))
	default:
		p = rec.policy(false, exists != dns.StateNXDomain)
	}
	p.PolicyName = d.Policy.Name
	return p
}

// legacyRecord is the record that an RFC 7489 receiver uses, nil for none.
func (a *Applied) legacyRecord() *Record {
	switch a.Legacy.PolicyName {
	case "":
		return nil
	case a.own.Name:
		return a.own.record
	}
	return a.psl.record
}

// failure is the first look-up of a walk that failed, nil where none did.
func (d *Discovery) failure() *dns.Error {
	for _, s := range d.Steps {
		if s.Status == dns.StateUnknown {
			return s.Lookup.Error
		}
	}
	return nil
}
