//go:build browser

package report

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/postseal/postseal/check"
)

// chromium is where Debian installs it. Without it these tests fail: whoever
// asks for them by their tag wants to know.
const chromium = "/usr/bin/chromium"

// browser is one headless Chromium that reports what pages did.
type browser struct {
	ctx context.Context

	mu       sync.Mutex
	trouble  []string
	requests []string
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	if _, err := os.Stat(chromium); err != nil {
		t.Fatalf("the browser tests need Chromium: %v", err)
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(chromium), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true))
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("closing Chromium: %v", err)
		}
		cancel()
		stop()
	})
	b := &browser{ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	if err := chromedp.Listen(ctx, b.saw); err != nil {
		t.Fatalf("listening to Chromium: %v", err)
	}
	call(t, ctx, network.Enable, network.EnableParams{})
	call(t, ctx, log.Enable, cdp.Empty{})
	return b
}

func call[P, R any](t *testing.T, ctx context.Context, cmd cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(ctx, cmd, params); err != nil {
		t.Fatalf("%s: %v", cmd.Method, err)
	}
}

// saw keeps what a good page never does, and every request.
func (b *browser) saw(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		b.trouble = append(b.trouble, fmt.Sprintf("the console was used: %s", e.Type))
	case *runtime.EventExceptionThrown:
		b.trouble = append(b.trouble, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		b.trouble = append(b.trouble, fmt.Sprintf("log: %s %s", e.Entry.Text, e.Entry.URL))
	case *page.EventJavascriptDialogOpening:
		b.trouble = append(b.trouble, "a dialog opened: "+e.Message)
		go func() {
			_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: false})
		}()
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

func (b *browser) do(t *testing.T, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// eval gives the value of an expression in the page.
func eval[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("evaluating %.60q: %v", expression, err)
	}
	return v
}

func fileURL(path string) string { return "file://" + path }

