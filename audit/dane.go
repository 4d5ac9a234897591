package audit

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dane"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/mx"
	"github.com/postseal/postseal/starttls"
)

// gatherDANE asks for MX itself, which the cache answers, to run beside the
// look-ups of the hosts' addresses instead of after them. A domain without MX
// records is its own host if it has an address, which package mx finds out.
func gatherDANE(ctx context.Context, r dns.Resolver, f *Facts, mxDone <-chan struct{}) (*dane.Facts, error) {
	mail := dns.Ask(ctx, r, f.Domain, dns.TypeMX)
	if mail.Found() {
		return dane.Gather(ctx, r, f.Domain, mail, mx.NamesOf(&mail))
	}
	select {
	case <-mxDone:
	case <-ctx.Done():
	}
	if ctx.Err() != nil || f.MX == nil {
		return nil, ctx.Err()
	}
	return dane.Gather(ctx, r, f.Domain, f.MX.Lookup, f.MX.Names())
}

// daneMatches tells whether the host is bound by secure TLSA records under a
// secure MX answer, and every measured certificate is one that they name
// (RFC 7672 §3.1); known is false where nobody could tell.
func daneMatches(f *Facts, h *starttls.Host) (matches, known bool) {
	d := daneHost(f, h.Name)
	if d == nil {
		return false, f.DANE.HostsUnknown == nil
	}
	bound, unsure := f.DANE.Bound(d)
	if !bound && unsure == nil || f.DANE.SecureMX == "no" {
		return false, true
	}
	if d.Lookup.Unknown() {
		return false, false
	}
	measured := false
	for _, s := range port25(h) {
		if s.Certificate == nil {
			continue
		}
		if v := dane.Match(d.Lookup.Records(), shown(f, d, s.Certificate)); !v.OK() {
			return false, true
		}
		measured = true
	}
	known = measured && bound && f.DANE.SecureMX == "yes"
	return known, known
}

func daneHost(f *Facts, name dns.Name) *dane.Host {
	for _, d := range f.DANE.Hosts {
		if d.Name == name {
			return d
		}
	}
	return nil
}

func port25(h *starttls.Host) []*starttls.Session {
	var out []*starttls.Session
	for _, s := range h.Sessions {
		if s.Port == 25 {
			out = append(out, s)
		}
	}
	return out
}

// shown is a certificate as its TLSA records are held against it. Under usage 2
// the leaf may have the name of the host or that of the domain whose mail it
// takes (RFC 7672 §3.2.2).
func shown(f *Facts, d *dane.Host, c *starttls.Cert) dane.Shown {
	names := []dns.Name{d.Base()}
	if f.Domain != d.Base() {
		names = append(names, f.Domain)
	}
	return dane.Shown{Chain: c.DER, Names: names, At: c.CheckedAt}
}

// otherCert is the certificate that a server showed to clients that know only
// the other type of key, nil where it has none; open is why nobody can tell.
func otherCert(s *starttls.Session) (c *starttls.Cert, open error) {
	if s.Handshakes == nil {
		return nil, check.NotAskedFor("--tls-versions standard")
	}
	for _, h := range s.Handshakes.Tried {
		if h.Kind == "other-key" && (h.Result == "accepted" || h.Result == "refused") {
			return s.Handshakes.Other, nil
		}
	}
	return nil, check.Cause{Code: "dane-other-key-open", Params: check.Params{"Host": s.Host.String(), "Address": s.Addr.String()}}
}

// held is a mail host whose TLSA records bind, and what became of them at each
// address that was measured.
type held struct {
	f        *Facts
	host     *dane.Host
	usable   []dns.Record
	sessions []*starttls.Session // that came to an end
	shows    []showing25         // those of them that showed a certificate
	open     []netip.Addr        // addresses whose certificate nobody saw
}

// showing25 is one certificate and what senders make of it.
type showing25 struct {
	session *starttls.Session
	cert    *starttls.Cert
	shown   dane.Shown
	verdict dane.Verdict
	other   bool // for clients that know only the other type of key
}

