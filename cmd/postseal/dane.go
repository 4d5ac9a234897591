package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dane"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/starttls"
)

// newDANECmd groups the commands that look at DANE alone, in depth.
func newDANECmd(s *streams) *cobra.Command {
	return group("dane", "Look at DANE in depth: TLSA records against what hosts show", newDANECheckCmd(s))
}

type daneOptions struct {
	net  netFlags
	look lookFlags
	mxOf string
}

func newDANECheckCmd(s *streams) *cobra.Command {
	o := &daneOptions{}
	cmd := &cobra.Command{
		Use:   "check HOST[:PORT] | DOMAIN | --mx-of DOMAIN",
		Short: "Hold the certificates of a mail host against its TLSA records",
		Long: "Asks for the TLSA records of HOST, and whether DNSSEC secures them, and looks at the certificate that each\n" +
			"of its addresses shows: port 25 unless another is given, with STARTTLS; port 465 speaks TLS at once. It says\n" +
			"which record names which certificate as a sender of mail sees it (RFC 7672), how far a change of keys is, and\n" +
			"what to publish. A name with MX records is taken for a domain, and each of its mail hosts is checked.\n\n" +
			"Exit codes: 0 the records bind senders and every address shows what they name; 1 one does not, or there is no\n" +
			"record that binds; 2 usage; 3 a failed look-up or probe, or a resolver not trusted for DNSSEC, leaves it open.",
		Example: "  postseal dane check mx1.example.com\n" +
			"  postseal dane check --mx-of example.com --format json\n" +
			"  postseal dane check --dns tls://dns.quad9.net mx1.example.com:587",
		Args: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (o.mxOf != "") || len(args) > 1 {
				return usage("give one host, or --mx-of DOMAIN; see '%s --help'", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), s, append(args, o.mxOf)[0])
		},
	}
	o.net.add(cmd)
	fl := cmd.Flags()
	fl.Lookup("no-smtp").Hidden, fl.Lookup("bimi-ca").Hidden, fl.Lookup("tls-versions").Hidden = true, true, true
	fl.StringVar(&o.mxOf, "mx-of", "", "check every mail host of `DOMAIN`")
	o.look.add(cmd)
	return cmd
}

// daneView is what the command tells; its JSON is an interface.
type daneView struct {
	Domain     dns.Name    `json:"domain"` // whose mail hosts they are, "" for a host by itself
	Port       uint16      `json:"port"`
	MXSecurity string      `json:"mx_security"` // "yes", "no", "unknown"; "" without a domain
	Hosts      []*daneHost `json:"hosts"`
}

type daneHost struct {
	Host            dns.Name       `json:"host"`
	Owner           dns.Name       `json:"owner"`
	Names           []dns.Name     `json:"names"` // any of which a certificate under usage 2 must have
	Lookup          dns.State      `json:"lookup"`
	Security        string         `json:"security"` // of the records: "yes", "no", "unknown"
	AddressSecurity string         `json:"address_security"`
	Verdict         string         `json:"verdict"` // "ok", "fails", "not-bound", "unauthenticated", "unknown"
	Cause           string         `json:"cause"`   // why it is not "ok"
	Records         []daneRecord   `json:"records"`
	Addresses       []*daneAddress `json:"addresses"`
	Rollover        dane.Rollover  `json:"rollover"`
	TTL             uint32         `json:"ttl"` // seconds
	Publish         []string       `json:"publish"`

	usable int
}

type daneRecord struct {
	Data string   `json:"data"`
	Use  dane.Use `json:"use"`
}

type daneAddress struct {
	Address  netip.Addr     `json:"address"`
	Status   string         `json:"status"` // "matches", "fails", "no-tls", "not-seen", "unchecked" (nothing to match)
	Cause    string         `json:"cause"`
	Why      dane.Why       `json:"why"`
	Record   string         `json:"record"` // that matches
	Depth    int            `json:"depth"`
	Key      string         `json:"key"` // the record that names the key shown
	Subject  string         `json:"subject"`
	Issuer   string         `json:"issuer"`
	NotAfter string         `json:"not_after"`
	Outcomes []dane.Outcome `json:"outcomes"` // of the records, in their order

	verdict *dane.Verdict
}

func (o *daneOptions) run(ctx context.Context, s *streams, arg string) error {
	l, err := o.look.words()
	if err != nil {
		return err
	}
	name, port, err := o.target(arg)
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
	v, err := o.ask(asking, w, name, port, l)
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
	if o.look.json() {
		err = report.EncodeJSON(s.out, v)
	} else {
		err = writeDANE(s.out, s.columns(), v, l)
	}
	if err != nil {
		return &exit{exitUsage, err}
	}
	return v.ends(l)
}

