package dkim

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// rfc8463Seed is the private key of RFC 8463 §A.2, as rspamd would keep it.
const rfc8463Seed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="

const rfc8463Record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

func rsaPrivate(t *testing.T, k *PrivateKey) *rsa.PrivateKey {
	t.Helper()
	key, ok := k.Signer.(*rsa.PrivateKey)
	if !ok {
		t.Fatalf("%v is no RSA key", k)
	}
	return key
}

func armour(t *testing.T, kind string, der []byte, headers map[string]string) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der, Headers: headers})
}

// TestReadsEveryForm: a key is the same key in all the forms in which signers
// keep it.
func TestReadsEveryForm(t *testing.T) {
	rsaKey, err := GenerateKey("rsa2048")
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(rsaKey.Signer)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PrivateKey(rsaPrivate(t, rsaKey))
	seed, err := base64.StdEncoding.DecodeString(rfc8463Seed)
	if err != nil {
		t.Fatal(err)
	}
	edKey := ed25519.NewKeyFromSeed(seed)
	ed := &PrivateKey{"ed25519", edKey}
	edPKCS8, err := x509.MarshalPKCS8PrivateKey(edKey)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := ed.Raw()
	if err != nil || string(raw) != rfc8463Seed+"\n" {
		t.Errorf("raw: got %q, %v", raw, err)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"PKCS#8":              {armour(t, "PRIVATE KEY", pkcs8, nil), rsaKey.Record(RecordOptions{})},
		"PKCS#1":              {armour(t, "RSA PRIVATE KEY", pkcs1, nil), rsaKey.Record(RecordOptions{})},
		"PKCS#1 called #8":    {armour(t, "PRIVATE KEY", pkcs1, nil), rsaKey.Record(RecordOptions{})},
		"behind a note":       {append([]byte("Bag Attributes\n    friendlyName: s1\n"), armour(t, "PRIVATE KEY", pkcs8, nil)...), rsaKey.Record(RecordOptions{})},
		"behind certificate":  {append(armour(t, "CERTIFICATE", []byte{1}, nil), armour(t, "PRIVATE KEY", pkcs8, nil)...), rsaKey.Record(RecordOptions{})},
		"CRLF":                {bytes.ReplaceAll(armour(t, "PRIVATE KEY", pkcs8, nil), []byte("\n"), []byte("\r\n")), rsaKey.Record(RecordOptions{})},
		"base64 of PKCS#8":    {[]byte(base64.StdEncoding.EncodeToString(pkcs8)), rsaKey.Record(RecordOptions{})},
		"DER":                 {pkcs8, rsaKey.Record(RecordOptions{})},
		"Ed25519 PKCS#8":      {armour(t, "PRIVATE KEY", edPKCS8, nil), rfc8463Record},
		"Ed25519 seed":        {[]byte(rfc8463Seed), rfc8463Record},
		"seed without =":      {[]byte(strings.TrimRight(rfc8463Seed, "=") + "\r\n"), rfc8463Record},
		"Ed25519 seed+public": {[]byte(base64.StdEncoding.EncodeToString(edKey)), rfc8463Record},
	} {
		k, err := ParsePrivateKey(c.data)
		if err != nil || k.Record(RecordOptions{}) != c.want {
			t.Errorf("%s: got %v, %v", name, k, err)
		}
	}
	if _, err := rsaKey.Raw(); err == nil {
		t.Error("an RSA key has a raw form")
	}
}

