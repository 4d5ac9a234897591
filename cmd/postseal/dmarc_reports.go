package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc/aggregate"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

type dmarcReportsOptions struct {
	domain, since, until string
	top                  int
	format, lang         string
}

func newDMARCReportsCmd(s *streams) *cobra.Command {
	o := &dmarcReportsOptions{}
	formats := append([]string{"json"}, report.DMARCReportsFormats...)
	cmd := &cobra.Command{
		Use:   "reports FILE...",
		Short: "Sum up DMARC aggregate reports: who sends as you, and who would break",
		Long: "Reads the aggregate reports that receivers send to the rua address (RFC 9990, and RFC 7489 before it): XML,\n" +
			"gzip, zip, the mail they came in, an mbox, or folders of these; - is standard input. What a file is shows\n" +
			"from its first octets. Answers whether the next stricter policy is safe: enough days, enough of the volume\n" +
			"aligned, and every source that still fails accounted for. What a source looks like is told from the reports\n" +
			"alone; nothing is looked up, and reports can be forged.\n\n" +
			"What cannot be read is named on standard error and skipped; it does not change the exit code.\n\n" +
			"Exit codes: 0 reports were summed up; 1 none of those that were read is about the domain or in the period;\n" +
			"2 usage; 3 not one report could be read.",
		Example: "  postseal dmarc reports reports/\n" +
			"  postseal dmarc reports --domain example.com --since 2026-11-01 reports/ more.mbox\n" +
			"  postseal dmarc reports --format csv --top 0 reports/ > sources.csv",
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := localizer(o.lang)
			if err != nil {
				return err
			}
			if !slices.Contains(formats, o.format) {
				return usage("unknown format %q (one of %s)", o.format, strings.Join(formats, ", "))
			}
			if len(args) == 0 {
				return usage("give at least one file or folder of reports; see 'postseal dmarc reports --help'")
			}
			opts, err := o.options()
			if err != nil {
				return err
			}
			text, err := s.text(string(l.Lang))
			if err != nil {
				return err
			}
			sum, err := readReports(cmd.Context(), s, args, opts, l)
			if err != nil {
				return err
			}
			if err := writeReports(s.out, sum, o.format, text); err != nil {
				return &exit{exitUsage, err}
			}
			return nothingReported(sum, opts, l)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&o.domain, "domain", "", "only mail that says it is from `DOMAIN` or below (default: every domain, by its policy)")
	fl.StringVar(&o.since, "since", "", "only reports of this `DAY` and later: 2026-11-01")
	fl.StringVar(&o.until, "until", "", "only reports of this `DAY` and earlier")
	fl.IntVar(&o.top, "top", 20, "list this many sources of a domain, `N`; 0 for all")
	fl.StringVar(&o.format, "format", "text", "what standard output gets, a `FORMAT`: text, json or csv (a line a source)")
	addLang(cmd, &o.lang)
	complete(cmd, "format", formats...)
	return cmd
}

// options checks the flags that choose what is summed up.
func (o *dmarcReportsOptions) options() (aggregate.Options, error) {
	opts := aggregate.Options{Top: o.top}
	if o.top < 0 {
		return opts, usage("--top %d is not a number of sources", o.top)
	}
	if o.domain != "" {
		var err error
		if opts.Domain, err = parseDomain(o.domain); err != nil {
			return opts, usage("--domain: %w", err)
		}
	}
	for _, f := range []struct {
		flag, day string
		to        *time.Time
	}{{"since", o.since, &opts.Since}, {"until", o.until, &opts.Until}} {
		if f.day == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, f.day)
		if err != nil {
			return opts, usage("--%s %q is not a day such as 2026-11-01", f.flag, f.day)
		}
		*f.to = t
	}
	if !opts.Since.IsZero() && !opts.Until.IsZero() && opts.Until.Before(opts.Since) {
		return opts, usage("--until %s is before --since %s", o.until, o.since)
	}
	return opts, nil
}

// skipsShown bounds the lines about files that could not be read.
const skipsShown = 20

// readReports sums up the reports in the paths; "-" is standard input. That not
// one could be read is an error.
func readReports(ctx context.Context, s *streams, paths []string, opts aggregate.Options, l *locale.Localizer) (*aggregate.Summary, error) {
	b := aggregate.NewBuilder(opts)
	st, err := walkReports(ctx, s, paths, b.Add, l)
	if err != nil {
		return nil, err
	}
	if why := unreadReports(st, l); why != "" {
		return nil, &exit{exitIncomplete, errors.New(why)}
	}
	return b.Summary(st), nil
}

