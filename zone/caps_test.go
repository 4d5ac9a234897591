package zone

import (
	"fmt"
	"slices"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
)

// TestCaps: hosts beyond a cap are not asked about, and what is not asked is unknown.
func TestCaps(t *testing.T) {
	text := "$ORIGIN example.com.\n"
	for i := range 12 {
		text += fmt.Sprintf("@ MX 10 mx%02d\nmx%02d CAA 0 issue \"ca.example\"\n_imaps._tcp SRV 0 1 993 s%02d\ns%02d A 5.6.7.%d\n", i, i, i, i, i+1)
	}
	f, err := Gather(t.Context(), dnstest.New(t, text), "example.com", Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.Profile = check.ProfileMail
	if f.CAA.Over != 2 || len(f.CAA.Hosts) != maxCAA || f.SRV.Over != 2 || len(f.SRV.Targets) != maxTargets {
		t.Errorf("CAA: %d hosts and %d over, SRV: %d hosts and %d over", len(f.CAA.Hosts), f.CAA.Over, len(f.SRV.Targets), f.SRV.Over)
	}
	want := map[string]string{"caa-missing": "caa-over", "srv-target-no-address": "srv-over"}
	for _, res := range check.Evaluate(Rules, f) {
		code, ok := want[res.Rule.ID]
		if ok && (res.Status != check.Unknown || !slices.ContainsFunc(res.Causes, func(c check.Cause) bool { return c.Code == code })) {
			t.Errorf("%s: got %s %v, want unknown by %s", res.Rule.ID, res.Status, res.Causes, code)
		}
	}
}
