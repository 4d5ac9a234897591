package report

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"time"
)

// What a clock wrote into facts: how long something took, when it was looked at,
// and what some server had shown by then, which is true of a run as a whole. A key of JSON cannot be mistaken for text in a string, where its quotes
// would have backslashes before them.
var (
	tookField = regexp.MustCompile(`"(took_ms|connect_ms|greeting_ms|ms)":(\s*)-?[0-9][0-9.eE+-]*`)
	runField  = regexp.MustCompile(`"(port25_works|ipv6_works)":(\s*)(true|false)`)
	whenField = regexp.MustCompile(`"(checked_at|at|now)":(\s*)"[0-9]{4}-[0-9]{2}-[0-9]{2}T[^"\\]*"`)
)

// Reproducible makes a document that is the same for the same findings: every
// run began at the given time and took none, and the questions stand in the
// order of their names instead of that of their answers. Findings stay: what
// they say of certificates and of accepted faults was judged by the real clock.
func Reproducible(d *Document, at time.Time) {
	at = at.UTC().Truncate(time.Second)
	when := `"$1":$2"` + at.Format(time.RFC3339) + `"`
	worked := map[string]bool{}
	for _, r := range d.Reports {
		for _, m := range runField.FindAllSubmatch(r.Facts["starttls"], -1) {
			worked[string(m[1])] = worked[string(m[1])] || string(m[3]) == "true"
		}
	}
	for _, r := range d.Reports {
		r.StartedAt, r.DurationMS = at, 0
		for i := range r.Queries {
			r.Queries[i].TookMS = 0
		}
		slices.SortStableFunc(r.Queries, func(a, b Query) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Server, b.Server))
		})
		for standard, raw := range r.Facts {
			raw = tookField.ReplaceAll(raw, []byte(`"$1":${2}0`))
			raw = runField.ReplaceAllFunc(raw, func(field []byte) []byte {
				if m := runField.FindSubmatch(field); worked[string(m[1])] {
					return []byte(`"` + string(m[1]) + `":` + string(m[2]) + "true")
				}
				return field
			})
			r.Facts[standard] = json.RawMessage(whenField.ReplaceAll(raw, []byte(when)))
		}
	}
}
