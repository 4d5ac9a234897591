package dnstest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
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

func TestWords(t *testing.T) {
	w, err := Parse(`
$ORIGIN example.com.
@ SOA ns root 1 2 3 4 5
@ SOA ns root 9 2 3 4 5 ; !at 5.6.7.9
; !at 5.6.7.10 refused
signed TXT "x" ; !bogus
nodata TXT     ; !bogus
first  TXT     ; !servfail
       MX 0 .
`)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for addr, want := range map[string]string{"5.6.7.8:53": "1", "5.6.7.9:53": "9", "5.6.7.10:53": "refused"} {
		a, err := w.AskServer(ctx, netip.MustParseAddrPort(addr), "example.com", dns.TypeSOA)
		got := ""
		if err != nil {
			got = string(dns.AsError(err, "", 0).Kind)
		} else {
			got = fmt.Sprint(a.Records[0].SOA.Serial)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
	if got := show(w, "first.example.com", "MX"); got != "found 0 ." {
		t.Errorf("the owner of the line above: %s", got)
	}
	for name, want := range map[dns.Name]dns.Status{"signed.example.com": dns.Found, "nodata.example.com": dns.NoData} {
		if got := show(w, name, "TXT"); got != "error servfail" {
			t.Errorf("%s: %s", name, got)
		}
		if a, err := w.ResolveCD(ctx, name, dns.TypeTXT); err != nil || a.Status != want {
			t.Errorf("%s with checking disabled: %+v, %v", name, a, err)
		}
	}
}
