package report

import (
	"strings"

	"github.com/postseal/postseal/check"
)

// formatView is all suggested records in one format.
type formatView struct {
	ID, Title, Text string
	Tool            bool // not printed on paper, from which nobody copies
}

// formats writes the records down in every format there is. One that cannot
// hold them is left out, as is a record of somebody else's zone.
func (p *domainPage) formats(r *Report, opts HTMLOptions, level detail) {
	var own []check.RecordChange // what tools are told: other types than TXT are sets, of which a change may name a part
	var zone []string
	for _, s := range p.Records {
		if s.Change.Elsewhere != "" {
			p.NoZone = p.words.t("records.elsewhere")
			continue
		}
		if s.change.Type == "TXT" {
			own = append(own, s.change)
		} else {
			p.NoTools = p.words.t("records.not-txt")
		}
		if len(s.Change.New) > 0 {
			zone = append(zone, "; "+s.Reason) // one may be for later: say what each is for
		}
		for _, n := range s.Change.New {
			if n.Zone != "" {
				zone = append(zone, n.Zone)
			}
		}
	}
	if len(zone) > 0 {
		p.Formats = append(p.Formats, formatView{"as-zone", p.words.t("records.zone"), strings.Join(zone, "\n"), false})
	}
	there := func(name string) ([]string, bool) { return textsAt(r, name) }
	for _, f := range opts.Formats {
		if f.Name == "zone" || level >= detailSome || len(own) == 0 {
			continue
		}
		text, err := f.Write(r.Domain, own, there)
		if err != nil || text == "" {
			continue
		}
		p.Formats = append(p.Formats, formatView{"as-" + f.Name, f.Title, escapeLines(strings.TrimRight(text, "\n")), true})
	}
}

// escapeLines is Escape for a text of several lines.
func escapeLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		cells := strings.Split(line, "\t")
		for j, c := range cells {
			cells[j] = Escape(c)
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.Join(lines, "\n")
}

// textsAt are the TXT records that the run found at a name, false where it did
// not ask, or got no answer, or was sent elsewhere by an alias.
func textsAt(r *Report, name string) ([]string, bool) {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	for _, q := range r.Queries {
		if q.Type != "TXT" || strings.TrimSuffix(strings.ToLower(q.Name), ".") != name || q.State == "unknown" {
			continue
		}
		texts := []string{}
		for _, a := range q.Answer {
			text, ok := txtText(a)
			if !ok {
				return nil, false
			}
			texts = append(texts, text)
		}
		return texts, true
	}
	return nil, false
}

// txtText joins the character-strings of a TXT record in presentation form,
// false where it is none (RFC 1035 §5.1).
func txtText(rdata string) (string, bool) {
	var b strings.Builder
	inside := false
	for i := 0; i < len(rdata); i++ {
		switch c := rdata[i]; {
		case c == '"':
			inside = !inside
		case !inside && c == ' ':
		case !inside:
			return "", false
		case c == '\\':
			if i+3 < len(rdata) && digits(rdata[i+1:i+4]) {
				n := int(rdata[i+1]-'0')*100 + int(rdata[i+2]-'0')*10 + int(rdata[i+3]-'0')
				if n > 255 {
					return "", false
				}
				b.WriteByte(byte(n))
				i += 3
			} else if i+1 < len(rdata) {
				i++
				b.WriteByte(rdata[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), !inside && rdata != ""
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }
