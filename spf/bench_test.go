package spf

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	blitiri "blitiri.com.ar/go/spf"

	"github.com/postseal/postseal/dns"
)

// benchTree is seven records as a domain with two providers has them.
var benchTree = map[string]string{
	"example.com":           "v=spf1 ip4:198.51.100.0/24 a:out.example.com mx include:_spf.provider.example include:spf.protection.example -all",
	"_spf.provider.example": "v=spf1 include:_netblocks.provider.example include:_netblocks2.provider.example include:_netblocks3.provider.example ~all",
	"_netblocks.provider.example": "v=spf1 ip4:35.190.247.0/24 ip4:64.233.160.0/19 ip4:66.102.0.0/20 ip4:66.249.80.0/20 ip4:72.14.192.0/18 ip4:74.125.0.0/16 " +
		"ip4:108.177.8.0/21 ip4:173.194.0.0/16 ip4:209.85.128.0/17 ip4:216.58.192.0/19 ip4:216.239.32.0/19 ~all",
	"_netblocks2.provider.example": "v=spf1 ip6:2001:4860:4000::/36 ip6:2404:6800:4000::/36 ip6:2607:f8b0:4000::/36 ip6:2800:3f0:4000::/36 ip6:2a00:1450:4000::/36 ip6:2c0f:fb50:4000::/36 ~all",
	"_netblocks3.provider.example": "v=spf1 ip4:172.217.0.0/19 ip4:172.217.32.0/20 ip4:172.217.128.0/19 ip4:172.217.160.0/20 ip4:172.217.192.0/19 ip4:172.253.56.0/21 ip4:172.253.112.0/20 ip4:108.177.96.0/19 ip4:35.191.0.0/16 ip4:130.211.0.0/22 ~all",
	"spf.protection.example":       "v=spf1 ip4:40.92.0.0/15 ip4:40.107.0.0/16 ip4:52.100.0.0/15 ip4:52.102.0.0/16 ip4:52.103.0.0/17 ip4:104.47.0.0/17 ip6:2a01:111:f400::/48 include:spfd.protection.example -all",
	"spfd.protection.example":      "v=spf1 ip4:51.4.72.0/24 ip4:51.5.72.0/24 ip4:51.5.80.0/27 ip4:20.47.149.138/32 ip4:51.4.80.0/27 ip6:2a01:4180:4051:0800::/64 -all",
}

var benchHosts = map[string]string{"out.example.com": "192.0.2.10", "mail1.example.com": "192.0.2.21", "mail2.example.com": "192.0.2.22"}

// benchZone is the tree for us, theirs for the other implementation: both
// answer from a map without making anything.
type benchZone map[dns.Type]map[dns.Name]dns.Answer

func (z benchZone) Resolve(_ context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	if a, ok := z[qtype][name]; ok {
		return a, nil
	}
	return dns.Answer{Name: name, Type: qtype, Status: dns.NXDomain}, nil
}

type theirZone struct {
	txt map[string][]string
	mx  map[string][]*net.MX
	ip  map[string][]net.IPAddr
}

func notThere(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (z *theirZone) LookupTXT(_ context.Context, name string) ([]string, error) {
	if v, ok := z.txt[name]; ok {
		return v, nil
	}
	return nil, notThere(name)
}

func (z *theirZone) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	if v, ok := z.mx[name]; ok {
		return v, nil
	}
	return nil, notThere(name)
}

func (z *theirZone) LookupIPAddr(_ context.Context, name string) ([]net.IPAddr, error) {
	if v, ok := z.ip[name]; ok {
		return v, nil
	}
	return nil, notThere(name)
}

func (z *theirZone) LookupAddr(_ context.Context, addr string) ([]string, error) {
	return nil, notThere(addr)
}

func benchZones() (benchZone, *theirZone) {
	ours := benchZone{dns.TypeTXT: {}, dns.TypeMX: {}, dns.TypeA: {}}
	theirs := &theirZone{txt: map[string][]string{}, mx: map[string][]*net.MX{}, ip: map[string][]net.IPAddr{}}
	for name, text := range benchTree {
		n := dns.Name(name)
		ours[dns.TypeTXT][n] = dns.Answer{Name: n, Type: dns.TypeTXT, Status: dns.Found, Records: []dns.Record{{Name: n, Type: dns.TypeTXT, Strings: []string{text}}}}
		theirs.txt[name] = []string{text}
	}
	for name, text := range benchHosts {
		n := dns.Name(name)
		ours[dns.TypeA][n] = dns.Answer{Name: n, Type: dns.TypeA, Status: dns.Found, Records: []dns.Record{{Name: n, Type: dns.TypeA, Addr: netip.MustParseAddr(text)}}}
		theirs.ip[name] = []net.IPAddr{{IP: net.ParseIP(text)}}
	}
	mx := dns.Answer{Name: "example.com", Type: dns.TypeMX, Status: dns.Found}
	for i, host := range []string{"mail1.example.com", "mail2.example.com"} {
		mx.Records = append(mx.Records, dns.Record{Name: "example.com", Type: dns.TypeMX, Pref: uint16(i), Host: dns.Name(host)})
		theirs.mx["example.com"] = append(theirs.mx["example.com"], &net.MX{Host: host, Pref: uint16(i)})
	}
	ours[dns.TypeMX]["example.com"] = mx
	return ours, theirs
}

// BenchmarkCheck evaluates a client that no record names, so that all seven are
// read, by us and by blitiri.com.ar/go/spf in turns: the machine is as busy for
// one as for the other. Goals: ns-ratio 0.7, allocs-ratio 0.5.
func BenchmarkCheck(b *testing.B) {
	ours, theirs := benchZones()
	ctx := context.Background()
	const client, from, helo = "203.0.113.9", "user@example.com", "mail.example.net"
	ip, netIP := netip.MustParseAddr(client), net.ParseIP(client)
	us := func() string {
		return string(Check(ctx, ours, Query{IP: ip, MailFrom: from, HELO: helo}).Result)
	}
	them := func() string {
		result, _ := blitiri.CheckHostWithSender(netIP, helo, from, blitiri.WithResolver(theirs), blitiri.WithContext(ctx))
		return string(result)
	}
	if us() != "fail" || them() != "fail" {
		b.Fatalf("got %s and %s, want fail twice", us(), them())
	}
	const batch = 20
	measure := func(f func() string) time.Duration {
		start := time.Now()
		for range batch {
			f()
		}
		return time.Since(start)
	}
	var usTime, theirTime time.Duration
	var ratios []float64
	for b.Loop() {
		one, other := measure(us), measure(them)
		usTime, theirTime = usTime+one, theirTime+other
		ratios = append(ratios, float64(one)/float64(other))
	}
	slices.Sort(ratios)
	n := float64(batch * len(ratios))
	usAllocs, theirAllocs := testing.AllocsPerRun(200, func() { us() }), testing.AllocsPerRun(200, func() { them() })
	b.ReportMetric(0, "ns/op") // of the two together: says nothing
	b.ReportMetric(float64(usTime.Nanoseconds())/n, "ns/eval")
	b.ReportMetric(float64(theirTime.Nanoseconds())/n, "ns/eval-blitiri")
	b.ReportMetric(ratios[len(ratios)/2], "ns-ratio") // the median: a pause of the machine hits one of them
	b.ReportMetric(usAllocs, "allocs/eval")
	b.ReportMetric(theirAllocs, "allocs/eval-blitiri")
	b.ReportMetric(usAllocs/theirAllocs, "allocs-ratio")
}
