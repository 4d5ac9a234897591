package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/postseal/postseal/internal/config"
)

// TestSettingsAreFlags: what a configuration file can set is a flag of audit, of
// the kind the file takes.
func TestSettingsAreFlags(t *testing.T) {
	audit := newAuditCmd(&streams{in: strings.NewReader(""), out: &stdout{w: &bytes.Buffer{}}, err: &bytes.Buffer{}})
	kinds := map[string]config.Kind{"string": config.Text, "stringArray": config.List, "bool": config.Bool, "int": config.Number, "duration": config.Duration}
	for _, f := range config.Flags {
		fl := audit.Flags().Lookup(f.Name)
		if fl == nil {
			t.Errorf("audit has no --%s", f.Name)
			continue
		}
		if kind, ok := kinds[fl.Value.Type()]; !ok || kind != f.Kind {
			t.Errorf("--%s is a %s", f.Name, fl.Value.Type())
		}
	}
}