// walkReports reads the reports in the paths. What is skipped, and what came
// twice, is said on standard error.
func walkReports(ctx context.Context, s *streams, paths []string, each func(*aggregate.Report) error, l *locale.Localizer) (aggregate.Stats, error) {
	w := &aggregate.Walker{Each: each, Bad: skipping(s.err, l)}
	for i, p := range paths { // a slip of the pen is no report that cannot be read
		if p == "-" {
			if slices.Contains(paths[:i], "-") {
				return w.Stats, usage("standard input can be read once")
			}
		} else if _, err := os.Stat(p); err != nil {
			return w.Stats, usage("%w", err)
		}
	}
	for _, p := range paths {
		var err error
		if p == "-" {
			err = w.Reader(ctx, p, s.in)
		} else {
			err = w.Path(ctx, p)
		}
		switch {
		case ctx.Err() != nil:
			return w.Stats, ctx.Err()
		case err != nil:
			return w.Stats, &exit{exitUsage, err}
		}
	}
	if more := w.Stats.Skipped - skipsShown; more > 0 {
		fmt.Fprintf(s.err, "postseal: %s\n", l.Text("dmarc-reports.skipped-more", check.Params{"N": more}))
	}
	if n := w.Stats.Duplicates; n > 0 {
		key := "dmarc-reports.duplicates-n"
		if n == 1 {
			key = "dmarc-reports.duplicates-1"
		}
		fmt.Fprintf(s.err, "postseal: %s\n", l.Text(key, check.Params{"N": n}))
	}
	return w.Stats, nil
}

// unreadReports is why there is no report at all, "" when there is one.
func unreadReports(st aggregate.Stats, l *locale.Localizer) string {
	switch {
	case st.Reports > 0:
		return ""
	case st.Files == 0:
		return l.Text("dmarc-reports.no-files", nil)
	}
	return l.Text("dmarc-reports.unread", check.Params{"Files": st.Files})
}

// skipping names what is skipped, the first few.
func skipping(to io.Writer, l *locale.Localizer) func(source string, err error) {
	n := 0
	return func(source string, err error) {
		if n++; n <= skipsShown {
			fmt.Fprintf(to, "postseal: %s\n", report.Escape(l.Text("dmarc-reports.skipped", check.Params{"Source": source, "Cause": err.Error()})))
		}
	}
}

func writeReports(out io.Writer, sum *aggregate.Summary, format string, opts report.TextOptions) error {
	if format == "json" {
		return report.EncodeJSON(out, sum)
	}
	b, err := json.Marshal(sum)
	if err != nil {
		return err
	}
	return report.WriteDMARCReports(out, format, b, opts)
}

// nothingReported is why reports were read and nothing was summed up.
func nothingReported(sum *aggregate.Summary, opts aggregate.Options, l *locale.Localizer) error {
	if len(sum.Domains) > 0 {
		return nil
	}
	key := "dmarc-reports.no-period"
	if opts.Domain != "" {
		key = "dmarc-reports.no-mail"
	}
	return &exit{exitFindings, errors.New(l.Text(key, check.Params{"Reports": sum.Read.Reports, "Domain": opts.Domain.String()}))}
}

// auditSources is how many sources the report of an audit keeps.
const auditSources = 50

// reportEvidence gives each request what the reports in the paths say of its
// domain. They are evidence beside the audit: that there are none yet, or none
// of a domain or since that day, is said and stops nothing.
func reportEvidence(ctx context.Context, s *streams, paths []string, since time.Time, requests []audit.Request, l *locale.Localizer) error {
	if len(paths) == 0 {
		return nil
	}
	builders := make([]*aggregate.Builder, len(requests))
	for i := range requests {
		builders[i] = aggregate.NewBuilder(aggregate.Options{
			Domain: requests[i].Domain, Since: since, Top: auditSources, Sources: max(50_000/len(requests), 200), // memory is for all of them
		})
	}
	st, err := walkReports(ctx, s, paths, func(r *aggregate.Report) error {
		for _, b := range builders {
			if err := b.Add(r); err != nil {
				return err
			}
		}
		return nil
	}, l)
	if err != nil {
		return err
	}
	if why := unreadReports(st, l); why != "" {
		fmt.Fprintf(s.err, "postseal: --dmarc-reports: %s\n", report.Escape(why))
		return nil
	}
	for i, b := range builders {
		sum := b.Summary(st)
		if len(sum.Domains) == 0 {
			why := nothingReported(sum, aggregate.Options{Domain: requests[i].Domain}, l)
			fmt.Fprintf(s.err, "postseal: --dmarc-reports: %s\n", report.Escape(why.Error()))
			continue
		}
		requests[i].Reports = sum.Domains[0]
	}
	return nil
}
