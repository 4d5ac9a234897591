package dns_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/tape"
)

func newRun(t testing.TB, cfg dns.RunConfig) *dns.Run {
	t.Helper()
	r, err := dns.NewRun(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func TestRunAsksOnce(t *testing.T) {
	srv := dnstest.Serve(t, world)
	srv.SetDelay(5 * time.Millisecond)
	r := newRun(t, dns.RunConfig{Config: dns.Config{Servers: []string{srv.Addr.String()}}})
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() { show(t, r, fmt.Sprintf("n%d.example.com TXT", i%30)) })
	}
	wg.Wait()
	for range 3 {
		show(t, r, "www.example.com A")
	}
	want := dns.Counts{Queries: 31, Packets: 31}
	if got := r.Counts(); got != want || srv.Packets() != 31 || r.Log().Len() != 31 {
		t.Errorf("got %+v, %d at the server, %d in the log; want %+v", got, srv.Packets(), r.Log().Len(), want)
	}
}

func TestRunWithZones(t *testing.T) {
	srv := dnstest.Serve(t, "mx.test. A 5.6.7.8\nexample.com. TXT \"live\"\n")
	z := parseZone(t, "example.com", "@ SOA ns root 1 2 3 4 5\n@ TXT \"planned\"\nout CNAME mx.test.\nout2 CNAME mx.test.\n")
	r := newRun(t, dns.RunConfig{Config: dns.Config{Servers: []string{srv.Addr.String()}}, Zones: []*dns.Zone{z}})
	want{
		"example.com TXT":    `found "planned"`,
		"out.example.com A":  "found via mx.test 5.6.7.8",
		"out2.example.com A": "found via mx.test 5.6.7.8",
		"mx.test A":          "found 5.6.7.8",
	}.check(t, r)
	if srv.Packets() != 1 {
		t.Errorf("%d packets", srv.Packets())
	}
	offline := newRun(t, dns.RunConfig{Config: dns.Config{Offline: true}, Zones: []*dns.Zone{z}})
	want{
		"example.com TXT":   `found "planned"`,
		"out.example.com A": "error offline",
		"mx.test A":         "error offline",
	}.check(t, offline)
	want{"mx.test A": "error offline"}.check(t, newRun(t, dns.RunConfig{Config: dns.Config{Offline: true}}))
	if _, err := offline.AskServer(t.Context(), srv.Addr, "mx.test", dns.TypeA); dns.AsError(err, "", 0).Kind != dns.Offline {
		t.Errorf("offline, a server was asked: %v", err)
	}
}

func TestTwoFilesOfOneZone(t *testing.T) {
	z := parseZone(t, "example.com", "@ TXT \"a\"\n")
	if r, err := dns.NewRun(dns.RunConfig{Config: dns.Config{Offline: true}, Zones: []*dns.Zone{z, z}}); err == nil {
		r.Close()
		t.Error("two files for one zone were taken")
	}
}

