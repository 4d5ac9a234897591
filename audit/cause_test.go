package audit

import (
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/locale"
)

// TestCausesAreWhole holds every sentence of reports about failing worlds to
// having all its parameters: an unknown without its cause helps nobody.
func TestCausesAreWhole(t *testing.T) {
	const domain = "example.com. "
	for name, zone := range map[string]string{
		"nothing":  "",
		"servfail": domain + "ANY ; !servfail\n_dmarc.example.com. ANY ; !servfail\n_mta-sts.example.com. ANY ; !servfail\n_smtp._tls.example.com. ANY ; !servfail",
		"timeout":  domain + "ANY ; !timeout\n_domainkey.example.com. ANY ; !timeout",
		"include":  domain + "TXT \"v=spf1 include:a.example redirect=b.example\"\na.example. TXT ; !servfail\nb.example. TXT ; !refused",
		"hosts":    domain + "MX 10 mx.example.com.\nmx.example.com. A ; !servfail\nmx.example.com. AAAA ; !timeout\nexample.com. NS ns.example.com.",
		"walk":     domain + "MX 10 mx.example.com.\n_dmarc.com. TXT ; !lame\n_dmarc.example.com. TXT \"v=DMARC1; p=reject; rua=mailto:a@b.example\"\nexample.com._report._dmarc.b.example. TXT ; !servfail",
	} {
		for _, lang := range locale.Langs {
			l := locale.Must(lang)
			a := &Auditor{Resolver: dnstest.New(t, zone), Now: testNow, NoSMTP: "disabled"}
			out, err := a.Audit(t.Context(), Request{Domain: "example.com"})
			if err != nil {
				t.Fatal(err)
			}
			rep, err := Build(out, l)
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, r := range rep.Results {
				if r.Status == check.NoVerdict {
					t.Errorf("%s: %s gave no verdict", name, r.ID)
				}
				if r.Status == check.Unknown && r.Cause == "" {
					t.Errorf("%s: %s is unknown without a cause", name, r.ID)
				}
				texts = append(texts, r.Cause, r.Title, r.Why)
				for _, f := range r.Findings {
					texts = append(texts, f.Message)
				}
			}
			for _, m := range rep.NotMeasured {
				if m.Cause == "" {
					t.Errorf("%s: %s is not measured without a cause", name, m.Check)
				}
				texts = append(texts, m.Cause)
			}
			for _, s := range append(texts, rep.Verdict.Text, rep.Profile.Reason, rep.Error) {
				if strings.Contains(s, "<no value>") || strings.HasPrefix(s, "[") {
					t.Errorf("%s (%s): a sentence is not whole: %s", name, lang, s)
				}
			}
		}
	}
}
