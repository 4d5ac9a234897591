package aggregate

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/dns"
)

var november = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// reported makes a report of one day without going through XML.
func reported(day int, p Policy, rows ...Row) *Report {
	begin := november.AddDate(0, 0, day)
	if p.Domain == "" {
		p.Domain = "example.com"
	}
	r := &Report{Org: "receiver.example", Begin: begin, End: begin.Add(24*time.Hour - time.Second), Policy: p, kept: rows}
	for _, row := range rows {
		r.Rows++
		r.Messages += row.Count
	}
	return r
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// own is mail of the domain's own server.
func own(n int64) Row {
	return Row{Addr: ip("192.0.2.10"), Count: n, DKIM: true, SPF: true, Disposition: "none",
		Signatures: []Signature{{"example.com", "autumn", "pass"}}, SPFChecks: []SPFCheck{{"example.com", "mfrom", "pass"}}}
}

// vendor is mail of a provider that signs as itself.
func vendor(n int64) Row {
	return Row{Addr: ip("198.51.100.4"), Count: n, Disposition: "none",
		Signatures: []Signature{{"sendgrid.net", "s1", "pass"}}, SPFChecks: []SPFCheck{{"u1.wl.sendgrid.net", "mfrom", "pass"}}}
}

// list is mail that a list changed and sent on.
func list(n int64, reasons ...Reason) Row {
	return Row{Addr: ip("203.0.113.9"), Count: n, Disposition: "none", Reasons: reasons,
		Signatures: []Signature{{"example.com", "autumn", "fail"}}, SPFChecks: []SPFCheck{{"bounces.lists.example.net", "mfrom", "pass"}}}
}

// forged is mail of which nothing passes.
func forged(addr string, n int64) Row {
	return Row{Addr: ip(addr), Count: n, Disposition: "reject", SPFChecks: []SPFCheck{{"example.com", "mfrom", "fail"}}}
}

func build(t *testing.T, o Options, reports ...*Report) *Summary {
	t.Helper()
	b := NewBuilder(o)
	for _, r := range reports {
		if err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	return b.Summary(Stats{})
}

// Every kind of source is told from what reports hold, and the ones that fail
// most come first.
func TestKinds(t *testing.T) {
	var reports []*Report
	for day := range 10 {
		reports = append(reports, reported(day, Policy{P: "none"}, own(100), vendor(9), list(2, Reason{Type: "mailing_list"}),
			// The same host every day, with nothing to name it by.
			Row{Addr: ip("2001:db8:5::1"), Count: 1, Disposition: "none"},
			forged(fmt.Sprintf("198.18.%d.1", day), 3)))
	}
	// One message through a vendor is no business.
	reports = append(reports, reported(3, Policy{P: "none"}, Row{Addr: ip("198.51.100.200"), Count: 1, SPFChecks: []SPFCheck{{"amazonses.com", "mfrom", "pass"}}}))
	d := build(t, Options{}, reports...).Domains[0]
	type line struct {
		Name, By string
		Kind     Kind
		Why      string
		Failing  int64
		Days     int
	}
	var got []line
	for _, s := range d.Sources {
		got = append(got, line{s.Name, s.By, s.Kind, s.Why, s.Failing, s.Days})
	}
	want := []line{
		{"Twilio SendGrid", "provider", Sender, "provider", 90, 10},
		{"example.net", "domain", Forwarder, "receiver-says", 20, 10},
		{"2001:db8:5::1", "network", Sender, "steady", 10, 10},
	}
	for day := range 10 {
		want = append(want, line{fmt.Sprintf("198.18.%d.1", day), "network", Unknown, "", 3, 1})
	}
	want = append(want, line{"Amazon SES", "provider", Unknown, "", 1, 1}, line{"192.0.2.10", "network", Passing, "", 0, 10})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	wantTally := Tally{Messages: 10*115 + 1, Both: 1000, Failing: 151, Percent: 86.8}
	if d.Tally != wantTally {
		t.Errorf("got %+v, want %+v", d.Tally, wantTally)
	}
	if d.Overrides["mailing_list"] != 20 || d.Dispositions["reject"] != 30 || d.Days != 10 || d.Reporters != 1 {
		t.Errorf("overrides %v, dispositions %v, %d days, %d reporters; want 20 of lists, 30 rejected, 10 days, 1", d.Overrides, d.Dispositions, d.Days, d.Reporters)
	}
	if len(d.PerDay) != 10 || d.PerDay[0].Date != "2026-11-01" || d.PerDay[3].Failing != 16 {
		t.Errorf("per day %+v, want ten from the 1st, 16 failing on the 4th", d.PerDay)
	}
}

// A signature of the domain that broke, in mail of another's envelope, is
// forwarding too when no receiver says so.
func TestForwarderBySignature(t *testing.T) {
	d := build(t, Options{}, reported(0, Policy{}, own(10), list(4))).Domains[0]
	if s := d.Sources[0]; s.Kind != Forwarder || s.Why != "broken-signature" || s.Broken != 4 || s.Overridden != 0 {
		t.Errorf("got %+v, want a forwarder by its broken signatures", s)
	}
}

// The gates: 98 % over 14 days before quarantine, 99 % over 28 before reject,
// and every source that remains accounted for.
func TestAnswer(t *testing.T) {
	none, quarantine := Policy{P: "none"}, Policy{P: "quarantine"}
	cases := []struct {
		name string
		days int
		p    Policy
		rows []Row
		want Answer
	}{
		{"clean", 14, none, []Row{own(10)}, Answer{Code: AnswerReady, Next: "quarantine", NeedDays: 14, NeedPercent: 98}},
		{"a day short", 13, none, []Row{own(10)}, Answer{Code: AnswerLittle, Next: "quarantine", NeedDays: 14, NeedPercent: 98}},
		{"own sender fails", 14, none, []Row{own(90), vendor(10)},
			Answer{Code: AnswerFix, Next: "quarantine", NeedDays: 14, NeedPercent: 98, Senders: Share{1, 140}}},
		{"own sender hardly fails", 14, none, []Row{own(99), vendor(1)},
			Answer{Code: AnswerLook, Next: "quarantine", NeedDays: 14, NeedPercent: 98, Senders: Share{1, 14}}},
		{"lists only", 14, none, []Row{own(99), list(1)},
			Answer{Code: AnswerReady, Next: "quarantine", NeedDays: 14, NeedPercent: 98, Forwarders: Share{1, 14}}},
		{"many lists", 14, none, []Row{own(90), list(10)},
			Answer{Code: AnswerLook, Next: "quarantine", NeedDays: 14, NeedPercent: 98, Forwarders: Share{1, 140}}},
		{"quarantine takes longer", 27, quarantine, []Row{own(10)}, Answer{Code: AnswerLittle, Next: "reject", NeedDays: 28, NeedPercent: 99}},
		{"quarantine asks for more", 28, quarantine, []Row{own(197), list(3)},
			Answer{Code: AnswerLook, Next: "reject", NeedDays: 28, NeedPercent: 99, Forwarders: Share{1, 84}}},
		{"rehearsal", 14, Policy{P: "reject", Testing: "y"}, []Row{own(10)}, Answer{Code: AnswerReady, Next: "reject", NeedDays: 14, NeedPercent: 99}},
		{"rehearsal of quarantine", 14, Policy{P: "quarantine", Testing: "y"}, []Row{own(10)},
			Answer{Code: AnswerReady, Next: "quarantine", NeedDays: 14, NeedPercent: 98}},
		{"top", 1, Policy{P: "reject"}, []Row{own(10)}, Answer{Code: AnswerTop}},
		{"no mail", 1, none, nil, Answer{Code: AnswerNone, Next: "quarantine", NeedDays: 14, NeedPercent: 98}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var reports []*Report
			for day := range c.days {
				reports = append(reports, reported(day, c.p, c.rows...))
			}
			if diff := cmp.Diff(c.want, build(t, Options{}, reports...).Domains[0].Answer); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
	// Spoofing alone holds the gate up only until somebody has looked.
	var reports []*Report
	for day := range 14 {
		reports = append(reports, reported(day, none, own(10), forged(fmt.Sprintf("198.18.%d.1", day), 90)))
	}
	if a := build(t, Options{}, reports...).Domains[0].Answer; a.Code != AnswerLook || a.Unknown != (Share{14, 1260}) {
		t.Errorf("got %+v, want a look at 14 unknown sources", a)
	}
}

// --domain takes mail From the domain and below, whatever the policy it came under.
func TestDomainFilter(t *testing.T) {
	sub := func(n int64, from dns.Name) Row { r := own(n); r.HeaderFrom = from; return r }
	reports := []*Report{
		reported(0, Policy{P: "reject", SP: "quarantine"}, own(5), sub(7, "news.example.com")),
		reported(1, Policy{Domain: "news.example.com", P: "none"}, sub(11, "a.news.example.com")),
		reported(1, Policy{Domain: "example.org", P: "none"}, own(13)),
	}
	for _, c := range []struct {
		domain   dns.Name
		messages int64
		reports  int
		policy   string
	}{
		{"news.example.com", 18, 2, "none"},
		{"example.com", 23, 2, "reject"},
		{"a.news.example.com", 11, 1, "none"},
	} {
		s := build(t, Options{Domain: c.domain}, reports...)
		if len(s.Domains) != 1 {
			t.Errorf("%s: %d domains, want one", c.domain, len(s.Domains))
			continue
		}
		if d := s.Domains[0]; d.Domain != c.domain || d.Messages != c.messages || d.Reports != c.reports || d.Policy.P != c.policy {
			t.Errorf("%s: %s with %d messages in %d reports under %s, want %d in %d under %s",
				c.domain, d.Domain, d.Messages, d.Reports, d.Policy.P, c.messages, c.reports, c.policy)
		}
	}
	if s := build(t, Options{Domain: "other.example"}, reports...); len(s.Domains) != 0 {
		t.Errorf("%d domains, want none", len(s.Domains))
	}
	if s := build(t, Options{}, reports...); len(s.Domains) != 3 {
		t.Errorf("%d domains without a filter, want 3", len(s.Domains))
	}
	// A subdomain without a policy of its own is under sp.
	if s := build(t, Options{Domain: "news.example.com"}, reports[0]); s.Domains[0].Policy.P != "quarantine" {
		t.Errorf("policy %+v, want sp of the parent", s.Domains[0].Policy)
	}
}

// --since and --until are whole days.
func TestPeriod(t *testing.T) {
	var reports []*Report
	for day := range 10 {
		reports = append(reports, reported(day, Policy{}, own(1)))
	}
	d := build(t, Options{Since: november.AddDate(0, 0, 3), Until: november.AddDate(0, 0, 5)}, reports...).Domains[0]
	if d.Messages != 3 || d.PerDay[0].Date != "2026-11-04" || d.PerDay[2].Date != "2026-11-06" {
		t.Errorf("%d messages in %+v, want those of the 4th to the 6th", d.Messages, d.PerDay)
	}
}

// What is left out of a list stays in the sums.
func TestBounds(t *testing.T) {
	var rows []Row
	for i := range 1000 {
		rows = append(rows, forged(fmt.Sprintf("10.%d.%d.1", i/250, i%250), 1))
	}
	d := build(t, Options{Sources: 100, Top: 10}, reported(0, Policy{}, rows...)).Domains[0]
	if len(d.Sources) != 10 || d.Others.Sources != 90 || !d.Others.More || d.Others.Failing != 990 || d.Failing != 1000 {
		t.Errorf("%d listed, others %+v, %d failing; want 10, 90 and more with 990, 1000", len(d.Sources), d.Others, d.Failing)
	}
	if a := d.Answer; a.Unknown != (Share{100, 100}) || a.Untold.Messages != 900 {
		t.Errorf("answer %+v, want 100 told and 900 not", a)
	}
	huge := own(1e12)
	many := make([]Row, 5000)
	for i := range many {
		many[i] = huge
	}
	b := NewBuilder(Options{})
	for range 2000 {
		if err := b.Add(reported(0, Policy{}, many[:100]...)); err != nil {
			t.Fatal(err)
		}
	}
	if d := b.Summary(Stats{}).Domains[0]; d.Messages <= 0 || d.Both <= 0 {
		t.Errorf("forged counts wrapped: %+v", d.Tally)
	}
}

// Thousands of files of a month add up to exactly what was written, and memory
// depends on the sources, not on the reports.
func TestCorpus(t *testing.T) {
	reporters, days := 100, 30
	if testing.Short() || slow {
		reporters = 10
	}
	b, files := NewBuilder(Options{}), t.TempDir()
	for day := range days {
		for r := range reporters {
			f, err := os.Create(filepath.Join(files, fmt.Sprintf("r%d!example.com!%d.xml.gz", r, day)))
			if err != nil {
				t.Fatal(err)
			}
			gzipped(func(w io.Writer) { corpusReport(w, r, day) })(f)
			f.Close()
		}
	}
	stats, err := walk(t.Context(), []string{files}, Limits{}, b.Add, func(source string, err error) { t.Errorf("%s: %v", source, err) })
	if err != nil || stats.Reports != reporters*days {
		t.Fatalf("%+v, %v; want %d reports", stats, err, reporters*days)
	}
	n := int64(reporters * days)
	d := b.Summary(stats).Domains[0]
	if want := (Tally{Messages: n * 111, Both: n * 100, DKIM: n * 8, Failing: n * 3, Percent: 97.2}); d.Tally != want {
		t.Errorf("%+v, want %+v", d.Tally, want)
	}
	if d.Reporters != reporters || d.Days != days || d.Reports != int(n) {
		t.Errorf("%d reports of %d reporters over %d days, want %d of %d over %d", d.Reports, d.Reporters, d.Days, n, reporters, days)
	}
	// The own server, SendGrid, and a network for each day of forgeries.
	if len(d.Sources) != 2+days || b.sources != 2+days {
		t.Errorf("%d sources, %d kept; want %d", len(d.Sources), b.sources, 2+days)
	}
}

func corpusReport(w io.Writer, reporter, day int) {
	begin := november.AddDate(0, 0, day).Unix()
	fmt.Fprintf(w, `<feedback><report_metadata><org_name>r%d.example</org_name><report_id>%d</report_id><date_range><begin>%d</begin><end>%d</end>`+
		`</date_range></report_metadata><policy_published><domain>example.com</domain><p>none</p></policy_published>`, reporter, day, begin, begin+86399)
	record := func(addr string, n int, dkim, spf, auth string) {
		fmt.Fprintf(w, `<record><row><source_ip>%s</source_ip><count>%d</count><policy_evaluated><disposition>none</disposition><dkim>%s</dkim>`+
			`<spf>%s</spf></policy_evaluated></row><identifiers><header_from>example.com</header_from></identifiers><auth_results>%s</auth_results></record>`,
			addr, n, dkim, spf, auth)
	}
	sig := `<dkim><domain>example.com</domain><selector>s</selector><result>pass</result></dkim>`
	record("192.0.2.1", 100, "pass", "pass", sig+`<spf><domain>example.com</domain><result>pass</result></spf>`)
	record("198.51.100.1", 8, "pass", "fail", sig+`<spf><domain>em1.sendgrid.net</domain><result>pass</result></spf>`)
	record(fmt.Sprintf("198.18.%d.%d", day, reporter), 3, "fail", "fail", `<spf><domain>example.com</domain><result>softfail</result></spf>`)
	io.WriteString(w, `</feedback>`)
}

func BenchmarkReports(b *testing.B) {
	path := write(b, "r.xml.gz", gzipped(func(w io.Writer) { corpusReport(w, 1, 1) }))
	big := write(b, "big.xml", func(w io.Writer) { writeRows(w, "big", 100_000) })
	b.Run("small", func(b *testing.B) {
		for b.Loop() {
			sum := NewBuilder(Options{})
			if _, err := walk(b.Context(), []string{path}, Limits{}, sum.Add, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("rows=100000", func(b *testing.B) {
		b.ReportAllocs()
		info, err := os.Stat(big)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(info.Size())
		for b.Loop() {
			sum := NewBuilder(Options{})
			if _, err := walk(b.Context(), []string{big}, Limits{}, sum.Add, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
