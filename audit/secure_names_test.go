package audit

import (
	"fmt"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/dnssec"
	"github.com/postseal/postseal/score"
)

// TestSecureNames: the names that mail depends on, each with the security of the
// answer that was had, and on whose word.
func TestSecureNames(t *testing.T) {
	a := &Auditor{Now: testNow, NoSMTP: "disabled", Resolver: dnstest.New(t, `
example.com.               SOA ns1 hostmaster 1 7200 3600 1209600 900
example.com.               MX  10 mx.example.com.
example.com.               MX  20 mx.provider.example.
mx.example.com.            A   5.6.7.25
mx.provider.example.       A   5.6.8.25
_dmarc.example.com.        TXT "v=DMARC1; p=reject"
_mta-sts.example.com.      TXT "v=STSv1; id=1"
mta-sts.example.com.       CNAME sts.provider.example.
sts.provider.example.      A   5.6.8.26
; !secure example.com.
`)}
	out, err := a.Audit(t.Context(), Request{Domain: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	d := out.Facts.DNSSEC
	got := map[string]string{}
	for _, n := range d.Names {
		got[n.What+" "+n.Name.String()] = string(n.State)
	}
	want := map[string]string{
		"domain example.com": "secure", "mx-host mx.example.com": "secure", "mx-host mx.provider.example": "insecure",
		"dmarc _dmarc.example.com": "secure", "domainkey _domainkey.example.com": "secure",
		"policy-host mta-sts.example.com": "insecure", // RFC 4035 §5: the weakest hop of an alias counts
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if d.Method != dnssec.MethodAD || d.Resolver == "" {
		t.Errorf("known by %q on the word of %q", d.Method, d.Resolver)
	}
}

// TestBogusCause: the rule that names the cause of a bogus zone stands in for
// dnssec-bogus wherever that one counts.
func TestBogusCause(t *testing.T) {
	a := &Auditor{Now: testNow, NoSMTP: "disabled", Resolver: dnstest.New(t, `
example.com. SOA ns1 hostmaster 1 7200 3600 1209600 900 ; !bogus
example.com. MX  10 mx.example.com. ; !bogus
mx.example.com. A 5.6.7.25 ; !bogus
example.com. 3600 IN DNSKEY 257 3 13 o22Ew4QCRqH7IVflzXSq54CQO0aK5K5TL2+MoUBtl1CdvInVsR5EXjeTTy0ozKsX05co4MK1yED4G+0vBkes6Q==
example.com. 3600 IN DS 62203 13 2 709C413265ED4D868E321B2980F5701CCDFE8D391B2F7F49F536749FCC2298B8
; !trusted
`)}
	out, err := a.Audit(t.Context(), Request{Domain: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if s := index(out.Results)["dnssec-bogus"].Status; s != check.NotApplicable {
		t.Errorf("dnssec-bogus beside its cause: %v", s)
	}
	state, _ := out.score()
	if len(state.Caps) == 0 || !hasCap(state.Caps, score.OpenCap{ID: "dnssec-bogus", Rule: "dnssec-ds-mismatch"}) {
		t.Errorf("caps: %+v", state.Caps)
	}
	for _, st := range steps(out.Facts, out.Results, state) {
		if st.Name == "dnssec-bogus" && st.Rule != "dnssec-ds-mismatch" {
			t.Errorf("the step is for %s", st.Rule)
		}
	}
	for _, n := range out.Facts.DNSSEC.Names {
		if n.Name.IsUnder("example.com") && n.State != dnssec.Bogus {
			t.Errorf("%s is %s in a bogus zone", n.Name, n.State)
		}
	}
}

func hasCap(caps []score.OpenCap, want score.OpenCap) bool {
	for _, c := range caps {
		if c == want {
			return true
		}
	}
	return false
}
