package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// state is what a report says of a whole standard, always as symbol and word.
type state struct{ Code, Symbol string }

var (
	stateOK      = state{"ok", "✓"}
	stateWarning = state{"warning", "!"}
	stateError   = state{"error", "✗"}
	stateNotice  = state{"notice", "•"}
	stateUnknown = state{"unknown", "?"}
	statePartly  = state{"partly", "?"}
	stateNone    = state{"none", "–"}

	// stateAccepted: all that is wrong here was accepted by the user.
	stateAccepted = state{"accepted", "–"}
)

// severityState is how a finding of that severity is marked.
func severityState(s check.Severity) state {
	switch s {
	case check.Error:
		return stateError
	case check.Warning:
		return stateWarning
	case check.Notice:
		return stateNotice
	default:
		return state{"info", "i"}
	}
}

// standing is one standard of one domain summed up.
type standing struct {
	Standard check.Standard
	State    state
	Results  []*Result
	Counts   map[check.Severity]int // findings that are not ignored
	Passed   []*Result
	Unknown  []*Result
	NA       []*Result
	Ignored  int      // findings that the user accepts
	Worst    *Finding // the first of the worst; nil when nothing is wrong
	WorstIn  *Result

	// Elsewhere is the worst that is wrong here and told elsewhere: the
	// consequence of a finding of another standard. nil for none.
	Elsewhere *Consequence
}

// standings sums up each standard that has results or facts, in report order.
func standings(r *Report) []*standing {
	var list []*standing
	at := func(std check.Standard) *standing {
		for _, s := range list {
			if s.Standard == std {
				return s
			}
		}
		s := &standing{Standard: std, Counts: map[check.Severity]int{}}
		list = append(list, s)
		return s
	}
	for _, std := range check.Standards {
		if raw := r.Facts[string(std)]; len(raw) > 0 && string(raw) != "null" {
			at(std)
		}
	}
	for i := range r.Results {
		res := &r.Results[i]
		s := at(res.Standard)
		s.Results = append(s.Results, res)
		switch res.Status {
		case check.Pass:
			s.Passed = append(s.Passed, res)
		case check.Unknown:
			s.Unknown = append(s.Unknown, res)
		case check.NotApplicable:
			s.NA = append(s.NA, res)
		}
		for j := range res.Findings {
			f := &res.Findings[j]
			if f.Ignored != nil {
				s.Ignored++
				continue
			}
			s.Counts[f.Severity]++
			if s.Worst == nil || f.Severity > s.Worst.Severity {
				s.Worst, s.WorstIn = f, res
			}
		}
	}
	for _, s := range list {
		s.Elsewhere = elsewhere(r, s)
		s.State = s.judge()
		if s.Standard == check.DANE && s.State == stateOK && noTLSA(r) {
			s.State = stateNone // nothing is wrong with records that are not there, and nothing good either
		}
	}
	slices.SortStableFunc(list, func(a, b *standing) int { return standardOrder(a.Standard) - standardOrder(b.Standard) })
	return list
}

// noTLSA tells that every mail host was looked at and has no TLSA record.
func noTLSA(r *Report) bool {
	v := factsOf[daneView](r, "dane")
	if v == nil {
		return false
	}
	for _, h := range v.Hosts {
		if h == nil || h.Lookup.State != "nxdomain" && h.Lookup.State != "nodata" {
			return false
		}
	}
	return true
}

// elsewhere finds the worst consequence that stands below another standard's finding.
func elsewhere(r *Report, s *standing) *Consequence {
	own := map[string]bool{}
	for _, res := range s.Results {
		own[res.ID] = true
	}
	var worst *Consequence
	for i := range r.Results {
		if r.Results[i].Standard == s.Standard {
			continue
		}
		for j := range r.Results[i].Findings {
			f := &r.Results[i].Findings[j]
			for k := range f.Consequences {
				c := &f.Consequences[k]
				if f.Ignored == nil && own[c.Rule] && (worst == nil || c.Severity > worst.Severity) {
					worst = c
				}
			}
		}
	}
	return worst
}

