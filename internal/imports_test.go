package internal_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/postseal/postseal/"

var standards = []string{"spf", "dkim", "dmarc", "mtasts", "tlsrpt", "dane", "dnssec", "bimi", "mx", "starttls", "zone"}

// TestImports holds the packages to the arrows of docs/ARCHITECTURE.md.
func TestImports(t *testing.T) {
	imports := graph(t)
	if len(imports["audit"]) == 0 {
		t.Fatalf("the import graph lacks package audit: %v", imports)
	}
	deny := func(from string, to ...string) {
		for _, imp := range imports[from] {
			if slices.Contains(to, imp) {
				t.Errorf("%s imports %s", from, imp)
			}
		}
	}
	above := []string{"audit", "message", "report", "score", "publish", "cmd/postseal", "internal/lab"}
	for _, s := range standards {
		others := slices.DeleteFunc(slices.Clone(standards), func(o string) bool { return o == s })
		deny(s, slices.Concat(others, above)...)
	}
	deny("message", "audit", "score", "publish", "cmd/postseal", "internal/lab")
	deny("audit", "message", "lint", "publish", "cmd/postseal", "internal/lab")
	deny("lint", slices.Concat(standards, above, []string{"reply"})...)
	deny("reply", slices.Concat(standards, []string{"dns", "audit", "message", "score", "publish", "cmd/postseal", "internal/lab"})...)
	deny("report", slices.Concat(standards, []string{"dns", "audit", "message", "lint", "reply", "publish"})...)
	deny("score", slices.Concat(standards, []string{"dns", "audit", "report", "publish"})...)
	deny("publish", slices.Concat(standards, []string{"audit", "report", "score"})...)
	deny("dns", slices.Concat(standards, above, []string{"check"})...)
	for pkg, imps := range imports {
		for _, imp := range imps {
			switch {
			case imp == "github.com/miekg/dns" && pkg != "dns" && pkg != "dns/dnstest":
				t.Errorf("%s imports miekg/dns; only dns does", pkg)
			case strings.HasPrefix(imp, "gopkg.in/yaml") && pkg != "internal/yamlx":
				t.Errorf("%s imports yaml.v3; only internal/yamlx does", pkg)
			case strings.HasPrefix(imp, "github.com/hashicorp/hcl") && pkg != "lint":
				t.Errorf("%s imports hcl; only lint reads Terraform", pkg)
			case imp == "net/smtp" && pkg != "starttls":
				t.Errorf("%s opens SMTP connections; only starttls does", pkg)
			case pkg == "check" && strings.Contains(strings.Split(imp, "/")[0], "."):
				t.Errorf("check imports %s; it imports the standard library only", imp)
			}
		}
	}
}

// graph gives the imports of each package, those of this module without its path.
func graph(t *testing.T) map[string][]string {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	g := map[string][]string{}
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return g
		} else if err != nil {
			t.Fatal(err)
		}
		for i := range p.Imports {
			p.Imports[i] = strings.TrimPrefix(p.Imports[i], module)
		}
		g[strings.TrimPrefix(p.ImportPath, module)] = p.Imports
	}
}
