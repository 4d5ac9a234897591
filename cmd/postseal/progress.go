package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// How often the line of progress is written anew, and how long a run may take
// before there is one: what is done at once needs none.
const (
	progressEvery = 200 * time.Millisecond
	progressAfter = 400 * time.Millisecond
)

// leastProgress is how few columns a line of progress makes sense in.
const leastProgress = 20

// progress is one line on standard error that says what a run is at, for who
// waits at a terminal. It is written anew in place and is gone before anything
// else is printed. nil, as where standard error is no terminal, does nothing.
type progress struct {
	w     io.Writer
	width func() int // of the terminal
	ascii bool
	l     *locale.Localizer

	mu      sync.Mutex
	last    string      // the line that stands there now
	shown   int         // its columns
	over    bool        // something is printed on this terminal, or the command has ended
	watched func() work // nil while nothing is asked
	began   time.Time
	running []string // the domains that are audited, the oldest first
	done    int
	total   int // 0 where the run is not about a list
}

// work is how much was asked so far.
type work struct{ dns, https, smtp int }

// newProgress sets a command's progress up and puts it before its streams, so
// that nothing is written into the line. A program that reads standard error, a
// CI job and who says --quiet get no line.
func newProgress(s *streams, cmd *cobra.Command) *progress {
	f, ok := s.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || flagValue(cmd, "quiet") == "true" || unattended() {
		return nil
	}
	l, err := localizer(flagValue(cmd, "lang"))
	if err != nil {
		return nil // the command refuses the language in words of its own
	}
	p := &progress{w: f, ascii: s.ascii, l: l}
	p.width = func() int {
		if n := declaredWidth(); n > 0 {
			return n
		}
		n, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return textWidth
		}
		return n
	}
	s.err = &clearing{p: p, w: s.err}
	if _, tty := s.tty(); tty {
		s.out.w = &clearing{p: p, w: s.out.w, last: true}
	}
	return p
}

func flagValue(cmd *cobra.Command, name string) string {
	if f := cmd.Flags().Lookup(name); f != nil {
		return f.Value.String()
	}
	return ""
}

// unattended tells that nobody watches, or that the terminal cannot go back to
// the start of a line.
func unattended() bool {
	if ci := os.Getenv("CI"); ci != "" && ci != "false" && ci != "0" {
		return true
	}
	kind := os.Getenv("TERM")
	return kind == "dumb" || kind == "" && runtime.GOOS != "windows"
}

// clearing takes the line of progress away before it writes. After a write to
// the terminal that results go to there is no line any more: a result may come
// in pieces, and the line would stand in one of them.
type clearing struct {
	p    *progress
	w    io.Writer
	last bool
}

func (c *clearing) Write(b []byte) (int, error) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.p.clear()
	c.p.over = c.p.over || c.last
	return c.w.Write(b)
}

type progressKey struct{}

// with lets everything below a command find its progress.
func (p *progress) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, progressKey{}, p)
}

func progressOf(ctx context.Context) *progress {
	p, _ := ctx.Value(progressKey{}).(*progress)
	return p
}

// watch shows what the world is asked until the caller calls the function that
// it gives; of a run over a list, total is how long that is.
func (p *progress) watch(w *world, total int) (stop func()) {
	if p == nil {
		return func() {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began, p.done, p.total, p.running = time.Now(), 0, total, nil
	p.watched = func() work {
		return work{int(w.run.Counts().Queries), w.fetcher.Requests() + w.logos.Requests(), w.dialer.Opened()}
	}
	stopped, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		p.draw(stopped)
	}()
	var once sync.Once
	return func() {
		once.Do(func() {
			close(stopped)
			<-gone
			p.mu.Lock()
			defer p.mu.Unlock()
			p.watched = nil
			p.clear()
		})
	}
}

// draw writes the line anew until it is told to stop.
func (p *progress) draw(stopped <-chan struct{}) {
	wait := time.NewTimer(progressAfter)
	defer wait.Stop()
	for {
		select {
		case <-stopped:
			return
		case <-wait.C:
			p.mu.Lock()
			p.show(p.line(time.Since(p.began)))
			p.mu.Unlock()
			wait.Reset(progressEvery)
		}
	}
}

// begin and end say that a domain of the list is looked at, and that it was.
func (p *progress) begin(domain string) {
	if p != nil {
		p.mu.Lock()
		p.running = append(p.running, domain)
		p.mu.Unlock()
	}
}

func (p *progress) end(domain string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	for i, d := range p.running {
		if d == domain {
			p.running = append(p.running[:i:i], p.running[i+1:]...)
			return
		}
	}
}

// finish takes the line away for good.
func (p *progress) finish() {
	if p != nil {
		p.mu.Lock()
		p.clear()
		p.over = true
		p.mu.Unlock()
	}
}

// line says how far a list is and which domain takes longest, what is going on,
// how much was asked and for how long.
func (p *progress) line(took time.Duration) string {
	var at work
	if p.watched != nil {
		at = p.watched()
	}
	stage, counts := "dns", fmt.Sprintf("DNS %d", at.dns)
	if at.https > 0 {
		stage, counts = "https", counts+fmt.Sprintf(", HTTPS %d", at.https)
	}
	if at.smtp > 0 {
		stage, counts = "smtp", counts+fmt.Sprintf(", SMTP %d", at.smtp)
	}
	var b strings.Builder
	if p.total > 1 {
		fmt.Fprintf(&b, "%d/%d ", p.done, p.total)
	}
	if len(p.running) > 0 {
		b.WriteString(report.Escape(p.running[0]) + ": ")
	}
	// Of several domains each is at something else.
	if p.total <= 1 {
		if stage == "dns" {
			counts = fmt.Sprint(at.dns)
		}
		counts = p.l.Text("progress."+stage, nil) + " (" + counts + ")"
	}
	return b.String() + counts + ", " + p.l.Text("progress.seconds", check.Params{"N": int(took.Seconds())})
}

// show writes the line in place of the last one. The last column stays free:
// some terminals go on to the next line when it is written.
func (p *progress) show(line string) {
	width := p.width() - 1
	if p.over || width < leastProgress {
		return
	}
	if p.ascii {
		line = report.ASCII(line)
	}
	if n := utf8.RuneCountInString(line); n > width {
		dots := "…"
		if p.ascii {
			dots = "..."
		}
		line = string([]rune(line)[:width-utf8.RuneCountInString(dots)]) + dots
	}
	if line == p.last {
		return
	}
	n := utf8.RuneCountInString(line)
	fmt.Fprint(p.w, "\r"+line+strings.Repeat(" ", max(0, min(p.shown, width)-n)))
	p.last, p.shown = line, n
}

// clear leaves an empty line and the cursor at its start.
func (p *progress) clear() {
	if p.shown > 0 {
		fmt.Fprint(p.w, "\r"+strings.Repeat(" ", p.shown)+"\r")
		p.last, p.shown = "", 0
	}
}
