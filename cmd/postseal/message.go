package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/message"
	"github.com/postseal/postseal/report"
)

type messageOptions struct {
	net                          netFlags
	gate                         gateFlags
	ip, helo, mailFrom, receiver string
	bulk, verbose                bool
	format, lang                 string
}

func newMessageCmd(s *streams) *cobra.Command {
	o := &messageOptions{}
	cmd := &cobra.Command{
		Use:   "message FILE.eml",
		Short: "Look at one message as its receiver would",
		Long: "Message reads one stored message and says whether it passes SPF, DKIM, DMARC and ARC, why, what is wrong\n" +
			"with its format, and what other servers wrote into it. FILE - is standard input.\n\n" +
			"The client's address, its name in EHLO and MAIL FROM are not in a message; they are taken from Received and\n" +
			"Return-Path unless you give them. Signatures are judged with the keys that are in DNS now, and by the time\n" +
			"at which the message was received.\n\n" +
			"Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 usage; 3 with --fail-on-incomplete, something\n" +
			"could not be told.",
		Example: "  postseal message m.eml\n" +
			"  postseal message --ip 192.0.2.25 --helo mail.example.com --mail-from news@example.com m.eml\n" +
			"  postseal message --zone example.com.zone --offline --format authres --receiver mx.example.net m.eml",
		Args: oneArg("file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, s, args[0])
		},
	}
	o.net.addDNS(cmd)
	fl := cmd.Flags()
	fl.StringVar(&o.ip, "ip", "", "`ADDRESS` of the client that brought the message (default: from Received)")
	fl.StringVar(&o.helo, "helo", "", "`NAME` that the client gave in EHLO (default: from Received)")
	fl.StringVar(&o.mailFrom, "mail-from", "", "`ADDRESS` in MAIL FROM, empty for a bounce (default: from Return-Path)")
	fl.StringVar(&o.receiver, "receiver", "", "`NAME` of the server whose Authentication-Results are believed")
	fl.BoolVar(&o.bulk, "bulk", false, "judge it as bulk mail, whether or not it looks like that")
	fl.StringVar(&o.format, "format", "text", "what standard output gets, a `FORMAT`: text, json or authres")
	fl.BoolVarP(&o.verbose, "verbose", "v", false, "text: show findings that only inform, too")
	o.gate.addGate(cmd)
	addLang(cmd, &o.lang)
	complete(cmd, "format", "text", "json", "authres")
	return cmd
}

// hostToken is what can stand as a server's name in Authentication-Results.
var hostToken = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?$`)

// options reads the flags on the delivery.
func (o *messageOptions) options(cmd *cobra.Command) (message.Options, error) {
	opts := message.Options{HELO: strings.TrimSpace(o.helo), Receiver: o.receiver, Bulk: o.bulk}
	if o.ip != "" {
		a, err := netip.ParseAddr(o.ip)
		if err != nil {
			return opts, usage("--ip %q is not an IP address", o.ip)
		}
		opts.IP = a.WithZone("").Unmap()
	}
	if cmd.Flags().Changed("mail-from") {
		from := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(o.mailFrom), "<"), ">")
		opts.MailFrom = &from
	}
	if o.receiver != "" && !hostToken.MatchString(o.receiver) {
		return opts, usage("--receiver %q is not the name of a server", o.receiver)
	}
	return opts, nil
}

func (o *messageOptions) run(cmd *cobra.Command, s *streams, file string) error {
	l, err := localizer(o.lang)
	if err != nil {
		return err
	}
	if o.format != "text" && o.format != "json" && o.format != "authres" {
		return usage("unknown format %q (text, json or authres)", o.format)
	}
	text, err := s.text(string(l.Lang))
	if err != nil {
		return err
	}
	text.Verbose = o.verbose
	if err := o.gate.check(); err != nil {
		return err
	}
	opts, err := o.options(cmd)
	if err != nil {
		return err
	}
	m, err := readEML(s.in, file)
	if err != nil {
		return err
	}
	doc, err := o.look(cmd.Context(), m, opts, file, l)
	if err != nil {
		return err
	}
	switch o.format {
	case "json":
		err = report.WriteMessageJSON(s.out, doc)
	case "authres":
		// Folded where RFC 8601 lets white space stand, one method a line.
		_, err = fmt.Fprintf(s.out, "Authentication-Results: %s\n", strings.ReplaceAll(doc.Message.AuthRes, "; ", ";\n  "))
	default:
		err = report.WriteMessageText(s.out, doc, l, text)
	}
	if err != nil {
		return err
	}
	return exitWith(doc.Exit, l)
}

// look asks DNS and judges.
func (o *messageOptions) look(parent context.Context, m *message.Message, opts message.Options, file string, l *locale.Localizer) (*report.MessageDocument, error) {
	ctx, w, done, err := o.net.begin(parent)
	if err != nil {
		return nil, err
	}
	defer done()
	opts.Now = w.now
	facts, err := message.Gather(ctx, w.run, m, opts)
	if parent.Err() != nil {
		return nil, parent.Err()
	}
	// Out of time, what was not answered is unknown, and said to be.
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	built, err := message.Build(facts, message.Evaluate(facts), file, l)
	if err != nil {
		return nil, err
	}
	return &report.MessageDocument{
		SchemaVersion: report.SchemaVersion, Tool: tool(), Lang: string(l.Lang), Message: built,
		Exit: o.gate.judgeResults(file, built.Results, l),
	}, nil
}

// readEML reads the file, or standard input for "-".
func readEML(in io.Reader, file string) (*message.Message, error) {
	name := "standard input"
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, usage("%w", err)
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, usage("%s is a folder, not a message", file)
		}
		in, name = f, file
	}
	raw, err := io.ReadAll(io.LimitReader(in, message.MaxOctets+1))
	if err != nil {
		return nil, usage("reading %s: %w", name, err)
	}
	if len(raw) == 0 {
		return nil, usage("%s is empty", name)
	}
	m, err := message.Parse(raw)
	if errors.Is(err, message.ErrNoHeader) {
		return nil, usage("%s is no message: it does not begin with a header field", name)
	}
	if err != nil {
		return nil, usage("%s: %s", name, strings.TrimPrefix(err.Error(), "message: "))
	}
	return m, nil
}

// addGate adds the flags of commands without a score.
func (g *gateFlags) addGate(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.failOn, "fail-on", "error", "exit 1 at findings of this `SEVERITY` or worse: error, warning, notice, info, none")
	complete(cmd, "fail-on", "error", "warning", "notice", "info", "none")
	cmd.Flags().BoolVar(&g.incomplete, "fail-on-incomplete", false, "exit 3 when anything could not be told")
}

// judgeResults says which exit code the results earn and why.
func (g *gateFlags) judgeResults(name string, results []report.Result, l *locale.Localizer) report.Exit {
	e := report.Exit{Reasons: []string{}, ReasonCodes: []string{}}
	if n := g.findings(results); n > 0 {
		e.Code = exitFindings
		because(&e, l, "findings", check.Params{"Name": name, "N": n, "Severity": g.severity(l)})
		return e
	}
	open := 0
	for _, r := range results {
		if r.Status == check.Unknown {
			open++
		}
	}
	if g.incomplete && open > 0 {
		e.Code = exitIncomplete
		because(&e, l, "unknown", check.Params{"Name": name, "N": open})
	}
	return e
}
