package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postseal/postseal/internal/lab"
)

// TestReplay records an audit and plays it with the world gone: the result is
// the same, byte for byte.
func TestReplay(t *testing.T) {
	l, err := lab.Start(t.Context(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, l.RootPEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	common := []string{"audit", "--ca-file", ca, "--lang", "en", "--format", "json", "--dns", l.DNSAddr().String()}
	for _, r := range l.Redirects() {
		common = append(common, "--connect-to", r.String())
	}
	names := []string{"lighthouse.example", "rusty-gears.example", "sts-redirect.corner.example"}
	call := func(args ...string) string {
		var out, errs bytes.Buffer
		code := run(t.Context(), append(common[:len(common):len(common)], args...), strings.NewReader(""), &out, &errs)
		if code == exitUsage {
			t.Fatal(errs.String())
		}
		return fmt.Sprintf("%s%sexit %d\n", out.String(), errs.String(), code)
	}
	live := map[string]string{}
	for _, name := range names {
		live[name] = call("--record", filepath.Join(dir, name), name)
	}
	l.Close()
	for _, name := range names {
		played := call("--replay", filepath.Join(dir, name), name)
		want, got := strings.Split(live[name], "\n"), strings.Split(played, "\n")
		for i := range min(len(want), len(got)) {
			if want[i] != got[i] {
				t.Errorf("%s: line %d of the replay is %q, was %q", name, i+1, got[i], want[i])
				break
			}
		}
		if len(want) != len(got) {
			t.Errorf("%s: the replay has %d lines, the recorded run %d", name, len(got), len(want))
		}
	}
}
