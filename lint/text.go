package lint

import (
	"fmt"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/dns"
)

// strings reads TXT data as zone files write it (RFC 1035 §5.1): strings in
// quotation marks or words between spaces.
func characterStrings(text string) ([]string, error) {
	var list []string
	for i := 0; i < len(text); {
		if text[i] == ' ' || text[i] == '\t' {
			i++
			continue
		}
		quoted := text[i] == '"'
		if quoted {
			i++
		}
		var b strings.Builder
		closed := false
		for i < len(text) {
			c := text[i]
			if quoted && c == '"' {
				i++
				closed = true
				break
			}
			if !quoted && (c == ' ' || c == '\t' || c == '"') {
				break
			}
			if c == '\\' {
				octet, n := escape(text[i:])
				b.WriteByte(octet)
				i += n
				continue
			}
			b.WriteByte(c)
			i++
		}
		if quoted && !closed {
			return nil, fmt.Errorf("a quotation mark is not closed")
		}
		list = append(list, b.String())
	}
	if list == nil {
		list = []string{""}
	}
	return list, nil
}

// escape reads \DDD or \X (RFC 1035 §5.1).
func escape(s string) (octet byte, n int) {
	if len(s) >= 4 && digit(s[1]) && digit(s[2]) && digit(s[3]) {
		if v := int(s[1]-'0')*100 + int(s[2]-'0')*10 + int(s[3]-'0'); v <= 255 {
			return byte(v), 4
		}
	}
	if len(s) >= 2 {
		return s[1], 2
	}
	return '\\', 1
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// below makes a name of what stands before the zone: "" and "@" are the zone
// itself, and what ends in a dot is absolute.
func below(text string, origin dns.Name) dns.Name {
	switch {
	case text == "" || text == "@":
		return origin
	case strings.HasSuffix(text, "."):
		return dns.FromPresentation(text)
	}
	return dns.FromPresentation(text + "." + origin.FQDN())
}

// absolute makes a name of text that is absolute with or without a final dot.
func absolute(text string) dns.Name {
	return dns.FromPresentation(strings.TrimSuffix(text, ".") + ".")
}

// hasTLD tells that a name ends in a domain that the root zone delegates, and
// so is no relative one.
func hasTLD(n dns.Name) bool {
	labels := n.Labels()
	if len(labels) < 2 {
		return false
	}
	_, icann := publicsuffix.PublicSuffix(labels[len(labels)-1])
	return icann
}

// registrable is the part of a name that somebody registered.
func registrable(n dns.Name) dns.Name {
	text := strings.TrimPrefix(string(n), "*.")
	if d, err := publicsuffix.EffectiveTLDPlusOne(text); err == nil {
		return dns.Name(d)
	}
	return dns.Name(text)
}

// typeOf reads a record type; ok is false for what no DNS server knows, such as
// the redirects and aliases of DNS hosts.
func typeOf(text string) (t dns.Type, ok bool) {
	err := t.UnmarshalText([]byte(strings.ToUpper(text)))
	return t, err == nil && t != 0
}

// clamp keeps a TTL in range (RFC 2181 §8).
func clamp(n int64) uint32 { return uint32(max(0, min(n, 1<<31-1))) }

// defaultTTL is for formats that leave it to the DNS host.
const defaultTTL = 3600
