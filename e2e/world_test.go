//go:build e2e

package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
		switch hosts[i].host {
		case oldTLSHost: // a certificate for each type of key
			hosts[i].cert += "," + ca.issueRSA(t, "rsa", oldTLSHost)
		case anchorHost: // the server sends what TLSA names
			ca.appendTo(t, hosts[i].cert)
		case selfSignedHost:
			hosts[i].cert = ca.selfSigned(t, selfSignedHost)
		}
	}
	w.log = startPostfix(t, dir, hosts)
	var names []string
	hosted := sites()
	for i, s := range hosted {
		switch s.name {
		case expiredSite:
			hosted[i].cert = ca.issue(t, s.name, 101, s.name)
		case misnamedSite:
			hosted[i].cert = ca.issue(t, s.name, 30, "www.example")
		default:
			names = append(names, s.name)
		}
	}
	startNginx(t, dir, ca.issue(t, "policies", 30, names...), hosted)

	key := w.generateDKIM(t, "good.example", "s1")
	fill := strings.NewReplacer(
		"{{key}}", key,
		"{{dkim}}", "s1._domainkey "+key,
		"{{dkim news}}", "s1._domainkey.news "+key,
		"{{key 1024}}", weakKey(t, 1024),
		"{{key 768}}", weakKey(t, 768),
		"{{tlsa}}", "3 1 1 "+keyDigest(t, hosts[0].cert),
		"{{tlsa shared}}", "3 1 1 "+keyDigest(t, hosts[slices.IndexFunc(hosts, func(h personality) bool { return h.host == "mx.hosts.example" })].cert),
		"{{tlsa ca}}", "2 1 1 "+keyDigest(t, ca.file))
	var zones []zone
	for _, d := range domains {
		if d.zone != "" {
			text := strings.ReplaceAll(fill.Replace(d.zone), "{{domain}}", d.name)
			zones = append(zones, zone{origin: d.name + ".", text: text, signed: d.signed, badDS: d.badDS,
				older: strings.ReplaceAll(fill.Replace(d.older), "{{domain}}", d.name)})
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

// keyDigest is what "1 1" in a TLSA record means (RFC 6698 §2.1), of the first certificate in a file.
func keyDigest(t *testing.T, file string) string {
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
		return hex.EncodeToString(sum[:])
	}
}

// weakKey is a DKIM key of so few bits that no generator of ours makes it.
func weakKey(t *testing.T, bits int) string {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("TXT %q", "v=DKIM1; k=rsa; p="+base64.StdEncoding.EncodeToString(der))
}
