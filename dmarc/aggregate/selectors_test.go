package aggregate

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Only a signature that passed, of the domain itself, tells a selector: not one
// that failed, not one of another domain, not one without a selector.
func TestSelectors(t *testing.T) {
	dir := filepath.Join("testdata", "reports")
	got, stats, err := Selectors(t.Context(), []string{dir, dir}, Limits{}, "example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 11, 2, 11, 59, 59, 500_000_000, time.UTC)
	want := []Selector{{Name: "autumn", Messages: 120, Reports: 1, Last: noon}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("selectors (-want +got):\n%s", diff)
	}
	if stats.Reports != stats.Duplicates || stats.Reports == 0 {
		t.Errorf("%+v, want each report of the folder to be a duplicate the second time", stats)
	}
	if got, _, _ := Selectors(t.Context(), []string{dir}, Limits{}, "news.example.com", nil); len(got) != 0 || got == nil {
		t.Errorf("selectors of a domain that signs nothing: %#v, want an empty list", got)
	}
}
