package report

import (
	"fmt"
	"html/template"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/postseal/postseal/internal/locale"
)

// tree prints what a browser makes of a page, text without its spaces' shape.
func tree(t *testing.T, page string) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var walk func(n *html.Node, depth int, pre bool)
	walk = func(n *html.Node, depth int, pre bool) {
		indent := strings.Repeat(" ", depth)
		switch n.Type {
		case html.TextNode:
			text := n.Data
			if !pre {
				text = strings.Join(strings.Fields(text), " ")
			}
			if text != "" {
				fmt.Fprintf(&b, "%s%q\n", indent, text)
			}
		case html.ElementNode:
			fmt.Fprintf(&b, "%s<%s", indent, n.Data)
			for _, a := range n.Attr {
				fmt.Fprintf(&b, " %s=%q", a.Key, a.Val)
			}
			b.WriteString(">\n")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, depth+1, pre || n.Data == "pre")
		}
	}
	walk(doc, 0, false)
	return b.String()
}

// TestShrink: what is left out of pages to make them lighter changes nothing of
// what a browser builds from them.
func TestShrink(t *testing.T) {
	whole := template.New("report").Funcs(templateFuncs(words{locale.Must(locale.English)}))
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		src, err := templateFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		template.Must(whole.Parse(string(src)))
	}
	for _, name := range fixtureNames {
		d := fixture(t, name, "en")
		p := newDomainPage(d, d.Reports[0], HTMLOptions{}, "", detailAll)
		var b strings.Builder
		if err := whole.ExecuteTemplate(&b, "domain.html", p); err != nil {
			t.Fatal(err)
		}
		small, err := renderPage("domain.html", p)
		if err != nil {
			t.Fatal(err)
		}
		if len(small) >= b.Len() {
			t.Errorf("%s: %d octets, and %d without shrinking", name, len(small), b.Len())
		}
		if got, want := tree(t, string(small)), tree(t, b.String()); got != want {
			t.Errorf("%s: the page has another tree (-want +got):\n%s", name, firstDifference(want, got))
		}
	}
}

func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return "-" + a[i] + "\n+" + strings.Join(b[min(i, len(b)-1):min(i+1, len(b))], "")
		}
	}
	return "more lines than wanted"
}

func TestShrinkTemplate(t *testing.T) {
	for src, want := range map[string]string{
		`<a class="x" href="{{.U}}">`:                `<a class=x href="{{.U}}">`,
		`<ul><li>a</li><li>b</li></ul>`:              `<ul><li>a<li>b</ul>`,
		`<circle r="4.5"/>`:                          `<circle r="4.5"/>`,
		`{{t "a" "N" .N}} class="{{.T}}"`:            `{{t "a" "N" .N}} class="{{.T}}"`,
		`<p title="two words" id="a" lang="b">`:      `<p title="two words" id=a lang=b>`,
		`<th class="n"{{if .A}} scope="col"{{end}}>`: `<th class="n"{{if .A}} scope="col"{{end}}>`,
	} {
		if got := shrinkTemplate(src); got != want {
			t.Errorf("%s: got %s, want %s", src, got, want)
		}
	}
}

func TestSqueezeLines(t *testing.T) {
	for page, want := range map[string]string{
		"<p>a</p>\n\n\n  <p>b":                    "<p>a</p>\n<p>b",
		"x\n\n<pre>1\n\n  2\n</pre>\n\n\ny":       "x\n<pre>1\n\n  2\n</pre>\ny",
		`<a title="a&#34;b">a&#34;b&lt;&#43;</a>`: `<a title="a&#34;b">a"b&lt;+</a>`,
		"<pre>open\n\n":                           "<pre>open\n\n",
	} {
		if got := string(squeezeLines([]byte(page))); got != want {
			t.Errorf("%q: got %q, want %q", page, got, want)
		}
	}
}

// sectionWeights says how heavy each part of a page is, for who has to make room.
func sectionWeights(page string) string {
	var parts []string
	add := func(name, text string) { parts = append(parts, fmt.Sprintf("%s %d", name, len(text))) }
	between := func(from, to string) string {
		_, rest, _ := strings.Cut(page, from)
		text, _, _ := strings.Cut(rest, to)
		return text
	}
	add("style", between("<style>", "</style>"))
	add("script", between("<script>", "</script>"))
	heads := regexp.MustCompile(`<(?:section class="?sec[^>]*|article[^>]*) aria-labelledby="?([a-z0-9-]+)`).FindAllStringSubmatchIndex(page, -1)
	for i, m := range heads {
		end := len(page)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		add(page[m[2]:m[3]], page[m[0]:end])
	}
	return fmt.Sprintf("%d octets: %s", len(page), strings.Join(parts, ", "))
}
