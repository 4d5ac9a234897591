package dmarc

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
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
		{name: "a parked domain ends its rehearsal at once", record: "v=DMARC1; p=reject; t=y", o: RolloutOptions{AtEnd: true}, want: []want{
			{"reject", "2026-12-01", "v=DMARC1; p=reject"},
		}},
		{name: "a parked domain is done, whatever way it is written", record: "v=DMARC1; p=reject; sp=reject; np=reject", o: RolloutOptions{AtEnd: true}, want: []want{}},
		{name: "an inherited goal will do", record: "v=DMARC1; p=reject" + rua, inherits: true, below: true, want: []want{}},
		{name: "p=reject with an open door for names that do not exist", record: "v=DMARC1; p=reject; np=none" + rua, want: []want{
			{"reject", "2026-12-01", "v=DMARC1; p=reject" + rua},
		}},
		{name: "subdomains that reject go on doing so; t=y would lower them", record: "v=DMARC1; p=none; sp=reject" + rua, want: []want{
			{"watch", "2026-12-01", "v=DMARC1; p=none; sp=reject" + rua},
			{"quarantine", "2026-12-29", "v=DMARC1; p=quarantine; sp=reject" + rua},
			{"reject", "2027-01-26", "v=DMARC1; p=reject" + rua},
		}},
		{name: "sp=p is no policy of their own", record: "v=DMARC1; p=quarantine; sp=quarantine" + rua, want: []want{
			{"quarantine", "2026-12-01", "v=DMARC1; p=quarantine; sp=quarantine" + rua},
			{"rehearse-reject", "2026-12-29", "v=DMARC1; p=reject; t=y" + rua},
			{"reject", "2027-01-12", "v=DMARC1; p=reject" + rua},
		}},
		{name: "more than the goal, but not below", record: "v=DMARC1; p=reject; sp=none" + rua, o: RolloutOptions{To: Quarantine}, want: []want{
			{"reject", "2026-12-01", "v=DMARC1; p=reject; sp=none" + rua},
			{"subdomain-quarantine", "2026-12-29", "v=DMARC1; p=reject; sp=quarantine; np=reject" + rua},
		}},
		{name: "a broken record brings no policy for subdomains into force", record: "v=DMARC1; p=rejct; sp=reject" + rua, o: RolloutOptions{To: Quarantine}, want: []want{
			{"watch", "2026-12-01", "v=DMARC1; p=none" + rua},
			{"rehearse-quarantine", "2026-12-29", "v=DMARC1; p=quarantine; np=reject; t=y" + rua},
			{"quarantine", "2027-01-12", "v=DMARC1; p=quarantine; np=reject" + rua},
		}},
		{name: "sp and np that nobody reads are not repeated", record: "v=DMARC1; p=quarantine; sp=none; np=none" + rua, below: true, want: []want{
			{"quarantine", "2026-12-01", "v=DMARC1; p=quarantine; sp=none; np=none" + rua},
			{"rehearse-reject", "2026-12-29", "v=DMARC1; p=reject; t=y" + rua},
			{"reject", "2027-01-12", "v=DMARC1; p=reject" + rua},
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

// TestRolloutNeverWeakens plans from every combination of policies: no stage
// gives receivers less to go by than the one before, those of RFC 9989 or older
// ones. Names that do not exist are the one exception: a rehearsal lowers their
// reject to quarantine.
func TestRolloutNeverWeakens(t *testing.T) {
	words := []string{"none", "quarantine", "reject"}
	tag := func(name, value string) string {
		if value == "" {
			return ""
		}
		return "; " + name + "=" + value
	}
	plans := 0
	for _, p := range words {
		for _, sp := range append(words, "") {
			for _, np := range append(words, "") {
				for _, testing := range []string{"", "y"} {
					for _, to := range []Level{Quarantine, Reject} {
						text := "v=DMARC1" + tag("p", p) + tag("sp", sp) + tag("np", np) + tag("t", testing) + "; rua=mailto:d@example.com"
						now, _ := Parse(text)
						stages, err := Rollout("example.com", Standing{Owner: "_dmarc.example.com", Record: now, Own: true, Organizational: true},
							RolloutOptions{Start: day("2026-12-01"), To: to})
						if err != nil {
							t.Fatalf("%s: %v", text, err)
						}
						for _, s := range stages {
							next, _ := Parse(s.Record)
							was, is := now.Effect(), next.Effect()
							if levelOf(is.Domain) < levelOf(was.Domain) || levelOf(is.Subdomain) < levelOf(was.Subdomain) ||
								levelOf(is.Nonexistent) < min(levelOf(was.Nonexistent), Quarantine) ||
								next.Level("p") < now.Level("p") || ParseLevel(next.legacyPolicy("sp")) < ParseLevel(now.legacyPolicy("sp")) {
								t.Errorf("to %s from %s: %s is weaker than %s", to, text, s.Record, now.Text)
							}
							now = next
						}
						if e := now.Effect(); min(levelOf(e.Domain), levelOf(e.Subdomain)) < to && p != "reject" || levelOf(e.Nonexistent) < Reject && testing == "" {
							t.Errorf("to %s from %s: the end is %s", to, text, now.Text)
						}
						plans++
					}
				}
			}
		}
	}
	if plans != 3*4*4*2*2 {
		t.Errorf("%d plans", plans)
	}
}

// What stands at the name and is no record has to make way, a dead alias too,
// and a registry's addresses are not the domain's.
func TestRolloutStanding(t *testing.T) {
	const world = "example.com. MX 10 mx.example.com.\nmx.example.com. A 192.0.2.1\n"
	txt := func(name, text string) string { return "_dmarc." + name + ". TXT \"" + text + "\"\n" }
	cases := []struct {
		name, zone string
		domain     dns.Name
		change     []check.RecordChange
	}{
		{"several records", txt("example.com", "v=DMARC1; p=reject; rua=mailto:x@example.com") + txt("example.com", "v=DMARC1; p=none"), "example.com",
			[]check.RecordChange{{Name: "_dmarc.example.com.", Type: "TXT", Old: []string{"v=DMARC1; p=reject; rua=mailto:x@example.com", "v=DMARC1; p=none"},
				New: []string{"v=DMARC1; p=none; rua=mailto:x@example.com"}}}},
		{"a slip", txt("example.com", "v=DMARC1 p=reject"), "example.com",
			[]check.RecordChange{{Name: "_dmarc.example.com.", Type: "TXT", Old: []string{"v=DMARC1 p=reject"}, New: []string{"v=DMARC1; p=none; rua=mailto:d@example.com"}}}},
		{"a dead alias", "_dmarc.example.com. CNAME gone.vendor.example.\n", "example.com",
			[]check.RecordChange{{Name: "_dmarc.example.com.", Type: "CNAME", Old: []string{"gone.vendor.example."}, New: []string{}},
				{Name: "_dmarc.example.com.", Type: "TXT", Old: []string{}, New: []string{"v=DMARC1; p=none; rua=mailto:d@example.com"}}}},
		{"a record behind an alias", "_dmarc.example.com. CNAME d.vendor.example.\nd.vendor.example. TXT \"v=DMARC1; p=none\"\n", "example.com",
			[]check.RecordChange{{Name: "d.vendor.example.", Type: "TXT", Old: []string{"v=DMARC1; p=none"}, New: []string{"v=DMARC1; p=none; rua=mailto:d@example.com"}}}},
		{"a registry's policy", txt("example", "v=DMARC1; p=quarantine; psd=y; adkim=s; rua=mailto:r@nic.example"), "bank.example",
			[]check.RecordChange{{Name: "_dmarc.bank.example.", Type: "TXT", Old: []string{}, New: []string{"v=DMARC1; p=quarantine; np=reject; rua=mailto:d@example.com"}}}},
		{"a parent that does not say psd=y", txt("com.br", "v=DMARC1; p=none; rua=mailto:r@nic.example"), "example.com.br",
			[]check.RecordChange{{Name: "_dmarc.example.com.br.", Type: "TXT", Old: []string{}, New: []string{"v=DMARC1; p=none; psd=n; rua=mailto:d@example.com"}}}},
	}
	for _, c := range cases {
		f := gather(t, world+c.zone, c.domain, check.ProfileMail)
		stages, err := Rollout(c.domain, f.Standing(), RolloutOptions{Start: day("2026-12-01"), RUA: []string{"mailto:d@example.com"}})
		if err != nil || len(stages) == 0 {
			t.Errorf("%s: %d stages, %v", c.name, len(stages), err)
			continue
		}
		if diff := cmp.Diff(c.change, stages[0].Change); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// Consent is asked for with the first record that names the address, also where
// a stage stands before it; to watch without an address is no plan.
func TestRolloutAddress(t *testing.T) {
	rec, _ := Parse("v=DMARC1; p=quarantine")
	stages, err := Rollout("example.com", Standing{Owner: "_dmarc.example.com", Record: rec, Own: true, Organizational: true},
		RolloutOptions{Start: day("2026-12-01"), RUA: []string{"mailto:a@reports.example.net"}})
	if err != nil {
		t.Fatal(err)
	}
	var asked []int
	for _, s := range stages {
		asked = append(asked, len(s.Consent))
	}
	if diff := cmp.Diff([]int{0, 1, 0}, asked); diff != "" {
		t.Errorf("consents by stage (-want +got):\n%s", diff)
	}
	rec, _ = Parse("v=DMARC1; p=quarantine; rua=mailto:a@reports.example.net")
	stages, err = Rollout("example.com", Standing{Owner: "_dmarc.example.com", Record: rec, Own: true, Organizational: true}, RolloutOptions{Start: day("2026-12-01")})
	if err != nil || len(stages) != 3 || len(stages[0].Consent) != 1 || len(stages[1].Consent) != 0 {
		t.Errorf("the record that stands needs consent now: %v, %+v", err, stages)
	}
	if _, err := Rollout("example.com", Standing{Owner: "_dmarc.example.com", Organizational: true}, RolloutOptions{Start: day("2026-12-01")}); !errors.Is(err, ErrNoAddress) {
		t.Errorf("without an address: %v, want %v", err, ErrNoAddress)
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
