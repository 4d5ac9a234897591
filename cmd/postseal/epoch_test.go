package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/lab"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// TestSourceDate: two audits of the same domains give the same octets.
func TestSourceDate(t *testing.T) {
	l := startLab(t, lab.Options{})
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var pages, results []string
	for range 2 {
		w, err := labWorld(l)
		if err != nil {
			t.Fatal(err)
		}
		var requests []audit.Request
		for _, d := range l.Domains() {
			name, err := dns.ParseDomain(d.Name)
			if err != nil {
				t.Fatal(err)
			}
			requests = append(requests, audit.Request{Domain: name, Selectors: d.Selectors})
		}
		doc, err := w.audit(t.Context(), requests, locale.Must(locale.English))
		if cerr := w.close(err); err == nil {
			err = cerr
		}
		if err != nil {
			t.Fatal(err)
		}
		report.Reproducible(doc, at)
		var page, result bytes.Buffer
		for _, r := range doc.Reports {
			one := *doc
			one.Reports = []*report.Report{r}
			if err := report.WriteHTML(&page, &one, report.HTMLOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := report.WriteJSON(&result, doc); err != nil {
			t.Fatal(err)
		}
		pages, results = append(pages, page.String()), append(results, result.String())
		time.Sleep(1100 * time.Millisecond) // so that the next one starts in another second
	}
	for _, both := range [][]string{results, pages} {
		a, b := strings.Split(both[0], "\n"), strings.Split(both[1], "\n")
		if slices.Equal(a, b) {
			continue
		}
		shown := 0
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] && shown < 12 {
				t.Errorf("line %d: %.200q, then %.200q", i+1, a[i], b[i])
				shown++
			}
		}
		if len(a) != len(b) {
			t.Errorf("%d lines, then %d", len(a), len(b))
		}
	}
}

func TestSourceDateRefused(t *testing.T) {
	for _, bad := range []string{"yesterday", "-1", "1.5", "253402300800", " 1", "99999999999999999999"} {
		t.Setenv(epochVariable, bad)
		if _, err := sourceDate(); err == nil || !strings.Contains(err.Error(), epochVariable) {
			t.Errorf("%q: got %v, want an error that names the variable", bad, err)
		}
	}
	t.Setenv(epochVariable, "0")
	if at, err := sourceDate(); err != nil || at == nil || !at.Equal(time.Unix(0, 0)) {
		t.Errorf("0: got %v, %v", at, err)
	}
	t.Setenv(epochVariable, "")
	if at, err := sourceDate(); err != nil || at != nil {
		t.Errorf("unset: got %v, %v", at, err)
	}
}
