package dkim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/ruletest"
)

// weakListOf makes the list that a case's setup names, "weak-keys: s1=1 s2=4": the
// keys at these selectors in collections of these numbers. A number alone is a
// key that nobody has.
func weakListOf(t *testing.T, c *ruletest.Case) *WeakKeys {
	spec := strings.Fields(c.Setup["weak-keys"])
	if len(spec) == 0 {
		return nil
	}
	world := dnstest.New(t, c.Zone())
	entries := [][]byte{}
	for _, s := range spec {
		selector, number, ok := strings.Cut(s, "=")
		octets := []byte(s)
		if ok {
			l := dns.Ask(t.Context(), world, dns.Name(c.Domain()).Child(selector+"._domainkey"), dns.TypeTXT)
			if !l.Found() {
				t.Fatalf("%s: no key at %s", c.Name, selector)
			}
			k, _ := ParseKey(l.Records()[0].Text())
			if octets = k.modulus; octets == nil {
				octets = bytes.TrimLeft(k.Point, "\x00")
			}
		} else {
			number = selector
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entryOf(octets, byte(n)))
	}
	return openList(t, entries...)
}

func entryOf(octets []byte, list byte) []byte {
	sum := sha256.Sum256(octets)
	return append(sum[:15:15], list)
}

func openList(t *testing.T, entries ...[]byte) *WeakKeys {
	slices.SortFunc(entries, bytes.Compare)
	path := filepath.Join(t.TempDir(), "blocklist.dat")
	if err := os.WriteFile(path, slices.Concat(entries...), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := OpenWeakKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// compareWith gathers the domains that a case's setup names, "together: a b", and
// compares the keys of all.
func compareWith(t *testing.T, c *ruletest.Case, f *Facts) {
	others := strings.Fields(c.Setup["together"])
	if len(others) == 0 {
		return
	}
	list := []*Facts{f}
	for _, d := range others {
		o, err := Gather(t.Context(), dnstest.New(t, c.Zone()), dns.Name(d), Options{})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, o)
	}
	Batch(list)
}

func TestWeakKeys(t *testing.T) {
	var entries [][]byte
	for i := range 200 {
		entries = append(entries, entryOf([]byte{1, byte(i)}, byte(i)))
	}
	w := openList(t, entries...)
	if w.Entries != 200 || w.Name != "blocklist.dat" {
		t.Errorf("got %d entries of %q, want 200 of blocklist.dat", w.Entries, w.Name)
	}
	for i := range 200 {
		if list, ok, err := w.find(&Key{modulus: []byte{1, byte(i)}}); !ok || list != byte(i) || err != nil {
			t.Errorf("key %d: got %d, %v, %v", i, list, ok, err)
		}
		// Ed25519 keys are hashed as numbers: without the zeros in front.
		if _, ok, _ := w.find(&Key{Point: []byte{0, 0, 1, byte(i)}}); !ok {
			t.Errorf("point %d was not found", i)
		}
		if _, ok, _ := w.find(&Key{modulus: []byte{2, byte(i)}}); ok {
			t.Errorf("a key that is not in the list was found")
		}
	}
	if _, ok, err := w.find(&Key{}); ok || err != nil {
		t.Errorf("no key at all: got %v, %v", ok, err)
	}
	w.Close()
	if _, _, err := w.find(&Key{modulus: []byte{1, 1}}); err == nil {
		t.Error("a closed file said that the key is not in it")
	}
}

func TestWeakKeysRefused(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "odd size": "0123456789abcdef0", "compressed": "\xFD7zXZ\x00 and more to come",
		"no order": strings.Repeat("b", 16) + strings.Repeat("a", 16),
	} {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if w, err := OpenWeakKeys(path); err == nil {
			w.Close()
			t.Errorf("%s: taken for a list of keys", name)
		}
	}
	if _, err := OpenWeakKeys(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was opened")
	}
	if _, err := OpenWeakKeys(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
	var none *WeakKeys
	if err := none.Close(); err != nil {
		t.Error(err)
	}
}

// zoned answers from a zone file, as --zone does.
func zoned(t *testing.T, text string) dns.Resolver {
	z, err := dns.ParseZone(strings.NewReader(text), "example.com", "example.com.zone")
	if err != nil {
		t.Fatal(err)
	}
	return dns.Overlay([]*dns.Zone{z}, nil)
}

// counted counts the questions of a type.
type counted struct {
	dns.Resolver
	qtypes chan dns.Type
}

func gatherCounted(t *testing.T, r dns.Resolver, opts Options) (*Facts, map[dns.Type]int) {
	log := &counted{r, make(chan dns.Type, 1000)}
	f, err := Gather(t.Context(), resolverFunc(func(n dns.Name, q dns.Type) (dns.Answer, error) {
		log.qtypes <- q
		return r.Resolve(t.Context(), n, q)
	}), "example.com", opts)
	if err != nil {
		t.Fatal(err)
	}
	close(log.qtypes)
	counts := map[dns.Type]int{}
	for q := range log.qtypes {
		counts[q]++
	}
	return f, counts
}

// TestShapeCostsNoQuestion: who answers for _domainkey is told by any denial, and
// an alias beside the text is only looked for where it pays.
func TestShapeCostsNoQuestion(t *testing.T) {
	soa := "@ SOA ns1 hostmaster 1 3600 600 86400 300\n"
	key := `own._domainkey TXT "v=DKIM1; p=` + k1024 + "\"\n"
	r := dnstest.New(t, ". SOA a. b. 1 2 3 4 5\nown._domainkey.example.com. TXT \"v=DKIM1; p="+k1024+"\"\ndefault._domainkey.example.com. TXT \"v=DKIM1; p="+ked+"\"\n")
	_, counts := gatherCounted(t, r, Options{})
	if counts[dns.TypeNS] != 0 || counts[dns.TypeCNAME] != 0 {
		t.Errorf("guessing asked %d for NS and %d for CNAME, want none", counts[dns.TypeNS], counts[dns.TypeCNAME])
	}
	if _, counts = gatherCounted(t, r, Options{Selectors: []string{"own"}}); counts[dns.TypeCNAME] != 1 {
		t.Errorf("a named selector: %d questions for CNAME, want 1", counts[dns.TypeCNAME])
	}
	if _, counts = gatherCounted(t, dnstest.New(t, "own._domainkey.example.com. TXT x\n"), Options{}); counts[dns.TypeNS] != 1 {
		t.Errorf("denials without a zone: %d questions for NS, want 1", counts[dns.TypeNS])
	}
	f, _ := gatherCounted(t, zoned(t, soa+"_domainkey NS ns1.vendor.example.\n"+strings.Replace(key, "own", "x", 1)), Options{})
	if f.shape.cut != "" || !f.shape.servers.Unknown() {
		t.Errorf("offline below a cut: %+v, want no word on the delegation", f.shape.servers)
	}
}

func TestTTLOfZoneFile(t *testing.T) {
	f, err := Gather(t.Context(), zoned(t, `@ SOA ns1 hostmaster 1 3600 600 86400 300
own._domainkey 60 TXT "v=DKIM1; p=`+k1024+`"
s1._domainkey 300 TXT "v=DKIM1; p=`+ked+"\"\n"), "example.com", Options{Selectors: []string{"own"}})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, r := range check.Evaluate(Rules, f) {
		for _, x := range r.Findings {
			if r.Rule.ID == "dkim-ttl" {
				got = append(got, x.Variant+" "+x.Subject)
			}
		}
	}
	if diff := cmp.Diff([]string{"short own._domainkey.example.com"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type resolverFunc func(dns.Name, dns.Type) (dns.Answer, error)

func (f resolverFunc) Resolve(_ context.Context, n dns.Name, q dns.Type) (dns.Answer, error) {
	return f(n, q)
}
