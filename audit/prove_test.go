package audit

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// TestProve: a look-up that fails at the resolver is the domain's fault only
// where a name server says so itself and no other one has an answer.
func TestProve(t *testing.T) {
	const zone = `
$ORIGIN example.com.
@ SOA ns1 h 1 7200 3600 1209600 900
@ NS ns1
@ NS ns2
@ A 5.6.7.80
ns1 A 5.6.7.53
ns2 A 5.6.8.53
`
	type servers map[string]dns.Kind // by address; "" is an answer
	for name, tt := range map[string]struct {
		zone string
		say  servers // nil: servers are not asked
		kind string  // how the resolver fails
		want check.Status
	}{
		"both fail":            {zone, servers{"5.6.7.53": dns.ServFail, "5.6.8.53": dns.ServFail}, "servfail", check.Fail},
		"both refuse":          {zone, servers{"5.6.7.53": dns.Refused, "5.6.8.53": dns.Refused}, "timeout", check.Fail},
		"one fails, one mute":  {zone, servers{"5.6.7.53": dns.ServFail, "5.6.8.53": dns.Timeout}, "servfail", check.Fail},
		"both mute":            {zone, servers{"5.6.7.53": dns.Timeout, "5.6.8.53": dns.Timeout}, "timeout", check.Unknown},
		"no way out":           {zone, servers{"5.6.7.53": dns.Network, "5.6.8.53": dns.Network}, "timeout", check.Unknown},
		"one answers":          {zone, servers{"5.6.7.53": dns.ServFail, "5.6.8.53": ""}, "servfail", check.Unknown},
		"one refers elsewhere": {zone, servers{"5.6.7.53": dns.ServFail, "5.6.8.53": dns.Lame}, "servfail", check.Unknown},
		"not asked":            {zone, nil, "servfail", check.Unknown},
		"refused by resolver":  {zone, servers{"5.6.7.53": dns.ServFail, "5.6.8.53": dns.ServFail}, "refused", check.Unknown},
		"a server without address": {strings.Replace(zone, "ns2 A 5.6.8.53", "ns2 TXT x", 1),
			servers{"5.6.7.53": dns.ServFail}, "servfail", check.Unknown},
		"servers unknown": {strings.NewReplacer("@ NS ns1", "@ NS ; !servfail", "@ NS ns2", "").Replace(zone),
			servers{"5.6.7.53": dns.ServFail, "5.6.8.53": dns.ServFail}, "servfail", check.Unknown},
	} {
		for rule, question := range map[string]string{
			"mx-lookup-failed": "@ MX", "spf-lookup-failed": "@ TXT", "dmarc-lookup-failed": "_dmarc TXT",
			"mtasts-record-lookup-failed": "_mta-sts TXT", "tlsrpt-record-lookup-failed": "_smtp._tls TXT",
			"bimi-record-lookup-failed": "default._bimi TXT", "dkim-lookup-failed": "s1._domainkey TXT", "caa-lookup-failed": "@ MX 10 ns1\n@ CAA",
		} {
			text := tt.zone + question + " ; !" + tt.kind + "\n"
			a := &Auditor{Resolver: dnstest.New(t, text), Now: testNow, NoSMTP: "disabled"}
			if tt.say != nil {
				a.AskServer = func(_ context.Context, server netip.Addr, name dns.Name, qtype dns.Type) (dns.Answer, error) {
					if qtype == dns.TypeSOA {
						return dns.Answer{Status: dns.Found, Records: []dns.Record{{Name: name, Type: qtype, SOA: &dns.SOA{Serial: 1}}}}, nil
					}
					if kind := tt.say[server.String()]; kind != "" {
						return dns.Answer{}, &dns.Error{Name: name, Type: qtype, Kind: kind, Server: server.String()}
					}
					return dns.Answer{Name: name, Type: qtype, Status: dns.NoData}, nil
				}
			}
			out, err := a.Audit(t.Context(), Request{Domain: "example.com", Selectors: []string{"s1"}, Profile: check.ProfileMail, ProfileSource: "flag"})
			if err != nil {
				t.Fatal(err)
			}
			for _, res := range out.Results {
				if res.Rule.ID == rule && res.Status != tt.want {
					t.Errorf("%s, %s: got %s, want %s", name, rule, res.Status, tt.want)
				}
			}
		}
	}
}
