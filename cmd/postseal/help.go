package main

import (
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/report"
)

// widestHelp is how wide help is at most: longer lines are hard to read.
const widestHelp = 100

// helpText is what --help says of a command, at so many columns: cobra's own
// would leave the breaking of lines to the terminal.
func helpText(cmd *cobra.Command, width int) string {
	var b strings.Builder
	part := func(title, text string) {
		if text = strings.Trim(text, "\n"); text == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		if title != "" {
			b.WriteString(title + "\n")
		}
		b.WriteString(text + "\n")
	}
	about := cmd.Long
	if about == "" {
		about = cmd.Short
	}
	part("", reflow(about, width))
	var calls []string
	if cmd.Runnable() && cmd.HasParent() || !cmd.HasSubCommands() {
		calls = append(calls, brokenCall(cmd.UseLine(), width, ""))
	}
	if cmd.HasAvailableSubCommands() {
		calls = append(calls, "  "+cmd.CommandPath()+" COMMAND")
	}
	part("Usage:", strings.Join(calls, "\n"))
	var examples []string
	for line := range strings.Lines(strings.Trim(cmd.Example, "\n")) {
		examples = append(examples, brokenCall(strings.TrimSpace(line), width, ` \`))
	}
	part("Examples:", strings.Join(examples, "\n"))
	part("Commands:", commandList(cmd, width))
	part("Flags:", cmd.LocalFlags().FlagUsagesWrapped(width))
	part("Flags of every command:", cmd.InheritedFlags().FlagUsagesWrapped(width))
	if cmd.HasAvailableSubCommands() {
		part("", report.Wrap(width, "", "'"+cmd.CommandPath()+" COMMAND --help' says more of a command."))
	}
	return b.String()
}

// reflow breaks the lines of paragraphs anew. One that has an indented line is
// shown as it is.
func reflow(text string, width int) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if !strings.HasPrefix(p, " ") && !strings.HasPrefix(p, "\t") && !strings.Contains(p, "\n ") && !strings.Contains(p, "\n\t") {
			paragraphs[i] = report.Wrap(width, "", p)
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// brokenCall breaks a line that is typed; with the shell's mark at each break it
// can still be pasted. Between quotes it is not broken.
func brokenCall(line string, width int, mark string) string {
	const indent, later = "  ", "      "
	var b strings.Builder
	b.WriteString(indent)
	col := len(indent)
	for i, word := range shellWords(line) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case col+1+n+len(mark) > width:
			b.WriteString(mark + "\n" + later)
			col = len(later)
		default:
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += n
	}
	return b.String()
}

// shellWords divides a line at the spaces that are not quoted; what follows a
// flag stays with it.
func shellWords(line string) []string {
	var words []string
	var quote rune
	start := 0
	for i, r := range line {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case r == ' ':
			if i > start {
				words = append(words, line[start:i])
			}
			start = i + 1
		}
	}
	words = append(words, line[start:])
	for i := len(words) - 2; i > 0; i-- {
		if strings.HasPrefix(words[i], "-") && words[i] != "-" && !strings.HasPrefix(words[i+1], "-") {
			words[i] += " " + words[i+1]
			words = append(words[:i+1], words[i+2:]...)
		}
	}
	return words
}

// commandList is a line for each command below one.
func commandList(cmd *cobra.Command, width int) string {
	wide := 0
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			wide = max(wide, len(c.Name()))
		}
	}
	indent := strings.Repeat(" ", wide+4)
	var b strings.Builder
	for _, c := range cmd.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		b.WriteString("  " + pad(c.Name(), wide) + "  " + report.Wrap(width, indent, c.Short) + "\n")
	}
	return b.String()
}

func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Say what a command does",
		Example: "  postseal help audit\n  postseal help generate dkim",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage("there is no command %q; 'postseal help' lists the commands", strings.Join(args, " "))
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if c, _, err := cmd.Root().Find(args); err == nil {
				for _, sub := range c.Commands() {
					if sub.IsAvailableCommand() {
						names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}
