package main

import (
	"fmt"
	"os"
	"strings"
)

// releaseNotes are the section of a version in the list of changes. A release
// without one tells its users nothing.
func releaseNotes(path, tag string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	want := "## [" + strings.TrimPrefix(tag, "v") + "]"
	var out []string
	inside := false
	for line := range strings.SplitSeq(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n") {
		if strings.HasPrefix(line, "## ") {
			inside = line == want || strings.HasPrefix(line, want+" - ")
			continue
		}
		if inside && !isReference(line) {
			out = append(out, line)
		}
	}
	notes := strings.TrimSpace(strings.Join(out, "\n"))
	if notes == "" {
		return nil, fmt.Errorf("CHANGELOG.md has no section %q, or nothing in it", want+" - DATE")
	}
	return []byte(notes + "\n"), nil
}

// isReference tells a link's target at the end of the file: [1.2.3]: https://…
func isReference(line string) bool {
	label, rest, ok := strings.Cut(line, "]:")
	return ok && strings.HasPrefix(label, "[") && strings.HasPrefix(rest, " ")
}
