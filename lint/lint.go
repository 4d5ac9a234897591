// Package lint reads DNS as code before it is published: zone files, octoDNS,
// the JSON of "dnscontrol print-ir" and of "terraform show -json", literal
// Terraform, and Route 53's own JSON. It gives records with the file, line and
// column that hold them, the zones that these make for a what-if audit, and
// rules over what only a file shows.
//
// It runs no code of the files, follows no include out of their folder and
// asks no network. What a file leaves to a variable is not guessed: it is
// listed as not read, and the name and type keep what DNS says now.
package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postseal/postseal/dns"
)

// Format is a way to write zones.
type Format string

// The formats.
const (
	ZoneFile      Format = "zone"
	OctoDNS       Format = "octodns"
	DNSControl    Format = "dnscontrol"
	TerraformJSON Format = "terraform-json"
	HCL           Format = "hcl"
	Route53       Format = "route53"
)

// Formats lists the formats that a user can name.
var Formats = []Format{ZoneFile, OctoDNS, DNSControl, TerraformJSON, HCL, Route53}

// Location is a place in a file. Lines and columns count from 1; 0 is not known.
type Location struct {
	File   string
	Line   int
	Column int
}

func (l Location) String() string {
	switch {
	case l.Line == 0:
		return l.File
	case l.Column == 0:
		return fmt.Sprintf("%s:%d", l.File, l.Line)
	}
	return fmt.Sprintf("%s:%d:%d", l.File, l.Line, l.Column)
}

// Error is a file that cannot be read, and where.
type Error struct {
	At   Location
	Text string
}

func (e *Error) Error() string { return e.At.String() + ": " + e.Text }

func errorAt(at Location, format string, args ...any) error {
	return &Error{at, fmt.Sprintf(format, args...)}
}

// Record is one record that is to be published.
type Record struct {
	Name    dns.Name
	Type    dns.Type
	TTL     uint32
	Data    string   // RDATA in presentation form; "" where Strings are given
	Strings []string // TXT: the character-strings as written, which may be too long
	At      Location
	Format  Format
	System  string // who publishes it where that changes what is allowed: "route53", "cloudflare", "google", "azure"

	Cut    string // zone files: what an unquoted semicolon cut off the text
	Bare   bool   // octoDNS: a semicolon without the backslash that the file writes elsewhere
	NoDot  string // the target as written, where octoDNS or DNSControl asks for a final dot that is not there
	NoTTL  bool   // octoDNS: the record names no TTL
	Broken error  // why the data cannot be published, nil where it can
	rec    *dns.Record
}

// text is what a TXT record says.
func (r *Record) text() string { return strings.Join(r.Strings, "") }

// pointee is the target of CNAME, MX, NS, SRV and PTR, "" for others.
func (r *Record) pointee() dns.Name {
	if r.rec == nil {
		return ""
	}
	return r.rec.Host
}

// Unread is a record whose content only a plan shows.
type Unread struct {
	At   Location
	What string   // the address: aws_route53_record.spf
	Name dns.Name // "" where that is not known either
	Type dns.Type
}

// Zone is the records of one zone from all files that hold some.
type Zone struct {
	Origin   dns.Name
	Complete bool // what has no record here does not exist
	Guessed  bool // no file names the zone; the origin was told from names
	At       Location
	Records  []*Record
	Left     []Left
}

// Left is a name and type whose content is not known.
type Left struct {
	Name dns.Name
	Type dns.Type
}

// Set is everything that was read.
type Set struct {
	Zones  []*Zone
	Unread []Unread
	Files  []string // that held records, in the order of reading
	known  []*Record
}

// records are the records of all zones, in the order of reading.
func (s *Set) records() []*Record {
	if s.known == nil {
		for _, z := range s.Zones {
			s.known = append(s.known, z.Records...)
		}
	}
	return s.known
}

func (s *Set) zone(origin dns.Name, at Location) *Zone {
	for _, z := range s.Zones {
		if z.Origin == origin {
			return z
		}
	}
	z := &Zone{Origin: origin, At: at}
	s.Zones = append(s.Zones, z)
	return z
}

// Complete makes every zone a complete one, by the user's word.
func (s *Set) Complete() {
	for _, z := range s.Zones {
		z.Complete = true
	}
}

