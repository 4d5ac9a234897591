package dns

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// Name is a domain name: absolute, lower-case, A-labels, in presentation form
// (RFC 1035 §5.1: a dot or backslash inside a label is escaped) and without the
// final dot. The root is ".". The zero value is no name.
type Name string

// Root is the name above all others.
const Root Name = "."

// idnaProfile maps what a person types (RFC 5891 registration is stricter, and
// would refuse the underscores of mail records).
var idnaProfile = idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.Transitional(false), idna.BidiRule())

// ParseDomain reads a domain that a person typed: surrounding space and one
// final dot are dropped, U-labels become A-labels. It refuses what cannot be a
// mail domain: an address, a URL, an empty label, a label over 63 octets, a
// name over 253.
func ParseDomain(s string) (Name, error) {
	text := strings.TrimSuffix(strings.TrimSpace(s), ".")
	switch {
	case text == "":
		return "", fmt.Errorf("dns: %q is not a domain name: it is empty", s)
	case text == ".":
		return "", fmt.Errorf("dns: %q is not a domain name: it has an empty label", s)
	case isAddress(text):
		return "", fmt.Errorf("dns: %q is not a domain name: it is an IP address", s)
	case strings.ContainsAny(text, "/:@ \t\\"):
		return "", fmt.Errorf("dns: %q is not a domain name: give the part after the @, without scheme, port or path", s)
	}
	ascii, err := idnaProfile.ToASCII(text)
	if err != nil {
		return "", fmt.Errorf("dns: %q is not a domain name: %v", s, err)
	}
	for _, r := range ascii {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.' {
			return "", fmt.Errorf("dns: %q is not a domain name: it has the character %q", s, r)
		}
	}
	n := Name(strings.ToLower(ascii))
	if err := n.Check(); err != nil {
		return "", fmt.Errorf("dns: %q is not a domain name: %v", s, err)
	}
	return n, nil
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return err == nil
}

// FromText makes a Name of text from a record: no IDNA mapping, only lower
// case and the final dot dropped. Octets outside the usual host characters are
// escaped, so that text like user@example.com can be asked as published.
func FromText(s string) Name {
	if s == "." {
		return Root
	}
	s = strings.TrimSuffix(s, ".")
	if isPlain(s) {
		return Name(s)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z':
			b.WriteByte(c + 'a' - 'A')
		case strings.IndexByte(`"'@;() \`, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < '!' || c > '~':
			fmt.Fprintf(&b, "\\%03d", c)
		default:
			b.WriteByte(c)
		}
	}
	return Name(b.String())
}

// isPlain tells whether text is presentation form as it stands.
func isPlain(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// Check tells whether the name can be asked: labels of 1 to 63 octets, at most
// 253 in all (RFC 1035 §2.3.4).
func (n Name) Check() error {
	if n == Root {
		return nil
	}
	if n == "" {
		return fmt.Errorf("it is empty")
	}
	total := 0
	for rest, more := string(n), true; more; { // Labels would make a list
		var l string
		l, rest, more = cutLabel(rest)
		size := labelLen(l)
		switch {
		case size == 0:
			return fmt.Errorf("it has an empty label")
		case size > 63:
			return fmt.Errorf("its label %q has %d octets, more than 63", l, size)
		}
		total += size + 1
	}
	if total-1 > 253 {
		return fmt.Errorf("it has %d octets, more than 253", total-1)
	}
	return nil
}

// cutLabel cuts the first label off; more tells whether a dot followed it.
func cutLabel(s string) (label, rest string, more bool) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '.':
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// labelLen counts octets, an escape as the one octet it stands for.
func labelLen(l string) int {
	n := 0
	for i := 0; i < len(l); i++ {
		if l[i] == '\\' {
			if i+3 < len(l) && isDigit(l[i+1]) {
				i += 3
			} else {
				i++
			}
		}
		n++
	}
	return n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// String is the name without a final dot; the root is ".".
func (n Name) String() string { return string(n) }

// FQDN is the name with the final dot, as zone files and fixes write it.
func (n Name) FQDN() string {
	if n == Root {
		return "."
	}
	return string(n) + "."
}

// Labels are the labels from left to right, escapes kept; none for the root.
func (n Name) Labels() []string {
	if n == Root || n == "" {
		return nil
	}
	var labels []string
	start := 0
	for i := 0; i < len(n); i++ {
		switch n[i] {
		case '\\':
			i++
		case '.':
			labels = append(labels, string(n[start:i]))
			start = i + 1
		}
	}
	return append(labels, string(n[start:]))
}

// Parent is the name without its first label; of a single label, the root.
func (n Name) Parent() Name {
	for i := 0; i < len(n); i++ {
		switch n[i] {
		case '\\':
			i++
		case '.':
			if i+1 < len(n) {
				return n[i+1:]
			}
		}
	}
	return Root
}

// Child puts labels in front of the name: Name("example.com").Child("_dmarc").
func (n Name) Child(labels string) Name {
	if n == Root {
		return Name(labels)
	}
	return Name(labels) + "." + n
}

// IsUnder tells whether n is ancestor or lies below it.
func (n Name) IsUnder(ancestor Name) bool {
	if ancestor == Root || n == ancestor {
		return true
	}
	if !strings.HasSuffix(string(n), "."+string(ancestor)) {
		return false
	}
	// The dot must be a separator, not an escaped one inside a label.
	esc := 0
	for i := len(n) - len(ancestor) - 2; i >= 0 && n[i] == '\\'; i-- {
		esc++
	}
	return esc%2 == 0
}

// Unicode is the name with U-labels for people; the name itself where a label
// does not map back.
func (n Name) Unicode() string {
	u, err := idna.Display.ToUnicode(string(n))
	if err != nil {
		return string(n)
	}
	return u
}
