package mx

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/dns"
)

// defect is the one thing wrong with a mail host: the ID of the first rule of
// the list that applies, "" when none does. One host, one finding.
func (f *Facts) defect(h *Host) string {
	switch gone := h.nxdomain() && len(h.Addresses) == 0; {
	case h.Over:
		return ""
	case isIPText(h.Name), gone && f.appended(h.Name) != "":
		return "mx-target-ip"
	case !isHostName(h.Name) && len(h.Addresses) == 0:
		return "mx-target-syntax"
	case gone && f.slip(h.Name) != "":
		return "mx-target-doubled"
	case gone && h.Registration.unregistered():
		return "mx-target-unregistered"
	case len(h.Addresses) > 0 && slices.ContainsFunc(h.Addresses, f.special):
		return "mx-target-special-address"
	case gone:
		return "mx-target-nxdomain"
	case h.A.State == dns.StateNoData && h.AAAA.State == dns.StateNoData:
		return "mx-target-no-address"
	case !isHostName(h.Name):
		return "mx-target-syntax"
	}
	return ""
}

// works tells whether senders can reach the host.
func (f *Facts) works(h *Host) bool { return !h.Over && len(f.reachable(h)) > 0 }

// othersWork names the variant of a defect that other hosts make up for, or
// might: where a failed look-up hides whether they do, the milder one.
func (f *Facts) othersWork(h *Host) string {
	variant := ""
	for _, o := range f.Hosts {
		switch {
		case o == h:
		case f.works(o):
			return "others"
		case o.Over || o.unknown() != nil:
			variant = "untold"
		}
	}
	return variant
}

// isIPText tells whether a name is the text of an address: four numeric labels,
// or an IPv6 address that a panel let through.
func isIPText(n dns.Name) bool {
	labels := n.Labels()
	if _, err := netip.ParseAddr(strings.Trim(string(n), "[]")); err == nil {
		return true
	}
	return len(labels) == 4 && !slices.ContainsFunc(labels, func(l string) bool {
		return strings.Trim(l, "0123456789") != ""
	})
}

// appended is the address that was written where the final dot is missing, so that
// the domain stands behind it, "" for none.
func (f *Facts) appended(n dns.Name) dns.Name {
	rest, ok := strings.CutSuffix(string(n), "."+string(f.Domain))
	if !ok || !isIPText(dns.Name(rest)) {
		return ""
	}
	return dns.Name(rest)
}

// isHostName tells whether every label is letters, digits and inner hyphens
// (RFC 952, RFC 1123 §2.1).
func isHostName(n dns.Name) bool {
	labels := n.Labels()
	if len(labels) == 0 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, c := range []byte(l) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}

// slip is the name that was meant when the final dot is missing in the zone
// file and the origin was appended, "" when it does not look so. Appended to
// another host name it shows by that name's own public suffix; two labels such
// as mx.eu are left alone, because they may as well be labels of the domain.
func (f *Facts) slip(n dns.Name) dns.Name {
	for origin := f.Domain; origin != dns.Root; origin = origin.Parent() {
		rest, ok := strings.CutSuffix(string(n), "."+string(origin))
		if !ok || isRegistrySuffix(origin) {
			continue
		}
		meant := dns.Name(rest)
		if meant.IsUnder(f.Domain) || meant.IsUnder(origin) {
			return meant
		}
		if suffix, icann := publicsuffix.PublicSuffix(rest); icann && suffix != rest && len(meant.Labels()) >= 3 {
			return meant
		}
	}
	return ""
}

// isVerificationToken tells a Microsoft 365 proof of ownership, which is never
// meant to resolve.
func isVerificationToken(n dns.Name) bool { return strings.HasSuffix(string(n), ".msv1.invalid") }
