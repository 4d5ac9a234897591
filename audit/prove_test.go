package audit

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
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
		// An answer is there, and whoever reaches the servers over TCP may have it.
		"both cut":            {zone, servers{"5.6.7.53": dns.Truncated, "5.6.8.53": dns.Truncated}, "servfail", check.Unknown},
		"one fails, one cut":  {zone, servers{"5.6.7.53": dns.ServFail, "5.6.8.53": dns.Truncated}, "servfail", check.Unknown},
		"not asked":           {zone, nil, "servfail", check.Unknown},
		"refused by resolver": {zone, servers{"5.6.7.53": dns.ServFail, "5.6.8.53": dns.ServFail}, "refused", check.Unknown},
		"a server without address": {strings.Replace(zone, "ns2 A 5.6.8.53", "ns2 TXT x", 1),
			servers{"5.6.7.53": dns.ServFail}, "servfail", check.Unknown},
		"servers unknown": {strings.NewReplacer("@ NS ns1", "@ NS ; !servfail", "@ NS ns2", "").Replace(zone),
			servers{"5.6.7.53": dns.ServFail, "5.6.8.53": dns.ServFail}, "servfail", check.Unknown},
	} {
		for rule, question := range map[string]string{
			"mx-lookup-failed": "@ MX", "spf-lookup-failed": "@ TXT", "dmarc-lookup-failed": "_dmarc TXT",
			"mtasts-record-lookup-failed": "_mta-sts TXT", "tlsrpt-record-lookup-failed": "_smtp._tls TXT",
			"bimi-record-lookup-failed": "default._bimi TXT", "dkim-lookup-failed": "s1._domainkey TXT", "caa-lookup-failed": "@ MX 10 ns1\n@ CAA",
			// Senders ask for TLSA records only where the address is secure.
			"dane-lookup-failed": "; !secure example.com\n@ MX 10 ns1\n_25._tcp.ns1 TLSA",
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
			i := slices.IndexFunc(out.Results, func(r check.Result) bool { return r.Rule.ID == rule })
			if i < 0 {
				t.Fatalf("there is no rule %s", rule)
			}
			if got := out.Results[i].Status; got != tt.want {
				t.Errorf("%s, %s: got %s, want %s", name, rule, got, tt.want)
			}
		}
	}
}

// TestProvenKeys: of many selectors that fail only some are proven, those that
// somebody named or that a message shows before any guess.
func TestProvenKeys(t *testing.T) {
	failed := func(by string, n int) (list []*dkim.Selector) {
		for i := range n {
			name := dns.Name(fmt.Sprintf("%s%d._domainkey.example.com", by, i))
			list = append(list, &dkim.Selector{FoundBy: by, Lookup: dns.Lookup{Name: name, Type: dns.TypeTXT,
				State: dns.StateUnknown, Error: &dns.Error{Name: name, Type: dns.TypeTXT, Kind: dns.ServFail}}})
		}
		return list
	}
	answered := &dkim.Selector{FoundBy: dkim.ByNamed, Lookup: dns.Lookup{Name: "s._domainkey.example.com", Type: dns.TypeTXT, State: dns.StateNoData}}
	selectors := slices.Concat(failed(dkim.ByWordlist, 20), []*dkim.Selector{answered}, failed(dkim.ByNamed, 2), failed(dkim.ByObserved, 1))
	var got []string
	for _, l := range failedKeys(selectors) {
		got = append(got, l.Name.String()[:strings.IndexByte(l.Name.String(), '.')])
	}
	want := []string{"named0", "named1", "observed0", "wordlist0", "wordlist1", "wordlist2", "wordlist3", "wordlist4"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	// The servers of the zone are asked no more than that.
	asked := map[dns.Name]bool{}
	var mu sync.Mutex
	a := &Auditor{NoSMTP: "disabled", Now: testNow,
		AskServer: func(_ context.Context, server netip.Addr, name dns.Name, qtype dns.Type) (dns.Answer, error) {
			mu.Lock()
			defer mu.Unlock()
			if strings.Contains(name.String(), "._domainkey.") {
				asked[name] = true
			}
			return dns.Answer{}, &dns.Error{Name: name, Type: qtype, Kind: dns.ServFail, Server: server.String()}
		}}
	zone := "$ORIGIN example.com.\n@ SOA ns1 h 1 7200 3600 1209600 900\n@ NS ns1\nns1 A 5.6.7.53\n_domainkey TXT x\n"
	var named []string
	for i := range 12 {
		name := fmt.Sprintf("k%d", i)
		named, zone = append(named, name), zone+name+"._domainkey TXT ; !servfail\n"
	}
	a.Resolver = dnstest.New(t, zone)
	out, err := a.Audit(t.Context(), Request{Domain: "example.com", Selectors: named, Profile: check.ProfileMail, ProfileSource: "flag"})
	if err != nil {
		t.Fatal(err)
	}
	proven := 0
	for _, s := range out.Facts.DKIM.Selectors {
		if s.Lookup.Unknown() && s.Lookup.Error.Authoritative {
			proven++
		}
	}
	if len(asked) != maxProvenKeys || proven != maxProvenKeys {
		t.Errorf("the servers were asked for %d selectors and %d are proven, want %d", len(asked), proven, maxProvenKeys)
	}
}

// TestCutAnswers: TXT answers that fit UDP nowhere, from a server that takes no
// TCP, are unknown. The same is seen from a network that lets only UDP out.
func TestCutAnswers(t *testing.T) {
	srv := dnstest.ServeHostile(t, dnstest.OnlyUDP)
	run, err := dns.NewRun(dns.RunConfig{Config: dns.Config{Servers: []string{srv.Addr.String()}}, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	a := &Auditor{Resolver: run, Now: testNow, NoSMTP: "disabled"}
	out, err := a.Audit(t.Context(), Request{Domain: "example.com", Profile: check.ProfileMail, ProfileSource: "flag"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range out.Results {
		switch r.Rule.ID {
		case "spf-lookup-failed", "spf-missing", "spf-txt-rrset-size":
			if r.Status != check.Unknown || len(r.Causes) == 0 {
				t.Errorf("%s: %s %v", r.Rule.ID, r.Status, r.Causes)
			}
		}
	}
	if e := out.Facts.SPF.Lookup.Error; e == nil || e.Kind != dns.Truncated || e.Authoritative {
		t.Errorf("got %v, want an unproven answer cut short", e)
	}
}
