package dmarc

import (
	"context"
	"sync"

	"github.com/postseal/postseal/dns"
)

// Query is what a receiver knows of one message when it comes to DMARC.
type Query struct {
	From dns.Name // the Author Domain
	SPF  *Identifier
	DKIM []Identifier // one for each signature
}

// Identifier is one authenticated identifier and what its check said.
type Identifier struct {
	Domain   dns.Name `json:"domain"` // of MAIL FROM (RFC 9989 §4.4.2), or d= of a signature
	Selector string   `json:"selector,omitempty"`
	Result   string   `json:"result"` // pass, fail, softfail, neutral, none, policy, temperror, permerror
}

// The answers of Alignment.Aligned.
const (
	AlignedYes     = "yes"
	AlignedNo      = "no"
	AlignedUnknown = "unknown" // a failed look-up leaves it open
)

// Alignment is what became of one identifier.
type Alignment struct {
	Identifier
	Method               string   `json:"method"` // "spf" or "dkim"
	Mode                 string   `json:"mode"`   // "relaxed" or "strict"
	OrganizationalDomain dns.Name `json:"organizational_domain"`
	Aligned              string   `json:"aligned"`         // "yes", "no", "unknown"
	StrictOnly           bool     `json:"strict_only"`     // not aligned, and would be in relaxed mode
	Counts               bool     `json:"counts"`          // passes and is aligned
	Legacy               bool     `json:"rfc7489_aligned"` // by the public suffix list

	LegacyOrganizationalDomain dns.Name `json:"rfc7489_organizational_domain"`
	Cause                      string   `json:"cause"` // of "unknown": what failed

	failed *dns.Error
}

// Failed is the look-up that left the alignment open, nil where none did.
func (a *Alignment) Failed() *dns.Error { return a.failed }

// The reasons of an Outcome. A report has words for each.
const (
	ReasonAligned     = "aligned"              // pass
	ReasonNoneGiven   = "no-identifiers"       // fail: nothing was authenticated, no result given at all
	ReasonNonePassed  = "nothing-passed"       // fail: no check passed
	ReasonNotAligned  = "not-aligned"          // fail: what passed is not aligned
	ReasonNoRecord    = "no-record"            // none: the walk is complete and found nothing
	ReasonDiscarded   = "records-discarded"    // none: only names with several records (§4.10 steps 2 and 6)
	ReasonBroken      = "policy-broken"        // none: §4.10.1, the policy tags are broken and there is no rua
	ReasonPolicyOpen  = "policy-unknown"       // temperror: the walk from the Author Domain failed
	ReasonAlignOpen   = "alignment-unknown"    // temperror: a passing identifier may be aligned
	ReasonCheckFailed = "identifier-temperror" // temperror: the check of an identifier that is or may be aligned
	ReasonExistsOpen  = "existence-unknown"    // temperror: sp or np, that depends on whether the name exists
)

// Outcome is the verdict on one message.
type Outcome struct {
	From                 dns.Name      `json:"from"`
	Result               string        `json:"result"`      // pass, fail, none, temperror, permerror (RFC 9989 §9.1)
	Disposition          string        `json:"disposition"` // none, quarantine, reject: what the policy asks for
	OrganizationalDomain dns.Name      `json:"organizational_domain"`
	PolicyName           dns.Name      `json:"policy_name"`
	PolicyRecord         string        `json:"policy_record"`
	Policy               Policy        `json:"policy"`
	Exists               dns.State     `json:"exists"` // of the Author Domain: found, nodata, nxdomain, unknown
	Aligned              AlignedBy     `json:"aligned"`
	Identifiers          []Alignment   `json:"identifiers"`
	Reason               string        `json:"reason"`  // code of why, for the words of a report
	Cause                string        `json:"cause"`   // of temperror: the look-up that failed
	Broken               bool          `json:"broken"`  // the record's policy tags are broken: it counts as p=none, or as nothing
	RFC7489              LegacyOutcome `json:"rfc7489"` // what a receiver of the old standard would do
	Walk                 []TraceStep   `json:"steps"`   // from the Author Domain
	Steps                []*Step       `json:"-"`

	failed *dns.Error
}

