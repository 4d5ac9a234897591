package main

import (
	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
)

func newGenReportAuthCmd(s *streams) *cobra.Command {
	var g genFlags
	cmd := &cobra.Command{
		Use:   "report-auth HOST DOMAIN...",
		Short: "Make the consent of a report receiver (_report._dmarc)",
		Long: "HOST is the domain behind the @ of the report address and publishes the records; each DOMAIN has its\n" +
			"DMARC reports sent there. Reporters send nothing across organisations without it (RFC 9990 §4). '*' agrees\n" +
			"for every domain there is.",
		Example: "  postseal generate report-auth reports.example.net example.com\n" +
			"  postseal generate report-auth reports.example.net '*' --format plain",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("give the host that receives the reports, then the domains they are about; see '%s --help'", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			gen, err := g.of(s, args[0])
			if err != nil {
				return err
			}
			for _, arg := range args[1:] {
				if err := gen.consent(arg); err != nil {
					return err
				}
			}
			return gen.finish()
		},
	}
	g.add(cmd)
	return cmd
}

// consent adds the record for one domain, or for all of them.
func (g *generation) consent(arg string) error {
	host := check.Params{"Host": g.domain.String(), "Domain": arg}
	if arg == "*" {
		err := g.judge([]check.GenProblem{{ID: "gen-report-auth-wildcard", Severity: check.Warning, Params: host}})
		if err != nil {
			return err
		}
		return g.txt(dmarc.ConsentName("*", g.domain), dmarc.Consent, "dmarc", g.l.Text("gen.report-auth-any", host))
	}
	domain, err := parseDomain(arg)
	if err != nil {
		return usage("%w", err)
	}
	host["Domain"] = domain.String()
	if dmarc.SameOrganization(domain, g.domain) {
		// Only a psd tag could part them; the record does no harm then.
		err = g.judge([]check.GenProblem{{ID: "gen-report-auth-same-domain", Severity: check.Notice, Params: host}})
	}
	name := dmarc.ConsentName(domain, g.domain)
	if name.Check() != nil {
		err = g.judge([]check.GenProblem{{ID: "gen-report-auth-too-long", Severity: check.Error, Params: host}})
	}
	if err != nil {
		return err
	}
	return g.txt(name, dmarc.Consent, "dmarc", g.l.Text("gen.report-auth", host))
}
