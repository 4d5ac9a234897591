package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPairsInZones audits real zones without a network and prints the rules
// that always fire together there. In the zones of this repository and in those
// of POSTSEAL_TEST_ZONES (a folder with bind/*.zone) no two may do so in three
// zones or more: that would be one defect told twice.
func TestPairsInZones(t *testing.T) {
	files, err := filepath.Glob("../../lint/testdata/zones/*.zone")
	if err != nil || len(files) == 0 {
		t.Fatalf("no zones (%v)", err)
	}
	if corpus := os.Getenv("POSTSEAL_TEST_ZONES"); corpus != "" {
		more, err := filepath.Glob(filepath.Join(corpus, "bind", "*.zone"))
		if err != nil || len(more) == 0 {
			t.Fatalf("no zones below %s (%v)", corpus, err)
		}
		files = append(files, more...)
	}
	fires := map[string][]string{}
	for _, path := range files {
		domain := strings.TrimSuffix(filepath.Base(path), ".zone")
		for _, id := range costly(t, domain, path) {
			fires[id] = append(fires[id], domain)
		}
	}
	if len(fires) == 0 {
		t.Fatal("no rule fires in any zone")
	}
	ids := slices.Sorted(maps.Keys(fires))
	for i, a := range ids {
		for _, b := range ids[i+1:] {
			if !slices.Equal(fires[a], fires[b]) {
				continue
			}
			t.Logf("%s and %s fire together in %d zones: %s", a, b, len(fires[a]), strings.Join(fires[a], " "))
			if len(fires[a]) >= 3 {
				t.Errorf("%s and %s never fire apart", a, b)
			}
		}
	}
}

// costly lists the rules with a finding of notice or more, each once.
func costly(t *testing.T, domain, zone string) []string {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"audit", "--offline", "--zone", zone, "--format", "json", "--fail-on", "none", domain},
		strings.NewReader(""), &out, &errs)
	if code != exitOK {
		t.Errorf("%s: exit %d: %s", domain, code, errs.String())
		return nil
	}
	var doc struct {
		Reports []struct {
			Results []struct {
				ID       string
				Findings []struct{ Severity string }
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || len(doc.Reports) != 1 {
		t.Fatalf("%s: %d reports, %v", domain, len(doc.Reports), err)
	}
	var ids []string
	for _, r := range doc.Reports[0].Results {
		for _, f := range r.Findings {
			if f.Severity != "info" && !slices.Contains(ids, r.ID) {
				ids = append(ids, r.ID)
			}
		}
	}
	return ids
}
