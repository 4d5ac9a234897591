package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.json")
	put := func(text string, fail error) error {
		return Write(path, 0o640, func(f *os.File) error {
			if _, err := f.WriteString(text); err != nil {
				return err
			}
			return fail
		})
	}
	if err := put("first", nil); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	if err := put("half", full); !errors.Is(err, full) {
		t.Errorf("got error %v, want %v", err, full)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "first" {
		t.Errorf("after a failed write the file holds %q (%v), want what was there", got, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("got mode %v (%v), want 0640", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("folder holds %v (%v), want the file alone", entries, err)
	}
}

func TestWriteFullDevice(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	err := Write("/dev/full", 0o644, func(f *os.File) error {
		_, err := f.WriteString("x")
		return err
	})
	if err == nil {
		t.Error("writing to a full device gave no error")
	}
}

func fill(text string) func(*os.File) error {
	return func(f *os.File) error {
		_, err := f.WriteString(text)
		return err
	}
}

// TestWriteKeepsWhatThereIs holds an existing file to its mode and a link to
// being one.
func TestWriteKeepsWhatThereIs(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "secret.json"), filepath.Join(dir, "latest.json")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("secret.json", link); err != nil {
		t.Fatal(err)
	}
	if err := Write(link, 0o644, fill("new")); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != "secret.json" {
		t.Errorf("the link leads to %q (%v), want secret.json", to, err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "new" {
		t.Errorf("the file behind the link holds %q (%v), want what was written", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v (%v), want 0600 as before", info.Mode(), err)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "new.json"):           "",
		filepath.Join(dir, "missing", "x.json"):  "no such file or directory",
		dir:                                      "is a folder",
		filepath.Join(dir, "there.json", "x"):    "not a directory",
		filepath.Join(dir, "there.json"):         "",
		filepath.Join(dir, "dangling-link.json"): "",
	} {
		if err := os.WriteFile(filepath.Join(dir, "there.json"), []byte("kept"), 0o644); err != nil {
			t.Fatal(err)
		}
		err := Check(path)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: got error %v, want none", path, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got error %v, want one with %q", path, err, want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the checks left %v (%v)", entries, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "there.json")); err != nil || string(got) != "kept" {
		t.Errorf("the check changed the file to %q (%v)", got, err)
	}
}

func TestWriteThroughLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := func(s string) func(*os.File) error {
		return func(f *os.File) error {
			_, err := f.WriteString(s)
			return err
		}
	}
	for _, c := range []struct{ link, to, lands string }{
		{"latest.json", "real/report.json", "real/report.json"}, // dangling
		{"latest.json", "real/report.json", "real/report.json"}, // now there
		{"chain.json", "latest.json", "real/report.json"},
		{"absolute.json", filepath.Join(dir, "real", "other.json"), "real/other.json"},
	} {
		link := filepath.Join(dir, c.link)
		if err := os.Symlink(c.to, link); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Skip("no symbolic links here:", err)
		}
		if err := Write(link, 0o644, text(c.link)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, c.lands)); err != nil || string(got) != c.link {
			t.Errorf("%s: %s holds %q, %v", c.link, c.lands, got, err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%s is no link any more (%v)", c.link, err)
		}
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	if err := Write(loop, 0o644, text("x")); err == nil {
		t.Error("a link to itself gave no error")
	}
}

// The mode is in force while the data is written, not only afterwards.
func TestWriteModeFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	err := Write(path, 0o600, func(f *os.File) error {
		info, err := f.Stat()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("while writing the mode is %v, want 0600", info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
