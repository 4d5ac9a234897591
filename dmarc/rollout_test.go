package dmarc

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/dns"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// TestRollout plans from each place that a domain can stand at. Every record is
// read back and judged by what it does, and no stage weakens the one before.
func TestRollout(t *testing.T) {
	const rua = "; rua=mailto:d@example.com"
	type want struct{ name, from, record string }
	cases := []struct {
		name     string
		record   string
		inherits bool
		below    bool // not the Organizational Domain
		o        RolloutOptions
		want     []want
	}{
		{name: "nothing yet", o: RolloutOptions{RUA: []string{"mailto:d@example.com"}}, want: []want{
			{"watch", "2026-12-01", "v=DMARC1; p=none" + rua},
			{"rehearse-quarantine", "2026-12-29", "v=DMARC1; p=quarantine; np=reject; t=y" + rua},
			{"quarantine", "2027-01-12", "v=DMARC1; p=quarantine; np=reject" + rua},
			{"rehearse-reject", "2027-02-09", "v=DMARC1; p=reject; t=y" + rua},
			{"reject", "2027-02-23", "v=DMARC1; p=reject" + rua},
		}},
		{name: "watching since a while", record: "v=DMARC1; p=none" + rua, o: RolloutOptions{Since: day("2026-01-01"), To: Quarantine}, want: []want{
			{"watch", "2026-01-01", "v=DMARC1; p=none" + rua},
			{"rehearse-quarantine", "2026-12-01", "v=DMARC1; p=quarantine; np=reject; t=y" + rua},
			{"quarantine", "2026-12-15", "v=DMARC1; p=quarantine; np=reject" + rua},
		}},
		{name: "p=none that nobody hears of", record: "v=DMARC1; p=none", o: RolloutOptions{RUA: []string{"mailto:d@example.com"}, To: Quarantine}, want: []want{
			{"watch", "2026-12-01", "v=DMARC1; p=none" + rua},
			{"rehearse-quarantine", "2026-12-29", "v=DMARC1; p=quarantine; np=reject; t=y" + rua},
			{"quarantine", "2027-01-12", "v=DMARC1; p=quarantine; np=reject" + rua},
		}},
		{name: "rehearsing reject, alignment kept", record: "v=DMARC1; p=reject; t=y; adkim=s" + rua, want: []want{
			{"rehearse-reject", "2026-12-01", "v=DMARC1; p=reject; t=y; adkim=s" + rua},
			{"reject", "2026-12-15", "v=DMARC1; p=reject; adkim=s" + rua},
		}},
		{name: "a typo switches the policy off", record: "v=DMARC1; p=reject; sp=quarentine" + rua, o: RolloutOptions{To: Quarantine}, want: []want{
			{"watch", "2026-12-01", "v=DMARC1; p=none" + rua},
			{"rehearse-quarantine", "2026-12-29", "v=DMARC1; p=quarantine; np=reject; t=y" + rua},
			{"quarantine", "2027-01-12", "v=DMARC1; p=quarantine; np=reject" + rua},
		}},
		{name: "subdomains come last where the owner left them open", record: "v=DMARC1; p=quarantine; sp=none" + rua, want: []want{
			{"quarantine", "2026-12-01", "v=DMARC1; p=quarantine; sp=none" + rua},
			{"rehearse-reject", "2026-12-29", "v=DMARC1; p=reject; sp=none; np=reject; t=y" + rua},
			{"reject", "2027-01-12", "v=DMARC1; p=reject; sp=none; np=reject" + rua},
			{"subdomain-quarantine", "2027-02-09", "v=DMARC1; p=reject; sp=quarantine; np=reject" + rua},
			{"subdomain-reject", "2027-03-09", "v=DMARC1; p=reject" + rua},
		}},
		{name: "reject, only subdomains are left", record: "v=DMARC1; p=reject; sp=quarantine; np=reject" + rua, want: []want{
			{"reject", "2026-12-01", "v=DMARC1; p=reject; sp=quarantine; np=reject" + rua},
			{"subdomain-reject", "2026-12-29", "v=DMARC1; p=reject" + rua},
		}},
		{name: "done", record: "v=DMARC1; p=reject" + rua, want: []want{}},
		{name: "more than the goal", record: "v=DMARC1; p=reject" + rua, o: RolloutOptions{To: Quarantine}, want: []want{}},
		{name: "an inherited policy is not weakened", record: "v=DMARC1; p=reject; sp=quarantine" + rua, inherits: true, below: true, want: []want{
			{"quarantine", "2026-12-01", "v=DMARC1; p=quarantine" + rua},
			{"rehearse-reject", "2026-12-29", "v=DMARC1; p=reject; t=y" + rua},
			{"reject", "2027-01-12", "v=DMARC1; p=reject" + rua},
		}},
		{name: "a parked domain loses nothing", record: "v=DMARC1; p=none; sp=none" + rua, o: RolloutOptions{AtEnd: true}, want: []want{
			{"reject", "2026-12-01", "v=DMARC1; p=reject" + rua},
		}},
		{name: "a parked domain closes what lies below", record: "v=DMARC1; p=reject; sp=none" + rua, o: RolloutOptions{AtEnd: true}, want: []want{
			{"reject", "2026-12-01", "v=DMARC1; p=reject" + rua},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			at := Standing{Owner: "_dmarc.example.com", Own: c.record != "" && !c.inherits, Organizational: !c.below}
			if c.record != "" {
				at.Record, _ = Parse(c.record)
			}
			c.o.Start = day("2026-12-01")
			stages, err := Rollout(dns.Name("example.com"), at, c.o)
			if err != nil {
				t.Fatal(err)
			}
			got := []want{}
			before := c.record
			for i, s := range stages {
				got = append(got, want{s.Name, s.From.Format(time.DateOnly), s.Record})
				if rec, problems := Parse(s.Record); !rec.Valid || len(problems) > 0 && !s.Current {
					t.Errorf("stage %s publishes a record with problems: %v", s.Name, problems)
				}
				if last := i == len(stages)-1; last != s.Until.IsZero() {
					t.Errorf("stage %s of %d ends on %v", s.Name, len(stages), s.Until)
				}
				switch {
				case s.Current:
					if len(s.Change) > 0 {
						t.Errorf("stage %s stands and changes something: %v", s.Name, s.Change)
					}
				case len(s.Change) != 1 || strings.Join(s.Change[0].New, "") != s.Record:
					t.Errorf("stage %s: change %v", s.Name, s.Change)
				case at.Own && strings.Join(s.Change[0].Old, "") != before:
					t.Errorf("stage %s replaces %q, but %q stands there", s.Name, s.Change[0].Old, before)
				}
				before = s.Record
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A goal of reports elsewhere needs the other side's consent from the first day.
func TestRolloutConsent(t *testing.T) {
	stages, err := Rollout("example.com", Standing{Owner: "_dmarc.example.com", Organizational: true},
		RolloutOptions{Start: day("2026-12-01"), RUA: []string{"mailto:a@reports.example.net"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(stages) != 5 || len(stages[0].Consent) != 1 || stages[0].Consent[0].Name != "example.com._report._dmarc.reports.example.net." {
		t.Errorf("consent of the first stage: %+v", stages[0].Consent)
	}
}
