package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/report"
)

// terminalFlags say how text looks; every command has them.
type terminalFlags struct {
	color string
	links string
	ascii bool
}

// Bounds of the width of text: narrower nothing can be said, and longer lines
// are not read.
const (
	narrowest = 40
	widest    = 200
)

func (t *terminalFlags) add(root *cobra.Command) {
	fl := root.PersistentFlags()
	fl.StringVar(&t.color, "color", "auto", "colour text `WHEN`: auto, always or never")
	fl.StringVar(&t.links, "hyperlinks", "auto", "make rule IDs links to their pages `WHEN`: auto, always or never")
	fl.BoolVar(&t.ascii, "ascii", false, "text: write ASCII only, words without accents (default where the locale is not UTF-8)")
	complete(root, "color", "auto", "always", "never")
	complete(root, "hyperlinks", "auto", "always", "never")
}

// begin checks the flags before a command runs and sets up standard output.
// Only text for people becomes ASCII: of the other formats each octet counts.
func (t *terminalFlags) begin(s *streams, cmd *cobra.Command) error {
	if _, err := colored(t.color, false); err != nil {
		return err
	}
	if _, err := linked(t.links, false); err != nil {
		return err
	}
	s.ascii = t.ascii || !utf8Locale()
	if s.progress = newProgress(s, cmd); s.progress != nil {
		cmd.SetContext(s.progress.with(cmd.Context()))
	}
	if s.ascii {
		s.err = report.ASCIIWriter{W: s.err}
	}
	if f := cmd.Flags().Lookup("format"); s.ascii && (f == nil || f.Value.String() == "text") && cmd.Name() != "report-schema" {
		s.out.w = report.ASCIIWriter{W: s.out.w}
	}
	return nil
}

// text gives how text is printed on standard output.
func (s *streams) text(lang string) (report.TextOptions, error) {
	width, tty := s.tty()
	opts := report.TextOptions{Lang: lang, Width: width}
	var err error
	if opts.Color, err = colored(s.look.color, tty); err != nil {
		return opts, err
	}
	opts.Links, err = linked(s.look.links, tty)
	return opts, err
}

// fit holds a width to what text is broken at. A stand-in may be longer than
// what it stands for, so ASCII gets two columns less.
func (s *streams) fit(width int) int {
	if width = min(max(width, narrowest), widest); s.ascii {
		return max(width-2, narrowest-2)
	}
	return width
}

// declaredWidth is COLUMNS, 0 where it is no number of columns.
func declaredWidth() int {
	n, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if err != nil || n <= 0 {
		return 0
	}
	return n
}

// utf8Locale tells whether the environment names a character set other than
// UTF-8. Where it names none at all, as in containers, terminals are UTF-8.
func utf8Locale() bool {
	for _, k := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(os.Getenv(k)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return true
}

// colored reads --color for a standard output that is a terminal or not, and
// the variables that people set for every program at once: NO_COLOR
// (no-color.org) before FORCE_COLOR and CLICOLOR_FORCE before CLICOLOR
// (bixense.com/clicolors).
func colored(when string, tty bool) (bool, error) {
	off := func(v string) bool { return v == "0" || v == "false" }
	switch when {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
	default:
		return false, usage("--color %q is none of auto, always, never", when)
	}
	force, clicolorForce := os.Getenv("FORCE_COLOR"), os.Getenv("CLICOLOR_FORCE")
	switch {
	case os.Getenv("NO_COLOR") != "" || off(force):
		return false, nil
	case force != "", clicolorForce != "" && !off(clicolorForce):
		return true, nil
	}
	return tty && os.Getenv("CLICOLOR") != "0" && os.Getenv("TERM") != "dumb", nil
}

// linked reads --hyperlinks. A terminal does not say whether it knows OSC 8; by
// itself a link is made only on one that is known to.
func linked(when string, tty bool) (bool, error) {
	switch when {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		return tty && linksKnown(), nil
	}
	return false, usage("--hyperlinks %q is none of auto, always, never", when)
}

// linksKnown tells whether the terminal is one that shows OSC 8 links. Within
// tmux and screen the variables tell of a terminal outside, or of none.
func linksKnown() bool {
	if os.Getenv("TMUX") != "" || os.Getenv("STY") != "" || os.Getenv("CI") != "" {
		return false
	}
	switch os.Getenv("TERM_PROGRAM") {
	case "iTerm.app", "WezTerm", "ghostty", "vscode":
		return true
	}
	switch os.Getenv("TERM") {
	case "xterm-kitty", "xterm-ghostty", "foot", "foot-extra", "alacritty", "wezterm":
		return true
	case "dumb", "linux":
		return false
	}
	vte, err := strconv.Atoi(os.Getenv("VTE_VERSION"))
	return err == nil && vte >= 5000 || os.Getenv("WT_SESSION") != "" || os.Getenv("KONSOLE_VERSION") != ""
}
