package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// source is a clone of the commit that is released.
type source struct {
	dir     string
	commit  string
	at      time.Time // of the commit
	version string    // as Go puts it into the binary
	env     []string
}

// release makes the files in a folder beside out and puts it in out's place
// when all of them are there.
func release(ctx context.Context, o options, out string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	if err := replaceable(out); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(out), ".release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	src, err := clone(ctx, o, filepath.Join(tmp, "src"))
	if err != nil {
		return err
	}
	dist := filepath.Join(tmp, "dist")
	if err := os.Mkdir(dist, 0o755); err != nil {
		return err
	}
	if err := src.fill(ctx, o, dist, filepath.Join(tmp, "stage")); err != nil {
		return err
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.Rename(dist, out); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "release: %s of %s in %s\n", src.version, src.commit[:12], out)
	return nil
}

// checksums is the file that is written last: where it is, a folder was made here.
const checksums = "checksums.txt"

// replaceable refuses to delete a folder that no release is in.
func replaceable(out string) error {
	files, err := os.ReadDir(out)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(files) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(out, checksums)); err != nil {
		return fmt.Errorf("%s holds something else than a release: remove it or choose another folder", out)
	}
	return nil
}

func clone(ctx context.Context, o options, dir string) (*source, error) {
	s := &source{dir: dir, env: o.env}
	git := func(args ...string) (string, error) {
		out, err := s.output(ctx, o.repo, nil, "git", args...)
		return strings.TrimSpace(string(out)), err
	}
	top, err := git("rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	if s.commit = o.commit; s.commit == "" {
		if s.commit, err = git("rev-parse", "HEAD"); err != nil {
			return nil, err
		}
	}
	if changed, err := git("status", "--porcelain"); err != nil {
		return nil, err
	} else if changed != "" {
		fmt.Fprintln(os.Stderr, "release: what is not committed is left out")
	}
	if _, err := git("clone", "--quiet", "--no-checkout", top, dir); err != nil {
		return nil, err
	}
	if _, err := git("-C", dir, "-c", "core.autocrlf=false", "checkout", "--quiet", "--detach", s.commit); err != nil {
		return nil, err
	}
	seconds, err := git("-C", dir, "log", "-1", "--format=%ct")
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return nil, err
	}
	s.at = time.Unix(n, 0).UTC()
	return s, nil
}

// fill makes every file of the release in dist.
func (s *source) fill(ctx context.Context, o options, dist, stage string) error {
	host := target{runtime.GOOS, runtime.GOARCH}
	tool := filepath.Join(stage, "host", host.exe())
	info, err := s.build(ctx, host, tool)
	if err != nil {
		return err
	}
	s.version = info.Main.Version
	if o.tag != "" && s.version != o.tag {
		return fmt.Errorf("the commit is %s, not %s", s.version, o.tag)
	}
	texts, err := s.texts(ctx, tool, filepath.Join(stage, "texts"))
	if err != nil {
		return err
	}
	if o.tag != "" {
		notes, err := releaseNotes(filepath.Join(s.dir, "CHANGELOG.md"), o.tag)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dist, "notes.md"), notes, 0o644); err != nil {
			return err
		}
	}
	modules, err := s.modules(ctx)
	if err != nil {
		return err
	}
	for _, t := range o.targets {
		fmt.Fprintf(os.Stderr, "release: %s\n", t)
		if err := s.fillTarget(ctx, t, texts, modules, o.packages, dist, filepath.Join(stage, t.base())); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	return writeChecksums(dist)
}

func (s *source) fillTarget(ctx context.Context, t target, texts []file, modules map[string]module, packages bool, dist, stage string) error {
	bin := filepath.Join(stage, t.exe())
	info, err := s.build(ctx, t, bin)
	if err != nil {
		return err
	}
	if info.Main.Version != s.version {
		return fmt.Errorf("the binary says it is %s, not %s", info.Main.Version, s.version)
	}
	program, err := os.ReadFile(bin)
	if err != nil {
		return err
	}
	linked, err := linked(info, modules)
	if err != nil {
		return err
	}
	graph, err := s.graph(ctx, t)
	if err != nil {
		return err
	}
	bill, err := bom(s, t, program, linked, graph)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dist, t.base()+".cdx.json"), bill, 0o644); err != nil {
		return err
	}
	licences := file{name: "THIRD_PARTY_LICENSES.txt", mode: 0o644, data: licenceTexts(linked)}
	files := slices.Concat([]file{{name: t.exe(), mode: 0o755, data: program}, licences}, texts)
	// The action asks for a tar.gz everywhere: bash on Windows may lack unzip.
	tgz, err := tarGz(files, s.at)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dist, t.base()+".tar.gz"), tgz, 0o644); err != nil {
		return err
	}
	if t.os == "windows" {
		z, err := zipped(files, s.at)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dist, t.base()+".zip"), z, 0o644)
	}
	if t.os == "linux" && packages {
		return s.linuxPackages(ctx, t, files, dist, stage)
	}
	return nil
}

// texts are the files that are the same on each platform, as archives name them.
func (s *source) texts(ctx context.Context, tool, stage string) ([]file, error) {
	var files []file
	add := func(name, path string) error {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files = append(files, file{name: name, mode: 0o644, data: b})
		return nil
	}
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md"} {
		if err := add(name, filepath.Join(s.dir, name)); err != nil {
			return nil, err
		}
	}
	pages := filepath.Join(stage, "man")
	dated := []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", s.at.Unix())}
	if _, err := s.output(ctx, s.dir, dated, tool, "man", pages); err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(pages, "*.1"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no manual pages were written: %v", err)
	}
	for _, path := range names {
		if err := add("man/"+filepath.Base(path), path); err != nil {
			return nil, err
		}
	}
	for shell, name := range map[string]string{"bash": "postseal.bash", "zsh": "_postseal", "fish": "postseal.fish", "powershell": "postseal.ps1"} {
		text, err := s.output(ctx, s.dir, nil, tool, "completion", shell)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: "completions/" + name, mode: 0o644, data: text})
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// writeChecksums names every file of the folder, as sha256sum does.
func writeChecksums(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, f := range files {
		if f.Name() == "notes.md" {
			continue // the text of the release, no file of it
		}
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), f.Name())
	}
	return os.WriteFile(filepath.Join(dir, checksums), b.Bytes(), 0o644)
}

// output runs a program; its error holds what the program complained of.
func (s *source) output(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = slices.Concat(os.Environ(), s.env, env)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
