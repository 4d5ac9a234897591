package audit

import (
	"slices"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/lint"
)

// TestSplits: what a standard says of a word that a cut broke stands below the
// cut, which is as grave; a space in a DKIM key is allowed, and a notice.
func TestSplits(t *testing.T) {
	for name, tt := range map[string]struct {
		text     string
		severity check.Severity
		below    bool
	}{
		"breaks": {`@ TXT "v=spf1 ip4:5.6." " 7.8 -all"`, check.Error, true},
		"key":    {`s1._domainkey TXT "v=DKIM1; k=ed25519; p=SmpyLuWu/bG5RBu2J2hV" " 9rIjECIc+BlifliaAgdf2EA="`, check.Notice, false},
	} {
		a := &Auditor{Resolver: dnstest.New(t, "$ORIGIN example.com.\n@ A 5.6.7.8\n@ MX 10 mx\nmx A 5.6.7.9\n"+tt.text+"\n"), Now: testNow, NoSMTP: "disabled"}
		out, err := a.Audit(t.Context(), Request{Domain: "example.com", Selectors: []string{"s1"}, Profile: check.ProfileMail, ProfileSource: "flag"})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(out.Results, func(r check.Result) bool { return r.Rule.ID == splitSpaceID })
		res := out.Results[i]
		if len(res.Findings) != 1 {
			t.Fatalf("%s: %+v", name, res)
		}
		f := res.Findings[0]
		if f.Variant != name || res.Rule.SeverityOf(&f) != tt.severity || len(f.Consequences) > 0 != tt.below {
			t.Errorf("%s: got variant %q, %s, below it %v", name, f.Variant, res.Rule.SeverityOf(&f), f.Consequences)
		}
	}
	if !slices.Contains(lint.Same["lint-key-space"], splitSpaceID) {
		t.Error("the rule over files says the same twice")
	}
}
