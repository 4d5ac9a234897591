package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/mx"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/starttls"
)

// newMTASTSCmd groups the commands that look at MTA-STS alone, in depth.
func newMTASTSCmd(s *streams) *cobra.Command {
	return group("mta-sts", "Look at MTA-STS in depth: the policy, and what senders make of it", newMTASTSPolicyCmd(s))
}

type policyOptions struct {
	net          netFlags
	probe, every bool
	subdomains   []string
	baseline     string
	format, lang string
}

func newMTASTSPolicyCmd(s *streams) *cobra.Command {
	o := &policyOptions{}
	cmd := &cobra.Command{
		Use:   "policy DOMAIN",
		Short: "Fetch the MTA-STS policy and say what an enforcing sender does with each mail host",
		Long: "Looks up the record, fetches the policy file exactly as RFC 8461 §3.3 asks (no redirect, no cache, 64 KiB, one\n" +
			"GET) and shows it line by line. Each mail host is held against the mx lines and each mx line against the mail\n" +
			"hosts. What a sender does with a host depends on its TLS, too: --probe looks at port 25 of every address.\n\n" +
			"Exit codes: 0 a policy is in force and no mail host is known to fail it; 1 none is in force, or a mail host\n" +
			"fails it; 2 usage; 3 a failed look-up, fetch or probe leaves it open.",
		Example: "  postseal mta-sts policy example.com\n" +
			"  postseal mta-sts policy --probe --format json example.com\n" +
			"  postseal mta-sts policy --every-address --subdomain lists example.com",
		Args: oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), s, args[0]) },
	}
	o.net.add(cmd)
	fl := cmd.Flags()
	fl.Lookup("no-smtp").Hidden = true // nothing is probed unless --probe says so
	fl.Lookup("tls-versions").Hidden = true
	fl.BoolVar(&o.probe, "probe", false, "look at the TLS of each mail host on port 25")
	fl.BoolVar(&o.every, "every-address", false, "get the policy from each address of the policy host and compare")
	fl.StringArrayVar(&o.subdomains, "subdomain", nil, "tell whether this `NAME` that takes mail is covered; without a dot, a label below DOMAIN (repeatable)")
	fl.StringVar(&o.baseline, "baseline", "", "compare with an earlier result in `FILE`: JSON of this command or of audit")
	fl.StringVar(&o.format, "format", "text", "what standard output gets, a `FORMAT`: text or json")
	addLang(cmd, &o.lang)
	complete(cmd, "format", "text", "json")
	// A recording has one answer for a URL.
	cmd.MarkFlagsMutuallyExclusive("every-address", "record")
	cmd.MarkFlagsMutuallyExclusive("every-address", "replay")
	return cmd
}

func (o *policyOptions) run(ctx context.Context, s *streams, arg string) error {
	l, err := localizer(o.lang)
	if err != nil {
		return err
	}
	if o.format != "text" && o.format != "json" {
		return usage("unknown format %q (text or json)", o.format)
	}
	domain, err := parseDomain(arg)
	if err != nil {
		return usage("%w", err)
	}
	deep := mtasts.Deep{EveryAddress: o.every}
	if deep.Subdomains, err = subdomains(domain, o.subdomains); err != nil {
		return err
	}
	if deep.Before, err = baseline(o.baseline, domain); err != nil {
		return err
	}
	w, err := o.net.open(time.Now)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, o.net.timeout)
	defer cancel()
	defer progressOf(ctx).watch(w, 0)()
	p, err := o.ask(asking, w, domain, deep)
	if cerr := w.close(err); err == nil {
		err = cerr
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return &exit{exitIncomplete, errors.New(l.Text("audit.timed-out", check.Params{"Timeout": o.net.timeout.String()}))}
	case err != nil:
		return err
	}
	p.Findings = found(p.facts, l)
	if o.format == "json" {
		err = report.EncodeJSON(s.out, p)
	} else {
		err = writePolicy(s.out, s.columns(), p, l)
	}
	if err != nil {
		return &exit{exitUsage, err}
	}
	return p.ends(l)
}

// policyView is what the command tells; its JSON is that of the trace, with the
// rules that found something.
type policyView struct {
	*mtasts.Trace
	Findings []report.Result `json:"findings"`

	facts  *mtasts.Facts
	probed bool
}

