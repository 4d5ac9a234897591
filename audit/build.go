package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/mx"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/score"
	"github.com/postseal/postseal/zone"
)

// Build scores an outcome and makes the report of it in one language.
func Build(out *Outcome, l *locale.Localizer) (*report.Report, error) {
	f := out.Facts
	state, scored := out.score()
	candidates := steps(f, out.Results, state)
	results := report.Results(out.Results, l)
	marked := &report.Report{Results: results}
	silent := report.Accept(marked, out.Request.Accepted)
	candidates = slices.DeleteFunc(candidates, func(s step) bool { return silent[s.Rule] })

	keys := secrets(out.Queries)
	rep := &report.Report{
		Domain:        f.Domain.String(),
		DomainUnicode: f.Domain.Unicode(),
		StartedAt:     out.Started.UTC().Truncate(time.Second),
		DurationMS:    out.Took.Milliseconds(),
		Profile: report.Profile{
			Name: f.Profile, Source: out.Inference.Source,
			Reason: l.Text("profile.reason."+out.Inference.Reason, nil),
		},
		Score:       scored,
		Results:     results,
		AcceptedAt:  marked.AcceptedAt,
		NextSteps:   certain(nextSteps(state, candidates, l), out.Results, scored, l),
		NotMeasured: notMeasured(scored, l),
		Queries:     queries(out.Queries, keys),
		Network:     network(out),

		SenderRequirements: senderRequirements(f, out.Results, l),
	}
	rep.Profile.Bulk = f.Bulk
	code, params := verdict(f, state, scored)
	if code == "takeover" {
		params["Target"] = subjectOf(out.Results, params["Target"].(string))
	}
	rep.Verdict = report.Verdict{Code: code, Text: l.Text("verdict."+code, params)}
	if c, nothing := unanswered(f); nothing {
		rep.Incomplete = true
		rep.Error = l.Text("audit.nothing-answered", check.Params{"Cause": l.Cause(c)})
	}
	if d := out.Request.Reports; d != nil {
		b, err := json.Marshal(d)
		if err != nil {
			return nil, fmt.Errorf("audit: reports of %s: %w", f.Domain, err)
		}
		rep.DMARCReports = &report.DMARCReports{RawMessage: b}
	}
	facts, err := marshalFacts(f, keys)
	if err != nil {
		return nil, fmt.Errorf("audit: facts of %s: %w", f.Domain, err)
	}
	rep.Facts = facts
	return rep, nil
}

// unanswered tells that not one of the domain's own records could be looked
// up: there is nothing to judge.
func unanswered(f *Facts) (check.Cause, bool) {
	own := []*dns.Lookup{&f.SPF.Lookup, &f.MX.Lookup}
	for _, s := range f.DMARC.Steps {
		if s.Lookup.Name.IsUnder(f.Domain) { // what a parent publishes says nothing here
			own = append(own, &s.Lookup)
		}
	}
	for _, l := range own {
		if !l.Unknown() {
			return check.Cause{}, false
		}
	}
	return check.CauseOf(own[0].Error), true
}

// Unfinished is the report of an audit that was cut short.
func Unfinished(req Request, now time.Time, why string, l *locale.Localizer) *report.Report {
	s := score.Compute(score.State{Profile: req.Profile})
	return &report.Report{
		Domain: req.Domain.String(), DomainUnicode: req.Domain.Unicode(),
		StartedAt: now.UTC().Truncate(time.Second),
		Profile:   report.Profile{Name: req.Profile, Source: "inferred", Reason: l.Text("profile.reason.mx-unknown", nil)},
		Score:     s,
		Verdict:   report.Verdict{Code: "not-told", Text: l.Text("verdict.not-told", check.Params{"Domain": req.Domain.Unicode()})},
		Results:   []report.Result{}, NextSteps: []report.NextStep{}, NotMeasured: notMeasured(s, l), Queries: []report.Query{},
		Facts: map[string]json.RawMessage{}, Incomplete: true, Error: why,
	}
}

// mxFacts are the facts of the mail hosts, and of the zone around them.
type mxFacts struct {
	*mx.Facts
	Zone *zone.Facts `json:"zone"`
}

func marshalFacts(f *Facts, keys [][]byte) (map[string]json.RawMessage, error) {
	facts := map[string]json.RawMessage{}
	for standard, v := range map[check.Standard]any{
		check.SPF: f.SPF, check.DKIM: f.DKIM, check.DMARC: f.DMARC, check.MTASTS: f.MTASTS, check.TLSRPT: f.TLSRPT,
		check.MX: mxFacts{f.MX, f.Zone}, check.DNSSEC: f.DNSSEC, check.DANE: f.DANE, check.BIMI: f.BIMI, check.STARTTLS: f.STARTTLS,
	} {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", standard, err)
		}
		facts[string(standard)] = hide(b, keys)
	}
	return facts, nil
}

