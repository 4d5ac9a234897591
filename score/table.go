package score

import (
	"slices"

	"github.com/postseal/postseal/check"
)

// Group is a category of a profile's table and its checks.
type Group struct {
	Name   string
	Checks []Check
}

// weight is that of all the checks in the group.
func (g Group) weight() int {
	sum := 0
	for _, c := range g.Checks {
		sum += c.Weight
	}
	return sum
}

// Check is one row: what is measured and what it weighs.
type Check struct {
	ID     CheckID
	Weight int
}

// CapRow is a cap: while its finding is open the score is at most Max.
type CapRow struct {
	ID  CapID
	Max int

	// Profiles that the cap holds in; none means all.
	Profiles []check.Profile

	// Absent are the checks that all come to nothing when the cap's finding is
	// plain absence. Score.Worst counts the cap where they were not measured.
	// Those that a profile does not have do not matter to it.
	Absent []CheckID

	// Either says that the finding is a conjunction, so that one step ends it
	// whoever's finding holds the cap open: with neither SPF nor DMARC,
	// publishing one of them is enough.
	Either bool
}

// GradeRow is a letter and the least score that earns it.
type GradeRow struct {
	Grade string
	Least int
}

// leastMeasured is the coverage below which a letter would be a guess.
const leastMeasured = 60

// noGrade stands where a letter would be a guess.
const noGrade = "–"

// The table. Everything below follows from it: the formula, the staircase, the
// docs page, `postseal explain score` and the report's last section. A change
// to any number bumps Version.

var gradeTable = []GradeRow{
	{"A+", 95}, {"A", 90}, {"B", 80}, {"C", 70}, {"D", 60}, {"E", 40}, {"F", 0},
}

var (
	dmarcGroup = Group{"dmarc", []Check{
		{"dmarc-record", 6}, {"dmarc-policy", 14}, {"dmarc-subdomains", 5}, {"dmarc-rua", 5},
	}}
	spfGroup = Group{"spf", []Check{
		{"spf-record", 8}, {"spf-limits", 6}, {"spf-all", 4}, {"spf-scope", 2},
	}}
	transitGroup = Group{"transit", []Check{
		{"transit-starttls", 6}, {"transit-tls", 4}, {"transit-policy", 8}, {"transit-tlsrpt", 2},
	}}
	dkimGroup = Group{"dkim", []Check{
		{"dkim-key", 8}, {"dkim-strength", 5}, {"dkim-hygiene", 2},
	}}
	dnsGroup = Group{"dns", []Check{
		{"dns-dnssec", 7}, {"dns-mx", 4}, {"dns-servers", 4},
	}}
)

// Which checks a profile has depends on nothing but the profile. The choices
// for send-only and receive-only: docs/decisions/0001-score-profiles.md.
var profileTable = map[check.Profile][]Group{
	check.ProfileMail:     {dmarcGroup, spfGroup, transitGroup, dkimGroup, dnsGroup},
	check.ProfileSendOnly: {dmarcGroup, spfGroup, dkimGroup, dnsGroup},
	check.ProfileReceiveOnly: {
		dmarcGroup,
		{"spf", []Check{{"spf-closed", 20}}},
		transitGroup, dnsGroup,
	},
	check.ProfileParked: {
		{"dmarc", []Check{{"dmarc-record", 10}, {"dmarc-reject", 20}, {"dmarc-subdomains", 10}}},
		{"spf", []Check{{"spf-closed", 30}}},
		{"dns", []Check{{"mx-null", 20}, {"dns-dnssec", 6}, {"dns-servers", 4}}},
	},
}

var capTable = []CapRow{
	{ID: "spf-pass-all", Max: 19},
	{
		ID: "no-spf-no-dmarc", Max: 19, Either: true,
		Absent: []CheckID{"spf-record", "spf-closed", "dmarc-record"},
	},
	{ID: "dmarc-missing", Max: 39, Absent: []CheckID{"dmarc-record"}},
	{ID: "dnssec-bogus", Max: 39},
	{ID: "takeover", Max: 39},
	{
		ID: "spf-broken", Max: 59, Absent: []CheckID{"spf-record"},
		Profiles: []check.Profile{check.ProfileMail, check.ProfileSendOnly},
	},
	{ID: "dkim-broken-key", Max: 59},
	{ID: "transit-promise-broken", Max: 59},
	{ID: "dmarc-none", Max: 69, Absent: []CheckID{"dmarc-policy", "dmarc-reject"}},
	{ID: "starttls-missing", Max: 79, Absent: []CheckID{"transit-starttls"}},
}

// Groups are the categories of a profile in report order; an unknown profile
// counts as mail. Treat them as read-only.
func Groups(p check.Profile) []Group {
	if g, ok := profileTable[p]; ok {
		return g
	}
	return profileTable[check.ProfileMail]
}

// capsIn are the caps that hold in a profile, lowest first.
func capsIn(p check.Profile) []CapRow {
	if p == check.ProfileUnknown {
		p = check.ProfileMail
	}
	var rows []CapRow
	for _, c := range capTable {
		if len(c.Profiles) == 0 || slices.Contains(c.Profiles, p) {
			rows = append(rows, c)
		}
	}
	return rows
}

// gradeOf is the letter of a score that enough was measured for.
func gradeOf(value int) string {
	for _, g := range gradeTable {
		if value >= g.Least {
			return g.Grade
		}
	}
	return gradeTable[len(gradeTable)-1].Grade
}

// capRow finds the cap in the profile; nil where the profile does not have it.
// A cap that no profile has is a programming mistake and panics: passing over
// it would hand out a better letter than the domain has earned.
func capRow(p check.Profile, id CapID) *CapRow {
	i := slices.IndexFunc(capTable, func(c CapRow) bool { return c.ID == id })
	if i < 0 {
		panic("score: no cap " + string(id) + " in the table")
	}
	c := &capTable[i]
	if p == check.ProfileUnknown {
		p = check.ProfileMail
	}
	if len(c.Profiles) > 0 && !slices.Contains(c.Profiles, p) {
		return nil
	}
	return c
}
