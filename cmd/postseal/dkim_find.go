package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/spf"
)

type findOptions struct {
	net        netFlags
	selectors  []string
	from       []string
	weak       string
	deep, nsec bool
	look       lookFlags
}

func newDKIMFindCmd(s *streams) *cobra.Command {
	o := &findOptions{}
	cmd := &cobra.Command{
		Use:   "find DOMAIN",
		Short: "Find the DKIM keys of a domain without being told their selectors",
		Long: "Selectors cannot be listed, so they are guessed: those of the providers that MX and SPF show, names\n" +
			"that many domains have, and neighbours of what was found. What you know comes first: name selectors,\n" +
			"or give messages and DMARC aggregate reports that show them. A key that was not found is missing\n" +
			"only where DNS proves it.\n\n" +
			"Exit codes: 0 a key is in force; 1 none was found; 2 usage; 3 DNS did not answer.",
		Example: "  postseal dkim find example.com\n" +
			"  postseal dkim find --deep --zone example.com.zone --offline example.com\n" +
			"  postseal dkim find --selectors-from reports/ --format json example.com",
		Args: oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), s, args[0]) },
	}
	o.net.addDNS(cmd)
	fl := cmd.Flags()
	fl.StringArrayVar(&o.selectors, "selector", nil, "DKIM `SELECTOR` known to be in use (repeatable)")
	addSelectorsFrom(cmd, &o.from)
	addWeakKeys(cmd, &o.weak)
	fl.BoolVar(&o.deep, "deep", false, "ask for every name that is known, some 300")
	fl.BoolVar(&o.nsec, "nsec", false, "walk the NSEC records below _domainkey where the zone has them")
	o.look.add(cmd)
	return cmd
}

// addSelectorsFrom adds the flag that commands share.
func addSelectorsFrom(cmd *cobra.Command, paths *[]string) {
	cmd.Flags().StringArrayVar(paths, "selectors-from", nil,
		"take DKIM selectors from the messages and DMARC aggregate reports in a file or folder `PATH` (repeatable)")
}

func (o *findOptions) run(ctx context.Context, s *streams, arg string) error {
	l, err := o.look.words()
	if err != nil {
		return err
	}
	domain, err := parseDomain(arg)
	if err != nil {
		return usage("%w", err)
	}
	if err := checkSelectors(o.selectors); err != nil {
		return err
	}
	seen, err := selectorsFrom(ctx, s.err, o.from, []dns.Name{domain}, l)
	if err != nil {
		return err
	}
	weak, err := openWeakKeys(o.weak)
	if err != nil {
		return err
	}
	defer weak.Close()
	asking, w, done, err := o.net.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	f, err := dkim.Gather(asking, w.run, domain, dkim.Options{
		Selectors: o.selectors, Observed: seen[domain], Deep: o.deep, NSEC: o.nsec, Now: w.now(), WeakKeys: weak,
		Hints: func(ctx context.Context) dkim.Hints { return findHints(ctx, w.run, domain) },
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return &exit{exitIncomplete, fmt.Errorf("%s", l.Text("audit.timed-out", check.Params{"Timeout": o.net.timeout.String()}))}
	case err != nil:
		return err
	}
	if o.look.json() {
		err = report.EncodeJSON(s.out, newFindDocument(f))
	} else {
		err = writeFound(s.out, s.columns(), f, o, l)
	}
	if err != nil {
		return err
	}
	return findExit(f, l)
}

// findExit is the exit code, with the last line on standard error.
func findExit(f *dkim.Facts, l *locale.Localizer) error {
	params := check.Params{"Domain": f.Domain.String(), "Tried": len(f.Tried)}
	found, none := f.AnyKnown()
	switch {
	case found:
		return nil
	case none && f.Node == dkim.NodeMissing:
		return &exit{exitFindings, errors.New(report.Escape(l.Text("dkim-find.exit-proven", params)))}
	case f.Silent() != nil:
		params["Cause"] = l.Cause(check.CauseOf(f.Silent()))
		return &exit{exitIncomplete, errors.New(report.Escape(l.Text("dkim-find.exit-untold", params)))}
	}
	id := "dkim-find.exit-none"
	if slices.ContainsFunc(f.Selectors, func(s *dkim.Selector) bool {
		return s.Status == dkim.StatusFound || s.Status == dkim.StatusSeveral
	}) {
		id = "dkim-find.exit-unusable"
	}
	return &exit{exitFindings, errors.New(report.Escape(l.Text(id, params)))}
}

// findHints asks for what tells the providers: MX and the SPF tree.
func findHints(ctx context.Context, r dns.Resolver, domain dns.Name) dkim.Hints {
	mx := make(chan dns.Lookup, 1)
	go func() { mx <- dns.Ask(ctx, r, domain, dns.TypeMX) }()
	record, err := spf.Gather(ctx, r, domain)
	if err != nil {
		record = nil // the context has ended, and that ends the search, too
	}
	answer := <-mx
	var hosts []dns.Name
	for _, rec := range answer.Records() {
		if !slices.Contains(hosts, rec.Host) {
			hosts = append(hosts, rec.Host)
		}
	}
	h := audit.Hints(hosts, record)
	if answer.Unknown() {
		h.Untold = answer.Error
	}
	return h
}

// findDocument is what --format json prints.
type findDocument struct {
	Domain      dns.Name        `json:"domain"`
	Node        string          `json:"node"`   // of _domainkey: "exists", "nxdomain", "unknown"
	Proven      bool            `json:"proven"` // DNS proves that there is no key
	Selectors   []foundSelector `json:"selectors"`
	Tried       []string        `json:"tried"`
	Groups      []dkim.Group    `json:"groups"` // how many were tried, by origin
	Failed      []string        `json:"failed"` // guesses that got no answer
	Providers   []dkim.Detected `json:"providers"`
	Unguessable []unguessable   `json:"unguessable"`
	Walk        *dkim.Walk      `json:"walk"` // null without --nsec
}

// foundSelector is one selector.
type foundSelector struct {
	Selector string   `json:"selector"`
	FoundBy  string   `json:"found_by"`
	Status   string   `json:"status"`
	KeyType  string   `json:"key_type"`
	Bits     int      `json:"bits"`
	Record   string   `json:"record"`
	CNAME    dns.Name `json:"cname"`
	Provider string   `json:"provider"`
	Usable   bool     `json:"usable"`
}

// unguessable is a provider that gives each domain selectors of its own.
type unguessable struct {
	Provider string `json:"provider"`
	Form     string `json:"form"`
}

func newFindDocument(f *dkim.Facts) *findDocument {
	d := &findDocument{
		Domain: f.Domain, Node: f.Node, Proven: f.Node == dkim.NodeMissing, Selectors: []foundSelector{}, Tried: f.Tried,
		Groups: f.Groups, Failed: f.Failed, Providers: f.Detected, Unguessable: []unguessable{}, Walk: f.Walk,
	}
	for _, s := range f.Selectors {
		d.Selectors = append(d.Selectors, foundSelector{
			Selector: s.Name, FoundBy: s.FoundBy, Status: s.Status, KeyType: s.KeyType, Bits: s.Bits,
			Record: s.Record, CNAME: s.CNAME, Provider: s.Vendor, Usable: s.Usable,
		})
	}
	for _, p := range f.Unguessable() {
		d.Unguessable = append(d.Unguessable, unguessable{p.ID, p.Form})
	}
	return d
}
