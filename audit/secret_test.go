package audit

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/locale"
)

// TestPublishedPrivateKey holds a report to not spreading a private key that a
// domain published by mistake, wherever it stands.
func TestPublishedPrivateKey(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	secret := base64.StdEncoding.EncodeToString(der)
	zone := "example.com. MX 10 mx.example.com.\nmx.example.com. A 5.6.7.8\n" +
		"example.com. TXT \"v=DKIM1; k=ed25519; p=" + secret + "\"\n" +
		"s1._domainkey.example.com. TXT \"v=DKIM1; k=ed25519; p=" + secret + "\"\n"
	a := &Auditor{Resolver: dnstest.New(t, zone), Now: testNow, NoSMTP: "disabled"}
	out, err := a.Audit(t.Context(), Request{Domain: "example.com", Selectors: []string{"s1"}})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Build(out, locale.Must(locale.English))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "dkim-p-private-key") {
		t.Fatal("the case lost its point: no rule speaks of the private key")
	}
	if i := strings.Index(string(b), secret); i >= 0 {
		t.Errorf("the report repeats the private key: …%s", b[max(0, i-300):i])
	}
}
