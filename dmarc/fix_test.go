package dmarc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
)

// TestFixesNeverWeaken publishes each fix of each rule: what applies to the
// domain afterwards is no weaker than before. A second valid record at a name,
// say, would void both (RFC 9989 §4.10).
func TestFixesNeverWeaken(t *testing.T) {
	const rua = "; rua=mailto:d@example.com"
	for _, texts := range [][]string{
		{"v=DMARC1; p=reject" + rua, " v=DMARC1; p=none"},
		{"v=DMARC1; p=reject" + rua, "v=dmarc1; p=none"},
		{"v=DMARC1; p=reject" + rua, "v=DMARC1 p=none"},
		{"v=DMARC1; p=reject" + rua, "p=none; v=DMARC1"},
		{"v=DMARC1; p=reject" + rua, `v=DMARC1\; p=none`},
		{"v=DMARC1; p=reject" + rua, "v=DMARC1, p=none"},
		{"v=DMARC1; p=reject" + rua, `"v=DMARC1; p=none"`},
		{"v=dmarc1; p=reject", "v=DMARC1 p=none"},
		{"v=DMARC1; p=reject" + rua, "v=DMARC1; p=none"},
		{"v=DMARC1"}, {"v=DMARC1; p=reject; sp=quarentine"}, {"v=DMARC1; p=reject; sp=quarentine" + rua},
		{"v=DMARC1; p=reject; sp=none; np=quarantine" + rua}, {"v=DMARC1; p=quarantine; t=y" + rua},
		{"v=DMARC1; p=reject; pct=20; rf=afrf; ri=86400" + rua}, {"v=DMARC1; P=reject" + rua},
		{"v=DMARC1; psd=y; p=reject; ruf=mailto:d@example.com" + rua}, {"v = DMARC1 ; p = reject ;;"},
		{"v=DMARC1; p=reject; rua=a@example.com; mailto:b@example.com"}, {"v=DMARC1; p=reject, rua=mailto:a@example.com"},
		{"v=DMARC1; p=reject; p=none" + rua}, {"v=DMARC1; p=reject; rua=mailto:a@example.com!10m,b@example.com"},
	} {
		before := gatherTexts(t, texts)
		for _, r := range check.Evaluate(Rules, before) {
			for _, found := range r.Findings {
				if found.Fix == nil || found.Fix.Records[0].Name != "_dmarc.example.com." {
					continue
				}
				change := found.Fix.Records[0]
				left := slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return slices.Contains(change.Old, s) })
				after := gatherTexts(t, append(left, change.New...))
				// pct=0 was no enforcement for the receivers that knew it: t=y says so to the others.
				if levelOf(after.Effective.Domain) < levelOf(before.Effective.Domain) && r.Rule.ID != "dmarc-pct" || before.inForce() && !after.inForce() {
					t.Errorf("%q: the fix of %s, %q for %q, makes %q of %q", texts, r.Rule.ID, change.New, change.Old,
						after.Effective.Domain.Policy, before.Effective.Domain.Policy)
				}
			}
		}
	}
}

func (f *Facts) inForce() bool { known, ok := f.InForce(); return known && ok }

func gatherTexts(t *testing.T, texts []string) *Facts {
	t.Helper()
	zone := "com. NS ns.com.\nexample.com. MX 10 mx.example.com.\nmx.example.com. A 5.6.7.8\n"
	for _, s := range texts {
		zone += fmt.Sprintf("_dmarc.example.com. TXT \"%s\"\n", strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s))
	}
	f, err := Gather(t.Context(), dnstest.New(t, zone), "example.com")
	if err != nil {
		t.Fatal(err)
	}
	f.Profile = check.ProfileMail
	return f
}
