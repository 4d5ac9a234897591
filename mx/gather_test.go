package mx

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counting keeps the questions that were asked.
type counting struct {
	dns.Resolver
	mu    sync.Mutex
	asked []string
}

func (c *counting) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	c.mu.Lock()
	c.asked = append(c.asked, name.String()+" "+qtype.String())
	c.mu.Unlock()
	return c.Resolver.Resolve(ctx, name, qtype)
}

// TestGatherAsksOnce holds Gather to its packets: no question twice, none for
// the domain's own address while there is MX, one address a name server.
func TestGatherAsksOnce(t *testing.T) {
	r := &counting{Resolver: dnstest.New(t, `$ORIGIN example.com.
@ MX 20 mx2
@ MX 10 mx1
@ MX 30 mx1
@ A 5.6.7.1
@ NS ns1
ns1 A 5.6.1.1
mx1 A 5.6.7.8
mx2 AAAA 2a00:1450:4001::1a
`)}
	var mu sync.Mutex
	var each []string
	f, err := Gather(t.Context(), r, "example.com", Options{Each: func(h *Host) {
		mu.Lock()
		defer mu.Unlock()
		each = append(each, h.Name.String()+" "+h.addressText())
	}})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(each)
	if diff := cmp.Diff([]string{"mx1.example.com 5.6.7.8", "mx2.example.com 2a00:1450:4001::1a"}, each); diff != "" {
		t.Errorf("hosts handed on (-want +got):\n%s", diff)
	}
	slices.Sort(r.asked)
	want := []string{
		"example.com MX", "example.com NS", "mx1.example.com A", "mx1.example.com AAAA",
		"mx2.example.com A", "mx2.example.com AAAA", "ns1.example.com A",
	}
	if diff := cmp.Diff(want, r.asked); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]dns.Name{"mx1.example.com", "mx2.example.com"}, f.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestReceives(t *testing.T) {
	for _, tc := range []struct {
		name, zone      string
		receives, known bool
	}{
		{"MX", "example.com. MX 10 mx1.example.com.\n", true, true},
		{"implicit", "example.com. A 5.6.7.8\n", true, true},
		{"null MX", "example.com. MX 0 .\n", false, true},
		{"nothing", "example.com. TXT x\n", false, true},
		{"MX fails", "example.com. MX ; !servfail\n", false, false},
		{"address fails", "example.com. TXT x\nexample.com. A ; !timeout\n", false, false},
	} {
		f, err := Gather(t.Context(), dnstest.New(t, tc.zone), "example.com", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r, k := f.Receives(); r != tc.receives || k != tc.known {
			t.Errorf("%s: got %v (known %v), want %v (known %v)", tc.name, r, k, tc.receives, tc.known)
		}
	}
}

func TestNameServersGood(t *testing.T) {
	zone := "example.com. NS ns1.example.com.\nexample.com. NS ns2.example.com.\nns1.example.com. A 5.6.1.1\nns2.example.com. A 5.6.2.1\n"
	for spec, want := range map[string][2]bool{
		"ns1.example.com=7 ns2.example.com=7":       {true, true},
		"ns1.example.com=7 ns2.example.com=8":       {false, true},
		"ns1.example.com=7 ns2.example.com=lame":    {false, true},
		"ns1.example.com=7 ns2.example.com=timeout": {false, false},
	} {
		f, err := Gather(t.Context(), dnstest.New(t, zone), "example.com", Options{ServerSOA: serials(spec)})
		if err != nil {
			t.Fatal(err)
		}
		if good, known := f.NameServersGood(); good != want[0] || known != want[1] {
			t.Errorf("%s: got %v (known %v), want %v", spec, good, known, want)
		}
	}
}

// TestGatherCancelled: a stopped run is an error, and its facts are unknown.
func TestGatherCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Gather(ctx, dnstest.New(t, ""), "example.com", Options{}); err == nil {
		t.Error("got no error from a cancelled context")
	}
}
