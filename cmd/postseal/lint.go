package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/bimi"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/lint"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/report"
)

// maxLintDomains bounds how many domains of the files are audited, each twice.
const maxLintDomains = 1000

type lintOptions struct {
	net        netFlags
	out        outputFlags
	gate       gateFlags
	config     configFlags
	as         string
	semicolons string
	domains    []string
	complete   bool
	newOnly    bool
}

func newLintCmd(s *streams) *cobra.Command {
	o := &lintOptions{}
	cmd := &cobra.Command{
		Use:   "lint FILE|FOLDER...",
		Short: "Audit DNS records before they are published",
		Long: "Lint reads DNS as code, puts it before what DNS answers now, and audits each mail domain in it twice: as it\n" +
			"is, and as it will be. It says what the change brings and takes away, with the file and line of each record.\n" +
			"It reads zone files, octoDNS, the JSON of 'dnscontrol print-ir' and of 'terraform show -json', Terraform\n" +
			"source as far as it is literal, and Route 53's JSON. FILE - is standard input; ORIGIN=FILE names the zone.\n\n" +
			"A name that the files do not have does not exist if they hold the whole zone: a zone file with SOA or NS at\n" +
			"its apex, octoDNS, DNSControl. Of other files, as Terraform, what they leave unsaid is asked live, unless\n" +
			"--complete says that they hold everything. With --offline it is unknown.\n\n" +
			"Exit codes: 0 nothing at or above --fail-on; 1 findings, or a score below --min-score; 2 usage, or a file\n" +
			"that cannot be read; 3 an audit that could not be carried out.",
		Example: "  postseal lint example.com.zone\n" +
			"  postseal lint --new-only --fail-on warning config/\n" +
			"  postseal lint --as dnscontrol - < ir.json\n" +
			"  postseal lint --offline --domain example.com plan.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("no file given; see 'postseal lint --help'")
			}
			if err := o.config.load(cmd); err != nil {
				return err
			}
			return o.run(cmd.Context(), s, args)
		},
	}
	o.net.add(cmd)
	o.out.add(cmd)
	o.gate.add(cmd)
	o.config.add(cmd)
	fl := cmd.Flags()
	var names []string
	for _, f := range lint.Formats {
		names = append(names, string(f))
	}
	fl.StringVar(&o.as, "as", "", "read the files as `KIND`: "+strings.Join(names, ", ")+" (default: told from name and content)")
	complete(cmd, "as", names...)
	fl.StringVar(&o.semicolons, "octodns-semicolons", "auto", "how octoDNS files write semicolons, a `WORD`: escaped (\\;), plain, or auto to tell from the file")
	complete(cmd, "octodns-semicolons", "auto", "escaped", "plain")
	fl.StringArrayVar(&o.domains, "domain", nil, "audit this `DOMAIN` of the files (repeatable; default: all that have to do with mail)")
	fl.BoolVar(&o.complete, "complete", false, "the files hold the whole of each zone: what they do not have does not exist")
	fl.BoolVar(&o.newOnly, "new-only", false, "let only findings that the change brings, and those about the files, set the exit code")
	return cmd
}