func (o *policyOptions) ask(ctx context.Context, w *world, domain dns.Name, deep mtasts.Deep) (*policyView, error) {
	var hosts *mx.Facts
	done := make(chan error, 1)
	go func() (err error) {
		defer func() { done <- err }()
		hosts, err = mx.Gather(ctx, w.run, domain, mx.Options{AllowPrivate: o.net.allowPrivate})
		return err
	}()
	f, err := mtasts.Gather(ctx, w.run, w.auditor.Fetcher, domain)
	if merr := <-done; err == nil {
		err = merr
	}
	if err == nil {
		err = f.Deepen(ctx, w.run, w.auditor.Fetcher, deep)
	}
	if err != nil {
		return nil, err
	}
	f.Profile = check.ProfileMail
	if receives, known := hosts.Receives(); known {
		f.MX = hosts.Names()
		if !receives {
			f.Profile, f.MX = check.ProfileSendOnly, []dns.Name{}
		}
	}
	f.Match()
	p := &policyView{Trace: f.Trace(), facts: f}
	for i := range p.Hosts {
		for _, h := range hosts.Hosts {
			if h.Name == p.Hosts[i].MX {
				p.Hosts[i].Preference = h.Preference
			}
		}
	}
	if o.probe && len(p.Hosts) > 0 {
		p.probed = true
		if err := o.look(ctx, w, p, hosts); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// look probes port 25 of every address of every mail host.
func (o *policyOptions) look(ctx context.Context, w *world, p *policyView, hosts *mx.Facts) error {
	roots, err := loadRoots(o.net.caFile)
	if err != nil {
		return err
	}
	run := starttls.Start(ctx, starttls.NewProber(starttls.Config{
		Dialer: w.dialer, Roots: roots, HELO: o.net.helo, Now: w.now, Tape: w.tape, Ports: []uint16{25},
	}), o.net.allowPrivate)
	for _, h := range hosts.Hosts {
		run.Add(h.Name, hostAddrs(h))
	}
	facts := run.Wait(hosts.Names())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i := range p.Hosts {
		none := true
		for _, h := range facts.Hosts {
			if h.Name != p.Hosts[i].MX {
				continue
			}
			for _, session := range h.Sessions {
				none = false
				seen, addr := sessionSeen(session)
				p.Saw(p.facts, i, addr, seen)
			}
		}
		if none { // no address, or none that could be looked up
			p.Hosts[i].Verdict = p.facts.Sender(p.Hosts[i].Host, &mtasts.Seen{})
		}
	}
	return nil
}

// sessionSeen is what one session says to a sender under a policy.
func sessionSeen(s *starttls.Session) (*mtasts.Seen, mtasts.TraceAddr) {
	addr := mtasts.TraceAddr{Address: s.Addr, Detail: s.Detail}
	seen := &mtasts.Seen{
		Measured:   s.STARTTLS == "missing" || s.STARTTLS == "refused" || s.STARTTLS == "injected" || s.HELOOnly || s.TLS != nil || s.TLSError != "" && !s.TLSTimedOut,
		NoSTARTTLS: s.STARTTLS == "missing" || s.STARTTLS == "refused" || s.STARTTLS == "injected" || s.HELOOnly,
	}
	switch {
	case !seen.Measured:
		addr.Cause = sessionCause(s)
		addr.Seen = s.Status
	case seen.NoSTARTTLS:
	case s.TLS == nil:
		seen.NoHandshake, addr.Detail = true, s.TLSError
	default:
		addr.Seen = s.TLS.Version
		seen.OldTLS = s.TLS.Version == "TLS 1.0" || s.TLS.Version == "TLS 1.1"
		if c := s.Certificate; c != nil {
			seen.Trusted = c.Verdict == "ok"
			if !seen.Trusted && !seen.OldTLS {
				addr.Seen, addr.Detail = c.Verdict, c.Detail
			}
		}
	}
	return seen, addr
}

// sessionCause is why a session measured nothing.
func sessionCause(s *starttls.Session) check.Cause {
	code := "smtp-not-asked"
	switch {
	case s.Status == "not-asked" && s.Detail == "blocked":
		code = "port25-blocked"
	case slices.Contains([]string{"refused", "silent", "special-address", "greeting-refused", "temporary", "tarpit", "protocol", "network"}, s.Status):
		code = "smtp-" + s.Status
	case s.STARTTLS == "temporary":
		code = "smtp-temporary"
	}
	return check.Cause{Code: code, Params: check.Params{
		"Host": s.Host.String(), "Address": s.Addr.String(), "Port": int(s.Port), "Detail": s.Detail}}
}

// found are the results of the rules over the facts that say something.
func found(f *mtasts.Facts, l *locale.Localizer) []report.Result {
	results := check.Evaluate(mtasts.Rules, f)
	check.Relate(results)
	return slices.DeleteFunc(report.Results(results, l), func(r report.Result) bool { return len(r.Findings) == 0 })
}

// ends is why the exit code is not 0.
func (p *policyView) ends(l *locale.Localizer) error {
	end := func(code int, key string, params check.Params) error {
		params["Domain"] = p.Domain.String()
		return &exit{code, errors.New(l.Text("mta-sts-policy."+key, params))}
	}
	hosts := func(actions ...mtasts.Action) string {
		var names []string
		for _, h := range p.Hosts {
			if slices.Contains(actions, h.Action) {
				names = append(names, h.MX.String())
			}
		}
		if more := len(names) - reasonsShown; more > 0 {
			names = append(names[:reasonsShown], fmt.Sprintf("… (+%d)", more))
		}
		return strings.Join(names, ", ")
	}
	switch failing := hosts(mtasts.Refuse, mtasts.Warn); {
	case !p.Known:
		return end(exitIncomplete, "exit-unknown", check.Params{"Cause": l.Cause(p.Cause)})
	case !p.InForce:
		return end(exitFindings, "exit-none", check.Params{})
	case !p.MXKnown && p.facts.Mode() != mtasts.None:
		return end(exitIncomplete, "exit-mx", check.Params{})
	case failing != "":
		return end(exitFindings, "exit-refused", check.Params{"Hosts": failing})
	case hosts(mtasts.Untold) != "":
		return end(exitIncomplete, "exit-probe", check.Params{"Hosts": hosts(mtasts.Untold)})
	}
	return nil
}

// subdomains reads the values of --subdomain, each below the domain.
func subdomains(domain dns.Name, texts []string) ([]dns.Name, error) {
	if len(texts) > maxNames {
		return nil, usage("--subdomain was given %d times; %d are enough", len(texts), maxNames)
	}
	var names []dns.Name
	for _, text := range texts {
		if text = strings.TrimSpace(text); text != "" && !strings.ContainsAny(text, ".:/@") {
			text += "." + domain.String()
		}
		n, err := parseDomain(text)
		if err != nil {
			return nil, usage("--subdomain: %w", err)
		}
		if n == domain || !n.IsUnder(domain) {
			return nil, usage("--subdomain %s is not below %s", n, domain)
		}
		names = append(names, n)
	}
	return names, nil
}

// maxBaseline bounds a result that is read back.
const maxBaseline = 64 << 20

// baseline reads an earlier result: the JSON of this command, or of an audit
// that has the domain in it. "" is none.
func baseline(path string, domain dns.Name) (*mtasts.Before, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, usage("--baseline: %w", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxBaseline+1))
	switch {
	case err != nil:
		return nil, usage("--baseline: %w", err)
	case len(b) > maxBaseline:
		return nil, usage("--baseline: %s is larger than %d MiB", path, maxBaseline>>20)
	}
	type facts struct {
		Domain string `json:"domain"`
		ID     string `json:"id"`
		Fetch  *struct {
			Body string `json:"body"`
		} `json:"fetch"`
	}
	var saved struct {
		facts
		Reports []struct {
			Facts map[string]json.RawMessage `json:"facts"`
		} `json:"reports"`
	}
	if err := json.Unmarshal(b, &saved); err != nil {
		return nil, usage("--baseline: %s: %w", path, err)
	}
	all := []facts{saved.facts}
	for _, r := range saved.Reports {
		var f facts
		if err := json.Unmarshal(r.Facts[string(check.MTASTS)], &f); err == nil {
			all = append(all, f)
		}
	}
	for _, f := range all {
		if f.Domain == domain.String() && f.Fetch != nil && f.Fetch.Body != "" && f.ID != "" {
			return &mtasts.Before{ID: f.ID, Body: []byte(f.Fetch.Body)}, nil
		}
	}
	return nil, usage("--baseline: %s holds no policy of %s", path, domain)
}

func hostAddrs(h *mx.Host) []netip.Addr {
	addrs := make([]netip.Addr, len(h.Addresses))
	for i, a := range h.Addresses {
		addrs[i] = a.IP
	}
	return addrs
}
