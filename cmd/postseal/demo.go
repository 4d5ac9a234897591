package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/lab"
)

func newDemoCmd(s *streams) *cobra.Command {
	var dir, lang string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Audit a small mail world in this process, without a network",
		Long: "Demo starts DNS, SMTP and HTTPS servers on free loopback ports, audits the domains that live there and\n" +
			"writes FOLDER/report.html, a page for each domain, and FOLDER/report.json. Nothing leaves this machine.",
		Example: "  postseal demo\n  postseal demo --out /tmp/demo --lang pt-BR",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo(cmd.Context(), s, dir, lang)
		},
	}
	cmd.Flags().StringVar(&dir, "out", "postseal-demo", "`FOLDER` to write the reports to")
	addLang(cmd, &lang)
	return cmd
}

func demo(ctx context.Context, s *streams, dir, lang string) error {
	out := outputFlags{format: "text", lang: lang, files: []string{"html=" + dir + "/"}}
	outputs, l, err := out.open(s, 2)
	if err != nil {
		return err
	}
	outputs.index = "report"
	world, err := lab.Start(ctx, lab.Options{})
	if err != nil {
		return &exit{exitUsage, fmt.Errorf("starting the demo's servers: %w", err)}
	}
	defer world.Close()
	w, err := labWorld(world)
	if err != nil {
		return err
	}
	var requests []audit.Request
	for _, d := range world.Domains() {
		name, err := dns.ParseDomain(d.Name)
		if err != nil {
			return err
		}
		requests = append(requests, audit.Request{Domain: name, Selectors: d.Selectors, Profile: check.ProfileUnknown})
	}
	doc, err := w.audit(ctx, requests, l)
	if cerr := w.close(err); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	// The demo shows broken domains on purpose: finding them is its success.
	if err := outputs.write(doc); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "postseal: %s\n", l.Text("exit.demo-wrote", check.Params{"Page": filepath.Join(dir, "report.html"), "Result": filepath.Join(dir, "report.json")}))
	return nil
}

// labWorld opens what an audit asks, pointed at the lab.
func labWorld(l *lab.Lab) (*world, error) {
	f := netFlags{servers: []string{l.DNSAddr().String()}, timeout: time.Minute}
	return f.openWith(time.Now, clients{redirects: l.Redirects(), roots: l.Roots()})
}
