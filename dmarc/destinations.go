package dmarc

import (
	"context"
	"strings"
	"sync"

	"github.com/postseal/postseal/dns"
)

// maxDestinations bounds what a record can make us ask: the first so many URIs
// of each tag. Reporters stop long before (RFC 9990 §3.5).
const maxDestinations = 8

// The words of Destination.Authorized.
const (
	authNotNeeded = "not-needed"
	authYes       = "yes"
	authNo        = "no"
	authUnknown   = "unknown"
)

// host is what is known about one destination host, shared by all URIs there.
type host struct {
	mailto  bool // some URI there is a mail address
	walk    *Discovery
	consent dns.Lookup
	mx      dns.Lookup
	a, aaaa dns.Lookup
	org     dns.Lookup // NS of the registrable domain, asked when the host does not exist
}

// destinations looks at the hosts of the report URIs, all at once.
func destinations(ctx context.Context, r dns.Resolver, policy *Step, walk *Discovery) []*Destination {
	var out []*Destination
	hosts := map[dns.Name]*host{}
	for _, list := range [][]URI{policy.record.RUA, policy.record.RUF} {
		for i, u := range list {
			if i >= maxDestinations || !u.Valid || u.Host == "" {
				continue
			}
			out = append(out, &Destination{Tag: u.Tag, URI: u.Text, Host: u.Host, span: u.Span, scheme: u.Scheme})
			if hosts[u.Host] == nil {
				hosts[u.Host] = &host{}
			}
			hosts[u.Host].mailto = hosts[u.Host].mailto || u.Scheme == "mailto"
		}
	}
	var wg sync.WaitGroup
	for name, h := range hosts {
		wg.Go(func() { h.ask(ctx, r, policy.Name, name) })
	}
	wg.Wait()
	for _, d := range out {
		d.judge(policy.Name, walk, hosts[d.Host])
	}
	return out
}

// ask puts all questions about a host. Consent is asked without waiting for the
// walk where the public suffix list already calls the host another organisation's.
func (h *host) ask(ctx context.Context, r dns.Resolver, policy, name dns.Name) {
	var wg sync.WaitGroup
	consent := func() { h.consent = dns.Ask(ctx, r, ConsentName(policy, name), dns.TypeTXT) }
	early := pslDomain(policy) != pslDomain(name)
	if name != policy {
		wg.Go(func() { h.walk = Walk(ctx, r, name) })
		if early {
			wg.Go(consent)
		}
	}
	if h.mailto {
		wg.Go(func() { h.mail(ctx, r, name) })
	}
	wg.Wait()
	if h.walk != nil && !early {
		// Only a psd tag can part two names of one registrable domain.
		if own := h.walk.OrganizationalDomain; own == "" || own != Walk(ctx, r, policy).OrganizationalDomain {
			consent()
		}
	}
}

// mail asks whether the host takes mail (RFC 5321 §5.1): without MX its
// addresses count.
func (h *host) mail(ctx context.Context, r dns.Resolver, name dns.Name) {
	h.mx = dns.Ask(ctx, r, name, dns.TypeMX)
	switch h.mx.State {
	case dns.StateNoData:
		var wg sync.WaitGroup
		wg.Go(func() { h.a = dns.Ask(ctx, r, name, dns.TypeA) })
		wg.Go(func() { h.aaaa = dns.Ask(ctx, r, name, dns.TypeAAAA) })
		wg.Wait()
	case dns.StateNXDomain:
		h.org = askRegistrable(ctx, r, h.mx.Answer.Owner())
	}
}

// askRegistrable asks for the name servers of the registrable domain above a
// name that does not exist. Top-level domains that nobody can register in
// (RFC 6761) are not asked.
func askRegistrable(ctx context.Context, r dns.Resolver, name dns.Name) dns.Lookup {
	labels := name.Labels()
	if len(labels) < 2 {
		return dns.Lookup{}
	}
	switch labels[len(labels)-1] {
	case "example", "test", "invalid", "localhost", "local", "internal", "arpa", "onion", "alt":
		return dns.Lookup{}
	}
	l := dns.Ask(ctx, r, pslDomain(name), dns.TypeNS)
	if l.State == dns.StateNXDomain {
		// Below a suffix that does not exist nothing can be registered.
		switch suffix := dns.Ask(ctx, r, l.Name.Parent(), dns.TypeNS); suffix.State {
		case dns.StateNXDomain:
			return dns.Lookup{}
		case dns.StateUnknown:
			return suffix
		}
	}
	return l
}

