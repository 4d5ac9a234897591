package mtasts

import (
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/tlsfields"
)

// stage is how far a sender gets on its way to the policy. The rows of one
// stage exclude each other; what stops at one stage leaves nothing to judge at
// the later ones.
type stage int

const (
	stageTXT     stage = iota // an answer for _mta-sts
	stageRecord               // exactly one candidate
	stageHost                 // answers for the policy host's addresses
	stageConnect              // addresses were dialled
	stageCert                 // a certificate was shown
	stageHTTP                 // there is an HTTP response
	stageOK                   // its status is 200
	stageBody                 // the whole body is there
)

// at tells whether the stage was reached, and if that could not be told, why.
func (f *Facts) at(s stage) (reached bool, cause error) {
	if f.Lookup.Unknown() {
		return false, f.Lookup.Error
	}
	switch {
	case s == stageTXT:
		return true, nil
	case s == stageRecord:
		return len(f.Records) == 1, nil
	case len(f.Records) == 0:
		return false, nil
	}
	if !f.HostA.Found() && !f.HostAAAA.Found() {
		switch {
		case f.HostA.Unknown():
			return false, f.HostA.Error
		case f.HostAAAA.Unknown():
			return false, f.HostAAAA.Error
		}
		return s == stageHost, nil
	}
	if s == stageHost {
		return true, nil
	}
	if f.Fetch == nil {
		return false, check.Cause{Code: "mtasts-not-fetched"}
	}
	return f.Fetch.at(s)
}

func (t *Fetch) at(s stage) (bool, error) {
	because := func(code string) error {
		return check.Cause{Code: code, Params: check.Params{"URL": t.URL, "Detail": t.Detail}}
	}
	phase := map[string]stage{PhaseConnect: stageConnect, PhaseTLS: stageCert, PhaseHeaders: stageHTTP, PhaseBody: stageBody}[t.Phase]
	switch t.Error {
	case ErrOffline:
		return false, because("mtasts-offline")
	case ErrNetwork:
		return false, because("mtasts-no-route")
	case ErrTimeout:
		if s >= phase {
			return false, because("mtasts-timeout")
		}
		return true, nil
	case ErrRoots:
		if s >= stageCert {
			return false, because("mtasts-no-roots")
		}
		return true, nil
	case ErrSpecial:
		return false, nil
	case ErrConnect, ErrTLS, ErrTLSVersion:
		return s <= stageConnect, nil
	case ErrCertificate:
		return s <= stageCert, nil
	case ErrHeaders:
		return s < stageHTTP, nil
	case ErrHTTP: // no response, or a body that broke off
		return s < stageHTTP || s < stageBody && t.Status != 0 && (s < stageOK || t.Status == 200), nil
	case ErrTooLarge:
		return s < stageBody, nil
	}
	return s < stageOK || t.Status == 200, nil
}

// from are the facts as far as the stage.
func from(s stage) check.Stage[*Facts] {
	return func(f *Facts) (bool, error) { return f.at(s) }
}

// applies makes the Applies of a rule: the domain receives mail, and the stage
// was reached or nobody could tell.
func applies(s stage) func(*Facts) bool {
	return func(f *Facts) bool { return f.Profile.Receives() && from(s).Applies(f) }
}

// judge makes the Run of a rule: unknown where the stage could not be told,
// the judgement otherwise.
func judge(s stage, run func(*Facts, *check.Reporter)) func(*Facts, *check.Reporter) {
	return from(s).Judge(run)
}

// recordProblem reports the problems of the record that bear the rule's ID.
func recordProblem(id string, fix func(*Facts) *check.Fix) func(*Facts, *check.Reporter) {
	return judge(stageRecord, func(f *Facts, r *check.Reporter) {
		r.Problems(id, f.RecordProblems, func(p *Problem) check.Finding {
			finding := f.atRecord(nil)
			finding.Span = p.Span
			if fix != nil {
				finding.Fix = fix(f)
			}
			return finding
		})
	})
}

// policyProblem reports the problems of the policy file that bear the rule's ID.
func policyProblem(id string) func(*Facts, *check.Reporter) {
	return judge(stageBody, func(f *Facts, r *check.Reporter) {
		r.Problems(id, f.PolicyProblems, func(p *Problem) check.Finding { return f.inPolicy(p.Span) })
	})
}

// maxShown is how much of a policy file a finding carries.
const maxShown = 2 << 10

// inPolicy is a finding about part of the policy file. Of a file too long to
// carry along, it has the part alone.
func (f *Facts) inPolicy(span *check.Span) check.Finding {
	finding := check.Finding{Subject: f.Fetch.URL}
	body := f.Fetch.Body
	switch {
	case len(body) <= maxShown:
		finding.Record, finding.Span = string(body), span
	case span != nil:
		end := min(span.End, span.Start+maxShown)
		finding.Record = string(body[span.Start:end])
		finding.Span = &check.Span{Start: 0, End: end - span.Start}
	}
	return finding
}

// change is the fix of the record: old texts for new ones.
func (f *Facts) change(old, new []string) *check.Fix {
	return tlsfields.Change(RecordName(f.Domain), old, new)
}

// rewrite is the fix that publishes what was understood of the record.
func rewrite(f *Facts) *check.Fix {
	rec, _ := ParseRecord(f.Record)
	if rec.ID == "" {
		rec.ID = lenientID(f.Record)
	}
	if rec.ID == "" && f.Fetch != nil && len(f.Fetch.Body) > 0 {
		rec.ID = idFromPolicy(f.Fetch.Body)
	}
	if rec.ID == "" {
		return nil
	}
	return f.change([]string{f.Record}, []string{rec.String()})
}
