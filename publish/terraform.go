package publish

import (
	"fmt"
	"io"
	"strings"

	"github.com/postseal/postseal/internal/zonetext"
)

// Route53 writes the records as Terraform resources aws_route53_record. Such a
// resource is the whole RRset: what stands beside the record in DNS is repeated.
func Route53(w io.Writer, s *Set) error {
	return s.terraform(w, func(b *strings.Builder, id func(*Record) string) error {
		ours, _ := s.rrsets()
		for i := range ours {
			set := &ours[i]
			s.setComment(b, "# ", set)
			block := &hclBlock{kind: "aws_route53_record", name: id(&set.values[0])}
			block.add("zone_id", "var.zone_id")
			block.add("name", hclString(strings.TrimSuffix(set.name, ".")))
			block.add("type", hclString(set.rtype))
			block.add("ttl", fmt.Sprint(set.ttl))
			var values []string
			for j := range set.values {
				values = append(values, hclString(route53Value(&set.values[j])))
			}
			for _, text := range set.kept {
				values = append(values, hclString(route53Text(split(text))))
			}
			block.add("records", "["+strings.Join(values, ", ")+"]")
			block.write(b)
		}
		return nil
	})
}

func route53Value(r *Record) string {
	if len(r.Strings) == 0 {
		return r.Value
	}
	return route53Text(r.Strings)
}

// route53Text leaves out the outer quotes, which the provider adds, and keeps
// those between the strings.
func route53Text(parts []string) string {
	quoted := make([]string, len(parts))
	for i, part := range parts {
		quoted[i] = zonetext.Quote(part)
	}
	text := strings.Join(quoted, "")
	return text[1 : len(text)-1]
}

// Cloudflare writes the records as Terraform resources cloudflare_dns_record, as
// version 5 of the provider calls them.
func Cloudflare(w io.Writer, s *Set) error {
	return s.terraform(w, func(b *strings.Builder, id func(*Record) string) error {
		for i := range s.Records {
			r := &s.Records[i]
			if !s.inZone(r.Name) {
				continue
			}
			comment(b, "# ", r.Comment)
			block := &hclBlock{kind: "cloudflare_dns_record", name: id(r)}
			block.add("zone_id", "var.zone_id")
			block.add("name", hclString(strings.TrimSuffix(r.Name, ".")))
			block.add("type", hclString(r.Type))
			block.add("ttl", fmt.Sprint(r.TTL))
			if err := block.cloudflareData(r); err != nil {
				return err
			}
			block.write(b)
		}
		return nil
	})
}

// cloudflareData writes what the record says. A TXT is given quoted and split:
// the API stores it so, and another spelling would be a change in every plan.
func (h *hclBlock) cloudflareData(r *Record) error {
	fields, err := r.fields()
	if err != nil {
		return err
	}
	switch r.Type {
	case "TXT":
		quoted := make([]string, len(r.Strings))
		for i, part := range r.Strings {
			quoted[i] = zonetext.Quote(part)
		}
		h.add("content", hclString(strings.Join(quoted, " ")))
	case "MX":
		h.add("content", hclString(dotless(fields[1].value)))
		h.add("priority", fields[0].value)
	case "TLSA", "CAA", "SRV":
		names := map[string]string{"matching": "matching_type", "data": "certificate"}
		var parts []string
		for _, f := range fields {
			name, value := f.name, f.value
			if other, ok := names[name]; ok && r.Type == "TLSA" {
				name = other
			}
			if !f.number {
				if name == "target" {
					value = dotless(value)
				}
				value = hclString(value)
			}
			parts = append(parts, name+" = "+value)
		}
		h.add("data", "{ "+strings.Join(parts, ", ")+" }")
	case "A", "AAAA", "CNAME":
		h.add("content", hclString(dotless(r.Value)))
		h.add("proxied", "false")
	default:
		h.add("content", hclString(r.Value))
	}
	return nil
}

// dotless is a name as Cloudflare has it; the root keeps its dot.
func dotless(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}

// terraform writes what both kinds share: files and foreign records as
// comments, and names for the resources.
func (s *Set) terraform(w io.Writer, records func(*strings.Builder, func(*Record) string) error) error {
	if err := s.check(); err != nil {
		return err
	}
	var b strings.Builder
	s.head(&b, "# ")
	used := map[string]int{}
	err := records(&b, func(r *Record) string {
		id := s.resourceName(r)
		if used[id]++; used[id] > 1 {
			id = fmt.Sprintf("%s_%d", id, used[id])
		}
		return id
	})
	if err != nil {
		return err
	}
	s.elsewhere(&b, "# ")
	_, err = io.WriteString(w, b.String())
	return err
}

// resourceName is what the resource is called: the standard, and the labels
// that tell it from others of its kind.
func (s *Set) resourceName(r *Record) string {
	parts := []string{r.Source}
	if r.Source == "" {
		parts[0] = strings.ToLower(r.Type)
	}
	host, ok := relative(r.Name, s.zone())
	if !ok || s.zone() == "" {
		host = strings.TrimSuffix(r.Name, ".")
	}
	if host != "@" {
		for label := range strings.SplitSeq(host, ".") {
			if !strings.HasPrefix(label, "_") {
				parts = append(parts, label)
			}
		}
	}
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, strings.Join(parts, "_"))
}

// hclBlock is a resource with its arguments below each other.
type hclBlock struct {
	kind, name string
	args       [][2]string
}

func (h *hclBlock) add(name, value string) { h.args = append(h.args, [2]string{name, value}) }

func (h *hclBlock) write(b *strings.Builder) {
	width := 0
	for _, a := range h.args {
		width = max(width, len(a[0]))
	}
	fmt.Fprintf(b, "resource %q %q {\n", h.kind, h.name)
	for _, a := range h.args {
		fmt.Fprintf(b, "  %-*s = %s\n", width, a[0], a[1])
	}
	b.WriteString("}\n")
}

// hclString quotes a text for HCL. An SPF macro such as %{i} would begin a
// template there: its first character is doubled.
func hclString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", "$${", "%{", "%%{").Replace(s) + `"`
}
