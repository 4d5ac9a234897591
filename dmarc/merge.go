package dmarc

import "strings"

// merge makes one record of several: the strictest policy for the domain, the
// subdomains and names that do not exist, and all report addresses. The rest
// is the first record's that says it.
func merge(texts []string) string {
	m := &Record{}
	var p, sp, np Level
	var rua, ruf []string
	for _, text := range texts {
		r, _ := Parse(text)
		p = max(p, r.Level("p"))
		below := r.Level("sp")
		if below == 0 {
			below = r.Level("p")
		}
		sp = max(sp, below)
		np = max(np, r.Level("np"))
		rua, ruf = addURIs(rua, r.RUA), addURIs(ruf, r.RUF)
		for _, name := range []string{"psd", "adkim", "aspf", "fo"} {
			if t := r.Tag(name); t != nil && t.Value != "" && m.Tag(name) == nil {
				m.Tags = append(m.Tags, Tag{Name: name, Value: t.Value})
			}
		}
	}
	p = max(p, None)
	set := func(name, value string) { m.Tags = append(m.Tags, Tag{Name: name, Value: value}) }
	set("v", Version)
	set("p", p.String())
	sp = max(sp, None)
	if sp != p {
		set("sp", sp.String())
	}
	if np > sp {
		set("np", np.String())
	}
	if len(rua) > 0 {
		set("rua", strings.Join(rua, ","))
	}
	if len(ruf) > 0 {
		set("ruf", strings.Join(ruf, ","))
	}
	return m.ordered().String()
}

func addURIs(list []string, uris []URI) []string {
	for _, u := range uris {
		if u.Valid && indexOf(list, u.Text) < 0 {
			list = append(list, u.Text)
		}
	}
	return list
}

// ordered is the record with its tags in tagOrder.
func (r *Record) ordered() *Record {
	out := &Record{}
	for _, name := range tagOrder {
		if t := r.Tag(name); t != nil {
			out.Tags = append(out.Tags, *t)
		}
	}
	return out
}
