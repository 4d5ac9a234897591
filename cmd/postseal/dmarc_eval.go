package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/report"
)

// The words of SPF (RFC 7208 §2.6) and DKIM (RFC 8601 §2.7.1) results.
var (
	look        lookFlags
	spfResults  = []string{"pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"}
	dkimResults = []string{"pass", "fail", "policy", "neutral", "none", "temperror", "permerror"}
)

// maxSignatures bounds --dkim: each may need a walk.
const maxSignatures = 50

func newDMARCEvalCmd(s *streams) *cobra.Command {
	var (
		net                  netFlags
		from, spf, spfDomain string
		dkim                 []string
	)
	cmd := &cobra.Command{
		Use:   "eval --from ADDRESS [--spf RESULT:DOMAIN] [--dkim RESULT:DOMAIN[:SELECTOR]]...",
		Short: "Say what DMARC makes of one message, from what SPF and DKIM said of it",
		Long: "Takes the Author Domain (of From) and what the checks said, walks from each domain (RFC 9989 §4.10) and\n" +
			"prints which identifier is aligned and why, the policy that applies, what it asks for, and what a receiver\n" +
			"that still follows RFC 7489 does. A domain without a result is taken as pass. 'postseal message' does the\n" +
			"checks, too.\n\n" +
			"Exit codes: 0 there is a result, whatever it is; 2 usage.",
		Example: "  postseal dmarc eval --from news@example.com --spf pass:bounce.example.net --dkim pass:example.com:s1\n" +
			"  postseal dmarc eval --from mail.example.com --spf softfail:example.com\n" +
			"  postseal dmarc eval --from example.com --dkim d=example.com,s=s1,result=fail --format json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("%q is not expected; see '%s --help'", args[0], cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := look.words()
			if err != nil {
				return err
			}
			q, err := dmarcQuery(from, spf, spfDomain, dkim)
			if err != nil {
				return err
			}
			ctx, w, done, err := net.begin(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			o := dmarc.Eval(ctx, w.run, q)
			if cmd.Context().Err() != nil {
				return cmd.Context().Err()
			}
			if look.json() {
				err = report.EncodeJSON(s.out, o)
			} else {
				err = writeVerdict(s.out, s.columns(), o, l)
			}
			if err != nil {
				return &exit{exitUsage, err}
			}
			return nil
		},
	}
	net.addDNS(cmd)
	fl := cmd.Flags()
	fl.StringVar(&from, "from", "", "`ADDRESS` or domain in the From field (needed)")
	fl.StringVar(&spf, "spf", "", "what SPF said of the domain in MAIL FROM: `RESULT:DOMAIN`")
	fl.StringVar(&spfDomain, "spf-domain", "", "the `DOMAIN` in MAIL FROM, where --spf is a result only")
	fl.StringArrayVar(&dkim, "dkim", nil, "what became of a signature: `RESULT:DOMAIN[:SELECTOR]`, or d=DOMAIN,s=SELECTOR,result=RESULT (repeatable)")
	look.add(cmd)
	return cmd
}

// dmarcQuery reads what is asked.
func dmarcQuery(from, spf, spfDomain string, dkim []string) (dmarc.Query, error) {
	var q dmarc.Query
	var err error
	if from == "" {
		return q, usage("--from is needed: the address in the From field, or its domain")
	}
	if q.From, err = mailDomain(from); err != nil {
		return q, usage("--from: %w", err)
	}
	if len(dkim) > maxSignatures {
		return q, usage("--dkim was given %d times; %d are enough", len(dkim), maxSignatures)
	}
	if spf != "" || spfDomain != "" {
		if spfDomain != "" && !strings.Contains(spf, ":") {
			spf = strings.TrimPrefix(spf+":"+spfDomain, ":")
		} else if spfDomain != "" {
			return q, usage("--spf %q names a domain, and so does --spf-domain", spf)
		}
		id, err := identifier("--spf", spf, spfResults)
		if err != nil {
			return q, err
		}
		q.SPF = &id
	}
	for _, text := range dkim {
		id, err := identifier("--dkim", text, dkimResults)
		if err != nil {
			return q, err
		}
		q.DKIM = append(q.DKIM, id)
	}
	return q, nil
}

// mailDomain is the domain of an address, or a domain as it stands.
func mailDomain(text string) (dns.Name, error) {
	text = strings.TrimSpace(text)
	if i := strings.LastIndexByte(text, '<'); i >= 0 {
		text = strings.TrimSuffix(text[i+1:], ">")
	}
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		text = text[i+1:]
	}
	return parseDomain(text)
}

// identifier reads RESULT:DOMAIN[:SELECTOR], a domain or a result alone, or the
// tags d, s and result.
func identifier(flag, text string, results []string) (dmarc.Identifier, error) {
	id := dmarc.Identifier{Result: "pass"}
	domain := ""
	switch parts := strings.Split(text, ":"); {
	case strings.Contains(text, "="):
		for _, tag := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
			switch name, value, _ := strings.Cut(tag, "="); strings.ToLower(name) {
			case "d", "domain":
				domain = value
			case "s", "selector":
				id.Selector = value
			case "result", "r":
				id.Result = strings.ToLower(value)
			default:
				return id, usage("%s %q: there is no %q; give d, s and result", flag, text, name)
			}
		}
	case len(parts) == 1 && slices.Contains(results, strings.ToLower(text)):
		id.Result = strings.ToLower(text)
	case len(parts) == 1:
		domain = text
	case len(parts) == 2, len(parts) == 3 && flag == "--dkim":
		id.Result, domain = strings.ToLower(parts[0]), parts[1]
		if len(parts) == 3 {
			id.Selector = parts[2]
		}
	default:
		return id, usage("%s %q has too many colons", flag, text)
	}
	if !slices.Contains(results, id.Result) {
		return id, usage("%s %q: %q is no result (one of %s)", flag, text, id.Result, strings.Join(results, ", "))
	}
	if domain == "" {
		if id.Result == "none" {
			return id, nil // there was nothing to check
		}
		return id, usage("%s %q: the domain is missing, as in %s %s:example.com", flag, text, flag, id.Result)
	}
	var err error
	if id.Domain, err = mailDomain(domain); err != nil {
		return id, usage("%s: %w", flag, err)
	}
	return id, nil
}
