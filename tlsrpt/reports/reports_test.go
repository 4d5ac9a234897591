package reports

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// one is a report with all that RFC 8460 §4.4 knows.
const one = `{
 "organization-name": "Sender Example", "contact-info": "tls@sender.example", "report-id": "one@sender.example",
 "date-range": {"start-datetime": "2026-11-01T00:00:00Z", "end-datetime": "2026-11-01T23:59:59Z"},
 "policies": [
  {"policy": {"policy-type": "sts", "policy-string": ["version: STSv1", "mode: testing"], "policy-domain": "Example.com", "mx-host": ["mx1.example.com"]},
   "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
   "failure-details": [
    {"result-type": "certificate-expired", "sending-mta-ip": "192.0.2.1", "receiving-mx-hostname": "mx1.example.com", "failed-session-count": 100},
    {"result-type": "starttls-not-supported", "sending-mta-ip": "2001:db8::1", "receiving-mx-hostname": "mx2.example.com", "receiving-ip": "203.0.113.56", "failed-session-count": 200, "additional-information": "https://sender.example/x"},
    {"result-type": "validation-failure", "failed-session-count": 3, "failure-reason-code": "X509_V_ERR"}]},
  {"policy": {"policy-type": "tlsa", "policy-domain": "mx1.example.com"},
   "summary": {"total-successful-session-count": 7, "total-failure-session-count": 0}}]}`

