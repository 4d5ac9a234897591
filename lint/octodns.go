package lint

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/yamlx"
)

// octoDNS reads one file of octoDNS' YAML: names with one record or a list of
// them. The zone is the file's name, or that of a folder "example.com.".
func (r *reader) octoDNS(data []byte, path string, origin dns.Name, named bool) error {
	doc, err := parseYAML(data, path)
	if err != nil {
		return err
	}
	if doc == nil || doc.Kind != yamlx.Map || doc.Get("providers") != nil || doc.Get("zones") != nil {
		if named && (doc == nil || doc.Kind != yamlx.Map) {
			return errorAt(Location{File: path}, "this is no octoDNS zone: it has no names")
		}
		return nil // octoDNS' own configuration, or somebody else's YAML
	}
	part := false // of a zone that other files hold, too
	if origin == "" {
		if origin, part = octoZone(path); origin == "" {
			if named {
				return errorAt(Location{File: path}, "no zone: name it with ORIGIN=%s, or call the file after it, as example.com.yaml", path)
			}
			return nil
		}
	}
	o := &octo{path: path, dir: filepath.Dir(path), origin: origin, loaded: 1}
	if doc, err = o.include(doc, path, 0); err != nil {
		return err
	}
	o.escapes = r.Semicolons == "escaped" || r.Semicolons != "plain" && hasEscapes(doc)
	for i, key := range doc.Keys {
		if err := o.name(key, doc.Items[i]); err != nil {
			if !named && len(o.records) == 0 {
				return nil
			}
			return err
		}
	}
	if len(o.records) == 0 && !named {
		return nil
	}
	zone := r.set.zone(origin, Location{path, 1, 1})
	zone.Complete = zone.Complete || !part || !named
	zone.Records = append(zone.Records, o.records...)
	zone.Left = append(zone.Left, o.left...)
	return nil
}

func parseYAML(data []byte, path string) (*yamlx.Node, error) {
	doc, err := yamlx.Parse(data)
	if err == nil {
		return doc, nil
	}
	at := Location{File: path}
	if e, ok := errors.AsType[*yamlx.SyntaxError](err); ok {
		at.Line = e.Line
		return nil, errorAt(at, "%s", e.Text)
	}
	return nil, errorAt(at, "%v", err)
}

// octoZone is the zone that a path shows; part where the file is one of a
// split folder.
func octoZone(path string) (zone dns.Name, part bool) {
	if abs, err := filepath.Abs(path); err == nil {
		if dir := filepath.Base(filepath.Dir(abs)); strings.HasSuffix(dir, ".") && len(dir) > 1 {
			if n, err := dns.ParseDomain(dir); err == nil {
				return n, true
			}
		}
	}
	base := filepath.Base(path)
	base = strings.TrimSuffix(strings.TrimSuffix(base, filepath.Ext(base)), ".")
	n, err := dns.ParseDomain(strings.TrimPrefix(base, "$"))
	if err != nil || len(n.Labels()) < 2 {
		return "", false
	}
	return n, false
}

type octo struct {
	path    string // of the file that is read
	dir     string // includes stay in it
	origin  dns.Name
	escapes bool // the file writes \; for ;
	records []*Record
	left    []Left
	loaded  int // files, the first one included

	from map[*yamlx.Node]string // the file of a node that was included
}

// hasEscapes tells that a file writes semicolons as octoDNS did by default
// until version 2.
func hasEscapes(n *yamlx.Node) bool {
	if n.Kind == yamlx.Scalar {
		return strings.Contains(n.Value, `\;`)
	}
	return slices.ContainsFunc(n.Items, hasEscapes)
}

// Bounds of "!include".
const (
	maxIncludes = 200
	maxDepth    = 5
)

