package main

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dane"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/mx"
	"github.com/postseal/postseal/reply"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/starttls"
)

type starttlsOptions struct {
	net    netFlags
	look   lookFlags
	gate   gateFlags
	tests  testFlags
	domain string
	addrs  []string
}

func newStartTLSCmd(s *streams) *cobra.Command {
	o := &starttlsOptions{}
	cmd := &cobra.Command{
		Use:   "starttls HOST[:PORT]",
		Short: "Look at one mail server in depth: the dialogue, TLS, the certificate, log-in",
		Long: "Holds one session with each address of a mail server and shows every line of it, what TLS came\n" +
			"about, the certificate, which log-ins are offered before and inside TLS, and what the rules find.\n" +
			"The port is 25 unless given: 465, 587, 2525; of 143, 993, 110 and 995 only the capabilities are\n" +
			"asked. With --domain it also says what senders make of the host under MTA-STS and DANE.\n\n" +
			"No mail is sent. The tests (--login, --relay-test, --rcpt-test, --vrfy-test, --tls-required-test,\n" +
			"--injection-test) go further than looking: use them on servers of your own. Each is made once, at\n" +
			"the first address that answers, and none of them sends DATA. The password of --login comes from\n" +
			"--password-file, --password-fd, the environment (POSTSEAL_PASSWORD) or a prompt, goes out only\n" +
			"inside TLS with a verified certificate, and is in no output.\n\n" +
			"Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 usage; 3 no address could be measured,\n" +
			"or with --fail-on-incomplete something could not be told.",
		Example: "  postseal starttls mx1.example.com\n" +
			"  postseal starttls --domain example.com --format json mx1.example.com\n" +
			"  postseal starttls --login alice smtp.example.com:587\n" +
			"  postseal starttls --relay-test --from a@example.net --to b@example.org --i-own-this mx1.example.com",
		Args: oneArg("host"),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), s, args[0]) },
	}
	o.net.add(cmd)
	cmd.Flags().Lookup("no-smtp").Hidden = true
	cmd.Flags().Lookup("bimi-ca").Hidden = true
	o.net.smtp.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&o.domain, "domain", "", "hold the host to the MTA-STS policy and the TLSA records of this `DOMAIN`")
	fl.StringArrayVar(&o.addrs, "address", nil, "look at this `ADDRESS` instead of those in DNS (repeatable)")
	o.tests.add(cmd)
	o.gate.addGate(cmd)
	o.look.add(cmd)
	return cmd
}

func (o *starttlsOptions) run(ctx context.Context, s *streams, arg string) error {
	l, err := o.look.words()
	if err != nil {
		return err
	}
	if err := o.gate.check(); err != nil {
		return err
	}
	v := &starttlsView{l: l}
	if v.Host, v.Port, err = hostPort(arg); err != nil {
		return err
	}
	if o.domain != "" {
		if v.Domain, err = parseDomain(o.domain); err != nil {
			return usage("--domain: %w", err)
		}
		if v.Port != 25 {
			return usage("--domain is for port 25: MTA-STS and DANE speak of no other")
		}
	}
	addrs, err := parseAddresses("--address", o.addrs)
	if err != nil {
		return err
	}
	tests, err := o.tests.read(s, v.Host, v.Domain, v.Port)
	if err != nil {
		return err
	}
	w, err := o.net.open(time.Now)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, o.net.timeout)
	defer cancel()
	defer progressOf(ctx).watch(w, 0)()
	err = v.ask(asking, w, addrs, tests, o.net.allowPrivate)
	if cerr := w.close(err); err == nil {
		err = cerr
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	}
	v.judge(&o.gate)
	if o.look.json() {
		err = report.EncodeJSON(s.out, v)
	} else {
		err = writeSTARTTLS(s.out, s.columns(), v)
	}
	if err != nil {
		return &exit{exitUsage, err}
	}
	return exitWith(v.Exit, v.l)
}

// starttlsView is what the command tells.
type starttlsView struct {
	Host      dns.Name          `json:"host"`
	Port      uint16            `json:"port"`
	Domain    dns.Name          `json:"domain"` // "" where none was given
	Addresses []starttlsAddress `json:"addresses"`
	Findings  []report.Result   `json:"findings"` // the rules that found something, or could not tell
	Exit      report.Exit       `json:"exit"`

	l      *locale.Localizer
	facts  *starttls.Facts
	policy *mtasts.Facts // nil without --domain
	dane   *dane.Facts
	failed []*dns.Error
}

// starttlsAddress is a session and what those who send there make of it.
type starttlsAddress struct {
	*starttls.Session
	Verdicts starttlsVerdicts `json:"verdicts"`

	// Explanation is what the reply to a login means.
	Explanation *report.Explanation `json:"explanation,omitempty"`
}

// starttlsVerdicts are four, never one: each kind of sender asks for another thing.
type starttlsVerdicts struct {
	PKIX         string          `json:"pkix"` // the certificate's verdict; "" where there is none
	Plain        string          `json:"plain_sender"`
	MTASTS       *mtasts.Verdict `json:"mta_sts"` // nil where it was not asked
	DANE         string          `json:"dane"`    // "" where it was not asked
	MTASTSPolicy string          `json:"mta_sts_mode"`
}

