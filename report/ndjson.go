package report

import (
	"encoding/json"
	"io"
	"reflect"
)

// line is one domain of WriteNDJSON: the report with what the document says of
// all of them in front.
type line struct {
	SchemaVersion string `json:"schema_version"`
	Tool          Tool   `json:"tool"`
	Lang          string `json:"lang"`
	*Report
}

// WriteNDJSON writes a line for each domain: the members of a report in the
// JSON document, after schema_version, tool and lang. What the document says of
// the run as a whole, the exit code, has no place in it.
func WriteNDJSON(w io.Writer, d *Document) error {
	for _, r := range d.Reports {
		text, err := json.Marshal(line{d.SchemaVersion, d.Tool, d.Lang, normal(reflect.ValueOf(r)).Interface().(*Report)})
		if err != nil {
			return err
		}
		if _, err := w.Write(append(escapeJSON(text), '\n')); err != nil {
			return err
		}
	}
	return nil
}