// ConsentName is where the destination host agrees to receive reports about
// policy (RFC 9990 §4 step 3).
func ConsentName(policy, host dns.Name) dns.Name {
	return host.Child("_report._dmarc").Child(string(policy))
}

// judge decides whether consent is needed and given.
func (d *Destination) judge(policy dns.Name, walk *Discovery, h *host) {
	d.MX, d.A, d.AAAA, d.Registrable = h.mx, h.a, h.aaaa, h.org
	d.Consent = h.consent
	d.ConsentTexts = []string{}
	if h.walk == nil {
		d.Authorized = authNotNeeded
		return
	}
	theirs, ours := h.walk.OrganizationalDomain, walk.OrganizationalDomain
	known := theirs != "" && ours != ""
	if known && theirs == ours {
		d.Authorized = authNotNeeded
		return
	}
	d.External = true
	d.consent()
	switch {
	case len(d.consents) > 0 && d.OverrideElsewhere == "":
		d.Authorized = authYes
	case len(d.consents) > 0:
		// A rua at another host in the consent forbids sending to both
		// (RFC 9990 §4 step 9).
		d.Authorized = authNo
	case h.consent.Unknown() && h.consent.Error.Kind == dns.BadName:
		d.TooLong = true
		d.Authorized = authNo
	case h.consent.Unknown():
		d.Authorized, d.cause = authUnknown, h.consent.Error
	case !known:
		d.Authorized, d.cause = authUnknown, firstError(h.walk, walk)
	default:
		d.Authorized = authNo
	}
	if !known && d.Authorized != authYes {
		d.Authorized = authUnknown
		d.cause = firstError(h.walk, walk)
	}
}

// consent reads the records at the consent name: one good one is enough, and
// others beside it do no harm (RFC 9990 §4 steps 5 to 8).
func (d *Destination) consent() {
	for _, rr := range d.Consent.Records() {
		text := rr.Text()
		d.ConsentTexts = append(d.ConsentTexts, text)
		rec, ok := parseConsent(text)
		if !ok {
			continue
		}
		d.consents = append(d.consents, rec)
		uris := rec.RUA
		if d.Tag == "ruf" {
			uris = rec.RUF
		}
		for _, u := range uris {
			switch {
			case !u.Valid:
			case u.Host == d.Host:
				d.Override = u.Text
			default:
				d.Override, d.OverrideElsewhere = u.Text, u.Host
			}
		}
	}
}

// parseConsent reads a record at a _report._dmarc name: a tag list that starts
// with v=DMARC1. No p is wanted, and the final semicolon may be absent.
func parseConsent(text string) (*Record, bool) {
	rec, problems := Parse(strings.TrimSpace(text))
	if !rec.Valid {
		return rec, false
	}
	for _, p := range problems {
		if p.Rule == "dmarc-tag-malformed" {
			return rec, false
		}
	}
	return rec, true
}

// firstError is why a walk left its Organizational Domain open.
func firstError(walks ...*Discovery) *dns.Error {
	for _, w := range walks {
		for _, s := range w.Steps {
			if s.Status == dns.StateUnknown {
				return s.Lookup.Error
			}
		}
	}
	return nil
}

// reachable tells whether mail to the host can be delivered by what DNS says.
func (d *Destination) reachable() (ok, known bool) {
	switch d.MX.State {
	case dns.StateFound:
		return !d.nullMX(), true
	case dns.StateNXDomain:
		return false, true
	case dns.StateNoData:
		if d.A.Found() || d.AAAA.Found() {
			return true, true
		}
		return false, !d.A.Unknown() && !d.AAAA.Unknown()
	}
	return false, false
}

// nullMX tells whether the host says that it takes no mail (RFC 7505).
func (d *Destination) nullMX() bool {
	mx := d.MX.Records()
	return len(mx) == 1 && mx[0].Host == dns.Root
}

// lookupError is the first question about mail that failed.
func (d *Destination) lookupError() *dns.Error {
	for _, l := range []dns.Lookup{d.MX, d.A, d.AAAA} {
		if l.Unknown() {
			return l.Error
		}
	}
	return nil
}
