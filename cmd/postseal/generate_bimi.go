package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/bimi"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dns"
)

// bimiRequest is what the flags of 'generate bimi' say.
type bimiRequest struct {
	bimi.Options
	selector                    string
	logoFile, evidenceFile, cas string
	fetch                       bool
}

func newGenBIMICmd(s *streams) *cobra.Command {
	var (
		g   genFlags
		net netFlags
		r   bimiRequest
	)
	cmd := &cobra.Command{
		Use:   "bimi DOMAIN",
		Short: "Make a BIMI record: the logo beside messages",
		Long: "Receivers show no logo unless DMARC is at quarantine or reject for the domain and the organisation above\n" +
			"it, so DMARC is looked up first. The files that --logo and --evidence will name are checked beforehand with\n" +
			"--logo-file and --evidence-file, or where they are served already with --fetch; nothing rewrites them.\n" +
			"--decline says on purpose that there is no logo.",
		Example: "  postseal generate bimi example.com --logo https://example.com/logo.svg --logo-file logo.svg\n" +
			"  postseal generate bimi example.com --logo https://example.com/l.svg --evidence https://example.com/l.pem\n" +
			"  postseal generate bimi example.com --decline --format plain",
		Args: oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			gen, err := g.of(s, args[0])
			if err != nil {
				return err
			}
			files, err := r.read()
			if err != nil {
				return err
			}
			r.selector = strings.ToLower(r.selector)
			text, err := r.record(gen)
			if err != nil {
				return err
			}
			net.bimiCA = r.cas
			ctx, w, done, err := net.begin(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			files.Domain = gen.domain
			if err := r.judge(ctx, gen, w, files); err != nil {
				return err
			}
			if err := gen.txt(bimi.SelectorName(r.selector, gen.domain), text, "bimi", ""); err != nil {
				return err
			}
			gen.see(ctx, w.run)
			if cmd.Context().Err() != nil {
				return cmd.Context().Err()
			}
			return gen.finish()
		},
	}
	g.addAsking(cmd, &net)
	fl := cmd.Flags()
	fl.StringVar(&r.Logo, "logo", "", "https `URL` of the SVG or SVGZ logo")
	fl.StringVar(&r.Evidence, "evidence", "", "https `URL` of the mark certificate (PEM)")
	fl.StringVar(&r.logoFile, "logo-file", "", "check this `FILE` as the one that --logo will serve")
	fl.StringVar(&r.evidenceFile, "evidence-file", "", "check this `FILE` as the one that --evidence will serve")
	fl.BoolVar(&r.fetch, "fetch", false, "get the files from their URLs and check them")
	fl.StringVar(&r.selector, "selector", "default", "`NAME` of the selector")
	fl.StringVar(&r.AVP, "avp", "", "`WHOSE` picture is preferred: brand or personal")
	fl.StringSliceVar(&r.Prefixes, "lps", nil, "`PREFIX` of local parts that have a selector of their own (repeatable)")
	fl.BoolVar(&r.Decline, "decline", false, "say that no logo is to be shown")
	fl.StringVar(&r.cas, "bimi-ca", "", "trust the roots in this PEM `FILE` for mark certificates")
	fl.StringArrayVar(&net.connectTo, "connect-to", nil, "send HTTPS connections to `ELSEWHERE`, NAME:PORT:ADDR:PORT (repeatable)")
	fl.BoolVar(&net.allowPrivate, "allow-private", false, "connect to private and other special-purpose addresses too")
	complete(cmd, "avp", "brand", "personal")
	for _, other := range []string{"logo", "evidence", "logo-file", "evidence-file", "fetch", "avp"} {
		cmd.MarkFlagsMutuallyExclusive("decline", other)
	}
	cmd.MarkFlagsMutuallyExclusive("fetch", "logo-file")
	cmd.MarkFlagsMutuallyExclusive("fetch", "evidence-file")
	cmd.MarkFlagsMutuallyExclusive("fetch", "offline")
	return cmd
}