func hold(f *Facts, d *dane.Host, ended []*starttls.Session) *held {
	h := &held{f: f, host: d, usable: d.Usable(), sessions: ended}
	for _, s := range ended {
		h.add(s, s.Certificate, false)
		if c, _ := otherCert(s); c != nil {
			h.add(s, c, true)
		}
	}
	for _, host := range f.STARTTLS.Hosts {
		if host.Name != d.Name {
			continue
		}
		for _, s := range port25(host) {
			if !slices.ContainsFunc(h.shows, func(x showing25) bool { return x.session == s }) && !noTLS(s) {
				h.open = append(h.open, s.Addr)
			}
		}
	}
	return h
}

// noTLS: the address is known to show no certificate, by rules of its own.
func noTLS(s *starttls.Session) bool {
	return s.STARTTLS == "missing" || s.STARTTLS == "refused" || noHandshake(s)
}

func (h *held) add(s *starttls.Session, c *starttls.Cert, other bool) {
	if c == nil || len(c.DER) == 0 {
		return
	}
	show := shown(h.f, h.host, c)
	h.shows = append(h.shows, showing25{s, c, show, dane.Match(h.usable, show), other})
}

// first are the certificates of ordinary handshakes.
func (h *held) first() []showing25 {
	return slices.DeleteFunc(slices.Clone(h.shows), func(x showing25) bool { return x.other })
}

// split tells how many ordinary handshakes show what a record names, and how many not.
func (h *held) split() (match, miss int) {
	for _, x := range h.first() {
		if x.verdict.OK() {
			match++
		} else {
			miss++
		}
	}
	return match, miss
}

// why is the cause that nothing matches at any address, and where it was seen;
// none where something matches somewhere.
func (h *held) why() (*showing25, dane.Explanation) {
	best, at := dane.Explanation{Why: dane.WhyNothing, Record: -1}, (*showing25)(nil)
	if match, _ := h.split(); match > 0 || len(h.usable) == 0 {
		return nil, best
	}
	shows := h.first()
	for i := range shows {
		e := dane.Explain(h.usable, shows[i].shown, shows[i].verdict)
		if at == nil || slices.Index(dane.Whys, e.Why) < slices.Index(dane.Whys, best.Why) {
			best, at = e, &shows[i]
		}
	}
	return at, best
}

// finding is one about what a session showed, with the records that would be
// right for all that the host shows: those that match, else each key's own.
func (h *held) finding(x *showing25, params check.Params) *check.Finding {
	params["Expected"], params["Published"] = expected(x.cert), data(h.usable)
	find := onHost(h.host, x.session, params)
	find.Record = h.usable[0].Data
	var right []string
	for _, s := range h.shows {
		rec := expected(s.cert)
		if v := s.verdict; v.OK() {
			rec = h.usable[v.Match].Data
		} else if i := slices.IndexFunc(v.Outcomes, func(o dane.Outcome) bool { return o.Would == dane.HowMatches }); i >= 0 {
			rec = h.usable[i].Data
		}
		if rec != "" && !slices.Contains(right, rec) {
			right = append(right, rec)
		}
	}
	if len(right) > 0 {
		old := []string{}
		for _, r := range h.host.Lookup.Records() {
			old = append(old, r.Data)
		}
		find.Fix = &check.Fix{Records: []check.RecordChange{{Name: h.host.Lookup.Answer.Owner().FQDN(), Type: "TLSA", Old: old, New: right}}}
	}
	return find
}

// expected is the record that names the key of a certificate, "" when it has none.
func expected(c *starttls.Cert) string {
	if len(c.DER) == 0 {
		return ""
	}
	a, err := dane.OfLeaf(c.DER[0])
	if err != nil {
		return ""
	}
	return a.String()
}

// daneInUse are the data of the host's records that name a certificate seen at
// it, nil when none was seen.
func daneInUse(f *Facts, d *dane.Host) []string {
	ended, _ := measured(f, d.Name)
	h := hold(f, d, ended)
	if len(h.shows) == 0 {
		return nil
	}
	used := []string{}
	for _, x := range h.shows {
		for i, o := range x.verdict.Outcomes {
			if o.How == dane.HowMatches {
				used = append(used, h.usable[i].Data)
			}
		}
	}
	return used
}

func onHost(d *dane.Host, s *starttls.Session, params check.Params) *check.Finding {
	params["Host"], params["Address"] = d.Name.String(), s.Addr.String()
	return &check.Finding{Subject: fmt.Sprintf("%s:25", d.Name), Scope: d.Name.String(), Params: params}
}
