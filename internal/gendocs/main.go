// Command gendocs writes docs/rules/ and docs/score.md from the rules and the
// score's table: go run ./internal/gendocs docs.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/postseal/postseal/audit"
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
	metas := slices.Concat(audit.Metas(), lint.Metas(), message.Metas(), reply.Metas())
	for _, b := range books {
		if err := b.write(rules, metas); err != nil {
			return err
		}
	}
	var table bytes.Buffer
	if err := score.WriteTable(&table); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "score.md"), table.Bytes(), 0o644)
}
