package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/spf"
)

func newSPFTreeCmd(s *streams) *cobra.Command {
	var (
		net          netFlags
		format, lang string
	)
	formats := append([]string{"json"}, report.SPFTreeFormats...)
	cmd := &cobra.Command{
		Use:   "tree DOMAIN",
		Short: "Draw what an SPF record includes and count what it costs",
		Long: "Every include and redirect is followed as a receiver would in the worst case: for a client that matches\n" +
			"nothing. Each term shows which of the ten DNS look-ups it is (RFC 7208 §4.6.4); the one that breaks a limit,\n" +
			"the last sender before it, void look-ups, wide and overlapping ranges are named.\n\n" +
			"Exit codes: 0 the tree was drawn, whatever is wrong in it ('postseal audit' judges); 1 there is no SPF record,\n" +
			"or more than one; 2 usage; 3 the record could not be looked up.",
		Example: "  postseal spf tree example.com\n" +
			"  postseal spf tree example.com --format svg > tree.svg\n" +
			"  postseal spf tree --zone example.com.zone --offline example.com",
		Args: oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := localizer(lang)
			if err != nil {
				return err
			}
			if !slices.Contains(formats, format) {
				return usage("unknown format %q (one of %s)", format, strings.Join(formats, ", "))
			}
			opts, err := s.text(string(l.Lang))
			if err != nil {
				return err
			}
			domain, err := parseDomain(args[0])
			if err != nil {
				return usage("%w", err)
			}
			ctx, w, done, err := net.begin(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			f, err := spf.Gather(ctx, w.run, domain)
			switch {
			case cmd.Context().Err() != nil:
				return cmd.Context().Err()
			case err != nil:
				why := l.Text("audit.timed-out", check.Params{"Timeout": net.timeout.String()})
				return &exit{exitIncomplete, errors.New(l.Text("spf-cmd.unknown", check.Params{"Domain": domain.String(), "Cause": why}))}
			}
			audit.Attribute(f.Tree)
			o := f.Outline()
			o.Say(l.Cause, l.Title)
			if err := writeOutline(s, o, format, opts); err != nil {
				return &exit{exitUsage, err}
			}
			return noTree(o, l)
		},
	}
	net.addDNS(cmd)
	fl := cmd.Flags()
	fl.StringVar(&format, "format", "text", "what standard output gets, a `FORMAT`: text, json, svg or dot (for Graphviz)")
	addLang(cmd, &lang)
	complete(cmd, "format", formats...)
	return cmd
}

// writeOutline prints the tree. Without one there is JSON only: a drawing of
// nothing could be taken for a domain that lets nobody send.
func writeOutline(s *streams, o *spf.Outline, format string, opts report.TextOptions) error {
	var b bytes.Buffer
	if err := report.EncodeJSON(&b, o); err != nil {
		return err
	}
	switch {
	case format == "json":
		_, err := s.out.Write(b.Bytes())
		return err
	case o.State != "found":
		return nil
	}
	return report.WriteSPFTree(s.out, format, b.Bytes(), opts)
}

// noTree is why there is no tree, nil when there is one.
func noTree(o *spf.Outline, l *locale.Localizer) error {
	params := check.Params{"Domain": o.Domain.String(), "N": len(o.Records)}
	code := exitFindings
	switch o.State {
	case "found":
		return nil
	case "unknown":
		code = exitIncomplete
		params["Cause"] = o.Causes[0].Text
	}
	return &exit{code, errors.New(l.Text("spf-cmd."+o.State, params))}
}
