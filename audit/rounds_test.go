package audit

import (
	"bufio"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postseal/postseal/bimi"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/starttls"
)

// distance is a network in the virtual time of a synctest bubble, where only
// waiting takes time: how long an audit takes there is the length of its
// longest chain of round trips, exactly and on every machine.
type distance struct {
	r, R, H time.Duration // round trips to the resolver, to mail hosts and to web hosts
	world   *dnstest.World
	keys    *tls.Config
	began   time.Time

	mu    sync.Mutex
	asked map[string]*farAnswer
	trace []string
}

// farAnswer is one question under way or answered: the cache of a run asks once.
type farAnswer struct {
	done chan struct{}
	a    dns.Answer
	err  error
}

// note keeps when something began, for the trace of a failed test.
func (d *distance) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trace = append(d.trace, fmt.Sprintf("%10v %s", time.Since(d.began), what))
}

func (d *distance) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	key := name.String() + " " + qtype.String()
	d.mu.Lock()
	q, known := d.asked[key]
	if !known {
		q = &farAnswer{done: make(chan struct{})}
		d.asked[key] = q
	}
	d.mu.Unlock()
	if !known {
		d.note(key)
		time.Sleep(d.r)
		q.a, q.err = d.world.Resolve(ctx, name, qtype)
		close(q.done)
	}
	<-q.done
	return q.a, q.err
}

func (d *distance) AskServer(ctx context.Context, server netip.Addr, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	d.note(fmt.Sprintf("%s %s @%s", name, qtype, server))
	time.Sleep(d.r)
	return d.world.AskServer(ctx, netip.AddrPortFrom(server, 53), name, qtype)
}

func (d *distance) FetchPolicy(_ context.Context, domain dns.Name, _ []netip.Addr) *mtasts.Fetch {
	d.note("https " + domain.String())
	time.Sleep(3 * d.H) // TCP, TLS, GET
	return &mtasts.Fetch{Status: 200, ContentType: "text/plain",
		Body: []byte("version: STSv1\nmode: enforce\nmx: *." + domain.String() + "\nmax_age: 604800\n")}
}

// Open connects to a mail host: our SYN and its answer take a round trip; half
// of one later our ACK is there, and the server takes the connection.
func (d *distance) Open(_ context.Context, to netip.AddrPort) (net.Conn, error) {
	d.note("tcp " + to.String())
	time.Sleep(d.R)
	client, near := net.Pipe()
	far, server := net.Pipe()
	go travel(near, far, d.R/2)
	go travel(far, near, d.R/2)
	go func() {
		time.Sleep(d.R / 2)
		mailHost(server, d.keys, to.Port())
	}()
	return client, nil
}

// travel carries what is written on one side to the other, one way later.
func travel(from, to net.Conn, oneWay time.Duration) {
	type packet struct {
		data []byte
		due  time.Time
	}
	wire := make(chan packet, 100)
	go func() {
		defer to.Close()
		for p := range wire {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				break
			}
		}
		for range wire { // nobody listens any more
		}
	}()
	defer close(wire)
	for {
		buf := make([]byte, 1<<15)
		n, err := from.Read(buf)
		if n > 0 {
			wire <- packet{buf[:n], time.Now().Add(oneWay)}
		}
		if err != nil {
			return
		}
	}
}

// mailHost is a server with nothing wrong, on any of the three ports.
func mailHost(c net.Conn, keys *tls.Config, port uint16) {
	defer func() { c.Close() }()
	inside := port == 465
	if inside {
		c = tls.Server(c, keys)
	}
	io.WriteString(c, "220 mx\r\n")
	for r := bufio.NewReader(c); ; {
		line, err := r.ReadString('\n')
		switch {
		case err != nil || strings.HasPrefix(line, "QUIT"):
			return
		case strings.HasPrefix(line, "EHLO") && inside:
			io.WriteString(c, "250-mx\r\n250 8BITMIME\r\n")
		case strings.HasPrefix(line, "EHLO"):
			io.WriteString(c, "250-mx\r\n250 STARTTLS\r\n")
		default:
			io.WriteString(c, "220 go\r\n")
			c = tls.Server(c, keys)
			r, inside = bufio.NewReader(c), true
		}
	}
}

