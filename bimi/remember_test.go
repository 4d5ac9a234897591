package bimi

import (
	"context"
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// counted counts the fetches that reach it; each goes over a redirect.
type counted struct{ n int }

func (c *counted) Fetch(_ context.Context, _ dns.Resolver, url string, _ int) *Fetch {
	c.n++
	return &Fetch{URL: url, Status: 200, Hops: []Hop{{URL: url}, {URL: "https://www.example.com/b.svg"}}}
}

// TestRemember: a file is asked for once while all names on the way lead where
// they led; a change of the last of them asks again.
func TestRemember(t *testing.T) {
	world := func(www string) dns.Resolver {
		w, err := dnstest.Parse("$ORIGIN example.com.\ne A 5.6.7.8\nwww A " + www + "\n")
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	now, after := world("5.6.7.9"), world("5.6.7.10")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	const url = "https://e.example.com/a.svg"
	steps := []struct {
		what  string
		ctx   context.Context
		r     dns.Resolver
		limit int
		want  int
	}{
		{"stopped", stopped, now, MaxLogo, 1},
		{"first", t.Context(), now, MaxLogo, 2},
		{"again", t.Context(), now, MaxLogo, 2},
		{"another limit", t.Context(), now, MaxEvidence, 3},
		{"a name on the way moved", t.Context(), after, MaxLogo, 4},
		{"again there", t.Context(), after, MaxLogo, 4},
	}
	c := &counted{}
	f := Remember(c)
	for _, s := range steps {
		if got := f.Fetch(s.ctx, s.r, url, s.limit); got.URL != url || c.n != s.want {
			t.Errorf("%s: got %d fetches, want %d", s.what, c.n, s.want)
		}
	}
}