// Drafts are the zones as they would answer once published. Records that could
// not be are marked as broken.
func (s *Set) Drafts() []*dns.Zone {
	var drafts []*dns.Zone
	for _, z := range s.Zones {
		entries := make([]dns.Entry, len(z.Records))
		for i, r := range z.Records {
			entries[i] = dns.Entry{Name: r.Name, Type: r.Type, TTL: r.TTL, Data: r.Data, Strings: r.Strings}
		}
		draft, problems := dns.NewDraft(z.Origin, z.At.File, entries, !z.Complete)
		made := draft.Records()
		for i, r := range z.Records {
			if err := problems[i]; err != nil {
				r.Broken = err
				draft.Leave(r.Name, r.Type) // what was meant is not known
				continue
			}
			r.rec, made = &made[0], made[1:]
			if r.System == "cloudflare" && r.Type == dns.TypeTXT {
				draft.Beside(r.Name) // a resource is one record, not the whole set
			}
		}
		for _, l := range z.Left {
			draft.Leave(l.Name, l.Type)
		}
		drafts = append(drafts, draft)
	}
	return drafts
}

// Domains are the names that have to do with mail: those with MX, SPF or DMARC,
// and the apex of each complete zone. Names of a label that begins with an
// underscore are somebody's includes, and the SPF record of a mail host is for its
// bounces.
func (s *Set) Domains() []dns.Name {
	var list []dns.Name
	seen := map[dns.Name]bool{}
	add := func(n dns.Name) {
		if !seen[n] && n != dns.Root && !isReverse(n) && n.Labels()[0] != "*" && !strings.Contains("."+string(n), "._") {
			seen[n] = true
			list = append(list, n)
		}
	}
	hosts := map[dns.Name]bool{}
	for _, r := range s.records() {
		if r.Type == dns.TypeMX {
			if f := strings.Fields(r.Data); len(f) == 2 {
				hosts[dns.FromPresentation(f[1])] = true
			}
		}
	}
	for _, z := range s.Zones {
		if z.Complete {
			add(z.Origin)
		}
		for _, r := range z.Records {
			switch {
			case r.Type == dns.TypeMX:
				add(r.Name)
			case r.Type == dns.TypeTXT && isSPF(r.text()) && !hosts[r.Name]: // RFC 7208 §2.3: a host's is for HELO
				add(r.Name)
			case (r.Type == dns.TypeTXT || r.Type == dns.TypeCNAME) && r.Name.Labels() != nil && r.Name.Labels()[0] == "_dmarc":
				add(r.Name.Parent())
			}
		}
		if z.Guessed || !z.Complete {
			for _, r := range z.Records {
				if r.Type == dns.TypeTXT || r.Type == dns.TypeMX || slices.Contains(r.Name.Labels(), "_domainkey") {
					add(z.Origin) // somebody must carry what rules say of this zone
					break
				}
			}
		}
	}
	return list
}

func isReverse(n dns.Name) bool { return n.IsUnder("in-addr.arpa") || n.IsUnder("ip6.arpa") }

// isSPF is how SPF selects records (RFC 7208 §4.5).
func isSPF(text string) bool {
	return len(text) >= 6 && strings.EqualFold(text[:6], "v=spf1") && (len(text) == 6 || text[6] == ' ')
}

// isDMARC tells that a text means to be a DMARC record (RFC 9989 §4.7).
func isDMARC(text string) bool {
	text = strings.TrimLeft(text, " \t")
	if len(text) < 8 {
		return false
	}
	version := strings.ReplaceAll(strings.ToLower(text[:min(len(text), 12)]), " ", "")
	return strings.HasPrefix(version, "v=dmarc1")
}

// Selectors are the DKIM selectors that the files publish for a domain.
func (s *Set) Selectors(domain dns.Name) []string {
	base := domain.Child("_domainkey")
	var list []string
	for _, r := range s.records() {
		if r.Name == base || !r.Name.IsUnder(base) || strings.Contains(string(r.Name), "*") {
			continue
		}
		selector := strings.TrimSuffix(string(r.Name), "."+string(base))
		if (r.Type == dns.TypeTXT || r.Type == dns.TypeCNAME) && !slices.Contains(list, selector) && !strings.ContainsAny(selector, `\_`) {
			list = append(list, selector)
		}
	}
	return list
}
