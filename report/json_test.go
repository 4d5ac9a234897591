package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/postseal/postseal/check"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, data []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("against report/schema.json: %v", err)
	}
}

func TestJSONFollowsSchema(t *testing.T) {
	s := compiledSchema(t)
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil || len(paths) < 8 {
		t.Fatalf("%d documents in testdata (%v)", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		validate(t, s, data)
	}
	for _, bad := range []string{`{}`, `{"schema_version":"2.0","tool":{"name":"","version":"","rules_version":"","score_version":1},"lang":"en","reports":[],"exit":{"code":0,"reasons":[]}}`,
		`{"schema_version":"1.0","tool":{"name":"","version":"","rules_version":"","score_version":1},"lang":"en","reports":null,"exit":{"code":0,"reasons":[]}}`} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(v) == nil {
			t.Errorf("the schema takes %s", bad)
		}
	}
}

// TestJSONHasNoNullLists marshals documents with every list left nil.
func TestJSONHasNoNullLists(t *testing.T) {
	s := compiledSchema(t)
	for name, d := range map[string]*Document{
		"empty": {},
		"bare": {Reports: []*Report{{StartedAt: time.Now(), Results: []Result{{ID: "a-b", Standard: check.SPF, Severity: check.Error, Status: check.Fail,
			Findings: []Finding{{Severity: check.Info, Fix: &Fix{Records: []check.RecordChange{{}}}}}}}, NextSteps: []NextStep{{Effort: "hours"}}, Queries: []Query{{State: "found"}}}}},
	} {
		for _, r := range d.Reports {
			r.Score.Grade = "–"
		}
		var b bytes.Buffer
		if err := WriteJSON(&b, d); err != nil {
			t.Fatal(err)
		}
		validate(t, s, b.Bytes())
		for _, line := range strings.Split(b.String(), "\n") {
			if strings.Contains(line, "null") && !strings.Contains(line, `"span"`) && !strings.Contains(line, `"ignored"`) && !strings.Contains(line, `"fix"`) {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

func TestJSONKeepsOddOctets(t *testing.T) {
	record := "v=spf1 \xff\xfe include:x -all\u202e\x1b"
	d := &Document{Reports: []*Report{{Domain: "example.com", Results: []Result{{ID: "x", Severity: check.Error, Status: check.Fail, Standard: check.SPF,
		Findings: []Finding{{Severity: check.Error, Record: record, Span: &check.Span{Start: 10, End: 19}}}}}}}}
	if record[10:19] != "include:x" {
		t.Fatalf("the span of this test is off: %q", record[10:19])
	}
	var b bytes.Buffer
	if err := WriteJSON(&b, d); err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsRune(b.Bytes(), 0x202e) || bytes.ContainsRune(b.Bytes(), 0x1b) {
		t.Error("a control character stands in the JSON as it is")
	}
	got, err := ReadJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	f := got.Reports[0].Results[0].Findings[0]
	if want := `v=spf1 \xff\xfe include:x -all` + "\u202e\x1b"; f.Record != want {
		t.Errorf("got %q, want %q", f.Record, want)
	}
	if f.Span == nil || f.Record[f.Span.Start:f.Span.End] != "include:x" {
		t.Errorf("the span did not move along: %v", f.Span)
	}
	if d.Reports[0].Results[0].Findings[0].Record != record {
		t.Error("writing changed the document")
	}
}

func TestJSONIsStable(t *testing.T) {
	for _, name := range fixtureNames {
		d := fixture(t, name, "en")
		var b bytes.Buffer
		if err := WriteJSON(&b, d); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile("testdata/" + name + ".en.json")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s: reading and writing changes it", name)
		}
	}
}

func TestReadJSONErrors(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", "is empty"},
		{"  \n", "is empty"},
		{"{\n\"a\": oops}", "line 2"},
		{"[1]", "not a saved result"},
		{`{"reports": []}`, "no schema_version"},
		{`{"schema_version": "2.3"}`, `schema version "2.3"`},
		{`{"schema_version": "10.0"}`, `schema version "10.0"`},
		{`{"schema_version": "1.0", "reports": [null]}`, "reports[0] is null"},
		{"{\"schema_version\": \"1.0\",\n\"reports\": [{\"domain\": 5}]}", "line 2"},
		{`{"schema_version": "1.0", "reports": [{"results": [{"severity": "dire"}]}]}`, "dire"},
	} {
		_, err := ReadJSON(strings.NewReader(tt.in))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ReadJSON(%q): %v, want an error with %q", tt.in, err, tt.want)
		}
	}
	d, err := ReadJSON(strings.NewReader(`{"schema_version": "1.7", "new_field": {}, "reports": [{"domain": "example.com", "later": 1}]}`))
	if err != nil || d.Reports[0].Domain != "example.com" || d.Reports[0].Results == nil {
		t.Errorf("a later minor version: %v %v", d, err)
	}
}

func FuzzReadJSON(f *testing.F) {
	for _, name := range []string{"parked.en"} {
		data, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add(`{"schema_version":"1.0","reports":[{"facts":{"spf":{"tree":{"terms":[null]}},"starttls":{"hosts":[null,{"sessions":[null]}]}}}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ReadJSON(strings.NewReader(s))
		if err != nil {
			return
		}
		var html, text bytes.Buffer
		if err := WriteHTML(&html, d, HTMLOptions{}); err != nil {
			t.Errorf("HTML: %v", err)
		}
		if err := WriteText(&text, d, TextOptions{Verbose: true}); err != nil {
			t.Errorf("text: %v", err)
		}
		if strings.ContainsFunc(strings.ReplaceAll(text.String(), "\n", ""), hides) {
			t.Error("the text has something to hide")
		}
		var b bytes.Buffer
		if err := json.NewEncoder(&b).Encode(d); err != nil {
			return // a severity left out has no word
		}
	})
}
