package lab

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/special"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, opts Options) *Lab {
	t.Helper()
	l, err := Start(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// connect dials as an audit does: the host's own address, sent to the lab.
func connect(t *testing.T, l *Lab, host string, port uint16) (net.Conn, error) {
	t.Helper()
	addrs, err := l.addresses(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	d := &dial.Dialer{Redirects: l.Redirects()}
	c, err := d.Dial(t.Context(), host, netip.AddrPortFrom(addrs[0], port))
	if err == nil {
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	}
	return c, err
}

// manners is what a client sees of a mail host.
type manners struct {
	Greeting string // its code
	STARTTLS bool
	Auth     bool   // before TLS
	TLS      string // version, "" without
	Verdict  string // of the certificate
	AuthTLS  bool   // after TLS
}

func visit(t *testing.T, l *Lab, host string, port uint16) manners {
	t.Helper()
	var m manners
	c, err := connect(t, l, host, port)
	if err != nil {
		return manners{Greeting: "refused"}
	}
	conf := &tls.Config{ServerName: host, RootCAs: l.Roots(), InsecureSkipVerify: true}
	upgrade := func() {
		tc := tls.Client(c, conf)
		if err := tc.HandshakeContext(t.Context()); err != nil {
			t.Fatalf("%s:%d: %v", host, port, err)
		}
		state := tc.ConnectionState()
		m.TLS, m.Verdict = tls.VersionName(state.Version), verdict(state, l.Roots(), host)
		c = tc
	}
	if port == 465 {
		upgrade()
	}
	text := textproto.NewConn(c)
	code, _, err := text.ReadResponse(220)
	m.Greeting = strconv.Itoa(code)
	if err != nil {
		return m
	}
	caps := ehlo(t, text)
	m.STARTTLS = slices.Contains(caps, "STARTTLS")
	m.Auth = slices.ContainsFunc(caps, isAuth)
	if m.TLS != "" {
		m.Auth, m.AuthTLS = false, m.Auth
	}
	if !m.STARTTLS {
		return m
	}
	if _, err := text.Cmd("STARTTLS"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := text.ReadResponse(220); err != nil {
		t.Fatal(err)
	}
	upgrade()
	text = textproto.NewConn(c)
	m.AuthTLS = slices.ContainsFunc(ehlo(t, text), isAuth)
	return m
}

func isAuth(capability string) bool { return strings.HasPrefix(capability, "AUTH ") }

func ehlo(t *testing.T, text *textproto.Conn) []string {
	t.Helper()
	if _, err := text.Cmd("EHLO lab.test"); err != nil {
		t.Fatal(err)
	}
	_, msg, err := text.ReadResponse(250)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(msg, "\n")[1:]
}

func verdict(state tls.ConnectionState, roots *x509.CertPool, host string) string {
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: host})
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "expired"
	case errors.As(err, &name):
		return "name"
	case errors.As(err, &unknown):
		return "untrusted"
	}
	return err.Error()
}

func TestMailHosts(t *testing.T) {
	l := start(t, Options{})
	good := manners{Greeting: "220", STARTTLS: true, TLS: "TLS 1.3", Verdict: "ok"}
	submission := manners{Greeting: "220", STARTTLS: true, TLS: "TLS 1.3", Verdict: "ok", AuthTLS: true}
	for _, tc := range []struct {
		host string
		port uint16
		want manners
	}{
		{"mx1.lighthouse.example", 25, good},
		{"mx2.lighthouse.example", 25, good},
		{"mx1.lighthouse.example", 587, submission},
		{"mx1.lighthouse.example", 465, manners{Greeting: "220", TLS: "TLS 1.3", Verdict: "ok", AuthTLS: true}},
		{"mx.mailhive.example", 25, good},
		{"mx.mailhive.example", 587, manners{Greeting: "refused"}},
		{"mx1.rusty-gears.example", 25, manners{Greeting: "220", STARTTLS: true, Auth: true, TLS: "TLS 1.3", Verdict: "expired", AuthTLS: true}},
		{"mx2.rusty-gears.example", 25, manners{Greeting: "220"}},
		{"mail.rusty-gears.example", 25, manners{Greeting: "220", STARTTLS: true, TLS: "TLS 1.3", Verdict: "name"}},
		{"mx.busy.corner.example", 25, manners{Greeting: "421"}},
		{"mx.self-signed.corner.example", 25, manners{Greeting: "220", STARTTLS: true, TLS: "TLS 1.3", Verdict: "untrusted"}},
		{"mx.closed.corner.example", 25, manners{Greeting: "refused"}},
	} {
		if got := visit(t, l, tc.host, tc.port); got != tc.want {
			t.Errorf("%s:%d: got %+v, want %+v", tc.host, tc.port, got, tc.want)
		}
	}
	if s := l.Stats(); s.SMTPConnections != 10 || s.Mail != 0 || s.Logins != 0 {
		t.Errorf("got %+v, want 10 connections, no mail, no login", s)
	}
}

