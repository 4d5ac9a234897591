package special

import (
	"net/netip"
	"testing"
)

func TestBlock(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1": "loopback", "10.1.2.3": "private", "100.64.0.1": "shared (CGNAT)", "169.254.1.1": "link-local",
		"172.31.255.255": "private", "172.32.0.0": "", "192.0.2.1": "documentation", "198.19.255.255": "benchmarking",
		"224.0.0.1": "multicast", "255.255.255.255": "reserved", "5.6.7.8": "", "8.8.8.8": "",
		"::1": "loopback", "fe80::1": "link-local", "fd00::1": "unique local", "2001:db8::1": "documentation",
		"2002:a00:1::": "6to4", "::ffff:10.0.0.1": "IPv4-mapped", "2606:4700::1": "",
	} {
		if got := Block(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %q, want %q", addr, got, want)
		}
	}
	for prefix, want := range map[string]string{"10.0.0.0/8": "private", "10.0.0.0/7": "", "0.0.0.0/0": "", "192.168.1.0/24": "private", "fc00::/7": "unique local"} {
		if got := BlockOf(netip.MustParsePrefix(prefix)); got != want {
			t.Errorf("%s: got %q, want %q", prefix, got, want)
		}
	}
}
