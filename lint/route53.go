package lint

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/postseal/postseal/dns"
)

// r53 is the list that "aws route53 list-resource-record-sets" prints, or a
// batch of changes.
type r53 struct {
	Sets    []r53Set    `json:"ResourceRecordSets"`
	Changes []r53Change `json:"Changes"`
	Batch   *r53        `json:"ChangeBatch"`
}

type r53Change struct {
	Action string
	Set    r53Set `json:"ResourceRecordSet"`
}

type r53Set struct {
	Name, Type string
	TTL        int64
	Records    []struct{ Value string } `json:"ResourceRecords"`
}

// route53 reads Route 53's JSON. A list with an SOA is a whole zone; of a batch
// the deletions say nothing that a what-if could show, and are passed over.
func (r *reader) route53(data []byte, path string, origin dns.Name) error {
	var doc r53
	if err := json.Unmarshal(data, &doc); err != nil {
		return jsonError(err, data, path)
	}
	if doc.Batch != nil {
		doc.Changes = append(doc.Changes, doc.Batch.Changes...)
	}
	whole := false
	for _, s := range doc.Sets {
		if s.Type == "SOA" {
			whole = true
			if origin == "" {
				origin = absolute(s.Name)
			}
		}
	}
	sets := doc.Sets
	for _, c := range doc.Changes {
		if c.Action != "DELETE" {
			sets = append(sets, c.Set)
		}
	}
	from := 0
	for _, s := range sets {
		name := absolute(strings.ReplaceAll(s.Name, `\052`, "*")) // Route 53 writes it in octal
		if err := name.Check(); err != nil {
			return errorAt(Location{File: path}, "%q is no domain name: %v", s.Name, err)
		}
		at := Location{File: path}
		quoted, _ := json.Marshal(s.Name) // found where it is written the usual way
		if i := bytes.Index(data[from:], quoted); i >= 0 {
			from += i
			at = place(data, from, path)
			from++
		}
		zone := r.set.zoneFor(name, origin, at)
		zone.Complete = zone.Complete || whole
		t, known := typeOf(s.Type)
		if !known {
			continue
		}
		if len(s.Records) == 0 { // an alias
			zone.Left = append(zone.Left, Left{name, t})
		}
		for _, v := range s.Records {
			zone.add(hosted(name, t, clamp(s.TTL), v.Value, "route53", Route53, at))
		}
	}
	return nil
}

// zoneFor is the zone of a name: the one that is said, or the longest known
// one above it, or the domain that somebody registered.
func (s *Set) zoneFor(name, origin dns.Name, at Location) *Zone {
	if origin != "" && name.IsUnder(origin) {
		return s.zone(origin, at)
	}
	var best *Zone
	for _, z := range s.Zones {
		if name.IsUnder(z.Origin) && (best == nil || len(z.Origin) > len(best.Origin)) {
			best = z
		}
	}
	if best != nil {
		return best
	}
	z := s.zone(registrable(name), at)
	z.Guessed = true
	return z
}

// hosted makes a record of a value as the API of a DNS host takes it.
func hosted(name dns.Name, t dns.Type, ttl uint32, value, system string, format Format, at Location) *Record {
	r := &Record{Name: name, Type: t, TTL: ttl, At: at, Format: format, System: system}
	value = strings.TrimSpace(value)
	switch t {
	case dns.TypeTXT:
		list, err := characterStrings(value)
		if err != nil {
			list = []string{value}
			r.Broken = err
		}
		r.Strings = list
	case dns.TypeMX, dns.TypeSRV, dns.TypeCNAME, dns.TypeNS, dns.TypePTR:
		if value != "" && !strings.HasSuffix(value, ".") {
			value += "." // these hosts take every target as absolute
		}
		r.Data = value
	default:
		r.Data = value
	}
	return r
}