// include puts the content of other files of the folder in the place of
// "!include FILE", and of "<<" its names beside the others.
func (o *octo) include(n *yamlx.Node, path string, depth int) (*yamlx.Node, error) {
	at := Location{path, n.Line, n.Column}
	if n.Tag == "!include" {
		if n.Kind != yamlx.Scalar || !filepath.IsLocal(n.Value) {
			return nil, errorAt(at, "!include is followed inside the folder of the zone only")
		}
		if o.loaded++; o.loaded > maxIncludes || depth >= maxDepth {
			return nil, errorAt(at, "too many files are included")
		}
		file := filepath.Join(filepath.Dir(path), n.Value)
		if real, err := filepath.EvalSymlinks(file); err == nil {
			dir, derr := filepath.EvalSymlinks(o.dir)
			if rel, rerr := filepath.Rel(dir, real); derr != nil || rerr != nil || !filepath.IsLocal(rel) {
				return nil, errorAt(at, "!include is followed inside the folder of the zone only")
			}
		}
		data, err := readBounded(file)
		if err != nil {
			return nil, errorAt(at, "!include: %v", plainPath(err))
		}
		doc, err := parseYAML(data, file)
		if err != nil || doc == nil {
			return &yamlx.Node{Kind: yamlx.Map, Line: n.Line, Column: n.Column}, err
		}
		if doc, err = o.include(doc, file, depth+1); err == nil {
			o.mark(doc, file)
		}
		return doc, err
	}
	for i, item := range n.Items {
		child, err := o.include(item, path, depth)
		if err != nil {
			return nil, err
		}
		n.Items[i] = child
	}
	if n.Kind == yamlx.Map {
		for i := 0; i < len(n.Keys); i++ {
			if n.Keys[i].Value != "<<" {
				continue
			}
			merged := n.Items[i]
			n.Keys, n.Items = slices.Delete(n.Keys, i, i+1), slices.Delete(n.Items, i, i+1)
			i--
			for k, key := range merged.Keys {
				if n.Get(key.Value) == nil {
					n.Keys, n.Items = append(n.Keys, key), append(n.Items, merged.Items[k])
				}
			}
		}
	}
	return n, nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > 4<<20) {
		return nil, errors.New("the file is too large, or no plain file")
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// mark remembers from which file the nodes come that have no mark yet.
func (o *octo) mark(n *yamlx.Node, file string) {
	if o.from == nil {
		o.from = map[*yamlx.Node]string{}
	}
	if _, ok := o.from[n]; ok {
		return
	}
	o.from[n] = file
	for _, k := range n.Keys {
		o.mark(k, file)
	}
	for _, i := range n.Items {
		o.mark(i, file)
	}
}

func (o *octo) at(n *yamlx.Node) Location {
	if file, ok := o.from[n]; ok {
		return Location{file, n.Line, n.Column}
	}
	return Location{o.path, n.Line, n.Column}
}

func (o *octo) name(key, val *yamlx.Node) error {
	name := below(key.Value, o.origin)
	if err := name.Check(); err != nil {
		return errorAt(o.at(key), "%q is no domain name: %v", key.Value, err)
	}
	list := []*yamlx.Node{val}
	if val.Kind == yamlx.List {
		list = val.Items
	}
	for _, n := range list {
		if n.Kind != yamlx.Map {
			return errorAt(o.at(n), "%q has no record: octoDNS wants a type and a value", key.Value)
		}
		if err := o.record(name, n); err != nil {
			return err
		}
	}
	return nil
}

func (o *octo) record(name dns.Name, n *yamlx.Node) error {
	kind := n.Get("type")
	if kind == nil {
		return errorAt(o.at(n), "the record of %s has no type", name.FQDN())
	}
	t, known := typeOf(kind.Value)
	if !known || n.Get("dynamic") != nil || n.Get("geo") != nil {
		// ALIAS and what answers differently by place: who asks gets addresses.
		if known {
			o.left = append(o.left, Left{name, t})
		} else if strings.HasSuffix(kind.Value, "ALIAS") {
			o.left = append(o.left, Left{name, dns.TypeA}, Left{name, dns.TypeAAAA})
		}
		return nil
	}
	rec := Record{Name: name, Type: t, TTL: defaultTTL, Format: OctoDNS, NoTTL: true}
	if ttl := n.Get("ttl"); ttl != nil {
		v, err := strconv.ParseInt(ttl.Value, 10, 64)
		if err != nil || v < 0 {
			return errorAt(o.at(ttl), "the TTL %q is no number of seconds", ttl.Value)
		}
		rec.TTL, rec.NoTTL = clamp(v), false
	}
	values := []*yamlx.Node{}
	if v := n.Get("value"); v != nil {
		values = append(values, v)
	}
	if v := n.Get("values"); v != nil {
		if v.Kind == yamlx.List {
			values = append(values, v.Items...)
		} else {
			values = append(values, v)
		}
	}
	for _, v := range values {
		r := rec
		r.At = o.at(v)
		o.value(&r, v)
		o.records = append(o.records, &r)
	}
	return nil
}

// value reads one value of a type.
func (o *octo) value(r *Record, v *yamlx.Node) {
	get := func(keys ...string) string {
		for _, k := range keys {
			if n := v.Get(k); n != nil {
				return n.Value
			}
		}
		return "?"
	}
	switch r.Type {
	case dns.TypeTXT, dns.TypeSPF:
		text := v.Value
		if o.escapes {
			r.Bare = strings.Contains(strings.ReplaceAll(text, `\;`, ""), ";")
			text = strings.ReplaceAll(text, `\;`, ";")
		}
		if r.Type == dns.TypeSPF {
			r.Data = strconv.Quote(text)
			return
		}
		if strings.HasPrefix(text, `"`) {
			// A value that is written as zone files do is read so.
			if list, err := characterStrings(text); err == nil {
				r.Strings = list
				return
			}
		}
		r.Strings = chunks(text) // octoDNS cuts long texts itself
	case dns.TypeMX:
		r.Data = get("preference", "priority") + " " + r.host(get("exchange", "value"))
	case dns.TypeSRV:
		r.Data = get("priority") + " " + get("weight") + " " + get("port") + " " + r.host(get("target"))
	case dns.TypeCAA:
		r.Data = get("flags") + " " + get("tag") + " " + strconv.Quote(get("value"))
	case dns.TypeTLSA:
		r.Data = strings.Join([]string{get("certificate_usage"), get("selector"), get("matching_type"), get("certificate_association_data")}, " ")
	case dns.TypeCNAME, dns.TypeNS, dns.TypePTR:
		r.Data = r.host(v.Value)
	case dns.TypeA, dns.TypeAAAA:
		r.Data = v.Value
	default:
		if v.Kind == yamlx.Scalar {
			r.Data = v.Value
		}
	}
}

// host is a target that must end in a dot; octoDNS refuses it otherwise.
func (r *Record) host(text string) string {
	if !strings.HasSuffix(text, ".") {
		r.NoDot = text
		text += "."
	}
	return text
}

// chunks cuts a text into character-strings (RFC 1035 §3.3).
func chunks(text string) []string {
	list := []string{}
	for len(text) > 255 {
		list, text = append(list, text[:255]), text[255:]
	}
	return append(list, text)
}
