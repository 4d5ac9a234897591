package main

import "github.com/spf13/cobra"

// newDKIMCmd groups the commands that look at DKIM alone, in depth.
func newDKIMCmd(s *streams) *cobra.Command {
	return group("dkim", "Look at DKIM in depth: find keys, match them, rotate them",
		newDKIMFindCmd(s), // one line a command
		newDKIMMatchCmd(s),
		newDKIMRotateCmd(s),
	)
}
