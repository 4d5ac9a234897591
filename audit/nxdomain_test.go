package audit

import (
	"slices"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
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
	var failed []string
	for _, res := range out.Results {
		if res.Status == check.Fail && res.Severity >= check.Warning {
			failed = append(failed, res.Rule.ID)
		}
	}
	if !slices.Equal(failed, []string{"mx-domain-nxdomain"}) {
		t.Errorf("got %v, want mx-domain-nxdomain alone", failed)
	}
}
