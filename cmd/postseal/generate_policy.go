package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/mx"
	"github.com/postseal/postseal/publish"
	"github.com/postseal/postseal/tlsrpt"
)

func newGenDMARCCmd(s *streams) *cobra.Command {
	var (
		g   genFlags
		o   dmarc.Options
		pct int
	)
	cmd := &cobra.Command{
		Use:   "dmarc DOMAIN",
		Short: "Make a DMARC record",
		Long: "The record follows RFC 9989: no pct, rf or ri. A report address in another organisation needs that one's\n" +
			"consent; the record it must publish is printed too.",
		Example: "  postseal generate dmarc example.com --policy none --rua mailto:dmarc@example.com\n" +
			"  postseal generate dmarc example.com --policy reject --rua mailto:a@example.com --format plain",
		Args: oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			gen, err := g.begin(s, args[0])
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("pct") {
				return gen.judge([]problem{{"gen-dmarc-pct.message", "gen-dmarc-pct", check.Error, check.Params{"Tag": "pct", "Value": pct}}})
			}
			for i, u := range o.RUA {
				o.RUA[i] = mailto(u)
			}
			for i, u := range o.RUF {
				o.RUF[i] = mailto(u)
			}
			text, found, consent, err := dmarc.Generate(gen.domain, o)
			if err != nil {
				return usage("%w", err)
			}
			problems := make([]problem, len(found))
			for i, p := range found {
				problems[i] = problem{p.ID + ".message", p.ID, p.Severity, p.Params}
			}
			if err := gen.judge(problems); err != nil {
				return err
			}
			if err := gen.txt(gen.domain.Child("_dmarc"), text, "dmarc", ""); err != nil {
				return err
			}
			for _, c := range consent {
				for _, value := range c.New {
					comment := gen.l.Text("gen.dmarc-consent", nil)
					if err := gen.txt(dns.FromText(c.Name), value, "dmarc", comment); err != nil {
						return err
					}
				}
			}
			return gen.finish()
		},
	}
	g.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&o.Policy, "policy", "none", "none, quarantine or reject")
	fl.StringVar(&o.SP, "sp", "", "policy for existing subdomains (default: as --policy)")
	fl.StringVar(&o.NP, "np", "", "policy for subdomains that do not exist (default: as --sp)")
	fl.StringVar(&o.ADKIM, "adkim", "", "DKIM alignment: r or s")
	fl.StringVar(&o.ASPF, "aspf", "", "SPF alignment: r or s")
	fl.StringSliceVar(&o.RUA, "rua", nil, "where aggregate reports go, mailto:ADDRESS (repeatable)")
	fl.StringSliceVar(&o.RUF, "ruf", nil, "where failure reports go, mailto:ADDRESS (repeatable)")
	fl.StringVar(&o.FO, "fo", "", "when failure reports are wanted: 0, 1, d, s")
	fl.BoolVar(&o.Testing, "test", false, "add t=y: RFC 9989 receivers apply one level less")
	fl.StringVar(&o.PSD, "psd", "", "y, n or u")
	fl.BoolVar(&o.NoReports, "no-reports", false, "publish no report address, on purpose")
	fl.IntVar(&pct, "pct", 100, "refused: RFC 9989 removed it")
	if err := fl.MarkHidden("pct"); err != nil {
		panic(err)
	}
	for _, f := range []string{"policy", "sp", "np"} {
		complete(cmd, f, "none", "quarantine", "reject")
	}
	return cmd
}

// mailto lets people give a plain address.
func mailto(uri string) string {
	if strings.Contains(uri, "@") && !strings.Contains(uri, ":") {
		return "mailto:" + uri
	}
	return uri
}

