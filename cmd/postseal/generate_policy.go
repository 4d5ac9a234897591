package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
		net netFlags
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
			gen, err := g.of(s, args[0])
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("pct") {
				return gen.judge([]check.GenProblem{dmarc.Removed("pct")})
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
			if err := gen.judge(found); err != nil {
				return err
			}
			if err := gen.txt(gen.domain.Child("_dmarc"), text, "dmarc", ""); err != nil {
				return err
			}
			for _, c := range consent {
				for _, value := range c.New {
					name := dns.FromText(c.Name)
					comment := gen.l.Text("gen.dmarc-consent", check.Params{"Host": consentHost(gen.domain, name)})
					if err := gen.txt(name, value, "dmarc", comment); err != nil {
						return err
					}
				}
			}
			if err := gen.seeWith(cmd.Context(), &net); err != nil {
				return err
			}
			return gen.finish()
		},
	}
	g.addAsking(cmd, &net)
	fl := cmd.Flags()
	fl.StringVar(&o.Policy, "policy", "none", "what is asked of receivers, `POLICY`: none, quarantine or reject")
	fl.StringVar(&o.SP, "sp", "", "`POLICY` for existing subdomains (default: as --policy)")
	fl.StringVar(&o.NP, "np", "", "`POLICY` for subdomains that do not exist (default: as --sp)")
	fl.StringVar(&o.ADKIM, "adkim", "", "DKIM alignment, a `LETTER`: r (relaxed) or s (strict)")
	fl.StringVar(&o.ASPF, "aspf", "", "SPF alignment, a `LETTER`: r (relaxed) or s (strict)")
	fl.StringSliceVar(&o.RUA, "rua", nil, "where aggregate reports go, a `URI`: mailto:ADDRESS (repeatable)")
	fl.StringSliceVar(&o.RUF, "ruf", nil, "where failure reports go, a `URI`: mailto:ADDRESS (repeatable)")
	fl.StringVar(&o.FO, "fo", "", "`WHEN` failure reports are wanted: 0 (all checks failed), 1 (any), d (DKIM), s (SPF), joined by colons")
	fl.BoolVar(&o.Testing, "test", false, "add t=y: RFC 9989 receivers apply one level less")
	fl.StringVar(&o.PSD, "psd", "", "whether the domain is a public suffix, a `LETTER`: y, n or u (not told)")
	fl.BoolVar(&o.NoReports, "no-reports", false, "publish no report address, on purpose")
	fl.IntVar(&pct, "pct", 100, "refused, whatever `N` is: RFC 9989 removed it")
	if err := fl.MarkHidden("pct"); err != nil {
		panic(err)
	}
	for _, f := range []string{"policy", "sp", "np"} {
		complete(cmd, f, "none", "quarantine", "reject")
	}
	return cmd
}

// consentHost is who publishes the consent at a name (RFC 9990 §4).
func consentHost(domain, consent dns.Name) string {
	return strings.TrimPrefix(consent.String(), domain.String()+"._report._dmarc.")
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
			"https://mta-sts.DOMAIN/.well-known/mta-sts.txt as text/plain, then publish the record.\n" +
			"'--mode enforce' needs --assume-certs-ok: audit the domain first, which looks at the certificates.",
		Example: "  postseal generate mta-sts example.com --policy-file mta-sts.txt\n" +
			"  postseal generate mta-sts example.com --mx '*.mail.example.com' --mode testing --offline",
		Args: oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			gen, err := g.of(s, args[0])
			if err != nil {
				return err
			}
			o.CertsOK = certsOK
			if cmd.Flags().Changed("max-age") && maxAge <= 0 {
				return usage("--max-age %d is not more than zero; to switch a policy off there is --mode none", maxAge)
			}
			o.MaxAge = time.Duration(min(maxAge, maxSeconds)) * time.Second
			ctx, w, done, err := net.begin(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
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
			if err := gen.judge(found); err != nil {
				return err
			}
			return gen.policy(ctx, w, made, policyFile)
		},
	}
	g.addAsking(cmd, &net)
	fl := cmd.Flags()
	fl.StringVar(&o.Mode, "mode", "testing", "what senders do where TLS fails, `MODE`: testing, enforce or none")
	fl.StringSliceVar(&o.MX, "mx", nil, "mail `HOST` or *.DOMAIN that may receive (default: the MX in DNS)")
	fl.Int64Var(&maxAge, "max-age", 0, "`SECONDS` that senders keep the policy (default: 86400, enforce 604800)")
	fl.StringVar(&id, "id", "hash", "`ID` of the policy: hash (of its text), time, or the id itself")
	fl.StringVar(&policyFile, "policy-file", "", "write the policy to this new `FILE` (default: print it with the record)")
	fl.BoolVar(&certsOK, "assume-certs-ok", false, "enforce although the mail hosts' certificates were not looked at")
	complete(cmd, "mode", "testing", "enforce", "none")
	return cmd
}

