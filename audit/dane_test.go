package audit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/score"
	"github.com/postseal/postseal/starttls"
)

// chainOf makes a root, an intermediate and a leaf.
func chainOf(t *testing.T) (root, intermediate, leaf *x509.Certificate) {
	t.Helper()
	var parent *x509.Certificate
	var signer *ecdsa.PrivateKey
	var made []*x509.Certificate
	for i, name := range []string{"root", "intermediate", "mx.test"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"mx.test"},
			NotBefore: testNow(), NotAfter: testNow().Add(time.Hour), IsCA: i < 2, BasicConstraintsValid: true}
		if parent == nil {
			parent, signer = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		if c, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		made = append(made, c)
		parent, signer = c, key
	}
	return made[0], made[1], made[2]
}

// showing is a probe that finds one chain on every port 25.
type showing struct {
	chain   [][]byte
	verdict string
}

func (p showing) Probe(_ context.Context, t starttls.Target) *starttls.Session {
	s := (goodHosts{}).Probe(context.Background(), t)
	if s.Certificate != nil {
		s.Certificate.DER, s.Certificate.Verdict = p.chain, p.verdict
	}
	return s
}

// TestDANEScore: what DANE earns and what breaking it costs (SCORE, rule 3 and caps).
func TestDANEScore(t *testing.T) {
	_, _, leaf := chainOf(t)
	right := expected(&starttls.Cert{DER: [][]byte{leaf.Raw}})
	wrong := "3 1 1 1111111111111111111111111111111111111111111111111111111111111111"
	const none = score.Part(-1)
	for name, c := range map[string]struct {
		tlsa, security, verdict string
		tls, policy             score.Part // none: not measured
		capped                  bool
		step                    string // TLSA record that the step of the cap publishes
	}{
		"matches":                         {right, "; !secure .", "ok", score.Full, score.Full, false, ""},
		"matches a self-signed one":       {right, "; !secure .", "self-signed", score.Full, score.Full, false, ""},
		"broken":                          {wrong, "; !secure .", "ok", score.Full, score.Nothing, true, right},
		"broken and self-signed":          {wrong, "; !secure .", "self-signed", score.Half, score.Nothing, true, right},
		"insecure":                        {wrong, "; !trusted", "ok", score.Full, score.Nothing, false, ""},
		"not told, matches a self-signed": {right, "", "self-signed", none, none, false, ""},
		"not told, broken":                {wrong, "", "self-signed", score.Half, none, false, ""},
		"half as secure as it looks":      {right, "; !secure mx.example.com.", "self-signed", score.Half, score.Nothing, false, ""},
	} {
		zone := "example.com. MX 10 mx.example.com.\nmx.example.com. A 5.6.7.25\n_25._tcp.mx.example.com. TLSA " + c.tlsa + "\n" + c.security
		a := &Auditor{Now: testNow, Resolver: dnstest.New(t, zone), Prober: showing{[][]byte{leaf.Raw}, c.verdict}}
		out, err := a.Audit(t.Context(), Request{Domain: "example.com"})
		if err != nil {
			t.Fatal(err)
		}
		state, s := out.score()
		for id, want := range map[score.CheckID]score.Part{"transit-tls": c.tls, "transit-policy": c.policy} {
			got := state.Measures[id]
			if got.Known != (want != none) || got.Known && got.Part != want {
				t.Errorf("%s: %s: got %+v, want %v", name, id, got, want)
			}
		}
		capped := slices.ContainsFunc(s.Caps, func(o score.Cap) bool { return o.ID == "transit-promise-broken" })
		if capped != c.capped {
			t.Errorf("%s: cap of a broken promise: got %v, want %v", name, capped, c.capped)
		}
		if c.step == "" {
			continue
		}
		want := check.RecordChange{Name: "_25._tcp.mx.example.com.", Type: "TLSA", Old: []string{wrong}, New: []string{right}}
		found := false
		for _, st := range steps(out.Facts, out.Results, state) {
			found = found || st.Name == "transit-dane" && len(st.Records) == 1 && st.Records[0].Name == want.Name && st.Records[0].Type == want.Type &&
				slices.Equal(st.Records[0].Old, want.Old) && slices.Equal(st.Records[0].New, want.New)
		}
		if !found {
			t.Errorf("%s: no step publishes %v", name, want)
		}
	}
}
