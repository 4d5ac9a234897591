package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
)

// flatFormats are the formats for programs, as functions of document and language.
var flatFormats = map[string]func(io.Writer, *Document, string) error{
	"ndjson":     func(w io.Writer, d *Document, _ string) error { return WriteNDJSON(w, d) },
	"csv":        func(w io.Writer, d *Document, _ string) error { return WriteCSV(w, d) },
	"markdown":   WriteMarkdown,
	"junit":      func(w io.Writer, d *Document, _ string) error { return WriteJUnit(w, d) },
	"sarif":      func(w io.Writer, d *Document, lang string) error { return WriteSARIF(w, d, SARIFOptions{Lang: lang}) },
	"github":     WriteGitHub,
	"gitlab":     func(w io.Writer, d *Document, _ string) error { return WriteGitLab(w, d) },
	"prometheus": func(w io.Writer, d *Document, _ string) error { return WritePrometheus(w, d) },
	"nagios":     WriteNagios,
}

func written(t *testing.T, name string, d *Document, lang string) string {
	t.Helper()
	var b bytes.Buffer
	if err := flatFormats[name](&b, d, lang); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b.String()
}

func TestFormatsGolden(t *testing.T) {
	for name := range flatFormats {
		for _, lang := range []string{"en", "pt-BR"} {
			for _, doc := range []string{"typical", "broken"} {
				golden(t, doc+"."+lang+"."+name, []byte(written(t, name, fixture(t, doc, lang), lang)))
			}
			if name == "ndjson" {
				continue // TestNDJSONLines; the file would be large and say nothing
			}
			golden(t, "several."+lang+"."+name, []byte(written(t, name, several(t, lang), lang)))
		}
	}
}

// TestFormatsHoldStrangers: nothing of a stranger's record reaches a log or a
// page that could move the cursor, hide text or begin a command of its own.
func TestFormatsHoldStrangers(t *testing.T) {
	for name := range flatFormats {
		for i, line := range strings.Split(written(t, name, fixture(t, "hostile", "en"), "en"), "\n") {
			line = strings.TrimSuffix(line, "\r")
			if !utf8.ValidString(line) || strings.ContainsFunc(line, hides) {
				t.Errorf("%s line %d: %q", name, i+1, line)
			}
			if name == "github" && !strings.HasPrefix(line, "::") && line != "" && !strings.HasPrefix(line, "and ") {
				t.Errorf("github line %d is no command: %q", i+1, line)
			}
		}
	}
	d := fixture(t, "typical", "en")
	f := &d.Reports[0].Results[indexOfFailed(d)].Findings[0]
	f.Message = "a | b <script> @someone #12 `x` [y](javascript:z) https://evil.example www.evil.example ::error::x %0A::stop"
	f.Subject = "=cmd|'/c calc'!A1"
	md := written(t, "markdown", d, "en")
	for _, bad := range []string{"<script", "@someone", " [y", "https://evil", "www.evil", " #12"} {
		if strings.Contains(md, bad) {
			t.Errorf("markdown holds %q", bad)
		}
	}
	if gh := written(t, "github", d, "en"); strings.Contains(gh, "%0A::stop") || !strings.Contains(gh, "%250A::stop") {
		t.Errorf("github: the percent sign of a record is read as an escape:\n%s", gh)
	}
	if c := written(t, "csv", d, "en"); strings.Contains(c, ",=cmd") {
		t.Error("csv: a cell begins like a formula")
	}
	if n := written(t, "nagios", d, "en"); strings.Count(strings.SplitN(n, "\n", 2)[0], "|") != 1 || strings.Contains(strings.SplitN(n, "\n", 2)[1], "|") {
		t.Errorf("nagios: a bar of a record is read as the beginning of numbers:\n%s", n)
	}
}

func indexOfFailed(d *Document) int {
	for i, r := range d.Reports[0].Results {
		if r.Status == check.Fail && r.Severity == check.Warning {
			return i
		}
	}
	panic("no warning")
}

