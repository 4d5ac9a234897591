package main

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/zone"
)

// atOnce bounds the domains audited at the same time.
const atOnce = 8

type auditOptions struct {
	net       netFlags
	out       outputFlags
	gate      gateFlags
	config    configFlags
	file      string
	selectors []string
	weak      string
	from      []string // files and folders that show selectors
	profile   string
	bulk      bool
	policies  []string
	reports   []string // files and folders of DMARC aggregate reports
	senders   []string // addresses that send
	lists     []string // DNS block lists

	declared []*report.Location // of each request
}

func newAuditCmd(s *streams) *cobra.Command {
	o := &auditOptions{}
	cmd := &cobra.Command{
		Use:   "audit DOMAIN...",
		Short: "Audit domains and score them",
		Long: "Audit looks at everything a domain publishes about its mail, and at its mail hosts, and says what\n" +
			"is wrong, how bad it is and what to publish next. A look-up that failed is never counted as missing.",
		Example: "  postseal audit example.com\n" +
			"  postseal audit --zone example.com.zone --offline example.com\n" +
			"  postseal audit -f domains.txt -o html=report/ -o json=report.json --fail-on warning",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.config.load(cmd); err != nil {
				return err
			}
			requests, err := o.requests(s, args)
			if err != nil {
				return err
			}
			l, err := localizer(o.out.lang)
			if err != nil {
				return err
			}
			if err := observe(cmd.Context(), s.err, o.from, requests, l); err != nil {
				return err
			}
			return o.run(cmd.Context(), s, requests)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.net.add(cmd)
	o.net.smtp.add(cmd)
	o.net.smtp.addHosts(cmd)
	o.out.add(cmd)
	o.gate.add(cmd)
	o.config.add(cmd)
	cmd.Flags().StringVarP(&o.file, "file", "f", "", "read domains from `FILE`, one a line (- is standard input)")
	cmd.Flags().StringArrayVar(&o.selectors, "selector", nil, "DKIM `SELECTOR` known to be in use (repeatable)")
	addSelectorsFrom(cmd, &o.from)
	addWeakKeys(cmd, &o.weak)
	cmd.Flags().StringArrayVar(&o.senders, "sending-ip", nil, "`ADDRESS` that sends for the domains: its reverse name is held to what receivers ask (repeatable)")
	cmd.Flags().StringArrayVar(&o.lists, "dnsbl", nil, "look the domains' addresses up in this DNS block `LIST`, which learns them (repeatable; none by default)")
	cmd.Flags().StringVar(&o.profile, "profile", "", "what the domains do, `PROFILE`: mail, send-only, receive-only or parked (default: told from MX and SPF)")
	complete(cmd, "profile", "mail", "send-only", "receive-only", "parked")
	cmd.Flags().BoolVar(&o.bulk, "bulk", false, "the domains send in bulk: hold them to what Google, Yahoo and Microsoft require")
	cmd.Flags().StringArrayVar(&o.policies, "policy-profile", nil, "hold the domains to a published `POLICY`: "+strings.Join(policyIDs(), ", ")+" (repeatable)")
	complete(cmd, "policy-profile", policyIDs()...)
	cmd.Flags().StringArrayVar(&o.reports, "dmarc-reports", nil, "show what the DMARC aggregate reports in this file or folder, `PATH`, say of the domains (repeatable)")
	return cmd
}

// requests reads and checks all domains before anything is asked.
func (o *auditOptions) requests(s *streams, args []string) ([]audit.Request, error) {
	profile, err := parseProfile(o.profile)
	if err == nil {
		err = checkSelectors(o.selectors)
	}
	if err != nil {
		return nil, err
	}
	for _, id := range o.policies {
		if !slices.Contains(policyIDs(), id) {
			return nil, usage("--policy-profile %q is none of %s", id, strings.Join(policyIDs(), ", "))
		}
	}
	sending, err := parseAddresses("--sending-ip", o.senders)
	if err != nil {
		return nil, err
	}
	lists, err := parseLists(o.lists)
	if err != nil {
		return nil, err
	}
	domains := o.config.domains()
	if len(domains) == 0 || len(args) > 0 || o.file != "" {
		if domains, err = domainsFrom(s.in, args, o.file); err != nil {
			return nil, err
		}
	}
	requests := make([]audit.Request, len(domains))
	o.declared = make([]*report.Location, len(domains))
	for i, d := range domains {
		if o.declared[i] = d.at; d.at == nil {
			o.declared[i] = o.config.declared(d.name)
		}
		requests[i] = audit.Request{Domain: d.name, Selectors: o.selectors, Profile: profile, ProfileSource: "flag", Bulk: o.bulk, PolicyProfiles: o.policies, SendingIPs: sending, BlockLists: lists}
	}
	return requests, nil
}

// parseAddresses reads the addresses of a flag.
func parseAddresses(flag string, list []string) ([]netip.Addr, error) {
	addrs := make([]netip.Addr, len(list))
	for i, text := range list {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return nil, usage("%s %q is no IP address", flag, text)
		}
		addrs[i] = a.Unmap()
	}
	return addrs, nil
}