func newGenMTASTSCmd(s *streams) *cobra.Command {
	var (
		g          genFlags
		net        netFlags
		o          mtasts.Options
		maxAge     int64
		id         string
		policyFile string
		certsOK    bool
	)
	cmd := &cobra.Command{
		Use:   "mta-sts DOMAIN",
		Short: "Make an MTA-STS record and its policy file",
		Long: "Without --mx the mail hosts that DNS has now are named. Serve the policy file at\n" +
			"https://mta-sts.DOMAIN/.well-known/mta-sts.txt as text/plain, then publish the record.",
		Example: "  postseal generate mta-sts example.com --policy-file mta-sts.txt\n" +
			"  postseal generate mta-sts example.com --mx '*.mail.example.com' --mode testing --offline",
		Args: oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			gen, err := g.begin(s, args[0])
			if err != nil {
				return err
			}
			o.CertsOK = certsOK
			o.MaxAge = time.Duration(maxAge) * time.Second
			w, err := net.open(time.Now)
			if err != nil {
				return err
			}
			defer w.run.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), net.timeout)
			defer cancel()
			if err := gen.liveMX(ctx, w, &o); err != nil {
				return err
			}
			switch id {
			case "time":
				o.ID = mtasts.IDFromTime(w.now())
			case "hash":
				o.ID = ""
			default:
				o.ID = id
			}
			made, found, err := mtasts.Generate(gen.domain, o)
			if err != nil {
				return usage("%w", err)
			}
			problems := make([]problem, len(found))
			for i, p := range found {
				problems[i] = problem{p.ID + ".message", p.ID, p.Severity, p.Params}
			}
			if err := gen.judge(problems); err != nil {
				return err
			}
			return gen.policy(made, policyFile)
		},
	}
	g.add(cmd)
	net.addDNS(cmd)
	fl := cmd.Flags()
	fl.StringVar(&o.Mode, "mode", "testing", "testing, enforce or none")
	fl.StringSliceVar(&o.MX, "mx", nil, "mail host or *.DOMAIN that may receive (default: the MX in DNS)")
	fl.Int64Var(&maxAge, "max-age", 0, "seconds that senders keep the policy (default: 86400, enforce 604800)")
	fl.StringVar(&id, "id", "hash", "hash (of the policy), time, or the id itself")
	fl.StringVar(&policyFile, "policy-file", "", "write the policy to this new FILE (default: print it as comments)")
	fl.BoolVar(&certsOK, "assume-certs-ok", false, "enforce although the mail hosts' certificates were not looked at")
	complete(cmd, "mode", "testing", "enforce", "none")
	return cmd
}

// liveMX asks for the mail hosts, to name them or to hold the patterns to them.
func (g *generation) liveMX(ctx context.Context, w *world, o *mtasts.Options) error {
	facts, err := mx.Gather(ctx, w.run, g.domain, mx.Options{})
	switch {
	case err != nil:
		return err
	case facts.Null:
		return g.judge([]problem{{"gen-mtasts-null-mx.message", "gen-mtasts-null-mx", check.Error, check.Params{"Domain": g.domain.String()}}})
	case facts.Lookup.Unknown() && len(o.MX) == 0 && o.Mode != "none":
		return usage("the mail hosts of %s could not be looked up (%w); name them with --mx", g.domain, facts.Lookup.Error)
	}
	if !facts.Lookup.Unknown() {
		o.LiveMX = facts.Names()
	}
	if len(o.MX) == 0 {
		for _, h := range facts.Names() {
			o.MX = append(o.MX, h.String())
		}
	}
	if len(o.MX) == 0 && o.Mode != "none" {
		return usage("%s has no mail host; name one with --mx", g.domain)
	}
	return nil
}

// policy prints the record and writes the policy file, or shows it.
func (g *generation) policy(made mtasts.Generated, path string) error {
	comment := ""
	if path == "" {
		comment = g.l.Text("gen.mtasts-serve", check.Params{"URL": mtasts.PolicyURL(g.domain)}) + "\n" + made.Policy
		if g.flags.format == "json" {
			return usage("--format json needs --policy-file: the policy is a file of its own")
		}
	} else {
		if err := writeNew(path, []byte(made.Policy)); err != nil {
			return err
		}
		g.set.Files = append(g.set.Files, publish.File{Path: path, Mode: 0o644})
	}
	if err := g.txt(mtasts.RecordName(g.domain), made.Record, "mta-sts", comment); err != nil {
		return err
	}
	return g.finish()
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return usage("not written: %w", err)
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		// What we created and could not fill must not stay half-written.
		return usage("not written: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

func newGenTLSRPTCmd(s *streams) *cobra.Command {
	var g genFlags
	var o tlsrpt.Options
	cmd := &cobra.Command{
		Use:     "tls-rpt DOMAIN",
		Short:   "Make a TLS-RPT record",
		Example: "  postseal generate tls-rpt example.com --rua mailto:tls-reports@example.com",
		Args:    oneArg("domain"),
		RunE: func(_ *cobra.Command, args []string) error {
			gen, err := g.begin(s, args[0])
			if err != nil {
				return err
			}
			if len(o.RUA) == 0 {
				return usage("say where reports go: --rua mailto:ADDRESS or --rua https://…")
			}
			o.RUA = slices.Clone(o.RUA)
			for i, u := range o.RUA {
				o.RUA[i] = mailto(u)
			}
			text, found, err := tlsrpt.Generate(o)
			if err != nil && len(found) == 0 {
				return usage("%w", err)
			}
			problems := make([]problem, len(found))
			for i, p := range found {
				problems[i] = problem{p.ID + ".message", p.ID, p.Severity, p.Params}
			}
			if err := gen.judge(problems); err != nil {
				return err
			}
			if err := gen.txt(gen.domain.Child("_smtp._tls"), text, "tls-rpt", ""); err != nil {
				return err
			}
			return gen.finish()
		},
	}
	g.add(cmd)
	cmd.Flags().StringArrayVar(&o.RUA, "rua", nil, "where reports go, mailto:ADDRESS or an https URL (repeatable)")
	return cmd
}
