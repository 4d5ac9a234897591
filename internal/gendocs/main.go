// Command gendocs writes docs/rules/ and docs/score.md from the rules and the
// score's table: go run ./internal/gendocs docs.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/lint"
	"github.com/postseal/postseal/message"
	"github.com/postseal/postseal/reply"
	"github.com/postseal/postseal/score"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gendocs FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	rules := filepath.Join(dir, "rules")
	// A rule that is gone must not leave its page behind.
	if err := os.RemoveAll(rules); err != nil {
		return err
	}
	if err := os.MkdirAll(rules, 0o755); err != nil {
		return err
	}
	var index bytes.Buffer
	index.WriteString("# Rules\n\nMade from the rules themselves by `make generate`; do not edit.\n")
	var last check.Standard
	for _, m := range slices.Concat(audit.Metas(), lint.Metas(), message.Metas(), reply.Metas()) {
		if m.Standard != last {
			fmt.Fprintf(&index, "\n## %s\n\n| rule | severity | what is wrong |\n|---|---|---|\n", m.Standard)
			last = m.Standard
		}
		fmt.Fprintf(&index, "| [%s](%s.md) | %s | %s |\n", m.ID, m.ID, severities(m), m.Title)
		if err := os.WriteFile(filepath.Join(rules, m.ID+".md"), page(m), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(rules, "README.md"), index.Bytes(), 0o644); err != nil {
		return err
	}
	var table bytes.Buffer
	if err := score.WriteTable(&table); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "score.md"), table.Bytes(), 0o644)
}

func page(m *check.Meta) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n**%s** · %s · %s", m.ID, m.Title, m.Standard, severities(m))
	for i, r := range m.Refs {
		if i == 0 {
			b.WriteString(" · ")
		} else {
			b.WriteString(", ")
		}
		text := r.Doc
		if r.Section != "" {
			text += " §" + r.Section
		}
		if r.URL != "" {
			text = "[" + text + "](" + r.URL + ")"
		}
		b.WriteString(text)
	}
	fmt.Fprintf(&b, "\n\n%s\n", strings.TrimSpace(m.Doc))
	if len(m.CoveredBy) > 0 {
		b.WriteString("\nShown as a consequence, not as a finding of its own, where one of these explains it: ")
		for i, id := range m.CoveredBy {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "`%s`", id)
		}
		b.WriteString(".\n")
	}
	return b.Bytes()
}

func severities(m *check.Meta) string {
	words := []string{m.Severity.String()}
	for _, v := range m.Variants {
		words = append(words, fmt.Sprintf("%s (%s)", v.Severity, v.Name))
	}
	return strings.Join(words, ", ")
}
