package spf

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// evalZone is what TestCheck asks; every line says what it is for.
const evalZone = `
example.com.        TXT "v=spf1 ip4:5.6.7.8/31 ip6:2a00:1::/64 ?ip4:5.6.7.64/26 include:in.example redirect=re.example exp=own.example"
own.example.        TXT "of example.com"
in.example.         TXT "v=spf1 ip4:5.6.8.1 -ip4:5.6.9.9 ~all exp=inner.example"
inner.example.      TXT "of in.example"
re.example.         TXT "v=spf1 -ip4:5.6.9.9 ~all exp=re-exp.example"
re-exp.example.     TXT "of re.example for %{o} from %{d}"
plain.example.      TXT "v=spf1 -all"
two-exp.example.    TXT "v=spf1 -all exp=two.example"
two.example.        TXT "one"
two.example.        TXT "two"
bad-exp.example.    TXT "v=spf1 -all exp=percent.example"
percent.example.    TXT "100% sure"
lit-exp.example.    TXT "v=spf1 -all exp=nonascii.example"
nonascii.example.   TXT "n\195\163o"
long-exp.example.   TXT "v=spf1 -all exp=parts.example"
parts.example.      TXT "two " "parts: %{l} at %{t} by %{r}"
dead-exp.example.   TXT "v=spf1 -all exp=dead.example"
dead.example.       ANY ; !timeout
tmp-in.example.     TXT "v=spf1 include:dead.example -all"
tmp-re.example.     TXT "v=spf1 redirect=dead.example"
tmp-a.example.      TXT "v=spf1 a:dead.example -all"
tmp-mx.example.     TXT "v=spf1 mx:dead.example -all"
tmp-exists.example. TXT "v=spf1 exists:dead.example -all"
tmp-host.example.   TXT "v=spf1 mx -all"
tmp-host.example.   MX 10 dead.example.
mx-first.example.   TXT "v=spf1 mx -all"
mx-first.example.   MX 20 dead.example.
mx-first.example.   MX 10 host.example.
tmp-late.example.   TXT "v=spf1 ip4:5.6.7.8 a:dead.example -all"
tmp-ptr.example.    TXT "v=spf1 ptr -all"
1.7.6.5.in-addr.arpa. ANY ; !servfail
none-in.example.    TXT "v=spf1 include:host.example -all"
none-re.example.    TXT "v=spf1 redirect=host.example"
perm-in.example.    TXT "v=spf1 include:broken.example ip4:5.6.7.8 -all"
broken.example.     TXT "v=spf1 ip4:5.6.7.8 ipv4:5.6.7.9 -all"
twice.example.      TXT "v=spf1 -all"
twice.example.      TXT "v=spf1 +all"
host.example.       A 5.6.7.8
host.example.       AAAA 2a00:1::8
v6only.example.     AAAA 2a00:1::8
exists6.example.    TXT "v=spf1 exists:v6only.example -all"
null.example.       TXT "v=spf1 mx -all"
null.example.       MX 0 .
voids.example.      TXT "v=spf1 a:no1.example exists:no2.example a:v6only.example ip4:5.6.7.8 -all"
voidmx.example.     TXT "v=spf1 mx:no1.example mx:gone-hosts.example a:no2.example ip4:5.6.7.8 -all"
gone-hosts.example. MX 1 no5.example.
gone-hosts.example. MX 1 no6.example.
gone-hosts.example. MX 1 no7.example.
badname.example.    TXT "v=spf1 a:x..example a:y..example a:z..example ip4:5.6.7.8 -all"
cost.example.       TXT "v=spf1 a:host.example a:host.example a:host.example a:host.example a:host.example a:host.example a:host.example a:host.example a:host.example a:host.example ip4:5.6.7.9 a:host.example -all"
alias.example.      CNAME plain.example.
inalias.example.    TXT "v=spf1 include:toalias.example -all"
toalias.example.    CNAME in.example.
toobig.example.     TXT "v=spf1 a:%{l999999999999999999999}.x.example -all"
user.x.example.     A 5.6.7.8
wild.example.       TXT "v=spf1 exists:%{l}.lp.example -all"
*.lp.example.       A 127.0.0.2
upper.example.      TXT "V=SPF1 ALL"
`

