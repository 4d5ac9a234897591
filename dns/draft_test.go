package dns_test

import (
	"strings"
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

var published = `
example.com. SOA ns1.example.com. root.example.com. 7 3600 600 86400 60
example.com. NS ns1.example.com.
example.com. MX 10 old.example.com.
example.com. TXT "v=spf1 ~all"
old.example.com. A 5.6.7.8
`

func draft(t *testing.T, partial bool, entries ...dns.Entry) *dns.Zone {
	t.Helper()
	z, problems := dns.NewDraft("example.com", "plan", entries, partial)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return z
}

// A whole draft says what exists; only what a DNS host writes by itself is asked live.
func TestDraftWhole(t *testing.T) {
	z := draft(t, false,
		dns.Entry{Name: "example.com", Type: dns.TypeTXT, Strings: []string{"v=spf1 -all"}},
		dns.Entry{Name: "*.w.example.com", Type: dns.TypeA, Data: "5.6.7.9"},
	)
	want{
		"example.com TXT":     `found "v=spf1 -all"`,
		"example.com MX":      "nodata",
		"old.example.com A":   "nxdomain",
		"example.com SOA":     "found ns1.example.com. root.example.com. 7 3600 600 86400 60",
		"example.com NS":      "found ns1.example.com.",
		"x.w.example.com A":   "found 5.6.7.9",
		"w.example.com A":     "nodata",
		"other.example.net A": "nxdomain",
	}.check(t, dns.Overlay([]*dns.Zone{z}, dnstest.New(t, published)))
	want{
		"example.com TXT": `found "v=spf1 -all"`,
		"example.com NS":  "error offline",
		"a.example.com A": "nxdomain",
	}.check(t, dns.Overlay([]*dns.Zone{z}, nil))
}

// Of a partial draft an RRset replaces what is published, and nothing else is said.
func TestDraftPartial(t *testing.T) {
	z := draft(t, true,
		dns.Entry{Name: "example.com", Type: dns.TypeTXT, Strings: []string{"v=spf1 -all"}},
		dns.Entry{Name: "a.b.example.com", Type: dns.TypeTXT, Strings: []string{"x"}},
		dns.Entry{Name: "*.example.com", Type: dns.TypeMX, Data: "5 new.example.com."},
	)
	r := dns.Overlay([]*dns.Zone{z}, dnstest.New(t, published))
	want{
		"example.com TXT":     `found "v=spf1 -all"`,
		"example.com MX":      "found 10 old.example.com.",
		"old.example.com A":   "found 5.6.7.8",
		"old.example.com MX":  "nodata",
		"b.example.com TXT":   "nodata",
		"new.example.com MX":  "found 5 new.example.com.",
		"new.example.com TXT": "nodata",
	}.check(t, r)
	want{"example.com MX": "error offline"}.check(t, dns.Overlay([]*dns.Zone{z}, nil))
}

// Whoever signs the zone now signs it after the change.
func TestDraftSigned(t *testing.T) {
	z := draft(t, false, dns.Entry{Name: "example.com", Type: dns.TypeTXT, Strings: []string{"x"}})
	a, err := dns.Overlay([]*dns.Zone{z}, dnstest.New(t, "; !secure example.com.\n"+published)).Resolve(t.Context(), "example.com", dns.TypeTXT)
	if err != nil || !a.AD || !a.Trusted {
		t.Errorf("AD %v, trusted %v (%v)", a.AD, a.Trusted, err)
	}
}

func TestDraftEntries(t *testing.T) {
	long := strings.Repeat("a", 300) + `"\` + "\x00\xff"
	z, problems := dns.NewDraft("example.com", "plan", []dns.Entry{
		{Name: "example.com", Type: dns.TypeTXT, Strings: []string{long}},
		{Name: "example.com", Type: dns.TypeMX, Data: "ten mail"},
		{Name: "example.com", Type: dns.TypeA, Data: "5.6.7.8\n$INCLUDE x"},
		{Name: "example.net", Type: dns.TypeA, Data: "5.6.7.8"},
		{Name: `$include.example.com`, Type: dns.TypeA, Data: "5.6.7.8"},
	}, false)
	if len(problems) != 3 || problems[1] == nil || problems[2] == nil || problems[3] == nil {
		t.Errorf("problems: %v", problems)
	}
	recs := z.Records()
	if len(recs) != 2 || recs[0].Text() != long || len(recs[0].Strings) != 2 || recs[1].Name != "$include.example.com" {
		t.Errorf("records: %+v", recs)
	}
}

func TestZoneColumns(t *testing.T) {
	z := parseZone(t, "example.com", "$TTL 60\n@ A 5.6.7.8\n  \tTXT \"a\"\n; c\nb A 5.6.7.8\n")
	for i, wantCol := range []int{1, 4, 1} {
		if got := z.Records()[i].Col; got != wantCol {
			t.Errorf("record %d begins at column %d, want %d", i, got, wantCol)
		}
	}
}

// Cloudflare's resources are one record each: what other records say stays.
func TestDraftBeside(t *testing.T) {
	live := dnstest.New(t, published+"example.com. TXT \"site-verification=a\"\nexample.com. TXT \"other\"\n")
	spf := draft(t, true, dns.Entry{Name: "example.com", Type: dns.TypeTXT, Strings: []string{"v=spf1 -all"}})
	token := draft(t, true, dns.Entry{Name: "example.com", Type: dns.TypeTXT, Strings: []string{"site-verification=b"}})
	spf.Beside("example.com")
	token.Beside("example.com")
	want{"example.com TXT": `found "v=spf1 -all" "site-verification=a" "other"`}.check(t, dns.Overlay([]*dns.Zone{spf}, live))
	want{"example.com TXT": `found "site-verification=b" "v=spf1 ~all" "other"`}.check(t, dns.Overlay([]*dns.Zone{token}, live))
	want{"example.com TXT": `found "v=spf1 -all"`}.check(t, dns.Overlay([]*dns.Zone{spf}, nil))
	want{"example.com TXT": "error offline"}.check(t, dns.Overlay([]*dns.Zone{token}, nil))
}
