package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
)

func TestCombine(t *testing.T) {
	change := func(name, old string, texts ...string) check.RecordChange {
		c := check.RecordChange{Name: name, Type: "TXT", Old: []string{}, New: texts}
		if old != "" {
			c.Old = []string{old}
		}
		return c
	}
	for _, c := range []struct {
		name    string
		changes []check.RecordChange
		want    []check.RecordChange
	}{
		{"the same twice", []check.RecordChange{change("a.", "x y", "x"), change("A.", "x y", "x")}, []check.RecordChange{change("a.", "x y", "x")}},
		{"two places in one record", []check.RecordChange{change("a.", "one two three", "one 2 three"), change("a.", "one two three", "one two 3")},
			[]check.RecordChange{change("a.", "one two three", "one 2 3")}},
		{"the later place first", []check.RecordChange{change("a.", "one two three", "one two 3"), change("a.", "one two three", "one 2 three")},
			[]check.RecordChange{change("a.", "one two three", "one 2 3")}},
		{"one place, two opinions", []check.RecordChange{change("a.", "one two", "one 2"), change("a.", "one two", "one II")}, nil},
		{"two records", []check.RecordChange{change("a.", "x", "y"), change("b.", "x", "y")}, []check.RecordChange{change("a.", "x", "y"), change("b.", "x", "y")}},
		{"side by side", []check.RecordChange{change("a.", "", "x"), change("a.", "", "y")}, []check.RecordChange{change("a.", "", "x", "y")}},
		{"dropped and changed", []check.RecordChange{change("a.", "x"), change("a.", "x", "y")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []check.RecordChange
			for _, next := range c.changes {
				got = combine(got, next)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
