package dnstest

import (
	"cmp"
	"crypto"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/postseal/postseal/dns"
)

// SignedZone is one zone of a signed tree. The zero options sign with ECDSA
// P-256 and NSEC, from an hour ago until in ten days.
type SignedZone struct {
	Origin string // absolute
	Text   string // records, relative to Origin; SOA, NS and the DS of children are added

	Unsigned  bool
	NoDS      bool  // signed, and the parent does not know
	WrongDS   bool  // the parent names another key
	Algorithm uint8 // 0 means 13
	Digest    uint8 // of the DS; 0 means 2

	NSEC3      bool
	Iterations uint16
	Salt       string
	OptOut     bool // leave unsigned delegations out of the chain

	Inception, Expiration time.Time
	ClaimAlgorithm        uint8 // written into DS instead of the real one
}

// Tree is a signed tree of zones on 127.0.0.1, behind a resolver that
// validates nothing.
type Tree struct {
	Addr netip.AddrPort

	now     time.Time
	zones   map[dns.Name]*signedZone
	packets atomic.Int64
	mu      sync.Mutex
	counts  map[question]int
	mutate  func(q mdns.Question, m *mdns.Msg)
}

// Mutate has f change each reply before it goes out.
func (t *Tree) Mutate(f func(q mdns.Question, m *mdns.Msg)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mutate = f
}

type signedZone struct {
	SignedZone
	name  dns.Name
	key   *mdns.DNSKEY
	priv  crypto.Signer
	sets  map[dns.Name]map[uint16][]mdns.RR
	names []dns.Name // owners and, for NSEC3, empty non-terminals; canonical order
	chain []mdns.RR
}

// Sign makes and serves the tree until the test ends; the root must be among
// the zones, and now is when all is signed.
func Sign(t testing.TB, now time.Time, zones ...SignedZone) *Tree {
	t.Helper()
	tree := &Tree{now: now, zones: map[dns.Name]*signedZone{}, counts: map[question]int{}}
	for _, z := range zones {
		sz, err := newSignedZone(z, now)
		if err != nil {
			t.Fatal(err)
		}
		tree.zones[sz.name] = sz
	}
	for _, z := range tree.zones {
		if z.name == dns.Root {
			continue
		}
		parent := tree.holding(z.name.Parent())
		parent.add(rr("%s 3600 IN NS ns.invalid.", z.name.FQDN()))
		if !z.Unsigned && !z.NoDS {
			parent.add(z.ds())
		}
	}
	for _, z := range tree.zones {
		z.link()
	}
	udp, tcp, err := listenBoth()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	for _, s := range []*mdns.Server{{PacketConn: udp}, {Listener: tcp}} {
		s.Handler = mdns.HandlerFunc(func(rw mdns.ResponseWriter, q *mdns.Msg) {
			if m := tree.Reply(q, rw.LocalAddr().Network() == "tcp"); m != nil {
				rw.WriteMsg(m)
			}
		})
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		wg.Go(func() { s.ActivateAndServe() })
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	tree.Addr = netip.MustParseAddrPort(udp.LocalAddr().String())
	return tree
}

func rr(format string, args ...any) mdns.RR {
	r, err := mdns.NewRR(fmt.Sprintf(format, args...))
	if err != nil {
		panic(err)
	}
	return r
}

func newSignedZone(z SignedZone, now time.Time) (*signedZone, error) {
	z.Algorithm, z.Digest = cmp.Or(z.Algorithm, mdns.ECDSAP256SHA256), cmp.Or(z.Digest, mdns.SHA256)
	if z.Inception.IsZero() {
		z.Inception = now.Add(-time.Hour)
	}
	if z.Expiration.IsZero() {
		z.Expiration = now.Add(240 * time.Hour)
	}
	sz := &signedZone{SignedZone: z, name: dns.FromPresentation(z.Origin), sets: map[dns.Name]map[uint16][]mdns.RR{}}
	text := fmt.Sprintf("$ORIGIN %s\n$TTL 3600\n@ SOA ns.invalid. root.invalid. 1 3600 600 86400 300\n@ NS ns.invalid.\n%s\n", z.Origin, z.Text)
	zp := mdns.NewZoneParser(strings.NewReader(text), z.Origin, "")
	for r, ok := zp.Next(); ok; r, ok = zp.Next() {
		sz.add(r)
	}
	if err := zp.Err(); err != nil {
		return nil, fmt.Errorf("dnstest: zone %s: %w", z.Origin, err)
	}
	if z.Unsigned {
		return sz, nil
	}
	sz.key = &mdns.DNSKEY{Hdr: header(z.Origin, mdns.TypeDNSKEY, 3600), Flags: 257, Protocol: 3, Algorithm: z.Algorithm}
	bits := 256
	switch z.Algorithm {
	case mdns.RSASHA1, mdns.RSASHA256, mdns.RSASHA512, mdns.RSASHA1NSEC3SHA1:
		bits = 1024
	case mdns.ECDSAP384SHA384:
		bits = 384
	}
	for sz.priv == nil || sz.key.KeyTag() == 0 { // the library does not sign with such a tag
		priv, err := sz.key.Generate(bits)
		if err != nil {
			return nil, fmt.Errorf("dnstest: zone %s: %w", z.Origin, err)
		}
		sz.priv = priv.(crypto.Signer)
	}
	sz.add(sz.key)
	return sz, nil
}

func (z *signedZone) add(r mdns.RR) {
	n := dns.FromPresentation(r.Header().Name)
	if z.sets[n] == nil {
		z.sets[n] = map[uint16][]mdns.RR{}
	}
	z.sets[n][r.Header().Rrtype] = append(z.sets[n][r.Header().Rrtype], r)
}

func (z *signedZone) ds() mdns.RR {
	d := z.key.ToDS(z.Digest)
	if z.WrongDS {
		d.Digest = strings.Repeat("5e", len(d.Digest)/2)
	}
	if z.ClaimAlgorithm != 0 {
		d.Algorithm = z.ClaimAlgorithm
	}
	d.Hdr = header(z.Origin, mdns.TypeDS, 3600)
	return d
}

// Anchor is the DS of a zone, as --trust-anchor reads it.
func (t *Tree) Anchor(origin string) string {
	return t.zones[dns.FromPresentation(origin)].ds().String() + "\n"
}

// Key is the key of a zone and what signs with it, for hostile replies.
func (t *Tree) Key(origin string) (*mdns.DNSKEY, crypto.Signer) {
	z := t.zones[dns.FromPresentation(origin)]
	return z.key, z.priv
}

// Count tells how often a question came in; Packets, how many messages.
func (t *Tree) Count(name dns.Name, qtype dns.Type) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[question{name, qtype}]
}