func TestNDJSONLines(t *testing.T) {
	d := several(t, "en")
	lines := strings.Split(strings.TrimSuffix(written(t, "ndjson", d, "en"), "\n"), "\n")
	if len(lines) != len(d.Reports) {
		t.Fatalf("%d lines of %d domains", len(lines), len(d.Reports))
	}
	for i, l := range lines {
		var got struct {
			SchemaVersion string `json:"schema_version"`
			Domain        string
			Results       []Result
		}
		if err := json.Unmarshal([]byte(l), &got); err != nil || got.SchemaVersion != SchemaVersion || got.Domain != d.Reports[i].Domain || len(got.Results) != len(d.Reports[i].Results) {
			t.Errorf("line %d: %v, %q, %d results", i+1, err, got.Domain, len(got.Results))
		}
	}
}

func TestCSVRows(t *testing.T) {
	d := several(t, "en")
	rows, err := csv.NewReader(strings.NewReader(written(t, "csv", d, "en"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := 1 // the names of the columns
	for _, r := range d.Reports {
		want += max(1, len(flatFindings(&Document{Reports: []*Report{r}}, true)))
	}
	if len(rows) != want || len(rows[0]) != len(csvColumns) {
		t.Errorf("%d rows of %d columns, want %d of %d", len(rows), len(rows[0]), want, len(csvColumns))
	}
}

// TestJUnitCounts: the attributes count what is there, for every threshold.
func TestJUnitCounts(t *testing.T) {
	for _, failOn := range []string{"", "none", "error", "warning", "notice", "info"} {
		d := several(t, "en")
		d.Exit.FailOn = failOn
		var got junitSuites
		if err := xml.Unmarshal([]byte(written(t, "junit", d, "en")), &got); err != nil {
			t.Fatal(err)
		}
		least := check.Error
		if s, err := check.ParseSeverity(failOn); err == nil {
			least = s
		}
		want := 0
		for _, r := range d.Reports {
			for _, res := range r.Results {
				for _, f := range res.Findings {
					if f.Ignored == nil && f.Severity >= least && failOn != "none" {
						want++
						break
					}
				}
			}
		}
		failures, skipped, tests := 0, 0, 0
		for _, s := range got.Suites {
			for _, c := range s.Cases {
				tests++
				if c.Failure != nil {
					failures++
				}
				if c.Skipped != nil {
					skipped++
				}
			}
		}
		if failures != want || got.Failures != want || got.Tests != tests || got.Skipped != skipped {
			t.Errorf("--fail-on %s: %d failures (%d said), want %d; %d tests (%d said), %d skipped (%d said)", failOn, failures, got.Failures, want, tests, got.Tests, skipped, got.Skipped)
		}
	}
}

// TestFingerprints are unique and move neither with the language nor when a
// finding before them is accepted.
func TestFingerprints(t *testing.T) {
	prints := func(d *Document) map[string]string {
		m := map[string]string{}
		for _, f := range flatFindings(d, false) {
			if other, ok := m[f.fingerprint()]; ok {
				t.Errorf("%s and %s %s share a fingerprint", other, f.res.ID, f.Subject)
			}
			m[f.fingerprint()] = f.res.ID + " " + f.Subject
		}
		return m
	}
	en := several(t, "en")
	// The same rule twice about one subject.
	res := &en.Reports[0].Results[0]
	res.Status, res.Findings = check.Fail, []Finding{{Subject: "x.example", Severity: check.Error}, {Subject: "x.example", Severity: check.Error}}
	before := prints(en)
	res.Findings[0].Ignored = &Ignored{Reason: "known"}
	after := prints(en)
	if len(after) != len(before)-1 {
		t.Fatalf("%d fingerprints, want %d", len(after), len(before)-1)
	}
	for p, who := range after {
		if before[p] != who {
			t.Errorf("%s was %q and is %q", p, before[p], who)
		}
	}
	pt := prints(fixture(t, "broken", "pt-BR"))
	for p := range prints(fixture(t, "broken", "en")) {
		if pt[p] == "" {
			t.Errorf("%s is not among the Portuguese ones", p)
		}
	}
	var issues []gitlabIssue
	if err := json.Unmarshal([]byte(written(t, "gitlab", several(t, "en"), "en")), &issues); err != nil || len(issues) == 0 {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, i := range issues {
		if seen[i.Fingerprint] || i.Location.Path == "" || i.Location.Lines.Begin < 1 || i.Severity == "" {
			t.Errorf("%+v", i)
		}
		seen[i.Fingerprint] = true
	}
}

// TestMarkdownFits: a step summary that is too long would be lost as a whole.
func TestMarkdownFits(t *testing.T) {
	d := fixture(t, "broken", "en")
	one := *d.Reports[0]
	d.Reports = nil
	for i := range 5000 {
		r := one
		r.Domain = fmt.Sprintf("domain-%d.example", i)
		d.Reports = append(d.Reports, &r)
	}
	md := written(t, "markdown", d, "en")
	if len(md) > markdownMax || len(md) < markdownMax/2 {
		t.Errorf("%d octets of at most %d", len(md), markdownMax)
	}
	if strings.Count(md, "<details>") != strings.Count(md, "</details>") || !strings.Contains(md, "more domains") {
		t.Error("cut in the middle, or without a word")
	}
	d.Reports = d.Reports[:1]
	res := &d.Reports[0].Results[0]
	for i := range 20_000 {
		res.Findings = append(res.Findings, Finding{Subject: fmt.Sprint(i), Severity: check.Info, Message: strings.Repeat("x", 100)})
	}
	if md := written(t, "markdown", d, "en"); len(md) > markdownMax {
		t.Errorf("one domain: %d octets of at most %d", len(md), markdownMax)
	}
}

// TestExposition holds the output to the grammar of the text format: a family
// is together, typed once, and no sample comes twice.
func TestExposition(t *testing.T) {
	text := written(t, "prometheus", several(t, "en"), "en")
	sample := regexp.MustCompile(`^([a-z_]+)\{domain="(?:[^"\\]|\\.)*"(?:,[a-z]+="(?:[^"\\]|\\.)*")*\} -?[0-9.]+$`)
	family, closed, seen := "", map[string]bool{}, map[string]bool{}
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		if name, ok := strings.CutPrefix(l, "# HELP "); ok {
			closed[family] = true
			family, _, _ = strings.Cut(name, " ")
			if closed[family] {
				t.Errorf("family %s is written twice", family)
			}
			continue
		}
		if strings.HasPrefix(l, "# TYPE ") {
			continue
		}
		m := sample.FindStringSubmatch(l)
		if m == nil || m[1] != family {
			t.Errorf("in family %s: %q", family, l)
			continue
		}
		labels := l[:strings.LastIndexByte(l, ' ')]
		if seen[labels] {
			t.Errorf("twice: %s", labels)
		}
		seen[labels] = true
	}
	for _, want := range []string{"postseal_up{", "postseal_score{", "postseal_findings{", "postseal_spf_lookups{", "postseal_mx_cert_expiry_timestamp_seconds{", "postseal_dkim_key_bits{"} {
		if !strings.Contains(text, want) {
			t.Errorf("no sample of %s", want)
		}
	}
}

func TestNagiosStates(t *testing.T) {
	make := func(value, coverage int, grade string, severity check.Severity) *Report {
		r := &Report{Domain: "a.example", StartedAt: time.Unix(0, 0)}
		r.Score.Value, r.Score.Coverage, r.Score.Grade = value, coverage, grade
		if severity > 0 {
			r.Results = []Result{{ID: "x", Status: check.Fail, Findings: []Finding{{Subject: "a", Severity: severity}}}}
		}
		return r
	}
	for _, tt := range []struct {
		reports []*Report
		want    NagiosState
	}{
		{nil, NagiosUnknown},
		{[]*Report{make(100, 100, "A+", 0)}, NagiosOK},
		{[]*Report{make(80, 100, "B", check.Warning)}, NagiosOK},
		{[]*Report{make(80, 100, "B", check.Error)}, NagiosWarning},
		{[]*Report{make(79, 100, "C", 0)}, NagiosWarning},
		{[]*Report{make(60, 100, "D", 0)}, NagiosWarning},
		{[]*Report{make(59, 100, "E", 0)}, NagiosCritical},
		{[]*Report{make(0, 0, "–", 0)}, NagiosUnknown},
		{[]*Report{make(0, 0, "–", 0), make(59, 100, "E", 0)}, NagiosCritical},
		{[]*Report{make(100, 100, "A+", 0), make(0, 0, "–", 0)}, NagiosUnknown},
	} {
		if got := NagiosOf(&Document{Reports: tt.reports}); got != tt.want {
			t.Errorf("%d reports: %v, want %v", len(tt.reports), got, tt.want)
		}
	}
}
