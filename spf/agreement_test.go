package spf

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	blitiri "blitiri.com.ar/go/spf"
	"pgregory.net/rapid"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/steady"
)

// Why the two may differ; docs/decisions/0005-spf-second-opinion.md.
const (
	oneFamily  = "family"    // it asks A and AAAA at once
	unaskable  = "unaskable" // it counts a name that cannot be asked as a void look-up
	pMacro     = "p-macro"   // its %{p} is always "unknown"
	mxOrder    = "mx-order"  // it asks every host of an mx before it compares
	ptrAgain   = "ptr-again" // it counts the void look-up of ptr once
	longName   = "long-name" // it does not cut long names
	slashMacro = "slash"     // it allows no slash in a domain-spec
	mapped     = "mapped"    // its ip6 ranges hold IPv4 clients
)

// twoWorlds answers both implementations with the same data.
type twoWorlds struct {
	hosts   map[dns.Name]*worldHost
	reverse []dns.Name
	broken  bool            // the reverse zone
	noted   map[string]bool // reasons met on the way
	ptrs    int             // terms of that kind, in the records seen
}

type worldHost struct {
	txt    []string
	addrs  []netip.Addr
	mx     []dns.Name
	broken bool
}

func (w *twoWorlds) Resolve(_ context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	a := dns.Answer{Name: name, Type: qtype, Status: dns.NXDomain}
	if qtype == dns.TypePTR {
		if w.broken {
			return a, &dns.Error{Name: name, Type: qtype, Kind: dns.ServFail}
		}
		for _, n := range w.reverse {
			a.Status = dns.Found
			a.Records = append(a.Records, dns.Record{Name: name, Type: qtype, Host: n})
		}
		return a, nil
	}
	h := w.hosts[name]
	switch {
	case h == nil:
		return a, nil
	case h.broken:
		return a, &dns.Error{Name: name, Type: qtype, Kind: dns.ServFail}
	}
	switch qtype {
	case dns.TypeTXT:
		for _, text := range h.txt {
			a.Records = append(a.Records, dns.Record{Name: name, Type: qtype, Strings: []string{text}})
		}
	case dns.TypeMX:
		for i, host := range h.mx {
			a.Records = append(a.Records, dns.Record{Name: name, Type: qtype, Host: host, Pref: uint16(i)})
		}
	case dns.TypeA, dns.TypeAAAA:
		for _, addr := range h.addrs {
			if addr.Is4() == (qtype == dns.TypeA) {
				a.Records = append(a.Records, dns.Record{Name: name, Type: qtype, Addr: addr})
			}
		}
	}
	a.Status = dns.NoData
	if len(a.Records) > 0 {
		a.Status = dns.Found
	}
	return a, nil
}

// theirs answers the other implementation and notes what it does its own way.
type theirs struct{ *twoWorlds }

func (w theirs) host(name string) (*worldHost, error) {
	n := dns.FromText(name)
	if n.Check() != nil {
		w.noted[unaskable] = true
		if len(name) > maxName {
			w.noted[longName] = true
		}
		return nil, notThere(name)
	}
	h := w.hosts[n]
	switch {
	case h == nil:
		return nil, notThere(name)
	case h.broken:
		return nil, &net.DNSError{Err: "servfail", Name: name, IsTemporary: true}
	}
	return h, nil
}

func (w theirs) LookupTXT(_ context.Context, name string) ([]string, error) {
	h, err := w.host(name)
	if err != nil {
		return nil, err
	}
	text := strings.Join(h.txt, " ")
	for reason, mark := range map[string]string{pMacro: "%{p}", slashMacro: "%{l/}", mapped: "::ffff:", longName: manyLabels} {
		if strings.Contains(text, mark) {
			w.noted[reason] = true
		}
	}
	if strings.Contains(text, "ptr:x..") || strings.Contains(text, "ptr:"+longLabel) { // compared, never asked
		w.noted[unaskable] = true
	}
	w.ptrs += strings.Count(text, "ptr")
	if w.ptrs > 1 && len(w.reverse) == 0 {
		w.noted[ptrAgain] = true
	}
	return h.txt, nil
}