// Packets tells how many messages came in.
func (t *Tree) Packets() int64 { return t.packets.Load() }

// link makes the NSEC or NSEC3 chain.
func (z *signedZone) link() {
	if z.Unsigned {
		return
	}
	all := map[dns.Name]bool{}
	for n, sets := range z.sets {
		if z.NSEC3 && z.OptOut && n != z.name && sets[mdns.TypeNS] != nil && sets[mdns.TypeDS] == nil {
			continue
		}
		for all[n] = true; z.NSEC3 && n != z.name; {
			n = n.Parent()
			all[n] = true
		}
	}
	for n := range all {
		z.names = append(z.names, n)
	}
	slices.SortFunc(z.names, dns.Name.Compare)
	if !z.NSEC3 {
		for i, n := range z.names {
			next := z.names[(i+1)%len(z.names)]
			z.chain = append(z.chain, &mdns.NSEC{
				Hdr: header(n.FQDN(), mdns.TypeNSEC, 300), NextDomain: next.FQDN(), TypeBitMap: z.types(n, mdns.TypeNSEC, mdns.TypeRRSIG),
			})
		}
		return
	}
	slices.SortFunc(z.names, func(a, b dns.Name) int { return strings.Compare(z.hash(a), z.hash(b)) })
	flags := uint8(0)
	if z.OptOut {
		flags = 1
	}
	for i, n := range z.names {
		next := z.hash(z.names[(i+1)%len(z.names)])
		z.chain = append(z.chain, &mdns.NSEC3{
			Hdr: header(strings.ToLower(z.hash(n))+"."+strings.TrimPrefix(z.Origin, "."), mdns.TypeNSEC3, 300), Hash: 1, Flags: flags, Iterations: z.Iterations,
			SaltLength: uint8(len(z.Salt) / 2), Salt: z.Salt, HashLength: 20, NextDomain: next, TypeBitMap: z.types(n, mdns.TypeRRSIG),
		})
	}
}

func (z *signedZone) hash(n dns.Name) string {
	return mdns.HashName(n.FQDN(), 1, z.Iterations, z.Salt)
}

func (z *signedZone) types(n dns.Name, more ...uint16) []uint16 {
	var types []uint16
	for t := range z.sets[n] {
		types = append(types, t)
	}
	if len(types) > 0 {
		types = append(types, more...)
	}
	slices.Sort(types)
	return types
}

// signed is a set with its signature.
func (z *signedZone) signed(set []mdns.RR) []mdns.RR {
	if z.Unsigned || len(set) == 0 {
		return set
	}
	sig := &mdns.RRSIG{
		Algorithm: z.key.Algorithm, KeyTag: z.key.KeyTag(), SignerName: z.Origin,
		Inception: uint32(z.Inception.Unix()), Expiration: uint32(z.Expiration.Unix()),
	}
	sig.Hdr.Ttl = set[0].Header().Ttl
	if err := sig.Sign(z.priv, set); err != nil {
		panic(err)
	}
	return append(slices.Clone(set), sig)
}

// Text is a zone with its signatures and proofs, for another server to serve.
func (t *Tree) Text(origin string) string {
	z := t.zones[dns.FromPresentation(origin)]
	var b strings.Builder
	write := func(set []mdns.RR) {
		for _, r := range z.signed(set) {
			b.WriteString(r.String() + "\n")
		}
	}
	write(z.sets[z.name][mdns.TypeSOA])
	for n, sets := range z.sets {
		for rrtype, set := range sets {
			if n != z.name || rrtype != mdns.TypeSOA {
				write(set)
			}
		}
	}
	for _, r := range z.chain {
		write([]mdns.RR{r})
	}
	return b.String()
}
