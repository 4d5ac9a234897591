package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
)

func htmlOf(t *testing.T, d *Document, opts HTMLOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteHTML(&b, d, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHTML(t *testing.T) {
	for _, lang := range []string{"en", "pt-BR"} {
		for _, name := range []string{"typical", "parked"} {
			golden(t, "html/"+name+"."+lang+".html", []byte(htmlOf(t, fixture(t, name, lang), HTMLOptions{})))
		}
		golden(t, "html/index."+lang+".html", []byte(htmlOf(t, several(t, lang), HTMLOptions{})))
	}
}

// TestHTMLPolicy recomputes the hashes that the page's own policy names.
func TestHTMLPolicy(t *testing.T) {
	for _, d := range []*Document{fixture(t, "hostile", "en"), several(t, "pt-BR")} {
		page := htmlOf(t, d, HTMLOptions{})
		m := regexp.MustCompile(`Content-Security-Policy content="([^"]*)"`).FindStringSubmatch(page)
		if m == nil {
			t.Fatal("no policy")
		}
		policy := html.UnescapeString(m[1])
		if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
			t.Errorf("policy %q", policy)
		}
		for _, tag := range []string{"style", "script"} {
			parts := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(page, -1)
			if len(parts) != 1 {
				t.Fatalf("%d %s elements", len(parts), tag)
			}
			sum := sha256.Sum256([]byte(parts[0][1]))
			if want := tag + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, want) {
				t.Errorf("the policy %q lacks %s", policy, want)
			}
		}
		if strings.Index(page, "Content-Security-Policy") > strings.Index(page, "<style>") {
			t.Error("the policy comes after what it rules")
		}
	}
}

// TestHTMLIsHarmless holds the markup of the hostile page to what templates write.
func TestHTMLIsHarmless(t *testing.T) {
	page := htmlOf(t, fixture(t, "hostile", "en"), HTMLOptions{})
	for _, bad := range []string{"<script>window", "<img", "<svg onload", ` style=`, `href="javascript`, `href=javascript`, "ZgotmplZ", "\x1b", "\u202e", "\u200b"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d script elements", n)
	}
	if n := strings.Count(page, "<h1"); n != 1 {
		t.Errorf("%d h1", n)
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="?([^" >]+)`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("the id %q occurs twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="?#([^" >]+)`).FindAllStringSubmatch(page, -1) {
		if !ids[m[1]] {
			t.Errorf("a link goes to #%s, which is not there", m[1])
		}
	}
}

func TestHTMLShowsEveryFinding(t *testing.T) {
	for _, name := range fixtureNames {
		d := fixture(t, name, "en")
		page := html.UnescapeString(htmlOf(t, d, HTMLOptions{}))
		for _, res := range d.Reports[0].Results {
			for _, f := range res.Findings {
				for _, want := range []string{res.ID, clip(Escape(f.Message), maxMessage), clip(Escape(f.Subject), 300)} {
					if !strings.Contains(page, want) {
						t.Errorf("%s: %s lacks %.80q", name, res.ID, want)
					}
				}
				for _, c := range f.Consequences {
					if !strings.Contains(page, clip(Escape(c.Message), maxMessage)) {
						t.Errorf("%s: the consequence %s is missing", name, c.Rule)
					}
				}
			}
		}
	}
}

// TestHTMLWithoutFacts: whatever is missing or of another shape is left out.
func TestHTMLWithoutFacts(t *testing.T) {
	for _, facts := range []string{`null`, `{}`, `[]`, `{"tree": 5}`, `{"tree": {"terms": [null]}, "hosts": [null, {"sessions": [null]}], "selectors": [null], "steps": [null], "destinations": [null], "effective": null}`} {
		d := fixture(t, "typical", "en")
		for k := range d.Reports[0].Facts {
			d.Reports[0].Facts[k] = json.RawMessage(facts)
		}
		if page := htmlOf(t, d, HTMLOptions{}); !strings.Contains(page, "p=none") {
			t.Errorf("facts %s: the findings are gone", facts)
		}
	}
	d := &Document{Reports: []*Report{{Domain: "example.com"}}}
	if page := htmlOf(t, d, HTMLOptions{}); !strings.Contains(page, "<h1>example.com</h1>") {
		t.Error("an empty report has no page")
	}
	htmlOf(t, &Document{}, HTMLOptions{})
}

func TestHTMLIsDeterministic(t *testing.T) {
	twice := func(name string, d *Document) {
		first, second := htmlOf(t, d, HTMLOptions{}), htmlOf(t, d, HTMLOptions{})
		if first != second {
			t.Errorf("%s: two pages of one document differ", name)
		}
	}
	twice("index", several(t, "en"))
	for _, name := range fixtureNames {
		twice(name, fixture(t, name, "en"))
	}
}

