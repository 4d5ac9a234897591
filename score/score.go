// Package score is the formula: from what was measured to one number, one
// letter and the staircase of next steps. It knows weights and caps and nothing
// of DNS. Everything it needs stands in one data table, from which the docs and
// the report's last section are made too.
//
// score = floor(min(100 × Σ w·f / Σ w over measured checks, lowest open cap)).
package score

import "github.com/postseal/postseal/check"

// Version is the version of the table; it changes with any weight, cap or threshold.
const Version = 1

// Part is a fraction of a check's weight in 28ths, so that halves, sevenths
// and fourteenths are exact: 28 is full, 20 is 10/14, 14 a half.
type Part int

// The parts that the table speaks of.
const (
	Nothing Part = 0
	Half    Part = 14
	Most    Part = 20 // 10/14: quarantine
	Full    Part = 28
)

// Measure is what was measured of one check. The zero value is not measured.
type Measure struct {
	Known bool
	Part  Part
	Cause check.Cause // why not, when not Known
}

// Of is a measured part.
func Of(p Part) Measure { return Measure{Known: true, Part: p} }

// Not is a check that could not be measured.
func Not(c check.Cause) Measure { return Measure{Cause: c} }

// CheckID names a row of the table, such as "dmarc-policy".
type CheckID string

// CapID names a cap of the table, such as "spf-pass-all".
type CapID string

// OpenCap is a cap that holds now, and the rule whose finding holds it open.
type OpenCap struct {
	ID   CapID
	Rule string
}

// State is all that decides a score.
type State struct {
	Profile  check.Profile // unknown counts as mail
	Measures map[CheckID]Measure
	Caps     []OpenCap
}

// Score is the number and all that explains it.
type Score struct {
	Value      int        `json:"value"`    // 0 to 100
	Grade      string     `json:"grade"`    // A+ A B C D E F; "–" under 60 measured points
	Coverage   int        `json:"coverage"` // points measured, of 100, rounded down
	Best       int        `json:"best"`     // if everything not measured were perfect
	Worst      int        `json:"worst"`    // if it were absent
	Caps       []Cap      `json:"caps"`     // open ones, lowest first
	Categories []Category `json:"categories"`
}

// Cap is an open cap as a report shows it.
type Cap struct {
	Rule string `json:"rule"`
	Cap  int    `json:"cap"`
	ID   CapID  `json:"id"`
}

// Category is one group of checks.
type Category struct {
	Name     string  `json:"name"`     // "dmarc", "spf", "transit", "dkim", "dns"
	Weight   int     `json:"weight"`   // of all its checks
	Measured int     `json:"measured"` // weight of those measured
	Points   float64 `json:"points"`   // reached
	Checks   []Line  `json:"checks"`
}

// Line is one check of a category.
type Line struct {
	ID       CheckID      `json:"id"`
	Weight   int          `json:"weight"`
	Points   float64      `json:"points"`
	Measured bool         `json:"measured"`
	Cause    *check.Cause `json:"-"` // why not measured
}

// Effort orders steps of equal gain.
type Effort int

// The efforts, least first.
const (
	Minutes Effort = iota + 1 // one record at the DNS provider
	Hours                     // a server or provider setting
	Weeks                     // something to watch before the next move
)

// Step is one fix: what it sets and which caps it closes.
type Step struct {
	Rule   string // whose finding it mends
	Name   string // distinguishes several steps of one rule
	Effort Effort
	Sets   map[CheckID]Part // measured at least so once done
	Closes []CapID          // those that Rule holds open, or that no other step's rule does
	Opens  []OpenCap        // caps that hold once it is done: p=none ends dmarc-missing and opens dmarc-none
	After  []string         // names of steps that must come first
}

// Stair is a step in its place.
type Stair struct {
	Step
	Gain       int
	ScoreAfter int
	GradeAfter string
}
