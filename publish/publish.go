// Package publish writes record sets down: as a zone file, as plain values for
// a provider's web form, and as JSON. How records are made is the standards'
// business; here they are split, quoted and printed.
package publish

import (
	"fmt"
	"io/fs"
	"strings"
)

// MaxString is the most octets one character-string holds (RFC 1035 §3.3).
const MaxString = 255

// DefaultTTL is the TTL of generated records, in seconds.
const DefaultTTL = 3600

// Record is one record to publish.
type Record struct {
	Name    string   `json:"name"` // absolute, with the final dot
	Type    string   `json:"type"`
	TTL     uint32   `json:"ttl"`     // seconds
	Value   string   `json:"value"`   // TXT: the strings joined; else presentation form
	Strings []string `json:"strings"` // TXT: character-strings of at most 255 octets; else empty
	Comment string   `json:"comment"`
	Source  string   `json:"source"` // the standard it belongs to
}

// File is a file that goes with the records. Its content is never printed in
// JSON: it may be a private key.
type File struct {
	Path string
	Mode fs.FileMode
}

// Set is what a generator made.
type Set struct {
	Records  []Record
	Files    []File
	Warnings []string // translated
}

// NotASCII says that a value holds an octet that a record cannot have
// (rule gen-non-ascii).
type NotASCII struct {
	Name   string
	Offset int
	Octet  byte
}

func (e *NotASCII) Error() string {
	return fmt.Sprintf("publish: the value for %q has the octet 0x%02x at offset %d; records are plain ASCII", e.Name, e.Octet, e.Offset)
}

// TXT makes a TXT record of a text, split as it must stand in DNS.
func TXT(name, text, source string) (Record, error) {
	for i := 0; i < len(text); i++ {
		if text[i] < 0x20 || text[i] > 0x7e {
			return Record{}, &NotASCII{Name: name, Offset: i, Octet: text[i]}
		}
	}
	return Record{Name: name, Type: "TXT", TTL: DefaultTTL, Value: text, Strings: Split(text), Source: source}, nil
}

// Split cuts a text into character-strings of 255 octets, exactly there:
// readers join them without a separator (RFC 7208 §3.3, RFC 6376 §3.6.2.2).
func Split(text string) []string {
	if text == "" {
		return []string{""}
	}
	var parts []string
	for len(text) > MaxString {
		parts = append(parts, text[:MaxString])
		text = text[MaxString:]
	}
	return append(parts, text)
}

// Quote writes one character-string as a zone file has it (RFC 1035 §5.1).
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20 || c > 0x7e:
			fmt.Fprintf(&b, "\\%03d", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
