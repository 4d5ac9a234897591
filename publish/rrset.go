package publish

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// rrset is what stands at one name with one type: some tools set it as a whole.
type rrset struct {
	name, rtype string
	ttl         uint32
	values      []Record
	kept        []string // texts in DNS now that stay: setting the RRset as a whole must repeat them
	guess       bool     // what DNS has now is not known, and other texts are likely
	comment     string
}

// rrsets groups the records of the zone by name and type, in the order of the
// set; those of other zones come apart.
func (s *Set) rrsets() (ours []rrset, foreign []Record) {
	for _, r := range s.Records {
		if !s.inZone(r.Name) {
			foreign = append(foreign, r)
			continue
		}
		i := slices.IndexFunc(ours, func(o rrset) bool { return o.name == r.Name && o.rtype == r.Type })
		if i < 0 {
			i = len(ours)
			ours = append(ours, rrset{name: r.Name, rtype: r.Type, ttl: r.TTL})
		}
		o := &ours[i]
		o.values = append(o.values, r)
		o.comment = strings.TrimPrefix(o.comment+"\n"+r.Comment, "\n")
		if r.Type != "TXT" {
			continue
		}
		_, kept, _ := r.replaces()
		for _, text := range kept {
			if !slices.Contains(o.kept, text) {
				o.kept = append(o.kept, text)
			}
		}
		// At the domain itself there are verification tokens as a rule.
		o.guess = o.guess || r.Live == nil && s.Zone != "" && r.Name == s.Zone
	}
	return ours, foreign
}

// replaces tells which texts at the name the record takes the place of, which
// stay, and whether the record stands there already. Of SPF, DMARC and their
// kind there is one at a name; it is told by its first tag.
func (r *Record) replaces() (old, kept []string, done bool) {
	kind := firstTag(r.Value)
	for _, text := range r.Live {
		switch {
		case text == r.Value:
			done = true
		case kind != "" && firstTag(text) == kind:
			old = append(old, text)
		default:
			kept = append(kept, text)
		}
	}
	return old, kept, done
}

// firstTag is "v=spf1" and the like, "" for a text that does not begin so.
func firstTag(text string) string {
	tag := strings.ToLower(text)
	if i := strings.IndexAny(tag, " ;\t"); i >= 0 {
		tag = tag[:i]
	}
	if !strings.HasPrefix(tag, "v=") {
		return ""
	}
	return tag
}

// inZone tells whether the record is the zone's to hold.
func (s *Set) inZone(name string) bool {
	if s.zone() == "" {
		return true
	}
	_, ok := relative(name, s.zone())
	return ok
}

// zone is the zone that holds the records: as DNS says, else the domain.
func (s *Set) zone() string {
	if s.Apex != "" {
		return s.Apex
	}
	return s.Zone
}

// relative is a name without its zone, "@" for the zone itself.
func relative(name, zone string) (string, bool) {
	switch {
	case name == zone:
		return "@", true
	case zone == ".":
		return strings.TrimSuffix(name, "."), true
	}
	return strings.CutSuffix(name, "."+zone)
}

// field is one part of a record's data with its name.
type field struct {
	name   string
	value  string
	number bool
}

// layouts are the fields of the types that tools want apart, in the order of
// presentation form (RFC 1035 §3.3.9, RFC 2782, RFC 6698 §2.2, RFC 8659 §4.1.1).
var layouts = map[string][]field{
	"MX":   {{name: "preference", number: true}, {name: "exchange"}},
	"SRV":  {{name: "priority", number: true}, {name: "weight", number: true}, {name: "port", number: true}, {name: "target"}},
	"TLSA": {{name: "usage", number: true}, {name: "selector", number: true}, {name: "matching", number: true}, {name: "data"}},
	"CAA":  {{name: "flags", number: true}, {name: "tag"}, {name: "value"}},
}

// fields takes the data of a record apart; nil for a type that is one value.
func (r *Record) fields() ([]field, error) {
	layout := layouts[r.Type]
	if layout == nil {
		return nil, nil
	}
	parts := strings.Fields(r.Value)
	if r.Type == "CAA" && len(parts) > 2 {
		parts = []string{parts[0], parts[1], unquote(strings.TrimSpace(strings.SplitN(r.Value, parts[1], 2)[1]))}
	}
	if len(parts) != len(layout) {
		return nil, fmt.Errorf("publish: %s %s has the data %q, which has not the %d fields of its type", r.Name, r.Type, r.Value, len(layout))
	}
	out := slices.Clone(layout)
	for i, part := range parts {
		if _, err := strconv.ParseUint(part, 10, 16); layout[i].number && err != nil {
			return nil, fmt.Errorf("publish: %s %s has the data %q, and %s is no number", r.Name, r.Type, r.Value, layout[i].name)
		}
		out[i].value = part
	}
	return out, nil
}

// unquote reads a character-string in quotes (RFC 1035 §5.1).
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(s[1 : len(s)-1])
}
