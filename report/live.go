package report

import (
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/score"
)

// Live is what DNS answers now, beside a report of what it would answer once
// records that are not published yet are.
type Live struct {
	Asked      bool         `json:"asked"` // false: nobody was asked, so there is nothing to compare with
	Score      *score.Score `json:"score"` // nil where nobody was asked
	Incomplete bool         `json:"incomplete"`
	Error      string       `json:"error"`
	New        []Changed    `json:"new"`   // findings that the change brings
	Fixed      []Changed    `json:"fixed"` // findings that it takes away
}

// Changed is a finding that only one of two audits has.
type Changed struct {
	Rule     string         `json:"rule"`
	Severity check.Severity `json:"severity"`
	Title    string         `json:"title"`
	Subject  string         `json:"subject"`
	Message  string         `json:"message"`
	Location *Location      `json:"location,omitempty"`
}

type findingKey struct{ rule, subject, variant string }

// Compare says what a change makes of a domain. What one of the two audits
// could not tell is neither new nor fixed. A nil live is an audit that was not
// made.
func Compare(after, live *Report) *Live {
	out := &Live{New: []Changed{}, Fixed: []Changed{}}
	if live == nil {
		return out
	}
	out.Asked, out.Score, out.Incomplete, out.Error = true, &live.Score, live.Incomplete, live.Error
	if after.Incomplete || live.Incomplete {
		return out
	}
	out.New = only(after, live)
	out.Fixed = only(live, after)
	return out
}

// only lists the findings of a that b does not have.
func only(a, b *Report) []Changed {
	have := map[findingKey]int{}
	told := map[string]bool{}
	for i := range b.Results {
		res := &b.Results[i]
		told[res.ID] = res.Status != check.Unknown
		for j := range res.Findings {
			f := &res.Findings[j]
			have[findingKey{res.ID, f.Subject, f.Variant}]++
			for _, c := range f.Consequences {
				have[findingKey{c.Rule, c.Subject, ""}]++ // still there, below its cause
			}
		}
	}
	list := []Changed{}
	for i := range a.Results {
		res := &a.Results[i]
		if !told[res.ID] {
			continue
		}
		for j := range res.Findings {
			f := &res.Findings[j]
			key, below := findingKey{res.ID, f.Subject, f.Variant}, findingKey{res.ID, f.Subject, ""}
			switch {
			case have[key] > 0:
				have[key]--
			case have[below] > 0:
				have[below]--
			default:
				list = append(list, Changed{res.ID, f.Severity, res.Title, f.Subject, f.Message, f.Location})
			}
		}
	}
	return list
}
