package audit

import (
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/zone"
)

// TestMXWorkedExamples holds mail hosts, CAA, SRV, reverse names and block lists
// to examples worked out by hand. Each names what must be found ("severity rule"),
// what must not, and what must stay unknown.
func TestMXWorkedExamples(t *testing.T) {
	const two = `
example.com. MX 10 mx1.example.com.
mx1.example.com. A 5.6.7.8
mx1.example.com. AAAA 2a01::8
`
	for _, c := range []struct {
		n                      int
		zone                   string
		domain                 dns.Name // "" for example.com
		found, absent, unknown string   // separated by commas
		lists                  []dns.Name
		served                 *zone.Served
	}{
		{n: 1, zone: two + "example.com. MX 20 mx2.example.com.\nmx2.example.com. A 5.6.8.8\nmx2.example.com. AAAA 2a01::9\n", absent: "mx-"},
		{n: 2, zone: "example.com. MX 0 .\n", found: "info mx-null", absent: "starttls-,mx-target-,mtasts-"},
		{n: 3, zone: "example.com. MX 0 .\n" + two, found: "error mx-null-with-others"},
		{n: 4, zone: "example.com. MX 10 .\n", found: "info mx-null,notice mx-null-preference"},
		{n: 5, zone: "example.com. MX 0 .\nexample.com. TXT \"v=spf1 include:_spf.google.com ~all\"\n_spf.google.com. TXT \"v=spf1 ip4:5.6.7.0/24 ~all\"\n", found: "warning mx-null-but-sends"},
		{n: 6, zone: "example.com. A 5.6.7.9\nexample.com. TXT \"v=spf1 -all\"\n", found: "notice mx-null-advised", absent: "mx-implicit"},
		{n: 7, zone: "example.com. A 5.6.7.9\nexample.com. TXT \"v=spf1 a -all\"\n", found: "warning mx-implicit"},
		{n: 8, zone: "example.com. TXT \"x\"\n", found: "info mx-none"},
		{n: 9, zone: "example.com. MX 10 192.0.2.1.\n", found: "error mx-target-ip", absent: "mx-target-nxdomain,mx-target-unregistered"},
		{n: 10, zone: "example.com. MX 10 mail.example.com.example.com.\n", found: "error mx-target-doubled", absent: "mx-target-nxdomain"},
		{n: 11, zone: "example.com. MX 10 mail.example.com.\nmail.example.com. CNAME mx.prov.example.\nmx.prov.example. A 5.6.7.8\n", found: "warning mx-target-cname"},
		{n: 12, domain: "shop.example.com", zone: "shop.example.com. CNAME mailhost.example.\nmailhost.example. MX 10 mx.mailhost.example.\nmx.mailhost.example. A 5.6.7.8\n",
			absent: "mx-target-,mx-none,mx-implicit,dns-apex-cname"},
		{n: 13, zone: "example.com. MX 10 mx1.example.com.\nmx1.example.com. A 10.0.0.1\n", found: "error mx-target-special-address"},
		// Both are special: 198.51.100.0/24 is for documentation, so nothing is left to reach.
		{n: 14, zone: "example.com. MX 10 mx1.example.com.\nmx1.example.com. A 10.0.0.1\nmx1.example.com. A 198.51.100.9\n", found: "error mx-target-special-address"},
		// With an address that the Internet can reach it is a warning.
		{n: 14, zone: "example.com. MX 10 mx1.example.com.\nmx1.example.com. A 10.0.0.1\nmx1.example.com. A 5.6.7.8\n", found: "warning mx-target-special-address"},
		{n: 15, zone: two + "net. NS a.net.\nexample.com. MX 20 mx.gone.net.\n", found: "error mx-target-unregistered", absent: "mx-target-nxdomain"},
		{n: 16, zone: "example.com. MX ; !servfail\nexample.com. A 5.6.7.9\n", unknown: "mx-lookup-failed", absent: "mx-none,mx-implicit"},
		{n: 17, zone: two + "example.com. MX 20 ms12345.msv1.invalid.\n", found: "info mx-target-nxdomain", absent: "mx-target-unregistered"},
		{n: 18, zone: two + "example.com. CAA 0 issue \"letsencrypt.org\"\n", found: "warning caa-blocks-current-ca",
			served: &zone.Served{Issuer: "DigiCert", Domains: []string{"digicert.com"}}},
		{n: 18, zone: two + "example.com. CAA 0 issue \"letsencrypt.org\"\n", absent: "caa-blocks-current-ca",
			served: &zone.Served{Issuer: "Let's Encrypt", Domains: []string{"letsencrypt.org"}}},
		{n: 19, zone: two + "example.com. CAA 128 foo \"x\"\n", found: "error caa-unknown-critical"},
		{n: 19, zone: two + "example.com. CAA 0 foo \"x\"\n", absent: "caa-unknown-critical,caa-syntax"},
		{n: 20, zone: two + "_submissions._tcp.example.com. SRV 0 0 0 .\n", found: "info srv-not-offered", absent: "srv-target-no-address,srv-port-unusual,srv-submissions-missing"},
		{n: 21, zone: two + "2.0.0.127.bl.example.net. A 127.255.255.254\n8.7.6.5.bl.example.net. A 127.255.255.254\n", lists: []dns.Name{"bl.example.net"}, unknown: "dnsbl-listed"},
		{n: 22, zone: two + "8.7.6.5.in-addr.arpa. PTR mail.example.com.\nmail.example.com. A 5.6.7.9\n", found: "info ptr-not-confirmed", absent: ""},
	} {
		domain := c.domain
		if domain == "" {
			domain = "example.com"
		}
		a := &Auditor{Resolver: dnstest.New(t, c.zone), Now: testNow, NoSMTP: "disabled"}
		out, err := a.Audit(t.Context(), Request{Domain: domain, BlockLists: c.lists})
		if err != nil {
			t.Fatal(err)
		}
		results := out.Results
		if c.served != nil {
			for _, h := range out.Facts.Zone.CAA.Hosts {
				h.Served = c.served
			}
			results = check.Evaluate(zone.Rules, out.Facts.Zone)
		}
		status := map[string]check.Status{}
		var found []string
		for _, r := range results {
			status[r.Rule.ID] = r.Status
			for i := range r.Findings {
				found = append(found, r.Rule.SeverityOf(&r.Findings[i]).String()+" "+r.Rule.ID)
			}
		}
		for _, want := range fields(c.found) {
			if !slices.Contains(found, want) {
				t.Errorf("M%d: got %v, want %s among them", c.n, found, want)
			}
		}
		for _, not := range fields(c.absent) {
			for _, have := range found {
				severity, id, _ := strings.Cut(have, " ")
				// A whole family is absent when nothing in it is more than a fact.
				if id == not || strings.HasSuffix(not, "-") && strings.HasPrefix(id, not) && severity != "info" {
					t.Errorf("M%d: got %s, want no %s", c.n, have, not)
				}
			}
		}
		for _, id := range fields(c.unknown) {
			if status[id] != check.Unknown {
				t.Errorf("M%d: got %s of %s, want unknown", c.n, status[id], id)
			}
		}
	}
}

func fields(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' })
}
