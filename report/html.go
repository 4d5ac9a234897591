package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"sync"

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
		return writePage(w, "domain.html", newDomainPage(d, d.Reports[0], opts, ""))
	}
	return writePage(w, "index.html", newIndexPage(d, opts, nil))
}

func writePage(w io.Writer, name string, page any) error {
	lang := locale.English
	if p, ok := page.(interface{ language() locale.Lang }); ok {
		lang = p.language()
	}
	t, err := templates(lang)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	var buf bytes.Buffer
	if err := t.ExecuteTemplate(&buf, name, page); err != nil {
		return fmt.Errorf("report: writing HTML: %w", err)
	}
	_, err = w.Write(buf.Bytes())
	return err
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

func parseTemplates(lang locale.Lang) (*template.Template, error) {
	w := words{locale.Must(lang)}
	return template.New("report").Funcs(template.FuncMap{
		"t":     w.t,
		"count": w.count,
		"dec":   w.decimal,
		"int":   w.integer,
		"inc":   func(i int) int { return i + 1 },
		"list":  func(v ...any) []any { return v },
	}).ParseFS(templateFiles, "templates/*.html")
}

// frame is what every page has around it.
type frame struct {
	Lang     locale.Lang
	Title    string
	CSP      string
	Style    template.CSS
	Script   template.JS
	Tool     string
	Home     string // link to the index, "" for none
	Data     string // link to the JSON beside the page, "" for none
	Measured string
	words    words
}

func (f frame) language() locale.Lang { return f.Lang }

// assets are the one style and the one script, with the policy that allows
// these and nothing else: no image, font, frame, form or connection.
var assets = sync.OnceValue(func() (a struct {
	style  template.CSS
	script template.JS
	csp    string
}) {
	style, err := templateFiles.ReadFile("templates/style.css")
	if err != nil {
		panic(err)
	}
	script, err := templateFiles.ReadFile("templates/script.js")
	if err != nil {
		panic(err)
	}
	a.style, a.script = template.CSS(style), template.JS(script)
	a.csp = "default-src 'none'; style-src " + hashSource(style) + "; script-src " + hashSource(script) +
		"; base-uri 'none'; form-action 'none'"
	return a
})

func hashSource(b []byte) string {
	sum := sha256.Sum256(b)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func newFrame(d *Document, opts HTMLOptions) frame {
	w := wordsFor(opts.Lang, d)
	a := assets()
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
	return frame{Lang: w.Lang, CSP: a.csp, Style: a.style, Script: a.script, Tool: parts, words: w}
}