// target reads HOST[:PORT].
func (o *daneOptions) target(arg string) (dns.Name, uint16, error) {
	host, text, given := strings.Cut(arg, ":")
	name, err := parseDomain(host)
	if err != nil {
		return "", 0, usage("%w", err)
	}
	if !given {
		return name, 25, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	switch {
	case err != nil || port == 0:
		return "", 0, usage("%q is no port", text)
	case o.mxOf != "":
		return "", 0, usage("--mx-of takes a domain without a port: mail hosts take mail on port 25")
	case slices.Contains([]uint64{443, 993, 995}, port):
		return "", 0, usage("port %d does not speak SMTP: 25, 465 and 587 do", port)
	}
	return name, uint16(port), nil
}

func (o *daneOptions) ask(ctx context.Context, w *world, name dns.Name, port uint16, l *locale.Localizer) (*daneView, error) {
	v := &daneView{Port: port, Hosts: []*daneHost{}}
	hosts := []dns.Name{name}
	mx := dns.Lookup{}
	if port == 25 {
		if mx = dns.Ask(ctx, w.run, name, dns.TypeMX); mx.Found() || o.mxOf != "" {
			v.Domain, hosts = name, mailHosts(name, &mx)
		}
		if o.mxOf != "" && mx.Unknown() {
			return nil, &exit{exitIncomplete, errors.New(l.Cause(check.CauseOf(mx.Error)))}
		}
	}
	if len(hosts) == 0 {
		return nil, &exit{exitFindings, errors.New(l.Text("dane-check.exit-no-mail", check.Params{"Domain": name.String()}))}
	}
	domain := name
	f, err := dane.GatherPort(ctx, w.run, domain, mx, hosts, port)
	if err != nil {
		return nil, err
	}
	if v.Domain != "" {
		v.MXSecurity = f.SecureMX
	}
	seen, err := o.probe(ctx, w, f, port)
	if err != nil {
		return nil, err
	}
	for _, h := range f.Hosts {
		v.Hosts = append(v.Hosts, judge(f, h, v.Domain, seen[h.Name], l))
	}
	return v, nil
}

// mailHosts are the hosts of a domain, the one with the least preference first;
// the domain itself where no MX record exists (RFC 5321 §5.1).
func mailHosts(domain dns.Name, mx *dns.Lookup) []dns.Name {
	if mx.Absent() {
		return []dns.Name{domain}
	}
	records := slices.Clone(mx.Records())
	slices.SortStableFunc(records, func(a, b dns.Record) int { return int(a.Pref) - int(b.Pref) })
	var hosts []dns.Name
	for _, rec := range records {
		if rec.Host != dns.Root && !slices.Contains(hosts, rec.Host) { // "." takes no mail (RFC 7505)
			hosts = append(hosts, rec.Host)
		}
	}
	return hosts
}

// probe looks at the port of every address of every host.
func (o *daneOptions) probe(ctx context.Context, w *world, f *dane.Facts, port uint16) (map[dns.Name][]*starttls.Session, error) {
	roots, err := loadRoots(o.net.caFile)
	if err != nil {
		return nil, err
	}
	seen := map[dns.Name][]*starttls.Session{}
	if o.net.offline && len(o.net.connectTo) == 0 {
		return seen, nil
	}
	run := starttls.Start(ctx, starttls.NewProber(starttls.Config{
		Dialer: w.dialer, Roots: roots, HELO: o.net.helo, Now: w.now, Tape: w.tape, Ports: []uint16{port},
	}), o.net.allowPrivate)
	var names []dns.Name
	for _, h := range f.Hosts {
		names = append(names, h.Name)
		run.Add(h.Name, h.Addresses())
	}
	for _, h := range run.Wait(names).Hosts {
		seen[h.Name] = h.Sessions
	}
	return seen, ctx.Err()
}

// judge says what a sender makes of one host.
func judge(f *dane.Facts, h *dane.Host, domain dns.Name, sessions []*starttls.Session, l *locale.Localizer) *daneHost {
	v := &daneHost{
		Host: h.Name, Owner: h.Lookup.Name, Names: []dns.Name{h.Base()}, Lookup: h.Lookup.State, Security: h.Secure, AddressSecurity: h.SecureAddress,
		Records: []daneRecord{}, Addresses: []*daneAddress{}, Publish: []string{}, usable: len(h.Usable()),
	}
	if domain != "" && domain != h.Base() {
		v.Names = append(v.Names, domain)
	}
	records := slices.DeleteFunc(slices.Clone(h.Lookup.Records()), func(r dns.Record) bool { return r.TLSA == nil })
	var verdicts []dane.Verdict
	for _, s := range sessions {
		a := v.see(records, s, l)
		v.Addresses = append(v.Addresses, a)
		if a.verdict != nil {
			verdicts = append(verdicts, *a.verdict)
		}
	}
	all := len(verdicts) > 0 && len(verdicts) == len(v.Addresses)
	for i, use := range dane.Uses(records, verdicts) {
		v.Records = append(v.Records, daneRecord{records[i].Data, use})
		v.TTL = max(v.TTL, records[i].TTL)
	}
	if len(records) > 0 {
		v.Rollover = dane.State(records, verdicts, all)
	}
	v.conclude(f, h, l)
	return v
}

func (v *daneHost) see(records []dns.Record, s *starttls.Session, l *locale.Localizer) *daneAddress {
	a := &daneAddress{Address: s.Addr, Status: "not-seen", Depth: -1, Outcomes: []dane.Outcome{}}
	c := s.Certificate
	switch {
	case c != nil && len(c.DER) > 0:
		a.Subject, a.Issuer, a.NotAfter = c.Subject, c.Issuer, c.NotAfter.UTC().Format(time.DateOnly)
		if key, err := dane.OfLeaf(c.DER[0]); err == nil {
			a.Key = key.String()
		}
		shown := dane.Shown{Chain: c.DER, Names: v.Names, At: c.CheckedAt}
		m := dane.Match(records, shown)
		a.verdict, a.Outcomes = &m, append(a.Outcomes, m.Outcomes...)
		switch e := dane.Explain(records, shown, m); {
		case m.OK():
			a.Status, a.Record, a.Depth = "matches", records[m.Match].Data, m.Outcomes[m.Match].Depth
		case e.Why == dane.WhyUnusable:
			a.Status = "unchecked"
		default:
			a.Status, a.Why = "fails", e.Why
		}
	case s.STARTTLS == "missing" || s.STARTTLS == "refused":
		a.Status = "no-tls"
		a.Cause = l.Text("dane-check.no-starttls", nil)
	case s.TLSError != "" && !s.TLSTimedOut:
		a.Status = "no-tls"
		a.Cause = l.Text("dane-check.no-handshake", check.Params{"Detail": s.TLSError})
	default:
		a.Cause = l.Cause(sessionCause(s))
	}
	return a
}

// conclude is the verdict on the host, why, and what to publish.
func (v *daneHost) conclude(f *dane.Facts, h *dane.Host, l *locale.Localizer) {
	count := func(status string) int {
		n := 0
		for _, a := range v.Addresses {
			if a.Status == status {
				n++
			}
		}
		return n
	}
	bound, unsure := f.Bound(h)
	set := func(verdict, id string, params check.Params) {
		v.Verdict = verdict
		if id != "" {
			v.Cause = l.Text("dane-check.because-"+id, params)
		}
	}
	failing := count("fails") > 0 || h.Lookup.Found() && count("no-tls") > 0
	switch {
	case h.Lookup.Absent() && h.SecureAddress == "no":
		set("not-bound", "missing-unsigned", nil)
	case h.Lookup.Absent():
		set("not-bound", "missing", nil)
	case !bound && unsure == nil && h.Secure == "no":
		set("not-bound", "insecure", nil)
	case !bound && unsure == nil && !h.A.Found() && !h.AAAA.Found():
		set("not-bound", "no-address", nil)
	case !bound && unsure == nil:
		set("not-bound", "address-insecure", nil)
	case h.Lookup.Unknown():
		v.Verdict, v.Cause = "unknown", l.Cause(check.CauseOf(unsure))
	case v.usable == 0:
		set("unauthenticated", "unusable", nil)
	case failing:
		set("fails", "", nil)
		if unsure != nil {
			v.Cause = l.Cause(check.CauseOf(unsure))
		}
	case unsure != nil:
		v.Verdict, v.Cause = "unknown", l.Cause(check.CauseOf(unsure))
	case len(v.Addresses) == 0 || count("not-seen") > 0:
		set("unknown", "unseen", nil)
	default:
		set("ok", "", nil)
	}
	// A host that fails, or has nothing yet, is helped by a record for each key that it shows.
	if (failing || v.usable == 0) && !h.Lookup.Unknown() {
		for _, a := range v.Addresses {
			keep := a.Key
			if a.Status == "matches" {
				keep = a.Record
			}
			if keep != "" && !slices.Contains(v.Publish, keep) {
				v.Publish = append(v.Publish, keep)
			}
		}
	}
}

// ends is why the exit code is not 0.
func (v *daneView) ends(l *locale.Localizer) error {
	for _, end := range []struct {
		code     int
		verdicts []string
	}{
		{exitFindings, []string{"fails", "not-bound", "unauthenticated"}},
		{exitIncomplete, []string{"unknown"}},
	} {
		var hosts []string
		id := ""
		for _, h := range v.Hosts {
			if slices.Contains(end.verdicts, h.Verdict) {
				hosts = append(hosts, h.Host.String())
				if id == "" {
					id = h.Verdict
				}
			}
		}
		if more := len(hosts) - reasonsShown; more > 0 {
			hosts = append(hosts[:reasonsShown], fmt.Sprintf("… (+%d)", more))
		}
		if len(hosts) > 0 {
			return &exit{end.code, errors.New(l.Text("dane-check.exit-"+id, check.Params{"Hosts": strings.Join(hosts, ", ")}))}
		}
	}
	if v.MXSecurity == "no" {
		return &exit{exitFindings, errors.New(l.Text("dane-check.exit-mx", check.Params{"Domain": v.Domain.String()}))}
	}
	if v.MXSecurity == "unknown" {
		return &exit{exitIncomplete, errors.New(l.Text("dane-check.exit-mx-unknown", check.Params{"Domain": v.Domain.String()}))}
	}
	return nil
}