// parseLists reads the names of block lists.
func parseLists(list []string) ([]dns.Name, error) {
	names := make([]dns.Name, 0, len(list))
	for _, text := range list {
		n, err := parseDomain(text)
		if err != nil {
			return nil, usage("--dnsbl: %w", err)
		}
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	if len(names) > zone.MaxBlockLists {
		return nil, usage("--dnsbl names %d lists, more than %d", len(names), zone.MaxBlockLists)
	}
	return names, nil
}

// policyIDs are the published policies that domains can be held to.
func policyIDs() []string {
	var ids []string
	for _, p := range audit.PolicyProfiles() {
		ids = append(ids, p.ID)
	}
	return ids
}

func (o *auditOptions) run(ctx context.Context, s *streams, requests []audit.Request) error {
	if err := o.gate.check(); err != nil {
		return err
	}
	o.gate.minScoreOf = o.config.minScore
	baseline, err := readBaseline(o.gate.baseline)
	if err != nil {
		return err
	}
	outputs, l, err := o.out.open(s, len(requests))
	if err != nil {
		return err
	}
	if err := outputs.beside(o.net.record); err != nil {
		return err
	}
	if err := reportEvidence(ctx, s, o.reports, time.Time{}, requests, l); err != nil {
		return err
	}
	weak, err := openWeakKeys(o.weak)
	if err != nil {
		return err
	}
	defer weak.Close()
	w, err := o.net.open(time.Now)
	if err != nil {
		return err
	}
	w.auditor.WeakKeys = weak
	w.slim = len(requests) > 1 && outputs.table() && baseline == nil
	for i := range requests {
		o.config.request(&requests[i], w.now())
	}
	doc, err := w.audit(ctx, requests, l)
	if cerr := w.close(err); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	for i, at := range o.declared {
		doc.Reports[i].DeclaredAt = at
	}
	if baseline != nil {
		report.Compare(baseline, doc)
	}
	doc.Exit = o.gate.judge(doc, l)
	o.config.accepted(s.err, doc, w.now(), l)
	if err := outputs.write(doc); err != nil {
		return err
	}
	return outputs.exit(doc)
}

// exitWith turns what the gate says into the error that ends the command.
func exitWith(e report.Exit, l *locale.Localizer) error {
	if e.Code == exitOK {
		return nil
	}
	reasons := e.Reasons
	if more := len(reasons) - reasonsShown; more > 0 {
		reasons = append(slices.Clone(reasons[:reasonsShown]), l.Text("exit.more", check.Params{"N": more}))
	}
	return &exit{e.Code, errors.New(strings.Join(reasons, "; "))}
}

// reasonsShown keeps the last line a line when the list is long; the JSON has all.
const reasonsShown = 3

// audit audits all requests, a few at a time, and keeps their order.
func (w *world) audit(ctx context.Context, requests []audit.Request, l *locale.Localizer) (*report.Document, error) {
	doc := &report.Document{
		SchemaVersion: report.SchemaVersion, Tool: tool(), Lang: string(l.Lang),
		Reports: make([]*report.Report, len(requests)), Exit: report.Exit{Reasons: []string{}, ReasonCodes: []string{}},
	}
	outs := make([]*audit.Outcome, len(requests))
	build := func(i int) error {
		if out := outs[i]; out != nil {
			rep, err := audit.Build(out, l)
			if err != nil {
				return err
			}
			doc.Reports[i], outs[i] = rep, nil
		}
		if w.slim {
			slim(doc.Reports[i])
		}
		return nil
	}
	together := w.compares(len(requests))
	shown := progressOf(ctx)
	defer shown.watch(w, len(requests))()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, req := range requests {
		g.Go(func() error {
			// The deadline is a domain's own: one slow domain does not cut others short.
			dctx, cancel := context.WithTimeout(gctx, w.timeout)
			defer cancel()
			shown.begin(req.Domain.String())
			out, err := w.auditor.Audit(dctx, req)
			shown.end(req.Domain.String())
			switch {
			case errors.Is(err, context.DeadlineExceeded):
				// Running out of time is a report too: an empty one that says so, so that
				// the other domains of a list are not lost.
				doc.Reports[i] = audit.Unfinished(req, w.now(), l.Text("audit.timed-out", check.Params{"Timeout": w.timeout.String()}), l)
			case err != nil && gctx.Err() != nil:
				return gctx.Err()
			case err != nil:
				return err
			}
			outs[i] = out
			if together {
				return nil
			}
			return build(i)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if together {
		audit.Together(outs)
		for i := range outs {
			if err := build(i); err != nil {
				return nil, err
			}
		}
	}
	if len(requests) == 1 {
		network, err := w.network()
		if err != nil {
			return nil, err
		}
		doc.Reports[0].Network = network
	}
	return doc, nil
}

// slim drops what a line of the table does not show: evidence and what passed
// are most of a report, and a list may have thousands.
func slim(r *report.Report) {
	r.Facts, r.Queries, r.SenderRequirements = nil, nil, nil
	var failed []report.Result
	for _, res := range r.Results {
		if res.Status == check.Fail {
			failed = append(failed, res)
		}
	}
	r.Results = failed
}

// network counts what the run sent. A replay sends nothing and gives the counts
// of the run it plays, which are on the tape.
func (w *world) network() (report.Network, error) {
	var n report.Network
	if w.tape.Playing() {
		if ok, err := w.tape.Get("count", "network", &n); ok || err != nil {
			return n, err
		}
	}
	counts := w.run.Counts()
	n = report.Network{
		DNSQueries: int(counts.Queries), DNSPackets: int(counts.Packets), HTTPSRequests: w.fetcher.Requests() + w.logos.Requests(),
		SMTPConnections: w.dialer.Opened(),
	}
	return n, w.tape.Put("count", "network", n)
}
