package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Error   *junitMessage `xml:"error"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes a test suite for each domain and in it a test case for
// each rule: failed where a finding is at or above the threshold of the run
// (error where it has none), skipped where the rule was not measured or does
// not apply. Milder and accepted findings are
// in the case's output. An audit that was cut short is an error of its suite.
func WriteJUnit(w io.Writer, d *Document) error {
	d = Normalise(d)
	failOn := check.Error
	if d.Exit.FailOn == "none" {
		failOn = check.Error + 1
	} else if s, err := check.ParseSeverity(d.Exit.FailOn); err == nil {
		failOn = s
	}
	all := junitSuites{Name: "postseal"}
	for _, r := range d.Reports {
		s := junitSuiteOf(r, failOn)
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
		all.Suites = append(all.Suites, s)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return fmt.Errorf("report: writing JUnit XML: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitSuiteOf(r *Report, failOn check.Severity) junitSuite {
	s := junitSuite{
		Name: Escape(r.Domain), Time: strconv.FormatFloat(float64(r.DurationMS)/1000, 'f', 3, 64), Timestamp: r.StartedAt.UTC().Format(time.RFC3339),
		Properties: []junitProperty{
			{"score", strconv.Itoa(r.Score.Value)}, {"grade", Escape(r.Score.Grade)}, {"coverage", strconv.Itoa(r.Score.Coverage)}, {"profile", string(r.Profile.Name)},
		},
	}
	if r.Incomplete || r.Error != "" {
		s.Cases = append(s.Cases, junitCase{Class: "postseal", Name: "audit", Error: &junitMessage{Message: Escape(r.Error)}})
		s.Errors++
	}
	flat := map[*Result][]flatFinding{}
	for _, f := range flatFindings(&Document{Reports: []*Report{r}}, true) {
		flat[f.res] = append(flat[f.res], f)
	}
	for i := range r.Results {
		c := junitCaseOf(&r.Results[i], flat[&r.Results[i]], failOn)
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Skipped != nil:
			s.Skipped++
		}
		s.Cases = append(s.Cases, c)
	}
	s.Tests = len(s.Cases)
	return s
}

func junitCaseOf(res *Result, findings []flatFinding, failOn check.Severity) junitCase {
	c := junitCase{Class: "postseal." + string(res.Standard), Name: res.ID}
	if res.Status == check.Unknown || res.Status == check.NotApplicable {
		c.Skipped = &junitMessage{Message: strings.TrimSpace(res.Status.String() + ": " + Escape(res.Cause))}
	}
	var failed, mild []string
	for _, f := range findings {
		text := f.Severity.String() + " " + Escape(f.Subject) + ": " + Escape(f.Message)
		if f.Fix != nil {
			for _, change := range f.Fix.Records {
				for _, v := range change.New {
					text += "\n  " + zoneLine(change.Name, change.Type, v)
				}
			}
		}
		switch {
		case f.Ignored != nil:
			mild = append(mild, "accepted ("+Escape(f.Ignored.Reason)+"): "+text)
		case f.Severity < failOn:
			mild = append(mild, text)
		default:
			if failed == nil {
				at := f.place()
				c.File, c.Line = at.File, at.Line
				c.Failure = &junitMessage{Message: Escape(f.Message), Type: f.Severity.String()}
			}
			failed = append(failed, text)
		}
	}
	if c.Failure != nil {
		c.Failure.Text = "\n" + strings.Join(failed, "\n") + "\n"
	}
	if mild != nil {
		c.Out = "\n" + strings.Join(mild, "\n") + "\n"
	}
	return c
}