// TestHTMLWeight: a page must be light enough to mail, with as many rules and
// questions as a real audit has.
func TestHTMLWeight(t *testing.T) {
	for _, name := range []string{"perfect", "typical", "parked", "broken"} {
		d := fixture(t, name, "pt-BR")
		r := d.Reports[0]
		for i := range 260 {
			status := check.Pass
			if i%4 == 0 {
				status = check.NotApplicable
			}
			r.Results = append(r.Results, Result{ID: fmt.Sprintf("spf-some-rule-%d", i), Standard: check.Standards[i%len(check.Standards)], Severity: check.Error, Status: status, Title: "um título de regra de tamanho comum"})
		}
		for i := range 60 {
			r.Queries = append(r.Queries, Query{Name: fmt.Sprintf("selector%d._domainkey.example.com", i), Type: "TXT", State: "nxdomain", Server: "192.0.2.53:53", TookMS: 12})
		}
		page := htmlOf(t, d, HTMLOptions{})
		t.Logf("%s: %s", name, sectionWeights(page))
		if len(page) > pageBudget {
			t.Errorf("the page of %s has %d octets", name, len(page))
		}
	}
	if n := len(htmlOf(t, fixture(t, "hostile", "en"), HTMLOptions{})); n > 300_000 {
		t.Errorf("a hostile domain makes a page of %d octets", n)
	}
	d := fixture(t, "typical", "en")
	one := d.Reports[0]
	for i := range 499 {
		r := *one
		r.Domain = fmt.Sprintf("a-domain-of-some-length-%d.example", i)
		r.DomainUnicode = r.Domain
		d.Reports = append(d.Reports, &r)
	}
	var b bytes.Buffer
	links := map[*Report]string{}
	for _, r := range d.Reports {
		links[r] = r.Domain + ".html"
	}
	if err := writePage(&b, "index.html", newIndexPage(d, HTMLOptions{}, links)); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 400_000 {
		t.Errorf("the index of 500 domains has %d octets", b.Len())
	}
}

// TestHTMLFits: with however many rules and questions, a page stays within its
// budget, says what it left out, and still shows every finding.
func TestHTMLFits(t *testing.T) {
	d := fixture(t, "broken", "pt-BR")
	r := d.Reports[0]
	addPassed(r, 1500)
	for i := range 400 {
		r.Queries = append(r.Queries, Query{Name: fmt.Sprintf("selector%d._domainkey.example.com", i), Type: "TXT", State: "found", Answer: []string{strings.Repeat("v=DKIM1; ", 30)}, Server: "192.0.2.53:53", TookMS: 12})
	}
	page := htmlOf(t, d, HTMLOptions{})
	t.Log(sectionWeights(page))
	if len(page) > pageBudget {
		t.Errorf("the page has %d octets, more than %d", len(page), pageBudget)
	}
	for _, want := range []string{"postseal explain ID", "no resultado JSON"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, res := range r.Results {
		for _, f := range res.Findings {
			if !strings.Contains(html.UnescapeString(page), clip(Escape(f.Message), maxMessage)) {
				t.Errorf("%s: the finding %q is gone", res.ID, f.Message)
			}
		}
	}
}

// addPassed adds rules that found nothing.
func addPassed(r *Report, n int) {
	for i := range n {
		r.Results = append(r.Results, Result{ID: fmt.Sprintf("spf-some-rule-%d", i), Standard: check.Standards[i%len(check.Standards)], Severity: check.Error, Status: check.Pass, Title: "um título de regra de tamanho comum, com algumas palavras a mais"})
	}
}

func TestHTMLDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	d := several(t, "en")
	d.Reports = append(d.Reports, &Report{Domain: "../../etc/passwd"}, &Report{Domain: "index"}, &Report{Domain: "INDEX"}, &Report{Domain: ""})
	paths, err := WriteHTMLDir(dir, d, HTMLOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != len(d.Reports)+3 {
		t.Errorf("%d files for %d domains", len(paths), len(d.Reports))
	}
	for _, p := range paths {
		if filepath.Dir(p) != dir {
			t.Errorf("%s lies outside", p)
		}
		if _, err := os.Stat(p); err != nil {
			t.Error(err)
		}
	}
	index, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`href="([^#"][^"]*)"`).FindAllStringSubmatch(string(index), -1) {
		if _, err := os.Stat(filepath.Join(dir, html.UnescapeString(m[1]))); err != nil {
			t.Errorf("the index links to %q: %v", m[1], err)
		}
	}
	if !strings.Contains(string(index), "bürgerbüro.example") || strings.Index(string(index), "bürgerbüro.example") > strings.Index(string(index), ">bank.example") {
		t.Error("the index is not worst first")
	}
}

func TestHTMLDirIndexName(t *testing.T) {
	dir := t.TempDir()
	d := several(t, "en")
	d.Reports = append(d.Reports, &Report{Domain: "report"})
	paths, err := WriteHTMLDir(dir, d, HTMLOptions{Index: "report"})
	if err != nil {
		t.Fatal(err)
	}
	if got := filepath.Base(paths[0]); got != "report.html" {
		t.Errorf("the index is %s, want report.html", got)
	}
	for _, name := range []string{"index.html", "index.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is there besides the name asked for", name)
		}
	}
	for _, p := range paths[:len(paths)-2] {
		page, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`href="([^#"][^":]*)"`).FindAllStringSubmatch(string(page), -1) {
			if _, err := os.Stat(filepath.Join(dir, html.UnescapeString(m[1]))); err != nil {
				t.Errorf("%s links to %q: %v", filepath.Base(p), m[1], err)
			}
		}
	}
}
