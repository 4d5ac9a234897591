package publish

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// OctoDNS writes the records as octoDNS keeps a zone: YAML of the default
// YamlProvider, where a semicolon stands behind a backslash. An entry is the
// whole RRset: what stands beside the record in DNS is repeated.
func OctoDNS(w io.Writer, s *Set) error {
	if err := s.check(); err != nil {
		return err
	}
	var b strings.Builder
	s.head(&b, "# ")
	ours, _ := s.rrsets()
	byName := map[string][]*rrset{}
	for i := range ours {
		name, ok := relative(ours[i].name, s.zone())
		if !ok || s.zone() == "" {
			name = strings.TrimSuffix(ours[i].name, ".")
		}
		if name == "@" {
			name = ""
		}
		byName[name] = append(byName[name], &ours[i])
	}
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) > 0 && s.zone() != "" {
		fmt.Fprintf(&b, "# %syaml\n", s.zone())
	}
	for _, name := range names {
		sets := byName[name]
		for _, set := range sets {
			s.setComment(&b, "# ", set)
		}
		fmt.Fprintf(&b, "%s:\n", yamlKey(name))
		if len(sets) == 1 {
			if err := writeOcto(&b, "  ", "  ", sets[0]); err != nil {
				return err
			}
			continue
		}
		for _, set := range sets {
			if err := writeOcto(&b, "- ", "  ", set); err != nil {
				return err
			}
		}
	}
	s.elsewhere(&b, "# ")
	_, err := io.WriteString(w, b.String())
	return err
}

// writeOcto writes one RRset, its keys sorted.
func writeOcto(b *strings.Builder, first, indent string, set *rrset) error {
	if first == "- " {
		first, indent = "  - ", "    "
	}
	fmt.Fprintf(b, "%sttl: %d\n%stype: %s\n", first, set.ttl, indent, set.rtype)
	var values []string
	for i := range set.values {
		text, err := octoValue(&set.values[i], indent)
		if err != nil {
			return err
		}
		values = append(values, text)
	}
	for _, text := range set.kept {
		if i := strings.IndexFunc(text, func(c rune) bool { return c < 0x20 || c > 0x7e }); i >= 0 {
			// octoDNS takes ASCII only, and to leave a text out would delete it.
			return &NotASCII{Name: set.name, Offset: i, Octet: text[i]}
		}
		values = append(values, " "+yamlText(text)+"\n")
	}
	if len(values) == 1 {
		fmt.Fprintf(b, "%svalue:%s", indent, values[0])
		return nil
	}
	fmt.Fprintf(b, "%svalues:\n", indent)
	for _, v := range values {
		if rest, block := strings.CutPrefix(v, "\n"+indent+"  "); block {
			fmt.Fprintf(b, "%s- %s", indent, rest)
			continue
		}
		fmt.Fprintf(b, "%s-%s", indent, v)
	}
	return nil
}

// octoNames are octoDNS's own words for the fields.
var octoNames = map[string]map[string]string{
	"TLSA": {"usage": "certificate_usage", "selector": "selector", "matching": "matching_type", "data": "certificate_association_data"},
}

// octoValue is what follows "value:", a line or a mapping below it.
func octoValue(r *Record, indent string) (string, error) {
	fields, err := r.fields()
	if err != nil {
		return "", err
	}
	if fields == nil {
		return " " + yamlText(r.Value) + "\n", nil
	}
	var lines []string
	for _, f := range fields {
		name, value := f.name, f.value
		if other := octoNames[r.Type][name]; other != "" {
			name = other
		}
		if !f.number {
			value = yamlText(value)
		}
		lines = append(lines, indent+"  "+name+": "+value+"\n")
	}
	slices.Sort(lines)
	return "\n" + strings.Join(lines, ""), nil
}

// yamlText is a value: plain where it surely is a text to any reader of YAML,
// else in single quotes, where nothing but the quote itself is special. Its
// semicolons are escaped for octoDNS, not for YAML.
func yamlText(s string) string {
	s = strings.ReplaceAll(s, ";", `\;`)
	if strings.HasPrefix(s, "v=") && !strings.Contains(s, ": ") && !strings.Contains(s, " #") &&
		!strings.HasSuffix(s, ":") && !strings.HasSuffix(s, " ") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// plainKey begins with a letter or an underscore, so that it is no number, no
// alias and no list.
var plainKey = regexp.MustCompile(`^[a-z_][a-z0-9_.-]*$`)

// yamlKey is a name. What YAML 1.1 takes for a truth value or for nothing is quoted.
func yamlKey(name string) string {
	if plainKey.MatchString(name) && !slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}, name) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", "''") + "'"
}
