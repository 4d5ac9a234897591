package audit

import (
	"testing"

	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/locale"
)

// TestCertainStep: a zone audited offline says nothing about the public suffix,
// and the owner is told to publish a DMARC record all the same.
func TestCertainStep(t *testing.T) {
	zone := "example.com. MX 10 mx.example.com.\nmx.example.com. A 5.6.7.8\nexample.com. TXT \"v=spf1 mx ~all\"\n_dmarc.com. TXT ; !timeout"
	a := &Auditor{Resolver: dnstest.New(t, zone), Now: testNow, NoSMTP: "disabled"}
	out, err := a.Audit(t.Context(), Request{Domain: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Build(out, locale.Must(locale.English))
	if err != nil {
		t.Fatal(err)
	}
	first := rep.NextSteps[0]
	if first.Rule != "dmarc-missing" || first.Gain != 0 || first.ScoreAfter != rep.Score.Value {
		t.Errorf("got first step %+v, want the DMARC record without a promise", first)
	}
	if got := first.Records[0].New[0]; got != "v=DMARC1; p=none; rua=mailto:dmarc@example.com" {
		t.Errorf("got record %q", got)
	}
	if known, _ := out.Facts.DMARC.InForce(); known {
		t.Error("the case lost its point: the policy is known")
	}
}