func (w theirs) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	h, err := w.host(name)
	if err != nil {
		return nil, err
	}
	var list []*net.MX
	for i, host := range h.mx {
		if target := w.hosts[host]; target != nil && target.broken {
			w.noted[mxOrder] = true
		}
		list = append(list, &net.MX{Host: string(host), Pref: uint16(i)})
	}
	return list, nil
}

func (w theirs) LookupIPAddr(_ context.Context, name string) ([]net.IPAddr, error) {
	h, err := w.host(name)
	if err != nil {
		return nil, err
	}
	var list []net.IPAddr
	four := 0
	for _, addr := range h.addrs {
		list = append(list, net.IPAddr{IP: addr.AsSlice()})
		if addr.Is4() {
			four++
		}
	}
	if len(list) > 0 && (four == 0 || four == len(list)) {
		w.noted[oneFamily] = true
	}
	return list, nil
}

func (w theirs) LookupAddr(_ context.Context, addr string) ([]string, error) {
	if w.broken {
		return nil, &net.DNSError{Err: "servfail", Name: addr, IsTemporary: true}
	}
	var names []string
	for _, n := range w.reverse {
		names = append(names, string(n))
	}
	if len(names) == 0 {
		return nil, notThere(addr)
	}
	return names, nil
}

// manyLabels grows beyond 253 octets in most records.
var manyLabels = strings.Repeat("%{d}.", 25)

var longLabel = strings.Repeat("x", 64)

var worldNames = []string{"n0.example", "n1.example", "n2.example", "n3.example", "n4.example", "strong.example", "bad.example"}

// drawWorld makes names with records of valid grammar, most of which lead to
// one another.
func drawWorld(t *rapid.T) *twoWorlds {
	w := &twoWorlds{hosts: map[dns.Name]*worldHost{}, noted: map[string]bool{}}
	some := rapid.SampledFrom(worldNames)
	spec := rapid.OneOf(some, some, some, rapid.SampledFrom([]string{"gone.example", "%{d}", "%{o}", "%{h}", "%{l1r-}.example", "%{l1-}.Example.",
		"%{L}.%{ir}.%{v}.example", "%{p}.example", "%{d1r}.%{d1}", "x..example", longLabel + ".example", "%{l/}.example",
		"%{s-}.n0.example", manyLabels + "n0.example"}))
	term := rapid.Custom(func(t *rapid.T) string {
		sign := rapid.SampledFrom([]string{"", "", "", "+", "-", "~", "?"}).Draw(t, "sign")
		length := rapid.SampledFrom([]string{"", "", "/31", "/0", "/32//127", "//0", "//128"})
		optional := func() string {
			if rapid.Bool().Draw(t, "own") {
				return ""
			}
			return ":" + spec.Draw(t, "spec")
		}
		switch kind := rapid.IntRange(0, 11).Draw(t, "kind"); kind {
		case 0:
			return sign + "all"
		case 1:
			return sign + rapid.SampledFrom([]string{"ip4:5.6.7.0", "ip4:5.6.7.0/31", "ip4:9.0.0.0/8", "IP4:5.6.7.1"}).Draw(t, "ip4")
		case 2:
			return sign + rapid.SampledFrom([]string{"ip6:2a00:1::", "ip6:2a00:1::/127", "ip6:::ffff:5.6.7.1", "ip6:2b00::/8"}).Draw(t, "ip6")
		case 3, 4:
			return sign + "a" + optional() + length.Draw(t, "length")
		case 5, 6:
			return sign + "mx" + optional() + length.Draw(t, "length")
		case 7:
			return sign + "ptr" + optional()
		case 8:
			return sign + "exists:" + spec.Draw(t, "spec")
		case 9:
			return rapid.SampledFrom([]string{"moo=", "x-y.z=1:2/3", "exp0=%{i}"}).Draw(t, "unknown")
		default:
			return sign + "include:" + spec.Draw(t, "spec")
		}
	})
	for _, name := range worldNames {
		h := &worldHost{broken: rapid.IntRange(0, 19).Draw(t, "broken") == 0}
		if rapid.IntRange(0, 9).Draw(t, "published") > 0 {
			parts := append([]string{Version}, rapid.SliceOfN(term, 0, 6).Draw(t, "terms")...)
			if rapid.IntRange(0, 3).Draw(t, "redirects") == 0 {
				at := rapid.IntRange(1, len(parts)).Draw(t, "at")
				parts = slices.Insert(parts, at, "redirect="+spec.Draw(t, "redirect"))
			}
			h.txt = append(h.txt, strings.Join(parts, " "))
		}
		if rapid.IntRange(0, 19).Draw(t, "second") == 0 {
			h.txt = append(h.txt, "v=spf1 ?all")
		}
		h.addrs = rapid.SliceOfN(rapid.SampledFrom([]netip.Addr{netip.MustParseAddr("5.6.7.0"), netip.MustParseAddr("5.6.7.1"), netip.MustParseAddr("9.9.9.9"),
			netip.MustParseAddr("2a00:1::"), netip.MustParseAddr("2a00:1::1"), netip.MustParseAddr("2a09::9")}), 0, 4).Draw(t, "addrs")
		for _, host := range rapid.SliceOfN(some, 0, 11).Draw(t, "mx") {
			h.mx = append(h.mx, dns.Name(host))
		}
		w.hosts[dns.Name(name)] = h
	}
	for _, n := range rapid.SliceOfN(some, 0, 12).Draw(t, "reverse") {
		w.reverse = append(w.reverse, dns.Name(n))
	}
	w.broken = rapid.IntRange(0, 9).Draw(t, "reverse broken") == 0
	return w
}

