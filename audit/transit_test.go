package audit

import (
	"testing"

	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/score"
)

// TestDeadHostsAreNoMailHosts: what has no address keeps transit neither from
// being measured nor from being full; what could not be looked up does.
func TestDeadHostsAreNoMailHosts(t *testing.T) {
	const alive = "example.com. MX 10 mx1.example.com.\nmx1.example.com. A 5.6.7.8\n"
	for records, want := range map[string]score.Measure{
		alive + "": score.Of(score.Full),
		alive + "example.com. MX 20 t.msv1.invalid.":   score.Of(score.Full),
		alive + "example.com. MX 20 gone.example.com.": score.Of(score.Full),
		alive + "example.com. MX 20 192.0.2.1.":        score.Of(score.Full),
		alive + "example.com. MX 20 mx2.example.com.\nmx2.example.com. A ; !timeout\nmx2.example.com. AAAA ; !timeout": {},
		"example.com. MX 10 gone.example.com.": {},
	} {
		a := &Auditor{Now: testNow, Prober: goodHosts{}, Resolver: dnstest.New(t, records)}
		out, err := a.Audit(t.Context(), Request{Domain: "example.com"})
		if err != nil {
			t.Fatal(err)
		}
		state, _ := out.score()
		for _, id := range []score.CheckID{"transit-starttls", "transit-tls"} {
			if got := state.Measures[id]; got.Known != want.Known || got.Part != want.Part {
				t.Errorf("%q: %s is %v, want %v", records, id, got, want)
			}
		}
	}
}
