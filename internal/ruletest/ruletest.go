// Package ruletest runs the case files of a standard's rules.
//
// A case is testdata/rules/<rule>-<case>.txtar: a sentence on why, then
//
//	-- setup --      optional: "key: value" lines that the room's own test reads
//	-- zone --       the DNS as package dns/dnstest reads it
//	-- want --       every finding and unknown of the standard, one a line:
//	                 <severity> <rule> <subject> [start:end]
//	                 unknown <rule>
//	                 + <rule>         a consequence of the finding above it
//
// Nothing else may be found. Over all cases, each rule must fail (or be
// unknown, where it can only be that) at least once and pass at least once.
package ruletest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
)

// Case is one case file as a room's test sees it.
type Case struct {
	Name  string
	Setup map[string]string // of the setup section; keys are the room's own
	Files map[string]string // every section by its name
}

// Zone is the text of the zone section.
func (c *Case) Zone() string { return c.Files["zone"] }

// Domain is the domain under test: setup's "domain", else example.com.
func (c *Case) Domain() string {
	if d := c.Setup["domain"]; d != "" {
		return d
	}
	return "example.com"
}

// Profile is setup's "profile", else mail.
func (c *Case) Profile() check.Profile {
	if p := c.Setup["profile"]; p != "" {
		return check.Profile(p)
	}
	return check.ProfileMail
}

// Run runs every case in testdata/rules and holds the rules to them. gather
// makes the facts of a case.
func Run[F any](t *testing.T, rules []check.Rule[F], gather func(*testing.T, *Case) F) {
	paths, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no case files in testdata/rules (%v)", err)
	}
	fired, passed := map[string]bool{}, map[string]bool{}
	for _, path := range paths {
		c := load(t, path)
		t.Run(c.Name, func(t *testing.T) {
			results := check.Evaluate(rules, gather(t, c))
			for _, r := range results {
				switch r.Status {
				case check.Fail, check.Unknown:
					fired[r.Rule.ID] = true
				case check.Pass:
					passed[r.Rule.ID] = true
				case check.NoVerdict:
					t.Errorf("%s gave no verdict", r.Rule.ID)
				}
				words(t, &r)
			}
			check.Relate(results)
			got := format(results)
			want := clean(c.Files["want"])
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings of %s (-want +got):\n%s", path, diff)
			}
		})
	}
	if t.Failed() {
		return
	}
	for i := range rules {
		id := rules[i].ID
		if !fired[id] {
			t.Errorf("no case fires %s", id)
		}
		if !passed[id] {
			t.Errorf("no case passes %s", id)
		}
	}
	metas(t, rules)
}

// words holds each finding to having its words, all parameters filled, in each language.
func words(t *testing.T, r *check.Result) {
	for _, lang := range locale.Langs {
		l := locale.Must(lang)
		texts := []string{}
		for i := range r.Findings {
			f := &r.Findings[i]
			texts = append(texts, l.Message(r.Rule, f))
			if f.Fix != nil {
				fix := l.Fix(r.Rule, f)
				if fix == "" {
					t.Errorf("%s (%s): finding %s has a fix without words (verb %q)", r.Rule.ID, lang, f.Subject, f.Fix.Verb)
				}
				texts = append(texts, fix)
			}
			if f.Span != nil && (f.Span.Start < 0 || f.Span.End > len(f.Record) || f.Span.Start > f.Span.End) {
				t.Errorf("%s: span %v lies outside its record of %d octets", r.Rule.ID, *f.Span, len(f.Record))
			}
		}
		for _, c := range r.Causes {
			texts = append(texts, l.Cause(c))
		}
		for _, s := range texts {
			if strings.HasPrefix(s, "[") || strings.Contains(s, "<no value>") || strings.Contains(s, "{{") {
				t.Errorf("%s (%s): message is not complete: %s", r.Rule.ID, lang, s)
			}
		}
	}
}

