package main

import "github.com/spf13/cobra"

// newSPFCmd groups the commands that look at SPF alone, in depth.
func newSPFCmd(s *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "spf",
		Short: "Look at SPF in depth: its tree, and what it says of one sender",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no 'spf %s'; see 'postseal spf --help'", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSPFTreeCmd(s), newSPFEvalCmd(s))
	return cmd
}
