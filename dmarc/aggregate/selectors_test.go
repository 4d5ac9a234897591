package aggregate

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Only a signature that passed, of the domain itself, tells a selector: not one
// that failed, not one of another domain, not one without a selector.
func TestSelectors(t *testing.T) {
	dir := filepath.Join("testdata", "reports")
	own, other := &Harvest{Domain: "example.com"}, &Harvest{Domain: "news.example.com"}
	stats, err := walk(t.Context(), []string{dir, dir}, Limits{}, func(r *Report) error {
		return errors.Join(own.Add(r), other.Add(r))
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := own.Selectors()
	noon := time.Date(2026, 11, 2, 11, 59, 59, 500_000_000, time.UTC)
	want := []Selector{{Name: "autumn", Messages: 120, Reports: 1, Last: noon}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("selectors (-want +got):\n%s", diff)
	}
	if stats.Reports != stats.Duplicates || stats.Reports == 0 {
		t.Errorf("%+v, want each report of the folder to be a duplicate the second time", stats)
	}
	if got := other.Selectors(); len(got) != 0 || got == nil {
		t.Errorf("selectors of a domain that signs nothing: %#v, want an empty list", got)
	}
}
