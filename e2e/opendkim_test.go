//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"
)

const (
	signDomain = "sign.example"
	letter     = "From: Ana <ana@sign.example>\r\nTo: bob@example.net\r\nSubject: keys\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\n" +
		"Message-ID: <1@sign.example>\r\n\r\nHello,\r\n\r\n  this is signed.  \r\n\r\n"
)

// TestOpenDKIM holds our keys and records to OpenDKIM's tools, and theirs to us,
// over DNS as Knot and unbound serve it.
func TestOpenDKIM(t *testing.T) {
	dir, err := os.MkdirTemp("", "postseal-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w := &world{dir: dir, binary: os.Getenv(binaryEnv)}
	ours, theirs := filepath.Join(dir, "ours"), folder(t, dir, "theirs")

	r := w.run(t, "generate", "dkim", "--offline", "--type", "both", "--selector", "a", "--key-dir", ours, signDomain)
	if r.code != 0 {
		t.Fatalf("generate dkim: exit %d: %s", r.code, r.stderr)
	}
	signer := w.run(t, "generate", "dkim", "--offline", "--type", "both", "--selector", "c", "--key-dir", ours, "--format", "opendkim", signDomain)
	if signer.code != 0 {
		t.Fatalf("generate dkim: exit %d: %s", signer.code, signer.stderr)
	}
	run(t, "/usr/sbin/opendkim-genkey", "-b", "2048", "-d", signDomain, "-s", "theirs", "-D", theirs)
	record, err := os.ReadFile(filepath.Join(theirs, "theirs.txt"))
	if err != nil {
		t.Fatal(err)
	}
	edOnly := w.run(t, "generate", "dkim", "--offline", "--type", "ed25519", "--selector", "d", "--key-dir", ours, "--format", "opendkim", signDomain)
	if edOnly.code != 0 {
		t.Fatalf("generate dkim: exit %d: %s", edOnly.code, edOnly.stderr)
	}
	// What the signer's configuration shows in comments is the record to publish.
	startDNS(t, dir, []zone{{origin: signDomain + ".", text: r.stdout + string(record) + "\n" + shownRecords(signer.stdout+edOnly.stdout), signed: true}}, "")
	useResolver(t, dir)

	t.Run("match", func(t *testing.T) {
		for _, key := range []string{ours, theirs, filepath.Join(theirs, "theirs.private")} {
			if r := w.run(t, "dkim", "match", "--dns", resolver, "--key", key, signDomain); r.code != 0 {
				t.Errorf("%s: exit %d: %s%s", key, r.code, r.stdout, r.stderr)
			}
		}
		r := w.run(t, "dkim", "match", "--dns", resolver, "--key", filepath.Join(theirs, "theirs.private"), "--selector", "a", signDomain)
		if r.code != 1 || !strings.Contains(r.stdout, "mismatch: another key is published at a._domainkey."+signDomain) {
			t.Errorf("the wrong selector: exit %d: %s%s", r.code, r.stdout, r.stderr)
		}
	})
	t.Run("audit", func(t *testing.T) {
		r := w.run(t, "audit", "--dns", resolver, "--no-smtp", "--format", "json", "--lang", "en", "--selector", "theirs", "--selector", "a", "--selector", "a-ed", signDomain)
		for _, res := range decode(t, r).Reports[0].Results {
			if !strings.HasPrefix(res.ID, "dkim-") || res.Status != "fail" || res.Severity == "info" {
				continue
			}
			if res.ID != "dkim-parked-active-key" { // the domain has no mail hosts, and keys nonetheless
				t.Errorf("%s: %+v", res.ID, res.Findings)
			}
		}
	})
	t.Run("taken", func(t *testing.T) {
		r := w.run(t, "generate", "dkim", "--dns", resolver, "--selector", "theirs", "--key-dir", filepath.Join(dir, "never"), signDomain)
		if r.code != 1 || !strings.Contains(r.stderr, "(gen-dkim-selector-used)") {
			t.Errorf("exit %d: %s", r.code, r.stderr)
		}
	})
	t.Run("testkey", func(t *testing.T) { testKeys(t, dir, ours, theirs) })
	t.Run("they sign", func(t *testing.T) { w.theySign(t, theirs) })
	t.Run("we sign", func(t *testing.T) { weSign(t, ours) })
	t.Run("filter", func(t *testing.T) { w.filterSigns(t, configured(t, dir, "rsa", signer.stdout), ours, "c") })
	t.Run("filter with Ed25519", func(t *testing.T) {
		if edSupported(t) {
			w.filterSigns(t, configured(t, dir, "ed25519", edOnly.stdout), ours, "d")
		}
	})
}

// shownRecords are the records in the comments of a signer's configuration.
func shownRecords(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# "); ok && (strings.Contains(rest, " IN TXT ") || strings.HasPrefix(rest, "  ")) {
			b.WriteString(rest)
		}
	}
	return b.String()
}

