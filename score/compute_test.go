package score

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
)

// perfect is the state of a domain of that profile with everything right.
func perfect(p check.Profile) State {
	s := State{Profile: p, Measures: map[CheckID]Measure{}}
	for _, g := range Groups(p) {
		for _, c := range g.Checks {
			s.Measures[c.ID] = Of(Full)
		}
	}
	return s
}

// with changes some measures and opens some caps.
func (s State) with(m map[CheckID]Measure, caps ...CapID) State {
	for id, v := range m {
		s.Measures[id] = v
	}
	for _, id := range caps {
		s.Caps = append(s.Caps, OpenCap{ID: id, Rule: string(id) + "-rule"})
	}
	return s
}

func TestPerfect(t *testing.T) {
	for _, p := range append(check.Profiles, check.ProfileUnknown) {
		got := Compute(perfect(p))
		if got.Value != 100 || got.Grade != "A+" || got.Coverage != 100 || got.Best != 100 || got.Worst != 100 {
			t.Errorf("%q: got %d %s, coverage %d, %d to %d; want 100 A+, 100, 100 to 100",
				p, got.Value, got.Grade, got.Coverage, got.Worst, got.Best)
		}
	}
}

func TestCompute(t *testing.T) {
	no := Not(check.Cause{Code: "dns-timeout"})
	dkimUnknown := map[CheckID]Measure{"dkim-key": no, "dkim-strength": no, "dkim-hygiene": no}
	dmarcUnknown := map[CheckID]Measure{
		"dmarc-record": no, "dmarc-policy": no, "dmarc-subdomains": no, "dmarc-rua": no,
	}
	for _, tc := range []struct {
		name  string
		state State
		want  Score
	}{
		{
			"quarantine is 96",
			perfect(check.ProfileMail).with(map[CheckID]Measure{"dmarc-policy": Of(Most)}),
			Score{Value: 96, Grade: "A+", Coverage: 100, Best: 96, Worst: 96},
		}, {
			// 10/14 of 14 and of 5: 100 - 4 - 1.43, rounded down.
			"quarantine for subdomains too",
			perfect(check.ProfileMail).with(map[CheckID]Measure{"dmarc-policy": Of(Most), "dmarc-subdomains": Of(Most)}),
			Score{Value: 94, Grade: "A", Coverage: 100, Best: 94, Worst: 94},
		}, {
			"the lowest cap decides",
			perfect(check.ProfileMail).with(nil, "starttls-missing", "dmarc-none"),
			Score{Value: 69, Grade: "D", Coverage: 100, Best: 69, Worst: 69},
		}, {
			"a cap of other profiles does not count",
			perfect(check.ProfileParked).with(nil, "spf-broken"),
			Score{Value: 100, Grade: "A+", Coverage: 100, Best: 100, Worst: 100},
		}, {
			"what is not measured leaves both sums",
			perfect(check.ProfileMail).with(dkimUnknown).with(map[CheckID]Measure{"dns-dnssec": Of(Nothing)}),
			// 78 of 85; with DKIM 93 of 100, without 78.
			Score{Value: 91, Grade: "A", Coverage: 85, Best: 93, Worst: 78},
		}, {
			"a cap holds down the best, too",
			perfect(check.ProfileMail).with(dkimUnknown, "dmarc-none"),
			Score{Value: 69, Grade: "D", Coverage: 85, Best: 69, Worst: 69},
		}, {
			"DMARC that could not be asked for may be missing",
			perfect(check.ProfileMail).with(dmarcUnknown),
			Score{Value: 100, Grade: "A+", Coverage: 70, Best: 100, Worst: 39},
		}, {
			"60 measured points are enough for a letter",
			State{Profile: check.ProfileMail, Measures: map[CheckID]Measure{
				"dmarc-record": Of(Full), "dmarc-policy": Of(Full), "dmarc-subdomains": Of(Full), "dmarc-rua": Of(Full),
				"spf-record": Of(Full), "spf-limits": Of(Full), "spf-all": Of(Full), "spf-scope": Of(Full),
				"transit-starttls": Of(Full), "transit-tls": Of(Full),
			}},
			Score{Value: 100, Grade: "A+", Coverage: 60, Best: 100, Worst: 60},
		}, {
			"59 are not",
			State{Profile: check.ProfileMail, Measures: map[CheckID]Measure{
				"dmarc-record": Of(Full), "dmarc-policy": Of(Full), "dmarc-subdomains": Of(Full), "dmarc-rua": Of(Full),
				"spf-record": Of(Full), "spf-limits": Of(Full), "spf-all": Of(Full), "spf-scope": Of(Full),
				"dns-dnssec": Of(Full), "spf-closed": Of(Full), "transit-tlsrpt": Of(Full),
			}},
			Score{Value: 100, Grade: "–", Coverage: 59, Best: 100, Worst: 59},
		}, {
			"nothing measured at all",
			State{Profile: check.ProfileParked},
			Score{Value: 0, Grade: "–", Coverage: 0, Best: 100, Worst: 0},
		}, {
			"a profile without transit is measured against its own 80 points",
			perfect(check.ProfileSendOnly).with(dkimUnknown),
			Score{Value: 100, Grade: "A+", Coverage: 81, Best: 100, Worst: 81},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Compute(tc.state)
			got.Caps, got.Categories = nil, nil
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("score (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCategories(t *testing.T) {
	cause := check.Cause{Code: "smtp-port-blocked"}
	s := perfect(check.ProfileMail).with(map[CheckID]Measure{
		"dmarc-policy": Of(Most), "dmarc-subdomains": Of(Most), "transit-tls": Of(Half), "transit-starttls": Not(cause),
	}, "dmarc-none", "takeover")
	s.Caps = append(s.Caps, s.Caps[0]) // two findings of one rule
	got := Compute(s)
	wantCaps := []Cap{{"takeover-rule", 39, "takeover"}, {"dmarc-none-rule", 69, "dmarc-none"}}
	if diff := cmp.Diff(wantCaps, got.Caps); diff != "" {
		t.Errorf("caps (-want +got):\n%s", diff)
	}
	dmarc, transit := got.Categories[0], got.Categories[2]
	if dmarc.Points != 24.57 || dmarc.Measured != 30 || dmarc.Checks[1].Points != 10 {
		t.Errorf("dmarc: got %+v", dmarc)
	}
	if transit.Points != 12 || transit.Measured != 14 || transit.Weight != 20 || transit.Checks[0].Cause.Code != cause.Code {
		t.Errorf("transit: got %+v", transit)
	}
}
