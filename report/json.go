package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of the document that WriteJSON writes.
func Schema() []byte { return bytes.Clone(schema) }

// WriteJSON writes the document, indented. Characters that would reorder or
// hide text on a terminal are written as JSON's own escapes, which changes
// nothing for who reads it as JSON.
func WriteJSON(w io.Writer, d *Document) error {
	frame := *d
	frame.Reports = nil
	text, err := encode(Normalise(&frame), "")
	if err != nil {
		return err
	}
	// One report at a time: of a long list the text is not in memory as a whole.
	head, tail, ok := bytes.Cut(text, []byte(`"reports": []`))
	if !ok {
		return fmt.Errorf("report: writing JSON: the document has no list of reports")
	}
	if len(d.Reports) == 0 {
		_, err = w.Write(text)
		return err
	}
	if _, err := w.Write(append(bytes.Clone(head), `"reports": [`...)); err != nil {
		return err
	}
	between := "\n    "
	for _, r := range d.Reports {
		text, err := encode(normal(reflect.ValueOf(r)).Interface(), "    ")
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, between); err != nil {
			return err
		}
		if _, err := w.Write(bytes.TrimSuffix(text, []byte("\n"))); err != nil {
			return err
		}
		between = ",\n    "
	}
	_, err = w.Write(append([]byte("\n  ]"), tail...))
	return err
}

func encode(v any, prefix string) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("report: writing JSON: %w", err)
	}
	return escapeJSON(buf.Bytes()), nil
}

// EncodeJSON writes what a command other than audit prints as JSON, indented and
// with hidden characters spelt as \uXXXX: a stranger's record may hold some that
// turn a terminal's text around.
func EncodeJSON(w io.Writer, v any) error {
	b, err := encode(v, "")
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// escapeJSON spells hidden characters of valid JSON as \uXXXX. They can only
// stand inside strings there, and line ends are the encoder's own.
func escapeJSON(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		plain := i
		for plain < len(b) && (b[plain] == '\n' || b[plain] >= ' ' && b[plain] < 0x7f) {
			plain++
		}
		if out, i = append(out, b[i:plain]...), plain; i == len(b) {
			break
		}
		r, size := utf8.DecodeRune(b[i:])
		switch {
		case r == '\n' || shows(r):
			out = append(out, b[i:i+size]...)
		case r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		}
		i += size
	}
	return out
}

// maxDocument bounds what ReadJSON takes in: a fleet of thousands fits.
const maxDocument = 512 << 20

// ReadJSON reads a document that WriteJSON wrote, also one of a later minor
// version, whose additions it drops. It refuses another major version.
func ReadJSON(r io.Reader) (*Document, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("report: reading a saved result: %w", err)
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("report: the saved result is larger than %d MiB", maxDocument>>20)
	}
	var head struct {
		SchemaVersion *string `json:"schema_version"`
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf("report: the saved result is empty")
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("report: not a saved result: %s", explainJSON(data, err))
	}
	if head.SchemaVersion == nil {
		return nil, fmt.Errorf("report: not a saved result: it has no schema_version")
	}
	want, _, _ := strings.Cut(SchemaVersion, ".")
	if got, _, _ := strings.Cut(*head.SchemaVersion, "."); got != want {
		return nil, fmt.Errorf("report: the saved result has schema version %q, and this program reads %s.x", *head.SchemaVersion, want)
	}
	var d Document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("report: the saved result cannot be read: %s", explainJSON(data, err))
	}
	for i, rep := range d.Reports {
		if rep == nil {
			return nil, fmt.Errorf("report: the saved result cannot be read: reports[%d] is null", i)
		}
	}
	return Normalise(&d), nil
}

// explainJSON names the line of a fault.
func explainJSON(data []byte, err error) string {
	var offset int64
	switch e := err.(type) {
	case *json.SyntaxError:
		offset = e.Offset
	case *json.UnmarshalTypeError:
		offset = e.Offset
	default:
		return err.Error()
	}
	offset = min(offset, int64(len(data)))
	return fmt.Sprintf("line %d: %v", 1+bytes.Count(data[:offset], []byte("\n")), err)
}
