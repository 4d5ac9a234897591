package lint

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/postseal/postseal/dns"
)

// tfDoc is what "terraform show -json" prints of a plan or a state.
type tfDoc struct {
	Planned *tfValues `json:"planned_values"`
	Values  *tfValues `json:"values"`
	Prior   *struct {
		Values *tfValues `json:"values"`
	} `json:"prior_state"`
}

type tfValues struct {
	Root tfModule `json:"root_module"`
}

type tfModule struct {
	Resources []tfResource `json:"resources"`
	Children  []tfModule   `json:"child_modules"`
}

type tfResource struct {
	Address string         `json:"address"`
	Mode    string         `json:"mode"`
	Type    string         `json:"type"`
	Values  map[string]any `json:"values"`
}

// maxModules bounds how deep modules are followed.
const maxModules = 50

// each calls f for every resource, modules included.
func (m *tfModule) each(depth int, f func(*tfResource)) {
	for i := range m.Resources {
		f(&m.Resources[i])
	}
	if depth >= maxModules {
		return
	}
	for i := range m.Children {
		m.Children[i].each(depth+1, f)
	}
}

// terraformJSON reads a plan, or a state: all modules and variables are
// resolved there. Values that only the apply tells are missing from it.
func (r *reader) terraformJSON(data []byte, path string, origin dns.Name) error {
	var doc tfDoc
	if err := json.Unmarshal(data, &doc); err != nil {
		return jsonError(err, data, path)
	}
	values := doc.Planned
	if values == nil {
		values = doc.Values
	}
	if values == nil {
		return errorAt(Location{File: path}, "neither a plan nor a state: planned_values and values are missing")
	}
	zones := map[string]dns.Name{} // by ID, and of Google and Azure by name
	note := func(res *tfResource) {
		for _, attr := range zoneKinds[res.Type] {
			name, _ := res.Values[attr].(string)
			if name == "" {
				continue
			}
			for _, key := range []string{"zone_id", "id", "name"} {
				if id, _ := res.Values[key].(string); id != "" && id != name {
					zones[id] = absolute(name)
				}
			}
		}
	}
	if doc.Prior != nil && doc.Prior.Values != nil {
		doc.Prior.Values.Root.each(0, note)
	}
	values.Root.each(0, note)
	last := 0
	values.Root.each(0, func(res *tfResource) {
		if systems[res.Type] == "" || res.Mode == "data" {
			return
		}
		at := Location{File: path}
		quoted, _ := json.Marshal(res.Address)
		key := append([]byte(`"address":`), quoted...)
		if i := bytes.Index(data[last:], key); i >= 0 {
			last += i
			at = place(data, last, path)
		} else if i := bytes.Index(data, quoted); i >= 0 {
			at = place(data, i, path)
		}
		out := &resource{address: res.Address, kind: res.Type, at: at, zone: origin, attrs: value{known: true, attrs: map[string]value{}, at: at}}
		for k, v := range res.Values {
			out.attrs.attrs[k] = jsonValue(v, at)
		}
		for _, key := range []string{"zone_id", "managed_zone"} {
			if id, _ := res.Values[key].(string); id != "" && zones[id] != "" {
				out.zone = zones[id]
			}
		}
		r.set.publish(out, TerraformJSON)
	})
	return nil
}

func jsonValue(v any, at Location) value {
	out := value{known: true, at: at}
	switch v := v.(type) {
	case nil:
		out.null = true
	case []any:
		out.null = len(v) == 0 // a block that is not there
		for _, item := range v {
			out.list = append(out.list, jsonValue(item, at))
		}
	case map[string]any:
		out.attrs = map[string]value{}
		for k, item := range v {
			out.attrs[k] = jsonValue(item, at)
		}
	case string:
		out.text = v
	default:
		out.text = fmt.Sprint(v)
	}
	return out
}
