package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/report"
)

// nasty is what a stranger may write anywhere: an escape sequence that clears
// the screen, a bell, line ends, bidi, invisible characters, bytes that are no
// UTF-8, markup and template code.
const nasty = "\x1b[2J\x1b]0;owned\x07\r\n\u202ekcab\u2066\u200b\xff\xfe\"'><script>alert(1)</script>{{.}}${x}=cmd|' /C'!A0"

// zoneText writes octets as a character-string of a zone file.
func zoneText(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		part := s[:min(len(s), 255)]
		s = s[len(part):]
		b.WriteByte('"')
		for i := range len(part) {
			if c := part[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
				fmt.Fprintf(&b, "\\%03d", c)
			} else {
				b.WriteByte(c)
			}
		}
		b.WriteString("\" ")
	}
	return b.String()
}

// hostileZone is a domain that attacks whoever audits it.
func hostileZone() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("$ORIGIN evil.example.\n$TTL 60\n@ SOA ns root 1 2 3 4 5\n@ NS ns\nns A 5.6.7.53")
	line("@ TXT %s", zoneText("v=spf1 include:deep0.evil.example include:wide.evil.example exists:%{i}.evil.example "+nasty+" ?all"))
	line("@ MX 10 mx\n@ MX 20 ev\\027il\\007.evil.example.\n@ MX 30 loop-a\nmx A 5.6.7.25")
	line("loop-a CNAME loop-b\nloop-b CNAME loop-a")
	for i := range 60 {
		line("chain%d CNAME chain%d", i, i+1)
		line("deep%d TXT \"v=spf1 include:deep%d.evil.example include:deep%d.evil.example -all\"", i, i+1, i+2)
	}
	wide := "v=spf1"
	for i := range 400 {
		wide += fmt.Sprintf(" include:w%d.evil.example", i)
		line("w%d TXT \"v=spf1 include:wide.evil.example a:w%d.evil.example ~all\"", i, i)
	}
	line("wide TXT %s", zoneText(wide))
	for i := range 3000 {
		line("@ TXT \"junk %d\"", i)
	}
	line("@ TXT %s", zoneText(strings.Repeat(nasty, 600)))
	line("_dmarc TXT %s", zoneText("v=DMARC1; p=reject; rua=mailto:a@b.example,"+nasty+"; "+nasty+"="+nasty))
	line("_mta-sts TXT %s", zoneText("v=STSv1; id="+nasty))
	line("_smtp._tls TXT %s", zoneText("v=TLSRPTv1; rua="+nasty))
	line("s1._domainkey TXT %s", zoneText("v=DKIM1; k=rsa; n="+nasty+"; p="+strings.Repeat("MIIB", 5500)))
	line("s2._domainkey TXT %s", zoneText("v=DKIM1; p="+nasty))
	line("s3._domainkey CNAME loop-a")
	line("s4._domainkey CNAME chain0")
	return b.String()
}

// hostileSMTP greets, offers and certifies nasty things.
func hostileSMTP(t *testing.T) net.Addr {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: strings.ToValidUTF8(nasty, ""), Organization: []string{"\u202eevil\x1b[2J"}},
		DNSNames: []string{"evil.example", "x\x1b[2J<script>alert(1)</script>"}, NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go talkNasty(conn, config)
		}
	}()
	return ln.Addr()
}

func talkNasty(conn net.Conn, config *tls.Config) {
	defer func() { conn.Close() }()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	line := strings.NewReplacer("\r", "", "\n", "").Replace(nasty)
	fmt.Fprintf(conn, "220-%s\r\n220 %s\r\n", line, line)
	r := bufio.NewReader(conn)
	for {
		cmd, err := r.ReadString('\n')
		switch {
		case err != nil:
			return
		case strings.HasPrefix(cmd, "EHLO"):
			fmt.Fprintf(conn, "250-%s\r\n250-AUTH %s\r\n250-%s\r\n250 STARTTLS\r\n", line, line, line)
		case strings.HasPrefix(cmd, "STARTTLS"):
			fmt.Fprintf(conn, "220 %s\r\n", line)
			conn = tls.Server(conn, config)
			r = bufio.NewReader(conn)
		default:
			fmt.Fprintf(conn, "221 %s\r\n", line)
		}
	}
}

