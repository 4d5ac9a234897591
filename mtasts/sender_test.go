package mtasts

import (
	"slices"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// policyFacts are those of a domain whose policy file is the one given.
func policyFacts(body string, mx ...dns.Name) *Facts {
	f := &Facts{
		Domain: "example.com", Lookup: dns.Lookup{State: dns.StateFound}, Records: []string{"v=STSv1; id=1"}, Record: "v=STSv1; id=1", ID: "1",
		HostA: dns.Lookup{State: dns.StateFound}, MX: mx, Fetch: &Fetch{Status: 200, Phase: PhaseDone, Body: []byte(body)},
	}
	f.readPolicy()
	f.Match()
	return f
}

// TestSender holds the verdicts to RFC 8461 §4 and §5: enforce refuses what
// testing delivers and reports, and the first thing that fails is the reason.
func TestSender(t *testing.T) {
	good := Seen{Measured: true, Trusted: true}
	listed, other := Host{MX: "mx1.example.com", Matches: "mx1.example.com"}, Host{MX: "mx2.example.com"}
	for _, c := range []struct {
		name, mode string
		host       Host
		seen       *Seen
		want       Verdict
	}{
		{"listed, TLS not looked at", Enforce, listed, nil, Verdict{Verify, "listed"}},
		{"listed and verified", Enforce, listed, &good, Verdict{Deliver, "verified"}},
		{"listed, not measured", Enforce, listed, &Seen{}, Verdict{Untold, "not-measured"}},
		{"not listed, though its TLS is fine", Enforce, other, &good, Verdict{Refuse, "not-listed"}},
		{"not listed, testing", Testing, other, nil, Verdict{Warn, "not-listed"}},
		{"no STARTTLS", Enforce, listed, &Seen{Measured: true, NoSTARTTLS: true}, Verdict{Refuse, "no-starttls"}},
		{"no handshake", Enforce, listed, &Seen{Measured: true, NoHandshake: true}, Verdict{Refuse, "handshake"}},
		{"TLS 1.0 (§7.2)", Enforce, listed, &Seen{Measured: true, OldTLS: true, Trusted: true}, Verdict{Refuse, "tls-old"}},
		{"certificate (§4.2)", Enforce, listed, &Seen{Measured: true}, Verdict{Refuse, "certificate"}},
		{"certificate, testing", Testing, listed, &Seen{Measured: true}, Verdict{Warn, "certificate"}},
		{"none", None, other, &Seen{Measured: true, NoSTARTTLS: true}, Verdict{Deliver, "off"}},
		{"an invalid policy is no policy", "Enforce", other, nil, Verdict{Deliver, "no-policy"}},
	} {
		f := policyFacts("version: STSv1\nmode: " + c.mode + "\nmx: mx1.example.com\nmax_age: 604800\n")
		if got := f.Sender(c.host, c.seen); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	// RFC 8461 §3.1: without one valid record senders fetch nothing, so what became
	// of our own fetch leaves nothing open.
	for _, records := range [][]string{{"v=STSv1; id=1-1"}, {"v=STSv1; id=1", "v=STSv1; id=2"}} {
		f := &Facts{Domain: "example.com", Lookup: dns.Lookup{State: dns.StateFound}, Records: records, HostA: dns.Lookup{State: dns.StateFound},
			Fetch: &Fetch{Error: ErrTimeout, Phase: PhaseConnect}, MX: []dns.Name{"mx1.example.com"}, Profile: check.ProfileMail}
		if len(records) == 1 {
			_, f.RecordProblems = ParseRecord(records[0])
		}
		f.readPolicy()
		if got, want := f.Sender(other, nil), (Verdict{Deliver, "no-policy"}); got != want || !f.Known() {
			t.Errorf("%q: got %v, want %v", records, got, want)
		}
		for _, r := range check.Evaluate(mxRules, f) {
			if r.Rule.ID != "mtasts-mx-wildcard-broad" && r.Status != check.NotApplicable { // that one is about the file alone
				t.Errorf("%q: %s is %s, want not applicable", records, r.Rule.ID, r.Status)
			}
		}
	}
	lost := &Facts{Domain: "example.com", Lookup: dns.Lookup{State: dns.StateUnknown, Error: &dns.Error{Kind: dns.Timeout}}}
	if got, want := lost.Sender(listed, &good), (Verdict{Untold, "policy-unknown"}); got != want {
		t.Errorf("without an answer: got %v, want %v", got, want)
	}
}

// TestTrace matches both ways and finds lines where they stand, with CRLF.
func TestTrace(t *testing.T) {
	body := "version: STSv1\r\nmode: enforce\r\nmx: *.example.com\r\nmx: old.example.net\r\nmx: 192.0.2.1\r\nmax_age: 604800\r\n"
	f := policyFacts(body, "mx1.example.com", "a.b.example.com", "example.com")
	tr := f.Trace()
	wantHosts := []string{"*.example.com", "", ""} // "*" is exactly one label (RFC 8461 §4.1)
	for i, h := range tr.Hosts {
		if h.Matches != wantHosts[i] {
			t.Errorf("%s matches %q, want %q", h.MX, h.Matches, wantHosts[i])
		}
	}
	wantPatterns := [][]dns.Name{{"mx1.example.com"}, {}, {}}
	for i, p := range tr.Patterns {
		if !slices.Equal(p.Matches, wantPatterns[i]) {
			t.Errorf("%s is matched by %v, want %v", p.Pattern, p.Matches, wantPatterns[i])
		}
		if got := body[p.Span.Start:p.Span.End]; got != p.Pattern {
			t.Errorf("the span of %s shows %q", p.Pattern, got)
		}
	}
	if tr.Patterns[2].Fault != "address" {
		t.Errorf("got fault %q of an address, want address", tr.Patterns[2].Fault)
	}
	if len(tr.Lines) != 6 {
		t.Fatalf("got %d lines, want 6", len(tr.Lines))
	}
	for i, l := range tr.Lines {
		if l.Number != i+1 || body[l.Span.Start:l.Span.End] != l.Text || l.Text != l.Key+": "+l.Value {
			t.Errorf("line %d is told as %+v", i+1, l)
		}
	}
	if got := tr.Lines[4].Problems; !slices.Equal(got, []string{"mtasts-policy-mx-invalid"}) {
		t.Errorf("line 5 has problems %v, want mtasts-policy-mx-invalid", got)
	}
	if tr.InForce || tr.Hosts[0].Reason != "no-policy" {
		t.Errorf("a policy with a bad mx line is in force: %+v", tr.Hosts[0])
	}
}

// TestTraceBounds holds a file of nothing but lines to its bound.
func TestTraceBounds(t *testing.T) {
	body := make([]byte, 60_000)
	for i := range body {
		body[i] = '\n'
	}
	tr := policyFacts(string(body)+"x", "mx1.example.com").Trace()
	if len(tr.Lines) != maxLines || tr.MoreLines != 60_001-maxLines {
		t.Errorf("got %d lines and %d more, want %d and %d", len(tr.Lines), tr.MoreLines, maxLines, 60_001-maxLines)
	}
}