// TestAgreement asks another implementation about random records of valid
// grammar. Where the results differ, one of the reasons above was met on the way.
func TestAgreement(t *testing.T) {
	agreed, explained := 0, map[string]int{}
	results := map[Result]int{}
	compare := func(t *rapid.T) {
		w := drawWorld(t)
		ip := rapid.SampledFrom([]netip.Addr{netip.MustParseAddr("5.6.7.1"), netip.MustParseAddr("2a00:1::1")}).Draw(t, "ip")
		const from, helo = "strong-bad@n0.example", "n1.example"
		ours := Check(context.Background(), w, Query{IP: ip, MailFrom: from, HELO: helo})
		checkOutcome(t, ours)
		result, err := blitiri.CheckHostWithSender(ip.AsSlice(), helo, from, blitiri.WithResolver(theirs{w}))
		results[ours.Result]++
		if string(result) == string(ours.Result) {
			agreed++
			return
		}
		if len(w.noted) == 0 {
			t.Fatalf("we say %s by %q (%s), they %s (%v), and nothing explains it\n%s", ours.Result, ours.Term, ours.Reason, result, err, w)
		}
		explained[strings.Join(slices.Sorted(maps.Keys(w.noted)), " ")]++
	}
	for i := range 10 {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			steady.Seed(t, i+1)
			rapid.Check(t, compare)
		})
	}
	differ := 0
	for _, n := range explained {
		differ += n
	}
	t.Logf("%d agree, %d differ with a reason; results %v; reasons %v", agreed, differ, results, explained)
	if agreed < 20*differ {
		t.Errorf("only %d of %d agree", agreed, agreed+differ)
	}
}

func (w *twoWorlds) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.hosts)) {
		h := w.hosts[name]
		fmt.Fprintf(&b, "%s broken=%v %q %v mx %v\n", name, h.broken, h.txt, h.addrs, h.mx)
	}
	fmt.Fprintf(&b, "reverse %v broken=%v noted %v", w.reverse, w.broken, w.noted)
	return b.String()
}