// TestKeyErrors tells what a file is that is no DKIM private key, and repeats
// none of it.
func TestKeyErrors(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecPKCS8, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	key, err := GenerateKey("ed25519")
	if err != nil {
		t.Fatal(err)
	}
	good, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	wrong := append(bytes.Clone(key.Signer.(ed25519.PrivateKey)[:32]), make([]byte, 32)...)
	for name, c := range map[string]struct {
		data []byte
		kind string
	}{
		"nothing":             {nil, KeyEmpty},
		"white space":         {[]byte(" \n\n"), KeyEmpty},
		"a sentence":          {[]byte("there is no key here\n"), KeyNone},
		"only equals signs":   {[]byte("===="), KeyNone},
		"base64 of something": {[]byte("QUJDREVGR0g="), KeyNone},
		"cut short":           {good[:len(good)/2], KeyDamaged},
		"junk in armour":      {armour(t, "PRIVATE KEY", []byte("junk"), nil), KeyDamaged},
		"two halves differ":   {[]byte(base64.StdEncoding.EncodeToString(wrong)), KeyDamaged},
		"PKCS#8 encrypted":    {armour(t, "ENCRYPTED PRIVATE KEY", []byte{1}, nil), KeyEncrypted},
		"PKCS#1 encrypted":    {armour(t, "RSA PRIVATE KEY", []byte{1}, map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}), KeyEncrypted},
		"public":              {armour(t, "PUBLIC KEY", public, nil), KeyPublic},
		"RSA public":          {armour(t, "RSA PUBLIC KEY", []byte{1}, nil), KeyPublic},
		"public without PEM":  {[]byte(base64.StdEncoding.EncodeToString(public)), KeyPublic},
		"ssh public":          {[]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 a@b"), KeyPublic},
		"certificate":         {armour(t, "CERTIFICATE", []byte{1}, nil), KeyCertificate},
		"certificate request": {armour(t, "CERTIFICATE REQUEST", []byte{1}, nil), KeyCertificate},
		"EC in PKCS#8":        {armour(t, "PRIVATE KEY", ecPKCS8, nil), KeyEC},
		"EC":                  {append(armour(t, "EC PARAMETERS", []byte{1}, nil), armour(t, "EC PRIVATE KEY", ecDER, nil)...), KeyEC},
		"OpenSSH":             {armour(t, "OPENSSH PRIVATE KEY", []byte{1}, nil), KeyOpenSSH},
		"DSA":                 {armour(t, "DSA PRIVATE KEY", []byte{1}, nil), KeyOther},
		"record":              {[]byte(rfc8463Record), KeyRecord},
		"record of a zone":    {[]byte("s1._domainkey IN TXT ( \"v=DKIM1; k=rsa; \"\n \"p=MIIB\" )"), KeyRecord},
		"armour only":         {[]byte("-----BEGIN PRIVATE KEY-----\n"), KeyDamaged},
	} {
		k, err := ParsePrivateKey(c.data)
		e, ok := errors.AsType[*KeyError](err)
		if k != nil || !ok || e.Kind != c.kind {
			t.Errorf("%s: got %v, %v; want %s", name, k, err, c.kind)
			continue
		}
		if len(c.data) > 20 && strings.Contains(err.Error(), string(c.data[len(c.data)-20:])) {
			t.Errorf("%s: the error repeats the file: %v", name, err)
		}
	}
}

func TestReadKeyFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask is
			t.Fatal(err)
		}
		return path
	}
	write("a.private", rfc8463Seed, 0o644)
	write("b.key", rfc8463Seed, 0o640)
	write("b.txt", rfc8463Record, 0o644)
	write("big.pem", strings.Repeat("A", maxKeyFile+1), 0o600)
	if err := os.Mkdir(filepath.Join(dir, "folder.pem"), 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := ReadKeyFolder(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("got %v, %v; want three files", files, err)
	}
	if files[0].Key == nil || files[1].Key == nil || files[2].Err == nil || files[2].Err.Kind != KeyTooBig {
		t.Errorf("got %+v", files)
	}
	if runtime.GOOS != "windows" && (!files[0].openToAll() || files[1].openToAll()) {
		t.Errorf("open to all: got %v for mode 0644, %v for 0640", files[0].openToAll(), files[1].openToAll())
	}
	if f := ReadKeyFile(filepath.Join(dir, "none.pem")); f.Err == nil || f.Err.Kind != KeyMissing {
		t.Errorf("a file that is not there: %v", f.Err)
	}
	if f := ReadKeyFile(filepath.Join(dir, "folder.pem")); f.Err == nil || f.Err.Kind != KeyNoFile {
		t.Errorf("a folder: %v", f.Err)
	}
	if _, err := ReadKeyFolder(filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that is not there was read")
	}
}

func TestSelectorOf(t *testing.T) {
	for path, want := range map[string]struct {
		selector string
		foreign  bool
	}{
		"keys/example.com.s202611a.pem":   {"s202611a", false},
		"example.com.a.b.key":             {"a.b", false},
		"/etc/opendkim/keys/mail.private": {"mail", false},
		"EXAMPLE.com.S1.pem":              {"s1", false},
		"mail.pem":                        {"", false},
		"dkim-key.key":                    {"", false},
		"example.net.s1.pem":              {"", true},
		"news.example.com.s1.pem":         {"", true},
		"example.com..pem":                {"", true},
		"privkey":                         {"", false},
	} {
		selector, foreign := SelectorOf(path, "example.com")
		if selector != want.selector || foreign != want.foreign {
			t.Errorf("%s: got %q, %v; want %q, %v", path, selector, foreign, want.selector, want.foreign)
		}
	}
}
