package audit

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/lab"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

var update = flag.Bool("update", false, "rewrite the steps of testdata/steps")

// published answers as a world in which changes were published.
type published struct {
	dns.Resolver
	changes []check.RecordChange
}

func (p published) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	a, err := p.Resolver.Resolve(ctx, name, qtype)
	if err != nil {
		return a, err
	}
	a.Records = slices.Clone(a.Records)
	for _, c := range p.changes {
		if dns.FromPresentation(c.Name) != a.Owner() || c.Type != qtype.String() {
			continue
		}
		for _, old := range c.Old {
			if i := slices.IndexFunc(a.Records, func(r dns.Record) bool { return content(r) == old }); i >= 0 {
				a.Records = slices.Delete(a.Records, i, i+1)
			}
		}
		for _, text := range c.New {
			rec, err := record(c, text)
			if err != nil {
				return dns.Answer{}, err
			}
			a.Records = append(a.Records, rec)
		}
	}
	switch {
	case len(a.Records) > 0:
		a.Status = dns.Found
	case a.Status == dns.Found:
		a.Status = dns.NoData
	}
	return a, nil
}

// content is a record as the old and new of a change spell it.
func content(r dns.Record) string {
	if r.Type == dns.TypeTXT {
		return r.Text()
	}
	return r.Data
}

func record(c check.RecordChange, text string) (dns.Record, error) {
	data := text
	if c.Type == "TXT" {
		data = ""
		for i := 0; i < len(text); i += 255 {
			data += fmt.Sprintf(" %q", text[i:min(len(text), i+255)])
		}
	}
	z, err := dns.ParseClosed(strings.NewReader(fmt.Sprintf("%s 3600 IN %s %s\n", c.Name, c.Type, data)), "fix")
	if err != nil {
		return dns.Record{}, err
	}
	return z.Records()[0], nil
}

// audited is the report of a domain whose ports are not probed.
func audited(t *testing.T, r dns.Resolver, domain dns.Name) *report.Report {
	t.Helper()
	a := &Auditor{Resolver: r, Now: testNow, NoSMTP: "disabled"}
	out, err := a.Audit(t.Context(), Request{Domain: domain})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Build(out, locale.Must(locale.English))
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// follow does what the steps say, one after the other, as long as they come
// with records, and holds each to the score that it promised. It gives the
// steps in words.
func follow(t *testing.T, r dns.Resolver, domain dns.Name) string {
	t.Helper()
	rep := audited(t, r, domain)
	var words strings.Builder
	fmt.Fprintf(&words, "%d of %d %s\n", rep.Score.Value, rep.Score.Coverage, rep.Verdict.Code)
	results := map[string]report.Result{}
	for _, res := range rep.Results {
		results[res.ID] = res
	}
	coverage, following := rep.Score.Coverage, true
	for n, step := range rep.NextSteps {
		fmt.Fprintf(&words, "%d %s: %s\n", step.ScoreAfter, step.Rule, step.Title)
		if res := results[step.Rule]; res.Status == check.Pass || res.Status == check.NoVerdict {
			t.Errorf("step %d stands for %s, which is %q", n+1, step.Rule, res.Status)
		}
		for _, c := range step.Records {
			fmt.Fprintf(&words, "  %s %s\n", c.Name, c.Type)
			for _, old := range c.Old {
				fmt.Fprintf(&words, "  - %s\n", old)
			}
			for _, text := range c.New {
				fmt.Fprintf(&words, "  + %s\n", text)
			}
		}
		if step.Rule == "dmarc-missing" && step.Gain == 0 {
			continue // promises nothing (certain), and the steps after it do not build on it
		}
		if following = following && len(step.Records) > 0; !following {
			continue
		}
		for _, c := range step.Records {
			for _, old := range c.Old {
				l := dns.Ask(t.Context(), r, dns.FromPresentation(c.Name), typeNamed(t, c.Type))
				if !slices.ContainsFunc(l.Records(), func(r dns.Record) bool { return content(r) == old }) {
					t.Errorf("step %d removes what does not stand at %s: %q", n+1, c.Name, old)
				}
			}
		}
		r = published{r, step.Records}
		again := audited(t, r, domain)
		if again.Score.Coverage != coverage { // what was not measured may move the score either way
			fmt.Fprintf(&words, "  = %d, now %d measured\n", again.Score.Value, again.Score.Coverage)
			break
		}
		if again.Score.Value != step.ScoreAfter {
			t.Errorf("step %d (%s) promises %d, and following it gives %d", n+1, step.Rule, step.ScoreAfter, again.Score.Value)
		}
		for _, later := range again.NextSteps {
			if later.Title == step.Title {
				t.Errorf("step %d (%s) is asked for again", n+1, step.Title)
			}
		}
	}
	return words.String()
}

func typeNamed(t *testing.T, name string) dns.Type {
	t.Helper()
	for _, qtype := range []dns.Type{dns.TypeTXT, dns.TypeMX, dns.TypeCNAME} {
		if qtype.String() == name {
			return qtype
		}
	}
	t.Fatalf("a step changes a record of type %s", name)
	return 0
}

// TestStepsKeepTheirPromise follows the steps of one small zone for each way in
// which real ones were seen to go wrong. Names outside of a zone are unknown, as
// with --offline.
func TestStepsKeepTheirPromise(t *testing.T) {
	paths, err := filepath.Glob("testdata/steps/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases (%v)", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			file, err := txtar.ParseFile(path)
			if err != nil || len(file.Files) != 2 {
				t.Fatalf("%s wants the sections zone (or closed) and want (%v)", path, err)
			}
			text := string(file.Files[0].Data)
			var world dns.Resolver
			if file.Files[0].Name == "closed" { // what is not there does not exist
				world = dnstest.New(t, text)
			} else {
				z, err := dns.ParseZone(strings.NewReader(text), "", "zone")
				if err != nil {
					t.Fatal(err)
				}
				world = dns.Overlay([]*dns.Zone{z}, nil)
			}
			got := follow(t, world, "example.com")
			if *update {
				file.Files[1].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(file), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(file.Files[1].Data), got); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLabStepsKeepTheirPromise does the same with the domains of the demo, in
// their closed world.
func TestLabStepsKeepTheirPromise(t *testing.T) {
	l, err := lab.Start(t.Context(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, d := range l.Domains() {
		t.Run(string(d.Name), func(t *testing.T) {
			world := l.World()
			if words := follow(t, world, dns.Name(d.Name)); words == "" {
				t.Error("nothing to follow")
			}
		})
	}
}
