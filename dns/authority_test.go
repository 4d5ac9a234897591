package dns_test

import (
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// TestAskAuthority finds the zone of a name on both ways: by the SOA beside a
// denial, and up the tree where a denial has none. The SOA behind an alias is
// not the name's.
func TestAskAuthority(t *testing.T) {
	world := dnstest.New(t, `
example.com.       SOA ns1.example.com. h.example.com. 1 2 3 4 900
a.b.example.com.   TXT "x"
alias.example.com. CNAME other.test.
other.test.        SOA ns.other.test. h.other.test. 1 2 3 4 5
slow.example.com.  SOA ; !timeout
`)
	zone := parseZone(t, "example.com", "@ 300 SOA ns1 h 1 2 3 4 900\nb A 192.0.2.1\n")
	overlay := dns.Overlay([]*dns.Zone{zone}, nil)
	for _, tc := range []struct {
		r    dns.Resolver
		name dns.Name
		want dns.Name
	}{
		{world, "example.com", "example.com"},
		{world, "a.b.example.com", "example.com"},
		{world, "none.example.com", "example.com"},
		{world, "alias.example.com", "example.com"},
		{world, "slow.example.com", ""},
		{world, "example.net", ""},
		{overlay, "none.b.example.com", "example.com"},
		{overlay, "example.org", ""},
	} {
		l := dns.AskAuthority(t.Context(), tc.r, tc.name)
		got := dns.Name("")
		if l.Found() {
			got = l.Answer.Records[0].Name
		}
		if got != tc.want {
			t.Errorf("%s: got the zone %q (%s), want %q", tc.name, got, l.State, tc.want)
		}
	}
	l := dns.AskAuthority(t.Context(), overlay, "b.example.com")
	soa := l.Records()[0]
	if exact, counting := soa.NegativeTTL(false), soa.NegativeTTL(true); exact != 5*time.Minute || counting != 15*time.Minute {
		t.Errorf("negative TTL: got %v, and %v where TTLs count down; want 5m and 15m", exact, counting)
	}
}
