package publish

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/postseal/postseal/internal/zonetext"
)

// Zone writes the records as a zone file has them. What does not belong into
// the zone's file stands there as a comment: the content of files, and records
// of other zones, which name servers would not load.
func Zone(w io.Writer, s *Set) error {
	if err := s.check(); err != nil {
		return err
	}
	var b strings.Builder
	s.head(&b, "; ")
	for _, r := range s.Records {
		comment(&b, "; ", r.Comment)
		if !s.inZone(r.Name) {
			comment(&b, "; ", r.presentation())
			continue
		}
		b.WriteString(r.presentation())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// presentation is the record in the form of RFC 1035 §5, its strings below each
// other where there are several.
func (r *Record) presentation() string {
	head := fmt.Sprintf("%s %d IN %s ", r.Name, r.TTL, r.Type)
	if len(r.Strings) == 0 {
		return head + r.Value + "\n"
	}
	quoted := make([]string, len(r.Strings))
	for i, part := range r.Strings {
		quoted[i] = zonetext.Quote(part)
	}
	if len(quoted) == 1 {
		return head + quoted[0] + "\n"
	}
	return head + "( " + strings.Join(quoted, "\n"+strings.Repeat(" ", len(head)+2)) + " )\n"
}

// Plain writes the records for a provider's web form: host, name, type and the
// value whole and without quotes, and in parts where a form takes only 255
// octets. The content of files comes first, ready to be copied.
func Plain(w io.Writer, s *Set) error {
	if err := s.check(); err != nil {
		return err
	}
	var b strings.Builder
	for _, f := range s.Files {
		if f.Content != "" {
			comment(&b, "# ", f.Comment)
			b.WriteString(strings.TrimSuffix(f.Content, "\n") + "\n\n")
		}
	}
	noted := false
	for i, r := range s.Records {
		if i > 0 {
			b.WriteByte('\n')
		}
		comment(&b, "# ", r.Comment)
		if host, ok := s.host(r.Name); ok {
			if !noted {
				comment(&b, "# ", s.Words.Host)
				noted = true
			}
			fmt.Fprintf(&b, "host:  %s\n", host)
		}
		fmt.Fprintf(&b, "name:  %s\ntype:  %s\nttl:   %d\nvalue: %s\n", strings.TrimSuffix(r.Name, "."), r.Type, r.TTL, r.Value)
		if len(r.Strings) > 1 {
			comment(&b, "# ", s.Words.Parts)
			for n, part := range r.Strings {
				fmt.Fprintf(&b, "part %d: %s\n", n+1, part)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// host is what forms call the host: the name without the zone, "@" for the zone itself.
func (s *Set) host(name string) (string, bool) {
	if s.Zone == "" {
		return "", false
	}
	return relative(name, s.Zone)
}

// head writes the content of files, which is no record, as a comment.
func (s *Set) head(b *strings.Builder, mark string) {
	for _, f := range s.Files {
		if f.Content != "" {
			comment(b, mark, f.Comment)
			comment(b, mark, f.Content)
		}
	}
}

// setComment writes what is to be known of an RRset that is set as a whole.
func (s *Set) setComment(b *strings.Builder, mark string, set *rrset) {
	comment(b, mark, set.comment)
	if set.guess {
		comment(b, mark, s.Words.Whole)
	}
}

// elsewhere writes the records of other zones, as a comment: somebody else
// publishes them.
func (s *Set) elsewhere(b *strings.Builder, mark string) {
	_, foreign := s.rrsets()
	if len(foreign) > 0 {
		comment(b, mark, s.Words.Other)
	}
	for i := range foreign {
		comment(b, mark, foreign[i].Comment)
		comment(b, mark, foreign[i].presentation())
	}
}

// comment writes each line of a text behind a mark. Controls become spaces, so
// that no line is more than a comment.
func comment(b *strings.Builder, mark, text string) {
	for line := range strings.Lines(text) {
		line = strings.Map(func(c rune) rune {
			if c < 0x20 || c == 0x7f || c == 0x85 || c == 0x2028 || c == 0x2029 {
				return ' '
			}
			return c
		}, line)
		b.WriteString(mark + strings.TrimRight(line, " ") + "\n")
	}
}

// JSON writes the records, the files and the warnings. A file that was written
// shows its path only: it may be a private key.
func JSON(w io.Writer, s *Set) error {
	if err := s.check(); err != nil {
		return err
	}
	type file struct {
		Path    string `json:"path"` // "" when it was not written: then there is content
		Mode    string `json:"mode"`
		Content string `json:"content,omitempty"`
		Comment string `json:"comment,omitempty"`
	}
	type record struct {
		Record
		Data map[string]any `json:"data,omitempty"` // of the types that have parts: MX, SRV, TLSA, CAA
	}
	out := struct {
		Records  []record `json:"records"`
		Files    []file   `json:"files"`
		Warnings []string `json:"warnings"`
	}{Records: []record{}, Files: []file{}, Warnings: append([]string{}, s.Warnings...)}
	for _, r := range s.Records {
		r.Strings = append([]string{}, r.Strings...)
		fields, err := r.fields()
		if err != nil {
			return err
		}
		out.Records = append(out.Records, record{r, dataOf(fields)})
	}
	for _, f := range s.Files {
		out.Files = append(out.Files, file{f.Path, fmt.Sprintf("%04o", f.Mode.Perm()), f.Content, f.Comment})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

// dataOf are the parts of a record by their names, nil for none.
func dataOf(fields []field) map[string]any {
	if fields == nil {
		return nil
	}
	data := map[string]any{}
	for _, f := range fields {
		if data[f.name] = f.value; f.number {
			data[f.name] = json.Number(f.value)
		}
	}
	return data
}

// Line is a TXT record as a zone file has it, on one line. The text may be
// anybody's: octets that do not print stand escaped.
func Line(name string, ttl uint32, text string) string {
	return fmt.Sprintf("%s %d IN TXT %s", name, ttl, oneLine(split(text)))
}
