package registration

import (
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

const zone = `
com.           SOA a.com. b.com. 1 2 3 4 5
com.           NS ns.com.
held.com.      NS ns.held.com.
a.example.com. CNAME gone.free.com.
b.example.com. CNAME empty.held.com.
empty.held.com. TXT "nothing for mail"
lost.com.      NS ; !servfail
`

func TestOpen(t *testing.T) {
	r := dnstest.New(t, zone)
	names := []dns.Name{"free.com", "held.com", "lost.com", "some.invalidtld"}
	want := []bool{true, false, false, false}
	for i, g := range AskAll(t.Context(), r, names) {
		if g.Open() != want[i] {
			t.Errorf("%s: got open %v, want %v (%s, %s)", names[i], g.Open(), want[i], g.Lookup.State, g.Suffix.State)
		}
	}
}

func TestDomain(t *testing.T) {
	for name, want := range map[dns.Name]dns.Name{
		"a.b.example.co.uk": "example.co.uk", "example.com": "example.com", "com": "", "x.mine.github.io": "mine.github.io",
	} {
		if got := Domain(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestDangling(t *testing.T) {
	r := dnstest.New(t, zone)
	for name, want := range map[dns.Name]dns.Name{
		"a.example.com": "gone.free.com", "b.example.com": "", "none.example.com": "",
	} {
		l := dns.Ask(t.Context(), r, name, dns.TypeA)
		if got, ok := Dangling(&l); got != want || ok != (want != "") {
			t.Errorf("%s: got %q %v, want %q", name, got, ok, want)
		}
	}
}