// ask looks the host up, holds the sessions, and asks for what --domain promises.
func (v *starttlsView) ask(ctx context.Context, w *world, addrs []netip.Addr, tests starttls.Tests, allowPrivate bool) error {
	prober, ok := w.auditor.Prober.(*starttls.SMTPProber)
	if !ok {
		return &exit{exitIncomplete, errors.New(v.l.Text("starttls-cmd.offline", nil))}
	}
	promises := make(chan error, 1)
	go func() { promises <- v.promises(ctx, w) }()
	if len(addrs) == 0 {
		addrs, v.failed = audit.Addresses(ctx, w.run, v.Host)
	}
	v.facts = starttls.Look(ctx, prober, v.Host, addrs, v.Port, tests, allowPrivate)
	if err := <-promises; err != nil && ctx.Err() == nil {
		return err
	}
	v.Addresses = []starttlsAddress{}
	for _, h := range slices.Concat(v.facts.Hosts, v.facts.Named) {
		for _, session := range h.Sessions {
			v.Addresses = append(v.Addresses, v.address(session))
		}
	}
	return nil
}

// promises asks what the domain promises senders about its hosts.
func (v *starttlsView) promises(ctx context.Context, w *world) error {
	if v.Domain == "" {
		return nil
	}
	hosts, err := mx.Gather(ctx, w.run, v.Domain, mx.Options{})
	if err != nil {
		return err
	}
	if v.policy, err = mtasts.Gather(ctx, w.run, w.auditor.Fetcher, v.Domain); err != nil {
		return err
	}
	v.policy.MX = hosts.Names()
	v.policy.Match()
	names := hosts.Names()
	if !slices.Contains(names, v.Host) {
		names = append(slices.Clone(names), v.Host)
	}
	v.dane, err = dane.Gather(ctx, w.run, v.Domain, hosts.Lookup, names)
	return err
}

func (v *starttlsView) address(s *starttls.Session) starttlsAddress {
	a := starttlsAddress{Session: s}
	a.Verdicts.Plain = plainSender(s)
	if s.Certificate != nil {
		a.Verdicts.PKIX = s.Certificate.Verdict
	}
	if v.policy != nil {
		seen, _ := sessionSeen(s)
		host := mtasts.Host{MX: v.Host}
		for _, h := range v.policy.Hosts {
			if h.MX == v.Host {
				host = h
			}
		}
		verdict := v.policy.Sender(host, seen)
		a.Verdicts.MTASTS, a.Verdicts.MTASTSPolicy = &verdict, v.policy.Mode()
	}
	if v.dane != nil {
		a.Verdicts.DANE = audit.DANEVerdict(v.dane, s)
	}
	for i := range s.Tests {
		if t := &s.Tests[i]; t.Name == starttls.TestLogin && t.Code != 0 {
			a.Explanation = explained(t, v.l)
		}
	}
	return a
}

// plainSender is what a sender does that asks for no more than encryption, if
// there is any (RFC 7435).
func plainSender(s *starttls.Session) string {
	switch {
	case s.TLS != nil:
		return "encrypted"
	case s.STARTTLS == "missing" || s.STARTTLS == "refused" || s.HELOOnly:
		return "clear"
	case s.TLSError != "" && !s.TLSTimedOut || s.STARTTLS == "injected":
		return "fails"
	}
	return "unknown"
}

// explained says what the answer to a login means, by the tables of explain.
func explained(t *starttls.Test, l *locale.Localizer) *report.Explanation {
	facts, err := reply.Parse([]byte(replyText(t.Code, t.Reply)))
	if err != nil {
		return nil
	}
	doc := reply.Build(facts, reply.StageAuth, true, l)
	if len(doc.Explanations) == 0 {
		return nil
	}
	return &doc.Explanations[0]
}

// judge evaluates the rules and says which exit code they earn.
func (v *starttlsView) judge(gate *gateFlags) {
	if v.Domain != "" {
		v.facts.Domain = v.Domain
	}
	results := check.Evaluate(starttls.Rules, v.facts)
	check.Relate(results)
	all := report.Results(results, v.l)
	v.Findings = slices.DeleteFunc(slices.Clone(all), func(r report.Result) bool {
		return len(r.Findings) == 0 && r.Status != check.Unknown
	})
	name := v.Host.String()
	v.Exit = gate.judgeResults(name, all, v.l)
	measured := slices.ContainsFunc(v.Addresses, func(a starttlsAddress) bool { return a.Banner != "" || a.TLS != nil || a.TLSError != "" })
	if v.Exit.Code == exitOK && !measured {
		v.Exit = report.Exit{Code: exitIncomplete, ReasonCodes: []string{"unmeasured"}, Reasons: []string{v.l.Text("starttls-cmd.exit-unmeasured", check.Params{"Host": name, "Port": int(v.Port)})}}
	}
}
