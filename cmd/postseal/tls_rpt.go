package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/tlsrpt/reports"
)

// newTLSRPTCmd groups the commands that look at TLS reporting alone, in depth.
func newTLSRPTCmd(s *streams) *cobra.Command {
	return group("tls-rpt", "Look at TLS reporting in depth: what senders report", newTLSReportsCmd(s))
}

type tlsReportsOptions struct {
	domain, since, until string
	top                  int
	format, lang         string
}

func newTLSReportsCmd(s *streams) *cobra.Command {
	o := &tlsReportsOptions{}
	cmd := &cobra.Command{
		Use:   "reports FILE...",
		Short: "Sum up SMTP TLS reports: which sessions failed, at which mail host and why",
		Long: "Reads the TLS reports that senders send to the rua address (RFC 8460): JSON, gzip, zip, the mail they came in,\n" +
			"an mbox, or folders of these; - is standard input. Sums up the sessions by the policy that was applied, by\n" +
			"mail host and by kind of failure, and names the rules of postseal that look at the same thing. Nothing is\n" +
			"looked up, and reports can be forged.\n\n" +
			"What cannot be read is named on standard error and skipped; it does not change the exit code.\n\n" +
			"Exit codes: 0 reports were summed up; 1 none of those that were read is about the domain or in the period;\n" +
			"2 usage; 3 not one report could be read.",
		Example: "  postseal tls-rpt reports tls-reports/\n" +
			"  postseal tls-rpt reports --domain example.com --since 2026-11-01 tls-reports/\n" +
			"  postseal tls-rpt reports --format csv tls-reports/ > failures.csv",
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), s, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&o.domain, "domain", "", "only policies of `DOMAIN` and below, its mail hosts under DANE among them")
	fl.StringVar(&o.since, "since", "", "only reports of this `DAY` and later: 2026-11-01")
	fl.StringVar(&o.until, "until", "", "only reports of this `DAY` and earlier")
	fl.IntVar(&o.top, "top", 20, "show this many kinds of failure of a domain as text, `N`; 0 for all")
	fl.StringVar(&o.format, "format", "text", "what standard output gets, a `FORMAT`: text, json or csv (a line a kind of failure)")
	addLang(cmd, &o.lang)
	complete(cmd, "format", "text", "json", "csv")
	return cmd
}

func (o *tlsReportsOptions) run(ctx context.Context, s *streams, paths []string) error {
	l, err := localizer(o.lang)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"text", "json", "csv"}, o.format) {
		return usage("unknown format %q (one of text, json, csv)", o.format)
	}
	if len(paths) == 0 {
		return usage("give at least one file or folder of reports; see 'postseal tls-rpt reports --help'")
	}
	opts, err := o.options()
	if err != nil {
		return err
	}
	b := reports.NewBuilder(opts)
	read, err := readTLSReports(ctx, s, paths, b.Add, l)
	if err != nil {
		return err
	}
	sum := b.Summary(read)
	switch o.format {
	case "json":
		err = report.EncodeJSON(s.out, sum)
	case "csv":
		err = writeTLSReportsCSV(s.out, sum)
	default:
		err = writeTLSReports(s.out, s.columns(), sum, o.top, l)
	}
	if err != nil {
		return &exit{exitUsage, err}
	}
	if len(sum.Domains) > 0 {
		return nil
	}
	key := "no-period"
	if opts.Domain != "" {
		key = "no-domain"
	}
	return &exit{exitFindings, errors.New(l.Text("tls-rpt-reports."+key, check.Params{"Reports": read.Reports, "Domain": opts.Domain.String()}))}
}

// options checks the flags that choose what is summed up; they mean what they
// mean to dmarc reports.
func (o *tlsReportsOptions) options() (reports.Options, error) {
	same := dmarcReportsOptions{domain: o.domain, since: o.since, until: o.until, top: o.top}
	opts, err := same.options()
	return reports.Options{Domain: opts.Domain, Since: opts.Since, Until: opts.Until}, err
}

// readTLSReports reads the reports in the paths; "-" is standard input. What is
// skipped is said on standard error; that not one could be read is an error.
func readTLSReports(ctx context.Context, s *streams, paths []string, each func(*reports.Report) error, l *locale.Localizer) (reports.Stats, error) {
	say := func(key string, params check.Params) string { return l.Text("tls-rpt-reports."+key, params) }
	skipped := 0
	r := &reports.Reader{Each: each, Bad: func(source string, err error) {
		if skipped++; skipped <= skipsShown {
			fmt.Fprintf(s.err, "postseal: %s\n", report.Escape(say("skipped", check.Params{"Source": source, "Cause": err.Error()})))
		}
	}}
	for i, p := range paths {
		if p == "-" {
			if slices.Contains(paths[:i], "-") {
				return r.Stats, usage("standard input can be read once")
			}
		} else if _, err := os.Stat(p); err != nil {
			return r.Stats, usage("%w", err)
		}
	}
	for _, p := range paths {
		var err error
		if p == "-" {
			err = r.Reader(ctx, p, s.in)
		} else {
			err = r.Path(ctx, p)
		}
		switch {
		case ctx.Err() != nil:
			return r.Stats, ctx.Err()
		case err != nil:
			return r.Stats, &exit{exitUsage, err}
		}
	}
	if more := skipped - skipsShown; more > 0 {
		fmt.Fprintf(s.err, "postseal: %s\n", say("skipped-more", check.Params{"N": more}))
	}
	if n := r.Stats.Duplicates; n > 0 {
		fmt.Fprintf(s.err, "postseal: %s\n", say("duplicates", check.Params{"N": n}))
	}
	switch {
	case r.Stats.Reports > 0:
		return r.Stats, nil
	case r.Stats.Files == 0:
		return r.Stats, &exit{exitIncomplete, errors.New(say("no-files", nil))}
	}
	return r.Stats, &exit{exitIncomplete, errors.New(say("unread", check.Params{"Files": r.Stats.Files}))}
}

func reportDay(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// some lists the first of many.
func some(list []string, most int) string {
	if len(list) > most {
		return strings.Join(list[:most], ", ") + ", …"
	}
	return strings.Join(list, ", ")
}
