package audit

import (
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
)

// TestQuoting: quotation marks around a record, and a backslash before its
// semicolons, are one finding of the standard whose name it stands at. What
// nobody reads there, as a verification token of the apex, is none.
func TestQuoting(t *testing.T) {
	for _, tt := range []struct{ name, text, quotes, semicolon string }{
		{"@", "v=spf1 mx -all", "spf-near-miss", ""}, // SPF has no semicolons
		{"_dmarc", "v=DMARC1; p=reject", "dmarc-record-quotes", "dmarc-escaped-semicolon"},
		{"s1._domainkey", "v=DKIM1; k=rsa; p=", "dkim-literal-quote", "dkim-escaped-semicolon"},
		{"_mta-sts", "v=STSv1; id=20261101", "mtasts-record-version-near-miss", "mtasts-record-version-near-miss"},
		{"_smtp._tls", "v=TLSRPTv1; rua=mailto:tls@example.com", "tlsrpt-record-version-near-miss", "tlsrpt-record-version-near-miss"},
		{"default._bimi", "v=BIMI1; l=https://example.com/l.svg", "bimi-version", "bimi-version"},
		{"@", "token=a1; for=example.com", "", ""},
	} {
		for want, text := range map[string]string{"quotes " + tt.quotes: `\"` + tt.text + `\"`, "semicolon " + tt.semicolon: strings.ReplaceAll(tt.text, ";", `\\;`)} {
			a := &Auditor{Resolver: dnstest.New(t, "$ORIGIN example.com.\n@ A 5.6.7.8\n@ MX 10 mx\nmx A 5.6.7.9\n"+tt.name+" TXT \""+text+"\"\n"), Now: testNow, NoSMTP: "disabled"}
			out, err := a.Audit(t.Context(), Request{Domain: "example.com", Selectors: []string{"s1"}, Profile: check.ProfileMail, ProfileSource: "flag"})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range out.Results {
				if slices.Contains([]string{"spf-near-miss", "spf-embedded-quotes", "spf-backslash", "dmarc-record-quotes", "dmarc-escaped-semicolon", "dmarc-near-miss",
					"dkim-literal-quote", "dkim-escaped-semicolon", "mtasts-record-version-near-miss", "tlsrpt-record-version-near-miss", "bimi-version"}, r.Rule.ID) {
					for range r.Findings {
						got = append(got, r.Rule.ID)
					}
				}
			}
			kind, rule, _ := strings.Cut(want, " ")
			if strings.Join(got, " ") != rule {
				t.Errorf("%s of %q at %s: got %v, want %q", kind, tt.text, tt.name, got, rule)
			}
		}
	}
}
