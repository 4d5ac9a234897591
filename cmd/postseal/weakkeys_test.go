package main

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWeakKeysFlag audits a key that the list of the user has. The modulus is
// nobody's: a number with its middle bit set.
func TestWeakKeysFlag(t *testing.T) {
	n := new(big.Int).Lsh(big.NewInt(1), 2047)
	n.SetBit(n, 1024, 1).SetBit(n, 0, 1)
	der, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n, E: 65537})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key := base64.StdEncoding.EncodeToString(der)
	zone := filepath.Join(dir, "example.com.zone")
	list := filepath.Join(dir, "blocklist.dat")
	sum := sha256.Sum256(n.Bytes())
	for path, content := range map[string]string{
		zone: "$ORIGIN example.com.\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ MX 10 mail\nmail A 5.6.7.8\n" +
			`s1._domainkey TXT "v=DKIM1; k=rsa; p=` + key[:200] + `" "` + key[200:] + "\"\n",
		list: string(append(sum[:15:15], 1)),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"audit", "--offline", "--zone", zone, "--format", "json", "--selector", "s1", "example.com"}
	_, out, _ := call(t.Context(), args...)
	if strings.Contains(out, "CVE-2008-0166: anybody") {
		t.Error("without a list a key was said to be in it")
	}
	code, out, stderr := call(t.Context(), append(args, "--weak-keys", list)...)
	if code != exitFindings || !strings.Contains(out, "CVE-2008-0166: anybody has its private half (blocklist.dat, 1 keys)") {
		t.Errorf("code %d, stderr %q, no word of the list in:\n%s", code, stderr, out)
	}
	if !strings.Contains(out, "dkim-broken-key") {
		t.Error("the score has no cap for a key that anybody has")
	}
}