func TestSilentHost(t *testing.T) {
	l := start(t, Options{})
	c, err := connect(t, l, "mx.silent.corner.example", 25)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %d octets and %v, want silence", n, err)
	}
}

func TestMailIsRefusedAndCounted(t *testing.T) {
	l := start(t, Options{})
	c, err := connect(t, l, "mx2.rusty-gears.example", 25)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	for _, step := range []struct{ say, want string }{
		{"", "220 "}, {"HELO lab.test", "250 "}, {"MAIL FROM:<a@b.example>", "550 "}, {"RCPT TO:<a@b.example>", "5"}, {"DATA", "5"},
	} {
		if step.say != "" {
			if _, err := io.WriteString(c, step.say+"\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(got, step.want) {
			t.Errorf("%s: got %q (%v), want %q", step.say, got, err, step.want)
		}
	}
	if s := l.Stats(); s.Mail != 3 || s.Logins != 0 {
		t.Errorf("got %+v, want 3 mail commands and no login", s)
	}
}

func TestPolicyHosts(t *testing.T) {
	l := start(t, Options{})
	d := &dial.Dialer{Redirects: l.Redirects()}
	client := &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: l.Roots()},
			DialContext: func(ctx context.Context, _, hostport string) (net.Conn, error) {
				host, _, err := net.SplitHostPort(hostport)
				if err != nil {
					return nil, err
				}
				addrs, err := l.addresses(ctx, host)
				if err != nil {
					return nil, err
				}
				return d.Dial(ctx, host, netip.AddrPortFrom(addrs[0], 443))
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(client.CloseIdleConnections)
	var got []string
	for _, h := range policyHosts {
		resp, err := client.Get("https://" + h.host() + "/.well-known/mta-sts.txt")
		if err != nil {
			var name x509.HostnameError
			var invalid x509.CertificateInvalidError
			switch {
			case errors.As(err, &name):
				got = append(got, h.domain+": name")
			case errors.As(err, &invalid):
				got = append(got, h.domain+": expired")
			default:
				t.Errorf("%s: %v", h.domain, err)
			}
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Error(err)
		}
		first, _, _ := strings.Cut(string(body), "\n")
		got = append(got, h.domain+": "+resp.Status+"; "+resp.Header.Get("Content-Type")+"; "+first)
	}
	want := []string{
		"lighthouse.example: 200 OK; text/plain; version: STSv1",
		"cutter.example: 200 OK; text/plain; version: STSv1",
		"flotilla.example: 200 OK; text/plain; version: STSv1",
		"rusty-gears.example: 200 OK; text/plain; version: STSv1",
		"sts-missing.corner.example: 404 Not Found; text/plain; charset=utf-8; 404 page not found",
		`sts-redirect.corner.example: 301 Moved Permanently; text/html; charset=utf-8; <a href="https://www.corner.example/mta-sts.txt">Moved Permanently</a>.`,
		"sts-html.corner.example: 200 OK; text/html; charset=utf-8; <!doctype html>",
		"sts-type.corner.example: 200 OK; application/octet-stream; version: STSv1",
		"sts-name.corner.example: name",
		"sts-expired.corner.example: expired",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	if s := l.Stats(); s.HTTPSRequests != 8 {
		t.Errorf("got %d HTTPS requests, want 8", s.HTTPSRequests)
	}
}

// TestZones holds the zones to being a world: each domain is there, each mail
// host has addresses that look public, with names that lead back.
func TestZones(t *testing.T) {
	l := start(t, Options{})
	ask := func(name dns.Name, qtype dns.Type) dns.Answer {
		t.Helper()
		a, err := l.World().Resolve(t.Context(), name, qtype)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	hosts := map[dns.Name]bool{}
	for _, d := range slices.Concat(l.Domains(), l.Corners()) {
		mx := ask(dns.Name(d.Name), dns.TypeMX)
		if mx.Status != dns.Found {
			t.Errorf("%s has no MX", d.Name)
		}
		if want := d.Grade == "A+" || d.Name == "dane-wrong.corner.example"; mx.AD != want || !mx.Trusted {
			t.Errorf("%s: AD is %v (trusted: %v), want %v", d.Name, mx.AD, mx.Trusted, want)
		}
		for _, s := range d.Selectors {
			if a := ask(dns.Name(d.Name).Child(s+"._domainkey"), dns.TypeTXT); len(a.Records) != 1 {
				t.Errorf("%s has no key at %s", d.Name, s)
			}
		}
		for _, r := range mx.Records {
			if r.Host != dns.Root {
				hosts[r.Host] = true
			}
		}
	}
	hosts["ns1.zonewerk.example"], hosts["ns2.zonewerk.example"] = true, true
	for host := range hosts {
		addrs, err := l.addresses(t.Context(), host.String())
		if err != nil {
			t.Error(err)
		}
		for _, a := range addrs {
			if block := special.Block(a); block != "" {
				t.Errorf("%s has a %s address", host, block)
			}
			ptr := ask(dns.FromText(reverseName(a)), dns.TypePTR)
			if len(ptr.Records) != 1 {
				t.Errorf("%s has %d names", a, len(ptr.Records))
				continue
			}
			back, err := l.addresses(t.Context(), ptr.Records[0].Host.String())
			if err != nil || !slices.Contains(back, a) {
				t.Errorf("%s leads to %s, which leads to %v (%v)", a, ptr.Records[0].Host, back, err)
			}
		}
	}
}

// TestDNS asks the server as an audit would, and each name server at its own address.
func TestDNS(t *testing.T) {
	l := start(t, Options{})
	d := &dial.Dialer{Redirects: l.Redirects()}
	at, ok := d.Redirected("ns2.zonewerk.example", netip.MustParseAddrPort("5.6.66.53:53"))
	if !ok || at != l.DNSAddr() {
		t.Fatalf("ns2 is at %s (%v), want %s", at, ok, l.DNSAddr())
	}
	a, err := dns.AskServer(t.Context(), at, "lighthouse.example", dns.TypeSOA)
	if err != nil || len(a.Records) != 1 || a.Records[0].SOA.Serial != 2026110201 {
		t.Errorf("got %+v (%v), want the serial of lighthouse.example", a, err)
	}
	if n := l.Stats().DNSQuestions; n == 0 {
		t.Error("no DNS question was counted")
	}
}

func TestNothingLeaves(t *testing.T) {
	l := start(t, Options{})
	d := &dial.Dialer{Redirects: l.Redirects()}
	for _, to := range []string{"8.8.8.8:53", "5.6.7.25:2525", "[2001:4860:4860::8888]:443"} {
		at, ok := d.Redirected("anywhere.example", netip.MustParseAddrPort(to))
		if !ok || !at.Addr().IsLoopback() {
			t.Errorf("%s is dialled at %s", to, at)
		}
	}
}

// TestDelay counts round trips: TCP and the greeting, EHLO, STARTTLS, the TLS
// handshake, EHLO make six, however the server splits what it writes.
func TestDelay(t *testing.T) {
	const r = 20 * time.Millisecond
	l := start(t, Options{SMTPDelay: r, DNSDelay: r})
	shortest := time.Hour // of a few: other work on the machine only ever adds
	for range 5 {
		began := time.Now()
		if m := visit(t, l, "mx1.lighthouse.example", 25); m.Verdict != "ok" {
			t.Errorf("got %+v", m)
		}
		if shortest = min(shortest, time.Since(began)); shortest < 7*r {
			break
		}
	}
	if shortest < 6*r || shortest >= 7*r {
		t.Errorf("a dialogue over a round trip of %s took %s, want about %s", r, shortest, 6*r)
	}
	began := time.Now()
	if _, err := dns.AskServer(t.Context(), l.DNSAddr(), "lighthouse.example", dns.TypeMX); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < r {
		t.Errorf("a question over a round trip of %s took only %s", r, took)
	}
}

func TestStop(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	l, err := Start(ctx, Options{SMTPDelay: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	c, err := connect(t, l, "mx1.lighthouse.example", 25)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(c); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the connection ended with %v", err)
	}
	l.Close() // waits for the close that the context began
}
