package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"

	"github.com/postseal/postseal/report"
)

// maxNames bounds --name: each has a walk of its own.
const maxNames = 100

func newDMARCWalkCmd(s *streams) *cobra.Command {
	var (
		look   lookFlags
		net    netFlags
		others []string
	)
	cmd := &cobra.Command{
		Use:   "walk DOMAIN [--name NAME]...",
		Short: "Show every step of the DMARC tree walk and the policy that comes of it",
		Long: "The walk of RFC 9989 §4.10 asks for _dmarc at the domain, its parent and so on up to the top-level domain,\n" +
			"eight names at most. Each step shows what was found, what of it is kept and why, and where the walk stops;\n" +
			"then what chose the Organizational Domain and the policy record, the policy for mail From the domain, from\n" +
			"names below it and from each --name (each with a walk of its own), and what a receiver that still follows\n" +
			"RFC 7489 and the public suffix list makes of the same mail.\n\n" +
			"Exit codes: 0 a record applies; 1 none does; 2 usage; 3 a failed look-up leaves it open.",
		Example: "  postseal dmarc walk example.com\n" +
			"  postseal dmarc walk example.com --name mail.example.com --name no-such-name.example.com\n" +
			"  postseal dmarc walk --zone example.com.zone --offline --format json example.com",
		Args: oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := look.words()
			if err != nil {
				return err
			}
			domain, err := parseDomain(args[0])
			if err != nil {
				return usage("%w", err)
			}
			names, err := namesBelow(domain, others)
			if err != nil {
				return err
			}
			ctx, w, done, err := net.begin(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			t := dmarc.Examine(ctx, w.run, domain, names)
			if cmd.Context().Err() != nil {
				return cmd.Context().Err()
			}
			if look.json() {
				err = report.EncodeJSON(s.out, t)
			} else {
				err = writeTrace(s.out, s.columns(), t, l)
			}
			if err != nil {
				return &exit{exitUsage, err}
			}
			return walkEnds(t, l)
		},
	}
	net.addDNS(cmd)
	fl := cmd.Flags()
	fl.StringArrayVar(&others, "name", nil, "say what applies to mail From this `NAME`, too; without a dot, a label below DOMAIN (repeatable)")
	look.add(cmd)
	return cmd
}

// namesBelow reads the values of --name.
func namesBelow(domain dns.Name, others []string) ([]dns.Name, error) {
	if len(others) > maxNames {
		return nil, usage("--name was given %d times; %d are enough", len(others), maxNames)
	}
	names := make([]dns.Name, 0, len(others))
	for _, text := range others {
		if text = strings.TrimSpace(text); text != "" && !strings.ContainsAny(text, ".:/@") {
			text += "." + domain.String()
		}
		n, err := parseDomain(text)
		if err != nil {
			return nil, usage("--name: %w", err)
		}
		names = append(names, n)
	}
	return names, nil
}

// walkEnds is why there is no policy, nil when there is one.
func walkEnds(t *dmarc.Trace, l *locale.Localizer) error {
	params := check.Params{"Domain": t.Domain.String(), "Cause": failure(t.Failed(), l)}
	switch {
	case !t.Known:
		return &exit{exitIncomplete, errors.New(l.Text("dmarc-walk.exit-unknown", params))}
	case t.PolicyName == "":
		return &exit{exitFindings, errors.New(l.Text("dmarc-walk.exit-none", params))}
	}
	return nil
}

// failure is a failed look-up in words, "" for none.
func failure(e *dns.Error, l *locale.Localizer) string {
	if e == nil {
		return ""
	}
	return l.Cause(check.Cause{Code: e.CauseCode(), Params: e.CauseParams()})
}
