package main

import "github.com/spf13/cobra"

// newSPFCmd groups the commands that look at SPF alone, in depth.
func newSPFCmd(s *streams) *cobra.Command {
	return group("spf", "Look at SPF in depth: its tree, and what it says of one sender",
		newSPFTreeCmd(s), newSPFEvalCmd(s))
}

// group is a command that only holds others.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no '%s %s'; see '%s --help'", name, args[0], cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(commands...)
	return cmd
}
