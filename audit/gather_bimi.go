package audit

import (
	"context"

	"github.com/postseal/postseal/bimi"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dns"
)

// organization waits for DMARC's tree walk and gives the organizational domain
// that it found.
func organization(f *Facts, walked <-chan struct{}) func(context.Context) (dns.Name, error) {
	return func(ctx context.Context) (dns.Name, error) {
		select {
		case <-walked:
		case <-ctx.Done():
			return "", check.Cause{Code: "bimi-no-organization"}
		}
		switch {
		case f.DMARC == nil || f.DMARC.OrganizationalDomain == "":
			return "", check.Cause{Code: "bimi-no-organization"}
		}
		return f.DMARC.OrganizationalDomain, nil
	}
}

// BIMIGate is what DMARC says that decides whether receivers look at BIMI: the
// record that applies, and that of the organization above it.
func BIMIGate(f *dmarc.Facts) *bimi.Gate {
	g := &bimi.Gate{Names: []string{}, Records: []bimi.GateItem{}}
	if !f.Known || !f.Effective.Domain.Known {
		g.Cause = check.Cause{Code: "bimi-no-dmarc"}
		return g
	}
	g.Policy = f.Effective.Domain.Policy
	add := func(name dns.Name, rec *dmarc.Record) {
		if rec == nil || name == "" {
			return
		}
		item := bimi.GateItem{Name: name.Child("_dmarc").String(), Text: rec.Text, Testing: rec.Testing()}
		if l := rec.Level("p"); l != 0 {
			item.P = l.String()
		}
		if l := rec.Level("sp"); l != 0 && rec.Has("sp") {
			item.SP = l.String()
		}
		if t := rec.Tag("pct"); t != nil {
			item.Pct = t.Value
		}
		for _, have := range g.Records {
			if have.Name == item.Name {
				return
			}
		}
		g.Records = append(g.Records, item)
	}
	if _, inForce := f.InForce(); inForce {
		add(f.PolicyName, f.Record())
		for _, s := range f.Steps {
			if s.Name == f.OrganizationalDomain && s.Kept {
				add(s.Name, s.Record())
			}
		}
	}
	for _, s := range f.Steps {
		if s.Name == f.Domain || s.Name == f.OrganizationalDomain {
			g.Names = append(g.Names, s.Name.Child("_dmarc").String())
		}
	}
	return g
}
