package dkim

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
)

const message = "From: Ana <ana@example.com>\r\nTo: bob@example.net\r\nSubject: test\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\n\r\nHello.\r\n"

// TestGenerated holds new keys to our own rules and to a reader that is not ours.
func TestGenerated(t *testing.T) {
	for keyType, size := range map[string]int{"rsa2048": 410, "rsa3072": 582, "ed25519": 66} {
		k, err := GenerateKey(keyType)
		if err != nil {
			t.Fatal(err)
		}
		text := k.Record(RecordOptions{})
		if len(text) != size {
			t.Errorf("%s: record of %d octets, want %d", keyType, len(text), size)
		}
		parsed, problems := ParseKey(text)
		for _, p := range problems {
			if s := severityOf(t, p.Rule); s >= check.Notice {
				t.Errorf("%s: own record has %s (%s)", keyType, p.Rule, s)
			}
		}
		if !parsed.Usable() || !k.Matches(parsed) {
			t.Errorf("%s: own record is usable %v, matches %v", keyType, parsed.Usable(), k.Matches(parsed))
		}
		var signed bytes.Buffer
		if err := msgauth.Sign(&signed, strings.NewReader(message), &msgauth.SignOptions{
			Domain: "example.com", Selector: "s1", Signer: k.Signer}); err != nil {
			t.Fatalf("%s: signing: %v", keyType, err)
		}
		results, err := msgauth.VerifyWithOptions(&signed, &msgauth.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
			if name != "s1._domainkey.example.com" {
				return nil, fmt.Errorf("asked for %q", name)
			}
			return []string{text}, nil
		}})
		if err != nil || len(results) != 1 || results[0].Err != nil {
			t.Errorf("%s: verifying: %v, %+v", keyType, err, results)
		}
	}
}

func severityOf(t *testing.T, id string) check.Severity {
	for i := range Rules {
		if Rules[i].ID == id {
			return Rules[i].Severity
		}
	}
	t.Fatalf("no rule %s", id)
	return 0
}

func TestRecordOptions(t *testing.T) {
	seed, _ := base64.StdEncoding.DecodeString("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
	k := &PrivateKey{"ed25519", ed25519.NewKeyFromSeed(seed)} // RFC 8463 §A.2
	const public = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	if got, want := k.Record(RecordOptions{}), "v=DKIM1; k=ed25519; p="+public; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got := k.Record(RecordOptions{Testing: true, Strict: true, SHA256: true, Services: []string{"email", "tlsrpt"}})
	if want := "v=DKIM1; h=sha256; k=ed25519; s=email:tlsrpt; t=y:s; p=" + public; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	free := func(string) bool { return false }
	if got, ok := FreeSelector(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), free); got != "s202611a" || !ok {
		t.Errorf("first selector: got %q, want s202611a", got)
	}
}

func TestRefusals(t *testing.T) {
	var refusal *check.GenProblem
	if _, err := GenerateKey("rsa1024"); !errors.As(err, &refusal) || refusal.ID != "gen-dkim-weak" {
		t.Errorf("rsa1024: got %v, want gen-dkim-weak", err)
	}
	for _, s := range []string{"", "dsa", "rsa", "rsa2049", "RSA2048"} {
		if _, err := GenerateKey(s); err == nil {
			t.Errorf("type %q was accepted", s)
		}
	}
}

func TestWriteNew(t *testing.T) {
	k, err := GenerateKey("ed25519")
	if err != nil {
		t.Fatal(err)
	}
	key, err := k.PEM()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "keys")
	path := filepath.Join(dir, "s1.pem")
	if err := WriteNew(path, key); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParsePrivateKey(data)
	if err != nil || back.Record(RecordOptions{}) != k.Record(RecordOptions{}) {
		t.Errorf("the file does not hold the key: %v", err)
	}
	if runtime.GOOS != "windows" {
		for p, want := range map[string]os.FileMode{path: 0o600, dir: 0o700} {
			if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: mode %v, %v; want %v", p, info.Mode(), err, want)
			}
		}
	}
	var refusal *check.GenProblem
	if err := WriteNew(path, key); !errors.As(err, &refusal) || refusal.ID != "gen-file-exists" {
		t.Errorf("a second time: got %v, want gen-file-exists", err)
	}
	if again, _ := os.ReadFile(path); !bytes.Equal(again, data) {
		t.Error("the file was touched")
	}
	link := filepath.Join(dir, "link.pem")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), link); err == nil {
		if err := WriteNew(link, key); !errors.As(err, &refusal) || refusal.ID != "gen-file-exists" {
			t.Errorf("a dangling link: got %v, want gen-file-exists", err)
		}
		if _, err := os.Stat(filepath.Join(dir, "nowhere")); err == nil {
			t.Error("the link was followed")
		}
	}
}

func TestPrivateKeyKeepsItsSecret(t *testing.T) {
	k, _ := GenerateKey("ed25519")
	j, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%v %+v %#v %s", k, k, k, j)
	secret := base64.StdEncoding.EncodeToString(k.Signer.(ed25519.PrivateKey).Seed())
	want := `dkim private key (ed25519) dkim private key (ed25519) dkim private key (ed25519) {"Type":"ed25519"}`
	if diff := cmp.Diff(want, b.String()); diff != "" || strings.Contains(b.String(), secret) {
		t.Errorf("printed key (-want +got):\n%s", diff)
	}
}
