package dmarc

import (
	"context"
	"sync"

	"github.com/postseal/postseal/dns"
)

// Trace is a walk told in full: what was asked, what chose the record, and what
// it means for mail From the name, from names below it and from others asked for.
type Trace struct {
	Domain               dns.Name    `json:"domain"`
	Exists               dns.State   `json:"exists"` // of the name itself (§3.2.13)
	Steps                []TraceStep `json:"steps"`
	OrganizationalDomain dns.Name    `json:"organizational_domain"`        // "" when a failed step leaves it open
	OrgReason            string      `json:"organizational_domain_reason"` // one of the Org codes
	PolicyName           dns.Name    `json:"policy_name"`
	PolicyRecord         string      `json:"policy_record"`
	PolicyReason         string      `json:"policy_reason"` // one of the Policy codes
	Broken               bool        `json:"broken"`        // policy tags that void the policy (§4.10.1)
	Known                bool        `json:"known"`
	Effective            Effective   `json:"effective"`
	RFC7489              Legacy      `json:"rfc7489"`
	Differs              []string    `json:"differs"` // where the two standards differ, Differs codes
	Names                []TraceName `json:"names"`

	failed *dns.Error
}

// Failed is the look-up that leaves the policy or the Organizational Domain
// open, nil where none does.
func (t *Trace) Failed() *dns.Error { return t.failed }

// TraceStep is one name of a walk as it is shown.
type TraceStep struct {
	Name    dns.Name  `json:"name"`  // without the _dmarc label
	Query   dns.Name  `json:"query"` // as asked
	Status  dns.State `json:"status"`
	Alias   dns.Name  `json:"alias"`   // where a CNAME led to, "" for none
	Records []string  `json:"records"` // texts that start with a valid v=DMARC1
	Other   []string  `json:"other"`
	Kept    bool      `json:"kept"`
	Code    string    `json:"code"` // one of the Step codes
	Note    string    `json:"note"`

	failed *dns.Error
}

// Failed is the look-up's error, nil where it was answered.
func (s *TraceStep) Failed() *dns.Error { return s.failed }

// TraceName is another name, with a walk of its own.
type TraceName struct {
	Name                 dns.Name    `json:"name"`
	Exists               dns.State   `json:"exists"`
	Steps                []TraceStep `json:"steps"`
	OrganizationalDomain dns.Name    `json:"organizational_domain"`
	PolicyReason         string      `json:"policy_reason"`
	PolicyRecord         string      `json:"policy_record"`
	Policy
	RFC7489 Legacy `json:"rfc7489"`
}

// Where RFC 9989 and RFC 7489 come to different answers.
const (
	DiffersOrganization = "organizational-domain"
	DiffersDomain       = "domain"
	DiffersSubdomain    = "subdomain"
	DiffersNonexistent  = "nonexistent"
)

// Examine walks from a domain and from the other names, and tells all of it. No
// question is asked twice.
func Examine(ctx context.Context, r dns.Resolver, domain dns.Name, others []dns.Name) *Trace {
	m := newMemo(r)
	var (
		wg   sync.WaitGroup
		main *Applied
		also = make([]*Applied, len(others))
	)
	wg.Go(func() { main = apply(ctx, m, domain) })
	for i, n := range others {
		wg.Go(func() { also[i] = apply(ctx, m, n) })
	}
	wg.Wait()

	d := main.Discovery
	t := &Trace{
		Domain: domain, Exists: main.Exists.State, Steps: traceSteps(d),
		OrganizationalDomain: d.OrganizationalDomain, OrgReason: d.OrgReason, PolicyReason: d.policyReason(),
		Known: d.Known, Effective: main.effective(), RFC7489: main.Legacy, Differs: []string{}, Names: []TraceName{},
		failed: d.failure(),
	}
	if d.Policy != nil {
		t.PolicyName, t.PolicyRecord, t.Broken = d.Policy.Name, d.Policy.record.Text, d.Policy.record.Broken()
	}
	t.compare()
	for _, a := range also {
		n := TraceName{
			Name: a.Name, Exists: a.Exists.State, Steps: traceSteps(a.Discovery), OrganizationalDomain: a.Discovery.OrganizationalDomain,
			PolicyReason: a.Discovery.policyReason(), Policy: a.Policy, RFC7489: a.Legacy,
		}
		if p := a.Discovery.Policy; p != nil {
			n.PolicyRecord = p.record.Text
		}
		t.Names = append(t.Names, n)
	}
	return t
}

// compare lists where both answers are known and differ. Without any record
// nobody asks whose organization a name is.
func (t *Trace) compare() {
	add := func(code string, differs bool) {
		if differs {
			t.Differs = append(t.Differs, code)
		}
	}
	e, l := &t.Effective, &t.RFC7489
	add(DiffersOrganization, t.PolicyName != "" && t.OrganizationalDomain != "" && t.OrganizationalDomain != l.OrganizationalDomain)
	add(DiffersDomain, e.Domain.Known && l.Known && (e.Domain.Policy != l.Policy || l.Pct < 100 && ParseLevel(l.Policy) > None))
	add(DiffersSubdomain, e.Subdomain.Known && l.SubdomainKnown && e.Subdomain.Policy != l.Subdomain)
	add(DiffersNonexistent, e.Nonexistent.Known && l.SubdomainKnown && e.Nonexistent.Policy != l.Subdomain)
}

func traceSteps(d *Discovery) []TraceStep {
	out := []TraceStep{}
	for _, s := range d.Steps {
		out = append(out, TraceStep{
			Name: s.Name, Query: s.Name.Child("_dmarc"), Status: s.Status, Alias: dns.Name(alias(s)), Records: s.Records,
			Other: s.Other, Kept: s.Kept, Code: s.Code, Note: s.Note, failed: s.Lookup.Error,
		})
	}
	return out
}
