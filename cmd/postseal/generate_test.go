package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/spf"

	msgauth "github.com/emersion/go-msgauth/dkim"
)

// call is one run of postseal.
func call(ctx context.Context, args ...string) (code int, out, stderr string) {
	var o, e bytes.Buffer
	code = run(ctx, args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// TestGeneratedKeySigns takes the key from its file and the record from the
// printed zone, as a signer and a receiver would, and has a library that is not
// ours sign and verify.
func TestGeneratedKeySigns(t *testing.T) {
	const message = "From: Ana <ana@example.com>\r\nTo: bob@example.net\r\nSubject: keys\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\n\r\nHello.\r\n"
	for keyType, selectors := range map[string][]string{
		"rsa2048": {"s1"}, "rsa3072": {"s1"}, "rsa4096": {"s1"}, "ed25519": {"s1"}, "both": {"s1", "s1-ed"},
	} {
		for _, format := range []string{"zone", "plain", "json"} {
			if format != "zone" && keyType != "both" {
				continue // the other formats are compared once
			}
			dir := filepath.Join(t.TempDir(), "keys")
			code, out, stderr := call(t.Context(), "generate", "dkim", "example.com", "--offline", "--type", keyType, "--selector", "s1", "--key-dir", dir, "--format", format)
			if code != exitOK {
				t.Fatalf("%s: exit %d, %s", keyType, code, stderr)
			}
			if strings.Contains(out, "PRIVATE") || strings.Contains(stderr, "PRIVATE") {
				t.Errorf("%s in %s: the private key is shown", keyType, format)
			}
			lookup := readBack(t, format, out)
			for _, s := range selectors {
				pem, err := os.ReadFile(filepath.Join(dir, "example.com."+s+".pem"))
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasPrefix(string(pem), "-----BEGIN PRIVATE KEY-----\n") {
					t.Errorf("%s: the file begins %.30q, want PKCS#8", keyType, pem)
				}
				key, err := dkim.ParsePrivateKey(pem)
				if err != nil {
					t.Fatal(err)
				}
				var signed bytes.Buffer
				if err := msgauth.Sign(&signed, strings.NewReader(message), &msgauth.SignOptions{Domain: "example.com", Selector: s, Signer: key.Signer}); err != nil {
					t.Fatalf("%s: signing: %v", keyType, err)
				}
				results, err := msgauth.VerifyWithOptions(&signed, &msgauth.VerifyOptions{LookupTXT: lookup})
				if err != nil || len(results) != 1 || results[0].Err != nil {
					t.Errorf("%s in %s: verifying with %s: %v, %+v", keyType, format, s, err, results)
				}
			}
		}
	}
}

// readBack reads TXT records from a generator's output, each format its own way.
func readBack(t *testing.T, format, out string) func(name string) ([]string, error) {
	texts := map[string][]string{}
	switch format {
	case "zone":
		zone, err := dns.ParseZone(strings.NewReader(out), "example.com", "printed")
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, r := range zone.Records() {
			texts[r.Name.String()] = append(texts[r.Name.String()], r.Text())
		}
	case "plain":
		name := ""
		for line := range strings.Lines(out) {
			field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			switch value = strings.TrimSpace(value); field {
			case "name":
				name = value
			case "value":
				texts[name] = append(texts[name], value)
			}
		}
	case "json":
		var set struct {
			Records []struct{ Name, Value string }
		}
		if err := json.Unmarshal([]byte(out), &set); err != nil {
			t.Fatal(err)
		}
		for _, r := range set.Records {
			name := strings.TrimSuffix(r.Name, ".")
			texts[name] = append(texts[name], r.Value)
		}
	}
	return func(name string) ([]string, error) { return texts[name], nil }
}

// TestKeyFiles: a file in the way is left alone, and of two keys that are made
// together none stays alone (G8).
func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	dkim := []string{"generate", "dkim", "example.com", "--offline", "--type", "both", "--selector", "a", "--key-dir", dir}

	if err := os.WriteFile(in("example.com.a-ed.pem"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, stderr := call(t.Context(), dkim...)
	if code != exitUsage || out != "" || !strings.Contains(stderr, "(gen-file-exists)") {
		t.Errorf("got exit %d, %q, %q; want a refusal", code, out, stderr)
	}
	if got, err := os.ReadFile(in("example.com.a-ed.pem")); err != nil || string(got) != "precious" {
		t.Errorf("the file in the way holds %q (%v)", got, err)
	}
	if _, err := os.Lstat(in("example.com.a.pem")); err == nil {
		t.Error("the first key stayed although the second could not be written")
	}

	if err := os.Remove(in("example.com.a-ed.pem")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(in("nowhere"), in("example.com.a.pem")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if code, _, stderr := call(t.Context(), dkim...); code != exitUsage || !strings.Contains(stderr, "(gen-file-exists)") {
		t.Errorf("a dangling link: got exit %d, %q", code, stderr)
	}
	if _, err := os.Lstat(in("nowhere")); err == nil {
		t.Error("the link was followed")
	}
}

func TestGenerateExit(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "mta-sts.txt")
	for _, c := range []struct {
		args   string
		code   int
		stdout string // the record, or what it holds
		stderr string
	}{
		{"dmarc example.com --pct 50 --rua a@example.com", exitFindings, "", "gen-dmarc-pct"}, // G10
		{"dmarc example.com", exitFindings, "", "gen-dmarc-no-rua"},
		{"dmarc example.com --policy reject", exitOK, `"v=DMARC1; p=reject"`, "gen-dmarc-no-rua"},
		{"dmarc example.com --policy reject --no-reports", exitOK, `"v=DMARC1; p=reject"`, ""},
		{"dmarc example.com --policy reject --rua x@vendor.test", exitOK, "; example.com._report._dmarc.vendor.test. 3600 IN TXT \"v=DMARC1\"", "gen-dmarc-rua-external"},
		{"dmarc example.com --policy rejct --rua x@example.com", exitUsage, "", "none, quarantine, reject"},
		{"mta-sts example.com --offline --mx mx1.example.com", exitOK, "; mx: mx1.example.com\n", ""},
		{"mta-sts example.com --offline --mode enforce --mx mx1.example.com", exitFindings, "", "gen-mtasts-enforce-unproven"},
		{"mta-sts example.com --offline --mode enforce --mx mx1.example.com --assume-certs-ok", exitOK, "; mode: enforce\n", ""},
		{"mta-sts example.com --offline --mode none", exitOK, "; mode: none\n; max_age", ""},
		{"mta-sts example.com --offline", exitUsage, "", "--mx"},
		{"mta-sts example.com --offline --mx mx1.example.com --max-age 0", exitUsage, "", "--max-age"},
		{"mta-sts example.com --offline --mx mx1.example.com --max-age 9223372036854775807", exitUsage, "", "max_age"},
		{"mta-sts example.com --offline --mx mx1.example.com --policy-file " + policy, exitOK, `"v=STSv1; id=6648b3358ec3f4ea"`, "wrote the policy"},
		{"mta-sts example.com --offline --mx mx1.example.com --policy-file " + policy, exitUsage, "", "gen-file-exists"},
		{"tls-rpt example.com --rua mailto:a!b@x.example", exitOK, `"v=TLSRPTv1; rua=mailto:a%21b@x.example"`, ""}, // G17
		{"tls-rpt example.com --rua ftp://x.example", exitFindings, "", "gen-tlsrpt-rua"},
		{"spf example.com --offline --provider google", exitOK, "; needs at least 1 of the 10", "gen-spf-unknown"},
		{"spf example.com --offline --provider list", exitUsage, "", "google, microsoft365"},
		{"spf example.com --offline --ip4 192.0.2.1 --ip4 192.0.2.0/24", exitOK, `"v=spf1 ip4:192.0.2.0/24 ~all"`, "gen-spf-private-ip"}, // G6
		{"spf acme-mail.com --offline --ip4 192.0.2.1", exitFindings, "", "gen-spf-private-ip"},
		{"spf example.com --offline --include=", exitUsage, "", "--include has no value"},
		{"spf _spf.example.com --offline --ip4 192.0.2.1", exitOK, "_spf.example.com. 3600", "gen-spf-private-ip"},
		{"dmarc _dmarc.example.com --rua a@example.com", exitUsage, "", "the domain itself"},
		{"mta-sts example.com --offline --mx a.example.com --policy-file nowhere/x", exitUsage, "", "--policy-file"},
		{"spf parked.example --offline --all fail", exitOK, `"v=spf1 -all"`, ""},
		{"spf example.com --offline --redirect _spf.example.com", exitOK, `"v=spf1 redirect=_spf.example.com"`, "gen-spf-unknown"},
		{"spf example.com --offline --redirect _spf.example.com --all fail", exitUsage, "", "cannot be used together"},
		{"spf example.com --offline --redirect=", exitUsage, "", "--redirect has no value"},
		{"spf example.com --offline --exists %{i}._spf.example.com --all fail", exitOK, `"v=spf1 exists:%{i}._spf.example.com -all"`, ""},
		{"spf example.com --offline --exists %{x}._spf.example.com", exitFindings, "", "gen-spf-target-invalid"},
		{"spf example.com --offline --max-lookups 11", exitUsage, "", "--max-lookups 11 is not between 1 and 10"},
		{"spf example.com --offline --max-lookups 0", exitUsage, "", "--max-lookups 0"},
		{"spf example.com --offline --max-lookups 1 --a www.example.com --mx example.com", exitFindings, "", "1 more than the 1 that --max-lookups allows; dearest are a:www.example.com (1), mx (1)"},
		{"spf example.com --offline --merge hello", exitUsage, "", "neither an SPF record nor 'live'"},
		{"spf example.com --offline --merge live", exitIncomplete, "", "could not be looked up"},
		{"spf example.com --offline --flatten include:_spf.example.com", exitFindings, "", "gen-spf-flatten-unsafe"},
		{"spf parked.example --offline --all fail --ttl 0", exitUsage, "", "--ttl"},
		{"spf parked.example --offline --all fail --ttl 604801", exitUsage, "", "--ttl"},
		{"spf parked.example --offline --all fail --ttl 300", exitOK, "parked.example. 300 IN TXT", ""},
		{"dkim example.com --type rsa1024", exitFindings, "", "gen-dkim-weak"},
		{"dkim example.com --selector a_b", exitUsage, "", "--selector"},
	} {
		code, out, stderr := call(t.Context(), append([]string{"generate"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(out, c.stdout) || c.code != exitOK && out != "" || !strings.Contains(stderr, c.stderr) || c.stderr == "" && stderr != "" {
			t.Errorf("%s: exit %d, stdout %q, stderr %q; want %d, %q, %q", c.args, code, out, stderr, c.code, c.stdout, c.stderr)
		}
	}
	if text, err := os.ReadFile(policy); err != nil || string(text) != "version: STSv1\nmode: testing\nmx: mx1.example.com\nmax_age: 86400\n" {
		t.Errorf("the policy file holds %q (%v)", text, err)
	}
}

// TestGeneratorWords makes every refusal and warning there is and reads it in
// both languages. An ID in the source that nothing here brings up fails.
func TestGeneratorWords(t *testing.T) {
	seen := map[string]bool{}
	read := func(p check.GenProblem) {
		t.Helper()
		if strings.HasPrefix(p.ID, "gen-") { // others are rules, with tests of their own
			seen[p.ID] = true
		}
		for _, lang := range locale.Langs {
			text, ok := locale.Must(lang).Lookup(p.MessageID(), p.Params)
			if !ok || strings.Contains(text, "<no value>") || strings.HasSuffix(text, ".") || text == "" {
				t.Errorf("%s in %s: %q", p.MessageID(), lang, text)
			}
		}
	}
	for _, o := range []spf.Options{
		{Include: []string{"i.test", "i.test", "none.test", "slow.test", "5.6.7.8", "example.com", "broken.test"}, All: "neutral"},
		{Include: []string{"many.test"}},
		{Include: []string{"some.test"}},
		{A: []string{"v1.test", "v2.test", "v3.test"}},
		{A: []string{"a1.test", "a2.test", "a3.test"}, IP6: prefixList(t, "2a01:4f8::/64")},
		{IP4: prefixList(t, "10.0.0.1/32", "0.0.0.0/0", "192.0.2.1/32")},
		{IP4: prefixList(t, "192.0.2.1/32"), AllowDocumentation: true},
		{Merge: []string{"v=spf1 ptr ip4:5.6.7.8.9 -all"}},
		{MX: []string{"crowd.test"}},
		{Include: []string{"some.test"}, MaxLookups: 5},
		{Flatten: []string{"i.test", "include:slow.test", "include:none.test", "broken.test", "exists.test", "open.test", "sign.test", "inner.test"}},
		{Merge: []string{"v=spf1 " + numbered("ip4:5.6.7.", 40) + "-all"}},
		{Merge: []string{"v=spf1 " + numbered("ip4:5.6.7.", 160) + "-all"}},
	} {
		g, err := spf.Generate(t.Context(), dnstest.New(t, wordsWorld()), "example.com", o)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range g.Problems {
			read(p)
		}
	}
	_, weak := dkim.GenerateKey("rsa1024")
	key, err := dkim.GenerateKey("ed25519")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{weak, key.ReadBack("v=DKIM1; p=")} {
		p, ok := err.(*check.GenProblem) //nolint:errorlint // it is returned bare
		if !ok {
			t.Fatalf("%v is no refusal", err)
		}
		read(*p)
	}
	for _, p := range slices.Concat(dkim.Advice("rsa4096"), dkim.Advice("ed25519")) {
		read(p)
	}
	for _, selector := range []string{"taken", "alias", "dead", "slow", "loop"} {
		slot := dkim.AskSlot(t.Context(), dnstest.New(t, takenWorld), "example.com", selector)
		read(*slot.Problem())
		slot = dkim.AskSlot(t.Context(), dnstest.New(t, takenWorld), "wild.test", selector)
		read(*slot.Problem())
		slot = dkim.AskSlot(t.Context(), dns.Overlay(nil, nil), "wild.test", selector)
		read(*slot.Problem())
	}
	for _, o := range []mtasts.Options{
		{MX: []string{"a.test"}, LiveMX: []dns.Name{"b.test", "c.test"}},
		{MX: []string{"a.test"}, LiveMX: []dns.Name{"b.test"}, Mode: mtasts.Enforce},
		{MX: []string{"a.test"}, LiveMX: []dns.Name{dns.Root}},
		{MX: []string{"a.test"}, ID: "a", LiveID: "a", LivePolicy: "version: STSv1\n"},
	} {
		_, problems, err := mtasts.Generate("example.com", o)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			read(p)
		}
	}
	words := &generation{flags: &genFlags{}, l: locale.Must(locale.English)}
	if err := words.txt("example.com", "v=spf1 –all", "spf", ""); err == nil || !strings.Contains(err.Error(), "(gen-non-ascii)") {
		t.Errorf("a dash that is none: got %v", err)
	}
	read(check.GenProblem{ID: "gen-non-ascii", Params: check.Params{"Term": "–all"}})
	// What only the command can meet, and the rest through it, in both languages.
	tlsa := tlsaFiles(t)
	bimi := bimiFiles(t)
	long := "d." + strings.Repeat(strings.Repeat("l", 60)+".", 3) + "example.com"
	for _, args := range []string{
		"dmarc example.com --pct 1", "dmarc example.com", "dmarc example.com --policy reject", "dmarc example.com --rua a@vendor.test --test --policy reject",
		"dmarc " + long + " --rua a@" + strings.Repeat("v", 60) + ".test",
		"tlsa mx.test --cert " + tlsa["empty"], "tlsa mx.test --port 465 --offline --unsigned-ok --cert " + tlsa["key"] + " --whole-cert " + tlsa["ca"] + " --ca " + tlsa["ca"],
		"tlsa www.test --domain test --offline --cert " + tlsa["key"] + " --zone " + tlsa["zone"],
		"report-auth reports.test *", "report-auth mail.example.com example.com", "report-auth " + strings.Repeat("v", 60) + ".test " + long,
		"mta-sts example.com --offline --mx *.co.uk", "tls-rpt example.com --offline --rua https://10.0.0.1/", "tls-rpt example.com --offline --rua a@x.example?subject=tls",
		"tls-rpt example.com --rua x", "spf example.com --offline --merge " + strings.ReplaceAll("v=spf1 "+numbered("ip4:5.6.7.", 110), " ", "\u00a0") + "-all",
		"bimi example.com --decline --offline --selector a_b", "bimi example.com --decline --format plain --zone " + bimi["zone"],
		"bimi example.com --logo https://example.com/l.svg --offline", "bimi missing.test --logo https://example.com/l.svg --zone " + bimi["zone"],
		"bimi none.test --logo https://example.com/l.svg --zone " + bimi["zone"], "bimi sub.test --logo https://example.com/l.svg --zone " + bimi["zone"],
		"bimi pct.test --logo https://example.com/l.svg --zone " + bimi["zone"], "bimi testing.test --logo https://example.com/l.svg --zone " + bimi["zone"],
		"bimi " + long + " --logo https://example.com/l.svg --selector " + strings.Repeat("s", 60) + " --zone " + bimi["zone"],
		"bimi example.com --logo https://off.test/l.svg --fetch --zone " + bimi["zone"], "bimi example.com --logo https://off.test:444/l.svg --fetch --zone " + bimi["zone"],
		"bimi example.com --logo https://example.com/l.svg --logo-file " + bimi["bad"] + " --zone " + bimi["zone"],
		"dkim example.com --offline --selector s --key-dir " + t.TempDir() + " --type ed25519",
	} {
		for _, lang := range locale.Langs {
			fields := strings.Fields(strings.ReplaceAll(args, "\u00a0", "\x00"))
			for i := range fields {
				fields[i] = strings.ReplaceAll(fields[i], "\x00", " ")
			}
			for range 2 { // the second time the key file exists
				_, out, stderr := call(t.Context(), append(append([]string{"generate"}, fields...), "--lang", string(lang))...)
				if strings.Contains(out+stderr, "<no value>") || strings.Contains(out+stderr, "[gen") {
					t.Errorf("%s in %s: %s%s", args, lang, out, stderr)
				}
				for _, m := range regexp.MustCompile(`\((gen-[a-z0-9-]+|bimi-selector-invalid)\)`).FindAllStringSubmatch(stderr, -1) {
					seen[m[1]] = true
				}
			}
		}
	}
	if seen["bimi-selector-invalid"] { // it bears the name that a rule would have
		delete(seen, "bimi-selector-invalid")
	} else {
		t.Error("no case brings bimi-selector-invalid up")
	}
	// The file system of a test cannot be made to show a wider mode.
	read(check.GenProblem{ID: "gen-file-mode", Params: check.Params{"Path": "/keys/a.pem", "Mode": "0644"}})

	for _, id := range generatorIDs(t) {
		if !seen[id] {
			t.Errorf("%s stands in the source, and no case here brings it up", id)
		}
		delete(seen, id)
	}
	for id := range seen {
		t.Errorf("%s was not found in the source: the search is broken", id)
	}
}

// tlsaFiles are what 'generate tlsa' reads: nothing, a CA and its key, and a zone.
func tlsaFiles(t *testing.T) map[string]string {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	paths := map[string]string{}
	for name, data := range map[string]string{
		"empty": "", "ca": string(ca), "key": string(ca),
		"zone": "$ORIGIN test.\n@ 3600 IN SOA ns1 nobody 1 2 3 4 5\n@ IN NS ns1\n@ IN MX 10 mx\nmx IN A 192.0.2.1\nwww IN A 192.0.2.2\n" +
			"_25._tcp.www IN TLSA 3 1 2 " + strings.Repeat("ab", 64) + "\n",
	} {
		paths[name] = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(paths[name], []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// generatorIDs are the IDs in the source of this module.
func generatorIDs(t *testing.T) []string {
	var ids []string
	literal := regexp.MustCompile(`"(gen-[a-z0-9-]*[a-z0-9])"`)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range literal.FindAllSubmatch(text, -1) {
			if id := string(m[1]); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		return err
	})
	if err != nil || len(ids) < 15 {
		t.Fatalf("found %v, %v", ids, err)
	}
	return ids
}

func wordsWorld() string {
	var b strings.Builder
	b.WriteString(`
i.test.      TXT "v=spf1 ip4:5.6.7.0/24 -all"
slow.test.   TXT ; !timeout
broken.test. TXT "v=spf1 ip4:x -all"
exists.test. TXT "v=spf1 exists:%{i}.test -all"
open.test.   TXT "v=spf1 ?all +all"
sign.test.   TXT "v=spf1 -ip4:5.6.7.1 ip4:5.6.7.0/24 -all"
inner.test.  TXT "v=spf1 include:slow.test -all"
a1.test.     A 5.6.7.1
a2.test.     A 5.6.7.2
a3.test.     A 5.6.7.3
`)
	for _, c := range []struct {
		name string
		n    int
	}{{"many.test.", 10}, {"some.test.", 8}} {
		b.WriteString(c.name + " TXT \"v=spf1" + strings.Repeat(" a:a1.test", c.n) + " -all\"\n")
	}
	for i := range 11 {
		fmt.Fprintf(&b, "crowd.test. MX 10 h%d.test.\n", i)
	}
	return b.String()
}

func numbered(prefix string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s%d ", prefix, i)
	}
	return b.String()
}

func prefixList(t *testing.T, texts ...string) (list []netip.Prefix) {
	t.Helper()
	for _, s := range texts {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}
