package main

import (
	"github.com/spf13/cobra"

	"github.com/postseal/postseal/internal/locale"
)

// lookFlags are those of commands that look at one thing in depth and print it
// for people (text) or programs (json).
type lookFlags struct{ format, lang string }

func (f *lookFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.format, "format", "text", "what standard output gets, a `FORMAT`: text or json")
	complete(cmd, "format", "text", "json")
	addLang(cmd, &f.lang)
}

// words checks the flags and gives the words of the language.
func (f *lookFlags) words() (*locale.Localizer, error) {
	l, err := localizer(f.lang)
	if err == nil && f.format != "text" && f.format != "json" {
		err = usage("unknown format %q (text or json)", f.format)
	}
	return l, err
}

func (f *lookFlags) json() bool { return f.format == "json" }
