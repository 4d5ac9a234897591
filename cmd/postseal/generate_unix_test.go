//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestKeyModes: what the umask lets through does not matter (G9). The umask is
// the process's, so this test does not run in parallel to others.
func TestKeyModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	defer syscall.Umask(syscall.Umask(0))
	code, _, stderr := call(t.Context(), "generate", "dkim", "example.com", "--offline", "--type", "ed25519", "--selector", "a", "--key-dir", dir)
	if code != exitOK {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "example.com.a.pem"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: got mode %04o, want %04o", path, got, want)
		}
	}
}
