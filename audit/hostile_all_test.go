package audit

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/postseal/postseal/bimi"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/dial"
	"github.com/postseal/postseal/internal/hostile"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/starttls"
)

// wayIn is all that honest name servers say of the domain: enough to reach the
// hosts that mean harm.
const wayIn = `
$ORIGIN a-domain.example.
@              MX  10 mx
mx             A   5.6.7.8
_mta-sts       TXT "v=STSv1; id=1"
mta-sts        A   5.6.7.9
default._bimi  TXT "v=BIMI1; l=https://logo.a-domain.example/l.svg; a=https://logo.a-domain.example/m.pem"
logo           A   5.6.7.10
`

// halfHostile answers what honest knows; everything else is asked of a server
// that means harm.
type halfHostile struct{ honest, harm dns.Resolver }

func (h halfHostile) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	if a, err := h.honest.Resolve(ctx, name, qtype); err == nil && len(a.Records) > 0 {
		return a, nil
	}
	return h.harm.Resolve(ctx, name, qtype)
}

// TestHostileWorld audits domains whose mail host, policy host, logo host and
// name servers all mean harm, each kind in turn. Every audit ends; connections,
// questions, what could be sent and what was allocated stay below bounds; what
// the name servers hid is unknown, never missing.
func TestHostileWorld(t *testing.T) {
	hostile.Prepare()
	kinds := slices.DeleteFunc(slices.Clone(dnstest.HostileKinds), func(k string) bool { return k == dnstest.BigTXT })
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	t.Run("each", func(t *testing.T) {
		for i, mail := range hostile.MailKinds {
			web, names := hostile.Kinds[i%len(hostile.Kinds)], kinds[i%len(kinds)]
			t.Run(mail+", "+web+", "+names, func(t *testing.T) {
				t.Parallel()
				auditHostile(t, mail, web, names)
			})
		}
	})
	runtime.ReadMemStats(&after)
	// On both sides together, the hostile hosts' own included.
	if n := after.TotalAlloc - before.TotalAlloc; n > uint64(len(hostile.MailKinds))*(32<<20) {
		t.Errorf("%d octets were allocated", n)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > before.HeapAlloc+32<<20 {
		t.Errorf("%d octets are still held, %d before", after.HeapAlloc, before.HeapAlloc)
	}
}

func auditHostile(t *testing.T, mail, web, names string) {
	mx := hostile.ServeMail(t, mail, "mx.a-domain.example")
	policy := hostile.Serve(t, web, "mta-sts.a-domain.example")
	logo := hostile.Serve(t, web, "logo.a-domain.example")
	srv := dnstest.ServeHostile(t, names)
	run, err := dns.NewRun(dns.RunConfig{Config: dns.Config{Servers: []string{srv.Addr.String()}, Timeout: 300 * time.Millisecond}, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	smtp := &dial.Dialer{Redirects: []dial.Redirect{{Port: 25, To: mx.Addr}, {Port: 465, To: mx.Addr}, {Port: 587, To: mx.Addr}}}
	policies := mtasts.NewFetcher(&dial.Dialer{Redirects: []dial.Redirect{{Port: 443, To: policy.Addr}}}, policy.Roots, time.Now, nil)
	policies.Limits = mtasts.Limits{Connect: time.Second, TLS: 500 * time.Millisecond, Whole: 700 * time.Millisecond}
	logos := bimi.NewFetcher(&dial.Dialer{Redirects: []dial.Redirect{{Port: 443, To: logo.Addr}}}, logo.Roots, time.Now, nil)
	logos.Whole = 600 * time.Millisecond
	a := &Auditor{
		Resolver: halfHostile{dnstest.New(t, wayIn), run}, Now: time.Now, Fetcher: policies, Logos: logos,
		Prober: starttls.NewProber(starttls.Config{Dialer: smtp, Roots: mx.Roots, HELO: "probe.example.net", Timing: starttls.Timing{
			Connect: time.Second, Greeting: 500 * time.Millisecond, Command: 500 * time.Millisecond,
			Handshake: 700 * time.Millisecond, Overall: 4 * time.Second, Gap: time.Millisecond,
		}}),
	}
	out, err := a.Audit(t.Context(), Request{Domain: "a-domain.example"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range out.Results {
		if r.Status == check.Unknown && len(r.Causes) == 0 {
			t.Errorf("%s is unknown without a cause", r.Rule.ID)
		}
		if r.Status == check.Fail && slices.Contains([]check.Standard{check.SPF, check.DKIM, check.DMARC, check.TLSRPT}, r.Rule.Standard) &&
			r.Rule.ID != "dmarc-cname-broken" { // an alias that never ends was seen to be one
			t.Errorf("%s found something: %+v", r.Rule.ID, r.Findings[0])
		}
	}
	for _, l := range out.Queries {
		if l.Absent() {
			t.Errorf("%s %s was taken for %s", l.Name, l.Type, l.State)
		}
	}
	if out.Facts.MTASTS.Fetch == nil {
		t.Error("the policy host was not asked")
	}
	if s := out.Facts.STARTTLS; len(s.Hosts) != 1 || len(s.Hosts[0].Sessions) != 3 {
		t.Errorf("mail hosts: %+v", s.Hosts)
	}
	if n := mx.Connections(); n < 1 || n > 9 {
		t.Errorf("%d connections to the mail host", n)
	}
	if n := policy.Connections() + logo.Connections(); n < 2 || n > 12 {
		t.Errorf("%d connections to the web hosts", n)
	}
	if n := srv.Queries(); n > 3000 {
		t.Errorf("the name server was asked %d times", n)
	}
	if n := mx.Sent() + policy.Sent() + logo.Sent() + srv.Sent(); n > 96<<20 {
		t.Errorf("the hosts could send %d octets", n)
	}
	if _, err := Build(out, locale.Must(locale.English)); err != nil {
		t.Error(err)
	}
}
