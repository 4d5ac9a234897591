package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/postseal/postseal/internal/locale"
)

// screen is what a terminal of one line shows after it was sent some text.
func screen(sent string) string {
	var line []rune
	at := 0
	for _, r := range sent {
		switch r {
		case '\r':
			at = 0
		case '\n':
			line, at = nil, 0
		default:
			if at == len(line) {
				line = append(line, ' ')
			}
			line[at] = r
			at++
		}
	}
	return strings.TrimRight(string(line), " ")
}

func lineOf(l locale.Lang, width int, w *bytes.Buffer) *progress {
	return &progress{w: w, width: func() int { return width }, l: locale.Must(l)}
}

func TestProgressLine(t *testing.T) {
	asked := func(dns, https, smtp int) func() work { return func() work { return work{dns, https, smtp} } }
	for _, tt := range []struct {
		name string
		p    *progress
		lang locale.Lang
		want string
	}{
		{"a command about DNS", &progress{watched: asked(7, 0, 0)}, locale.English, "asking DNS (7), 3 s"},
		{"an audit", &progress{watched: asked(40, 2, 1), total: 1, running: []string{"example.com"}}, locale.English,
			"example.com: talking to mail hosts (DNS 40, HTTPS 2, SMTP 1), 3 s"},
		{"a list: the oldest of those under way", &progress{watched: asked(400, 0, 3), total: 12, done: 4, running: []string{"a.example", "b.example"}}, locale.English,
			"4/12 a.example: DNS 400, SMTP 3, 3 s"},
		{"Portuguese", &progress{watched: asked(7, 1, 0)}, locale.Portuguese, "buscando por HTTPS (DNS 7, HTTPS 1), 3 s"},
		{"a stranger's name", &progress{total: 1, running: []string{"a\x1b[2Jb"}}, locale.English, `a\x1b[2Jb: asking DNS (0), 3 s`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.p.l = locale.Must(tt.lang)
			if got := tt.p.line(3*time.Second + 700*time.Millisecond); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestProgressFits(t *testing.T) {
	var sent bytes.Buffer
	p := lineOf(locale.English, 40, &sent)
	p.show(strings.Repeat("é", 50))
	if got, want := screen(sent.String()), strings.Repeat("é", 38)+"…"; got != want {
		t.Errorf("got %q, want %q: the last column stays free", got, want)
	}
	// A shorter line leaves nothing of the longer one.
	p.show("short")
	if got := screen(sent.String()); got != "short" {
		t.Errorf("got %q after a longer line", got)
	}
	sent.Reset()
	p.ascii = true
	p.show("a – " + strings.Repeat("b", 50))
	if got := sent.String(); strings.IndexFunc(got, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 || !strings.HasSuffix(screen(got), "b...") || len(screen(got)) != 39 {
		t.Errorf("in ASCII it is %q", got)
	}
	sent.Reset()
	p.width = func() int { return 12 }
	p.show("no room for this")
	if sent.Len() > 0 {
		t.Errorf("a terminal of 12 columns gets %q", sent.String())
	}
}

// What a command writes never stands in the line, and after a result there is none.
func TestProgressClears(t *testing.T) {
	var terminal bytes.Buffer
	p := lineOf(locale.English, 80, &terminal)
	errs, out := &clearing{p: p, w: &terminal}, &clearing{p: p, w: &terminal, last: true}
	p.show("1/2 example.com")
	if _, err := errs.Write([]byte("postseal: a warning\n")); err != nil {
		t.Fatal(err)
	}
	p.show("2/2 example.com")
	if _, err := out.Write([]byte("the first half, ")); err != nil {
		t.Fatal(err)
	}
	p.show("2/2 example.com")
	if _, err := out.Write([]byte("the second\n")); err != nil {
		t.Fatal(err)
	}
	want := []string{"postseal: a warning", "the first half, the second", ""}
	lines := strings.Split(terminal.String(), "\n")
	for i := range lines {
		lines[i] = screen(lines[i])
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("the terminal shows %q, want %q", lines, want)
	}
}

func TestUnattended(t *testing.T) {
	for _, tt := range []struct {
		term, ci string
		want     bool
	}{{"xterm-256color", "", false}, {"xterm", "true", true}, {"xterm", "1", true}, {"xterm", "false", false}, {"dumb", "", true}} {
		clean(t)
		t.Setenv("TERM", tt.term)
		t.Setenv("CI", tt.ci)
		if got := unattended(); got != tt.want {
			t.Errorf("TERM=%s CI=%s: got %t, want %t", tt.term, tt.ci, got, tt.want)
		}
	}
}
