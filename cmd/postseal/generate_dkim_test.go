package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dns/dnstest"
)

// takenWorld has selectors that are taken in every way there is.
const takenWorld = `
taken._domainkey.example.com.    TXT "v=DKIM1; p="
alias._domainkey.example.com.    CNAME key.provider.test.
key.provider.test.               TXT "v=DKIM1; k=rsa; p=AAAA"
dead._domainkey.example.com.     CNAME gone.provider.test.
loop._domainkey.example.com.     CNAME loop._domainkey.example.com.
empty._domainkey.example.com.    A 192.0.2.1
slow._domainkey.example.com.     TXT ; !timeout
secret._domainkey.example.com.   TXT "v=DKIM1; p=-----BEGIN PRIVATE KEY-----MIIE-----END PRIVATE KEY-----"
*._domainkey.wild.test.          TXT "v=DKIM1; k=rsa; p=AAAA"
own._domainkey.wild.test.        TXT "v=DKIM1; k=rsa; p=AAAB"
*._domainkey.none.test.          TXT "v=DKIM1; p="
own._domainkey.none.test.        TXT "v=DKIM1; k=rsa; p=AAAB"
`

// TestSelectorTaken: a key is made where its selector is free or nobody can
// tell, and only there.
func TestSelectorTaken(t *testing.T) {
	server := dnstest.Serve(t, takenWorld).Addr.String()
	for _, c := range []struct {
		domain, selector string
		code             int
		stderr           string
	}{
		{"example.com", "free", exitOK, ""},
		{"example.com", "empty", exitOK, ""},
		{"example.com", "taken", exitFindings, `taken._domainkey.example.com holds "v=DKIM1; p="`},
		{"example.com", "alias", exitFindings, "alias._domainkey.example.com is an alias of key.provider.test"},
		{"example.com", "dead", exitFindings, "dead._domainkey.example.com is an alias of gone.provider.test"},
		{"example.com", "loop", exitFindings, "(gen-dkim-selector-used)"},
		{"example.com", "secret", exitFindings, "not repeated here"},
		{"wild.test", "any", exitFindings, "a wildcard answers at every selector of the domain"},
		{"wild.test", "own", exitFindings, "the selector own is taken"},
		{"wild.test", "", exitFindings, "a wildcard answers at every selector of the domain"},
		// A wildcard that withdraws every key gives way to a record of its own, and no signature breaks.
		{"none.test", "any", exitOK, ""},
		{"none.test", "", exitOK, ""},
		{"none.test", "own", exitFindings, "the selector own is taken"},
		{"example.com", "slow", exitOK, "could not tell whether the selector slow is free: "},
	} {
		dir := t.TempDir()
		args := []string{"generate", "dkim", c.domain, "--type", "ed25519", "--key-dir", dir, "--dns", server}
		if c.selector != "" {
			args = append(args, "--selector", c.selector)
		}
		code, out, stderr := call(t.Context(), args...)
		if code != c.code || !strings.Contains(stderr, c.stderr) || strings.Contains(stderr, "MIIE") {
			t.Errorf("%s at %s: exit %d, %s; want %d, %s", c.selector, c.domain, code, stderr, c.code, c.stderr)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		if made := len(files) == 1 && out != ""; made != (c.code == exitOK) || len(files) > 1 {
			t.Errorf("%s at %s: files %v, output %q", c.selector, c.domain, files, out)
		}
	}
}

// TestWildcardIsNotKept: tools that set all records of a name at once must not
// copy there what a wildcard says of every name.
func TestWildcardIsNotKept(t *testing.T) {
	server := dnstest.Serve(t, takenWorld).Addr.String()
	code, out, stderr := call(t.Context(), "generate", "dkim", "none.test", "--type", "ed25519", "--key-dir", t.TempDir(), "--dns", server, "--selector", "any", "--format", "route53")
	if code != exitOK || strings.Contains(out, `p="`) || strings.Contains(out, `p=\"`) || !strings.Contains(out, "k=ed25519; p=") {
		t.Errorf("exit %d, %s, %s", code, out, stderr)
	}
}

// TestSelectorOfTheMonth: the letter goes on while DNS or the folder has the last one.
func TestSelectorOfTheMonth(t *testing.T) {
	month := time.Now().UTC().Format("s200601")
	server := dnstest.Serve(t, month+"a._domainkey.example.com. TXT \"v=DKIM1; p=\"\n"+month+"c-ed._domainkey.example.com. TXT \"x\"\n").Addr.String()
	dir := t.TempDir()
	for _, c := range []struct{ keyType, letter string }{{"ed25519", "b"}, {"both", "d"}, {"ed25519", "c"}, {"ed25519", "e"}} {
		code, out, stderr := call(t.Context(), "generate", "dkim", "example.com", "--type", c.keyType, "--key-dir", dir, "--dns", server)
		if code != exitOK || !strings.Contains(out, month+c.letter+"._domainkey.example.com. 3600 IN TXT") {
			t.Errorf("%s: exit %d, %s%s; want the letter %s", c.keyType, code, out, stderr, c.letter)
		}
	}
	// What DNS cannot tell is said, once for each selector, and the key is made.
	code, _, stderr := call(t.Context(), "generate", "dkim", "example.com", "--type", "ed25519", "--key-dir", t.TempDir(), "--offline")
	if code != exitOK || !strings.Contains(stderr, "DNS was not asked whether the selector "+month+"a is free (--offline) (gen-dkim-selector-unknown)") {
		t.Errorf("offline: exit %d, %s", code, stderr)
	}
}

// TestKeyOptions: every option is in the record, and the key file has the form asked for.
func TestKeyOptions(t *testing.T) {
	dir := t.TempDir()
	base := []string{"generate", "dkim", "example.com", "--offline", "--key-dir", dir}
	with := func(more string) (int, string, string) {
		return call(t.Context(), append(append([]string{}, base...), strings.Fields(more)...)...)
	}
	code, out, stderr := with("--selector o --type both --test --strict --hash-sha256 --services email,tlsrpt --format json --key-format raw")
	var set struct {
		Records []struct{ Name, Value, Comment string }
		Files   []struct{ Path, Mode string }
	}
	if err := json.Unmarshal([]byte(out), &set); code != exitOK || err != nil || len(set.Records) != 2 {
		t.Fatalf("exit %d, %v, %s%s", code, err, out, stderr)
	}
	for i, k := range []string{"rsa", "ed25519"} {
		if want := "v=DKIM1; h=sha256; k=" + k + "; s=email:tlsrpt; t=y:s; p="; !strings.HasPrefix(set.Records[i].Value, want) || set.Records[i].Comment == "" {
			t.Errorf("got %+v, want %s… with a comment", set.Records[i], want)
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "example.com.o-ed.key"))
	if err != nil || !regexp.MustCompile(`^[A-Za-z0-9+/]{43}=\n$`).Match(raw) {
		t.Fatalf("the raw key has %d octets (%v), want the base64 of 32 on a line", len(raw), err)
	}
	key, err := dkim.ParsePrivateKey(raw)
	if err != nil || key.Record(dkim.RecordOptions{}) != "v=DKIM1; k=ed25519; p="+set.Records[1].Value[strings.Index(set.Records[1].Value, "p=")+2:] {
		t.Errorf("the raw key is not the record's (%v)", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "example.com.o-ed.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "example.com.o.pem")); err != nil {
		t.Error("the RSA key beside it is not PEM:", err)
	}
	for _, refused := range []string{"--key-format raw", "--key-format der", "--services mail", "--services=", "--type ed25519 --with-send", "--format yaml"} {
		if code, out, stderr := with("--selector n " + refused); code != exitUsage || out != "" {
			t.Errorf("%s: exit %d, %s%s", refused, code, out, stderr)
		}
	}
}

// TestSignerFormats: the configuration names the key where it was written, and
// the record stands above it.
func TestSignerFormats(t *testing.T) {
	dir := t.TempDir()
	for format, want := range map[string][]string{
		"opendkim": {
			"\no._domainkey.example.com example.com:o:" + dir + "/example.com.o.pem\n\n",
			"\n*@example.com o._domainkey.example.com\n\n", "\nSignatureAlgorithm rsa-sha256\n", "the Ed25519 key is left out here",
			"\nSignHeaders *,+List-Unsubscribe-Post\n", "\nsmtpd_milters = inet:127.0.0.1:8891\n", "\n# o._domainkey.example.com. 3600 IN TXT ( \"v=DKIM1; k=rsa; p=",
		},
		"rspamd": {
			"\n      { path: \"" + dir + "/example.com.o.pem\"; selector: \"o\"; },\n      { path: \"" + dir + "/example.com.o-ed.pem\"; selector: \"o-ed\"; }\n    ]\n",
			"\n# o-ed._domainkey.example.com. 3600 IN TXT \"v=DKIM1; k=ed25519; p=", "--key-format raw",
		},
	} {
		code, out, stderr := call(t.Context(), "generate", "dkim", "example.com", "--offline", "--type", "both", "--selector", "o", "--key-dir", dir, "--format", format)
		if code != exitOK || strings.Contains(out, "PRIVATE") {
			t.Fatalf("%s: exit %d, %s", format, code, stderr)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s lacks %q:\n%s", format, w, out)
			}
		}
		for _, name := range []string{"o", "o-ed"} {
			if err := os.Remove(filepath.Join(dir, "example.com."+name+".pem")); err != nil {
				t.Error(err)
			}
		}
	}
	odd := filepath.Join(dir, "a b")
	code, _, stderr := call(t.Context(), "generate", "dkim", "example.com", "--offline", "--selector", "o", "--key-dir", odd, "--format", "opendkim")
	left, err := filepath.Glob(filepath.Join(odd, "*"))
	if code != exitUsage || !strings.Contains(stderr, "KeyTable") || err != nil || len(left) > 0 {
		t.Errorf("a path that KeyTable cannot hold: exit %d, %s, files %v", code, stderr, left)
	}
}

// TestLiveFormats: the tools that set whole names are told what stands there.
func TestLiveFormats(t *testing.T) {
	const world = `
example.com.        SOA ns1.example.com. h.example.com. 1 2 3 4 900
example.com.        TXT "v=spf1 ~all"
example.com.        TXT "token=abc"
_dmarc.example.com. TXT "v=DMARC1; p=none"
_smtp._tls.slow.test. TXT ; !timeout
`
	server := dnstest.Serve(t, world).Addr.String()
	for _, c := range []struct{ args, want string }{
		{"spf example.com --ip4 192.0.2.1 --format nsupdate", "server ns1.example.com\nzone example.com.\n"},
		{"spf example.com --ip4 192.0.2.1 --format nsupdate --with-send", "prereq yxrrset example.com. TXT \"token=abc\"\nupdate delete example.com. TXT \"v=spf1 ~all\"\nupdate add example.com. 3600 TXT \"v=spf1 ip4:192.0.2.1 ~all\"\nshow\nsend\n"},
		{"spf example.com --ip4 192.0.2.1 --format route53", `records = ["v=spf1 ip4:192.0.2.1 ~all", "token=abc"]`},
		{"spf example.com --ip4 192.0.2.1 --format octodns", "  values:\n  - v=spf1 ip4:192.0.2.1 ~all\n  - 'token=abc'\n"},
		{"dmarc example.com --rua a@example.com --format nsupdate", "prereq yxrrset _dmarc.example.com. TXT \"v=DMARC1; p=none\"\nupdate delete _dmarc.example.com. TXT \"v=DMARC1; p=none\"\n"},
		{"tls-rpt slow.test --rua a@slow.test --format nsupdate", "could not be told: the update is refused where anything of the type stands there already\nprereq nxrrset _smtp._tls.slow.test. TXT\n"},
		{"mta-sts example.com --mx mx.example.com --format nsupdate", "\nprereq nxrrset _mta-sts.example.com. TXT\n"},
	} {
		code, out, stderr := call(t.Context(), append(append([]string{"generate"}, strings.Fields(c.args)...), "--dns", server)...)
		if code != exitOK || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit %d, %s%s; want %s", c.args, code, out, stderr, c.want)
		}
	}
}
