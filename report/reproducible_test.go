package report

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// TestReproducible: two runs that differ in their clocks only become the same
// document, and text that looks like a field of a clock stays.
func TestReproducible(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	run := func(took, when string, started time.Time, flip bool) *Document {
		queries := []Query{{Name: "a.example.", Type: "TXT", TookMS: 3.5}, {Name: "b.example.", Type: "MX", TookMS: 7}}
		if flip {
			queries[0], queries[1] = queries[1], queries[0]
		}
		return &Document{Reports: []*Report{{
			Domain: "example", StartedAt: started, DurationMS: started.Unix() % 977, Queries: queries,
			Facts: map[string]json.RawMessage{"starttls": json.RawMessage(`{"banner":"\"took_ms\":7 at","took_ms":` + took + `,"transcript":[{"text":"x","ms": ` + took + `}],"checked_at":"` + when + `","not_after":"2027-01-01T00:00:00Z","max_age":86400}`)},
		}}}
	}
	a := run("12.25", "2026-11-23T10:00:00Z", at.AddDate(0, 2, 0), false)
	b := run("1e-05", "2026-12-24T11:30:01.5Z", at.AddDate(0, 3, 1), true)
	Reproducible(a, at)
	Reproducible(b, at)
	var ja, jb bytes.Buffer
	for d, w := range map[*Document]*bytes.Buffer{a: &ja, b: &jb} {
		if err := WriteJSON(w, d); err != nil {
			t.Fatal(err)
		}
	}
	if ja.String() != jb.String() {
		t.Errorf("two runs differ:\n%s\n%s", ja.String(), jb.String())
	}
	want := `{"banner":"\"took_ms\":7 at","took_ms":0,"transcript":[{"text":"x","ms": 0}],"checked_at":"2026-03-01T12:00:00Z","not_after":"2027-01-01T00:00:00Z","max_age":86400}`
	if got := string(a.Reports[0].Facts["starttls"]); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
