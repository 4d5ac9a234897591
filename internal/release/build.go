package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"runtime/debug"
	"strings"
)

// build makes the binary of a platform and reads from it how it was made: what
// the environment or a file of Go's settings put in besides would make it
// another binary than the one that others build of this commit.
func (s *source) build(ctx context.Context, t target, out string) (*debug.BuildInfo, error) {
	if _, err := s.output(ctx, s.dir, goEnv(t), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./cmd/postseal"); err != nil {
		return nil, err
	}
	info, err := buildinfo.ReadFile(out)
	if err != nil {
		return nil, err
	}
	return info, verify(info, t, s.commit)
}

// goEnv is what decides over a build. An empty variable would let Go look into
// its file of settings, so GOFLAGS says something that holds anyway.
func goEnv(t target) []string {
	return []string{
		"GOOS=" + t.os, "GOARCH=" + t.arch, "CGO_ENABLED=0", "GOFLAGS=-buildvcs=true", "GOWORK=off",
		"GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off",
	}
}

// verify holds a binary to the settings of a release.
func verify(info *debug.BuildInfo, t target, commit string) error {
	if strings.Contains(info.GoVersion, "X:") {
		return fmt.Errorf("built with an experiment: %s", info.GoVersion)
	}
	want := map[string]string{
		"-buildmode": "exe", "-compiler": "gc", "-trimpath": "true", "CGO_ENABLED": "0", "GOOS": t.os, "GOARCH": t.arch,
		"vcs": "git", "vcs.revision": commit, "vcs.modified": "false",
	}
	seen := map[string]bool{}
	for _, set := range info.Settings {
		w, known := want[set.Key]
		switch set.Key {
		case "vcs.time":
			continue
		case "GOAMD64":
			w, known = "v1", true
		case "GOARM64":
			w, known = "v8.0", true
		}
		if !known || set.Value != w {
			return fmt.Errorf("built with %s=%s; want %q", set.Key, set.Value, w)
		}
		seen[set.Key] = true
	}
	for key, value := range want {
		if !seen[key] {
			return fmt.Errorf("built without %s=%s", key, value)
		}
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			return fmt.Errorf("%s is replaced by %s", m.Path, m.Replace.Path)
		}
	}
	return nil
}