// read takes in the files that stand for those on the web.
func (r *bimiRequest) read() (files bimi.Files, err error) {
	switch {
	case !r.Decline && r.Logo == "":
		return files, usage("give --logo with the URL of the logo, or --decline")
	case r.evidenceFile != "" && r.Evidence == "":
		return files, usage("--evidence-file is the file that --evidence will serve; give its URL, too")
	}
	files.Selector = r.selector
	if r.logoFile != "" {
		if files.Logo, err = readBIMI("--logo-file", r.logoFile, bimi.MaxLogo); err != nil {
			return files, err
		}
	}
	if r.evidenceFile != "" {
		files.Evidence, err = readBIMI("--evidence-file", r.evidenceFile, bimi.MaxEvidence)
	}
	return files, err
}

// readBIMI reads a file as if it had been fetched.
func readBIMI(flag, path string, limit int) (*bimi.Fetch, error) {
	data, err := readSmall(path)
	if err != nil {
		return nil, usage("%s: %w", flag, err)
	}
	return bimi.FromFile(path, data, limit), nil
}

// record makes the text and refuses what receivers would ignore.
func (r *bimiRequest) record(g *generation) (string, error) {
	if !bimi.ValidSelector(r.selector) {
		return "", g.judge([]check.GenProblem{{ID: "bimi-selector-invalid", Severity: check.Error, Params: check.Params{"Selector": r.selector}}})
	}
	if r.Decline && r.selector == "default" && len(r.Prefixes) == 0 {
		err := g.judge([]check.GenProblem{{ID: "gen-bimi-decline", Severity: check.Notice, Params: check.Params{"Domain": g.domain.String()}}})
		if err != nil {
			return "", err
		}
	}
	text, found, err := bimi.Generate(r.Options)
	if err != nil {
		return "", usage("%w", err)
	}
	return text, g.judge(found)
}

// judge asks what the world says: DMARC's gate, the files, and a record that is
// there already.
func (r *bimiRequest) judge(ctx context.Context, g *generation, w *world, files bimi.Files) error {
	name := bimi.SelectorName(r.selector, g.domain)
	if name.Check() != nil {
		return g.judge([]check.GenProblem{{ID: "gen-bimi-name", Severity: check.Error, Params: check.Params{"Name": name.String()}}})
	}
	var found []check.GenProblem
	if live := dns.Ask(ctx, w.run, name, dns.TypeTXT); live.Found() && !g.format.live {
		found = append(found, check.GenProblem{ID: "gen-bimi-existing", Severity: check.Warning, Params: check.Params{"Name": name.String()}})
	}
	if r.Decline {
		return g.judge(found)
	}
	policy, err := dmarc.Gather(ctx, w.run, g.domain)
	if err != nil {
		return err
	}
	if p := audit.BIMIGate(policy).Objection(); p != nil {
		found = append(found, *p)
	}
	if r.fetch {
		files.Logo = w.logos.Fetch(ctx, w.run, strings.TrimSpace(r.Logo), bimi.MaxLogo)
		if r.Evidence != "" {
			files.Evidence = w.logos.Fetch(ctx, w.run, strings.TrimSpace(r.Evidence), bimi.MaxEvidence)
		}
	}
	facts := bimi.Inspect(files, bimi.GatherOptions{MarkRoots: w.auditor.MarkRoots, Now: w.now()})
	for url, cause := range facts.Untold() {
		found = append(found, check.GenProblem{ID: "gen-bimi-untold", Severity: check.Warning,
			Params: check.Params{"URL": url, "Cause": g.l.Cause(check.CauseOf(cause))}})
	}
	if facts.Logo == nil {
		found = append(found, check.GenProblem{ID: "gen-bimi-unseen", Severity: check.Notice, Params: check.Params{"URL": r.Logo}})
	}
	return g.judge(append(found, facts.Objections(r.fetch)...))
}
