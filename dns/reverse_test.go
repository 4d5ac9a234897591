package dns

import (
	"net/netip"
	"testing"
)

func TestReverseName(t *testing.T) {
	for addr, want := range map[string]Name{
		"192.0.2.10":        "10.2.0.192.in-addr.arpa",
		"::ffff:192.0.2.10": "10.2.0.192.in-addr.arpa",
		// The example of RFC 3596 §2.5.
		"4321:0:1:2:3:4:567:89ab": "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa",
	} {
		if got := ReverseName(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}
