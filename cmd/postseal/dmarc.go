package main

import "github.com/spf13/cobra"

// newDMARCCmd groups the commands that look at DMARC alone, in depth.
func newDMARCCmd(s *streams) *cobra.Command {
	return group("dmarc", "Look at DMARC in depth: the tree walk, one message, the way to reject, reports",
		newDMARCWalkCmd(s),
		newDMARCEvalCmd(s),
		newDMARCRolloutCmd(s),
		newDMARCReportsCmd(s),
	)
}
