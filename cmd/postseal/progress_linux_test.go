package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// pty opens a pseudo-terminal of so many columns: what a program writes to the
// second file is read from the first.
func pty(t *testing.T, columns int) (outside, inside *os.File) {
	t.Helper()
	outside, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { outside.Close() })
	control := func(request uintptr, value unsafe.Pointer) {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, outside.Fd(), request, uintptr(value)); errno != 0 {
			t.Fatal(errno)
		}
	}
	var locked, number int32
	control(syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	control(syscall.TIOCGPTN, unsafe.Pointer(&number))
	size := [4]uint16{24, uint16(columns)}
	control(syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	inside, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inside.Close() })
	return outside, inside
}

// tty gathers what a terminal was sent.
type tty struct {
	mu   sync.Mutex
	sent bytes.Buffer
}

func (s *tty) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent.Write(p)
}

func (s *tty) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent.String()
}

// atTerminal runs postseal with standard error, and where both is set also
// standard output, at a terminal of 60 columns; once it shows the text, Ctrl-C
// is pressed.
func atTerminal(t *testing.T, both bool, env []string, until string, args ...string) (sent, stdout string) {
	t.Helper()
	outside, inside := pty(t, 60)
	cmd := exec.Command("postseal", args...)
	cmd.Env = append(os.Environ(), append([]string{"TERM=xterm-256color", "CI=", "COLUMNS=", "LC_ALL=C.UTF-8"}, env...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, inside
	if both {
		cmd.Stdout = inside
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	inside.Close()
	shown := &tty{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(shown, outside) // ends with EIO when the program does
	}()
	deadline := time.After(20 * time.Second)
	for until != "" && !strings.Contains(shown.String(), until) {
		select {
		case <-read:
			until = ""
		case <-deadline:
			t.Errorf("%q never showed: %q", until, shown.String())
			until = ""
		case <-time.After(10 * time.Millisecond):
		}
	}
	_ = cmd.Process.Signal(os.Interrupt) // it may have ended
	_ = cmd.Wait()
	<-read
	return shown.String(), out.String()
}

// TestProgressAtTerminal waits for a resolver that never answers: one line is
// written anew in place, and nothing of it is left at the end.
func TestProgressAtTerminal(t *testing.T) {
	resolver, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer resolver.Close()
	dns := resolver.LocalAddr().String()
	long := strings.Repeat("a-very-long-label.", 5) + "example"
	for _, tt := range []struct {
		name  string
		until string
		args  []string
	}{
		{"one domain", "example.com: asking DNS", []string{"audit", "--no-smtp", "--dns", dns, "example.com"}},
		{"several domains", "0/2 example.", []string{"audit", "--no-smtp", "--dns", dns, "example.com", "example.net"}},
		{"a long name is cut", "…", []string{"audit", "--no-smtp", "--dns", dns, long}},
		{"a command about DNS", "asking DNS (", []string{"spf", "tree", "--dns", dns, "example.com"}},
		{"Portuguese", "consultando o DNS", []string{"dmarc", "walk", "--lang", "pt-BR", "--dns", dns, "example.com"}},
		{"ASCII", "...", []string{"audit", "--ascii", "--no-smtp", "--dns", dns, long}},
		{"a format for programs", "asking DNS", []string{"audit", "--format", "json", "--no-smtp", "--dns", dns, "example.com"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sent, out := atTerminal(t, false, nil, tt.until, tt.args...)
			if out != "" {
				t.Errorf("standard output got %q", out)
			}
			last, rest, ok := strings.Cut(sent, "postseal: interrupted")
			if !ok || strings.Contains(last, "\n") || strings.Count(rest, "\n") != 1 {
				t.Fatalf("the line is not written in place: %q", sent)
			}
			if left := screen(last); left != "" {
				t.Errorf("before the last line %q is left", left)
			}
			if tt.name == "ASCII" && strings.IndexFunc(sent, func(r rune) bool { return r > '~' }) >= 0 {
				t.Errorf("not ASCII: %q", sent)
			}
			for _, line := range strings.Split(last, "\r") {
				if n := len([]rune(line)); n > 59 {
					t.Errorf("%d columns of 60 are written: %q", n, line)
				}
			}
		})
	}
}

// TestNoProgress: nobody watches, or nothing is to be seen but the result.
func TestNoProgress(t *testing.T) {
	resolver, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer resolver.Close()
	args := []string{"audit", "--no-smtp", "--timeout", "1s", "--dns", resolver.LocalAddr().String(), "example.com"}
	for name, tt := range map[string]struct {
		env   []string
		extra []string
	}{
		"CI": {[]string{"CI=true"}, nil}, "a dumb terminal": {[]string{"TERM=dumb"}, nil}, "--quiet": {nil, []string{"-q"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent, _ := atTerminal(t, false, tt.env, "postseal: ", append(args, tt.extra...)...)
			if !strings.HasPrefix(sent, "postseal: ") || strings.Contains(strings.ReplaceAll(sent, "\r\n", "\n"), "\r") {
				t.Errorf("the terminal was sent %q", sent)
			}
		})
	}
}

// TestProgressBesideReport has the report and the line at one terminal.
func TestProgressBesideReport(t *testing.T) {
	resolver, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer resolver.Close()
	sent, _ := atTerminal(t, true, []string{"NO_COLOR=1"}, "postseal: ", "audit", "--no-smtp", "--timeout", "2s", "--dns", resolver.LocalAddr().String(), "example.com", "example.net")
	line, report, ok := strings.Cut(strings.ReplaceAll(sent, "\r\n", "\n"), "Domain ")
	if !ok || !strings.Contains(line, "0/2 ") || screen(line) != "" || strings.Contains(line, "\n") {
		t.Errorf("before the report the terminal shows %q: %q", screen(line), sent)
	}
	if strings.Contains(report, "\r") {
		t.Errorf("a line of progress stands in the report: %q", report)
	}
}
