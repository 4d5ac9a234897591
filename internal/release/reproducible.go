package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// reproducible makes the release twice, in folders of other names and depths,
// with empty caches of compiled packages, in other languages and time zones.
func reproducible(ctx context.Context, o options) error {
	tmp, err := os.MkdirTemp("", "reproducible-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	// The same commit both times, whatever somebody checks out meanwhile.
	head, err := (&source{}).output(ctx, o.repo, nil, "git", "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	o.commit = strings.TrimSpace(string(head))
	var outs []string
	for _, c := range []struct{ dir, zone, locale string }{
		{"a", "UTC", "C"},
		{"another/folder, deeper", "Pacific/Chatham", "pt_BR.UTF-8"},
	} {
		dir := filepath.Join(tmp, filepath.FromSlash(c.dir))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		o.env = []string{"GOCACHE=" + filepath.Join(dir, "cache"), "TZ=" + c.zone, "LC_ALL=" + c.locale, "LANGUAGE=" + c.locale}
		out := filepath.Join(dir, "dist")
		if err := release(ctx, o, out); err != nil {
			return err
		}
		outs = append(outs, out)
	}
	n, err := sameFiles(outs[0], outs[1])
	if err != nil {
		return err
	}
	fmt.Printf("%d files, the same bytes both times\n", n)
	return nil
}

// sameFiles compares two folders byte by byte.
func sameFiles(a, b string) (int, error) {
	names := map[string]bool{}
	for _, dir := range []string{a, b} {
		files, err := os.ReadDir(dir)
		if err != nil {
			return 0, err
		}
		for _, f := range files {
			names[f.Name()] = true
		}
	}
	// checksums.txt differs wherever another file does: it comes last.
	delete(names, checksums)
	for _, name := range append(slices.Sorted(maps.Keys(names)), checksums) {
		one, err := os.ReadFile(filepath.Join(a, name))
		if err != nil {
			return 0, err
		}
		two, err := os.ReadFile(filepath.Join(b, name))
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(one, two) {
			return 0, fmt.Errorf("%s differs between two builds", name)
		}
	}
	return len(names) + 1, nil
}
