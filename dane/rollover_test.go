package dane

import (
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
)

// TestState: how far a change of keys is (RFC 7671 §8), worked examples D16 and
// D17 among them.
func TestState(t *testing.T) {
	now := time.Now()
	f := newFamily(t, now)
	ee := func(c *issued) dns.Record { return names(t, 3, 1, 1, c) }
	for name, c := range map[string]struct {
		records []dns.Record
		shows   []*issued
		all     bool
		want    Rollover
	}{
		"one key, one record":                {[]dns.Record{ee(f.leaf)}, []*issued{f.leaf, f.leaf}, true, RolloverSingle},
		"the same record twice":              {[]dns.Record{ee(f.leaf), ee(f.leaf)}, []*issued{f.leaf}, true, RolloverSingle},
		"D17: the next key is published":     {[]dns.Record{ee(f.leaf), ee(f.leaf2)}, []*issued{f.leaf, f.leaf}, true, RolloverReady},
		"D16: both keys are shown":           {[]dns.Record{ee(f.leaf), ee(f.leaf2)}, []*issued{f.leaf, f.leaf2}, true, RolloverMixed},
		"D20: one address has another key":   {[]dns.Record{ee(f.leaf)}, []*issued{f.leaf, f.leaf2}, true, RolloverBroken},
		"an address was not seen":            {[]dns.Record{ee(f.leaf), ee(f.leaf2)}, []*issued{f.leaf}, false, RolloverUnknown},
		"nothing was seen":                   {[]dns.Record{ee(f.leaf)}, nil, false, RolloverUnknown},
		"a CA is named":                      {[]dns.Record{names(t, 2, 1, 1, f.ca)}, []*issued{f.leaf}, true, RolloverCA},
		"D13: no record means anything":      {[]dns.Record{names(t, 1, 1, 1, f.leaf)}, []*issued{f.leaf}, true, RolloverNone},
		"a CA beside the key, and both hold": {[]dns.Record{ee(f.leaf), names(t, 2, 1, 1, f.ca)}, []*issued{f.leaf}, true, RolloverSingle},
	} {
		var seen []Verdict
		for _, leaf := range c.shows {
			seen = append(seen, Match(c.records, Shown{Chain: chain(leaf, f.ca), Names: []dns.Name{"mx.test"}, At: now}))
		}
		if got := State(c.records, seen, c.all); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestWithoutNext: a record for each key in use and none for the next (D16, D17).
func TestWithoutNext(t *testing.T) {
	const one, two = "3 1 1 1111111111111111111111111111111111111111111111111111111111111111", "3 1 1 2222222222222222222222222222222222222222222222222222222222222222"
	for name, c := range map[string]struct {
		records []string
		inUse   []string
		want    int
	}{
		"one, not measured":             {[]string{one}, nil, 1},
		"two, not measured":             {[]string{one, two}, nil, 0},
		"D16: two, both in use":         {[]string{one, two}, []string{one, two}, 2},
		"D17: two, one in use":          {[]string{one, two}, []string{one}, 0},
		"the same twice":                {[]string{one, one}, []string{one}, 1},
		"a CA, whose keys do not count": {[]string{"2" + one[1:]}, []string{"2" + one[1:]}, 0},
	} {
		h := &Host{InUse: c.inUse, Lookup: dns.Lookup{State: dns.StateFound, Answer: &dns.Answer{}}}
		for _, data := range c.records {
			h.Lookup.Answer.Records = append(h.Lookup.Answer.Records, tlsa(t, data))
		}
		if got := len(h.withoutNext()); got != c.want {
			t.Errorf("%s: got %d records, want %d", name, got, c.want)
		}
	}
}
