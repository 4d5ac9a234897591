package main

import (
	"errors"
	"fmt"
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
			"with the reason, and exits with 1; options that make no sense, and files that cannot be written (a key\n" +
			"file that exists is never overwritten), exit with 2. The value to paste is the same in every format.",
		Example: "  postseal generate spf example.com --provider google --format plain\n" +
			"  postseal generate dkim example.com --type both --key-dir keys/",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no 'generate %s'; see 'postseal generate --help'", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newGenSPFCmd(s), newGenDKIMCmd(s), newGenDMARCCmd(s), newGenReportAuthCmd(s), newGenMTASTSCmd(s), newGenTLSRPTCmd(s), newGenTLSACmd(s), newGenBIMICmd(s))
	return cmd
}

// genFlags are the flags of every generator.
type genFlags struct {
	format string
	more   []genFormat // of this command only
	send   bool
	lang   string
	ttl    uint32
}

func (g *genFlags) add(cmd *cobra.Command) {
	g.addFormat(cmd)
	cmd.Flags().Uint32Var(&g.ttl, "ttl", publish.DefaultTTL, "TTL of the records in `SECONDS`")
	addLang(cmd, &g.lang)
}

// addAsking adds them with the flags of a generator that asks DNS, too.
func (g *genFlags) addAsking(cmd *cobra.Command, net *netFlags) {
	g.add(cmd)
	net.addDNS(cmd)
}

// generation is one generator at work.
type generation struct {
	s      *streams
	flags  *genFlags
	l      *locale.Localizer
	format genFormat
	domain dns.Name
	set    publish.Set
}

// begin checks what all generators share before anything is made.
func (g *genFlags) begin(s *streams, domain string) (*generation, error) {
	l, err := localizer(g.lang)
	if err != nil {
		return nil, err
	}
	format, err := g.findFormat()
	if err != nil {
		return nil, err
	}
	name, err := parseDomain(domain)
	if err != nil {
		return nil, usage("%w", err)
	}
	if g.ttl == 0 || g.ttl > maxTTL {
		return nil, usage("--ttl %d is not between 1 and %d seconds (a week)", g.ttl, maxTTL)
	}
	return &generation{s: s, flags: g, l: l, format: format, domain: name, set: publish.Set{
		Zone:  name.FQDN(),
		Send:  g.send,
		Words: recordWords(l, name),
	}}, nil
}

// of is begin for records of a domain, which is given itself.
func (g *genFlags) of(s *streams, domain string) (*generation, error) {
	gen, err := g.begin(s, domain)
	if err == nil {
		err = gen.itself()
	}
	return gen, err
}

// maxTTL is a week: resolvers keep nothing longer, and a mistake would stay.
const maxTTL = 7 * 24 * 60 * 60

// itself wants the domain whose records are made, not the name of one of them.
func (g *generation) itself() error {
	for name := g.domain; name != dns.Root; name = name.Parent() {
		if strings.HasPrefix(name.String(), "_") {
			return usage("%s is the name of a record; give the domain itself", g.domain)
		}
	}
	return nil
}

// txt adds a TXT record to the set.
func (g *generation) txt(name dns.Name, text, source, comment string) error {
	r, err := publish.TXT(name.FQDN(), text, source)
	if _, ok := errors.AsType[*publish.NotASCII](err); ok {
		err = &check.GenProblem{ID: "gen-non-ascii", Severity: check.Error, Params: check.Params{"Term": text}, Err: err}
	}
	if err != nil {
		return g.refused(err)
	}
	r.TTL, r.Comment = g.flags.ttl, comment
	g.set.Records = append(g.set.Records, r)
	if size := answerSize(&r); size > udpAnswer {
		return g.judge([]check.GenProblem{{ID: "gen-rrset-large", Severity: check.Notice,
			Params: check.Params{"Name": name.String(), "Size": size, "Limit": udpAnswer}}})
	}
	return nil
}

// udpAnswer is what fits one UDP reply on every path (DNS flag day 2020).
const udpAnswer = 1232

// answerSize is about what the reply to a question for the record takes:
// header, question, the record with its name compressed, and an OPT record.
func answerSize(r *publish.Record) int {
	return 12 + len(r.Name) + 1 + 4 + 12 + len(r.Value) + len(r.Strings) + 11
}

// judge refuses what a generator refuses and keeps its warnings. A warning that
// the options asked for is still shown.
func (g *generation) judge(problems []check.GenProblem) error {
	var refusals []string
	for i := range problems {
		p := &problems[i]
		text := fmt.Sprintf("%s (%s)", g.l.Text(p.MessageID(), p.Params), p.ID)
		if p.Severity == check.Error {
			refusals = append(refusals, text)
			continue
		}
		if !slices.Contains(g.set.Warnings, text) {
			g.set.Warnings = append(g.set.Warnings, text)
		}
	}
	if len(refusals) > 0 {
		return &exit{exitFindings, g.notGenerated(strings.Join(refusals, "; "))}
	}
	return nil
}

// refused words a refusal in the user's language. A file in the way is not the
// record's fault but one that cannot be written.
func (g *generation) refused(err error) error {
	p, ok := errors.AsType[*check.GenProblem](err)
	if !ok {
		return usage("%w", err)
	}
	err = g.judge([]check.GenProblem{*p})
	if e, ok := errors.AsType[*exit](err); ok && strings.HasPrefix(p.ID, "gen-file-") {
		e.code = exitUsage
	}
	return err
}

func (g *generation) notGenerated(why string) error {
	return errors.New(g.l.Text("gen.refused", check.Params{"Why": why}))
}

// note tells what was done besides printing. The JSON format holds it already.
func (g *generation) note(id string, params check.Params) {
	if g.flags.format != "json" {
		fmt.Fprintf(g.s.err, "postseal: %s\n", report.Escape(g.l.Text(id, params)))
	}
}

// finish prints the set; warnings go to standard error unless the format holds them.
func (g *generation) finish() error {
	if g.flags.format != "json" {
		for _, w := range g.set.Warnings {
			fmt.Fprintf(g.s.err, "postseal: %s\n", report.Escape(w))
		}
	}
	if err := g.format.write(g.s.out, &g.set); err != nil {
		return &exit{exitUsage, err}
	}
	return nil
}
