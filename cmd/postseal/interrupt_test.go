package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestInterrupt presses Ctrl-C while the resolver is silent: exit 130 within a
// second, and nothing is written.
func TestInterrupt(t *testing.T) {
	resolver, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer resolver.Close()
	dns := resolver.LocalAddr().String()
	for name, args := range map[string][]string{
		"audit":            {"audit", "--dns", dns, "example.com", "-o", "json=a.json", "-o", "html=pages/", "--record", "tape"},
		"audit two":        {"audit", "--dns", dns, "example.com", "example.net", "-o", "json=a.json"},
		"generate spf":     {"generate", "spf", "example.com", "--mx", "example.com", "--dns", dns},
		"generate mta-sts": {"generate", "mta-sts", "example.com", "--dns", dns, "--policy-file", "mta-sts.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command("postseal", args...)
			cmd.Dir = dir
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			resolver.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, _, err := resolver.ReadFrom(make([]byte, 512)); err != nil {
				t.Fatalf("nothing was asked: %v", err)
			}
			pressed := time.Now()
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			err := cmd.Wait()
			if took := time.Since(pressed); took > time.Second {
				t.Errorf("it took %v to end", took)
			}
			if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != exitInterrupted {
				t.Errorf("got %v, want exit code %d", err, exitInterrupted)
			}
			if got, want := errs.String(), "postseal: interrupted, nothing was written\n"; got != want {
				t.Errorf("got %q on standard error, want %q", got, want)
			}
			if out.Len() > 0 {
				t.Errorf("standard output got %q", out.String())
			}
			left, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil || len(left) > 0 {
				t.Errorf("the folder holds %v (%v)", left, err)
			}
			// What one run still had on its way is not the next one's first question.
			resolver.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			for err == nil {
				_, _, err = resolver.ReadFrom(make([]byte, 512))
			}
		})
	}
}
