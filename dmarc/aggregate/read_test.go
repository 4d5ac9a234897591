package aggregate

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// read walks paths and gives the reports with their rows, and what was skipped.
func read(t *testing.T, lim Limits, paths ...string) (reports []*Report, rows map[string][]Row, skipped map[string]string, s Stats) {
	t.Helper()
	rows, skipped = map[string][]Row{}, map[string]string{}
	s, err := walk(t.Context(), paths, lim, func(r *Report) error {
		reports = append(reports, r)
		return r.each(func(row *Row) error {
			rows[r.ID] = append(rows[r.ID], row.clone())
			return nil
		})
	}, func(source string, err error) { skipped[filepath.Base(source)] = err.Error() })
	if err != nil {
		t.Fatal(err)
	}
	return reports, rows, skipped, s
}

var byValue = cmp.Options{cmpopts.IgnoreUnexported(Report{}), cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()}

// RFC 9990 §3.1: everything that the standard's report says, extensions left out.
func TestReadRFC9990(t *testing.T) {
	path := filepath.Join("testdata", "reports", "rfc9990.xml")
	reports, rows, skipped, stats := read(t, Limits{}, path)
	if want := (Stats{Files: 1, Reports: 1}); stats != want || len(skipped) > 0 {
		t.Fatalf("stats %+v, skipped %v; want %+v and none", stats, skipped, want)
	}
	want := &Report{
		Source: path, Format: RFC9990, Version: "1.0", Org: "Receiver Example", Email: "dmarc@receiver.example",
		ID: "2026-11-02.1@receiver.example", Generator: "Reporter 4.2",
		Begin: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 2, 23, 59, 59, 0, time.UTC),
		Errors: []string{"the record has a tag that is not known"},
		Policy: Policy{Domain: "example.com", P: "quarantine", SP: "reject", NP: "reject", ADKIM: "r", ASPF: "s",
			Testing: "y", Pct: 100, DiscoveryMethod: "treewalk"},
		Rows: 2, Messages: 123,
	}
	if diff := cmp.Diff(want, reports[0], byValue); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	wantRows := []Row{
		{
			Addr: netip.MustParseAddr("192.0.2.10"), Count: 120, Disposition: "pass", DKIM: true, SPF: true,
			HeaderFrom: "example.com", EnvelopeFrom: "example.com",
			Signatures: []Signature{{"example.com", "autumn", "pass"}}, SPFChecks: []SPFCheck{{"example.com", "mfrom", "pass"}},
		},
		{
			Addr: netip.MustParseAddr("2001:db8::25"), Count: 3, Disposition: "none",
			Reasons:    []Reason{{"mailing_list", "a list that was seen before"}, {"policy_test_mode", ""}},
			HeaderFrom: "news.example.com", EnvelopeFrom: "lists.example.net",
			Signatures: []Signature{{"example.com", "autumn", "fail"}, {"lists.example.net", "s1", "pass"}},
			SPFChecks:  []SPFCheck{{"lists.example.net", "", "pass"}},
		},
	}
	if diff := cmp.Diff(wantRows, rows[want.ID], byValue); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// RFC 7489 Appendix C as receivers write it: no namespace, no version, no
// selector, results in any case and in older words, IPv4 in IPv6 form.
func TestReadRFC7489(t *testing.T) {
	reports, rows, skipped, _ := read(t, Limits{}, filepath.Join("testdata", "reports", "rfc7489.xml"))
	if len(reports) != 1 || len(skipped) > 0 {
		t.Fatalf("%d reports, skipped %v; want one and none", len(reports), skipped)
	}
	r := reports[0]
	if r.Format != RFC7489 || r.Version != "" || r.Policy.Domain != "example.com" || r.Policy.Pct != 50 {
		t.Errorf("got %+v, want RFC 7489 without version for example.com with pct 50", r)
	}
	want := []Row{{
		Addr: netip.MustParseAddr("198.51.100.7"), Count: 40, Disposition: "none", Reasons: []Reason{{"forwarded", ""}},
		HeaderFrom: "example.com", Signatures: []Signature{{"example.com", "", "pass"}},
		SPFChecks: []SPFCheck{{"forwarder.example", "", "temperror"}},
	}}
	if diff := cmp.Diff(want, rows["70133"], byValue); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// walk reads the reports of all paths.
func walk(ctx context.Context, paths []string, lim Limits, each func(*Report) error, bad func(source string, err error)) (Stats, error) {
	w := &Walker{Limits: lim, Each: each, Bad: bad}
	for _, p := range paths {
		if err := w.Path(ctx, p); err != nil {
			return w.Stats, err
		}
	}
	return w.Stats, nil
}
