package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var fixtureNames = []string{"perfect", "typical", "parked", "broken", "hostile"}

// fixture reads one of the documents that report/internal/fixtures makes.
func fixture(t *testing.T, name, lang string) *Document {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+"."+lang+".json"))
	if err != nil {
		t.Fatalf("%v (make it: go test ./report/internal/fixtures -update)", err)
	}
	defer f.Close()
	d, err := ReadJSON(f)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return d
}

// several is a run over all fixtures.
func several(t *testing.T, lang string) *Document {
	t.Helper()
	var d *Document
	for _, name := range fixtureNames {
		one := fixture(t, name, lang)
		if d == nil {
			d = one
		} else {
			d.Reports = append(d.Reports, one.Reports...)
		}
	}
	slices.Reverse(d.Reports)
	return d
}

// golden holds output to a file in testdata/golden.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s (-want +got):\n%s", path, cmp.Diff(string(want), string(got)))
	}
}
