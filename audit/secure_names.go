package audit

import (
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dnssec"
	"github.com/postseal/postseal/mtasts"
)

// Bounds of the names listed.
const (
	maxSecureHosts = 20
	maxSecureKeys  = 10
)

// settleNames notes how secure the names are that mail depends on, from the
// answers that were had: no further question is asked.
func settleNames(f *Facts) {
	d := f.DNSSEC
	d.Names = []dnssec.Name{{Name: f.Domain, What: dnssec.WhatDomain, State: d.State, Cause: d.Cause}}
	if d.State == dnssec.Bogus {
		d.Names[0].Cause = string(d.Flaw)
	}
	listed := 0
	for _, h := range f.MX.Hosts {
		if h.Over || f.MX.Implicit || listed == maxSecureHosts {
			continue
		}
		listed++
		d.Add(dnssec.WhatMXHost, h.Name, &h.A, &h.AAAA)
	}
	if len(f.DMARC.Steps) > 0 {
		l := &f.DMARC.Steps[0].Lookup
		d.Add(dnssec.WhatDMARC, l.Name, l)
	}
	listed = 0
	for _, s := range f.DKIM.Selectors {
		if s.FoundBy == dkim.ByWildcard || s.Status == "missing" || listed == maxSecureKeys {
			continue
		}
		listed++
		d.Add(dnssec.WhatDKIM, s.Owner(), &s.Lookup)
	}
	if listed == 0 {
		d.Add(dnssec.WhatDKIM, f.DKIM.NodeTXT.Name, &f.DKIM.NodeTXT)
	}
	if f.MTASTS.Lookup.Found() || f.MTASTS.HostA.Found() || f.MTASTS.HostAAAA.Found() {
		d.Add(dnssec.WhatPolicyHost, mtasts.PolicyHost(f.Domain), &f.MTASTS.HostA, &f.MTASTS.HostAAAA)
	}
}
