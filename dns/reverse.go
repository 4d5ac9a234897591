package dns

import (
	"net/netip"
	"strconv"
	"strings"
)

// ReverseName is where the PTR records of an address live (RFC 1035 §3.5,
// RFC 3596 §2.5).
func ReverseName(a netip.Addr) Name {
	a = a.Unmap()
	octets := a.AsSlice()
	labels := make([]string, 0, 32)
	for i := len(octets) - 1; i >= 0; i-- {
		if a.Is4() {
			labels = append(labels, strconv.Itoa(int(octets[i])))
			continue
		}
		labels = append(labels, strconv.FormatUint(uint64(octets[i]&15), 16), strconv.FormatUint(uint64(octets[i]>>4), 16))
	}
	if a.Is4() {
		return Name("in-addr.arpa").Child(strings.Join(labels, "."))
	}
	return Name("ip6.arpa").Child(strings.Join(labels, "."))
}
