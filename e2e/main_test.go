//go:build e2e

// Package e2e runs the built postseal against real servers: Knot signs and
// serves the zones, unbound resolves and validates, Postfix speaks SMTP with
// several personalities, nginx hosts the MTA-STS policies.
//
// The tests need root and the packages that e2e/install lists. They run in
// network, mount and process namespaces of their own: all ports of 127.0.0.0/8
// are free there, nothing can leave the machine, and whatever was started dies
// with the test. Servers keep their files in one temporary folder.
//
// domains_test.go is the table: each domain, its zone, and what an audit must
// say about it.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// The outer process builds the program and tells the inner one where it is.
const binaryEnv = "POSTSEAL_E2E_BINARY"

func TestMain(m *testing.M) {
	run := outer
	if os.Getenv(binaryEnv) != "" {
		run = func() (int, error) { return inner(m) }
	}
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL: e2e:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

// outer builds the program while there is a network for modules, then runs this
// test binary again in namespaces of its own.
func outer() (int, error) {
	if os.Geteuid() != 0 {
		return 0, fmt.Errorf("the servers need ports below 1024 and namespaces of their own: run as root")
	}
	dir, err := os.MkdirTemp("", "postseal-e2e-bin-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "postseal")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "../cmd/postseal")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("building postseal: %w\n%s", err, out)
	}

	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), binaryEnv+"="+binary)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		// The inner process is the first of its process namespace: when it
		// dies, all it started die. This ties it to us.
		Pdeathsig: syscall.SIGKILL,
	}
	runtime.LockOSThread() // Pdeathsig is about the thread that starts the child
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("this machine allows no namespaces (unshare -n -p -m), and without them the servers would collide with its own: %w", err)
	}
	err = cmd.Wait()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		return 0, err
	}
	return max(cmd.ProcessState.ExitCode(), -cmd.ProcessState.ExitCode()), nil
}

// inner brings the loopback interface up and runs the tests.
func inner(m *testing.M) (int, error) {
	if os.Getpid() != 1 {
		return 0, fmt.Errorf("%s is set by the test itself: do not set it", binaryEnv)
	}
	// Mounts made here must not be seen outside; /proc must show this process namespace.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return 0, fmt.Errorf("making mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return 0, fmt.Errorf("mounting /proc: %w", err)
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("bringing up the loopback interface: %w: %s", err, out)
	}
	return m.Run(), nil
}