// useResolver has programs that read /etc/resolv.conf ask the resolver of the
// test. Nobody outside of this mount namespace sees it.
func useResolver(t *testing.T, dir string) {
	conf := write(t, "nameserver "+resolver+"\n", dir, "resolv.conf")
	if err := syscall.Mount(conf, "/etc/resolv.conf", "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount("/etc/resolv.conf", 0); err != nil {
			t.Error(err)
		}
	})
}

// opendkimConf is a configuration that asks our resolver alone.
func opendkimConf(t *testing.T, dir string) string {
	return write(t, "Nameservers "+resolver+"\n", dir, "testkey.conf")
}

// edSupported tells whether OpenDKIM was built with Ed25519; where it was not,
// what could not be tried is said.
func edSupported(t *testing.T) bool {
	out, err := exec.Command("/usr/sbin/opendkim", "-V").CombinedOutput()
	if err != nil {
		t.Fatalf("opendkim -V: %v: %s", err, out)
	}
	if !strings.Contains(string(out), "ed25519-sha256") {
		t.Logf("NOT TRIED: this OpenDKIM was built without Ed25519:\n%s", out)
		return false
	}
	return true
}

// testKeys has opendkim-testkey hold the published records to the key files.
func testKeys(t *testing.T, dir, ours, theirs string) {
	conf := opendkimConf(t, dir)
	testkey := func(selector, key string) (string, error) {
		out, err := exec.Command("/usr/sbin/opendkim-testkey", "-vvv", "-x", conf, "-d", signDomain, "-s", selector, "-k", key).CombinedOutput()
		return string(out), err
	}
	for selector, key := range map[string]string{
		"a": filepath.Join(ours, signDomain+".a.pem"), "theirs": filepath.Join(theirs, "theirs.private"),
	} {
		if out, err := testkey(selector, key); err != nil || !strings.Contains(out, "key OK") {
			t.Errorf("%s: %v\n%s", selector, err, out)
		}
	}
	if out, err := testkey("a", filepath.Join(theirs, "theirs.private")); err == nil || strings.Contains(out, "key OK") {
		t.Errorf("the tool takes the wrong key, so that its word is worth nothing:\n%s", out)
	}
	if edSupported(t) {
		out, err := testkey("a-ed", filepath.Join(ours, signDomain+".a-ed.pem"))
		if err != nil || !strings.Contains(out, "key OK") {
			t.Logf("NOT PASSED by opendkim-testkey: our Ed25519 key (%v):\n%s", err, out)
		}
	}
}

