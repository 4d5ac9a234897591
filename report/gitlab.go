package report

import (
	"io"

	"github.com/postseal/postseal/check"
)

type gitlabIssue struct {
	Description string         `json:"description"`
	CheckName   string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string `json:"path"`
	Lines struct {
		Begin int `json:"begin"`
	} `json:"lines"`
}

// gitlabSeverities are the words of the Code Quality report format.
var gitlabSeverities = map[check.Severity]string{check.Error: "critical", check.Warning: "major", check.Notice: "minor", check.Info: "info"}

// WriteGitLab writes a GitLab Code Quality report: an entry for each finding
// that nobody accepted, with a fingerprint of its own.
func WriteGitLab(w io.Writer, d *Document) error {
	issues := []gitlabIssue{}
	for _, f := range flatFindings(Normalise(d), false) {
		at := f.place()
		issue := gitlabIssue{
			Description: Escape(f.report.Domain + ": " + f.Message), CheckName: f.res.ID,
			Fingerprint: f.fingerprint(), Severity: gitlabSeverities[f.Severity], Location: gitlabLocation{Path: at.File},
		}
		issue.Location.Lines.Begin = at.Line
		issues = append(issues, issue)
	}
	return EncodeJSON(w, issues)
}
