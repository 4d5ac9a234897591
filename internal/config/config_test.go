package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/postseal/postseal/internal/yamlx"
)

var opts = Options{Rules: []string{"spf-missing", "dnssec-unsigned"}, Policies: []string{"bod-18-01"}, Words: map[string][]string{"fail-on": {"error", "warning", "none"}}}

const whole = `fail-on: warning
min-score: 80
fail-on-incomplete: true
timeout: 30s
dns: [192.0.2.1, "tls://dns.example.net"]
output: sarif=out.sarif
domains:
  - example.com
  - domain: Bücher.example
    profile: send-only
    selectors: [s1, s2]
    sending-ips: 192.0.2.7
    bulk: true
    policy-profiles: [bod-18-01]
    min-score: 90
    expect:
      dmarc-policy: reject
      max-spf-lookups: 8
      selectors: s1
      mta-sts: enforce
      dnssec: true
ignore:
  - rule: dnssec-unsigned
    domain: "*.example.com"
    reason: the registrar cannot
    until: 2027-03-31
  - rule: spf-missing
    subject: example.com
    reason: sends nothing
    permanent: true
`

func TestParse(t *testing.T) {
	c, err := parse([]byte(whole), "p.yaml", opts)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Setting("dns"); got == nil || !slices.Equal(got.Values, []string{"192.0.2.1", "tls://dns.example.net"}) || got.Line != 5 {
		t.Errorf("dns: %+v", got)
	}
	if got := c.Setting("fail-on-incomplete"); got == nil || got.Values[0] != "true" {
		t.Errorf("fail-on-incomplete: %+v", got)
	}
	if len(c.Domains) != 2 || c.Domains[0].Expect.MaxSPFLookups != -1 || c.Domains[0].Line != 8 {
		t.Fatalf("domains: %+v", c.Domains)
	}
	d := c.Domains[1]
	if d.Name != "xn--bcher-kva.example" || d.Line != 9 || d.Profile != "send-only" || !d.Bulk || d.MinScore != 90 || len(d.SendingIPs) != 1 {
		t.Errorf("domain: %+v", d)
	}
	want := Expect{DMARCPolicy: "reject", MaxSPFLookups: 8, Selectors: []string{"s1"}, MTASTSMode: "enforce", DNSSEC: true}
	if diff := cmp.Diff(want, d.Expect); diff != "" {
		t.Error(diff)
	}
	first, second := &c.Ignores[0], &c.Ignores[1]
	if !first.For("a.example.com") || first.For("example.com") || first.For("badexample.com") || !second.For("anything.example") {
		t.Error("which domains an ignore is for")
	}
	last := time.Date(2027, 3, 31, 23, 59, 59, 0, time.UTC)
	if first.Expired(last) || !first.Expired(last.Add(time.Second)) || second.Expired(last.AddDate(100, 0, 0)) || first.Day() != "2027-03-31" || second.Day() != "" {
		t.Error("when an ignore is over")
	}
}

// TestMistakes: every mistake is named with its line, and all of them at once.
func TestMistakes(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"unknown key":       {"fail_on: error\n", []string{`p.yaml:1: unknown key "fail_on" in the file; did you mean "fail-on"?`}},
		"far key":           {"x: 1\ncolour: red\n", []string{`p.yaml:1: unknown key "x" in the file`, `p.yaml:2: unknown key "colour" in the file`}},
		"twice":             {"lang: en\nlang: en\n", []string{`p.yaml:2: `}},
		"no yaml":           {"domains:\n\t- a\n", []string{`p.yaml:2: `}},
		"a list":            {"- example.com\n", []string{`p.yaml:1: the file must be a mapping of keys to values`}},
		"domain":            {"domains:\n  - a b\n", []string{`p.yaml:2: "a b" is not a domain name`}},
		"domain twice":      {"domains:\n  - a.example\n  - domain: A.example.\n", []string{`p.yaml:3: a.example is in line 2 already`}},
		"no name":           {"domains:\n  - profile: mail\n", []string{`p.yaml:2: an entry of domains is a name`}},
		"profile":           {"domains:\n  - domain: a.example\n    profile: male\n", []string{`p.yaml:3: profile: "male" is none of mail, send-only, receive-only, parked; did you mean "mail"?`}},
		"eleven":            {"domains:\n  - domain: a.example\n    expect: {max-spf-lookups: 11}\n", []string{`p.yaml:3: max-spf-lookups must be at most 10`}},
		"expect":            {"domains:\n  - domain: a.example\n    expect:\n      dmarc: reject\n", []string{`p.yaml:4: unknown key "dmarc" in expect`}},
		"address":           {"domains:\n  - domain: a.example\n    sending-ips: [1.2.3]\n", []string{`p.yaml:3: sending-ips: "1.2.3" is no IP address`}},
		"number":            {"min-score: many\n", []string{`p.yaml:1: min-score must be a whole number`}},
		"bool":              {"trust-ad: yes\n", []string{`p.yaml:1: trust-ad must be true or false`}},
		"duration":          {"timeout: 30\n", []string{`p.yaml:1: timeout: "30" is not a duration`}},
		"negative":          {"timeout: -3s\n", []string{`p.yaml:1: timeout: "-3s" is not a duration`}},
		"over":              {"min-score: 101\n", []string{`p.yaml:1: min-score must be at most 100`}},
		"word":              {"fail-on: eror\n", []string{`p.yaml:1: fail-on: "eror" is none of error, warning, none; did you mean "error"?`}},
		"rule":              {"ignore:\n  - rule: spf-mising\n    reason: x\n    permanent: true\n", []string{`p.yaml:2: there is no rule "spf-mising"; did you mean "spf-missing"?`}},
		"no reason":         {"ignore:\n  - rule: spf-missing\n    until: 2027-01-01\n", []string{`p.yaml:2: an entry of ignore needs a reason`}},
		"blank reason":      {"ignore:\n  - {rule: spf-missing, reason: ' ', permanent: true}\n", []string{`p.yaml:2: an entry of ignore needs a reason`}},
		"no end":            {"ignore:\n  - rule: spf-missing\n    reason: x\n", []string{`p.yaml:2: an entry of ignore needs until, its last day, or permanent: true`}},
		"both":              {"ignore:\n  - {rule: spf-missing, reason: x, until: 2027-01-01, permanent: true}\n", []string{`p.yaml:2: an entry of ignore has until or permanent: true, not both`}},
		"day":               {"ignore:\n  - {rule: spf-missing, reason: x, until: 31/12/2027}\n", []string{`p.yaml:2: until: "31/12/2027" is not a day such as 2027-03-31`}},
		"two at once":       {"min-score: x\ndomains: 5\n", []string{`p.yaml:1: min-score`, `p.yaml:2: domains must be a list`}},
		"selector":          {"domains:\n  - {domain: a.example, selectors: ['s 1']}\n", []string{`p.yaml:2: selectors: "s 1" cannot be a DKIM selector`}},
		"policy profile":    {"domains:\n  - {domain: a.example, policy-profiles: [nis2]}\n", []string{`p.yaml:2: policy-profiles: "nis2" is none of bod-18-01`}},
		"score of a domain": {"domains:\n  - {domain: a.example, min-score: 101}\n", []string{`p.yaml:2: min-score must be at most 100`}},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parse([]byte(tt.text), "p.yaml", opts)
			if c != nil || err == nil {
				t.Fatalf("read as %+v", c)
			}
			var got []string
			if all, ok := err.(interface{ Unwrap() []error }); ok {
				for _, e := range all.Unwrap() {
					got = append(got, e.Error())
				}
			} else {
				got = []string{err.Error()}
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tt.want[i]) {
					t.Errorf("got %q, want %q", got[i], tt.want[i])
				}
			}
		})
	}
}

