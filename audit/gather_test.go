package audit

import (
	"slices"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/locale"
)

// TestMissingDomain audits a name that does not exist: that is one defect, not
// one of each standard.
func TestMissingDomain(t *testing.T) {
	a := &Auditor{Now: testNow, NoSMTP: "disabled", Resolver: dnstest.New(t, `
example.       SOA ns1.example. hostmaster.example. 1 7200 3600 1209600 900
example.       NS  ns1.example.
ns1.example.   A   5.6.7.53
`)}
	out, err := a.Audit(t.Context(), Request{Domain: "nobody.example"})
	if err != nil {
		t.Fatal(err)
	}
	if got := failed(out); !slices.Equal(got, []string{"mx-domain-nxdomain"}) {
		t.Errorf("got %v, want mx-domain-nxdomain alone", got)
	}
	rep, err := Build(out, locale.Must(locale.English))
	if err != nil {
		t.Fatal(err)
	}
	if rep.Verdict.Code != "no-domain" || len(rep.NextSteps) > 0 {
		t.Errorf("got verdict %q and %d steps, want no-domain and nothing to publish", rep.Verdict.Code, len(rep.NextSteps))
	}
}

// TestBogusDomain audits a domain none of whose signatures verify: what it
// publishes is judged all the same, with checking disabled.
func TestBogusDomain(t *testing.T) {
	a := &Auditor{Now: testNow, NoSMTP: "disabled", Resolver: dnstest.New(t, `
bogus.example.         SOA ns1.example. hostmaster.example. 1 7200 3600 1209600 900 ; !bogus
bogus.example.         MX  10 mx.bogus.example.                                     ; !bogus
bogus.example.         TXT "v=spf1 +all"                                            ; !bogus
mx.bogus.example.      A   5.6.7.25                                                 ; !bogus
_dmarc.bogus.example.  TXT "v=DMARC1; p=reject; rua=mailto:dmarc@bogus.example"     ; !bogus
`)}
	out, err := a.Audit(t.Context(), Request{Domain: "bogus.example"})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"dnssec-bogus", "spf-all-pass"} {
		if got := failed(out); !slices.Contains(got, id) {
			t.Errorf("got %v, want %s among them", got, id)
		}
	}
	if out.Inference.Profile != check.ProfileMail || !out.Facts.DNSSEC.CheckingDisabled {
		t.Errorf("got profile %q, checking disabled %v", out.Inference.Profile, out.Facts.DNSSEC.CheckingDisabled)
	}
}

// failed lists the rules with a finding of warning or error.
func failed(out *Outcome) []string {
	var ids []string
	for _, res := range out.Results {
		if res.Status == check.Fail && res.Severity >= check.Warning {
			ids = append(ids, res.Rule.ID)
		}
	}
	return ids
}
