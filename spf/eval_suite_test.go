package spf

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/yamlx"
)

// suites reads the documents of a test suite in the form of openspf's.
func suites(t testing.TB, file string) []*suite {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []*suite
	for i, doc := range bytes.Split(data, []byte("\n---")) {
		s := &suite{}
		if err := yamlx.Unmarshal(bytes.TrimPrefix(doc, []byte("---")), s); err != nil {
			t.Fatalf("%s, document %d: %v", file, i, err)
		}
		if len(s.Tests) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// TestSuite evaluates every case of the openspf test suite for RFC 7208.
func TestSuite(t *testing.T) {
	cases := 0
	for _, s := range suites(t, "testdata/rfc7208-tests.yml") {
		r := newSuiteZone(t, s.Zonedata)
		t.Run(s.Description, func(t *testing.T) {
			for _, name := range slices.Sorted(maps.Keys(s.Tests)) {
				cases++
				t.Run(name, func(t *testing.T) { s.evaluate(t, r, name) })
			}
		})
	}
	t.Logf("%d cases", cases)
	if cases != 203 {
		t.Errorf("got %d cases, want 203", cases)
	}
}

// outcome evaluates one case.
func (s *suite) outcome(t testing.TB, r dns.Resolver, name string) *Outcome {
	t.Helper()
	c := s.Tests[name]
	ip, err := netip.ParseAddr(c.Host)
	if err != nil {
		t.Fatal(err)
	}
	return Check(context.Background(), r, Query{IP: ip, MailFrom: c.Mailfrom, HELO: c.Helo})
}

func (s *suite) evaluate(t *testing.T, r dns.Resolver, name string) {
	c, got := s.Tests[name], s.outcome(t, r, name)
	if !slices.Contains(results(c.Result), string(got.Result)) {
		t.Errorf("got %s (%s), want %v: %s", got.Result, got.Reason, c.Result, c.Spec)
	}
	if c.Explanation != "" {
		want := c.Explanation
		if want == "DEFAULT" { // the receiver's own words: the domain has none
			want = ""
		}
		if got.Explanation != want {
			t.Errorf("got explanation %q, want %q", got.Explanation, want)
		}
	}
	checkOutcome(t, got)
}

// results are the alternatives that a case allows.
func results(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var words []string
	for _, w := range list {
		words = append(words, fmt.Sprint(w))
	}
	return words
}

// complainer is the part of testing.TB that rapid has too.
type complainer interface {
	Helper()
	Errorf(format string, args ...any)
}

// checkOutcome holds for every outcome there is.
func checkOutcome(t complainer, o *Outcome) {
	t.Helper()
	wrong := o.Result == ResultTempError || o.Result == ResultPermError
	switch {
	case !slices.Contains([]Result{ResultNone, ResultNeutral, ResultPass, ResultFail, ResultSoftFail, ResultTempError, ResultPermError}, o.Result):
		t.Errorf("the result is %q", o.Result)
	case o.Lookups > MaxLookups || o.Voids > MaxVoids+1 || o.Voids > MaxVoids && o.Result != ResultPermError:
		t.Errorf("%d look-ups, %d voids used, and %s", o.Lookups, o.Voids, o.Result)
	case wrong != (o.Reason != "") || wrong != (o.Cause.Code != ""):
		t.Errorf("%s for the reason %q (%s)", o.Result, o.Reason, o.Cause.Code)
	case o.Explanation != "" && o.Result != ResultFail:
		t.Errorf("%s with the explanation %q", o.Result, o.Explanation)
	case o.Path == nil || len(o.Path) == 0 && !wrong && o.Result != ResultNone:
		t.Errorf("%s with the path %v", o.Result, o.Path)
	case o.Result == ResultNone && (o.Term != "" || len(o.Path) > 0):
		t.Errorf("none, by %q of %v", o.Term, o.Path)
	}
	for i, s := range o.Path {
		if i+1 < len(o.Path) && s.Term == "" {
			t.Errorf("the path goes on after %+v", s)
		}
		if !strings.Contains(s.Record, s.Term) {
			t.Errorf("%q does not stand in %q", s.Term, s.Record)
		}
	}
}

// suiteZone answers from a suite's zone data.
type suiteZone map[dns.Name]*suiteNode

type suiteNode struct {
	records map[dns.Type][]dns.Record
	timeout bool // types not listed time out
}

// newSuiteZone follows the suite's conventions: a record of type SPF stands for
// a TXT record too, unless the name has TXT of its own (NONE for none at all),
// and a name with TIMEOUT does not answer for types that are not listed.
func newSuiteZone(t testing.TB, data map[string][]any) suiteZone {
	t.Helper()
	z := suiteZone{}
	for text, rrs := range data {
		name := dns.FromText(text)
		node := &suiteNode{records: map[dns.Type][]dns.Record{}}
		z[name] = node
		var spf []dns.Record
		own := false
		for _, item := range rrs {
			if item == "TIMEOUT" {
				node.timeout = true
				continue
			}
			for mnemonic, value := range item.(map[string]any) {
				switch mnemonic {
				case "TIMEOUT":
					node.timeout = true
				case "CNAMELOOP":
					node.records[dns.TypeCNAME] = []dns.Record{{Name: name, Type: dns.TypeCNAME, Host: name}}
				case "SPF":
					spf = append(spf, dns.Record{Name: name, Type: dns.TypeTXT, Strings: stringsOf(value)})
				case "TXT":
					own = true
					if value != "NONE" {
						node.records[dns.TypeTXT] = append(node.records[dns.TypeTXT], dns.Record{Name: name, Type: dns.TypeTXT, Strings: stringsOf(value)})
					}
				default:
					rr := suiteRecord(t, mnemonic, value)
					rr.Name = name
					node.records[rr.Type] = append(node.records[rr.Type], rr)
				}
			}
		}
		if !own && len(spf) > 0 {
			node.records[dns.TypeTXT] = spf
		}
	}
	return z
}

func stringsOf(v any) []string {
	if list, ok := v.([]any); ok {
		texts := []string{}
		for _, s := range list {
			texts = append(texts, fmt.Sprint(s))
		}
		return texts
	}
	return []string{fmt.Sprint(v)}
}

func suiteRecord(t testing.TB, mnemonic string, value any) dns.Record {
	t.Helper()
	switch mnemonic {
	case "A", "AAAA":
		rr := dns.Record{Type: dns.TypeA, Addr: netip.MustParseAddr(value.(string))}
		if mnemonic == "AAAA" {
			rr.Type = dns.TypeAAAA
		}
		return rr
	case "MX":
		pair := value.([]any)
		host := dns.FromText(pair[1].(string))
		if host == "" {
			host = dns.Root
		}
		return dns.Record{Type: dns.TypeMX, Pref: uint16(pair[0].(int)), Host: host}
	case "PTR":
		return dns.Record{Type: dns.TypePTR, Host: dns.FromText(value.(string))}
	case "CNAME":
		return dns.Record{Type: dns.TypeCNAME, Host: dns.FromText(value.(string))}
	}
	t.Fatalf("the suite has a record of type %s", mnemonic)
	return dns.Record{}
}

func (z suiteZone) Resolve(_ context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	a := dns.Answer{Name: name, Type: qtype, Status: dns.NXDomain}
	if name.Check() != nil {
		return a, &dns.Error{Name: name, Type: qtype, Kind: dns.BadName}
	}
	for range 10 {
		node := z[a.Owner()]
		if node == nil {
			return a, nil
		}
		a.Status = dns.NoData
		if a.Records = node.records[qtype]; len(a.Records) > 0 {
			a.Status = dns.Found
			return a, nil
		}
		if alias := node.records[dns.TypeCNAME]; len(alias) > 0 {
			a.Chain, a.Status = append(a.Chain, alias[0].Host), dns.NXDomain
			continue
		}
		if node.timeout {
			return dns.Answer{}, &dns.Error{Name: name, Type: qtype, Kind: dns.Timeout}
		}
		return a, nil
	}
	return a, &dns.Error{Name: name, Type: qtype, Kind: dns.Loop}
}
