package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif" // holds the schema
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/report"
)

// TestSARIF holds what WriteSARIF writes to the schema of the standard and to
// what GitHub's code scanning refuses.
func TestSARIF(t *testing.T) {
	schema := sarifSchema(t)
	docs := map[string]*report.Document{"clean": {SchemaVersion: report.SchemaVersion, Tool: tool(), Reports: []*report.Report{}}}
	for _, name := range []string{"perfect", "typical", "parked", "broken", "hostile"} {
		for _, lang := range []string{"en", "pt-BR"} {
			f, err := os.Open(filepath.Join("..", "..", "report", "testdata", name+"."+lang+".json"))
			if err != nil {
				t.Fatal(err)
			}
			d, err := report.ReadJSON(f)
			f.Close()
			if err != nil {
				t.Fatal(err)
			}
			docs[name+" "+lang] = d
		}
	}
	placed := docs["typical en"]
	placed.Reports[0].DeclaredAt = &report.Location{File: "/srv/ops/../lists/our domains:2.txt", Line: 7, Column: 1}
	for name, d := range docs {
		for _, suppressed := range []bool{false, true} {
			var b bytes.Buffer
			if err := report.WriteSARIF(&b, d, report.SARIFOptions{Lang: d.Lang, Rules: audit.Metas(), Grave: audit.Grave, Suppressed: suppressed}); err != nil {
				t.Fatal(err)
			}
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(v); err != nil {
				t.Errorf("%s: against the SARIF schema: %v", name, err)
			}
			for _, fault := range gitHubFaults(b.Bytes()) {
				t.Errorf("%s: GitHub: %s", name, fault)
			}
			if name == "clean" && !bytes.Contains(b.Bytes(), []byte(`"results": []`)) {
				t.Error("a clean run has no empty list of results: old alerts would never close")
			}
		}
	}
	var b bytes.Buffer
	if err := report.WriteSARIF(&b, placed, report.SARIFOptions{Rules: audit.Metas()}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b.Bytes(), []byte(`"uri": "srv/lists/our%20domains%3A2.txt"`)) || !bytes.Contains(b.Bytes(), []byte(`"startLine": 7`)) {
		t.Error("the place that names the domain is not where findings point")
	}
}

// TestGitHubFaults: the checker itself refuses what GitHub refuses.
func TestGitHubFaults(t *testing.T) {
	const good = `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x","rules":[{"id":"r","shortDescription":{"text":"a"},"fullDescription":{"text":"a"},"help":{"text":"a"},"properties":{"tags":["security"],"security-severity":"5.5"}}]}},
		"results":[{"ruleId":"r","ruleIndex":0,"message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a/b"},"region":{"startLine":1,"startColumn":1,"endLine":1,"endColumn":1}}}],"partialFingerprints":{"primaryLocationLineHash":"ab:1"}}]}]}`
	if f := gitHubFaults([]byte(good)); len(f) > 0 {
		t.Errorf("the good one: %v", f)
	}
	for name, change := range map[string][2]string{
		"no run":              {good, `{"version":"2.1.0","runs":[]}`},
		"results null":        {good, `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x","rules":[]}},"results":null}]}`},
		"scheme":              {`"a/b"`, `"https://host/path"`},
		"host and port":       {`"a/b"`, `"localhost:8000"`},
		"empty uri":           {`"a/b"`, `""`},
		"absolute":            {`"a/b"`, `"/a/b"`},
		"not a uri":           {`"a/b"`, `"no file here"`},
		"line zero":           {`"startLine":1`, `"startLine":0`},
		"no message":          {`"text":"m"`, `"text":""`},
		"unknown rule":        {`"ruleId":"r"`, `"ruleId":"q"`},
		"no help":             {`"help":{"text":"a"}`, `"help":{"text":""}`},
		"fingerprint missing": {`"ab:1"`, `""`},
		"severity, no tag":    {`["security"]`, `["other"]`},
	} {
		if f := gitHubFaults([]byte(strings.Replace(good, change[0], change[1], 1))); len(f) == 0 {
			t.Errorf("%s passes", name)
		}
	}
}

// gitHubFaults is what GitHub's code scanning would refuse or drop of a SARIF
// file (docs.github.com, "SARIF support for code scanning").
func gitHubFaults(data []byte) []string {
	var faults []string
	bad := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	type text struct{ Text string }
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string
					Rules []struct {
						ID                                      string
						ShortDescription, FullDescription, Help text
						Properties                              struct {
							Tags             []string
							SecuritySeverity string `json:"security-severity"`
						}
					}
				}
			}
			Results []struct {
				RuleID              string
				RuleIndex           int
				Message             text
				PartialFingerprints map[string]string
				Locations           []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn, EndLine, EndColumn int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(data, &log); err != nil {
		return []string{err.Error()}
	}
	if log.Version != "2.1.0" || len(log.Runs) == 0 || len(log.Runs) > 20 {
		bad("version %q, %d runs", log.Version, len(log.Runs))
	}
	for _, run := range log.Runs {
		if run.Results == nil {
			bad("results is null or missing")
		}
		if run.Tool.Driver.Name == "" || len(run.Results) > 25_000 || len(run.Tool.Driver.Rules) > 25_000 {
			bad("driver %q, %d results", run.Tool.Driver.Name, len(run.Results))
		}
		for _, r := range run.Tool.Driver.Rules {
			for _, s := range []string{r.ShortDescription.Text, r.FullDescription.Text, r.Help.Text} {
				if s == "" || len([]rune(s)) > 1024 {
					bad("rule %s: a text of %d characters", r.ID, len([]rune(s)))
				}
			}
			if sev := r.Properties.SecuritySeverity; sev != "" {
				n, err := strconv.ParseFloat(sev, 64)
				if err != nil || n <= 0 || n > 10 || !strings.Contains(strings.Join(r.Properties.Tags, " "), "security") {
					bad("rule %s: security-severity %q with tags %v", r.ID, sev, r.Properties.Tags)
				}
			}
			if len(r.Properties.Tags) > 20 {
				bad("rule %s: %d tags", r.ID, len(r.Properties.Tags))
			}
		}
		for i, r := range run.Results {
			if r.RuleIndex < 0 || r.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
				bad("result %d: ruleIndex %d is not %s", i, r.RuleIndex, r.RuleID)
			}
			if r.Message.Text == "" || r.PartialFingerprints["primaryLocationLineHash"] == "" {
				bad("result %d: no message or no fingerprint", i)
			}
			if len(r.Locations) != 1 {
				bad("result %d: %d locations", i, len(r.Locations))
				continue
			}
			p := r.Locations[0].PhysicalLocation
			u, err := url.Parse(p.ArtifactLocation.URI)
			if err != nil || u.Scheme != "" || u.Host != "" || u.Path == "" || strings.HasPrefix(u.Path, "/") || strings.ContainsAny(p.ArtifactLocation.URI, " :\\") {
				bad("result %d: uri %q", i, p.ArtifactLocation.URI)
			}
			if p.Region.StartLine < 1 || p.Region.StartColumn < 1 || p.Region.EndLine < 1 || p.Region.EndColumn < 1 {
				bad("result %d: region %+v", i, p.Region)
			}
		}
	}
	return faults
}

// sarifSchema is the schema of the OASIS standard, taken out of the source of a
// module that embeds it.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && len(lit.Value) > len(text) {
			text = lit.Value
		}
		return true
	})
	if text, err = strconv.Unquote(text); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
