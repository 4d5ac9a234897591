package lint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/ruletest"
)

// TestRules reads the files of a case; setup says domain (which one to look
// at), domains (what else is audited), semicolons and complete.
func TestRules(t *testing.T) {
	ruletest.Run(t, Rules, func(t *testing.T, c *ruletest.Case) *Facts {
		dir := t.TempDir()
		var paths []string
		for name, text := range c.Files {
			if name == "setup" || name == "want" {
				continue
			}
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
		slices.Sort(paths)
		set, err := Read(paths, Options{Semicolons: c.Setup["semicolons"]})
		if err != nil {
			t.Fatal(err)
		}
		if c.Setup["complete"] != "" {
			set.Complete()
		}
		set.Drafts()
		domains := []dns.Name{dns.Name(c.Domain())}
		for _, d := range strings.Fields(c.Setup["domains"]) {
			domains = append(domains, dns.Name(d))
		}
		return set.FactsOf(domains)[0]
	})
}
