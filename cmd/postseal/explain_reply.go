package main

import (
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/reply"
	"github.com/postseal/postseal/report"
)

// ruleWord is what can only be meant as the ID of a rule.
var ruleWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$`)

// explainReply says what a pasted reply means. text is what was given on the
// command line; "-" reads standard input.
func explainReply(s *streams, args []string, format, stage string, l *locale.Localizer) error {
	st, err := parseStage(stage)
	if err != nil {
		return err
	}
	raw := []byte(strings.Join(args, " "))
	if len(args) == 1 && args[0] == "-" {
		if raw, err = readReply(s.in, "standard input"); err != nil {
			return err
		}
	}
	facts, err := reply.Parse(raw)
	if errors.Is(err, reply.ErrNotReply) {
		return usage("no SMTP reply, log line, bounce or session was found; give it as in 'postseal explain \"550 5.7.1 text\"'")
	}
	if err != nil {
		return usage("%w", err)
	}
	doc := reply.Build(facts, st, true, l)
	doc.Tool = tool()
	return writeReply(s, doc, format, l, false)
}

func parseStage(text string) (reply.Stage, error) {
	if text != "" && !slices.Contains(reply.Stages, reply.Stage(text)) {
		return "", usage("--stage %q is none of %s", text, strings.Join(stageNames(), ", "))
	}
	return reply.Stage(text), nil
}

func stageNames() []string {
	names := make([]string, len(reply.Stages))
	for i, n := range reply.Stages {
		names[i] = string(n)
	}
	return names
}

// readReply reads a whole small file.
func readReply(in io.Reader, name string) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(in, reply.MaxOctets+1))
	if err != nil {
		return nil, usage("reading %s: %w", name, err)
	}
	if len(raw) > reply.MaxOctets {
		return nil, usage("%s is larger than %d MiB", name, reply.MaxOctets>>20)
	}
	if len(raw) == 0 {
		return nil, usage("%s is empty", name)
	}
	return raw, nil
}

// readReplyFile reads a file, or standard input for "-".
func readReplyFile(in io.Reader, file string) ([]byte, error) {
	if file == "-" {
		return readReply(in, "standard input")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, usage("%w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, usage("%s is a folder, not a transcript", file)
	}
	return readReply(f, file)
}

func writeReply(s *streams, doc *report.ReplyDocument, format string, l *locale.Localizer, verbose bool) error {
	if format == "json" {
		return report.WriteReplyJSON(s.out, doc)
	}
	opts, err := s.text(string(l.Lang))
	if err != nil {
		return err
	}
	opts.Verbose = verbose
	return report.WriteReplyText(s.out, doc, l, opts)
}
