// Package publish writes record sets down: as a zone file, as plain values for
// a provider's web form, as JSON, and as input of the tools that keep zones:
// Terraform (Route 53, Cloudflare), octoDNS, DNSControl and nsupdate. How records
// are made is the standards' business; here they are split, quoted and printed.
package publish

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/postseal/postseal/internal/zonetext"
)

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

	// Live are the texts that DNS has at the name now, for TXT; nil when that is
	// not known, empty when there is none.
	Live []string `json:"-"`
}

// File is a file that goes with the records.
type File struct {
	Path    string // where it was written, "" when it was not
	Mode    fs.FileMode
	Content string // to be shown, for a file that was not written; never a secret
	Comment string // what to do with Content
}

// Set is what a generator made.
type Set struct {
	Zone     string // the domain, absolute: Plain shows what stands before it too; "" for none
	Records  []Record
	Files    []File
	Warnings []string // translated
	Words    Words

	Apex    string // the zone that holds the records, absolute; "" when DNS did not tell: then Zone is taken for it
	Primary string // the zone's primary server, "" unknown
	Send    bool   // NSUpdate: send, do not only show
}

// Words are the notes that formats add. An empty one is left out.
type Words struct {
	Host   string // Plain, on the lines "host", for forms that add the domain themselves
	Parts  string // Plain, on the parts of a long value
	Whole  string // where the RRset is set as a whole and what it holds now is not known
	Unseen string // NSUpdate, where what the name holds now is not known
	Done   string // NSUpdate, where the record stands already
	Other  string // above records of other zones
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
	return Record{Name: name, Type: "TXT", TTL: DefaultTTL, Value: text, Strings: split(text), Source: source}, nil
}

// split cuts a text into character-strings of 255 octets, exactly there:
// readers join them without a separator (RFC 7208 §3.3, RFC 6376 §3.6.2.2).
func split(text string) []string {
	if text == "" {
		return []string{""}
	}
	var parts []string
	for len(text) > zonetext.MaxString {
		parts = append(parts, text[:zonetext.MaxString])
		text = text[zonetext.MaxString:]
	}
	return append(parts, text)
}

// check refuses what would be something else once it is written down: a line
// break ends a record, a name without its final dot lands below the zone's.
func (s *Set) check() error {
	for _, r := range s.Records {
		if err := checkName(r.Name); err != nil {
			return err
		}
		if r.Type == "" || strings.ContainsFunc(r.Type, func(c rune) bool { return (c < 'A' || c > 'Z') && (c < '0' || c > '9') }) {
			return fmt.Errorf("publish: %q has the type %q, which is none", r.Name, r.Type)
		}
		if i := strings.IndexFunc(r.Value, func(c rune) bool { return c < 0x20 || c > 0x7e }); i >= 0 {
			return &NotASCII{Name: r.Name, Offset: i, Octet: r.Value[i]}
		}
		if len(r.Strings) > 0 && strings.Join(r.Strings, "") != r.Value {
			return fmt.Errorf("publish: the strings for %q are not its value", r.Name)
		}
		if slices.ContainsFunc(r.Strings, func(part string) bool { return len(part) > zonetext.MaxString }) {
			return fmt.Errorf("publish: a string for %q has more than %d octets", r.Name, zonetext.MaxString)
		}
		if len(r.Strings) == 0 && (r.Type == "TXT" || r.Value == "") {
			return fmt.Errorf("publish: the record %s %s is empty", r.Name, r.Type)
		}
	}
	return nil
}

// checkName wants a name as a zone file has it: absolute, and special
// characters only behind a backslash (RFC 1035 §5.1).
func checkName(name string) error {
	if !strings.HasSuffix(name, ".") || strings.HasSuffix(name, `\.`) {
		return fmt.Errorf("publish: the name %q is relative; it must end in a dot", name)
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c <= 0x20 || c > 0x7e || strings.IndexByte(`"();@$`, c) >= 0:
			return fmt.Errorf("publish: the name %q has the octet 0x%02x at offset %d", name, c, i)
		case c == '\\':
			i++ // what is escaped is itself, or the first digit of three
		}
	}
	return nil
}