// TestSchema: the schema takes what Parse takes, refuses what it refuses, and
// knows every key.
func TestSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("c.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("c.json")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(text string) error {
		var v any
		if err := yamlx.Unmarshal([]byte(text), &v); err != nil {
			return err
		}
		// A day is a text in the schema, and a time to the YAML library.
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		b = bytes.ReplaceAll(b, []byte("T00:00:00Z"), nil)
		var j any
		if err := json.Unmarshal(b, &j); err != nil {
			return err
		}
		return schema.Validate(j)
	}
	for _, good := range []string{whole, "domains: []\n", Template([]string{"example.com"})} {
		if err := validate(good); err != nil {
			t.Errorf("%v\n%s", err, good)
		}
		if _, err := parse([]byte(good), "p", opts); err != nil {
			t.Errorf("%v\n%s", err, good)
		}
	}
	for _, bad := range []string{"fail_on: error\n", "min-score: 101\n", "ignore:\n  - {rule: spf-missing, reason: x}\n", "domains:\n  - {domain: a.example, expect: {max-spf-lookups: 11}}\n", "ignore:\n  - {rule: spf-missing, reason: x, until: 2027-01-01, permanent: true}\n"} {
		if err := validate(bad); err == nil {
			t.Errorf("the schema takes %q", bad)
		}
	}
	var keys struct{ Properties map[string]any }
	if err := json.Unmarshal(Schema(), &keys); err != nil {
		t.Fatal(err)
	}
	want := []string{"domains", "ignore"}
	for _, f := range Flags {
		want = append(want, f.Name)
	}
	for _, k := range want {
		if keys.Properties[k] == nil {
			t.Errorf("the schema lacks %s", k)
		}
		delete(keys.Properties, k)
	}
	for k := range keys.Properties {
		t.Errorf("the schema has %s, which is no key", k)
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(deep, FileName), 0o755); err != nil { // a folder of that name is no configuration
		t.Fatal(err)
	}
	want := filepath.Join(root, FileName)
	if err := os.WriteFile(want, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(deep); err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if _, err := Load(deep, opts); err == nil {
		t.Error("a folder was read")
	}
	if _, err := Load(filepath.Join(root, "none"), opts); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestFindStrange holds Find to an error where a file is meant and cannot be read.
func TestFindStrange(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	if err := os.Symlink("nowhere", path); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if got, err := Find(dir); err == nil {
		t.Errorf("a link that leads nowhere gives %q and no error", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.DevNull, path); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a device gives %q, %v", got, err)
	}
}

// TestParseSecondDocument: settings in it would look as if they were in force.
func TestParseSecondDocument(t *testing.T) {
	_, err := parse([]byte("domains: [example.com]\n---\nfail-on: none\n"), "p.yaml", opts)
	if err == nil || !strings.HasPrefix(err.Error(), "p.yaml:") || !strings.Contains(err.Error(), "second document") {
		t.Errorf("got %v", err)
	}
	for _, one := range []string{"", "# nothing\n", "---\nfail-on: none\n", "fail-on: none\n...\n"} {
		if _, err := parse([]byte(one), "p.yaml", opts); err != nil {
			t.Errorf("%q: %v", one, err)
		}
	}
}
