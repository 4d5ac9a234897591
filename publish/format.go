package publish

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Zone writes the records as a zone file has them.
func Zone(w io.Writer, s *Set) error {
	var b strings.Builder
	for _, r := range s.Records {
		comment(&b, "; ", r.Comment)
		head := fmt.Sprintf("%s %d IN %s ", r.Name, r.TTL, r.Type)
		if len(r.Strings) == 0 {
			b.WriteString(head + r.Value + "\n")
			continue
		}
		quoted := make([]string, len(r.Strings))
		for i, part := range r.Strings {
			quoted[i] = Quote(part)
		}
		if len(quoted) == 1 {
			b.WriteString(head + quoted[0] + "\n")
			continue
		}
		indent := "\n" + strings.Repeat(" ", len(head)+2)
		b.WriteString(head + "( " + strings.Join(quoted, indent) + " )\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Plain writes the records for a provider's web form: name, type and the value
// whole and without quotes, and in parts where a form takes only 255 octets.
func Plain(w io.Writer, s *Set) error {
	var b strings.Builder
	for i, r := range s.Records {
		if i > 0 {
			b.WriteByte('\n')
		}
		comment(&b, "# ", r.Comment)
		fmt.Fprintf(&b, "name:  %s\ntype:  %s\nttl:   %d\nvalue: %s\n", strings.TrimSuffix(r.Name, "."), r.Type, r.TTL, r.Value)
		if len(r.Strings) > 1 {
			b.WriteString("# if the form refuses more than 255 characters, these are the parts:\n")
			for n, part := range r.Strings {
				fmt.Fprintf(&b, "part %d: %s\n", n+1, part)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func comment(b *strings.Builder, mark, text string) {
	for line := range strings.Lines(text) {
		b.WriteString(mark + strings.TrimRight(line, "\n") + "\n")
	}
}

// JSON writes the records, the names of the files and the warnings.
func JSON(w io.Writer, s *Set) error {
	type file struct {
		Path string `json:"path"`
		Mode string `json:"mode"`
	}
	out := struct {
		Records  []Record `json:"records"`
		Files    []file   `json:"files"`
		Warnings []string `json:"warnings"`
	}{Records: []Record{}, Files: []file{}, Warnings: append([]string{}, s.Warnings...)}
	for _, r := range s.Records {
		r.Strings = append([]string{}, r.Strings...)
		out.Records = append(out.Records, r)
	}
	for _, f := range s.Files {
		out.Files = append(out.Files, file{f.Path, fmt.Sprintf("%04o", f.Mode.Perm())})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}
