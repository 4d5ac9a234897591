// Command postseal audits a domain's email authentication, says what to publish
// next, writes those records and gates CI on them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
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
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// tty tells whether standard output is a terminal, and how wide it is.
func (s *streams) tty() (width int, ok bool) {
	f, isFile := s.out.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, true
	}
	return w, true
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
	s := &streams{in, out, stderr}
	root := newRootCmd(s)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "postseal: interrupted, nothing was written")
		return exitInterrupted
	}
	code := exitUsage
	if e, ok := errors.AsType[*exit](err); ok {
		code = e.code
	}
	if text := err.Error(); text != "" {
		// What is quoted in an error may come from a stranger's record or file.
		fmt.Fprintf(stderr, "postseal: %s\n", report.Escape(text))
	}
	return code
}

func newRootCmd(s *streams) *cobra.Command {
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
		return usage("%w; see '%s --help'", err, cmd.CommandPath())
	})
	root.AddCommand(
		newAuditCmd(s), newGenerateCmd(s), newExplainCmd(s), newRulesCmd(s), newRenderCmd(s),
		newDemoCmd(s), newVersionCmd(s), newReportSchemaCmd(s),
	)
	return root
}
