package main

import (
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/internal/atomicfile"
	"github.com/postseal/postseal/internal/man"
)

// newManCmd is for those who package postseal: whoever has the binary has its
// manual. Help does not list it.
func newManCmd() *cobra.Command {
	return &cobra.Command{
		Use:    "man FOLDER",
		Short:  "Write the manual pages",
		Hidden: true,
		Long: "Man writes a manual page a command into FOLDER. The pages are the same each time; they have a date only if\n" +
			"SOURCE_DATE_EPOCH gives one.",
		Example: "  postseal man man/",
		Args:    oneArg("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			date := ""
			at, err := sourceDate()
			if err != nil {
				return err
			}
			if at != nil {
				date = at.UTC().Format(time.DateOnly)
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return usage("%w", err)
			}
			for _, p := range man.Pages(cmd.Root(), date, "postseal "+version()) {
				err := atomicfile.Write(filepath.Join(args[0], p.Name), 0o644, func(f *os.File) error {
					_, err := f.Write(p.Text)
					return err
				})
				if err != nil {
					return usage("%w", err)
				}
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
}
