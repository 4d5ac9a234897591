package dkim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// chained is a world whose zone example.com has an NSEC chain, or proves its
// denials in another way.
type chained struct {
	*dnstest.World
	names []dns.Name // with records, in canonical order
	lie   string     // "epsilon", "compact", "hashed", "none", "fails"; "" for a true chain
	asked int
}

func (s *chained) Deny(_ context.Context, name dns.Name, qtype dns.Type) (dns.Denial, error) {
	s.asked++
	exists := slices.Contains(s.names, name)
	switch s.lie {
	case "fails":
		return dns.Denial{}, &dns.Error{Name: name, Type: qtype, Kind: dns.ServFail}
	case "none":
		return dns.Denial{}, nil
	case "hashed":
		return dns.Denial{Hashed: true}, nil
	case "compact":
		return dns.Denial{NSEC: []dns.NSEC{{Owner: name, Next: name.Child(`\000`)}}}, nil
	case "epsilon": // RFC 4470 §4: just before the name, and just after
		return dns.Denial{NSEC: []dns.NSEC{{Owner: `\)~.example.com`, Next: "+.example.com"}, {Owner: "\\ ~._domainkey.example.com", Next: "!!._domainkey.example.com"}}}, nil
	}
	// The proof that no wildcard answers comes with it, in any order.
	d := dns.Denial{NSEC: []dns.NSEC{{Owner: s.names[0], Next: s.names[1]}}}
	i := len(s.names) - 1
	for i > 0 && s.names[i].Compare(name) > 0 {
		i--
	}
	if exists && qtype != dns.TypeNSEC {
		return dns.Denial{}, nil
	}
	d.NSEC = append(d.NSEC, dns.NSEC{Owner: s.names[i], Next: s.names[(i+1)%len(s.names)]})
	return d, nil
}

func TestWalk(t *testing.T) {
	many := []string{}
	for i := range 40 {
		many = append(many, fmt.Sprintf("x%02d", i))
	}
	for _, c := range []struct {
		name      string
		selectors []string
		lie       string
		end       string
		steps     int
		found     string
	}{
		{"every name", []string{"zebra", "a.b", "MixedCase"}, "", WalkEnd, 4, "a.b nsec found; mixedcase nsec found; zebra nsec found"},
		{"nothing below", nil, "", WalkEnd, 1, ""},
		{"what is no selector", []string{"_adsp", "_report", "x7"}, "", WalkEnd, 4, "x7 nsec found"},
		{"what was found already", []string{"s1", "x7"}, "", WalkEnd, 3, "s1 wordlist found; x7 nsec found"},
		{"too many", many, "", WalkLimit, 30, ""},
		{"compact denial", []string{"x7"}, "compact", WalkMinimal, 1, ""},
		{"lies around the question", []string{"x7"}, "epsilon", WalkMinimal, 1, ""},
		{"NSEC3", []string{"x7"}, "hashed", WalkHashed, 1, ""},
		{"not signed", []string{"x7"}, "none", WalkUnsigned, 1, ""},
		{"no answer", []string{"x7"}, "fails", WalkFailed, 1, ""},
	} {
		names := []dns.Name{"example.com", "_dmarc.example.com", "mail.example.com"}
		zone := "mail.example.com. A 5.6.7.8\n"
		for _, s := range c.selectors {
			names = append(names, dns.FromText(s+"._domainkey.example.com"))
			zone += key(s)
		}
		slices.SortFunc(names, dns.Name.Compare)
		w, err := dnstest.Parse(zone)
		if err != nil {
			t.Fatal(err)
		}
		r := &chained{World: w, names: names, lie: c.lie}
		f, err := Gather(t.Context(), r, "example.com", Options{NSEC: true})
		if err != nil {
			t.Fatal(err)
		}
		if f.Walk.End != c.end || f.Walk.Steps != c.steps || r.asked != c.steps {
			t.Errorf("%s: ended with %s after %d steps (%d questions); want %s after %d", c.name, f.Walk.End, f.Walk.Steps, r.asked, c.end, c.steps)
		}
		if got := found(f); c.found != "" && got != c.found || c.end == WalkLimit && strings.Count(got, ByNSEC) < maxWalk {
			t.Errorf("%s: found %q, want %q", c.name, got, c.found)
		}
	}
	f, _ := find(t, key("x7"), Options{NSEC: true}) // a resolver that proves nothing
	if f.Walk == nil || f.Walk.End != WalkFailed {
		t.Errorf("got %+v", f.Walk)
	}
	if f, _ = find(t, key("x7"), Options{}); f.Walk != nil {
		t.Error("walked without being asked to")
	}
}