func TestRecording(t *testing.T) {
	srv := dnstest.Serve(t, world+`
all.test. MX 0 .
all.test. SRV 1 2 3 a\.b.test.
all.test. TLSA 3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
all.test. CAA 0 issue "ca.example; x=\"y\""
all.test. SOA ns.test. a\.b.test. 1 2 3 4 5
all.test. AAAA 2a00::1
all.test. TXT ""
all.test. TYPE65300 \# 3 abcdef
`)
	questions := []string{
		"example.com MX", "example.com TXT", "www.example.com A", "no.example.com A", "b.example.com A", "sf.test TXT", "ref.test TXT",
		"all.test MX", "all.test SRV", "all.test TLSA", "all.test CAA", "all.test SOA", "all.test AAAA", "all.test TXT", "zone.test TXT",
	}
	z := parseZone(t, "zone.test", "@ TXT \"of a zone \\200\"\n")
	rec := tape.Recorder()
	first := newRun(t, dns.RunConfig{
		Config: dns.Config{Servers: []string{srv.Addr.String()}}, Zones: []*dns.Zone{z}, Tape: rec, AllowPrivate: true,
	})
	for _, q := range questions {
		show(t, first, q)
	}
	odd, err := first.Resolve(t.Context(), "all.test", 65300)
	if err != nil || len(odd.Records) != 1 {
		t.Fatal(odd, err)
	}
	if _, err := first.ResolveCD(t.Context(), "bog.test", dns.TypeTXT); err != nil {
		t.Fatal(err)
	}
	soa, err := first.AskServer(t.Context(), srv.Addr, "all.test", dns.TypeSOA)
	if err != nil {
		t.Fatal(err)
	}

	var file bytes.Buffer
	if _, err := rec.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	tp, err := tape.Player(&file)
	if err != nil {
		t.Fatal(err)
	}
	second := newRun(t, dns.RunConfig{Config: dns.Config{Servers: []string{"192.0.2.1"}}, Tape: tp})
	for _, q := range questions {
		show(t, second, q)
	}
	if _, err := second.Resolve(t.Context(), "all.test", 65300); err != nil {
		t.Error(err)
	}
	if a, err := second.ResolveCD(t.Context(), "bog.test", dns.TypeTXT); err != nil || a.Status != dns.Found {
		t.Errorf("checking disabled, played: %+v, %v", a, err)
	}
	same := cmp.Options{
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmpopts.IgnoreFields(dns.Error{}, "Err"),
		cmpopts.IgnoreFields(dns.Record{}, "Line", "Col"), // of the zone file
		// The recording keeps microseconds.
		cmp.Comparer(func(a, b time.Duration) bool { return a.Microseconds() == b.Microseconds() }),
	}
	if diff := cmp.Diff(first.Log().Entries(), second.Log().Entries(), same...); diff != "" {
		t.Errorf("played otherwise than recorded (-recorded +played):\n%s", diff)
	}
	again, err := second.AskServer(t.Context(), srv.Addr, "all.test", dns.TypeSOA)
	if diff := cmp.Diff(soa, again, same...); err != nil || diff != "" {
		t.Errorf("a server's answer played otherwise: %v\n%s", err, diff)
	}
	if a, b := first.Counts().Packets, second.Counts().Packets; a != b {
		t.Errorf("%d packets recorded, %d played", a, b)
	}
	_, err = second.Resolve(t.Context(), "unheard-of.test", dns.TypeA)
	if e := dns.AsError(err, "", 0); e.Kind != dns.NotRecorded || e.Detail != "not in the recording" {
		t.Errorf("got %v", err)
	}
}

func TestAskServerRefusesPrivate(t *testing.T) {
	srv := dnstest.Serve(t, "a.test. A 5.6.7.8")
	r := newRun(t, dns.RunConfig{Config: dns.Config{Servers: []string{srv.Addr.String()}}})
	_, err := r.AskServer(t.Context(), srv.Addr, "a.test", dns.TypeA)
	if e := dns.AsError(err, "", 0); e.Kind != dns.Network || !strings.Contains(e.Detail, "loopback") || srv.Packets() != 0 {
		t.Errorf("got %v, %d packets", err, srv.Packets())
	}
}

func TestWithLog(t *testing.T) {
	w := dnstest.New(t, "b.test. A 5.6.7.8\nx.b.test. TXT \"x\"\na.test. TXT \"x\"\nc.test. TXT ; !servfail\nd.test. TXT \"y\" ; !bogus\n")
	r, log := dns.WithLog(w)
	for _, q := range []string{"x.b.test TXT", "b.test TXT", "b.test A", "b.test A", "c.test TXT", "a.test TXT"} {
		show(t, r, q)
	}
	var got []string
	for _, e := range log.Entries() {
		got = append(got, e.Name.String()+" "+e.Type.String()+" "+string(e.State))
	}
	want := []string{"a.test TXT found", "b.test A found", "b.test TXT nodata", "x.b.test TXT found", "c.test TXT unknown"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	a, err := r.(dns.CDResolver).ResolveCD(context.Background(), "d.test", dns.TypeTXT)
	if err != nil || a.Status != dns.Found {
		t.Errorf("got %+v, %v", a, err)
	}
	if _, err := r.(dns.ServerAsker).AskServer(context.Background(), netip.MustParseAddrPort("5.6.7.8:53"), "a.test", dns.TypeTXT); err != nil {
		t.Error(err)
	}
}

func BenchmarkRunCold(b *testing.B) {
	srv := dnstest.Serve(b, "*.test. TXT \"v=spf1 -all\"")
	r := newRun(b, dns.RunConfig{Config: dns.Config{Servers: []string{srv.Addr.String()}}, NoLog: true})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if _, err := r.Resolve(b.Context(), dns.Name(fmt.Sprintf("n%d.test", i)), dns.TypeTXT); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRunCached(b *testing.B) {
	r := newRun(b, dns.RunConfig{Config: dns.Config{Servers: []string{dnstest.Serve(b, "a.test. A 5.6.7.8").Addr.String()}}, NoLog: true})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Resolve(b.Context(), "a.test", dns.TypeA); err != nil {
			b.Fatal(err)
		}
	}
}