// maxSeconds keeps a mistyped --max-age from overflowing; it is over the limit anyhow.
const maxSeconds = 1 << 32

// liveMX asks for the mail hosts, to name them or to hold the patterns to them.
func (g *generation) liveMX(ctx context.Context, w *world, o *mtasts.Options) error {
	if o.Mode == mtasts.None { // it names no hosts
		return nil
	}
	facts, err := mx.Gather(ctx, w.run, g.domain, mx.Options{})
	switch {
	case err != nil:
		return err
	case facts.Null:
		return g.judge([]check.GenProblem{mtasts.NullMX(g.domain)})
	case facts.Lookup.Unknown() && len(o.MX) == 0:
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
	if len(o.MX) == 0 {
		return usage("%s has no mail host; name one with --mx", g.domain)
	}
	return nil
}

// policy prints the record and writes the policy file, or shows it.
func (g *generation) policy(ctx context.Context, w *world, made mtasts.Generated, path string) error {
	if err := g.txt(mtasts.RecordName(g.domain), made.Record, "mta-sts", ""); err != nil {
		return err
	}
	g.see(ctx, w.run)
	file := publish.File{Path: path, Mode: 0o644}
	serve := check.Params{"URL": mtasts.PolicyURL(g.domain), "Path": path}
	if path == "" {
		file.Content, file.Comment = made.Policy, g.l.Text("gen.mtasts-serve", serve)
	} else if err := writeNew(path, []byte(made.Policy)); err != nil {
		return g.refused(err)
	}
	g.set.Files = append(g.set.Files, file)
	if err := g.finish(); err != nil {
		return err
	}
	if path != "" {
		g.note("gen.policy-written", serve)
	}
	return nil
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &check.GenProblem{ID: "gen-file-exists", Severity: check.Error, Params: check.Params{"Path": path}, Err: err}
	}
	if err != nil {
		return fmt.Errorf("--policy-file: %w", err)
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		// What we created and could not fill must not stay half-written.
		return fmt.Errorf("--policy-file %s: %w", path, errors.Join(err, os.Remove(path)))
	}
	return nil
}

func newGenTLSRPTCmd(s *streams) *cobra.Command {
	var g genFlags
	var net netFlags
	var o tlsrpt.Options
	cmd := &cobra.Command{
		Use:     "tls-rpt DOMAIN",
		Short:   "Make a TLS-RPT record",
		Example: "  postseal generate tls-rpt example.com --rua mailto:tls-reports@example.com",
		Args:    oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			gen, err := g.of(s, args[0])
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
			if err := gen.judge(found); err != nil {
				return err
			}
			if err := gen.txt(gen.domain.Child("_smtp._tls"), text, "tls-rpt", ""); err != nil {
				return err
			}
			if err := gen.seeWith(cmd.Context(), &net); err != nil {
				return err
			}
			return gen.finish()
		},
	}
	g.addAsking(cmd, &net)
	cmd.Flags().StringArrayVar(&o.RUA, "rua", nil, "where reports go, a `URI`: mailto:ADDRESS or an https URL (repeatable)")
	return cmd
}
