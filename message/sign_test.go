package message

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// The keys of the tests, made once.
var (
	key2048  = sync.OnceValue(func() crypto.Signer { return mustKey(rsa.GenerateKey(rand.Reader, 2048)) })
	key1024  = sync.OnceValue(func() crypto.Signer { return mustKey(rsa.GenerateKey(rand.Reader, 1024)) })
	keyOther = sync.OnceValue(func() crypto.Signer { return mustKey(rsa.GenerateKey(rand.Reader, 2048)) })
	keyEd    = sync.OnceValue(func() crypto.Signer {
		_, k, err := ed25519.GenerateKey(rand.Reader)
		return mustKey(k, err)
	})
)

func mustKey[K crypto.Signer](k K, err error) crypto.Signer {
	if err != nil {
		panic(err)
	}
	return k
}

// keyText is the record of a key.
func keyText(key crypto.Signer, tags string) string {
	switch pub := key.Public().(type) {
	case ed25519.PublicKey:
		return "v=DKIM1; k=ed25519; " + tags + "p=" + base64.StdEncoding.EncodeToString(pub)
	default:
		der, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			panic(err)
		}
		return "v=DKIM1; k=rsa; " + tags + "p=" + base64.StdEncoding.EncodeToString(der)
	}
}

// txtLine is a line of a zone file with a text of any length.
func txtLine(owner, text string) string {
	var b strings.Builder
	b.WriteString(owner + " TXT")
	for len(text) > 0 {
		n := min(len(text), 200)
		fmt.Fprintf(&b, " \"%s\"", strings.ReplaceAll(text[:n], ";", "\\;"))
		text = text[n:]
	}
	return b.String() + "\n"
}

// authZone has the keys s1 (2048 bits), s0 (1024) and ed at example.com,
// esp.example and mail.example.com, and s of another flag: strict (t=s).
func authZone(t *testing.T) dns.Resolver {
	t.Helper()
	var z strings.Builder
	for _, d := range []string{"example.com.", "esp.example.", "mail.example.com."} {
		z.WriteString(txtLine("s1._domainkey."+d, keyText(key2048(), "")))
		z.WriteString(txtLine("s0._domainkey."+d, keyText(key1024(), "")))
		z.WriteString(txtLine("ed._domainkey."+d, keyText(keyEd(), "")))
		z.WriteString(txtLine("strict._domainkey."+d, keyText(key2048(), "t=s; ")))
		z.WriteString(txtLine("other._domainkey."+d, keyText(key1024(), "")))
	}
	z.WriteString("failed._domainkey.example.com. TXT ; !servfail\n")
	z.WriteString("revoked._domainkey.example.com. TXT \"v=DKIM1; p=\"\n")
	return dnstest.New(t, z.String())
}

const plainMessage = "From: Ann <a@example.com>\r\n" +
	"To: Bob <b@rcpt.example>\r\n" +
	"Subject: The quarterly figures are in the file that I put on the server\r\n" +
	"Date: Mon, 3 Nov 2025 10:00:00 +0000\r\n" +
	"Message-ID: <1@example.com>\r\n" +
	"\r\n" +
	"Hello  Bob,\r\n\r\nthe figures are there. \r\n\r\n-- \r\nAnn\r\n\r\n\r\n"

// signature signs with the tags given: all but bh and b, which are appended.
func signature(t *testing.T, raw, tags string, key crypto.Signer) string {
	t.Helper()
	return sealWith(t, "DKIM-Signature", raw, tags, key)
}

func sealWith(t *testing.T, name, raw, tags string, key crypto.Signer) string {
	t.Helper()
	l := parseTags(tags)
	header, body, _ := strings.Cut(l.value("c"), "/")
	_, rest, _ := strings.Cut(raw, "\r\n\r\n")
	sum := bodyHash(canonicalBody([]byte(rest), body), l.number("l"))
	field := name + ": " + tags + "; bh=" + base64.StdEncoding.EncodeToString(sum[:]) + "; b="
	m, err := Parse([]byte(field + "\r\n" + raw))
	if err != nil {
		t.Fatal(err)
	}
	return field + signDigest(t, key, hashParts(signedParts(m, picked(m, names(l.value("h"))), 0, header))) + "\r\n"
}

func signDigest(t *testing.T, key crypto.Signer, digest [sha256.Size]byte) string {
	t.Helper()
	opts := crypto.SignerOpts(crypto.SHA256)
	if _, ok := key.(ed25519.PrivateKey); ok {
		opts = crypto.Hash(0)
	}
	sig, err := key.Sign(rand.Reader, digest[:], opts)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(sig)
}

// signAs signs with go-msgauth, which shares no code with the verifier here.
func signAs(t *testing.T, raw string, o msgauth.SignOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := msgauth.Sign(&b, strings.NewReader(raw), &o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// received is when the tests' messages came in.
var received = time.Date(2025, 11, 3, 10, 0, 5, 0, time.UTC)

// signaturesOf gives the signatures of a message.
func signaturesOf(t *testing.T, r dns.Resolver, raw string) []*Signature {
	t.Helper()
	m, err := Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	f := &Facts{Message: m, Delivery: &Delivery{ReceivedAt: received}, Options: Options{Now: time.Now}}
	f.gatherSignatures(context.Background(), r)
	return f.Signatures
}
