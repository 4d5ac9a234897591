package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/dkim"
)

// addWeakKeys adds the flag that commands which judge DKIM keys share.
func addWeakKeys(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "weak-keys", "", "look DKIM keys up in this `FILE` of keys whose private halves are public, blocklist.dat of badkeys")
}

// openWeakKeys opens the list before anything is asked; without the flag there is
// none. The caller closes it.
func openWeakKeys(path string) (*dkim.WeakKeys, error) {
	if path == "" {
		return nil, nil
	}
	list, err := dkim.OpenWeakKeys(path)
	if err != nil {
		return nil, usage("--weak-keys: %w", errors.New(strings.TrimPrefix(err.Error(), "dkim: ")))
	}
	return list, nil
}

// compareMost bounds the domains that are compared when a run keeps only a line
// of each: comparing means to hold what all of them publish until the last one
// is done.
const compareMost = 256

// compares tells whether the domains of a run are compared with each other.
func (w *world) compares(n int) bool { return n > 1 && (!w.slim || n <= compareMost) }
