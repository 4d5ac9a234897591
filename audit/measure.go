package audit

import (
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/score"
)

// measure turns facts and results into what the score's table asks for. What
// could not be told is left unmeasured with its cause; it is never zero.
func measure(f *Facts, results []check.Result) score.State {
	m := measurer{f: f, by: index(results)}
	state := score.State{Profile: f.Profile, Measures: map[score.CheckID]score.Measure{}}
	for id, of := range measures() {
		state.Measures[id] = of(&m)
	}
	state.Caps = m.caps()
	return state
}

// measures is how each check of the score is measured.
func measures() map[score.CheckID]func(*measurer) score.Measure {
	return map[score.CheckID]func(*measurer) score.Measure{
		"dmarc-record":     (*measurer).dmarcRecord,
		"dmarc-policy":     (*measurer).dmarcPolicy,
		"dmarc-reject":     (*measurer).dmarcReject,
		"dmarc-subdomains": (*measurer).dmarcSubdomains,
		"dmarc-rua":        (*measurer).dmarcRUA,
		"spf-record":       (*measurer).spfRecord,
		"spf-limits":       (*measurer).spfLimits,
		"spf-all":          (*measurer).spfAll,
		"spf-scope":        (*measurer).spfScope,
		"spf-closed":       (*measurer).spfClosed,
		"transit-starttls": (*measurer).transitSTARTTLS,
		"transit-tls":      (*measurer).transitTLS,
		"transit-policy":   (*measurer).transitPolicy,
		"transit-tlsrpt":   (*measurer).tlsrpt,
		"dkim-key":         (*measurer).dkimKey,
		"dkim-strength":    (*measurer).dkimStrength,
		"dkim-hygiene":     (*measurer).dkimHygiene,
		"dns-dnssec":       (*measurer).dnssec,
		"dns-mx":           (*measurer).dnsMX,
		"dns-servers":      (*measurer).dnsServers,
		"mx-null":          (*measurer).mxNull,
	}
}

type measurer struct {
	f  *Facts
	by map[string]*check.Result
}

func index(results []check.Result) map[string]*check.Result {
	by := make(map[string]*check.Result, len(results))
	for i := range results {
		by[results[i].Rule.ID] = &results[i]
	}
	return by
}

// worst gives the first of the rules that failed at least that severely, and
// the first that is unknown. A finding that a root cause explains still counts:
// its rule is then named instead.
func (m *measurer) worst(least check.Severity, ids ...string) (failed string, unknown *check.Result) {
	for _, id := range ids {
		r := m.by[id]
		if r == nil {
			continue
		}
		switch {
		case r.Status == check.Fail && r.Severity >= least:
			return id, nil
		case r.Status == check.NotApplicable:
			for _, c := range r.Causes {
				if c.Code == "explained-by" && r.Rule.Severity >= least {
					return c.Params["Rule"].(string), nil
				}
			}
		case r.Status == check.Unknown && unknown == nil:
			unknown = r
		}
	}
	return "", unknown
}

// clear is full when none of the rules failed, nothing when one did, and not
// measured when one that could tell is unknown.
func (m *measurer) clear(least check.Severity, ids ...string) score.Measure {
	failed, unknown := m.worst(least, ids...)
	switch {
	case failed != "":
		return score.Of(score.Nothing)
	case unknown != nil:
		return score.Not(firstCause(unknown.Causes))
	default:
		return score.Of(score.Full)
	}
}

func firstCause(causes []check.Cause) check.Cause {
	if len(causes) == 0 {
		return check.Cause{Code: "not-measured"}
	}
	return causes[0]
}

func full(ok bool) score.Measure {
	if ok {
		return score.Of(score.Full)
	}
	return score.Of(score.Nothing)
}

func cause(code string) score.Measure { return score.Not(check.Cause{Code: code}) }

// DMARC

func (m *measurer) dmarcUnknown() score.Measure {
	for _, s := range m.f.DMARC.Steps {
		if s.Lookup.Unknown() {
			return score.Not(check.CauseOf(s.Lookup.Error))
		}
	}
	return cause("dmarc-unknown")
}

func (m *measurer) dmarcRecord() score.Measure {
	known, ok := m.f.DMARC.InForce()
	if !known {
		return m.dmarcUnknown()
	}
	return full(ok)
}

func policyPart(policy string) score.Part {
	switch policy {
	case "reject":
		return score.Full
	case "quarantine":
		return score.Most
	default:
		return score.Nothing
	}
}

func (m *measurer) dmarcPolicy() score.Measure {
	p := m.f.DMARC.Effective.Domain
	if known, ok := m.f.DMARC.InForce(); !known || ok && !p.Known {
		return m.dmarcUnknown()
	}
	return score.Of(policyPart(p.Policy))
}

func (m *measurer) dmarcReject() score.Measure {
	if v := m.dmarcPolicy(); !v.Known || v.Part == score.Full {
		return v
	}
	return score.Of(score.Nothing)
}

// dmarcSubdomains grades the weaker of what happens below the name; a parked
// domain has all or nothing.
func (m *measurer) dmarcSubdomains() score.Measure {
	policy, policyKnown := m.f.DMARC.SubdomainPolicy()
	if known, ok := m.f.DMARC.InForce(); !known || ok && !policyKnown {
		return m.dmarcUnknown()
	}
	part := policyPart(policy)
	if m.f.Profile == check.ProfileParked {
		return full(part == score.Full)
	}
	return score.Of(part)
}

