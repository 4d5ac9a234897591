package report

import "github.com/postseal/postseal/score"

// Live is how a domain stands now, beside the report of what it will be once
// records that are not published yet are. Since says what changes between.
type Live struct {
	Asked bool         `json:"asked"` // false: nobody was asked, so there is nothing to compare with
	Score *score.Score `json:"score"` // nil where nobody was asked, or the audit was cut short
	Error string       `json:"error"` // why it was, "" otherwise
}

// WhatIf compares the reports of a what-if with those of what is published; a
// nil live is an audit that was not made.
func WhatIf(live, after *Document) {
	if live == nil {
		for _, r := range after.Reports {
			r.Live = &Live{}
		}
		return
	}
	Compare(live, after)
	for i, r := range after.Reports {
		now := live.Reports[i]
		r.Live = &Live{Asked: true, Error: now.Error}
		if !now.Incomplete {
			r.Live.Score = &now.Score
		}
	}
}