// has tells that something of that severity is wrong, told here or elsewhere.
func (s *standing) has(severity check.Severity) bool {
	return s.Counts[severity] > 0 || s.Elsewhere != nil && s.Elsewhere.Severity == severity
}

func standardOrder(s check.Standard) int {
	if i := slices.Index(check.Standards, s); i >= 0 {
		return i
	}
	return len(check.Standards)
}

// judge never calls good what was not seen.
func (s *standing) judge() state {
	switch {
	case s.has(check.Error):
		return stateError
	case s.has(check.Warning):
		return stateWarning
	case len(s.Unknown) > 0 && len(s.Passed) == 0 && s.Worst == nil:
		return stateUnknown
	case len(s.Unknown) > 0:
		return statePartly
	case s.has(check.Notice):
		return stateNotice
	case s.Worst == nil && s.Ignored > 0:
		return stateAccepted
	case len(s.Passed) == 0: // but for facts to know, there is nothing here
		return stateNone
	default:
		return stateOK
	}
}

// worstFinding is the finding that a one-line summary of a domain names: of
// the most severe ones the one that holds the score down, or whose mending
// comes first.
func worstFinding(r *Report) (*Result, *Finding) {
	weight := func(res *Result, f *Finding) int {
		n := int(f.Severity) * 1000
		for i, c := range r.Score.Caps {
			if c.Rule == res.ID {
				return n + 900 - i
			}
		}
		for i, s := range r.NextSteps {
			if s.Rule == res.ID {
				return n + max(0, 800-i)
			}
		}
		return n
	}
	var in *Result
	var worst *Finding
	for i := range r.Results {
		res := &r.Results[i]
		for j := range res.Findings {
			f := &res.Findings[j]
			if f.Ignored == nil && (worst == nil || weight(res, f) > weight(in, worst)) {
				in, worst = res, f
			}
		}
	}
	return in, worst
}

// worstFirst orders reports by score, what could not be scored after what
// scored zero, then by name.
func worstFirst(reports []*Report) []*Report {
	list := slices.Clone(reports)
	slices.SortStableFunc(list, func(a, b *Report) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Domain, b.Domain))
	})
	return list
}

func rank(r *Report) int {
	if ungraded(r) {
		return 101
	}
	return r.Score.Value
}

// ungraded tells that too little was measured for a grade.
func ungraded(r *Report) bool { return r.Score.Grade == "" || r.Score.Grade == "–" }

// grades lists the letters from best to worst, the missing grade last.
var grades = []string{"A+", "A", "B", "C", "D", "E", "F", "–"}

// gradeTone is the colour of a grade.
func gradeTone(grade string) string {
	switch grade {
	case "A+", "A", "B":
		return "ok"
	case "C", "D":
		return "warning"
	case "E", "F":
		return "error"
	default:
		return "muted"
	}
}

// ruleTitle is the title of a rule as the report's own results give it.
func ruleTitle(r *Report, id string) string {
	for i := range r.Results {
		if r.Results[i].ID == id {
			return r.Results[i].Title
		}
	}
	return id
}

// checkStandard says under which standard a check of the score is shown.
func checkStandard(id string) check.Standard {
	switch id {
	case "transit-starttls", "transit-tls":
		return check.STARTTLS
	case "transit-policy":
		return check.MTASTS
	case "transit-tlsrpt":
		return check.TLSRPT
	case "dns-dnssec":
		return check.DNSSEC
	case "dns-mx", "dns-servers", "mx-null":
		return check.MX
	}
	prefix, _, _ := strings.Cut(id, "-")
	return check.Standard(prefix)
}

// notMeasuredWeight sums the points that stay out of the score.
func notMeasuredWeight(r *Report) int {
	n := 0
	for _, m := range r.NotMeasured {
		n += m.Weight
	}
	return n
}
