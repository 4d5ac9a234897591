package score

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
)

// climbed prints a staircase as people write it: "19 F → 39 F (spf-all) → …".
func climbed(s State, steps []Step) string {
	start := Compute(s)
	out := []string{fmt.Sprintf("%d %s", start.Value, start.Grade)}
	for _, st := range Staircase(s, steps) {
		out = append(out, fmt.Sprintf("%d %s (%s)", st.ScoreAfter, st.GradeAfter, st.Name))
	}
	return strings.Join(out, " → ")
}

// TestStaircaseByHand is a whole climb that can be followed with a pencil.
//
// At first: SPF 16 of 20 (all but the end), STARTTLS 6 and half of TLS 2 of
// transit's 20, DNS 15, nothing of DMARC and DKIM: 39 points, capped at 19.
func TestStaircaseByHand(t *testing.T) {
	s := perfect(check.ProfileMail).with(map[CheckID]Measure{
		"dmarc-record": Of(Nothing), "dmarc-policy": Of(Nothing), "dmarc-subdomains": Of(Nothing), "dmarc-rua": Of(Nothing),
		"spf-all":     Of(Nothing),
		"transit-tls": Of(Half), "transit-policy": Of(Nothing), "transit-tlsrpt": Of(Nothing),
		"dkim-key": Of(Nothing), "dkim-strength": Of(Nothing), "dkim-hygiene": Of(Nothing),
	})
	s.Caps = []OpenCap{{"spf-pass-all", "spf-all-pass"}, {"dmarc-missing", "dmarc-missing"}}
	steps := []Step{
		{Rule: "mtasts-record-missing", Name: "mta-sts", Effort: Hours, Sets: map[CheckID]Part{"transit-policy": Full}, After: []string{"certificate"}},
		{Rule: "cert-name", Name: "certificate", Effort: Hours, Sets: map[CheckID]Part{"transit-tls": Full}},
		{Rule: "tlsrpt-record-missing", Name: "tls-rpt", Effort: Minutes, Sets: map[CheckID]Part{"transit-tlsrpt": Full}},
		{Rule: "dkim-missing", Name: "dkim", Effort: Hours, Sets: map[CheckID]Part{"dkim-key": Full, "dkim-strength": Full, "dkim-hygiene": Full}},
		{Rule: "dmarc-sp-weaker", Name: "sp", Effort: Minutes, Sets: map[CheckID]Part{"dmarc-subdomains": Full}, After: []string{"policy"}},
		{
			Rule: "dmarc-policy-none", Name: "policy", Effort: Weeks, Sets: map[CheckID]Part{"dmarc-policy": Full},
			Closes: []CapID{"dmarc-none"}, After: []string{"record"},
		},
		{
			Rule: "dmarc-missing", Name: "record", Effort: Minutes, Sets: map[CheckID]Part{"dmarc-record": Full, "dmarc-rua": Full},
			Closes: []CapID{"dmarc-missing"}, Opens: []OpenCap{{"dmarc-none", "dmarc-policy-none"}},
		},
		{Rule: "spf-all-pass", Name: "+all", Effort: Minutes, Sets: map[CheckID]Part{"spf-all": Full}, Closes: []CapID{"spf-pass-all"}},
	}
	want := "19 F → 39 F (+all) → 54 E (record) → 68 D (policy) → 83 B (dkim) → " +
		"88 B (sp) → 90 A (tls-rpt) → 92 A (certificate) → 100 A+ (mta-sts)"
	if got := climbed(s, steps); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestStaircaseOrder(t *testing.T) {
	nothing := func(ids ...CheckID) map[CheckID]Measure {
		m := map[CheckID]Measure{}
		for _, id := range ids {
			m[id] = Of(Nothing)
		}
		return m
	}
	full := func(ids ...CheckID) map[CheckID]Part {
		m := map[CheckID]Part{}
		for _, id := range ids {
			m[id] = Full
		}
		return m
	}
	mail := check.ProfileMail
	for _, tc := range []struct {
		name  string
		state State
		steps []Step
		want  string
	}{
		{
			"least effort decides between equal gains",
			perfect(mail).with(nothing("dns-mx", "dns-servers")),
			[]Step{
				{Name: "servers", Effort: Hours, Sets: full("dns-servers")},
				{Name: "mx", Effort: Minutes, Sets: full("dns-mx")},
			},
			"92 A → 96 A+ (mx) → 100 A+ (servers)",
		}, {
			"a step for what is reached, not measured or of another profile is left out",
			perfect(mail).with(map[CheckID]Measure{"dkim-key": Not(check.Cause{Code: "no-selector"})}),
			[]Step{
				{Name: "reached", Sets: full("dns-mx")},
				{Name: "unmeasured", Sets: full("dkim-key")},
				{Name: "parked", Sets: full("mx-null")},
				{Name: "closed", Closes: []CapID{"takeover"}},
			},
			"100 A+",
		}, {
			"two rules hold one cap: both must be mended",
			State{Profile: mail, Measures: perfect(mail).Measures, Caps: []OpenCap{{"takeover", "spf-takeover"}, {"takeover", "dkim-cname-takeover"}}},
			[]Step{
				{Rule: "spf-takeover", Name: "include", Effort: Minutes, Closes: []CapID{"takeover"}},
				{Rule: "dkim-cname-takeover", Name: "alias", Effort: Minutes, Closes: []CapID{"takeover"}},
			},
			"39 F → 39 F (include) → 100 A+ (alias)",
		}, {
			"one of the two ends the cap of having neither",
			State{Profile: check.ProfileReceiveOnly, Measures: perfect(check.ProfileReceiveOnly).Measures, Caps: []OpenCap{{"no-spf-no-dmarc", "dmarc-missing"}}}.
				with(nothing("spf-closed")),
			[]Step{
				{Rule: "dmarc-missing", Name: "dmarc", Effort: Weeks, Closes: []CapID{"no-spf-no-dmarc"}},
				{Rule: "spf-missing", Name: "spf", Effort: Minutes, Sets: full("spf-closed"), Closes: []CapID{"no-spf-no-dmarc"}},
			},
			"19 F → 100 A+ (spf)",
		}, {
			"what makes way for closing a cap comes before what merely gains",
			perfect(mail).with(nothing("transit-starttls", "dns-dnssec", "transit-tls"), "starttls-missing"),
			[]Step{
				{Name: "dnssec", Effort: Minutes, Sets: full("dns-dnssec")},
				{Name: "starttls", Effort: Hours, Sets: full("transit-starttls"), Closes: []CapID{"starttls-missing"}, After: []string{"certificate"}},
				{Name: "certificate", Effort: Hours, Sets: full("transit-tls")},
			},
			"79 C → 79 C (certificate) → 93 A (starttls) → 100 A+ (dnssec)",
		}, {
			"a step whose forerunner has nothing to do does not wait for it",
			perfect(mail).with(nothing("dns-mx")),
			[]Step{
				{Name: "first", Sets: full("dns-servers")},
				{Name: "second", Sets: full("dns-mx"), After: []string{"first", "no such step"}},
			},
			"96 A+ → 100 A+ (second)",
		}, {
			"steps that wait for each other are never due",
			perfect(mail).with(nothing("dns-mx", "dns-servers")),
			[]Step{
				{Name: "a", Sets: full("dns-servers"), After: []string{"b"}},
				{Name: "b", Sets: full("dns-mx"), After: []string{"a"}},
			},
			"92 A",
		}, {
			"a step that would lower the score is held back",
			perfect(mail).with(nothing("dns-mx")),
			[]Step{{Name: "worse", Sets: full("dns-mx"), Opens: []OpenCap{{"dmarc-none", "x"}}}},
			"96 A+",
		}, {
			"a cap that nothing closes hides gains, not steps",
			perfect(mail).with(nothing("dns-mx", "dns-dnssec"), "dnssec-bogus"),
			[]Step{
				{Name: "mx", Effort: Minutes, Sets: full("dns-mx")},
				{Name: "dnssec", Effort: Minutes, Sets: full("dns-dnssec")},
			},
			"39 F → 39 F (dnssec) → 39 F (mx)",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := tc.state
			if got := climbed(tc.state, tc.steps); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if diff := cmp.Diff(before, tc.state); diff != "" {
				t.Errorf("the state was changed:\n%s", diff)
			}
		})
	}
}