// TestHostile audits a domain, its mail host included, that means harm to who
// reads the report. It must end soon, stay small and show nothing as it came.
func TestHostile(t *testing.T) {
	text := hostileZone()
	zone := filepath.Join(t.TempDir(), "evil.zone")
	if err := os.WriteFile(zone, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	smtp := hostileSMTP(t).String()
	t.Run("zone", func(t *testing.T) {
		auditHostile(t, "--dns", "127.0.0.1:1", "--zone", zone, "--connect-to", ":25:"+smtp)
	})
	t.Run("live", func(t *testing.T) {
		auditHostile(t, "--dns", dnstest.Serve(t, text).Addr.String(), "--connect-to", ":25:"+smtp)
	})
}

func auditHostile(t *testing.T, flags ...string) {
	dir := t.TempDir()
	tape := filepath.Join(dir, "tape")
	args := append([]string{"audit", "evil.example", "-v", "--timeout", "40s", "--record", tape,
		"--selector", "s1", "--selector", "s2", "--selector", "s3", "--selector", "s4"}, flags...)
	args = append(args, "--connect-to", "::127.0.0.1:1")
	files := map[string]string{}
	for _, f := range formatNames() {
		files[f] = filepath.Join(dir, "evil."+f)
		args = append(args, "-o", f+"="+files[f])
	}
	began := time.Now()
	code, out, errs := invoke(t, args...)
	if code != exitFindings {
		t.Errorf("got exit code %d (%s), want %d", code, errs, exitFindings)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	harmless(t, "standard output", out)
	harmless(t, "standard error", errs)
	for f, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		harmless(t, f, string(b))
		if f == "json" {
			saved := parse(t, b)
			if seen := string(saved.Reports[0].Facts["starttls"]); strings.Count(seen, "owned") < 3 {
				t.Errorf("what the mail host said is not kept: %s", seen)
			}
		}
	}
	if !strings.Contains(out, `\x1b[2J`) {
		t.Error("what was published is not shown at all")
	}
	for _, again := range [][]string{{"render", files["json"]}, {"audit", "evil.example", "--replay", tape}} {
		_, out, errs := invoke(t, again...)
		harmless(t, again[0], out)
		harmless(t, again[0], errs)
	}
}

// TestHostileCall gives nasty arguments and files to every command.
func TestHostileCall(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte(nasty+"\n"+nasty), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{nasty}, {"--" + nasty}, {"help", nasty}, {"explain", nasty}, {"rules", "--standard", nasty}, {"completion", nasty},
		{"render", file}, {"render", nasty}, {"demo", "--out", file + "/" + nasty},
		{"audit", nasty}, {"audit", "--" + nasty}, {"audit", "-f", file}, {"audit", "--replay", file, "a.example"},
		{"audit", "--offline", "--zone", file, "a.example"}, {"audit", "--offline", "--zone", nasty, "a.example"}, {"audit", "--dns", nasty, "a.example"},
		{"audit", "--connect-to", nasty, "a.example"}, {"audit", "--ca-file", file, "a.example"}, {"audit", "--lang", nasty, "a.example"},
		{"audit", "--offline", "a.example", "-o", "json=" + nasty + "/x"}, {"audit", "--offline", "a.example", "-o", nasty},
		{"audit", "--timeout", nasty, "a.example"}, {"audit", "--selector", nasty, "a.example"},
		{"generate", nasty}, {"generate", "spf", nasty}, {"generate", "dmarc", "a.example", "--rua", nasty}, {"generate", "tls-rpt", "a.example", "--rua", nasty},
		{"generate", "spf", "a.example", "--offline", "--include", nasty}, {"generate", "spf", "a.example", "--offline", "--merge", nasty},
		{"generate", "dkim", "a.example", "--selector", nasty}, {"generate", "mta-sts", "a.example", "--offline", "--mx", nasty},
	} {
		code, out, errs := invoke(t, args...)
		if code != exitUsage && code != exitFindings || out != "" {
			t.Errorf("%q: got exit code %d and standard output %q", args, code, out)
		}
		harmless(t, fmt.Sprintf("%q", args), errs)
		if n := strings.Count(errs, "\n"); n != 1 || !strings.HasPrefix(errs, "postseal: ") || len(errs) > 2000 {
			t.Errorf("%q: standard error has %d lines: %s", args, n, errs)
		}
	}
}

// TestHostileJSON prints what a hostile zone holds as JSON of the commands that
// look at one standard: nothing hidden reaches the terminal as it came.
func TestHostileJSON(t *testing.T) {
	zone := filepath.Join(t.TempDir(), "evil.zone")
	if err := os.WriteFile(zone, []byte(hostileZone()), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"dkim", "find", "evil.example", "--selector", "s1"}, {"dmarc", "walk", "evil.example"}, {"dmarc", "rollout", "evil.example"},
		{"spf", "tree", "evil.example"}, {"spf", "eval", "--ip", "192.0.2.1", "--from", "a@evil.example"},
	} {
		_, out, errs := invoke(t, append(args, "--format", "json", "--offline", "--zone", zone)...)
		if out == "" {
			t.Errorf("%q prints nothing: %s", args, errs)
		}
		harmless(t, fmt.Sprintf("%q", args), out)
	}
}

// invoke runs postseal in this process.
func invoke(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func harmless(t *testing.T, name, text string) {
	t.Helper()
	if where := obeyed(name, text); where != "" {
		t.Errorf("%s holds %s", name, where)
	}
	if len(text) == 0 || len(text) > 8<<20 {
		t.Errorf("%s has %d octets", name, len(text))
	}
}

func parse(t *testing.T, b []byte) *report.Document {
	t.Helper()
	d, err := report.ReadJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