// certain adds the steps that are right whatever the part of the score that
// they serve turns out to be: it was not measured, so they promise no points.
// They come after the quick steps that earn some.
func certain(list []report.NextStep, results []check.Result, s score.Score, l *locale.Localizer) []report.NextStep {
	missing := index(results)["dmarc-missing"]
	if missing == nil || missing.Status != check.Fail {
		return list
	}
	for _, f := range missing.Findings {
		if f.Variant != "own" || f.Fix == nil {
			continue
		}
		step := report.NextStep{
			Rule: missing.Rule.ID, Title: l.Text("step.dmarc-record-open", nil), Effort: "minutes",
			ScoreAfter: s.Value, GradeAfter: s.Grade, Records: f.Fix.Records,
		}
		at := slices.IndexFunc(list, func(n report.NextStep) bool { return n.Effort != "minutes" })
		if at < 0 {
			at = len(list)
		}
		if at > 0 {
			step.ScoreAfter, step.GradeAfter = list[at-1].ScoreAfter, list[at-1].GradeAfter
		}
		list = slices.Insert(list, at, step)
	}
	return list
}

func nextSteps(state score.State, candidates []step, l *locale.Localizer) []report.NextStep {
	plain := make([]score.Step, len(candidates))
	records := map[string][]check.RecordChange{}
	for i, c := range candidates {
		plain[i] = c.Step
		records[c.Name] = c.Records
	}
	efforts := map[score.Effort]string{score.Minutes: "minutes", score.Hours: "hours", score.Weeks: "weeks"}
	list := []report.NextStep{}
	for _, st := range score.Staircase(state, plain) {
		list = append(list, report.NextStep{
			Rule: st.Rule, Title: l.Text("step."+st.Name, nil), Effort: efforts[st.Effort],
			Gain: st.Gain, ScoreAfter: st.ScoreAfter, GradeAfter: st.GradeAfter, Records: records[st.Name],
		})
	}
	return list
}

func notMeasured(s score.Score, l *locale.Localizer) []report.Missing {
	list := []report.Missing{}
	for _, c := range s.Categories {
		for _, line := range c.Checks {
			if line.Measured {
				continue
			}
			m := report.Missing{Check: string(line.ID), Weight: line.Weight}
			if line.Cause != nil {
				m.Cause = l.Cause(*line.Cause)
			}
			list = append(list, m)
		}
	}
	return list
}

// network counts what the domain's answers took, whoever asked for them first:
// domains of one run share answers.
func network(out *Outcome) report.Network {
	n := report.Network{DNSQueries: len(out.Queries)}
	for _, q := range out.Queries {
		switch {
		case q.Answer != nil:
			n.DNSPackets += q.Answer.Packets
		case q.Error != nil:
			n.DNSPackets += q.Error.Packets
		}
	}
	for _, f := range []*mtasts.Fetch{out.Facts.MTASTS.Fetch, out.Facts.MTASTS.Unannounced} { // never both
		if f != nil && f.Addr.IsValid() {
			n.HTTPSRequests++
		}
	}
	for _, h := range out.Facts.STARTTLS.Hosts {
		for _, s := range h.Sessions {
			if s.Status != "not-asked" && s.Status != "special-address" {
				n.SMTPConnections++
			}
			if s.Handshakes != nil {
				n.SMTPConnections += len(s.Handshakes.Tried)
			}
		}
	}
	return n
}

func queries(lookups []dns.Lookup, keys [][]byte) []report.Query {
	list := make([]report.Query, len(lookups))
	for i, q := range lookups {
		row := report.Query{Name: q.Name.String(), Type: q.Type.String(), State: string(q.State), Answer: []string{}}
		if a := q.Answer; a != nil {
			row.TTL, row.AD, row.Server, row.TookMS = a.TTLSec, a.AD, a.Server, a.TookMS
			for _, c := range a.Chain {
				row.Answer = append(row.Answer, "CNAME "+c.FQDN())
			}
			for _, r := range a.Records {
				row.Answer = append(row.Answer, string(hide([]byte(r.Data), keys)))
			}
		}
		if q.Error != nil {
			row.Error = q.Error.Error()
			row.Server = q.Error.Server
		}
		list[i] = row
	}
	return list
}

func subjectOf(all []check.Result, rule string) string {
	for _, r := range all {
		if r.Rule.ID == rule && len(r.Findings) > 0 {
			return r.Findings[0].Subject
		}
	}
	return ""
}