// Failed is the look-up behind a temperror, nil where there is none.
func (o *Outcome) Failed() *dns.Error { return o.failed }

// AlignedBy tells which mechanism gave an aligned pass.
type AlignedBy struct {
	SPF  bool `json:"spf"`
	DKIM bool `json:"dkim"`
}

// LegacyOutcome is the same under RFC 7489 and the public suffix list.
type LegacyOutcome struct {
	Result               string    `json:"result"`
	Disposition          string    `json:"disposition"`
	PolicyName           dns.Name  `json:"policy_name"`
	Pct                  int       `json:"pct"` // the share of failing mail the disposition is for
	OrganizationalDomain dns.Name  `json:"organizational_domain"`
	Aligned              AlignedBy `json:"aligned"`
}

// Eval says what DMARC makes of a message (RFC 9989 §5.3). A failed look-up is
// a result, temperror, where it leaves the verdict open; nothing else is an
// error. Each question is asked once.
func Eval(ctx context.Context, r dns.Resolver, q Query) *Outcome {
	m := newMemo(r)
	var (
		wg    sync.WaitGroup
		in    *Applied
		ids   = q.identifiers()
		walks = make([]*Discovery, len(ids))
	)
	wg.Go(func() { in = apply(ctx, m, q.From) })
	for i := range ids {
		// A walk for each identifier whose name differs from the Author
		// Domain (§4.10.2). Strict mode needs none to judge; it is made to
		// say whether relaxed mode would help.
		if n := ids[i].Domain; n != "" && n != q.From {
			wg.Go(func() { walks[i] = Walk(ctx, m, n) })
		}
	}
	wg.Wait()

	o := &Outcome{
		From: q.From, Disposition: "none", OrganizationalDomain: in.Discovery.OrganizationalDomain,
		Policy: in.Policy, Exists: in.Exists.State, Identifiers: ids,
		Walk: traceSteps(in.Discovery), Steps: in.Discovery.Steps,
	}
	var rec *Record
	if p := in.Discovery.Policy; p != nil {
		rec = p.record
		o.PolicyName, o.PolicyRecord, o.Broken = p.Name, rec.Text, rec.Broken()
	}
	for i := range ids {
		ids[i].judge(in.Discovery, walks[i], rec)
		if ids[i].Counts {
			o.Aligned.add(ids[i].Method)
		}
	}
	o.decide(in)
	o.legacy(in)
	return o
}

// identifiers lists what was authenticated, SPF first.
func (q *Query) identifiers() []Alignment {
	out := []Alignment{}
	if q.SPF != nil {
		out = append(out, Alignment{Identifier: *q.SPF, Method: "spf"})
	}
	for _, id := range q.DKIM {
		out = append(out, Alignment{Identifier: id, Method: "dkim"})
	}
	return out
}

func (a *AlignedBy) add(method string) {
	a.SPF = a.SPF || method == "spf"
	a.DKIM = a.DKIM || method == "dkim"
}

// modeTag names the tag of the mode for a mechanism.
func modeTag(method string) string {
	if method == "spf" {
		return "aspf"
	}
	return "adkim"
}

// judge compares an identifier with the Author Domain (§4.4). walk is nil where
// the names are equal or the identifier has none; rec is nil without a policy,
// and alignment is then told as the default mode would.
func (a *Alignment) judge(from, walk *Discovery, rec *Record) {
	a.Mode, a.Aligned = "relaxed", AlignedNo
	if rec != nil && rec.Strict(modeTag(a.Method)) {
		a.Mode = "strict"
	}
	if a.Domain == "" {
		return
	}
	a.LegacyOrganizationalDomain = pslDomain(a.Domain)
	switch {
	case walk == nil:
		a.OrganizationalDomain, a.Aligned = from.OrganizationalDomain, AlignedYes
	default:
		a.OrganizationalDomain = walk.OrganizationalDomain
		same, failed := sameOrganization(from, walk)
		if a.Mode == "strict" {
			a.StrictOnly = same == AlignedYes
			break
		}
		if a.Aligned = same; failed != nil {
			a.failed, a.Cause = failed, failed.Error()
		}
	}
	a.Counts = a.Result == "pass" && a.Aligned == AlignedYes
}

