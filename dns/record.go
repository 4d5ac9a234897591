package dns

import (
	"fmt"
	"net/netip"
	"strings"

	mdns "github.com/miekg/dns"
)

// nameOf makes a Name of a name in miekg's presentation form. Escapes are
// decoded and written anew, so that two spellings of one name are equal.
func nameOf(s string) Name {
	if s == "." || s == "" {
		return Root
	}
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		plain = c > ' ' && c <= '~' && strings.IndexByte(`"'@;()\`, c) < 0 && (c < 'A' || c > 'Z')
	}
	if plain {
		return Name(strings.TrimSuffix(s, "."))
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] == '.' {
			if i+1 < len(s) {
				b.WriteByte('.')
			}
			i++
			continue
		}
		c, n := unescapeOctet(s[i:])
		writeLabelOctet(&b, c)
		i += n
	}
	return Name(b.String())
}

// FromPresentation makes a Name of presentation form (RFC 1035 §5.1), as zone
// files and resource records have it: escapes are read, not escaped again.
func FromPresentation(s string) Name { return nameOf(s) }

// writeLabelOctet writes one octet of a label in presentation form, lower-case.
func writeLabelOctet(b *strings.Builder, c byte) {
	switch {
	case c >= 'A' && c <= 'Z':
		b.WriteByte(c + 'a' - 'A')
	case strings.IndexByte(`."'@;() \`, c) >= 0:
		b.WriteByte('\\')
		b.WriteByte(c)
	case c < '!' || c > '~':
		fmt.Fprintf(b, "\\%03d", c)
	default:
		b.WriteByte(c)
	}
}

// unescapeOctet reads one octet of presentation form (RFC 1035 §5.1: \DDD and
// \X) and tells how much text it took. s is not empty.
func unescapeOctet(s string) (c byte, n int) {
	if s[0] != '\\' || len(s) == 1 {
		return s[0], 1
	}
	if len(s) >= 4 && isDigit(s[1]) && isDigit(s[2]) && isDigit(s[3]) {
		v := int(s[1]-'0')*100 + int(s[2]-'0')*10 + int(s[3]-'0')
		if v <= 255 {
			return byte(v), 4
		}
	}
	return s[1], 2
}

// unescape gives the raw octets of a character-string in presentation form.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		c, n := unescapeOctet(s[i:])
		b = append(b, c)
		i += n
	}
	return string(b)
}

func unescapeAll(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = unescape(s)
	}
	return out
}

// recordOf keeps what a resource record says.
func recordOf(rr mdns.RR) Record {
	h := rr.Header()
	r := Record{Name: nameOf(h.Name), Type: Type(h.Rrtype), TTL: h.Ttl}
	r.Data = strings.TrimPrefix(rr.String(), h.String())
	switch rr := rr.(type) {
	case *mdns.TXT:
		r.Strings = unescapeAll(rr.Txt)
	case *mdns.RFC3597:
		// The header in its String is another one (RFC 3597 §5).
		r.Data = fmt.Sprintf("\\# %d %s", len(rr.Rdata)/2, rr.Rdata)
	case *mdns.SPF:
		r.Strings = unescapeAll(rr.Txt)
	case *mdns.A:
		r.Addr, _ = netip.AddrFromSlice(rr.A)
		r.Addr = r.Addr.Unmap()
	case *mdns.AAAA:
		r.Addr, _ = netip.AddrFromSlice(rr.AAAA)
	case *mdns.CNAME:
		r.Host = nameOf(rr.Target)
	case *mdns.NS:
		r.Host = nameOf(rr.Ns)
	case *mdns.PTR:
		r.Host = nameOf(rr.Ptr)
	case *mdns.MX:
		r.Host, r.Pref = nameOf(rr.Mx), rr.Preference
	case *mdns.SRV:
		r.Host, r.Pref = nameOf(rr.Target), rr.Priority
		r.SRV = &SRV{Priority: rr.Priority, Weight: rr.Weight, Port: rr.Port}
	case *mdns.TLSA:
		r.TLSA = &TLSA{Usage: rr.Usage, Selector: rr.Selector, Matching: rr.MatchingType, Data: unhex(rr.Certificate)}
	case *mdns.CAA:
		r.CAA = &CAA{Flags: rr.Flag, Tag: unescape(rr.Tag), Value: unescape(rr.Value)}
	case *mdns.SOA:
		r.SOA = &SOA{MName: nameOf(rr.Ns), RName: nameOf(rr.Mbox), Serial: rr.Serial, Minimum: rr.Minttl}
	}
	return r
}

// cutShort tells whether the data ends before the fields that an audit reads:
// miekg/dns leaves those empty, and an MX of two octets is no null MX.
func cutShort(rr mdns.RR) bool {
	switch rr := rr.(type) {
	case *mdns.A:
		return len(rr.A) == 0
	case *mdns.AAAA:
		return len(rr.AAAA) == 0
	case *mdns.CNAME:
		return rr.Target == ""
	case *mdns.NS:
		return rr.Ns == ""
	case *mdns.PTR:
		return rr.Ptr == ""
	case *mdns.MX:
		return rr.Mx == ""
	case *mdns.SRV:
		return rr.Target == ""
	case *mdns.SOA:
		return rr.Ns == "" || rr.Mbox == ""
	case *mdns.TLSA:
		return rr.Certificate == ""
	case *mdns.CAA:
		return rr.Tag == "" // RFC 8659 §4.1: of one octet at least
	}
	return false
}

// packedSize counts the octets of a record in a reply, its owner as a pointer
// to where the name stands already and its data without compression.
func packedSize(rr mdns.RR) int {
	const pointer, fixed = 2, 10
	n := pointer + fixed
	switch rr := rr.(type) {
	case *mdns.TXT:
		for _, s := range rr.Txt {
			n += 1 + len(unescape(s)) // mdns.Len counts escapes as written
		}
	default:
		n = pointer + mdns.Len(rr) - mdns.Len(&mdns.ANY{Hdr: *rr.Header()}) + fixed
	}
	return n
}

// unhex decodes as far as the digits go: what a stranger wrote need not be even.
func unhex(s string) []byte {
	b := make([]byte, 0, len(s)/2)
	for i := 0; i+1 < len(s); i += 2 {
		hi, lo := hexDigit(s[i]), hexDigit(s[i+1])
		if hi < 0 || lo < 0 {
			break
		}
		b = append(b, byte(hi<<4|lo))
	}
	return b
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
