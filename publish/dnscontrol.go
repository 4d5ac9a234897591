package publish

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// DNSControl writes the records as arguments of D() in a dnsconfig.js. Long
// texts stay whole: DNSControl splits them itself.
func DNSControl(w io.Writer, s *Set) error {
	if err := s.check(); err != nil {
		return err
	}
	var b strings.Builder
	s.head(&b, "// ")
	for i := range s.Records {
		r := &s.Records[i]
		if !s.inZone(r.Name) {
			continue
		}
		comment(&b, "// ", r.Comment)
		host, ok := relative(r.Name, s.zone())
		if !ok || s.zone() == "" {
			host = r.Name
		}
		args := []string{jsString(host)}
		fields, err := r.fields()
		if err != nil {
			return err
		}
		if r.Type == "CAA" { // CAA(name, tag, value, …); its flags are a modifier
			args = append(args, jsString(fields[1].value), jsString(fields[2].value))
			if fields[0].value != "0" {
				args = append(args, "CAA_CRITICAL")
			}
			fields = nil
		} else if fields == nil {
			args = append(args, jsString(r.Value))
		}
		for _, f := range fields {
			if f.number {
				args = append(args, f.value)
			} else {
				args = append(args, jsString(f.value))
			}
		}
		fmt.Fprintf(&b, "%s(%s, TTL(%d)),\n", r.Type, strings.Join(args, ", "), r.TTL)
	}
	s.elsewhere(&b, "// ")
	_, err := io.WriteString(w, b.String())
	return err
}

// jsString quotes a text for JavaScript: JSON's strings are its, too.
func jsString(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a string always has a form in JSON
	}
	return strings.TrimSuffix(b.String(), "\n")
}
