package lint

import (
	"strconv"
	"strings"

	"github.com/postseal/postseal/dns"
)

// value is one value of a Terraform resource, from a plan or from source.
type value struct {
	known bool // false: only a plan shows it
	null  bool
	text  string // strings, numbers, booleans
	list  []value
	attrs map[string]value
	at    Location
}

func (v value) get(names ...string) value {
	for _, n := range names {
		if a, ok := v.attrs[n]; ok && !a.null {
			return a
		}
	}
	return value{known: true, null: true, at: v.at}
}

// number is a whole number, or what is put in its place.
func (v value) number(other int64) int64 {
	if n, err := strconv.ParseInt(v.text, 10, 64); err == nil && v.known {
		return n
	}
	return other
}

// resource is one resource that publishes records.
type resource struct {
	address string
	kind    string
	attrs   value
	at      Location

	zone     dns.Name // "" where no file says it
	repeated bool     // count or for_each: only a plan shows how often it is there
}

// systems are the resources that are read.
var systems = map[string]string{
	"aws_route53_record":     "route53",
	"cloudflare_record":      "cloudflare",
	"cloudflare_dns_record":  "cloudflare",
	"google_dns_record_set":  "google",
	"azurerm_dns_txt_record": "azure", "azurerm_dns_mx_record": "azure", "azurerm_dns_cname_record": "azure",
	"azurerm_dns_a_record": "azure", "azurerm_dns_aaaa_record": "azure",
}

// zoneKinds are the resources and data sources that name a zone, and in which
// attribute.
var zoneKinds = map[string][]string{
	"aws_route53_zone": {"name"}, "cloudflare_zone": {"name", "zone"}, "google_dns_managed_zone": {"dns_name"}, "azurerm_dns_zone": {"name"},
}

// publish turns a resource into records. What cannot be read goes to Unread.
func (s *Set) publish(res *resource, format Format) {
	unread := func(name dns.Name, t dns.Type) {
		s.Unread = append(s.Unread, Unread{At: res.at, What: res.address, Name: name, Type: t})
	}
	t, ok := res.rrtype()
	if !ok {
		if !res.attrs.get("type").known {
			unread("", 0)
		}
		return
	}
	name, ok := res.name()
	if !ok || name.Check() != nil {
		unread("", t)
		return
	}
	zone := s.zoneFor(name, res.zone, res.at)
	values, ok := res.values(t)
	if !ok || res.repeated {
		zone.Left = append(zone.Left, Left{name, t})
		unread(name, t)
		return
	}
	if values == nil { // an alias of the host: addresses that DNS tells
		zone.Left = append(zone.Left, Left{name, t})
		return
	}
	if res.kind == "cloudflare_record" || res.kind == "cloudflare_dns_record" {
		if t == dns.TypeCNAME && res.attrs.get("proxied").text == "true" {
			zone.Left = append(zone.Left, Left{name, dns.TypeA}, Left{name, dns.TypeAAAA})
			return
		}
	}
	ttl := clamp(res.attrs.get("ttl").number(defaultTTL))
	if ttl == 1 {
		ttl = 300 // Cloudflare's "automatic"
	}
	for _, v := range values {
		r := hosted(name, t, ttl, v.text, systems[res.kind], format, v.at)
		if t == dns.TypeTXT {
			r.Strings, r.Broken = txtOf(res.kind, v.text)
		}
		zone.add(r)
	}
}

func (res *resource) rrtype() (dns.Type, bool) {
	if t, ok := strings.CutPrefix(res.kind, "azurerm_dns_"); ok {
		return typeOf(strings.TrimSuffix(t, "_record"))
	}
	v := res.attrs.get("type")
	if !v.known || v.null {
		return 0, false
	}
	return typeOf(v.text)
}

// name is the owner. Hosts take it as absolute where it ends in the zone's
// name; without a known zone only a name that ends in a top-level domain can
// be told to be absolute.
func (res *resource) name() (dns.Name, bool) {
	v := res.attrs.get("name")
	if !v.known {
		return "", false
	}
	text := strings.TrimSuffix(v.text, ".")
	absoluteName := absolute(text)
	zone := res.zone
	if z := res.attrs.get("zone_name"); z.known && !z.null {
		zone = absolute(z.text)
		res.zone = zone
	}
	if zone != "" {
		if text == "@" || text == "" {
			return zone, true
		}
		if absoluteName.IsUnder(zone) {
			return absoluteName, true
		}
		return below(text, zone), true
	}
	if strings.HasSuffix(v.text, ".") || hasTLD(absoluteName) {
		return absoluteName, true
	}
	return "", false
}

// values are the values of the RRset, each with its place; nil for an alias;
// ok is false where one of them is not known.
func (res *resource) values(t dns.Type) (list []value, ok bool) {
	var v value
	switch {
	case res.kind == "aws_route53_record":
		if a := res.attrs.get("alias"); !a.null {
			return nil, true
		}
		v = res.attrs.get("records")
	case res.kind == "google_dns_record_set":
		v = res.attrs.get("rrdatas")
	case strings.HasPrefix(res.kind, "cloudflare_"):
		c := res.attrs.get("content", "value")
		if c.null {
			c = res.attrs.get("data")
		}
		if t == dns.TypeMX && c.known {
			p := res.attrs.get("priority")
			if !p.known {
				return nil, false
			}
			c.text = p.text + " " + c.text
		}
		if c.known && (c.null || c.attrs != nil) {
			return nil, false // SRV, CAA and the like as parts
		}
		return []value{c}, c.known
	default:
		v = res.azure(t)
	}
	if !v.known || v.null {
		return nil, false
	}
	list = []value{}
	for _, item := range v.list {
		if !item.known {
			return nil, false
		}
		list = append(list, item)
	}
	return list, true
}

func (res *resource) azure(t dns.Type) value {
	switch t {
	case dns.TypeCNAME:
		v := res.attrs.get("record")
		return value{known: v.known, null: v.null, list: []value{v}}
	case dns.TypeA, dns.TypeAAAA:
		return res.attrs.get("records")
	}
	blocks := res.attrs.get("record")
	out := value{known: blocks.known, null: blocks.null}
	for _, b := range blocks.list {
		item := b.get("value")
		if t == dns.TypeMX {
			p, e := b.get("preference"), b.get("exchange")
			item = value{known: p.known && e.known, text: p.text + " " + e.text, at: e.at}
		}
		out.list = append(out.list, item)
	}
	return out
}

// txtOf are the character-strings that a resource publishes. Azure takes raw
// text; Route 53's resource puts quotation marks around what has none; Cloudflare
// takes text with or without; Google takes zone file text, in which spaces
// outside of quotation marks part strings.
func txtOf(kind, text string) ([]string, error) {
	quoted := len(text) >= 2 && strings.HasPrefix(text, `"`) && strings.HasSuffix(text, `"`)
	switch {
	case strings.HasPrefix(kind, "azurerm_"):
		return chunks(text), nil
	case kind == "aws_route53_record" && !quoted:
		return orWhole(characterStrings(`"` + text + `"`))(text)
	case strings.HasPrefix(kind, "cloudflare_") && !quoted:
		return chunks(text), nil
	}
	return orWhole(characterStrings(text))(text)
}

func orWhole(list []string, err error) func(string) ([]string, error) {
	return func(text string) ([]string, error) {
		if err != nil {
			return chunks(text), err
		}
		return list, nil
	}
}
