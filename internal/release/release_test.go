package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestArchives: the same files give the same bytes in whatever order they come,
// with the date of the commit, its modes and no owner.
func TestArchives(t *testing.T) {
	at := time.Date(2026, 11, 24, 1, 2, 4, 0, time.UTC)
	files := []file{{"postseal", 0o755, []byte("program")}, {"man/a.1", 0o644, []byte("page")}, {"LICENSE", 0o644, []byte("MIT")}}
	turned := slices.Clone(files)
	slices.Reverse(turned)
	for name, pack := range map[string]func([]file, time.Time) ([]byte, error){"tar.gz": tarGz, "zip": zipped} {
		one, err := pack(files, at)
		if err != nil {
			t.Fatal(err)
		}
		two, err := pack(turned, at)
		if err != nil || !bytes.Equal(one, two) {
			t.Errorf("%s: the order of the files changes the bytes (%v)", name, err)
		}
		later, err := pack(files, at.Add(time.Hour))
		if err != nil || bytes.Equal(one, later) {
			t.Errorf("%s: the date is not in it (%v)", name, err)
		}
	}
	packed, err := tarGz(files, at)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprintf("%s %o", h.Name, h.Mode))
		if !h.ModTime.Equal(at) || h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s: dated %v, owner %d:%d %q", h.Name, h.ModTime, h.Uid, h.Gid, h.Uname)
		}
	}
	if want := []string{"LICENSE 644", "man/a.1 644", "postseal 755"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

// TestChecksums: each line is what sha256sum -c reads, the notes are left out.
func TestChecksums(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b.tar.gz": "b", "a.zip": "a", "notes.md": "n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeChecksums(dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, checksums))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%x  a.zip\n%x  b.tar.gz\n", sha256.Sum256([]byte("a")), sha256.Sum256([]byte("b")))
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestReplaceable: only a folder that a release is in is ever deleted.
func TestReplaceable(t *testing.T) {
	dir := t.TempDir()
	if err := replaceable(filepath.Join(dir, "new")); err != nil {
		t.Errorf("no folder: %v", err)
	}
	if err := replaceable(dir); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := replaceable(dir); err == nil || !strings.Contains(err.Error(), "something else") {
		t.Errorf("a folder with a letter: got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, checksums), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := replaceable(dir); err != nil {
		t.Errorf("an earlier release: %v", err)
	}
}

// TestSameFiles: a byte or a file more is told by its name.
func TestSameFiles(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	write := func(dir, name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{a, b} {
		write(dir, checksums, "x")
		write(dir, "one", "1")
	}
	if n, err := sameFiles(a, b); n != 2 || err != nil {
		t.Errorf("got %d, %v, want 2 files", n, err)
	}
	write(b, checksums, "y")
	write(b, "one", "2")
	if _, err := sameFiles(a, b); err == nil || !strings.HasPrefix(err.Error(), "one differs") {
		t.Errorf("got %v, want the file and not the checksums", err)
	}
	write(a, "two", "")
	if _, err := sameFiles(a, b); err == nil {
		t.Error("a file that is only there once was passed over")
	}
}

// TestNames holds the names to those that the action downloads and goreleaser gives.
func TestNames(t *testing.T) {
	install, err := os.ReadFile("../../packaging/action/install.sh")
	if err != nil {
		t.Fatal(err)
	}
	want := (target{"${os}", "${arch}"}).base() + ".tar.gz"
	if !strings.Contains(string(install), `asset="`+want+`"`) {
		t.Errorf("the action asks for something else than %s", want)
	}
	if got, err := parseTargets("linux/arm64,windows/amd64"); err != nil || len(got) != 2 || got[1].exe() != "postseal.exe" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := parseTargets("plan9/mips"); err == nil {
		t.Error("plan9/mips was taken")
	}
}
