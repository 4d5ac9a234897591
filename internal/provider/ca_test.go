package provider

import (
	"strings"
	"testing"
	"time"
)

func TestByIssuer(t *testing.T) {
	for issuer, want := range map[string]string{
		"CN=R11,O=Let's Encrypt,C=US":                                        "letsencrypt.org",
		"CN=WR2,O=Google Trust Services,C=US":                                "pki.goog",
		"CN=DigiCert Global G2 TLS RSA SHA256 2020 CA1,O=DigiCert Inc,C=US":  "digicert.com",
		`CN=Go Daddy Secure Certificate Authority - G2,O=GoDaddy.com\, Inc.`: "godaddy.com",
		"CN=Let's Encrypt":                 "", // a name anybody can choose is no organisation
		`CN=x\,O=Let's Encrypt,O=Somebody`: "",
		"CN=mx.example.com":                "",
		"":                                 "",
	} {
		got := ""
		if ca := ByIssuer(issuer); ca != nil {
			got = ca.Domains[0]
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", issuer, got, want)
		}
	}
}

// TestAuthorities: the table is dated, and no domain belongs to two authorities.
func TestAuthorities(t *testing.T) {
	if _, err := time.Parse(time.DateOnly, CAsReviewed); err != nil {
		t.Error(err)
	}
	seen := map[string]string{}
	for _, ca := range authorities {
		if len(ca.Organizations) == 0 || len(ca.Domains) == 0 || ca.Mark == "" {
			t.Errorf("%s is incomplete", ca.Name)
		}
		for _, d := range ca.Domains {
			if strings.ToLower(d) != d || !strings.Contains(d, ".") || seen[d] != "" {
				t.Errorf("%s: %q is no domain of its own (%s)", ca.Name, d, seen[d])
			}
			seen[d] = ca.Name
		}
	}
}