// decide gives the result, the disposition and the reason. An aligned pass is
// certain once it is certain that a policy is applied.
func (o *Outcome) decide(in *Applied) {
	switch d := in.Discovery; {
	case !d.Known:
		o.temperror(ReasonPolicyOpen, d.failure())
		return
	case d.Policy == nil:
		o.Result, o.Reason = "none", ReasonNoRecord
		for _, s := range d.Steps {
			if len(s.Records) > 1 {
				o.Reason = ReasonDiscarded
			}
		}
		return
	case o.Broken && !d.Policy.record.ValidRUA():
		// The receiver applies no DMARC processing (§4.10.1).
		o.Result, o.Reason = "none", ReasonBroken
		return
	case o.Aligned.SPF || o.Aligned.DKIM:
		o.Result, o.Reason = "pass", ReasonAligned
		return
	}
	reason := ReasonNoneGiven
	for i := range o.Identifiers {
		switch id := &o.Identifiers[i]; {
		case id.Result == "temperror" && id.Aligned != AlignedNo:
			o.temperror(ReasonCheckFailed, id.failed)
			return
		case id.Result == "pass" && id.Aligned == AlignedUnknown:
			o.temperror(ReasonAlignOpen, id.failed)
			return
		case id.Result == "pass":
			reason = ReasonNotAligned
		case reason == ReasonNoneGiven && id.Result != "" && id.Result != "none":
			reason = ReasonNonePassed
		}
	}
	if !o.Policy.Known {
		o.temperror(ReasonExistsOpen, in.Exists.Error)
		return
	}
	o.Result, o.Reason, o.Disposition = "fail", reason, o.Policy.Policy
}

func (o *Outcome) temperror(reason string, failed *dns.Error) {
	o.Result, o.Reason, o.failed = "temperror", reason, failed
	if failed != nil {
		o.Cause = failed.Error()
	}
}

// legacy is the verdict of a receiver of RFC 7489: its discovery, the public
// suffix list for alignment, no t, no np, and pct.
func (o *Outcome) legacy(in *Applied) {
	l := &o.RFC7489
	*l = LegacyOutcome{Result: "temperror", Disposition: "none", Pct: 100, OrganizationalDomain: in.Legacy.OrganizationalDomain}
	rec := in.legacyRecord()
	for i := range o.Identifiers {
		id := &o.Identifiers[i]
		id.Legacy = id.Domain == o.From
		if (rec == nil || !rec.Strict(modeTag(id.Method))) && id.Domain != "" {
			id.Legacy = id.LegacyOrganizationalDomain == l.OrganizationalDomain
		}
		if id.Legacy && id.Result == "pass" {
			l.Aligned.add(id.Method)
		}
	}
	if !in.Legacy.Known {
		return
	}
	l.PolicyName, l.Pct = in.Legacy.PolicyName, in.Legacy.Pct
	switch {
	case rec == nil || in.Legacy.Policy == "":
		l.Result = "none"
	case l.Aligned.SPF || l.Aligned.DKIM:
		l.Result = "pass"
	case o.openLegacy():
	default:
		l.Result, l.Disposition = "fail", in.Legacy.Policy
	}
}

// openLegacy tells whether the check of an aligned identifier failed for now.
func (o *Outcome) openLegacy() bool {
	for i := range o.Identifiers {
		if id := &o.Identifiers[i]; id.Legacy && id.Result == "temperror" {
			return true
		}
	}
	return false
}
