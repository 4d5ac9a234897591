package main

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func testRoot() *cobra.Command {
	return newRootCmd(&streams{in: strings.NewReader(""), out: &stdout{w: &strings.Builder{}}, err: &strings.Builder{}})
}

func TestBrokenCall(t *testing.T) {
	got := brokenCall("postseal explain --stage greeting '554 5.7.1 a b c' --lang pt-BR", 40, ` \`)
	want := "  postseal explain --stage greeting \\\n      '554 5.7.1 a b c' --lang pt-BR"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReflow(t *testing.T) {
	got := reflow("One two three\nfour five six.\n\nKept:\n\n  as it is\n    stands", 20)
	want := "One two three four\nfive six.\n\nKept:\n\n  as it is\n    stands"
	if got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

// TestHelpNarrow shows every help text at 40 columns: only what cannot be broken
// is longer.
func TestHelpNarrow(t *testing.T) {
	everyCommand(testRoot(), func(c *cobra.Command) {
		for line := range strings.Lines(helpText(c, 40)) {
			line = strings.TrimRight(line, "\n")
			text := strings.TrimSpace(line)
			breakable := len(shellWords(text)) > 1 && !strings.HasPrefix(line, "    ")
			if breakable && utf8.RuneCountInString(line) > 40 && c.Parent() != nil && c.Parent().Name() != "completion" {
				t.Errorf("%s: %s", c.CommandPath(), line)
			}
		}
	})
}

// TestFlagTexts holds the texts of all flags to one shape: lower case, no full
// stop, a word in capitals for a value, and nothing that prints Go.
func TestFlagTexts(t *testing.T) {
	everyCommand(testRoot(), func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			name, text := pflag.UnquoteUsage(f)
			switch r, _ := utf8.DecodeRuneInString(text); {
			case text == "":
				t.Errorf("%s --%s has no text", c.CommandPath(), f.Name)
			case strings.HasSuffix(text, "."):
				t.Errorf("%s --%s ends in a full stop: %s", c.CommandPath(), f.Name, text)
			// The name of the value may stand first, and proper names stay what they are.
			case unicode.IsUpper(r) && !allCapitals(strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })[0]):
				t.Errorf("%s --%s begins in upper case: %s", c.CommandPath(), f.Name, text)
			case f.Value.Type() != "bool" && strings.ToUpper(name) != name:
				t.Errorf("%s --%s: the value is called %q; name it in capitals", c.CommandPath(), f.Name, name)
			case f.Value.Type() == "bool" && name != "":
				t.Errorf("%s --%s takes no value and names one: %s", c.CommandPath(), f.Name, name)
			case strings.Contains(f.DefValue, "[") && f.DefValue != "[]":
				t.Errorf("%s --%s: the default is printed as %s", c.CommandPath(), f.Name, f.DefValue)
			}
		})
	})
}

func allCapitals(word string) bool { return strings.ToUpper(word) == word }

// TestWrongUse calls every command in wrong ways: one line that says what is
// wrong and where to read on, and exit code 2.
func TestWrongUse(t *testing.T) {
	everyCommand(testRoot(), func(c *cobra.Command) {
		if c.HasParent() && c.Parent().Name() == "help" {
			return
		}
		path := strings.Fields(c.CommandPath())[1:]
		calls := [][]string{append(path, "--no-such-flag"), append(path, "-Z")}
		if c.HasSubCommands() {
			calls = append(calls, append(path, "no-such-command"))
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() != "bool" {
				calls = append(calls, append(path, "--"+f.Name)) // its value is missing
			}
		})
		for _, call := range calls {
			code, out, errs := invoke(t, call...)
			if code != exitUsage || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "postseal: ") || !strings.Contains(errs, "help") {
				t.Errorf("%q: exit code %d, standard output %q, standard error %q", call, code, out, errs)
			}
		}
	})
}
