package main

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/provider"
	"github.com/postseal/postseal/spf"
)

func newGenSPFCmd(s *streams) *cobra.Command {
	var (
		g         genFlags
		net       netFlags
		o         spf.Options
		ip4, ip6  []string
		providers []string
		merge     []string
	)
	cmd := &cobra.Command{
		Use:   "spf DOMAIN",
		Short: "Make one SPF record and count what it costs",
		Long: "The look-ups of the record are counted over live DNS (or --zone); over 10 it is refused (RFC 7208 §4.6.4).\n" +
			"A domain that sends nothing needs no options besides --all fail.\n\n" +
			"--merge keeps the terms of records that exist, so that one comes of two; 'live' stands for those in force.\n" +
			"--flatten replaces an include by its networks. That saves look-ups and goes stale without notice: the comments\n" +
			"say where each network comes from and when to make the record again.",
		Example: "  postseal generate spf example.com --provider google --ip4 198.51.100.7\n" +
			"  postseal generate spf example.com --merge live --provider google\n" +
			"  postseal generate spf parked.example --all fail --offline",
		Args: oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			gen, err := g.begin(s, args[0])
			if err != nil {
				return err
			}
			for _, name := range []string{"provider", "ip4", "ip6", "a", "mx", "include", "exists", "flatten"} {
				if list, err := cmd.Flags().GetStringSlice(name); err == nil && cmd.Flags().Changed(name) && len(list) == 0 {
					return usage("--%s has no value", name)
				}
			}
			if o.IP4, err = prefixes("--ip4", ip4, true); err != nil {
				return err
			}
			if o.IP6, err = prefixes("--ip6", ip6, false); err != nil {
				return err
			}
			for _, name := range providers {
				p := provider.ByName(name)
				if p == nil || p.Include == "" {
					return usage("--provider: no include is known for %q; known are %s", name, strings.Join(includeProviders(), ", "))
				}
				o.Include = append(o.Include, p.Include)
			}
			if cmd.Flags().Changed("max-lookups") && (o.MaxLookups < 1 || o.MaxLookups > spf.MaxLookups) {
				return usage("--max-lookups %d is not between 1 and %d", o.MaxLookups, spf.MaxLookups)
			}
			if cmd.Flags().Changed("redirect") && o.Redirect == "" {
				return usage("--redirect has no value")
			}
			// What is there already, or where the redirect leads, decides unless the user does.
			if (len(merge) > 0 || o.Redirect != "") && !cmd.Flags().Changed("all") {
				o.All = ""
			}
			o.AllowDocumentation = forExamples(gen.domain)
			ctx, w, done, err := net.begin(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			if o.Merge, err = gen.merge(ctx, w, merge); err != nil {
				return err
			}
			made, err := spf.Generate(ctx, w.run, gen.domain, o)
			if err != nil {
				return usage("%w", err)
			}
			if cmd.Context().Err() != nil {
				return cmd.Context().Err()
			}
			if err := gen.judge(made.Problems); err != nil {
				return err
			}
			cost := gen.l.Text("gen.spf-cost", check.Params{"Lookups": made.Lookups, "AtLeast": made.AtLeast, "Limit": spf.MaxLookups})
			comment := strings.Join(append([]string{cost}, gen.provenance(made.Flattened, w.now())...), "\n")
			if err := gen.txt(gen.domain, made.Record, "spf", comment); err != nil {
				return err
			}
			gen.see(ctx, w.run)
			return gen.finish()
		},
	}
	g.addAsking(cmd, &net)
	fl := cmd.Flags()
	fl.StringSliceVar(&providers, "provider", nil, "include a `PROVIDER` by name (repeatable)")
	fl.StringSliceVar(&ip4, "ip4", nil, "`NETWORK` or IPv4 address that sends (repeatable)")
	fl.StringSliceVar(&ip6, "ip6", nil, "`NETWORK` or IPv6 address that sends (repeatable)")
	fl.StringSliceVar(&o.A, "a", nil, "`HOST` whose addresses send, DOMAIN too (repeatable)")
	fl.StringSliceVar(&o.MX, "mx", nil, "`NAME` whose mail hosts send, DOMAIN too (repeatable)")
	fl.StringSliceVar(&o.Include, "include", nil, "`NAME` whose SPF record to include (repeatable)")
	fl.StringVar(&o.All, "all", "softfail", "what becomes of all others, a `RESULT`: softfail, fail or neutral")
	fl.StringSliceVar(&o.Exists, "exists", nil, "`NAME` that exists for senders, with macros such as %{i}._spf.example.com (repeatable)")
	fl.StringVar(&o.Redirect, "redirect", "", "`NAME` whose record decides where nothing matches, instead of --all")
	fl.StringArrayVar(&merge, "merge", nil, "an existing `RECORD` whose terms to keep, or 'live' for what DNS has (repeatable)")
	fl.StringSliceVar(&o.Flatten, "flatten", nil, "replace an include, `TERM`, by its networks: include:TARGET (repeatable)")
	fl.IntVar(&o.MaxLookups, "max-lookups", spf.MaxLookups, "refuse a record that needs more than `N` DNS look-ups")
	cmd.MarkFlagsMutuallyExclusive("redirect", "all")
	complete(cmd, "all", "softfail", "fail", "neutral")
	complete(cmd, "provider", includeProviders()...)
	return cmd
}

