package dns

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	mdns "github.com/miekg/dns"
)

// Anchor is what is trusted of one zone without proof: digests of its keys, or
// the keys (RFC 4033 §2).
type Anchor struct {
	Zone Name

	ds   []*mdns.DS
	keys []*mdns.DNSKEY
}

// rootAnchors are the digests of the root's key-signing keys, KSK-2017 and
// KSK-2024, as IANA publishes them (https://data.iana.org/root-anchors/, the
// format is RFC 9718); read on 2026-11-23.
const rootAnchors = `
. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
. IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16
`

// builtInAnchors are the trust anchors of the root that the binary carries.
func builtInAnchors() []Anchor {
	a, err := ParseAnchors(strings.NewReader(rootAnchors), "root anchors")
	if err != nil {
		panic(err) // a constant
	}
	return a
}

// maxAnchors bounds the records of an anchor file.
const maxAnchors = 1000

// ParseAnchors reads DS and DNSKEY records in zone-file form, as unbound's
// trust-anchor-file and dns-root-data have them. Anything else is refused, and
// so is a record that no validation could use.
func ParseAnchors(r io.Reader, file string) ([]Anchor, error) {
	zp := mdns.NewZoneParser(bufio.NewReader(r), ".", "")
	zp.SetDefaultTTL(defaultTTL)
	at := map[Name]int{}
	var anchors []Anchor
	n := 0
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		if n++; n > maxAnchors {
			return nil, fmt.Errorf("%s: more than %d records", file, maxAnchors)
		}
		zone := nameOf(rr.Header().Name)
		i, have := at[zone]
		if !have {
			i = len(anchors)
			at[zone] = i
			anchors = append(anchors, Anchor{Zone: zone})
		}
		switch rr := rr.(type) {
		case *mdns.DS:
			if len(usableDS([]mdns.RR{rr})) == 0 {
				return nil, fmt.Errorf("%s: the DS of %s has algorithm %d and digest type %d, which are not supported", file, zone.FQDN(), rr.Algorithm, rr.DigestType)
			}
			anchors[i].ds = append(anchors[i].ds, rr)
		case *mdns.DNSKEY:
			if !supported[rr.Algorithm] || rr.Flags&mdns.ZONE == 0 || rr.Flags&mdns.REVOKE != 0 {
				return nil, fmt.Errorf("%s: the DNSKEY of %s with flags %d and algorithm %d cannot be trusted", file, zone.FQDN(), rr.Flags, rr.Algorithm)
			}
			anchors[i].keys = append(anchors[i].keys, rr)
		default:
			return nil, fmt.Errorf("%s: a trust anchor is a DS or DNSKEY record, not %s", file, Type(rr.Header().Rrtype))
		}
	}
	if err := zp.Err(); err != nil {
		if _, ok := errors.AsType[*mdns.ParseError](err); ok {
			return nil, fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "dns: "))
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(anchors) == 0 {
		return nil, fmt.Errorf("%s: holds no DS or DNSKEY record", file)
	}
	return anchors, nil
}