// theySign has opendkim-testmsg sign. It signs with SHA-1 whatever the filter
// does, which nobody may accept since RFC 8301 §3.1: then we must say so.
func (w *world) theySign(t *testing.T, theirs string) {
	key := filepath.Join(theirs, "theirs.private")
	signed := testmsg(t, letter, "-C", "-d", signDomain, "-s", "theirs", "-k", key)
	if signed.code != 0 || !strings.HasPrefix(signed.stdout, "DKIM-Signature:") {
		t.Fatalf("opendkim-testmsg: exit %d: %s%s", signed.code, signed.stdout, signed.stderr)
	}
	eml := write(t, signed.stdout, w.dir, "theirs.eml")
	r := w.run(t, "dkim", "match", "--dns", resolver, "--key", key, "--message", eml, signDomain)
	if strings.Contains(signed.stdout, "a=rsa-sha1") {
		t.Log("opendkim-testmsg signs with rsa-sha1")
		verify(t, signed.stdout, 0, 1)
		if r.code != 3 || !strings.Contains(words(r.stdout), "cannot be checked: hash algorithm too weak: sha1") {
			t.Errorf("dkim match --message: exit %d: %s%s", r.code, r.stdout, r.stderr)
		}
		return
	}
	verify(t, signed.stdout, 1, 1)
	if r.code != 0 {
		t.Errorf("dkim match --message: exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

// words is text without its line breaks: what it is broken into depends on names.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

// filterSigns runs OpenDKIM's filter with the configuration that we print, and
// has others verify what it signed.
func (w *world) filterSigns(t *testing.T, conf, ours, selector string) {
	daemon(t, w.dir, "opendkim", []string{"127.0.0.1:8891"}, "/usr/sbin/opendkim", "-f", "-x", conf)
	signed := milterSign(t, "127.0.0.1:8891", letter)
	if n := strings.Count(signed, "DKIM-Signature:"); n != 1 || !strings.Contains(signed, "s="+selector+";") {
		t.Fatalf("%d signatures, want one of %s:\n%s", n, selector, signed)
	}
	verify(t, signed, 1, 1)
	verify(t, strings.Replace(signed, "this is signed", "this is forged", 1), 0, 1)
	eml := write(t, signed, w.dir, "filter.eml")
	key := filepath.Join(ours, signDomain+"."+selector+".pem")
	r := w.run(t, "dkim", "match", "--dns", resolver, "--key", key, "--message", eml, signDomain)
	if r.code != 0 || !strings.Contains(words(r.stdout), "the signature of "+selector+" was made with this key") {
		t.Errorf("dkim match --message: exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	other := filepath.Join(ours, signDomain+".a.pem")
	if r := w.run(t, "dkim", "match", "--dns", resolver, "--key", other, "--message", eml, signDomain); r.code != 1 {
		t.Errorf("dkim match --message with another key: exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	looked := w.run(t, "message", "--dns", resolver, "--format", "json", eml)
	var doc struct {
		Message struct {
			Facts struct {
				Signatures []struct{ Domain, Selector, Result string }
			}
		}
	}
	if err := json.Unmarshal([]byte(looked.stdout), &doc); err != nil {
		t.Fatalf("postseal message: exit %d: %v: %s", looked.code, err, looked.stderr)
	}
	if l := doc.Message.Facts.Signatures; len(l) != 1 || l[0].Result != "pass" || l[0].Selector != selector || l[0].Domain != signDomain {
		t.Errorf("postseal message: exit %d: signatures %+v", looked.code, l)
	}
}

// verify has go-msgauth verify a message over the DNS of the test: so many of
// its signatures pass.
func verify(t *testing.T, message string, pass, of int) {
	t.Helper()
	asks := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, resolver+":53")
	}}
	results, err := msgauth.VerifyWithOptions(strings.NewReader(message), &msgauth.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) { return asks.LookupTXT(t.Context(), name) },
	})
	good := 0
	for _, r := range results {
		if r.Err == nil {
			good++
		} else if pass > 0 {
			t.Errorf("go-msgauth: %v", r.Err)
		}
	}
	if err != nil || len(results) != of || good != pass {
		t.Errorf("go-msgauth: %v, %d of %d signatures pass, want %d of %d", err, good, len(results), pass, of)
	}
}

// weSign signs with our keys, and has opendkim-testmsg verify.
func weSign(t *testing.T, ours string) {
	for _, selector := range []string{"a", "a-ed"} {
		if selector == "a-ed" && !edSupported(t) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(ours, signDomain+"."+selector+".pem"))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(data)
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		for _, canon := range []msgauth.Canonicalization{msgauth.CanonicalizationSimple, msgauth.CanonicalizationRelaxed} {
			var b bytes.Buffer
			if err := msgauth.Sign(&b, strings.NewReader(letter), &msgauth.SignOptions{Domain: signDomain, Selector: selector,
				Signer: key.(crypto.Signer), HeaderCanonicalization: canon, BodyCanonicalization: canon}); err != nil {
				t.Fatal(err)
			}
			if r := testmsg(t, b.String()); r.code != 0 || r.stdout != "" || r.stderr != "" {
				t.Errorf("%s, %s: opendkim-testmsg: exit %d: %s%s", selector, canon, r.code, r.stdout, r.stderr)
			}
			forged := strings.Replace(b.String(), "this is signed", "this is forged", 1)
			if r := testmsg(t, forged); r.code == 0 && r.stdout == "" && r.stderr == "" {
				t.Errorf("%s, %s: opendkim-testmsg takes a forged message, so that its word is worth nothing", selector, canon)
			}
		}
	}
}

// testmsg runs opendkim-testmsg over a message.
func testmsg(t *testing.T, message string, args ...string) result {
	t.Helper()
	cmd := exec.Command("/usr/sbin/opendkim-testmsg", args...)
	cmd.Stdin = strings.NewReader(message)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatalf("opendkim-testmsg (is the package installed? see e2e/install): %v", err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// configured puts the configuration that was printed into files and has OpenDKIM
// read it.
func configured(t *testing.T, dir, name, text string) string {
	home := folder(t, dir, "opendkim-"+name)
	parts := map[string]string{}
	file := ""
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "#"):
			for _, path := range []string{"/etc/opendkim/KeyTable", "/etc/opendkim/SigningTable", "/etc/opendkim.conf", "/etc/postfix/main.cf"} {
				if strings.Contains(line, path) {
					file = filepath.Base(path)
				}
			}
		case strings.TrimSpace(line) != "":
			parts[file] += line
		}
	}
	for _, want := range []string{"KeyTable", "SigningTable", "opendkim.conf", "main.cf"} {
		if parts[want] == "" {
			t.Fatalf("no part for %s:\n%s", want, text)
		}
	}
	write(t, parts["KeyTable"], home, "KeyTable")
	write(t, parts["SigningTable"], home, "SigningTable")
	conf := write(t, strings.ReplaceAll(parts["opendkim.conf"], "refile:/etc/opendkim/", "refile:"+home+"/")+
		// The folder of the test lies below /tmp, which everybody may write to.
		"RequireSafeKeys no\nNameservers "+resolver+"\nSyslog no\n", home, "opendkim.conf")
	if out, err := exec.Command("/usr/sbin/opendkim", "-n", "-x", conf).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("opendkim -n: %v\n%s\n%s", err, out, parts["opendkim.conf"])
	}
	return conf
}
