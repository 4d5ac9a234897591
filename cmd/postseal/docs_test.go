package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docCall is a line of a code block that calls postseal.
var docCall = regexp.MustCompile(`(?m)^(?:\$ )?postseal .*$`)

// TestDocsCalls holds the calls in README and docs/ to the binary: the command
// is there, takes the flags, and as many arguments.
func TestDocsCalls(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(string(text), "```") {
			if i%2 == 0 {
				continue
			}
			for _, line := range docCall.FindAllString(block, -1) {
				line, _, _ = strings.Cut(strings.TrimPrefix(line, "$ "), " #")
				for _, one := range regexp.MustCompile(`&&|\||;|>`).Split(line, -1) {
					words := strings.Fields(one)
					if len(words) == 0 || words[0] != "postseal" {
						continue
					}
					calls++
					if err := parses(words[1:]); err != nil {
						t.Errorf("%s: %s: %v", filepath.Base(page), one, err)
					}
				}
			}
		}
	}
	if calls < 50 {
		t.Errorf("only %d calls were found", calls)
	}
}

// parses finds the command and parses its flags and arguments without running it.
func parses(words []string) error {
	root := newRootCmd(&streams{in: strings.NewReader(""), out: &stdout{w: &bytes.Buffer{}}, err: &bytes.Buffer{}})
	c, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	return c.ValidateArgs(c.Flags().Args())
}
