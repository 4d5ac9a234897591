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

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc/aggregate"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

type dmarcReportsOptions struct {
	domain, since, until string
	top                  int
	format, lang, color  string
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
			width, tty := s.tty()
			text := report.TextOptions{Lang: string(l.Lang), Width: width}
			if text.Color, err = colored(o.color, tty); err != nil {
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
	fl.StringVar(&o.color, "color", "auto", "colour the text `WHEN`: auto, always or never")
	addLang(cmd, &o.lang)
	complete(cmd, "format", formats...)
	complete(cmd, "color", "auto", "always", "never")
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

// readReports sums up the reports in the paths; "-" is standard input. What is
// skipped is named on standard error.
func readReports(ctx context.Context, s *streams, paths []string, opts aggregate.Options, l *locale.Localizer) (*aggregate.Summary, error) {
	for _, p := range paths { // a slip of the pen is no report that cannot be read
		if _, err := os.Stat(p); p != "-" && err != nil {
			return nil, usage("%w", err)
		}
	}
	b := aggregate.NewBuilder(opts)
	w := &aggregate.Walker{Each: b.Add, Bad: skipping(s.err, l)}
	stdin := false
	for _, p := range paths {
		var err error
		switch {
		case p == "-" && stdin:
			return nil, usage("standard input can be read once")
		case p == "-":
			stdin = true
			err = w.Reader(ctx, "-", s.in)
		default:
			err = w.Path(ctx, p)
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return nil, &exit{exitUsage, err}
		}
	}
	st := w.Stats
	if more := st.Skipped - skipsShown; more > 0 {
		fmt.Fprintf(s.err, "postseal: %s\n", l.Text("dmarc-reports.skipped-more", check.Params{"N": more}))
	}
	if st.Reports == 0 {
		if st.Files == 0 {
			return nil, &exit{exitIncomplete, errors.New(l.Text("dmarc-reports.no-files", nil))}
		}
		return nil, &exit{exitIncomplete, errors.New(l.Text("dmarc-reports.unread", check.Params{"Files": st.Files}))}
	}
	if n := st.Duplicates; n > 0 {
		key := "dmarc-reports.duplicates-n"
		if n == 1 {
			key = "dmarc-reports.duplicates-1"
		}
		fmt.Fprintf(s.err, "postseal: %s\n", l.Text(key, check.Params{"N": n}))
	}
	return b.Summary(st), nil
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
	b, err := json.MarshalIndent(sum, "", "  ")
	if err != nil {
		return err
	}
	if format == "json" {
		_, err := out.Write(append(b, '\n'))
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

// reportsFor sums up what reports say of one domain, nil when they say nothing.
func reportsFor(ctx context.Context, s *streams, paths []string, domain dns.Name, l *locale.Localizer) (*aggregate.Domain, error) {
	sum, err := readReports(ctx, s, paths, aggregate.Options{Domain: domain, Top: auditSources}, l)
	if err != nil || len(sum.Domains) == 0 {
		return nil, err
	}
	return sum.Domains[0], nil
}

// auditSources is how many sources the report of an audit keeps.
const auditSources = 50