func collect(t *testing.T, name string, b []byte, l Limits) ([]*Report, Stats, []string) {
	t.Helper()
	var got []*Report
	var bad []string
	r := &Reader{Limits: l, Each: func(rep *Report) error { got = append(got, rep); return nil },
		Bad: func(source string, err error) { bad = append(bad, source+": "+err.Error()) }}
	if err := r.Reader(t.Context(), name, bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	return got, r.Stats, bad
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// mailed is a report as RFC 8460 §5.3 sends it.
func mailed(b []byte) []byte {
	return fmt.Appendf(nil, "From: tls@sender.example\r\nTLS-Report-Domain: example.com\r\nTLS-Report-Submitter: sender.example\r\n"+
		"Content-Type: multipart/report; report-type=\"tlsrpt\"; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nA report: attached.\r\n"+
		"--b\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"r.json.gz\"\r\n\r\n%s\r\n--b--\r\n",
		base64.StdEncoding.EncodeToString(zipped(b)))
}

func TestRead(t *testing.T) {
	for name, b := range map[string][]byte{
		"plain": []byte(one), "BOM": append([]byte("\xef\xbb\xbf"), one...), "gzip": zipped([]byte(one)), "mail": mailed([]byte(one)),
		"mbox": append([]byte("From tls@sender.example\r\n"), mailed([]byte(one))...),
	} {
		got, stats, bad := collect(t, name, b, Limits{})
		if len(got) != 1 || stats != (Stats{Files: 1, Reports: 1}) {
			t.Errorf("%s: got %d reports, %+v, %v", name, len(got), stats, bad)
			continue
		}
		r := got[0]
		if r.Org != "Sender Example" || r.ID != "one@sender.example" || !r.Begin.Equal(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: got %+v", name, r)
		}
		p := r.Policies[0]
		if p.Type != STS || p.Domain != "example.com" || p.Successful != 5326 || p.Failed != 303 || len(p.Failures) != 3 {
			t.Errorf("%s: got policy %+v", name, p)
		}
		if f := p.Failures[1]; f.Result != "starttls-not-supported" || f.Host != "mx2.example.com" || f.Count != 200 || f.Reason != "https://sender.example/x" {
			t.Errorf("%s: got failure %+v", name, f)
		}
	}
}

// TestLenient reads what reporters are known to write otherwise: mx-host as a
// string (erratum 6241), numbers in quotes, words in capitals, null.
func TestLenient(t *testing.T) {
	r, err := parse([]byte(`{"organization-name": null, "date-range": {"start-datetime": "2026-11-01T00:00:00", "end-datetime": "2026-11-02T00:00:00+02:00"},
	  "policies": [{"policy": {"policy-type": "STS", "policy-domain": "example.com.", "mx-host": "mx1.example.com"},
	    "summary": {"total-successful-session-count": "12", "total-failure-session-count": null},
	    "failure-details": [{"result-type": "Brand New", "failed-session-count": 1, "sending-mta-ip": "nonsense", "receiving-mx-hostname": ""}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	p := r.Policies[0]
	if p.Type != STS || p.Domain != "example.com" || !slices.Equal(p.MXHosts, []string{"mx1.example.com"}) || p.Successful != 12 {
		t.Errorf("got %+v", p)
	}
	if f := p.Failures[0]; f.Result != Other || f.SendingIP.IsValid() || f.Host != "" {
		t.Errorf("got %+v", f)
	}
}

// TestMoment: RFC 3339 §5.6 lets the letters be small and a space stand for T.
func TestMoment(t *testing.T) {
	for _, s := range []string{"2026-11-01T02:00:00+02:00", "2026-11-01t00:00:00z", "2026-11-01 00:00:00Z", "2026-11-01 00:00:00", "2026-11-01"} {
		got, ok := moment(text(s))
		if want := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC); !ok || !got.Equal(want) {
			t.Errorf("%s: got %v %v, want %v", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "2026-13-01", "1899-01-01", "9999-12-31", "2026-11-01T24:00:01Z"} {
		if got, ok := moment(text(s)); ok {
			t.Errorf("%q: got %v, want nothing", s, got)
		}
	}
}

func TestHostile(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no report", `{"a": 1}`, "no TLS report"},
		{"a list of them", " [\n" + one + "]", "no TLS report"},
		{"cut", one[:200], "its JSON breaks"},
		{"trailing", one + "x", "its JSON breaks"},
		{"deep", strings.Repeat(`{"policies":[`, 20000), "its JSON breaks"},
		{"negative", strings.Replace(one, "5326", "-1", 1), "number of sessions"},
		{"huge", strings.Replace(one, "5326", "1e300", 1), "number of sessions"},
		{"type", strings.Replace(one, `"Example.com"`, `["a"]`, 1), "not a string"},
		{"no time", strings.Replace(one, "2026-11-01T00:00:00Z", "soon", 1), "beginning"},
		{"ends before it begins", strings.Replace(one, "2026-11-01T23:59:59Z", "2026-10-01T00:00:00Z", 1), "end"},
		{"no domain", strings.Replace(one, "Example.com", "not a domain", 1), "domain"},
		{"XML", "<feedback/>", "neither JSON, gzip, zip nor a mail message"},
		{"bomb", string(zipped(bytes.Repeat([]byte(" "), 8<<20))), "it is empty"},
		{"bomb with a report", string(zipped([]byte("{" + strings.Repeat(" ", 8<<20)))), "times its size"},
		{"archive in an archive", string(zipped(zipped([]byte(one)))), "archive within an archive"},
	} {
		got, stats, bad := collect(t, c.name, []byte(c.text), Limits{})
		if len(got) != 0 || stats.Skipped != 1 || len(bad) != 1 || !strings.Contains(bad[0], c.want) {
			t.Errorf("%s: got %d reports, %v, want an error with %q", c.name, len(got), bad, c.want)
		}
	}
	if _, _, bad := collect(t, "large", []byte(one), Limits{ReportSize: 100}); len(bad) != 1 || !strings.Contains(bad[0], "100 octets") {
		t.Errorf("over the limit: %v", bad)
	}
}

func TestSummary(t *testing.T) {
	b := NewBuilder(Options{Domain: "example.com"})
	next := strings.NewReplacer("one@", "two@", "2026-11-01", "2026-11-02", "192.0.2.1", "192.0.2.2", "Sender Example", "Other Sender").Replace(one)
	foreign := strings.NewReplacer("one@", "three@", "xample.com", "xample.net").Replace(one)
	r := &Reader{Each: b.Add}
	for i, text := range []string{one, one, next, foreign} {
		if err := r.Reader(t.Context(), fmt.Sprint(i), strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	s := b.Summary(r.Stats)
	if s.Read != (Stats{Files: 4, Reports: 3, Duplicates: 1}) || len(s.Domains) != 2 {
		t.Fatalf("got %+v and %d domains, want one duplicate and two domains", s.Read, len(s.Domains))
	}
	d := s.Domains[0]
	if d.Domain != "example.com" || d.Reports != 2 || d.Days != 2 || d.Successful != 2*5326 || d.Failed != 606 || d.Untold != 0 {
		t.Errorf("got %+v", d)
	}
	if f := d.Failures[0]; f.Result != "starttls-not-supported" || f.Count != 400 || f.Senders != 1 || f.Reports != 2 || len(f.Reporters) != 2 || f.Rules[0] != "starttls-missing" {
		t.Errorf("the most frequent failure is %+v", f)
	}
	if f := d.Failures[1]; f.Result != "certificate-expired" || f.Count != 200 || f.Senders != 2 {
		t.Errorf("the next is %+v", f)
	}
	if h := d.Hosts[0]; h.Host != "mx2.example.com" || h.Failed != 400 {
		t.Errorf("the worst host is %+v", h)
	}
	if tlsa := s.Domains[1]; tlsa.Domain != "mx1.example.com" || tlsa.Policies[0].Type != TLSA || tlsa.Failed != 0 {
		t.Errorf("the TLSA base domain is %+v", tlsa)
	}
}

func TestStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &Reader{Each: func(*Report) error { return nil }}
	if err := r.Reader(ctx, "x", strings.NewReader(one)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the run was stopped", err)
	}
}

// FuzzReader holds anything at all to: no panic, counts within bounds, and sums
// that do not fall below what is told apart.
func FuzzReader(f *testing.F) {
	f.Add([]byte(one))
	f.Add(zipped([]byte(one)))
	f.Add(mailed([]byte(one)))
	f.Fuzz(func(t *testing.T, b []byte) {
		sums := NewBuilder(Options{})
		r := &Reader{Limits: Limits{ReportSize: 1 << 20}, Each: func(rep *Report) error {
			for _, p := range rep.Policies {
				if p.Domain == "" || p.Successful < 0 || p.Failed < 0 {
					t.Errorf("got %+v", p)
				}
			}
			return sums.Add(rep)
		}}
		if err := r.Reader(t.Context(), "fuzz", bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
		for _, d := range sums.Summary(r.Stats).Domains {
			hosts, failures := int64(0), int64(0)
			for _, h := range d.Hosts {
				hosts += h.Failed
			}
			for _, x := range d.Failures {
				failures += x.Count
			}
			if hosts != failures || d.End.Before(d.Begin) {
				t.Errorf("hosts have %d failures, kinds %d: %+v", hosts, failures, d)
			}
		}
	})
}

// TestForgedSums: each report may claim as many sessions as it likes, but a sum
// of theirs never wraps round.
func TestForgedSums(t *testing.T) {
	b := NewBuilder(Options{})
	p := Policy{Type: STS, Domain: "example.com", Successful: maxCount, Failed: maxCount}
	for range 10 {
		p.Failures = append(p.Failures, Failure{Result: "validation-failure", Count: maxCount, Host: "mx1.example.com"})
	}
	r := &Report{Org: "forger", Policies: slices.Repeat([]Policy{p}, 10_000)}
	for range 3 {
		if err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	d := b.Summary(Stats{}).Domains[0]
	for what, n := range map[string]int64{
		"successful": d.Successful, "failed": d.Failed, "of a policy": d.Policies[0].Failed, "of a host": d.Hosts[0].Failed,
		"of a result": d.Hosts[0].Results["validation-failure"], "of a failure": d.Failures[0].Count,
	} {
		if n != maxSum {
			t.Errorf("%s: got %d, want the most that is counted, %d", what, n, maxSum)
		}
	}
}