func TestCheck(t *testing.T) {
	r := dnstest.New(t, evalZone)
	tests := []struct {
		ip, from string
		want     string // result term/… lookups/voids [cause] "explanation"
	}{
		{"5.6.7.9", "u@example.com", "pass ip4:5.6.7.8/31 0/0"},
		{"::ffff:5.6.7.9", "u@example.com", "pass ip4:5.6.7.8/31 0/0"},
		{"2a00:1::77", "u@example.com", "pass ip6:2a00:1::/64 0/0"},
		{"fe80::1%eth0", "u@plain.example", "fail -all 0/0"},
		{"5.6.7.70", "u@example.com", "neutral ?ip4:5.6.7.64/26 0/0"},
		{"5.6.8.1", "u@example.com", "pass include:in.example 1/0"},
		{"5.6.9.9", "u@example.com", `fail -ip4:5.6.9.9 2/0 "of re.example for example.com from re.example"`}, // §6.2
		{"5.6.1.1", "u@example.com", "softfail ~all 2/0"},
		{"5.6.1.1", "u@EXAMPLE.com.", "softfail ~all 2/0"},
		{"5.6.1.1", "u@plain.example", "fail -all 0/0"},
		{"5.6.1.1", "u@two-exp.example", "fail -all 0/0"},
		{"5.6.1.1", "u@bad-exp.example", "fail -all 0/0"},
		{"5.6.1.1", "u@lit-exp.example", "fail -all 0/0"},
		{"5.6.1.1", "u@dead-exp.example", "fail -all 0/0"},
		{"5.6.1.1", "u@long-exp.example", `fail -all 0/0 "two parts: u at 1790000000 by mx.receiver.example"`},
		{"5.6.1.1", "u\r\nRCPT@long-exp.example", "fail -all 0/0"},
		{"5.6.1.1", "u@dead.example", "temperror - 0/0 dns-timeout"},
		{"5.6.1.1", "u@tmp-in.example", "temperror include:dead.example 1/0 dns-timeout"},
		{"5.6.1.1", "u@tmp-re.example", "temperror redirect=dead.example 1/0 dns-timeout"},
		{"5.6.1.1", "u@tmp-a.example", "temperror a:dead.example 1/0 dns-timeout"},
		{"5.6.1.1", "u@tmp-mx.example", "temperror mx:dead.example 1/0 dns-timeout"},
		{"5.6.1.1", "u@tmp-exists.example", "temperror exists:dead.example 1/0 dns-timeout"},
		{"5.6.1.1", "u@tmp-host.example", "temperror mx 1/0 dns-timeout"},
		{"5.6.7.8", "u@mx-first.example", "pass mx 1/0"}, // §5.4: by preference
		{"5.6.7.8", "u@tmp-late.example", "pass ip4:5.6.7.8 0/0"},
		{"5.6.7.1", "u@tmp-ptr.example", "fail -all 1/0"}, // §5.5: not even a temperror
		{"5.6.7.2", "u@tmp-ptr.example", "fail -all 1/1"},
		{"5.6.1.1", "u@none-in.example", "permerror include:host.example 1/0 spf-eval-include-none"},
		{"5.6.1.1", "u@none-re.example", "permerror redirect=host.example 1/0 spf-eval-redirect-none"},
		{"5.6.7.8", "u@perm-in.example", "permerror ipv4:5.6.7.9 1/0 spf-eval-syntax"},
		{"5.6.7.8", "u@broken.example", "permerror ipv4:5.6.7.9 0/0 spf-eval-syntax"},
		{"5.6.7.8", "u@twice.example", "permerror - 0/0 spf-eval-multiple"},
		{"5.6.7.8", "u@host.example", "none - 0/0"},
		{"5.6.7.8", "u@nowhere.example", "none - 0/0"},
		{"2a00:1::8", "u@exists6.example", "fail -all 1/1"}, // §5.7: A only
		{"5.6.7.8", "u@null.example", "fail -all 1/0"},
		{"5.6.7.8", "u@voids.example", "permerror a:v6only.example 3/3 spf-eval-voids"},
		{"2a00:1::8", "u@voids.example", "pass a:v6only.example 3/2"},
		{"5.6.7.8", "u@voidmx.example", "pass ip4:5.6.7.8 3/2"},  // hosts of an mx are not void
		{"5.6.7.8", "u@badname.example", "pass ip4:5.6.7.8 3/0"}, // §4.8
		{"5.6.7.9", "u@cost.example", "pass ip4:5.6.7.9 10/0"},
		{"5.6.1.1", "u@cost.example", "permerror a:host.example 10/0 spf-eval-lookups"},
		{"5.6.1.1", "u@alias.example", "fail -all 0/0"},
		{"5.6.8.1", "u@inalias.example", "pass include:toalias.example 1/0"},
		{"5.6.7.8", "user@toobig.example", "pass a:%{l999999999999999999999}.x.example 1/0"},
		{"5.6.7.8", "usér@toobig.example", "fail -all 1/0"},
		{"5.6.7.8", "usér@wild.example", "fail -all 1/0"}, // RFC 8616 §4
		{"5.6.7.8", "user@wild.example", "pass exists:%{l}.lp.example 1/0"},
		{"5.6.1.1", "u@upper.example", "pass ALL 0/0"},
		{"5.6.1.1", "plain.example", "fail -all 0/0"},
		{"5.6.1.1", "", "none - 0/0"},
		{"5.6.1.1", "u@[5.6.1.1]", "none - 0/0"},
		{"5.6.1.1", "u@localhost", "none - 0/0"},
		{"5.6.1.1", "u@a..example", "none - 0/0"},
		{"5.6.1.1", "u@" + strings.Repeat("a", 64) + ".example", "none - 0/0"},
		{"", "u@plain.example", "permerror - 0/0 spf-eval-address"},
	}
	for _, tt := range tests {
		t.Run(tt.ip+" "+tt.from, func(t *testing.T) {
			q := Query{MailFrom: tt.from, Receiver: "mx.receiver.example", Now: func() time.Time { return time.Unix(1790000000, 0) }}
			if tt.ip != "" {
				q.IP = netip.MustParseAddr(tt.ip)
			}
			o := Check(context.Background(), r, q)
			checkOutcome(t, o)
			if got := brief(o); got != tt.want {
				t.Errorf("got  %s\nwant %s (%s)", got, tt.want, o.Reason)
			}
		})
	}
}

