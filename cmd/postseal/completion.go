package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/config"
)

// completions tells shells the words that the configuration knows: a domain is
// typed for many commands, and a selector for those of DKIM. Nothing is asked of
// the network, and a file with mistakes completes nothing rather than complain
// between two key strokes.
func completions(root *cobra.Command) {
	for _, path := range []string{
		"audit", "bimi", "dane check", "dkim find", "dkim match", "dkim rotate", "dmarc rollout", "dmarc walk", "mta-sts policy",
		"spf tree", "spf eval", "generate spf", "generate dkim", "generate dmarc", "generate mta-sts", "generate tls-rpt", "generate bimi",
	} {
		c, rest, err := root.Find(strings.Fields(path))
		if err != nil || len(rest) > 0 || c.HasSubCommands() {
			continue
		}
		several := c.Name() == "audit"
		c.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 && !several {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return configuredDomains(cmd, args), cobra.ShellCompDirectiveNoFileComp
		}
		if f := c.Flags().Lookup("selector"); f != nil {
			// The only error is that of a flag that does not exist.
			if err := c.RegisterFlagCompletionFunc("selector", configuredSelectors); err != nil {
				panic(err)
			}
		}
	}
}

// configured reads the file that the call would read.
func configured(cmd *cobra.Command) *config.Config {
	var c configFlags
	if f := cmd.Flags().Lookup("config"); f != nil {
		c.path = f.Value.String()
	}
	path, err := c.find()
	if err != nil || path == "" {
		return nil
	}
	file, err := loadConfig(path)
	if err != nil {
		return nil
	}
	return file
}

// configuredDomains are the domains of the file that the call does not name yet.
func configuredDomains(cmd *cobra.Command, args []string) []string {
	file := configured(cmd)
	if file == nil {
		return nil
	}
	given := map[dns.Name]bool{}
	for _, a := range args {
		if n, err := dns.ParseDomain(a); err == nil {
			given[n] = true
		}
	}
	var names []string
	for _, d := range file.Domains {
		if !given[d.Name] {
			names = append(names, d.Name.String())
		}
	}
	return names
}

// configuredSelectors are the selectors of the domains that the call names, of
// all domains where it names none.
func configuredSelectors(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	file := configured(cmd)
	if file == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	named := map[dns.Name]bool{}
	for _, a := range args {
		if n, err := dns.ParseDomain(a); err == nil {
			named[n] = true
		}
	}
	var list []string
	for _, d := range file.Domains {
		if len(named) == 0 || named[d.Name] {
			list = union(list, d.Selectors, d.Expect.Selectors)
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
