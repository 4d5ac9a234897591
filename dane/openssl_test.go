package dane

import (
	"context"
	"crypto/tls"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
)

// TestOpenSSL asks `openssl s_client` what it makes of the worked examples, over
// a handshake with a server that sends the chain.
func TestOpenSSL(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a process for each example")
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl here")
	}
	f := newFamily(t, time.Now())
	keys := map[string]*issued{}
	for _, c := range []*issued{f.leaf, f.leaf2, f.expired, f.other} {
		keys[string(c.Raw)] = c
	}
	asked := 0
	for name, x := range examples(t, f) {
		leaf := keys[string(x.chain[0])]
		if leaf == nil || len(x.records) == 0 {
			continue
		}
		domain := dns.Name("mx.test")
		if len(x.names) > 0 {
			domain = x.names[0]
		}
		want := x.why == WhyNothing
		switch {
		case len(x.names) > 1: // s_client has one name
			continue
		case x.why == WhyUnusable && x.differs == "":
			want = false // with nothing usable it falls back to PKIX, and trusts nobody here
		case x.differs != "":
			t.Logf("%s: OpenSSL is not asked: %s", name, x.differs)
			continue
		}
		asked++
		if got, out := openssl(t, leaf, x, domain); got != want {
			t.Errorf("%s: OpenSSL says %v, we %v:\n%s", name, got, want, out)
		}
	}
	if asked < 20 {
		t.Errorf("only %d examples were asked", asked)
	}
}

func openssl(t *testing.T, leaf *issued, x example, domain dns.Name) (ok bool, out string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{{Certificate: x.chain, PrivateKey: leaf.key}}})
		if s.Handshake() == nil {
			_, _ = s.Read(make([]byte, 1))
		}
	}()
	args := []string{"s_client", "-connect", ln.Addr().String(), "-no-CAfile", "-no-CApath", "-no-CAstore", "-verify_return_error", "-brief",
		"-dane_tlsa_domain", domain.String(), "-dane_ee_no_namechecks"} // RFC 7672 §3.1.1
	for _, rec := range x.records {
		args = append(args, "-dane_tlsa_rrdata", rec.Data)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "openssl", args...)
	cmd.Stdin = strings.NewReader("Q\n")
	b, err := cmd.CombinedOutput()
	ln.Close()
	<-served
	return err == nil && strings.Contains(string(b), "Verification: OK"), string(b)
}
