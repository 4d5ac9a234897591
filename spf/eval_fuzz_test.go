package spf

import (
	"context"
	"hash/fnv"
	"net/netip"
	"strings"
	"testing"

	"github.com/postseal/postseal/dns"
)

// maxQuestionsAsked is what Check promises: the record, ten mx terms with ten
// hosts each, the client's names and their addresses, exp.
const maxQuestionsAsked = 1 + MaxLookups*(1+MaxMX) + 1 + MaxPTR + 1

// oracle answers at random, but each question the same way again.
type oracle struct {
	salt  string
	texts []string
	asked int
}

func (o *oracle) Resolve(_ context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	o.asked++
	sum := fnv.New64a()
	sum.Write([]byte(o.salt + string(name) + qtype.String()))
	h := sum.Sum64()
	die := func(n uint64) int {
		v := h % n
		h = h/n ^ h<<7
		return int(v)
	}
	a := dns.Answer{Name: name, Type: qtype, Status: dns.Found}
	switch die(12) {
	case 0:
		return dns.Answer{}, &dns.Error{Name: name, Type: qtype, Kind: dns.Timeout}
	case 1:
		a.Status = dns.NXDomain
		return a, nil
	case 2:
		a.Status = dns.NoData
		return a, nil
	case 3: // what no server should say
		return a, nil
	}
	add := func(rr dns.Record) {
		rr.Name, rr.Type = name, qtype
		a.Records = append(a.Records, rr)
	}
	switch qtype {
	case dns.TypeTXT:
		text := o.texts[die(uint64(len(o.texts)))]
		cut := die(uint64(len(text) + 1))
		add(dns.Record{Strings: []string{text[:cut], text[cut:]}})
	case dns.TypeMX, dns.TypePTR:
		for range die(13) {
			add(dns.Record{Host: dns.FromText(o.texts[die(uint64(len(o.texts)))]), Pref: uint16(die(3))})
			if die(2) == 0 {
				a.Records[len(a.Records)-1].Host = dns.Name([]string{"a.example", ".", "", "b.example", "x.y.example"}[die(5)])
			}
		}
	default:
		for range die(4) {
			add(dns.Record{Addr: []netip.Addr{netip.MustParseAddr("5.6.7.8"), netip.MustParseAddr("2a00::1"), {}, netip.MustParseAddr("::ffff:5.6.7.8")}[die(4)]})
		}
	}
	return a, nil
}

// FuzzCheck evaluates records of strangers over DNS of strangers: it ends after
// a bounded number of questions with an outcome that holds together, and a
// broken record is a permerror exactly when Parse says so.
func FuzzCheck(f *testing.F) {
	f.Add("v=spf1 include:a.example mx a:%{p}.x ptr -all exp=e.example", "v=spf1 mx ?include:%{ir}.%{v}.x redirect=%{d2}.y", "5.6.7.8", "user@a.example", "h.example", "s")
	f.Add("v=spf1 mx mx:b.example mx:c.example mx:d.example mx:e.example mx:f.example mx:g.example ptr exists:%{p}.q -all", "%{c} %{R} %{t} %{S}", "2a00::1", "", "a.b", "t")
	f.Add("v=spf1 redirect=a.example", "v=spf1 -all exp=%{d}", "::ffff:5.6.7.8", "@x.y", "", "u")
	f.Add("v=spf1 a:"+strings.Repeat("%{s}.", 40)+"x -all", "v=spf1 ip4:1.2.3.4/0 \xff", "0.0.0.0", strings.Repeat("l.", 300)+"@a.example", "%{h}", "v")
	f.Fuzz(func(t *testing.T, one, two, ip, from, helo, salt string) {
		if len(one)+len(two)+len(from)+len(helo) > 4000 {
			return
		}
		for _, text := range []string{one, two} {
			if !isRecord(text) {
				continue
			}
			_, problems := Parse(text)
			_, broken := (&evaluation{}).compile(text)
			if (firstFatal(problems) != nil) != (broken != nil) {
				t.Fatalf("%q: Parse says %+v, the evaluator %+v", text, problems, broken)
			}
		}
		addr, err := netip.ParseAddr(ip)
		if err != nil {
			addr = netip.MustParseAddr("5.6.7.8")
		}
		o := &oracle{salt: salt, texts: []string{one, two, one, "v=spf1 include:a.example mx ?all", "a.example"}}
		q := Query{IP: addr, MailFrom: from, HELO: helo}
		first := Check(context.Background(), o, q)
		checkOutcome(t, first)
		if o.asked > maxQuestionsAsked {
			t.Errorf("%d questions, more than %d", o.asked, maxQuestionsAsked)
		}
		if !printable(first.Explanation) {
			t.Errorf("the explanation is %q", first.Explanation)
		}
		if again := Check(context.Background(), o, q); again.Result != first.Result {
			t.Errorf("%s, and the second time %s", first.Result, again.Result)
		}
	})
}
