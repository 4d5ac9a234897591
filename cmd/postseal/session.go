package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/message"
	"github.com/postseal/postseal/reply"
	"github.com/postseal/postseal/report"
)

func newSessionCmd(s *streams) *cobra.Command {
	var (
		gate              gateFlags
		tls, format, lang string
		raw, verbose      bool
	)
	cmd := &cobra.Command{
		Use:   "session FILE",
		Short: "Look for mistakes in a pasted SMTP session",
		Long: "Session reads the transcript of an SMTP session and says what is wrong with how it was held, explains every\n" +
			"refusal, and looks at the format of the messages that were sent. It asks no network. FILE - is standard\n" +
			"input. Who speaks is told by marks (S: and C:, <- and ->, those of swaks, curl, Exim, sendmail, Postfix and\n" +
			"Python's smtplib), or by the words themselves. Credentials of AUTH are left out of all output.\n\n" +
			"Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 usage; 3 with --fail-on-incomplete, something\n" +
			"could not be told.",
		Example: "  postseal session session.txt\n" +
			"  postseal session --tls implicit session.txt\n" +
			"  postseal session --format json --fail-on warning - < session.txt",
		Args: oneArg("file"),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := localizer(lang)
			if err != nil {
				return err
			}
			if format != "text" && format != "json" {
				return usage("unknown format %q (text or json)", format)
			}
			if err := gate.check(); err != nil {
				return err
			}
			o := reply.Options{Raw: raw}
			switch tls {
			case "":
			case "implicit":
				o.ImplicitTLS = true
			case "none":
				o.Plain = true
			default:
				return usage("--tls %q is neither implicit nor none", tls)
			}
			doc, err := sessionDocument(s, args[0], o, l)
			if err != nil {
				return err
			}
			all := doc.Results
			for _, m := range doc.Messages {
				all = append(all[:len(all):len(all)], m.Results...)
			}
			doc.Exit = gate.judgeResults(args[0], all, l)
			if err := writeReply(s, doc, format, l, verbose); err != nil {
				return err
			}
			return exitWith(doc.Exit, l)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&tls, "tls", "", "whether TLS was on from the start, if the transcript does not show it, a `WORD`: implicit (as on port 465) or none")
	fl.BoolVar(&raw, "raw", false, "the octets are as sent: LF without CR counts everywhere")
	fl.StringVar(&format, "format", "text", "what standard output gets, a `FORMAT`: text or json")
	fl.BoolVarP(&verbose, "verbose", "v", false, "text: show findings about messages that only inform, too")
	gate.addGate(cmd)
	addLang(cmd, &lang)
	complete(cmd, "format", "text", "json")
	complete(cmd, "tls", "implicit", "none")
	return cmd
}

// sessionDocument reads and judges a transcript and what it sent.
func sessionDocument(s *streams, file string, o reply.Options, l *locale.Localizer) (*report.ReplyDocument, error) {
	octets, err := readReplyFile(s.in, file)
	if err != nil {
		return nil, err
	}
	facts, err := reply.ParseSession(octets, o)
	if errors.Is(err, reply.ErrNotSession) {
		return nil, usage("%s is no SMTP session: it needs commands and replies; 'postseal explain -' takes a reply alone", file)
	}
	if err != nil {
		return nil, usage("%s: %w", file, err)
	}
	doc := reply.Build(facts, reply.StageUnknown, false, l)
	doc.Tool, doc.File = tool(), file
	for _, c := range facts.Session.Messages {
		if len(doc.Messages) == maxSent {
			break
		}
		doc.Messages = append(doc.Messages, sentMessage(c, l))
	}
	return doc, nil
}

// maxSent bounds how many messages of one session are looked at.
const maxSent = 20

// sentMessage hands what was sent after DATA to the rules over messages.
func sentMessage(c *reply.Content, l *locale.Localizer) report.SentMessage {
	out := report.SentMessage{Line: c.Line, Lines: c.Lines}
	m, err := message.Parse(c.Octets)
	if err != nil {
		out.Error = l.Text("reply.no-message", nil)
		return out
	}
	out.Results = report.Results(message.EvaluateFormat(m), l)
	return out
}