// metas holds the constant part of rules to the rules for rules.
func metas[F any](t *testing.T, rules []check.Rule[F]) {
	seen := map[string]bool{}
	for i := range rules {
		m := &rules[i].Meta
		switch {
		case m.ID == "" || strings.ToLower(m.ID) != m.ID || strings.ContainsAny(m.ID, " _."):
			t.Errorf("rule ID %q is not kebab-case", m.ID)
		case seen[m.ID]:
			t.Errorf("rule ID %s stands twice", m.ID)
		case m.Severity == 0:
			t.Errorf("%s has no severity", m.ID)
		case m.Title == "" || strings.HasSuffix(m.Title, "."):
			t.Errorf("%s: title %q is empty or ends in a full stop", m.ID, m.Title)
		case len(m.Refs) == 0:
			t.Errorf("%s has no reference", m.ID)
		case len(m.Doc) < 120:
			t.Errorf("%s: doc is too short to explain anything", m.ID)
		case !slices.Contains(check.Standards, m.Standard):
			t.Errorf("%s: %q is no standard", m.ID, m.Standard)
		}
		seen[m.ID] = true
		for _, lang := range locale.Langs {
			l := locale.Must(lang)
			ids := []string{".message"}
			if lang != locale.English {
				ids = append(ids, ".title", ".doc")
			}
			for _, id := range ids {
				if _, ok := l.Lookup(m.ID+id, check.Params{}); !ok && !(id == ".message" && hasVariantMessage(l, m)) {
					t.Errorf("%s lacks %s in %s", m.ID, id[1:], lang)
				}
			}
		}
	}
}

func hasVariantMessage(l *locale.Localizer, m *check.Meta) bool {
	for _, v := range m.Variants {
		if _, ok := l.Lookup(m.ID+".message-"+v.Name, check.Params{}); ok {
			return true
		}
	}
	return false
}

// format lists results as the want section does, sorted by rule; consequences
// stand below their finding.
func format(results []check.Result) []string {
	var blocks []string
	for i := range results {
		r := &results[i]
		if r.Status == check.Unknown {
			blocks = append(blocks, "unknown "+r.Rule.ID)
		}
		for j := range r.Findings {
			f := &r.Findings[j]
			line := fmt.Sprintf("%s %s %s", r.Rule.SeverityOf(f), r.Rule.ID, f.Subject)
			if f.Span != nil {
				line += fmt.Sprintf(" %d:%d", f.Span.Start, f.Span.End)
			}
			var under []string
			for _, c := range f.Consequences {
				under = append(under, "+ "+c.Rule)
			}
			slices.Sort(under)
			blocks = append(blocks, strings.Join(append([]string{line}, under...), "\n"))
		}
	}
	slices.SortStableFunc(blocks, func(a, b string) int { return strings.Compare(sortKey(a), sortKey(b)) })
	return clean(strings.Join(blocks, "\n"))
}

func sortKey(block string) string {
	fields := strings.Fields(block)
	if len(fields) < 2 {
		return block
	}
	return strings.Join(fields[1:], " ")
}

func clean(s string) []string {
	lines := []string{}
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func load(t *testing.T, path string) *Case {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a := txtar.Parse(data)
	c := &Case{
		Name:  strings.TrimSuffix(filepath.Base(path), ".txtar"),
		Setup: map[string]string{},
		Files: map[string]string{},
	}
	if len(strings.TrimSpace(string(a.Comment))) < 10 {
		t.Errorf("%s does not say why it is there", path)
	}
	for _, f := range a.Files {
		c.Files[f.Name] = string(f.Data)
	}
	if _, ok := c.Files["want"]; !ok {
		t.Errorf("%s has no want section", path)
	}
	for _, line := range clean(c.Files["setup"]) {
		k, v, ok := strings.Cut(line, ":")
		if !ok {
			t.Errorf("%s: setup line %q is not key: value", path, line)
		}
		c.Setup[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	return c
}
