package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
)

//go:embed templates
var templateFiles embed.FS

// HTMLOptions say how pages are written.
type HTMLOptions struct {
	Lang string // of the words; "" is the document's own
	// Index names the first page of WriteHTMLDir and the JSON beside it, without
	// ".html"; "" is "index", which web servers look for.
	Index string
	// Formats are the ways in which the page writes down the records to publish;
	// without any they stand there as lines of a zone file.
	Formats []RecordFormat
	// Assets is the relative URL of the folder that WriteAssets filled; with it a
	// page has no style and no script of its own, as servers ask that allow only
	// files of their own. "" writes them into the page.
	Assets string
}

// RecordFormat writes records for where they go: a provider's form, a tool.
type RecordFormat struct {
	Name  string // "route53"
	Title string // as people call it, translated
	// Write gives the text for TXT records of a domain, "" where it has nothing to
	// say. there tells which texts a name has now, false where that is not known.
	Write func(domain string, changes []check.RecordChange, there func(name string) ([]string, bool)) (string, error)
}

func (o HTMLOptions) index() string {
	if o.Index == "" {
		return "index"
	}
	return o.Index
}

// WriteHTML writes one self-contained page: the report of the domain, or the
// index when the document has several. Nothing is loaded from anywhere, the
// page is complete without its script, and the same document gives the same
// bytes.
func WriteHTML(w io.Writer, d *Document, opts HTMLOptions) error {
	d = Normalise(d)
	if len(d.Reports) == 1 {
		return writeDomain(w, d, d.Reports[0], opts, "")
	}
	return writePage(w, "index.html", newIndexPage(d, opts, nil))
}

// A page is light enough to mail: below 150 KiB, with some left for a long name
// and a version. A heavier one is written with less detail, in steps; what is
// left out is said there and stands in the JSON.
const pageBudget = 140 << 10

// detail is how much a page shows.
type detail int

const (
	detailAll    detail = iota
	detailIDs           // of checks that passed the IDs, not the titles
	detailSome          // and fewer questions, dialogues and answers
	detailLittle        // and none of them; why something matters only for errors and warnings
)

// writeDomain writes the page of one domain with as much detail as the budget allows.
func writeDomain(w io.Writer, d *Document, r *Report, opts HTMLOptions, home string) error {
	for level := detailAll; ; level++ {
		page, err := renderPage("domain.html", newDomainPage(d, r, opts, home, level))
		if err != nil {
			return err
		}
		if len(page) <= pageBudget || level == detailLittle {
			_, err = w.Write(page)
			return err
		}
	}
}

func writePage(w io.Writer, name string, page any) error {
	out, err := renderPage(name, page)
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

func renderPage(name string, page any) ([]byte, error) {
	lang := locale.English
	if p, ok := page.(interface{ language() locale.Lang }); ok {
		lang = p.language()
	}
	t, err := templates(lang)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	var buf bytes.Buffer
	if err := t.ExecuteTemplate(&buf, name, page); err != nil {
		return nil, fmt.Errorf("report: writing HTML: %w", err)
	}
	return squeezeLines(buf.Bytes()), nil
}

// templates are parsed once a language: the words are functions in them.
func templates(lang locale.Lang) (*template.Template, error) {
	if lang == locale.Portuguese {
		return portugueseTemplates()
	}
	return englishTemplates()
}

var (
	englishTemplates    = sync.OnceValues(func() (*template.Template, error) { return parseTemplates(locale.English) })
	portugueseTemplates = sync.OnceValues(func() (*template.Template, error) { return parseTemplates(locale.Portuguese) })
)

func templateFuncs(w words) template.FuncMap {
	return template.FuncMap{
		"t":     w.t,
		"count": w.count,
		"dec":   w.decimal,
		"int":   w.integer,
		"inc":   func(i int) int { return i + 1 },
		"list":  func(v ...any) []any { return v },
	}
}

func parseTemplates(lang locale.Lang) (*template.Template, error) {
	t := template.New("report").Funcs(templateFuncs(words{locale.Must(lang)}))
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		src, err := templateFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if _, err := t.New(path.Base(name)).Parse(shrinkTemplate(string(src))); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// frame is what every page has around it.
type frame struct {
	Lang     locale.Lang
	Title    string
	CSP      string
	Style    template.CSS
	Script   template.JS
	Assets   string // the folder of the style and the script, with its final slash; "" where they are in the page
	Tool     string
	Home     string // link to the index, "" for none
	Data     string // link to the JSON beside the page, "" for none
	Measured string
	words    words
}

func (f frame) language() locale.Lang { return f.Lang }

// Names of the files that WriteAssets writes.
const (
	StyleFile  = "report.css"
	ScriptFile = "report.js"
)

// WriteAssets writes the style and the script of all pages into a folder.
func WriteAssets(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	all := newLook("base", "domain", "reports", "index", "end")
	for name, text := range map[string]string{StyleFile: string(all.style), ScriptFile: string(all.script)} {
		if err := writeFile(filepath.Join(dir, name), func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// besidePolicy allows what lies where the page lies.
const besidePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'"

// look is the one style and the one script of a page, with the policy that
// allows these and nothing else: no image, font, frame, form or connection.
type look struct {
	style  template.CSS
	script template.JS
	csp    string
}

// Parts of the style: what every page needs, and what only some do.
var (
	domainLook  = sync.OnceValue(func() look { return newLook("base", "domain", "end") })
	reportsLook = sync.OnceValue(func() look { return newLook("base", "domain", "reports", "end") })
	indexLook   = sync.OnceValue(func() look { return newLook("base", "index", "end") })
)

func newLook(styles ...string) look {
	read := func(name string) string {
		text, err := templateFiles.ReadFile("templates/" + name)
		if err != nil {
			panic(err)
		}
		return string(text)
	}
	css := ""
	for _, name := range styles {
		css += shrinkStyle(read(name + ".css"))
	}
	script := shrinkScript(read("script.js"))
	return look{template.CSS(css), template.JS(script), "default-src 'none'; style-src " + hashSource(css) +
		"; script-src " + hashSource(script) + "; base-uri 'none'; form-action 'none'"}
}

func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func newFrame(d *Document, opts HTMLOptions, a look) frame {
	w := wordsFor(opts.Lang, d)
	tool := d.Tool.Name
	if tool == "" {
		tool = "postseal"
	}
	if d.Tool.Version != "" {
		tool += " " + d.Tool.Version
	}
	parts := Escape(tool)
	if d.Tool.RulesVersion != "" {
		parts += " · " + w.t("tool.rules") + " " + Escape(d.Tool.RulesVersion)
	}
	if d.Tool.ScoreVersion > 0 {
		parts += " · " + w.t("tool.score") + " v" + itoa(d.Tool.ScoreVersion)
	}
	f := frame{Lang: w.Lang, CSP: a.csp, Style: a.style, Script: a.script, Tool: parts, words: w}
	if opts.Assets != "" {
		f.Assets, f.CSP, f.Style, f.Script = strings.TrimSuffix(opts.Assets, "/")+"/", besidePolicy, "", ""
	}
	return f
}
