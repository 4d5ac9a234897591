package dns

import (
	"fmt"
	"strconv"
	"strings"

	mdns "github.com/miekg/dns"
)

// Type is a resource record type. It prints and marshals as its mnemonic.
type Type uint16

// The types an audit asks for.
const (
	TypeA      = Type(mdns.TypeA)
	TypeNS     = Type(mdns.TypeNS)
	TypeCNAME  = Type(mdns.TypeCNAME)
	TypeSOA    = Type(mdns.TypeSOA)
	TypePTR    = Type(mdns.TypePTR)
	TypeMX     = Type(mdns.TypeMX)
	TypeTXT    = Type(mdns.TypeTXT)
	TypeAAAA   = Type(mdns.TypeAAAA)
	TypeSRV    = Type(mdns.TypeSRV)
	TypeDS     = Type(mdns.TypeDS)
	TypeDNSKEY = Type(mdns.TypeDNSKEY)
	TypeTLSA   = Type(mdns.TypeTLSA)
	TypeSPF    = Type(mdns.TypeSPF) // type 99, dead since RFC 7208 §3.1
	TypeCAA    = Type(mdns.TypeCAA)
	TypeNSEC   = Type(mdns.TypeNSEC)
	TypeCDS    = Type(mdns.TypeCDS)
)

func (t Type) String() string { return mdns.Type(t).String() }

// MarshalText gives the mnemonic; "" for the zero value, a type never asked.
func (t Type) MarshalText() ([]byte, error) {
	if t == 0 {
		return nil, nil
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads a mnemonic.
func (t *Type) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*t = 0
		return nil
	}
	v, ok := mdns.StringToType[string(b)]
	if digits, unknown := strings.CutPrefix(string(b), "TYPE"); !ok && unknown {
		// RFC 3597 §5: TYPE65300
		n, err := strconv.ParseUint(digits, 10, 16)
		v, ok = uint16(n), err == nil
	}
	if !ok {
		return fmt.Errorf("dns: unknown record type %q", b)
	}
	*t = Type(v)
	return nil
}
