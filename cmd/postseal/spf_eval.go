package main

import (
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/spf"
)

func newSPFEvalCmd(s *streams) *cobra.Command {
	var (
		look           lookFlags
		net            netFlags
		ip, from, helo string
	)
	cmd := &cobra.Command{
		Use:   "eval --ip ADDRESS [--from ADDRESS] [--helo NAME] [DOMAIN]",
		Short: "Say what SPF makes of one sender, and which term decided",
		Long: "The record is evaluated as a receiver does it (check_host, RFC 7208 §4): for the client address, the\n" +
			"address of MAIL FROM and the name given in EHLO. The record checked is that of the domain of --from; with\n" +
			"--from \"\" (a bounce) or without it, that of --helo; DOMAIN checks another one.\n\n" +
			"Exit codes: 0 there is a result, whatever it is; 2 usage.",
		Example: "  postseal spf eval --ip 192.0.2.25 --from news@example.com --helo mail.example.com\n" +
			"  postseal spf eval --ip 2001:db8::25 example.com\n" +
			"  postseal spf eval --ip 192.0.2.25 --zone example.com.zone --offline --format json example.com",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("give one domain at most; see '%s --help'", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := look.words()
			if err != nil {
				return err
			}
			q, err := evalQuery(ip, from, helo, args)
			if err != nil {
				return err
			}
			ctx, w, done, err := net.begin(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			o := spf.Check(ctx, w.run, q)
			if cmd.Context().Err() != nil {
				return cmd.Context().Err()
			}
			if look.json() {
				return report.EncodeJSON(s.out, o)
			}
			return writeOutcome(s.out, o, q.IP, l)
		},
	}
	net.addDNS(cmd)
	fl := cmd.Flags()
	fl.StringVar(&ip, "ip", "", "`ADDRESS` of the client that connects (needed)")
	fl.StringVar(&from, "from", "", "`ADDRESS` in MAIL FROM; empty for a bounce")
	fl.StringVar(&helo, "helo", "", "`NAME` that the client gives in EHLO")
	look.add(cmd)
	return cmd
}

// evalQuery reads what is asked.
func evalQuery(ip, from, helo string, args []string) (spf.Query, error) {
	q := spf.Query{HELO: helo}
	if ip == "" {
		return q, usage("--ip is needed: the address of the client")
	}
	var err error
	if q.IP, err = netip.ParseAddr(ip); err != nil {
		return q, usage("--ip %q is not an IP address", ip)
	}
	q.MailFrom = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(from), "<"), ">")
	if len(args) == 1 {
		if q.Domain, err = parseDomain(args[0]); err != nil {
			return q, usage("%w", err)
		}
	}
	if q.MailFrom == "" && helo == "" && len(args) == 0 {
		return q, usage("give --from, --helo or a domain: there is nothing to check")
	}
	return q, nil
}

// writeOutcome prints a result and the way to it. Records, names and
// explanations are strangers' text.
func writeOutcome(w io.Writer, o *spf.Outcome, ip netip.Addr, l *locale.Localizer) error {
	var b strings.Builder
	text := func(id string, p check.Params) string { return report.Escape(l.Text("spf-eval."+id, p)) }
	meaning := check.Params{"Domain": o.Domain.String(), "IP": ip.String(), "Cause": ""}
	if o.Cause.Code != "" {
		meaning["Cause"] = l.Cause(o.Cause)
	}
	fmt.Fprintf(&b, "%s: %s\n", o.Result, text(string(o.Result), meaning))
	if o.Explanation != "" {
		fmt.Fprintf(&b, "%s\n", text("explanation", check.Params{"Domain": o.Domain.String(), "Text": o.Explanation}))
	}
	if len(o.Path) > 0 {
		b.WriteByte('\n')
	}
	for _, step := range o.Path {
		fmt.Fprintf(&b, "%s  %s\n", report.Escape(step.Domain.String()), report.Escape(step.Record))
		line := text("unmatched", nil)
		if step.Term != "" {
			line = report.Escape(step.Term)
		}
		fmt.Fprintf(&b, "  → %s  (%s)\n", line, text("used", check.Params{"Lookups": step.Lookups, "Voids": step.Voids}))
	}
	fmt.Fprintf(&b, "\n%s\n", text("total", check.Params{
		"Lookups": o.Lookups, "MaxLookups": spf.MaxLookups, "Voids": o.Voids, "MaxVoids": spf.MaxVoids}))
	_, err := io.WriteString(w, b.String())
	return err
}
