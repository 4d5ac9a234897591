package dkim

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postseal/postseal/dns/dnstest"
)

func rfc8463Key(t *testing.T) *PrivateKey {
	t.Helper()
	k, err := ParsePrivateKey([]byte(rfc8463Seed))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// matchWorld has the key of RFC 8463 §A.2 (s1 and the alias), another key, and
// everything else that may stand at a selector.
const matchWorld = `
example.com.                      A 192.0.2.1
s1._domainkey.example.com.        TXT "` + rfc8463Record + `"
s2._domainkey.example.com.        TXT "v=DKIM1; k=ed25519; p=UqKxRxqZrIAeDpDVcBUexGtTJXYfJFwSRrsKDuzyAX0="
rsa._domainkey.example.com.       TXT "v=DKIM1; k=rsa; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
gone._domainkey.example.com.      TXT "v=DKIM1; k=ed25519; p="
bad._domainkey.example.com.       TXT "v=DKIM1; k=ed25519; p=11qYAYK*"
two._domainkey.example.com.       TXT "` + rfc8463Record + `"
two._domainkey.example.com.       TXT "v=DKIM1; k=ed25519; p=UqKxRxqZrIAeDpDVcBUexGtTJXYfJFwSRrsKDuzyAX0="
alias._domainkey.example.com.     CNAME key.vendor.test.
key.vendor.test.                  TXT "` + rfc8463Record + `"
try._domainkey.example.com.       TXT "v=DKIM1; k=ed25519; t=y; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
slow._domainkey.example.com.      TXT ; !timeout
google._domainkey.found.test.     TXT "` + rfc8463Record + `"
google._domainkey.other.test.     TXT "v=DKIM1; k=ed25519; p=UqKxRxqZrIAeDpDVcBUexGtTJXYfJFwSRrsKDuzyAX0="
bare.test.                        A 192.0.2.2
`

func TestMatch(t *testing.T) {
	key := rfc8463Key(t)
	for _, c := range []struct {
		domain, file, selector string
		want                   Verdict
		at                     string
	}{
		{"example.com", "k.pem", "s1", Matched, "s1._domainkey.example.com"},
		{"example.com", "example.com.s1.pem", "", Matched, "s1._domainkey.example.com"},
		{"example.com", "s1.private", "", Matched, "s1._domainkey.example.com"},
		{"example.com", "example.com.s1.key", "s2", Mismatched, "s2._domainkey.example.com"},
		{"example.com", "k.pem", "alias", Matched, "alias._domainkey.example.com"},
		{"example.com", "k.pem", "try", Matched, "try._domainkey.example.com"},
		{"example.com", "k.pem", "gone", MatchRevoked, "gone._domainkey.example.com"},
		{"example.com", "k.pem", "none", NotPublished, "none._domainkey.example.com"},
		{"example.com", "k.pem", "bad", Malformed, "bad._domainkey.example.com"},
		{"example.com", "k.pem", "two", Malformed, "two._domainkey.example.com"},
		{"example.com", "k.pem", "slow", MatchUnknown, "slow._domainkey.example.com"},
		{"found.test", "k.pem", "", Matched, "google._domainkey.found.test"},
		{"found.test", "rsa.private", "", Matched, "google._domainkey.found.test"}, // "rsa" is no selector
		{"found.test", "found.test.rsa.pem", "", NotPublished, "rsa._domainkey.found.test"},
		{"other.test", "google.private", "", Mismatched, "google._domainkey.other.test"},
		{"other.test", "k.pem", "", MatchUnknown, ""}, // it may stand where nobody looked
		{"bare.test", "k.pem", "", NotPublished, ""},  // DNS proves that there is none
	} {
		m := &Matcher{Resolver: dnstest.New(t, matchWorld), Domain: nameOf(c.domain), Selector: c.selector}
		got, err := m.Match(t.Context(), KeyFile{Path: c.file, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		if got.Verdict != c.want || got.Name.String() != c.at {
			t.Errorf("%s %s %s: got %s at %q, want %s at %q", c.domain, c.file, c.selector, got.Verdict, got.Name, c.want, c.at)
		}
		if (got.Verdict == MatchUnknown) != (got.Cause != nil) {
			t.Errorf("%s %s: %s with the cause %v", c.file, c.selector, got.Verdict, got.Cause)
		}
		if got.Verdict == Mismatched && (got.Published == "" || got.Published == got.Fingerprint) {
			t.Errorf("%s: fingerprints %q and %q", c.selector, got.Fingerprint, got.Published)
		}
		if got.Testing != (c.selector == "try") || got.Several != (c.selector == "two") || (got.CNAME != "") != (c.selector == "alias") {
			t.Errorf("%s: got %+v", c.selector, got)
		}
	}
	m := &Matcher{Resolver: dnstest.New(t, matchWorld), Domain: "example.com"}
	got, err := m.Match(t.Context(), KeyFile{Path: "x.pem", Err: &KeyError{Path: "x.pem", Kind: KeyEncrypted}})
	if err != nil || got.Verdict != MatchUnknown || got.Cause == nil || got.Cause.Code != "key-encrypted" {
		t.Errorf("an encrypted key: got %+v, %v", got, err)
	}
}

// TestMatchAsksOnce: many keys of one selector are one question.
func TestMatchAsksOnce(t *testing.T) {
	w, err := dnstest.Parse(matchWorld)
	if err != nil {
		t.Fatal(err)
	}
	m := &Matcher{Resolver: w, Domain: "example.com", Selector: "s1"}
	for range 3 {
		if _, err := m.Match(t.Context(), KeyFile{Path: "k.pem", Key: rfc8463Key(t)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.Total(); n != 1 {
		t.Errorf("%d questions, want 1", n)
	}
}

func signed(t *testing.T, domain, selector string, key *PrivateKey, text string) string {
	t.Helper()
	var b bytes.Buffer
	err := msgauth.Sign(&b, strings.NewReader(text), &msgauth.SignOptions{Domain: domain, Selector: selector, Signer: key.Signer})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestMatchMessage: only a signature that fails by itself is the fault of the
// key. A changed body, a limited one and a signature that has expired say nothing.
func TestMatchMessage(t *testing.T) {
	key := rfc8463Key(t)
	other, err := GenerateKey("ed25519")
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := GenerateKey("rsa2048")
	if err != nil {
		t.Fatal(err)
	}
	good := signed(t, "example.com", "s1", key, message)
	for name, c := range map[string]struct {
		text string
		want Verdict
		n    int
	}{
		"its own":              {good, Matched, 1},
		"with bare line feeds": {strings.ReplaceAll(good, "\r\n", "\n"), Matched, 1},
		"another key":          {signed(t, "example.com", "s1", other, message), Mismatched, 1},
		"another algorithm":    {signed(t, "example.com", "s1", rsaKey, message), Mismatched, 1},
		"a changed header":     {strings.Replace(good, "Subject: test", "Subject: tost", 1), Mismatched, 1},
		"a changed body":       {good + "a footer\r\n", MatchUnknown, 1},
		"a length":             {strings.Replace(good, "; s=s1", "; l=5; s=s1", 1), MatchUnknown, 1},
		"two signatures":       {signed(t, "example.com", "rsa", rsaKey, good), Matched, 2},
		"another domain's":     {signed(t, "example.net", "s1", key, message), NotPublished, 0},
		"no signature":         {message, NotPublished, 0},
		"no message":           {"\x00\xff", MatchUnknown, 1},
	} {
		m := &Matcher{Resolver: dnstest.New(t, matchWorld), Domain: "example.com", Selector: "s1", Message: []byte(c.text)}
		got, err := m.Match(t.Context(), KeyFile{Path: "k.pem", Key: key})
		if err != nil {
			t.Fatal(err)
		}
		if got.Message != c.want || len(got.Signatures) != c.n || got.Verdict != Matched {
			t.Errorf("%s: got %s, %+v (key: %s); want %s and %d signatures", name, got.Message, got.Signatures, got.Verdict, c.want, c.n)
		}
	}
}

// FuzzSignatureFields: a header of any shape is read in time, and its signatures
// are as many as its fields of that name.
func FuzzSignatureFields(f *testing.F) {
	f.Add("DKIM-Signature: v=1; d=example.com;\r\n s=s1\r\nFrom: a\r\n\r\nDKIM-Signature: d=x\r\n")
	f.Add("dkim-signature : d = a . b ; s=\n\tx")
	f.Fuzz(func(t *testing.T, text string) {
		list := signatureFields([]byte(text))
		if n := strings.Count(strings.ToLower(text), "dkim-signature"); len(list) > n {
			t.Errorf("%d signatures of %d names", len(list), n)
		}
	})
}

func TestKeyIsNotShown(t *testing.T) {
	m := &Matcher{Resolver: dnstest.New(t, matchWorld), Domain: "example.com", Selector: "s2"}
	key := rfc8463Key(t)
	got, err := m.Match(t.Context(), KeyFile{Path: "k.pem", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	seed := base64.StdEncoding.EncodeToString(key.Signer.(ed25519.PrivateKey).Seed())
	if text := jsonText(t, got); strings.Contains(text, seed) || strings.Contains(text, "PRIVATE") {
		t.Errorf("the secret is shown: %s", text)
	}
}
