package dnstest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/postseal/postseal/dns"
)

const text = `
$ORIGIN example.com.
@        MX   10 mx1
@        MX   20 mx2.other.example.
@        TXT  "v=spf1 -all"
@        TXT  "v=spf1 -all"
@        TXT  "a" "" "\226\130\172;b"
empty    TXT  ""
mx1      A    5.6.7.8
@        NS   ns1
www      CNAME mx1
a.b.ent  TXT  "deep"
*.wild   TXT  "w"
loop     CNAME loop
broken   TXT  ; !servfail
         MX   ; !refused
dead     ANY  ; !timeout
big      TXT  "kept out" ; !truncate
tobroken CNAME broken
dangling CNAME nowhere.example.net.
sec.ure  A 5.6.7.9
; !secure ure.example.com.
`

func TestWorld(t *testing.T) {
	tests := []struct {
		name, qtype string
		want        string
	}{
		{"example.com", "MX", "found 10 mx1.example.com.|20 mx2.other.example."},
		{"example.com", "TXT", `found "v=spf1 -all"|"v=spf1 -all"|"a" "" "\226\130\172;b"`},
		{"example.com", "NS", "found ns1.example.com."},
		{"empty.example.com", "TXT", `found ""`},
		{"www.example.com", "A", "found 5.6.7.8 via mx1.example.com"},
		{"www.example.com", "CNAME", "found mx1.example.com."},
		{"www.example.com", "TXT", "nodata via mx1.example.com"},
		{"ent.example.com", "TXT", "nodata"},
		{"com", "TXT", "nodata"},
		{"org", "TXT", "nxdomain"},
		{"x.wild.example.com", "TXT", `found "w"`},
		{"x.wild.example.com", "A", "nodata"},
		{"loop.example.com", "A", "error loop"},
		{"broken.example.com", "TXT", "error servfail"},
		{"broken.example.com", "MX", "error refused"},
		{"broken.example.com", "A", "nodata"},
		{"tobroken.example.com", "TXT", "error servfail"},
		{"dead.example.com", "AAAA", "error timeout"},
		{"big.example.com", "TXT", "error truncated"},
		{"dangling.example.com", "A", "nxdomain via nowhere.example.net"},
		{"sec.ure.example.com", "A", "found 5.6.7.9 AD"},
		{strings.Repeat("a", 64) + ".example.com", "A", "error bad-name"},
	}
	r := New(t, text)
	for _, tt := range tests {
		if got := show(r, dns.Name(tt.name), tt.qtype); got != tt.want {
			t.Errorf("%s %s: got %s, want %s", tt.name, tt.qtype, got, tt.want)
		}
	}
}

func show(r dns.Resolver, name dns.Name, mnemonic string) string {
	var qtype dns.Type
	if err := qtype.UnmarshalText([]byte(mnemonic)); err != nil {
		return err.Error()
	}
	a, err := r.Resolve(context.Background(), name, qtype)
	if err != nil {
		e, ok := errors.AsType[*dns.Error](err)
		if !ok {
			return "no *dns.Error: " + err.Error()
		}
		return "error " + string(e.Kind)
	}
	s := string(a.Status)
	var data []string
	for _, r := range a.Records {
		data = append(data, r.Data)
		if r.Name != a.Owner() {
			s += " wrong owner " + r.Name.String()
		}
	}
	if len(data) > 0 {
		s += " " + strings.Join(data, "|")
	}
	for _, n := range a.Chain {
		s += " via " + n.String()
	}
	if a.AD {
		s += " AD"
	}
	return s
}

func TestRawOctets(t *testing.T) {
	a, err := New(t, text).Resolve(context.Background(), "example.com", dns.TypeTXT)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := a.Records[2].Text(), "a\xe2\x82\xac;b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTrusted(t *testing.T) {
	for text, want := range map[string]bool{"a. A 5.6.7.8": false, "; !trusted\na. A 5.6.7.8": true, "; !secure b.\na. A 5.6.7.8": true} {
		a, err := New(t, text).Resolve(context.Background(), "a", dns.TypeA)
		if err != nil || a.Trusted != want || a.AD {
			t.Errorf("%q: trusted %v, AD %v, error %v; want trusted %v", text, a.Trusted, a.AD, err, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, text := range []string{"a. TXT ; !frobnicate", "; !servfail", "a. A nonsense"} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%q was read without an error", text)
		}
	}
}

func TestCount(t *testing.T) {
	w, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		show(w, "www.example.com", "A")
	}
	if w.Count("www.example.com", dns.TypeA) != 3 || w.Count("mx1.example.com", dns.TypeA) != 0 || w.Total() != 3 {
		t.Errorf("counted %v", w.counts)
	}
}
