package zone

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// maxCAA bounds the hosts whose CAA records are looked for.
const maxCAA = 10

// CAA says which authorities may issue certificates for the domain's own mail
// hosts and its MTA-STS host (RFC 8659).
type CAA struct {
	Lookups []dns.Lookup `json:"lookups"` // CAA at each name that the climbs pass, once
	Hosts   []*CAAHost   `json:"hosts"`
	Over    int          `json:"over"` // hosts beyond the cap
	Untold  error        `json:"-"`    // why there may be more hosts

	// Mark is the mark certificate that BIMI names; set by the audit.
	Mark *Served `json:"-"`
}

// CAAHost is one host that needs a certificate.
type CAAHost struct {
	Name   dns.Name `json:"name"`
	Served *Served  `json:"-"` // the certificate it shows; set by the audit, nil for none seen
}

// Served is a certificate that was seen.
type Served struct {
	Issuer   string   // as people know it
	Domains  []string // by which CAA records name the issuer
	Wildcard bool     // the host is covered by a wildcard only
}

// gatherCAA asks at every host and at each name above it at once: names share
// parents, and whoever waits for one answer before the next climbs slowly.
func (f *Facts) gatherCAA(ctx context.Context, r dns.Resolver, own func(dns.Name) bool) {
	c := &f.CAA
	c.Lookups, c.Hosts = []dns.Lookup{}, []*CAAHost{}
	var mail, policy dns.Lookup
	var wg sync.WaitGroup
	wg.Go(func() { mail = dns.Ask(ctx, r, f.Domain, dns.TypeMX) })
	wg.Go(func() { policy = dns.Ask(ctx, r, f.Domain.Child("_mta-sts"), dns.TypeTXT) })
	wg.Wait()
	add := func(n dns.Name) {
		if n == "" || n == dns.Root || n.Check() != nil || !own(n) || slices.ContainsFunc(c.Hosts, func(h *CAAHost) bool { return h.Name == n }) {
			return
		}
		if len(c.Hosts) == maxCAA {
			c.Over++
			return
		}
		c.Hosts = append(c.Hosts, &CAAHost{Name: n})
	}
	for _, rec := range policy.Records() {
		if strings.HasPrefix(strings.ToLower(rec.Text()), "v=stsv1") {
			add(f.Domain.Child("mta-sts"))
		}
	}
	hosts := []string{}
	for _, rec := range mail.Records() {
		hosts = append(hosts, string(rec.Host))
	}
	slices.Sort(hosts) // the order of an answer is nobody's wish
	for _, h := range hosts {
		add(dns.Name(h))
	}
	for _, l := range []*dns.Lookup{&mail, &policy} {
		if l.Unknown() {
			c.Untold = l.Error
		}
	}
	var names []dns.Name
	for _, h := range c.Hosts {
		for _, n := range climb(h.Name) {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	c.Lookups = make([]dns.Lookup, len(names))
	for i, n := range names {
		wg.Go(func() { c.Lookups[i] = dns.Ask(ctx, r, n, dns.TypeCAA) })
	}
	wg.Wait()
}

// climb is the name and those above it, up to the top-level domain (RFC 8659 §3).
func climb(n dns.Name) []dns.Name {
	var names []dns.Name
	for ; n != dns.Root && n != ""; n = n.Parent() {
		names = append(names, n)
	}
	return names
}

// set is the look-up whose records hold for a name: the first on the way up that
// found any. It is nil where there are none, and err says why that is not sure.
func (c *CAA) set(name dns.Name) (l *dns.Lookup, err error) {
	for _, n := range climb(name) {
		i := slices.IndexFunc(c.Lookups, func(l dns.Lookup) bool { return l.Name == n })
		if i < 0 {
			return nil, check.Cause{Code: "caa-not-asked", Params: check.Params{"Name": n.String()}}
		}
		switch l := &c.Lookups[i]; {
		case l.Unknown():
			return nil, l.Error
		case l.Found():
			return l, nil
		}
	}
	return nil, nil
}

// sets are the record sets that hold for any of the hosts, each once.
func (c *CAA) sets() (list []*dns.Lookup, unsure []error) {
	for _, h := range c.Hosts {
		l, err := c.set(h.Name)
		switch {
		case err != nil:
			unsure = append(unsure, err)
		case l != nil && !slices.Contains(list, l):
			list = append(list, l)
		}
	}
	return list, append(unsure, c.unsure()...)
}

// unsure is why there may be more hosts than were looked at.
func (c *CAA) unsure() (list []error) {
	if c.Untold != nil {
		list = append(list, c.Untold)
	}
	if c.Over > 0 {
		list = append(list, check.Cause{Code: "caa-over", Params: check.Params{"Asked": maxCAA, "Over": c.Over}})
	}
	return list
}

// properties are the records of a set with that tag, which has no case (RFC 8659 §4.1).
func properties(l *dns.Lookup, tag string) []*dns.CAA {
	var list []*dns.CAA
	for _, rec := range l.Records() {
		if rec.CAA != nil && strings.EqualFold(rec.CAA.Tag, tag) {
			list = append(list, rec.CAA)
		}
	}
	return list
}

// issuer reads the value of an issue property (RFC 8659 §4.2): the authority's
// domain, "" for nobody, and then parameters. A value that is not of that form
// permits nobody either.
func issuer(value string) (domain string, ok bool) {
	domain, params, _ := strings.Cut(value, ";")
	domain = strings.Trim(domain, " \t")
	if domain != "" {
		for label := range strings.SplitSeq(domain, ".") {
			if label == "" || strings.Trim(label, ldh) != "" || label[0] == '-' || label[len(label)-1] == '-' {
				return "", false
			}
		}
	}
	for p := range strings.SplitSeq(params, ";") {
		p = strings.Trim(p, " \t")
		if p == "" {
			continue
		}
		tag, v, eq := strings.Cut(p, "=")
		tag, v = strings.Trim(tag, " \t"), strings.Trim(v, " \t")
		if !eq || tag == "" || strings.Trim(tag, ldh) != "" || strings.ContainsFunc(v, func(c rune) bool { return c < '!' || c > '~' }) {
			return "", false
		}
	}
	return strings.ToLower(domain), true
}

const ldh = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

// permits tells whether a set lets one of an authority's domains issue: by the
// first of the tags that the set has. A set without any of them restricts nobody.
func permits(l *dns.Lookup, domains []string, tags ...string) bool {
	for _, tag := range tags {
		list := properties(l, tag)
		if len(list) == 0 {
			continue
		}
		return slices.ContainsFunc(list, func(c *dns.CAA) bool {
			d, ok := issuer(c.Value)
			return ok && d != "" && slices.Contains(domains, d)
		})
	}
	return true
}