// farZone is a domain with so many mail hosts, SPF records that include each
// other to such a depth, and whatever else a domain publishes.
func farZone(hosts, depth int, more string) string {
	var b strings.Builder
	b.WriteString("$ORIGIN far.example.\n@ SOA ns1 root 1 2 3 4 5\n@ NS ns1\n@ NS ns2\nns1 A 5.6.7.51\nns2 A 5.6.7.52\n")
	for i := range hosts {
		fmt.Fprintf(&b, "@ MX %d mx%d\nmx%d A 5.6.%d.25\nmx%d AAAA 2a01:5670:%d::25\n_25._tcp.mx%d TLSA 3 1 1 %064d\nmx%d TXT \"v=spf1 a -all\"\n", i, i, i, i, i, i+1, i, 0, i)
		fmt.Fprintf(&b, "25.%d.6.5.in-addr.arpa. PTR mx%d\n", i, i)
	}
	for i := range depth {
		fmt.Fprintf(&b, "spf%d TXT \"v=spf1 include:spf%d.far.example -all\"\n", i, i+1)
	}
	fmt.Fprintf(&b, "spf%d TXT \"v=spf1 ip4:5.6.9.0/24 -all\"\n", depth)
	b.WriteString(`@ TXT "v=spf1 mx include:spf0.far.example -all"
s1._domainkey TXT "v=DKIM1; k=ed25519; p=wdyaLyw+SVL1JMG5dLOgmNENU+TPms1sAHOe7n1gNBk="
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:a@reports.example"
far.example._report._dmarc.reports.example. TXT "v=DMARC1"
_mta-sts TXT "v=STSv1; id=1"
mta-sts A 5.6.7.80
_smtp._tls TXT "v=TLSRPTv1; rua=mailto:a@far.example"
default._bimi TXT "v=BIMI1; l=;"
. SOA a.root b.root 1 2 3 4 5
; !secure .
`)
	return b.String() + more
}

// far audits the domain over a network of such distances, and tells how long it
// took and what was begun when.
func far(t *testing.T, zone string, d *distance, smtp bool) (out *Outcome, took time.Duration) {
	t.Helper()
	world, err := dnstest.Parse(zone)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		d.world, d.asked, d.began = world, map[string]*farAnswer{}, time.Now()
		a := &Auditor{Resolver: d, Fetcher: d, Logos: noLogos{}, AskServer: d.AskServer, Now: time.Now, NoSMTP: "disabled"}
		if smtp {
			var roots *x509.CertPool
			d.keys, roots = farKeys(t)
			d.began = time.Now()
			a.Prober = starttls.NewProber(starttls.Config{Dialer: &dial.Dialer{Open: d.Open}, Roots: roots, HELO: "probe.example.net", Now: time.Now})
		}
		if out, err = a.Audit(t.Context(), Request{Domain: "far.example", Selectors: []string{"s1"}}); err != nil {
			t.Fatal(err)
		}
		took = time.Since(d.began)
		time.Sleep(time.Minute) // what is still on its way arrives, and the servers end
	})
	return out, took
}

type noLogos struct{}

func (noLogos) Fetch(context.Context, dns.Resolver, string, int) *bimi.Fetch { return nil }

// farKeys are a certificate for every host of the domain and who vouches for it.
func farKeys(t *testing.T) (*tls.Config, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"*.far.example"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 2, 0)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

// TestRounds counts the round trips on the longest path of an audit: two to the
// resolver (MX, addresses) and six to a mail host (TCP, greeting, EHLO,
// STARTTLS, TLS, EHLO), however many hosts there are and whatever else is asked.
func TestRounds(t *testing.T) {
	const r, R = time.Millisecond, 100 * time.Millisecond
	for _, c := range []struct {
		name         string
		hosts, depth int
		more         string
	}{
		{"one host", 1, 0, ""},
		{"five hosts", 5, 0, ""},
		{"SPF of depth 3", 1, 3, ""},
		{"another host for submission", 1, 0, "_submission._tcp SRV 0 1 587 smtp\nsmtp A 5.6.8.25\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &distance{r: r, R: R}
			out, took := far(t, farZone(c.hosts, c.depth, c.more), d, true)
			if want := 2*r + 6*R; took != want {
				t.Errorf("took %v, want 2r + 6R = %v; what began when:\n%s", took, want, d.show())
			}
			for _, h := range out.Facts.STARTTLS.Hosts {
				for _, s := range h.Sessions {
					if s.Status != "ok" || s.TLS == nil || s.TLS.Version != "TLS 1.3" {
						t.Errorf("%s:%d: %s %s %s", s.Host, s.Port, s.Status, s.Detail, s.TLSError)
					}
				}
			}
		})
	}
}

func (d *distance) show() string {
	slices.SortStableFunc(d.trace, func(a, b string) int { return cmp.Compare(a[:10], b[:10]) })
	return strings.Join(d.trace, "\n")
}

// TestDNSRounds counts what is asked one after the other where no mail host is:
// SPF level by level and the reverse names of what it lets pass, and else no
// more than four rounds; the policy of MTA-STS is three to its host.
func TestDNSRounds(t *testing.T) {
	const r, H = time.Millisecond, 100 * time.Millisecond
	for _, c := range []struct {
		hosts, depth int
		h            time.Duration
		want         time.Duration
	}{
		{1, 0, 0, 4 * r},
		{5, 0, 0, 4 * r},
		{5, 3, 0, (1+4)*r + r},
		{5, 3, H, 2*r + 3*H},
	} {
		d := &distance{r: r, H: c.h}
		if _, took := far(t, farZone(c.hosts, c.depth, ""), d, false); took > c.want {
			t.Errorf("%d hosts, SPF of depth %d, a policy host %v away: took %v, want at most %v; what began when:\n%s", c.hosts, c.depth, c.h, took, c.want, d.show())
		}
	}
}
