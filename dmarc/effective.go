package dmarc

import "github.com/postseal/postseal/dns"

// policy is what the record asks for mail from a name: its own (own), or one
// that inherits the record and exists or not (RFC 9989 §4.7, §4.10.1).
func (r *Record) policy(own, exists bool) Policy {
	if r.Broken() {
		// p=none where reports can go, else no DMARC processing (§4.10.1).
		if r.ValidRUA() {
			return Policy{Policy: "none", Known: true}
		}
		return Policy{Known: true}
	}
	tags := []string{"np", "sp", "p"}
	switch {
	case own:
		tags = tags[2:]
	case exists:
		tags = tags[1:]
	}
	for _, tag := range tags {
		l := r.Level(tag)
		if l == 0 {
			continue
		}
		p := Policy{Tag: tag, Known: true, Published: l.String()}
		if r.Testing() && l > None {
			l, p.Testing = l-1, true // §4.7, A.6: one level lower
		}
		p.Policy = l.String()
		return p
	}
	return Policy{Known: true}
}

// effective are the policies for the name and for names below it.
func (a *Applied) effective() Effective {
	below := a.Discovery.below()
	return Effective{Domain: a.Policy, Subdomain: below.policy(dns.StateNoData), Nonexistent: below.policy(dns.StateNXDomain)}
}

// agree is a policy that holds either way, else one that is not known.
func agree(a, b Policy) Policy {
	if a.Policy == b.Policy {
		return a
	}
	return Policy{}
}

// levelOf is the level of an effective policy; DMARC not applied is weakest.
func levelOf(p Policy) Level { return ParseLevel(p.Policy) }

// InForce tells whether DMARC is applied to mail from the domain, and whether
// that is known.
func (f *Facts) InForce() (known, ok bool) {
	if !f.Known {
		return false, false
	}
	rec := f.Record()
	return true, rec != nil && (!rec.Broken() || rec.ValidRUA())
}

// Record is the record whose policy applies, the domain's own or an inherited
// one; nil when there is none or it is not known.
func (f *Facts) Record() *Record {
	if f.policy == nil {
		return nil
	}
	return f.policy.record
}

// Own tells whether the record that applies stands at the domain itself.
func (f *Facts) Own() bool { return f.policy != nil && f.policy.Name == f.Domain }

// SubdomainPolicy is the weaker of what applies to existing and to non-existent
// names below the domain, t=y taken into account; "" is no DMARC at all.
func (f *Facts) SubdomainPolicy() (policy string, known bool) {
	s, n := f.Effective.Subdomain, f.Effective.Nonexistent
	if !s.Known || !n.Known {
		return "", false
	}
	return min(levelOf(s), levelOf(n)).String(), true
}

// PolicyActsAsNone tells whether mail that fails is let through: p=none,
// quarantine lowered by t=y, or a record whose broken policy tags leave only
// reports.
func (f *Facts) PolicyActsAsNone() bool {
	return f.Effective.Domain.Known && f.Effective.Domain.Policy == "none"
}

// RUAOK tells whether aggregate reports arrive as asked: there is a rua, each
// of its URIs is valid mailto, and the external ones are authorised.
func (f *Facts) RUAOK() (ok, known bool) {
	if !f.Known {
		return false, false
	}
	rec := f.Record()
	if rec == nil {
		return false, true
	}
	mailto := false
	for _, u := range rec.RUA {
		mailto = mailto || u.Valid && u.Scheme == "mailto"
	}
	if !mailto {
		return false, true
	}
	known = true
	for _, d := range f.Destinations {
		if d.Tag != "rua" || d.scheme != "mailto" {
			continue
		}
		switch d.Authorized {
		case "no":
			return false, true
		case "unknown":
			known = false
		}
	}
	return known, known
}