func (m *measurer) dmarcRUA() score.Measure {
	if known, ok := m.f.DMARC.InForce(); !known {
		return m.dmarcUnknown()
	} else if !ok {
		return score.Of(score.Nothing)
	}
	ok, known := m.f.DMARC.RUAOK()
	if !known {
		for _, d := range m.f.DMARC.Destinations {
			if d.Consent.Unknown() {
				return score.Not(check.CauseOf(d.Consent.Error))
			}
		}
		return cause("dmarc-rua-unknown")
	}
	return full(ok)
}

// SPF

func (m *measurer) spfUnknown() score.Measure {
	return score.Not(check.CauseOf(m.f.SPF.Lookup.Error))
}

func (m *measurer) spfRecord() score.Measure {
	if m.f.SPF.Lookup.Unknown() {
		return m.spfUnknown()
	}
	valid := m.f.SPF.Valid()
	if untold := m.f.SPF.Unanswered(); valid && untold != nil {
		return score.Not(check.CauseOf(untold)) // a target without a record would make it a permerror
	}
	return full(valid)
}

var limitRules = []string{
	"spf-lookup-limit", "spf-void-limit", "spf-loop", "spf-mx-limit", "spf-include-none",
	"spf-include-permerror", "spf-redirect-none",
}

// absentSPF answers for a check that only a record in force can earn.
func (m *measurer) absentSPF() (score.Measure, bool) {
	if m.f.SPF.Lookup.Unknown() {
		return m.spfUnknown(), true
	}
	if m.f.SPF.InForce() == nil {
		return score.Of(score.Nothing), true
	}
	return score.Measure{}, false
}

func (m *measurer) spfLimits() score.Measure {
	if a, absent := m.absentSPF(); absent {
		return a
	}
	ok, known := m.f.SPF.WithinLimits()
	if known {
		return full(ok)
	}
	if _, unknown := m.worst(check.Info, "spf-include-lookup-failed"); unknown != nil {
		return score.Not(firstCause(unknown.Causes))
	}
	return cause("spf-limits-unknown")
}

func (m *measurer) spfAll() score.Measure {
	if a, absent := m.absentSPF(); absent {
		return a
	}
	q, known := m.f.SPF.All()
	if !known {
		_, unknown := m.worst(check.Info, "spf-all-missing", "spf-include-lookup-failed")
		if unknown != nil {
			return score.Not(firstCause(unknown.Causes))
		}
		return cause("spf-all-unknown")
	}
	return full(q == '-' || q == '~')
}

var scopeRules = []string{
	"spf-ptr", "spf-ip-range-wide", "spf-pass-everyone-hidden", "spf-include-pass-everyone", "spf-all-pass",
	"spf-dangling-registrable",
}

func (m *measurer) spfScope() score.Measure {
	if a, absent := m.absentSPF(); absent {
		return a
	}
	return m.clear(check.Warning, scopeRules...)
}

func (m *measurer) spfClosed() score.Measure {
	if m.f.SPF.Lookup.Unknown() {
		return m.spfUnknown()
	}
	closed, known := m.f.SPF.ExactlyClosed()
	if !known {
		return score.Not(check.CauseOf(m.f.SPF.Unanswered()))
	}
	return full(closed)
}

// DKIM

func (m *measurer) dkimUnknown() (score.Measure, bool) {
	found, none := m.f.DKIM.AnyKnown()
	switch {
	case found:
		return score.Measure{}, false
	case none:
		return score.Of(score.Nothing), true
	}
	if r := m.by["dkim-none-found"]; r != nil && r.Status == check.Unknown {
		return score.Not(firstCause(r.Causes)), true
	}
	return score.Not(check.Cause{Code: "no-selector-known", Params: check.Params{"Domain": m.f.Domain.String(), "Tried": len(m.f.DKIM.Tried)}}), true
}

func (m *measurer) dkimKey() score.Measure {
	if v, done := m.dkimUnknown(); done {
		return v
	}
	return full(len(m.f.DKIM.UsableKeys()) > 0)
}

// dkimStrength grades the weakest usable key. Ed25519 alone counts half: not
// every receiver can verify it (RFC 8463 §6).
func (m *measurer) dkimStrength() score.Measure {
	if v, done := m.dkimUnknown(); done {
		return v
	}
	if id, _ := m.worst(check.Error, brokenKeyRules...); id != "" {
		return score.Of(score.Nothing)
	}
	keyType, bits, ok := m.f.DKIM.Weakest()
	if !ok {
		return score.Of(score.Nothing)
	}
	part := keyPart(keyType, bits)
	if untold := m.f.DKIM.Unanswered(); part > score.Nothing && untold != nil {
		return score.Not(check.CauseOf(untold)) // the key there may be a weaker one
	}
	return score.Of(part)
}

func (m *measurer) dkimHygiene() score.Measure {
	if v, done := m.dkimUnknown(); done {
		return v
	}
	clean := m.f.DKIM.Hygiene()
	if untold := m.f.DKIM.Unanswered(); clean && untold != nil {
		return score.Not(check.CauseOf(untold))
	}
	return full(clean)
}