// merge puts the records in force in the place of "live".
func (g *generation) merge(ctx context.Context, w *world, texts []string) ([]string, error) {
	var records []string
	for _, text := range texts {
		if text != "live" {
			if !strings.HasPrefix(strings.ToLower(text), spf.Version) {
				return nil, usage("--merge %q is neither an SPF record nor 'live'", text)
			}
			records = append(records, text)
			continue
		}
		f, err := spf.Gather(ctx, w.run, g.domain)
		if err != nil {
			return nil, err
		}
		params := check.Params{"Domain": g.domain.String()}
		switch {
		case f.Lookup.Unknown():
			params["Cause"] = g.l.Cause(check.CauseOf(f.Lookup.Error))
			return nil, &exit{exitIncomplete, g.notGenerated(g.l.Text("spf-cmd.unknown", params))}
		case len(f.Records) == 0:
			return nil, &exit{exitFindings, g.notGenerated(g.l.Text("gen.spf-merge-absent", params))}
		}
		records = append(records, f.Records...)
	}
	return records, nil
}

// flattenedFor is how long a list of a provider's networks is trusted.
const flattenedFor = 7 * 24 * time.Hour

// provenance says of each network of a flattened include where it comes from.
func (g *generation) provenance(flattened []*spf.Flattened, now time.Time) []string {
	var lines []string
	for _, f := range flattened {
		lines = append(lines, g.l.Text("gen.spf-flattened", check.Params{
			"Term": "include:" + f.Target.String(), "Count": len(f.Networks), "Saved": f.Saved,
			"At": now.UTC().Format(time.RFC3339), "Until": now.Add(flattenedFor).UTC().Format(time.RFC3339),
		}))
		for _, n := range f.Networks {
			lines = append(lines, g.l.Text("gen.spf-flattened-network", check.Params{
				"Network": n.Network.String(), "Term": n.Term, "Path": strings.Join(n.Path, " → "),
			}))
		}
	}
	return lines
}

// forExamples tells a domain that exists for examples and tests (RFC 2606 §2
// and §3): there, addresses made for examples are no mistake.
func forExamples(domain dns.Name) bool {
	return slices.ContainsFunc([]dns.Name{"example", "test", "invalid", "example.com", "example.net", "example.org"}, domain.IsUnder)
}

func includeProviders() []string {
	var names []string
	for _, p := range provider.All() {
		if p.Include != "" {
			names = append(names, p.ID)
		}
	}
	return names
}

// prefixes reads addresses and networks of one family.
func prefixes(flag string, texts []string, is4 bool) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, t := range texts {
		p, err := netip.ParsePrefix(t)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(t); err == nil {
				p = netip.PrefixFrom(a, a.BitLen())
			}
		}
		if err != nil || p.Addr().Is4() != is4 || p.Addr().Zone() != "" {
			return nil, usage("%s %q is not an address or network of that family", flag, t)
		}
		list = append(list, p)
	}
	return list, nil
}
