package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/publish"
	"github.com/postseal/postseal/report"
)

func newGenerateCmd(s *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make the records, keys and policy files to publish",
		Long: "Generate prints records; it never changes DNS. What would not pass postseal's own audit is refused,\n" +
			"with the reason. The value to paste is the same in every format.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no 'generate %s'; see 'postseal generate --help'", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newGenSPFCmd(s), newGenDKIMCmd(s), newGenDMARCCmd(s), newGenMTASTSCmd(s), newGenTLSRPTCmd(s))
	return cmd
}

// genFlags are the flags of every generator.
type genFlags struct {
	format string
	lang   string
	ttl    uint32
}

var genFormats = map[string]func(io.Writer, *publish.Set) error{
	"zone": publish.Zone, "plain": publish.Plain, "json": publish.JSON,
}

func (g *genFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.format, "format", "zone", "zone, plain (for a provider's web form) or json")
	cmd.Flags().Uint32Var(&g.ttl, "ttl", publish.DefaultTTL, "TTL of the records in seconds")
	addLang(cmd, &g.lang)
	complete(cmd, "format", "zone", "plain", "json")
}

// generation is one generator at work.
type generation struct {
	s      *streams
	flags  *genFlags
	l      *locale.Localizer
	write  func(io.Writer, *publish.Set) error
	domain dns.Name
	set    publish.Set
}

// begin checks what all generators share before anything is made.
func (g *genFlags) begin(s *streams, domain string) (*generation, error) {
	l, err := localizer(g.lang)
	if err != nil {
		return nil, err
	}
	write, ok := genFormats[g.format]
	if !ok {
		return nil, usage("unknown format %q (zone, plain or json)", g.format)
	}
	name, err := dns.ParseDomain(domain)
	if err != nil {
		return nil, usage("%w", err)
	}
	return &generation{s: s, flags: g, l: l, write: write, domain: name}, nil
}

// txt adds a TXT record to the set.
func (g *generation) txt(name dns.Name, text, source, comment string) error {
	r, err := publish.TXT(name.FQDN(), text, source)
	if err != nil {
		return usage("%w", err)
	}
	r.TTL, r.Comment = g.flags.ttl, comment
	g.set.Records = append(g.set.Records, r)
	return nil
}

// problem is a generator's refusal or warning, whatever room it comes from.
type problem struct {
	message  string // message ID
	id       string
	severity check.Severity
	params   check.Params
}

// judge refuses what a generator refuses and keeps its warnings. A warning that
// the options asked for is still shown.
func (g *generation) judge(problems []problem) error {
	var refusals []string
	for _, p := range problems {
		text := fmt.Sprintf("%s (%s)", g.l.Text(p.message, p.params), p.id)
		if p.severity == check.Error {
			refusals = append(refusals, text)
			continue
		}
		if !slices.Contains(g.set.Warnings, text) {
			g.set.Warnings = append(g.set.Warnings, text)
		}
	}
	if len(refusals) > 0 {
		return &exit{exitFindings, fmt.Errorf("not generated: %s", strings.Join(refusals, "; "))}
	}
	return nil
}

// finish prints the set; warnings go to standard error unless the format holds them.
func (g *generation) finish() error {
	if g.flags.format != "json" {
		for _, w := range g.set.Warnings {
			fmt.Fprintf(g.s.err, "postseal: %s\n", report.Escape(w))
		}
	}
	if err := g.write(g.s.out, &g.set); err != nil {
		return &exit{exitUsage, fmt.Errorf("standard output: %w", err)}
	}
	return nil
}
