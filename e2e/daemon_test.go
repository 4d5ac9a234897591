//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds how long a server may take to start or stop.
const patience = 15 * time.Second

// daemon starts a server in the foreground, in a process group of its own, and
// stops it by that group when the test ends. What it prints goes to dir/<name>.out,
// which a failed test shows.
func daemon(t *testing.T, dir, name string, ready []string, argv ...string) {
	t.Helper()
	path := filepath.Join(dir, name+".out")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %s (is the package installed? see e2e/install): %v", name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		stop(t, name, cmd.Process.Pid, ended)
		if t.Failed() {
			t.Logf("%s said:\n%s", name, tail(path))
		}
	})
	for _, addr := range ready {
		if err := await(addr, ended); err != nil {
			t.Fatalf("%s does not listen on %s: %v\n%s", name, addr, err, tail(path))
		}
	}
}

// await waits until something accepts TCP connections at addr.
func await(addr string, ended <-chan error) error {
	deadline := time.Now().Add(patience)
	for {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return c.Close()
		}
		select {
		case exit := <-ended:
			return fmt.Errorf("it ended: %v", exit)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

func stop(t *testing.T, name string, pid int, ended <-chan error) {
	_ = syscall.Kill(pid, syscall.SIGTERM) // one that ended already is reported below
	select {
	case <-ended:
	case <-time.After(patience):
		t.Errorf("%s did not stop in %s", name, patience)
	}
	// What the leader left behind; ESRCH where it left nothing.
	_ = syscall.Kill(-pid, syscall.SIGKILL)
}

// tail is the end of a log, for a failed test.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// run runs a tool to its end and gives what it printed.
func run(t *testing.T, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(argv, " "), err, out, errs.String())
	}
	return string(out)
}

// write writes a file that the servers' users may read.
func write(t *testing.T, text string, path ...string) string {
	t.Helper()
	p := filepath.Join(path...)
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// folder makes a folder that the servers' users may enter.
func folder(t *testing.T, path ...string) string {
	t.Helper()
	p := filepath.Join(path...)
	if err := os.Mkdir(p, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}
