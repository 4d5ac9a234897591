//go:build browser

package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// axeFile is where e2e/install puts axe-core, which is not part of this repository.
const axeFile = "../.cache/axe-core-4.14.1.min.js"

// axeRun starts the rules of WCAG 2.2 A and AA, and those of good practice, with
// every part of the page open, and leaves what they find in __axe: the rule, how
// bad it is, and where.
const axeRun = `(() => {
  document.querySelectorAll("details").forEach(d => { d.open = true; });
  window.__axe = null;
  axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    resultTypes: ["violations"],
  }).then(r => {
    window.__axe = r.violations.map(v => v.id + " (" + v.impact + "): " + v.help + ": " +
      v.nodes.slice(0, 3).map(n => n.target.join(" ") + " " + (n.any.concat(n.all, n.none)[0] || {}).message).join(" | "));
  }, e => { window.__axe = ["axe failed: " + e]; });
  return true;
})()`

// TestAccessibilityInBrowser: axe-core finds no barrier on any page, light and
// dark, in both languages, wide and narrow.
func TestAccessibilityInBrowser(t *testing.T) {
	script, err := os.ReadFile(axeFile)
	if err != nil {
		t.Skipf("without axe-core, which e2e/install fetches: %v", err)
	}
	b := openBrowser(t)
	for _, lang := range []string{"en", "pt-BR"} {
		dir := filepath.Join(t.TempDir(), lang)
		doc := several(t, lang)
		older := several(t, lang)
		for _, r := range older.Reports { // so that the section on the last run is there
			r.StartedAt = r.StartedAt.AddDate(0, 0, -7)
			r.Score.Value = max(0, r.Score.Value-8)
			r.Results = r.Results[:len(r.Results)/2]
		}
		Compare(older, doc)
		paths, err := WriteHTMLDir(dir, doc, HTMLOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if filepath.Ext(path) != ".html" {
				continue
			}
			for _, look := range []struct {
				scheme string
				width  int64
			}{{"light", 1280}, {"dark", 360}} {
				t.Run(lang+"/"+strings.TrimSuffix(filepath.Base(path), ".html")+"/"+look.scheme, func(t *testing.T) {
					b.media(t, "screen", look.scheme)
					b.do(t, "opening", chromedp.EmulateViewport(look.width, 900), chromedp.Navigate(fileURL(path)))
					eval[any](t, b, string(script)+";true")
					eval[bool](t, b, axeRun)
					for range 300 {
						if eval[bool](t, b, `window.__axe !== null`) {
							break
						}
						time.Sleep(100 * time.Millisecond)
					}
					if !eval[bool](t, b, `Array.isArray(window.__axe)`) {
						t.Fatal("axe does not come to an end")
					}
					for _, v := range eval[[]string](t, b, `window.__axe`) {
						t.Error(v)
					}
				})
			}
		}
	}
}
