package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/score"
)

// version is the release; builds from a checkout say so through build info.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	return v
}

// rulesVersion is a fingerprint of all rule IDs, severities and variants: it
// changes whenever a result could.
func rulesVersion() string {
	h := sha256.New()
	for _, m := range allRules() {
		fmt.Fprintln(h, m.ID, m.Severity, m.Variants)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

func tool() report.Tool {
	return report.Tool{Name: "postseal", Version: version(), RulesVersion: rulesVersion(), ScoreVersion: score.Version}
}

func newVersionCmd(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  postseal version",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(s.out, "postseal %s (rules %s, score %d)\n", version(), rulesVersion(), score.Version)
			return err
		},
	}
}

func newReportSchemaCmd(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:     "report-schema",
		Short:   "Print the JSON Schema of --format json",
		Example: "  postseal report-schema > postseal.schema.json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := s.out.Write(report.Schema())
			return err
		},
	}
}