func brief(o *Outcome) string {
	term := o.Term
	if term == "" {
		term = "-"
	}
	s := fmt.Sprintf("%s %s %d/%d", o.Result, term, o.Lookups, o.Voids)
	if o.Cause.Code != "" {
		s += " " + o.Cause.Code
	}
	if o.Explanation != "" {
		s += fmt.Sprintf(" %q", o.Explanation)
	}
	return s
}

// TestCheckPath follows the way to the decision.
func TestCheckPath(t *testing.T) {
	r := dnstest.New(t, evalZone)
	o := Check(context.Background(), r, Query{IP: netip.MustParseAddr("5.6.9.9"), MailFrom: "u@example.com"})
	want := []Step{
		{"example.com", "v=spf1 ip4:5.6.7.8/31 ip6:2a00:1::/64 ?ip4:5.6.7.64/26 include:in.example redirect=re.example exp=own.example", "redirect=re.example", 2, 0},
		{"re.example", "v=spf1 -ip4:5.6.9.9 ~all exp=re-exp.example", "-ip4:5.6.9.9", 2, 0},
	}
	if diff := cmp.Diff(want, o.Path); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestIdentity tells whose record is checked, and what macros make of it (§2.4, §4.3).
func TestIdentity(t *testing.T) {
	r := dnstest.New(t, `
a.example.  TXT "v=spf1 -all exp=exp.a.example"
*.a.example. TXT "%{s}|%{l}|%{o}|%{d}|%{h}"
b.example.  TXT "v=spf1 +all"
xn--bcher-kva.example. TXT "v=spf1 +all"
`)
	tests := []struct {
		from, helo string
		domain     dns.Name
		want       string
	}{
		{"u@a.example", "h.example", "", "a.example fail u@a.example|u|a.example|a.example|h.example"},
		{"@a.example", "h.example", "", "a.example fail postmaster@a.example|postmaster|a.example|a.example|h.example"},
		{`"u@x"@a.example`, "", "", `a.example fail "u@x"@a.example|"u@x"|a.example|a.example|`},
		{"", "a.example", "", "a.example fail postmaster@a.example|postmaster|a.example|a.example|a.example"},
		{"u@b.example", "h.example", "a.example", "a.example fail u@b.example|u|b.example|a.example|h.example"},
		{"", "", "a.example", "a.example fail postmaster@a.example|postmaster|a.example|a.example|"},
		{"u@bücher.example", "", "", "xn--bcher-kva.example pass "},
	}
	for _, tt := range tests {
		o := Check(context.Background(), r, Query{IP: netip.MustParseAddr("5.6.7.8"), MailFrom: tt.from, HELO: tt.helo, Domain: tt.domain})
		if got := fmt.Sprintf("%s %s %s", o.Domain, o.Result, o.Explanation); got != tt.want {
			t.Errorf("%q, %q, %q:\ngot  %s\nwant %s", tt.from, tt.helo, tt.domain, got, tt.want)
		}
	}
}

// TestMacroExamples are the examples of §7.4.
func TestMacroExamples(t *testing.T) {
	e := &evaluation{q: &Query{}, ip: netip.MustParseAddr("192.0.2.3"), local: "strong-bad", origin: "email.example.com"}
	domain := at{"email.example.com", "email.example.com"}
	for _, tt := range []struct{ in, want string }{
		{"%{s}", "strong-bad@email.example.com"},
		{"%{o}", "email.example.com"},
		{"%{d}", "email.example.com"},
		{"%{d4}", "email.example.com"},
		{"%{d3}", "email.example.com"},
		{"%{d2}", "example.com"},
		{"%{d1}", "com"},
		{"%{dr}", "com.example.email"},
		{"%{d2r}", "example.email"},
		{"%{l}", "strong-bad"},
		{"%{l-}", "strong.bad"},
		{"%{lr}", "strong-bad"},
		{"%{lr-}", "bad.strong"},
		{"%{l1r-}", "strong"},
		{"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
		{"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
		{"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
		{"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
		{"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
		{"%%%_%-%{S}", "% %20strong-bad%40email.example.com"},
	} {
		if _, f := scanMacros(tt.in, false); f != nil {
			t.Errorf("%s: %v", tt.in, f)
			continue
		}
		if got, ok := e.expand(tt.in, domain); !ok || got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.in, got, tt.want)
		}
	}
	e.ip = netip.MustParseAddr("2001:db8::cb01")
	const want = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
	got := e.target(&Entry{Kind: Exists, Domain: "%{ir}.%{v}._spf.%{d2}"}, domain)
	e.ascii = true
	if got.name != want || reverseName(e.ip) != "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" {
		t.Errorf("got %s and %s", got.name, reverseName(e.ip))
	}
}

// TestCheckPTR holds %{p} and ptr to the ten names and their order (§4.6.4, §7.3).
func TestCheckPTR(t *testing.T) {
	var zone strings.Builder
	zone.WriteString("p.example. TXT \"v=spf1 ptr:late.example -all exp=exp.example\"\nexp.example. TXT \"%{p}\"\n")
	for i := range 10 {
		fmt.Fprintf(&zone, "8.7.6.5.in-addr.arpa. PTR n%d.other.example.\n", i)
	}
	zone.WriteString("8.7.6.5.in-addr.arpa. PTR late.example.\nlate.example. A 5.6.7.8\nn9.other.example. A 5.6.7.8\nn3.other.example. ANY ; !servfail\n")
	w, err := dnstest.Parse(zone.String())
	if err != nil {
		t.Fatal(err)
	}
	o := Check(context.Background(), w, Query{IP: netip.MustParseAddr("5.6.7.8"), MailFrom: "u@p.example"})
	if got, want := brief(o), `fail -all 1/0 "n9.other.example"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := w.Count("late.example", dns.TypeA); n != 0 {
		t.Errorf("the eleventh name was asked %d times", n)
	}
}

// TestCheckCancelled gives a temperror when the caller has no more time.
func TestCheckCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := Check(ctx, hanging{}, Query{IP: netip.MustParseAddr("5.6.7.8"), MailFrom: "u@plain.example"})
	if o.Result != ResultTempError || o.Cause.Code != "dns-cancelled" {
		t.Errorf("got %s (%s)", o.Result, o.Reason)
	}
}

// hanging answers when the context ends.
type hanging struct{}

func (hanging) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	if _, ok := ctx.Deadline(); !ok {
		return dns.Answer{}, errors.New("an evaluation without a deadline")
	}
	<-ctx.Done()
	return dns.Answer{}, ctx.Err()
}

// TestCheckHuge: records as large as DNS can carry cost milliseconds.
func TestCheckHuge(t *testing.T) {
	for _, unit := range []string{"%{s}", "%{p1r.}", "a ", "a:%{l}.x ", "%%", "x=%{s}y ", "9"} {
		text := "v=spf1 a:" + strings.Repeat(unit, 60000/len(unit)) + ".example -all exp=a.example"
		r := &oracle{salt: "huge", texts: []string{text}}
		start := time.Now()
		for _, from := range []string{"a.example", "b.example", "c.example", "d.example"} {
			o := Check(context.Background(), r, Query{IP: netip.MustParseAddr("5.6.7.8"), MailFrom: strings.Repeat("l.", 5000) + "@" + from})
			checkOutcome(t, o)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: four evaluations took %s", unit, took)
		} else {
			t.Log(unit, took)
		}
	}
}
