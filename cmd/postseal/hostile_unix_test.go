//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestEndlessFile names devices and pipes where files are meant: what never
// ends is refused in one line, and memory is bounded.
func TestEndlessFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	line := filepath.Join(dir, "line")
	if err := os.WriteFile(line, []byte(strings.Repeat("x", 1<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"too large", []string{"--zone", "/dev/zero"}},
		{"too large", []string{"--ca-file", "/dev/zero"}},
		{"no plain file", []string{"--weak-keys", pipe}},
		{"not a TTL", []string{"--zone", line}},
	} {
		code, out, errs := invoke(t, append([]string{"audit", "--offline", "a.example"}, c.args...)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 || len(errs) > 2000 {
			t.Errorf("%q: got exit code %d, standard output %q and %d octets on standard error: %.200s", c.args, code, out, len(errs), errs)
		}
	}
}
