package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/lab"
)

// TestMain lets scripts and tests run this test binary as postseal.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"postseal": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		context.AfterFunc(ctx, stop)
		os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}})
}

// TestScript runs the stories of testdata/script. Besides testscript's own
// commands they have
//
//	ps CODE ARG...       run postseal, which must exit with CODE; @FILE stands for FILE's lines
//	lab                  start the lab; @lab holds the flags that lead to it
//	dnsserver ZONE       serve a zone file of dnstest; $DNS is its address
//	oddserver KIND       a resolver that is silent or answers garbage, noise or echo; $DNS is its address
//	lines FILE MIN MAX   FILE (or stdout, stderr) has so many lines
//	days FILE FROM N DIR write FILE for N days from FROM into DIR: @DAY@, @BEGIN@ and @END@ are the day, and in seconds
//	clean FILE...        FILE (or stdout, stderr) holds nothing that a terminal would obey
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("LC_ALL", "en_US.UTF-8")
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ps": cmdPS, "lab": cmdLab, "dnsserver": cmdDNSServer, "oddserver": cmdOddServer, "lines": cmdLines, "clean": cmdClean,
			"days": cmdDays, "weighs": cmdWeighs,
		},
	})
}

func cmdPS(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: ps CODE ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var full []string
	for _, a := range args[1:] {
		if file, ok := strings.CutPrefix(a, "@"); ok {
			full = append(full, strings.Fields(ts.ReadFile(file))...)
			continue
		}
		full = append(full, a)
	}
	got := 0
	if err := ts.Exec("postseal", full...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("postseal: %v", err)
		}
		got = e.ExitCode()
	}
	if got != want {
		ts.Fatalf("got exit code %d, want %d", got, want)
	}
	// Every exit code but 0 is explained by the last line of standard error.
	if last := lastLine(ts.ReadFile("stderr")); got != 0 && !strings.HasPrefix(last, "postseal: ") {
		ts.Fatalf("exit code %d, and the last line on standard error is %q", got, last)
	}
}

// cmdWeighs holds files to a number of octets: "weighs MOST FILE...".
func cmdWeighs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: weighs MOST FILE...")
	}
	most, err := strconv.Atoi(args[0])
	ts.Check(err)
	for _, f := range args[1:] {
		if n := len(ts.ReadFile(f)); n > most {
			ts.Fatalf("%s has %d octets, more than %d", f, n, most)
		}
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	return lines[len(lines)-1]
}

func cmdLab(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := lab.Start(context.Background(), lab.Options{})
	ts.Check(err)
	ts.Defer(l.Close)
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), l.RootPEM(), 0o644))
	flags := []string{"--ca-file", "ca.pem", "--dns", l.DNSAddr().String()}
	for _, r := range l.Redirects() {
		flags = append(flags, "--connect-to", r.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs("lab"), []byte(strings.Join(flags, "\n")), 0o644))
}

func cmdDNSServer(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: dnsserver ZONE")
	}
	w, err := dnstest.Parse(ts.ReadFile(args[0]))
	ts.Check(err)
	addr, stop, err := w.Listen()
	ts.Check(err)
	ts.Defer(stop)
	ts.Setenv("DNS", addr.String())
}

// cmdOddServer listens on UDP only: nobody answers on TCP.
func cmdOddServer(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: oddserver KIND")
	}
	reply := map[string]func([]byte) []byte{
		"silent":  func([]byte) []byte { return nil },
		"echo":    func(q []byte) []byte { return q },
		"noise":   func([]byte) []byte { b := make([]byte, 200); rand.Read(b); return b },
		"garbage": garbage,
	}[args[0]]
	if reply == nil {
		ts.Fatalf("no such server: %s", args[0])
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { conn.Close() })
	ts.Setenv("DNS", conn.LocalAddr().String())
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if b := reply(slices.Clone(buf[:n])); b != nil {
				conn.WriteTo(b, from)
			}
		}
	}()
}

// garbage is a reply whose header is right and whose answer is cut in a name.
func garbage(q []byte) []byte {
	q[2] |= 0x80              // QR
	q[6], q[7] = 0, 9         // nine answers
	return append(q, 0xc0, 3) // a pointer into the header
}

func cmdLines(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: lines FILE MIN MAX")
	}
	least, err := strconv.Atoi(args[1])
	ts.Check(err)
	most, err := strconv.Atoi(args[2])
	ts.Check(err)
	if n := strings.Count(ts.ReadFile(args[0]), "\n"); n < least || n > most {
		ts.Fatalf("%s has %d lines, want %d to %d", args[0], n, least, most)
	}
}

func cmdDays(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: days FILE FROM N DIR")
	}
	day, err := time.Parse(time.DateOnly, args[1])
	ts.Check(err)
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	text := ts.ReadFile(args[0])
	ts.Check(os.MkdirAll(ts.MkAbs(args[3]), 0o755))
	for range n {
		next := day.AddDate(0, 0, 1)
		r := strings.NewReplacer("@DAY@", day.Format(time.DateOnly), "@BEGIN@", strconv.FormatInt(day.Unix(), 10), "@END@", strconv.FormatInt(next.Unix()-1, 10))
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[3]), day.Format(time.DateOnly)+filepath.Ext(args[0])), []byte(r.Replace(text)), 0o644))
		day = next
	}
}

func cmdClean(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		if where := obeyed(name, ts.ReadFile(name)); where != "" {
			ts.Fatalf("%s holds %s", name, where)
		}
	}
}

// obeyed finds what a terminal would obey instead of showing, control, bidi and
// invisible characters, and in HTML a stranger's script.
func obeyed(name, text string) string {
	hidden := func(r rune) bool {
		return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0xad || r == 0x61c || r >= 0x200b && r <= 0x200f ||
			r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0xfeff || r >= 0xe0000 && r <= 0xe007f
	}
	i := strings.IndexFunc(text, hidden)
	if i < 0 && strings.HasSuffix(name, "html") {
		i = strings.Index(text, "<script>alert")
	}
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("%q", text[max(0, i-60):min(len(text), i+60)])
}
