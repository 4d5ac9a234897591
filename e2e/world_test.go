//go:build e2e

package e2e

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// world is the running servers and the program that is to look at them.
type world struct {
	dir    string
	binary string
	caFile string
	log    string // of Postfix
}

// startWorld starts all servers; they stop when the test ends.
func startWorld(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "postseal-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	// Postfix and nginx enter it as users of their own.
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w := &world{dir: dir, binary: os.Getenv(binaryEnv)}
	ca := newAuthority(t, dir)
	w.caFile = ca.file

	hosts := mailHosts(func(age int, names ...string) string { return ca.issue(t, names[0], age, names...) })
	for i := range hosts {
		if hosts[i].host == oldTLSHost { // a certificate for each type of key
			hosts[i].cert += "," + ca.issueRSA(t, "rsa", oldTLSHost)
		}
	}
	w.log = startPostfix(t, dir, hosts)
	var names []string
	for _, s := range sites() {
		names = append(names, s.name)
	}
	startNginx(t, dir, ca.issue(t, "policies", 30, names...), sites())

	key := w.generateDKIM(t, "good.example", "s1")
	fill := strings.NewReplacer(
		"{{key}}", key,
		"{{dkim}}", "s1._domainkey "+key,
		"{{dkim news}}", "s1._domainkey.news "+key,
		"{{tlsa}}", tlsa(t, hosts[0].cert))
	var zones []zone
	for _, d := range domains {
		if d.zone != "" {
			text := strings.ReplaceAll(fill.Replace(d.zone), "{{domain}}", d.name)
			zones = append(zones, zone{origin: d.name + ".", text: text, signed: d.signed, badDS: d.badDS})
		}
	}
	startDNS(t, dir, zones, fill.Replace(others))
	return w
}

// generateDKIM makes a key with the program and gives the TXT record's type and
// data in zone-file form.
func (w *world) generateDKIM(t *testing.T, domain, selector string) string {
	t.Helper()
	r := w.run(t, "generate", "dkim", "--offline", "--selector", selector, "--key-dir", w.dir, "--format", "json", domain)
	if r.code != 0 {
		t.Fatalf("generate dkim: exit %d: %s", r.code, r.stderr)
	}
	var doc struct {
		Records []struct {
			Name    string   `json:"name"`
			Strings []string `json:"strings"`
		} `json:"records"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
		t.Fatalf("generate dkim: %v\n%s", err, r.stdout)
	}
	if len(doc.Records) != 1 || doc.Records[0].Name != selector+"._domainkey."+domain+"." {
		t.Fatalf("generate dkim: got records %+v", doc.Records)
	}
	info, err := os.Stat(filepath.Join(w.dir, domain+"."+selector+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("generate dkim: the key file has mode %v, want 0600", info.Mode())
	}
	out := "TXT"
	for _, s := range doc.Records[0].Strings {
		out += fmt.Sprintf(" %q", s)
	}
	return out
}

// tlsa is "3 1 1" of the certificate in a file (RFC 7672 §3.1.1).
func tlsa(t *testing.T, file string) string {
	t.Helper()
	rest, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			t.Fatalf("%s holds no certificate", file)
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
		return "3 1 1 " + hex.EncodeToString(sum[:])
	}
}
