package report_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"
)

// alike are texts that are the same in both languages: names of things, and
// words that Portuguese writes as English does.
var alike = []string{
	"Example Mail", "Example Mail,", "Example Mail, Example CRM, news.example, mx, ip4:192.0.2.0/24",
	"Sender Best Practices (Yahoo Sender Hub)", "Outlook's New Requirements for High-Volume Senders (Microsoft)",
	"Email sender guidelines (Google)",
	"To: @example.com",
	"network is unreachable", // said by an operating system
}

// TestUntranslated holds the Portuguese pages to being Portuguese: text of two
// words or more that stands in the English page of the same domain as well is a
// record, a name, or was forgotten.
func TestUntranslated(t *testing.T) {
	pages, err := filepath.Glob("testdata/golden/html/*.pt-BR.html")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages (%v)", err)
	}
	for _, path := range pages {
		english := prose(t, strings.Replace(path, ".pt-BR.", ".en.", 1))
		texts := prose(t, path)
		if len(texts) < 20 {
			t.Errorf("%s: only %d texts were read", path, len(texts))
		}
		for _, s := range texts {
			if slices.Contains(english, s) && !slices.Contains(alike, s) {
				t.Errorf("%s: %q is the same in English", filepath.Base(path), s)
			}
		}
	}
}

// TestUntranslatedLines does the same for what is read on terminals, in pull
// requests and by who is on duty: no line is the same in both languages.
func TestUntranslatedLines(t *testing.T) {
	var paths []string
	for _, pattern := range []string{"text/*.pt-BR.*", "*.pt-BR.markdown", "*.pt-BR.nagios", "*.pt-BR.github"} {
		some, err := filepath.Glob("testdata/golden/" + pattern)
		if err != nil || len(some) == 0 {
			t.Fatalf("no files %s (%v)", pattern, err)
		}
		paths = append(paths, some...)
	}
	for _, path := range paths {
		english, err := os.ReadFile(strings.Replace(path, ".pt-BR.", ".en.", 1))
		if err != nil {
			t.Fatal(err)
		}
		lines := map[string]bool{}
		for line := range strings.Lines(string(english)) {
			lines[strings.TrimSpace(line)] = true
		}
		portuguese, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(portuguese)) {
			line = strings.TrimSpace(line)
			if lines[line] && isProse(line) && !slices.ContainsFunc(alike, func(s string) bool { return strings.Contains(line, s) }) {
				t.Errorf("%s: %q is the same in English", filepath.Base(path), line)
			}
		}
	}
}

// prose lists the texts of a page that people read as sentences: not what
// stands in elements for code, and not single words.
func prose(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := html.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	add := func(s string) {
		if s = strings.Join(strings.Fields(s), " "); isProse(s) {
			texts = append(texts, s)
		}
	}
	for n := range doc.Descendants() {
		switch {
		case n.Type == html.TextNode && !inCode(n):
			add(n.Data)
		case n.Type == html.ElementNode:
			for _, a := range n.Attr {
				if slices.Contains([]string{"alt", "title", "aria-label", "placeholder"}, a.Key) {
					add(a.Val)
				}
			}
		}
	}
	return texts
}

// inCode tells whether an element around the text is for records and other
// things that computers said, or is no text for people.
func inCode(n *html.Node) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if slices.Contains([]string{"code", "pre", "samp", "kbd", "script", "style"}, p.Data) {
			return true
		}
	}
	return false
}

// isProse tells whether a text has two words of a language: words of three
// letters or more, in lower case but for the first, that belong to no name of a
// host, record, rule or file.
func isProse(s string) bool {
	words := 0
	for _, w := range strings.Fields(s) {
		w = strings.Trim(w, `.,;:!?()"'*_`)
		letters := strings.IndexFunc(w, func(r rune) bool { return !unicode.IsLetter(r) }) < 0
		if len(w) > 2 && letters && strings.ToUpper(w) != w && strings.ToLower(w[1:]) == w[1:] {
			words++
		}
	}
	return words > 1
}
