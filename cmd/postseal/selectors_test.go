package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
)

const example = dns.Name("example.com")

func signature(d, s string) string {
	return fmt.Sprintf("DKIM-Signature: v=1; d=%s; s=%s; b=\r\n", d, s)
}

// TestSelectorsFrom reads folders as people have them: maildirs, an mbox,
// hidden files, links, and things that are no message.
func TestSelectorsFrom(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("cur/1700000000.M1:2,S", signature("example.com", "maildir")+"From: a@example.com\r\n\r\nhi\r\n")
	write("mbox", "From a@example.com Mon Nov 23 00:00:00 2026\n"+signature("example.com", "first")+"\nbody\n\n"+
		"From a@example.com Mon Nov 23 00:00:01 2026\n"+signature("sub.example.com", "second")+"\n"+signature("example.com", "body")+"\n")
	write("case.eml", "dKIM-signature : v=1; s= ABC\r\n\t.def ; d=EXAMPLE.COM\r\n\r\n")
	write("idn.eml", signature("bücher.example", "idn")+"\r\n")
	write("wild.eml", signature("example.com", "*")+signature("example.com", "a b/c")+signature("example.com", strings.Repeat("x", 64))+signature("", "none")+"\r\n")
	write(".hidden/x.eml", signature("example.com", "hidden")+"\r\n")
	write("empty.eml", "")
	write("binary", "\x00\x01\x02")
	write("long.eml", "Subject: "+strings.Repeat("x", 2*maxHeaderSize)+"\r\n"+signature("example.com", "late")+"\r\n")
	if err := os.Symlink(dir, filepath.Join(dir, "cur", "loop")); err != nil {
		t.Log(err) // where links need a privilege
	}
	var errs bytes.Buffer
	got, err := selectorsFrom(t.Context(), &errs, []string{dir}, []dns.Name{example, "sub.example.com", "xn--bcher-kva.example"}, locale.Must(locale.English))
	if err != nil {
		t.Fatal(err)
	}
	for d, want := range map[dns.Name]string{example: "abc.def first maildir", "sub.example.com": "second", "xn--bcher-kva.example": "idn"} {
		slices.Sort(got[d])
		if s := strings.Join(got[d], " "); s != want {
			t.Errorf("%s: got %q, want %q", d, s, want)
		}
	}
	for _, name := range []string{"binary", "loop"} {
		if !strings.Contains(errs.String(), name+" is skipped: ") {
			t.Errorf("%s is not named among what was skipped:\n%s", name, &errs)
		}
	}
}

// TestSelectorsFromMany reads a folder with thousands of files and keeps no
// more selectors than a domain can have.
func TestSelectorsFromMany(t *testing.T) {
	dir := t.TempDir()
	for i := range 3000 {
		text := signature("example.com", fmt.Sprintf("s%d", i)) + "\r\n"
		if i%100 == 0 {
			text = "\x7fELF"
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.eml", i)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var errs bytes.Buffer
	got, err := selectorsFrom(t.Context(), &errs, []string{dir}, []dns.Name{example}, locale.Must(locale.English))
	if err != nil {
		t.Fatal(err)
	}
	if len(got[example]) != maxSelectors {
		t.Errorf("got %d selectors, want %d", len(got[example]), maxSelectors)
	}
	if n := strings.Count(errs.String(), "\n"); n != skippedShown+1 || !strings.HasSuffix(errs.String(), "20 more files were skipped\n") {
		t.Errorf("%d lines on standard error:\n%s", n, &errs)
	}
}
