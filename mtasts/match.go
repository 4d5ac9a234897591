package mtasts

import (
	"net/netip"
	"strings"

	"github.com/postseal/postseal/dns"
)

// matches tells whether the name of an MX record matches an mx pattern. The
// pattern is a host name, or "*." and a domain, where "*" stands for exactly
// one leftmost label (RFC 8461 §4.1). The name compared is the one in the MX
// record, not the end of its CNAME chain.
func matches(pattern string, mx dns.Name) bool {
	if patternFault(pattern) != "" {
		return false
	}
	pattern = strings.ToLower(pattern)
	if base, wild := strings.CutPrefix(pattern, "*."); wild {
		return len(mx.Labels()) > 1 && mx.Parent() == dns.Name(base)
	}
	return mx == dns.Name(pattern)
}

// Match sets Hosts: each mail host of f.MX with the first pattern that matches
// it. The audit calls it once MX is known. Without a policy there are no hosts.
func (f *Facts) Match() { f.Hosts = f.hosts() }

func (f *Facts) hosts() []Host {
	hosts := []Host{}
	if f.Policy == nil {
		return hosts
	}
	for _, mx := range f.MX {
		hosts = append(hosts, Host{MX: mx, Matches: f.firstMatch(mx)})
	}
	return hosts
}

// firstMatch is the first pattern of the policy that matches, "" when none does.
func (f *Facts) firstMatch(mx dns.Name) string {
	for _, p := range f.Policy.MX {
		if matches(p, mx) {
			return p
		}
	}
	return ""
}

// patternFault is the variant of mtasts-policy-mx-invalid that says why a value
// is no mx pattern (RFC 8461 §3.2: ["*."] Domain), "" when it is one.
func patternFault(value string) string {
	base := strings.TrimPrefix(value, "*.")
	switch {
	case value == "":
		return "empty"
	case strings.Contains(value, "://") || strings.Contains(value, "/"):
		return "url"
	case strings.ContainsAny(value, ", \t"):
		return "list"
	case isAddress(base):
		return "address"
	case strings.Contains(value, ":"):
		return "port"
	case strings.Contains(base, "*") || base == "":
		return "wildcard"
	case strings.HasSuffix(value, "."):
		return "dot"
	}
	for i := 0; i < len(base); i++ {
		if base[i] >= 0x80 {
			return "unicode"
		}
	}
	if dns.Name(strings.ToLower(base)).Check() != nil {
		return "name"
	}
	for label := range strings.SplitSeq(base, ".") {
		if !isHostLabel(label) {
			return "name"
		}
	}
	return ""
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return err == nil
}

// isHostLabel is generous in one point: the underscore, which no host name may
// have and some do, does not stop any sender from comparing names.
func isHostLabel(l string) bool {
	for i := 0; i < len(l); i++ {
		c := l[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && c != '_' && (c != '-' || i == 0 || i == len(l)-1) {
			return false
		}
	}
	return l != ""
}
