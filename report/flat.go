package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// flatFinding is a finding with what it stands in, for the formats that list
// findings one after another.
type flatFinding struct {
	report *Report
	res    *Result
	*Finding

	// nth counts the findings of one rule about one subject, from 1.
	nth int
}

// flatFindings lists the findings of a document in the order of its domains and
// rules; accepted ones only where they are asked for.
func flatFindings(d *Document, accepted bool) []flatFinding {
	var list []flatFinding
	for _, r := range d.Reports {
		for i := range r.Results {
			res := &r.Results[i]
			seen := map[string]int{}
			for j := range res.Findings {
				f := &res.Findings[j]
				// Counted before any is left out: accepting one finding must not rename another.
				seen[f.Subject]++
				if f.Ignored == nil || accepted {
					list = append(list, flatFinding{r, res, f, seen[f.Subject]})
				}
			}
		}
	}
	return list
}

// worstOfAll orders findings by severity, keeping the order of the document
// among equals.
func worstOfAll(list []flatFinding) []flatFinding {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b flatFinding) int { return cmp.Compare(b.Severity, a.Severity) })
	return list
}

// fingerprint tells a finding from every other and stays the same from run to
// run: no line number, no message, no language is in it. A rule that finds the
// same subject twice counts them.
func (f flatFinding) fingerprint() string {
	sum := sha256.Sum256([]byte(f.res.ID + "\x00" + f.report.Domain + "\x00" + f.Subject))
	return fmt.Sprintf("%s:%d", hex.EncodeToString(sum[:8]), f.nth)
}

// place is where a reviewer is sent: the record's own line in a file, else the
// line that names the domain, else a file that exists only as a name. Code
// scanners refuse a result without a relative path.
func (f flatFinding) place() Location {
	for _, l := range []*Location{f.Location, f.report.DeclaredAt} {
		if l != nil && l.File != "" {
			return Location{l.File, max(l.Line, 1), max(l.Column, 1)}
		}
	}
	return Location{"domains/" + f.report.Domain, 1, 1}
}

// relativeURI writes a path as a relative URI reference: no scheme, no colon,
// no leading slash, no dots that lead out.
func relativeURI(file string) string {
	file = path.Clean("/" + strings.ReplaceAll(file, `\`, "/"))
	parts := strings.Split(strings.Trim(file, "/"), "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(p), ":", "%3A")
	}
	if uri := strings.Join(parts, "/"); uri != "" {
		return uri
	}
	return "domains"
}

// openFindings counts the findings of each severity that nobody accepted.
func openFindings(r *Report) map[check.Severity]int {
	n := map[check.Severity]int{}
	for i := range r.Results {
		for j := range r.Results[i].Findings {
			if f := &r.Results[i].Findings[j]; f.Ignored == nil {
				n[f.Severity]++
			}
		}
	}
	return n
}

// severities lists them worst first.
var severities = []check.Severity{check.Error, check.Warning, check.Notice, check.Info}
