package lint

import (
	"net"
	"slices"
	"strings"

	"github.com/postseal/postseal/dns"
)

// Clue is what a finding tells of the record that it is about.
type Clue struct {
	Subject string // a name, host:port or URL
	Text    string // the text of the record, "" where there is none
	Type    string // of the records to change, "" where none are named
	Old     []string
	Domain  dns.Name
	Rule    string
}

// Locate finds the record in the files that a finding is about: by its text,
// by what is to be replaced, or by its name and what the rule looks at. A
// finding about something that is not in the files has no place.
func (s *Set) Locate(c Clue) (Location, bool) {
	name := dns.FromText(strings.TrimSuffix(c.Subject, "."))
	var at, text, old, host *Record
	for _, r := range s.records() {
		here := r.Name == name
		switch {
		case c.Text != "" && r.Type == dns.TypeTXT && r.text() == c.Text:
			// The same policy stands at many names: one elsewhere is another record.
			if here && (text == nil || text.Name != name) || text == nil && s.together(r.Name, c.Domain) {
				text = r
			}
		case c.Type != "" && here && r.Type.String() == c.Type && (r.Type == dns.TypeTXT && slices.Contains(c.Old, r.text()) || slices.Contains(c.Old, r.Data)):
			old = first(old, r)
		case here && r.about(c):
			at = first(at, r)
		case r.Type == dns.TypeMX && r.Name == c.Domain && r.pointee() != "" && r.pointee() == hostOf(c.Subject) && aboutHosts(c.Rule):
			host = first(host, r)
		}
	}
	for _, r := range []*Record{text, old, at, host} {
		if r != nil {
			return r.At, true
		}
	}
	return Location{}, false
}

// together tells that a record and a domain are in the same zone, where the one
// may be reached from the other by an alias.
func (s *Set) together(n, domain dns.Name) bool {
	for _, z := range s.Zones {
		if domain.IsUnder(z.Origin) && n.IsUnder(z.Origin) {
			return true
		}
	}
	return false
}

func first(have, r *Record) *Record {
	if have != nil {
		return have
	}
	return r
}

// about tells that a record at the finding's name is one that the rule judges.
func (r *Record) about(c Clue) bool {
	standard, _, _ := strings.Cut(c.Rule, "-")
	alias := r.Type == dns.TypeCNAME
	switch standard {
	case "spf":
		return alias || r.Type == dns.TypeTXT && isSPF(r.text())
	case "dmarc":
		return r.Name != c.Domain && (alias || r.Type == dns.TypeTXT)
	case "dkim", "mtasts", "tlsrpt", "bimi":
		return r.Name != c.Domain && (alias || r.Type == dns.TypeTXT)
	case "dane":
		return r.Type == dns.TypeTLSA
	case "mx":
		return r.Type == dns.TypeMX || r.Name != c.Domain && (alias || r.Type == dns.TypeA || r.Type == dns.TypeAAAA)
	case "dns":
		return r.Type == dns.TypeNS || alias
	}
	return false
}

// aboutHosts tells that a rule judges mail hosts, whose MX record is the place
// where the host can be changed.
func aboutHosts(rule string) bool {
	for _, p := range []string{"mx-", "starttls-", "smtp-", "tls-", "cert-", "auth-", "dane-"} {
		if strings.HasPrefix(rule, p) {
			return true
		}
	}
	return false
}

func hostOf(subject string) dns.Name {
	if h, _, err := net.SplitHostPort(subject); err == nil {
		subject = h
	}
	return dns.FromText(strings.TrimSuffix(subject, "."))
}
