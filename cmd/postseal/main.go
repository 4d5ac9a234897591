// Command postseal audits a domain's email authentication, says what to publish
// next, writes those records and gates CI on them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/postseal/postseal/report"
)

// The exit codes, the same for every command and format.
const (
	exitOK          = 0
	exitFindings    = 1   // findings at or above --fail-on, or a score below --min-score
	exitUsage       = 2   // usage, configuration, a file that cannot be read or written
	exitIncomplete  = 3   // an audit that could not be carried out
	exitInterrupted = 130 // Ctrl-C
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// streams are where a command reads and writes.
type streams struct {
	in  io.Reader
	out *stdout
	err io.Writer

	terminal io.Writer // standard output as it came, which may be a terminal
	look     terminalFlags
	ascii    bool // text is ASCII only
	progress *progress
}

// stdout keeps the first error of writing: output that is lost is never
// success, also where a caller (cobra's help) does not look at the error.
type stdout struct {
	w   io.Writer
	err error
}

func (s *stdout) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err == nil {
		return n, nil
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	err = fmt.Errorf("standard output: %w", err)
	if s.err == nil {
		s.err = err
	}
	return n, err
}

// tty tells whether standard output is a terminal, and how wide text is broken
// there: as COLUMNS says, else as the terminal is, else 80.
func (s *streams) tty() (width int, ok bool) {
	f, isFile := s.terminal.(*os.File)
	ok = isFile && term.IsTerminal(int(f.Fd()))
	width = declaredWidth()
	if width == 0 && ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			width = w
		}
	}
	if width <= 0 {
		width = textWidth
	}
	return s.fit(width), ok
}

// exit is an error that chooses the exit code. Its text, if any, is printed
// once, by run.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}
func (e *exit) Unwrap() error { return e.err }

// usage is a mistake in how postseal was called.
func usage(format string, args ...any) error {
	return &exit{exitUsage, fmt.Errorf(format, args...)}
}

// run carries out one call and gives the exit code. The last line on err says
// why it is not 0.
func run(ctx context.Context, args []string, in io.Reader, out, stderr io.Writer) int {
	s := &streams{in: &stdin{ctx, in}, out: &stdout{w: out}, err: stderr, terminal: out, ascii: !utf8Locale()}
	root := newRootCmd(s, args...)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	s.progress.finish()
	if s.out.err != nil && !errors.Is(err, s.out.err) {
		err = s.out.err
	}
	if err == nil {
		return exitOK
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		fmt.Fprintln(s.err, "postseal: interrupted, nothing was written")
		return exitInterrupted
	}
	code := exitUsage
	if e, ok := errors.AsType[*exit](err); ok {
		code = e.code
	}
	if text := oneLine(err); text != "" {
		if s.ascii {
			text = report.ASCII(text)
		}
		fmt.Fprintf(s.err, "postseal: %s\n", text)
	}
	return code
}

// oneLine is an error as one line that is safe on a terminal: what it quotes
// may come from a stranger's record or file.
func oneLine(err error) string {
	text := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; ")
	if m := exclusive.FindStringSubmatch(text); m != nil {
		text = "--" + strings.ReplaceAll(m[1], " ", " and --") + " cannot be used together"
	}
	// What an error quotes may be a file without a line end.
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	return report.Escape(text)
}

// maxErrorText is how much of an error is printed, in octets.
const maxErrorText = 1500

// exclusive is what cobra says of flags that exclude each other.
var exclusive = regexp.MustCompile(`^if any flags in the group .* can be; \[(.*)\] were all set$`)

func newRootCmd(s *streams, args ...string) *cobra.Command {
	root := &cobra.Command{
		Use:   "postseal",
		Short: "Audit and publish a domain's email authentication",
		Long: "postseal audits SPF, DKIM, DMARC, MTA-STS, TLS-RPT, MX and STARTTLS of a domain, scores what it\n" +
			"finds, says what to publish next and generates those records.\n\n" +
			"Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 usage; 3 audit incomplete; 130 interrupted.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q; 'postseal help' lists the commands", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w; see '%s --help'", flagError(err), cmd.CommandPath())
	})
	root.AddCommand(
		newAuditCmd(s), newGenerateCmd(s), newSPFCmd(s), newDKIMCmd(s), newDMARCCmd(s), newMTASTSCmd(s), newDANECmd(s), newTLSRPTCmd(s), newStartTLSCmd(s), newBIMICmd(s), newMessageCmd(s), newLintCmd(s), newSessionCmd(s), newExplainCmd(s), newRulesCmd(s), newRenderCmd(s), newConfigCmd(s),
		newDemoCmd(s), newVersionCmd(s), newReportSchemaCmd(s), newManCmd(),
	)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		// What could not be written is kept in s.out.
		_, _ = io.WriteString(s.out, helpText(cmd, min(s.columns(), widestHelp)))
	})
	s.look.add(root)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return s.look.begin(s, cmd) }
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetHelpCommand(newHelpCmd())
	root.InitDefaultCompletionCmd(args...)
	strict(root)
	completions(root)
	return root
}

// flagError says what a flag's value should have been.
func flagError(err error) error {
	e, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	want := "allowed there"
	switch e.GetFlag().Value.Type() {
	case "duration":
		want = "a duration such as 30s or 2m"
	case "int", "int64", "uint32":
		want = "a whole number in range"
	case "bool":
		want = "true or false"
	}
	return fmt.Errorf("--%s %q is not %s", e.GetFlag().Name, e.GetValue(), want)
}

// strict makes cobra's own completion commands refuse what is not theirs, as
// ours do: cobra would print help and call it success.
func strict(root *cobra.Command) {
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		c.Example = "  postseal completion bash > /etc/bash_completion.d/postseal"
		c.Args = func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no completion for %q (bash, zsh, fish or powershell); see 'postseal completion --help'", args[0])
			}
			return nil
		}
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		for _, shell := range c.Commands() {
			shell.Args = noArgs
		}
	}
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("'%s' takes no argument, and %q is one; see '%[1]s --help'", cmd.CommandPath(), args[0])
	}
	return nil
}

// oneArg asks for exactly one argument and names it when it is not there.
func oneArg(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usage("give exactly one %s; see '%s --help'", name, cmd.CommandPath())
		}
		return nil
	}
}