// read reads the files and finds the domains.
func (o *lintOptions) read(in io.Reader, args []string) (*lint.Set, []dns.Name, error) {
	if o.as != "" && !slices.Contains(lint.Formats, lint.Format(o.as)) {
		return nil, nil, usage("--as %q is none of %s", o.as, joined(lint.Formats))
	}
	if !slices.Contains([]string{"auto", "escaped", "plain"}, o.semicolons) {
		return nil, nil, usage("--octodns-semicolons %q is none of auto, escaped, plain", o.semicolons)
	}
	set, err := lint.Read(args, lint.Options{As: lint.Format(o.as), Semicolons: o.semicolons, Stdin: in})
	if err != nil {
		return nil, nil, usage("%w", err)
	}
	if o.complete {
		set.Complete()
	}
	names := set.Domains()
	if len(o.domains) > 0 {
		names = nil
		for _, text := range o.domains {
			n, err := parseDomain(text)
			if err != nil {
				return nil, nil, usage("--domain: %w", err)
			}
			if !slices.ContainsFunc(set.Zones, func(z *lint.Zone) bool { return n.IsUnder(z.Origin) }) {
				return nil, nil, usage("--domain %s: the files have no record there", n)
			}
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	switch {
	case len(names) == 0:
		return nil, nil, usage("no domain of the files has to do with mail; --domain names one")
	case len(names) > maxLintDomains:
		return nil, nil, usage("the files have %d domains, more than %d; choose with --domain", len(names), maxLintDomains)
	}
	return set, names, nil
}

func joined[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

func (o *lintOptions) run(ctx context.Context, s *streams, args []string) error {
	if err := o.gate.check(); err != nil {
		return err
	}
	set, names, err := o.read(s.in, args)
	if err != nil {
		return err
	}
	outputs, l, err := o.out.open(s, len(names))
	if err != nil {
		return err
	}
	if err := outputs.beside(o.net.record); err != nil {
		return err
	}
	w, err := o.net.open(time.Now)
	if err != nil {
		return err
	}
	doc, err := o.audit(ctx, w, set, names, l)
	if cerr := w.close(err); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	baseline, err := readBaseline(o.gate.baseline)
	if err != nil {
		return err
	}
	if baseline != nil {
		report.Compare(baseline, doc)
	}
	o.gate.minScoreOf = o.config.minScore
	doc.Exit = o.judge(doc, l)
	o.config.accepted(s.err, doc, w.now(), l)
	if !o.out.quiet {
		outputs.asLint(s.columns(), o.out.verbose, l)
	}
	if err := outputs.write(doc); err != nil {
		return err
	}
	return outputs.exit(doc)
}

// audit audits each domain as it is and as it will be, and relates the two.
func (o *lintOptions) audit(ctx context.Context, w *world, set *lint.Set, names []dns.Name, l *locale.Localizer) (*report.Document, error) {
	requests := make([]audit.Request, len(names))
	for i, n := range names {
		requests[i] = audit.Request{Domain: n, Observed: set.Selectors(n)}
		o.config.request(&requests[i], w.now())
	}
	drafts := set.Drafts()
	// Name servers know the old records only: asked one by one they would
	// contradict the files, so neither audit asks them.
	w.auditor.AskServer = nil
	// Mail hosts are probed once a run as it is. What HTTPS gives is kept, too: the
	// two states differ in their records, and a second look might differ by itself.
	if w.auditor.Fetcher != nil {
		w.auditor.Fetcher = mtasts.Remember(w.auditor.Fetcher)
	}
	if w.auditor.Logos != nil {
		w.auditor.Logos = bimi.Remember(w.auditor.Logos)
	}
	var live *report.Document
	if !o.net.offline || len(o.net.zones) > 0 {
		var err error
		if live, err = w.audit(ctx, requests, l); err != nil {
			return nil, err
		}
	}
	merged := *w.auditor
	merged.Resolver = dns.Overlay(drafts, w.run)
	w.auditor = &merged
	doc, err := w.audit(ctx, requests, l)
	if err != nil {
		return nil, err
	}
	all := set.FactsOf(names)
	for i, facts := range all {
		locate(doc.Reports[i], set, facts.Domain)
		if live != nil {
			locate(live.Reports[i], set, facts.Domain) // what is published now may stand in the files, too
		}
	}
	report.WhatIf(live, doc)
	for i, facts := range all {
		addFiles(doc.Reports[i], facts, l)
		report.Accept(doc.Reports[i], requests[i].Accepted)
	}
	return doc, nil
}

// addFiles adds what the rules over files say.
func addFiles(rep *report.Report, facts *lint.Facts, l *locale.Localizer) {
	files := report.Results(check.Evaluate(lint.Rules, facts), l)
	for i := range files {
		res := &files[i]
		for j := range res.Findings {
			if at, ok := lint.At(res.Findings[j].Params); ok {
				res.Findings[j].Location = location(at)
			}
		}
		alone(res, rep)
		if slices.Contains(lint.Roots, res.ID) {
			nest(res, rep, l)
		}
	}
	rep.Results = append(rep.Results, files...)
}

func location(at lint.Location) *report.Location {
	return &report.Location{File: at.File, Line: at.Line, Column: at.Column}
}

// locate says of each finding where the files hold its record.
func locate(rep *report.Report, set *lint.Set, domain dns.Name) {
	for i := range rep.Results {
		for j := range rep.Results[i].Findings {
			f := &rep.Results[i].Findings[j]
			clue := lint.Clue{Subject: f.Subject, Text: f.Record, Domain: domain, Rule: rep.Results[i].ID}
			if f.Fix != nil {
				for _, c := range f.Fix.Records {
					if len(c.Old) > 0 {
						clue.Type, clue.Old = c.Type, c.Old
						break
					}
				}
			}
			if at, ok := set.Locate(clue); ok {
				f.Location = location(at)
			}
		}
	}
}

// alone drops findings that the audit has, too: one defect is one finding.
func alone(files *report.Result, rep *report.Report) {
	same := lint.Same[files.ID]
	had := len(files.Findings)
	files.Findings = slices.DeleteFunc(files.Findings, func(f report.Finding) bool {
		return slices.ContainsFunc(rep.Results, func(res report.Result) bool {
			return slices.Contains(same, res.ID) && slices.ContainsFunc(res.Findings, func(g report.Finding) bool { return g.Subject == f.Subject })
		})
	})
	if had > 0 && len(files.Findings) == 0 {
		files.Status = check.NotApplicable
	}
}

// nest puts what the audit says of a record below what a rule over files
// says of the same one.
func nest(files *report.Result, rep *report.Report, l *locale.Localizer) {
	for i := range files.Findings {
		root := &files.Findings[i]
		if root.Location == nil {
			continue
		}
		for j := range rep.Results {
			res := &rep.Results[j]
			had := len(res.Findings)
			res.Findings = slices.DeleteFunc(res.Findings, func(f report.Finding) bool {
				if f.Location == nil || *f.Location != *root.Location || f.Record != root.Record {
					return false
				}
				root.Consequences = append(root.Consequences, report.Consequence{
					Rule: res.ID, Severity: f.Severity, Title: res.Title, Message: f.Message, Subject: f.Subject})
				return true
			})
			if had > 0 && len(res.Findings) == 0 {
				res.Status = check.NotApplicable
				res.Cause = l.Cause(check.Cause{Code: "explained-by", Params: check.Params{"Rule": files.ID}})
				res.CauseCode = "explained-by"
			}
		}
	}
}

// judge is the gate; with --new-only it looks at what the change brings.
func (o *lintOptions) judge(doc *report.Document, l *locale.Localizer) report.Exit {
	if !o.newOnly {
		return o.gate.judge(doc, l)
	}
	only := *doc
	only.Reports = make([]*report.Report, len(doc.Reports))
	for i, r := range doc.Reports {
		c := *r
		if r.Since != nil {
			c.Results = brought(r)
		}
		only.Reports[i] = &c
	}
	return o.gate.judge(&only, l)
}

// fresh are the findings that a change brings; what could not be told before
// may have been there.
func fresh(r *report.Report) []report.SinceFinding {
	var list []report.SinceFinding
	for _, f := range r.Since.New {
		if f.Why == "" {
			list = append(list, f)
		}
	}
	return list
}

// brought are the results with only those findings that the change brings.
func brought(r *report.Report) []report.Result { return only(r, fresh(r)) }

// only are the results with only the findings of a list, and all about files.
func only(r *report.Report, keep []report.SinceFinding) []report.Result {
	left := map[string]int{}
	key := func(rule, subject, message string) string { return fmt.Sprint(rule, "\n", subject, "\n", message) }
	for _, n := range keep {
		left[key(n.Rule, n.Subject, n.Message)]++
	}
	var list []report.Result
	for _, res := range r.Results {
		if res.Standard != check.Lint {
			var kept []report.Finding
			for _, f := range res.Findings {
				if k := key(res.ID, f.Subject, f.Message); left[k] > 0 {
					left[k]--
					kept = append(kept, f)
				}
			}
			res.Findings = kept
		}
		list = append(list, res)
	}
	return list
}

// asLint lets the text format print what a what-if has to say.
func (o *outputs) asLint(width int, verbose bool, l *locale.Localizer) {
	text := format{"text", func(w io.Writer, d *report.Document, out *outputs) error {
		p := &lintText{width: width, color: out.text.Color, links: out.text.Links, verbose: verbose, l: l}
		if !out.printing {
			p.width, p.color, p.links = textWidth, false, false
			if out.ascii {
				w = report.ASCIIWriter{W: w}
			}
		}
		return p.print(w, report.Normalise(d))
	}}
	if o.stdout.name == "text" {
		o.stdout = &text
	}
	for i := range o.files {
		if o.files[i].format.name == "text" {
			o.files[i].format = &text
		}
	}
}