func (b *browser) media(t *testing.T, kind, scheme string) {
	t.Helper()
	call(t, b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: kind, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// widest names the elements that stick out of the window, and how wide the page is.
const widest = `(() => {
  const w = document.documentElement.clientWidth, out = [];
  if (document.documentElement.scrollWidth > w) {
    for (const e of document.querySelectorAll("body *")) {
      if (e.closest(".scroll") || e.closest(".sr") || e.closest(".skip")) continue;
      const r = e.getBoundingClientRect();
      if (r.right > w + 1) out.push(e.tagName + "." + e.className + " " + Math.round(r.right));
    }
    out.push("page " + document.documentElement.scrollWidth + " > " + w);
  }
  return out.slice(0, 8);
})()`

// TestPagesInBrowser opens every page as a reader does: from disk.
func TestPagesInBrowser(t *testing.T) {
	dir := t.TempDir()
	if keep := os.Getenv("POSTSEAL_SCREENSHOTS"); keep != "" {
		dir = keep
	}
	t.Logf("pages and screenshots: %s", dir)
	b := openBrowser(t)
	for _, lang := range []string{"en", "pt-BR"} {
		out := filepath.Join(dir, lang)
		doc := several(t, lang)
		paths, err := WriteHTMLDir(out, doc, HTMLOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i, path := range paths {
			if filepath.Ext(path) != ".html" {
				continue
			}
			name := strings.TrimSuffix(filepath.Base(path), ".html")
			t.Run(lang+"/"+name, func(t *testing.T) {
				b.check(t, path)
				if i > 0 {
					b.findings(t, doc.Reports[i-1])
				}
				b.screenshots(t, strings.TrimSuffix(path, ".html"))
			})
		}
	}
}

// check opens the page and holds it to what every page promises.
func (b *browser) check(t *testing.T, path string) {
	b.mu.Lock()
	b.trouble, b.requests = nil, nil
	b.mu.Unlock()
	b.media(t, "screen", "light")
	b.do(t, "opening", chromedp.EmulateViewport(1280, 900), chromedp.Navigate(fileURL(path)), chromedp.Sleep(200*time.Millisecond))
	pwned := eval[string](t, b, `String(window.__pwned)`)
	lang := eval[string](t, b, `document.documentElement.lang`)
	h1 := eval[int](t, b, `document.querySelectorAll("h1").length`)
	hidden := eval[int](t, b, `document.querySelectorAll("#theme[hidden], button[data-copy][hidden]").length`)
	styles := eval[int](t, b, `document.querySelectorAll("[style], script[src], img, iframe, link, a[href^=javascript]").length`)
	if pwned != "undefined" {
		t.Errorf("a stranger's text ran: window.__pwned = %s", pwned)
	}
	if h1 != 1 || lang == "" {
		t.Errorf("the page has %d h1 and the language %q", h1, lang)
	}
	if hidden > 0 {
		t.Errorf("the script did not run: %d buttons are still hidden", hidden)
	}
	if styles > 0 {
		t.Errorf("%d elements have a style attribute or load something", styles)
	}
	for _, width := range []int64{320, 380, 768, 1280} {
		b.do(t, "resizing", chromedp.EmulateViewport(width, 900))
		if wide := eval[[]string](t, b, widest); len(wide) > 0 {
			t.Errorf("at %d px it scrolls sideways: %v", width, wide)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.trouble {
		t.Error(s)
	}
	for _, u := range b.requests {
		if u != fileURL(path) {
			t.Errorf("the page asked for %s", u)
		}
	}
}

// findings looks for every finding, consequence and unknown of the JSON in the text.
func (b *browser) findings(t *testing.T, r *Report) {
	text := eval[string](t, b, `document.querySelector("main").textContent.replace(/\s+/g, " ")`)
	has := func(what, s string) {
		s = strings.Join(strings.Fields(clip(Escape(s), maxMessage)), " ")
		if !strings.Contains(text, s) {
			t.Errorf("%s is not on the page: %.120q", what, s)
		}
	}
	has("the verdict", r.Verdict.Text)
	for _, res := range r.Results {
		if res.Status == check.Pass { // named by their titles, or on a heavy page by their IDs
			if !strings.Contains(text, res.ID) {
				has("the check that passed", res.Title)
			}
		} else {
			has("the rule", res.ID)
		}
		if res.Cause != "" {
			has("the cause", res.Cause)
		}
		for _, f := range res.Findings {
			has("the finding", f.Message)
			for _, c := range f.Consequences {
				has("the consequence", c.Message)
			}
		}
	}
	for _, s := range r.NextSteps {
		has("the step", s.Title)
	}
}

func (b *browser) screenshots(t *testing.T, base string) {
	for _, shot := range []struct {
		name         string
		width        int64
		kind, scheme string
	}{
		{"light", 1280, "screen", "light"}, {"dark", 1280, "screen", "dark"},
		{"380", 380, "screen", "light"}, {"print", 794, "print", "light"},
	} {
		b.media(t, shot.kind, shot.scheme)
		b.do(t, "resizing", chromedp.EmulateViewport(shot.width, 900))
		png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err != nil || len(png) < 5000 {
			t.Fatalf("the screenshot %s has %d octets: %v", shot.name, len(png), err)
		}
		if err := os.WriteFile(base+"."+shot.name+".png", png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAssetsInBrowser: style and script beside the page are taken, and still
// nothing else.
func TestAssetsInBrowser(t *testing.T) {
	dir := t.TempDir()
	if err := WriteAssets(filepath.Join(dir, "look")); err != nil {
		t.Fatal(err)
	}
	d := fixture(t, "typical", "en")
	path := filepath.Join(dir, "page.html")
	if err := os.WriteFile(path, []byte(htmlOf(t, d, HTMLOptions{Assets: "./look"})), 0o644); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	b := openBrowser(t)
	for _, at := range []string{server.URL + "/page.html", fileURL(path)} {
		b.mu.Lock()
		b.trouble = nil
		b.mu.Unlock()
		b.do(t, "opening", chromedp.EmulateViewport(1280, 900), chromedp.Navigate(at), chromedp.Sleep(300*time.Millisecond))
		if grid := eval[string](t, b, `getComputedStyle(document.querySelector(".hero")).display`); grid != "grid" {
			t.Errorf("%s: the style was not taken: display is %s", at, grid)
		}
		if hidden := eval[bool](t, b, `document.getElementById("theme").hidden`); hidden {
			t.Errorf("%s: the script did not run", at)
		}
		b.mu.Lock()
		for _, s := range b.trouble {
			if !strings.Contains(s, "favicon") {
				t.Errorf("%s: %s", at, s)
			}
		}
		b.mu.Unlock()
	}
}
