package audit

import (
	"testing"

	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/score"
)

// TestTakeoverCap: only a target in a domain that nobody has registered, though
// anybody could, caps the score (SCORE, caps).
func TestTakeoverCap(t *testing.T) {
	const zone = `
example.com.      MX  10 mx1.example.com.
mx1.example.com.  A   5.6.7.25
net.              NS  ns.net.
held.net.         NS  ns.held.net.
`
	for name, c := range map[string]struct {
		records string
		capped  bool
	}{
		"SPF, nobody's":                {`example.com. TXT "v=spf1 include:spf.free.net -all"`, true},
		"SPF, redirect":                {`example.com. TXT "v=spf1 redirect=spf.free.net"`, true},
		"SPF, exp":                     {`example.com. TXT "v=spf1 -all exp=why.free.net"`, true},
		"SPF, somebody's":              {`example.com. TXT "v=spf1 include:spf.held.net -all"`, false},
		"SPF, no such suffix":          {`example.com. TXT "v=spf1 include:spf.free.nosuchtld -all"`, false},
		"SPF, behind all":              {`example.com. TXT "v=spf1 -all include:spf.free.net"`, false},
		"_dmarc, nobody's":             {`_dmarc.example.com. CNAME d.free.net.`, true},
		"_dmarc, somebody's":           {`_dmarc.example.com. CNAME d.held.net.`, false},
		"_dmarc, no such suffix":       {`_dmarc.example.com. CNAME d.free.nosuchtld.`, false},
		"_mta-sts, nobody's":           {`_mta-sts.example.com. CNAME s.free.net.`, true},
		"_mta-sts, somebody's":         {`_mta-sts.example.com. CNAME s.held.net.`, false},
		"_mta-sts, no such suffix":     {`_mta-sts.example.com. CNAME s.free.nosuchtld.`, false},
		"policy host, nobody's":        {"_mta-sts.example.com. TXT \"v=STSv1; id=1\"\nmta-sts.example.com. CNAME s.free.net.", true},
		"policy host, somebody's":      {"_mta-sts.example.com. TXT \"v=STSv1; id=1\"\nmta-sts.example.com. CNAME s.held.net.", false},
		"policy host without a record": {`mta-sts.example.com. CNAME s.free.net.`, false},
		"DKIM, nobody's":               {`s1._domainkey.example.com. CNAME k.free.net.`, true},
		"DKIM, somebody's":             {`s1._domainkey.example.com. CNAME k.held.net.`, false},
	} {
		a := &Auditor{Now: testNow, NoSMTP: "disabled", Resolver: dnstest.New(t, zone+c.records)}
		out, err := a.Audit(t.Context(), Request{Domain: "example.com", Selectors: []string{"s1"}})
		if err != nil {
			t.Fatal(err)
		}
		_, s := out.score()
		capped := false
		for _, o := range s.Caps {
			capped = capped || o.ID == score.CapID("takeover")
		}
		if capped != c.capped {
			t.Errorf("%s: take-over cap %v, want %v", name, capped, c.capped)
		}
	}
}
