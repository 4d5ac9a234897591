// Package man writes manual pages, section 1, of a tree of cobra commands: one
// page a command, with the text that its help has.
//
// The text of help is laid out for 110 columns and holds characters that roff
// gives a meaning to, such as the dot of .postseal.yaml at the start of a line.
// Here its paragraphs are filled anew, its examples are kept as they are, and
// every character stands for itself.
package man

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Page is one manual page.
type Page struct {
	Name string // file name, postseal-spf-tree.1
	Text []byte
}

// Pages gives the pages of root and of every command below it that help lists,
// in the order of their names. Date stands in the footer, "" for none, and
// source is the program with its version.
func Pages(root *cobra.Command, date, source string) []Page {
	var pages []Page
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		pages = append(pages, Page{title(c) + ".1", page(c, date, source)})
		for _, sub := range c.Commands() {
			if listed(sub) {
				walk(sub)
			}
		}
	}
	walk(root)
	slices.SortFunc(pages, func(a, b Page) int { return cmp.Compare(a.Name, b.Name) })
	return pages
}

// listed tells that help shows a command. cobra's help command is one too.
func listed(c *cobra.Command) bool { return !c.Hidden && c.Deprecated == "" }

func title(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func page(c *cobra.Command, date, source string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH %s 1 %s %s %s\n", quote(strings.ToUpper(title(c))), quote(date), quote(source), quote("postseal manual"))
	b.WriteString(".nh\n.ad l\n") // a hyphenated flag cannot be typed
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", escape(title(c)), escape(c.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.nf\n%s\n.fi\n", line(synopsis(c)))
	b.WriteString(".SH DESCRIPTION\n")
	paragraphs(&b, cmp.Or(c.Long, c.Short))
	flags(&b, "OPTIONS", c.NonInheritedFlags())
	flags(&b, "OPTIONS OF EVERY COMMAND", c.InheritedFlags())
	if c.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		verbatim(&b, c.Example)
	}
	commands(&b, c)
	also(&b, c)
	return b.Bytes()
}

func synopsis(c *cobra.Command) string {
	if c.HasAvailableSubCommands() && !c.HasParent() {
		return c.CommandPath() + " COMMAND"
	}
	return c.UseLine()
}

// paragraphs fills the lines of a paragraph; indented lines stay as they are.
func paragraphs(b *bytes.Buffer, text string) {
	for i, para := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		if strings.HasPrefix(para, " ") {
			verbatim(b, para)
			continue
		}
		for l := range strings.SplitSeq(para, "\n") {
			b.WriteString(line(strings.TrimSpace(l)) + "\n")
		}
	}
}

func verbatim(b *bytes.Buffer, text string) {
	b.WriteString(".nf\n")
	for l := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		b.WriteString(line(strings.TrimPrefix(l, "  ")) + "\n")
	}
	b.WriteString(".fi\n")
}

func flags(b *bytes.Buffer, section string, set *pflag.FlagSet) {
	if !set.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", section)
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" {
			return
		}
		b.WriteString(".TP\n")
		name, text := pflag.UnquoteUsage(f)
		if f.Shorthand != "" {
			fmt.Fprintf(b, "\\fB%s\\fP, ", escape("-"+f.Shorthand))
		}
		fmt.Fprintf(b, "\\fB%s\\fP", escape("--"+f.Name))
		if name != "" {
			fmt.Fprintf(b, " \\fI%s\\fP", escape(name))
		}
		b.WriteString("\n" + line(strings.Join(strings.Fields(text), " ")))
		if d := f.DefValue; d != "" && d != "[]" && d != "false" && d != "0" && d != "0s" && !strings.Contains(text, "(default") {
			b.WriteString(escape(" (default " + strings.Trim(d, "[]") + ")"))
		}
		b.WriteString("\n")
	})
}

func commands(b *bytes.Buffer, c *cobra.Command) {
	first := true
	for _, sub := range c.Commands() {
		if !listed(sub) {
			continue
		}
		if first {
			b.WriteString(".SH COMMANDS\n")
			first = false
		}
		fmt.Fprintf(b, ".TP\n\\fB%s\\fP(1)\n%s\n", escape(title(sub)), line(sub.Short))
	}
}

// also names the page above and its other pages.
func also(b *bytes.Buffer, c *cobra.Command) {
	if !c.HasParent() {
		return
	}
	names := []string{title(c.Parent())}
	for _, sub := range c.Parent().Commands() {
		if sub != c && listed(sub) {
			names = append(names, title(sub))
		}
	}
	b.WriteString(".SH SEE ALSO\n")
	for i, n := range names {
		end := ","
		if i == len(names)-1 {
			end = ""
		}
		fmt.Fprintf(b, "\\fB%s\\fP(1)%s\n", escape(n), end)
	}
}

// escape lets every character stand for itself: roff would make a typographic
// dash of -, an accent of ^ and `, and a quotation mark of '.
var escaper = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "…", `...`)

func escape(s string) string { return escaper.Replace(s) }

// line is a whole line of text: a dot at its start would be a request.
func line(s string) string {
	s = escape(s)
	if strings.HasPrefix(s, ".") {
		return `\&` + s
	}
	return s
}

// quote makes an argument of a request.
func quote(s string) string { return `"` + strings.ReplaceAll(escape(s), `"`, `\(dq`) + `"` }
