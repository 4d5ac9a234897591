package dane

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
)

// issued is a certificate and its key.
type issued struct {
	*x509.Certificate
	key crypto.Signer
}

// family is the test CA of the catalogue's worked examples: a root, an
// intermediate, leaves of it for mx.test.
type family struct {
	root, ca, leaf, leaf2, expired, other *issued
}

func issue(t testing.TB, name string, by *issued, isCA bool, until time.Time) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: until.AddDate(0, -3, 0), NotAfter: until, IsCA: isCA, BasicConstraintsValid: true,
	}
	if isCA {
		c.NotBefore, c.KeyUsage = until.AddDate(-2, 0, 0), x509.KeyUsageCertSign
	} else {
		c.DNSNames, c.ExtKeyUsage = []string{name}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	out := &issued{key: key}
	if by == nil {
		by = &issued{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	if out.Certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return out
}

func newFamily(t testing.TB, now time.Time) *family {
	t.Helper()
	f := &family{}
	later := now.AddDate(0, 2, 0)
	f.root = issue(t, "Root R", nil, true, now.AddDate(1, 0, 0))
	f.ca = issue(t, "Intermediate I", f.root, true, now.AddDate(1, 0, 0))
	f.leaf = issue(t, "mx.test", f.ca, false, later)
	f.leaf2 = issue(t, "mx.test", f.ca, false, later)
	f.expired = issue(t, "mx.test", f.ca, false, now.AddDate(0, 0, -1))
	f.other = issue(t, "www.elsewhere.test", f.ca, false, now.AddDate(0, 0, -1))
	return f
}

func chain(certs ...*issued) [][]byte {
	var out [][]byte
	for _, c := range certs {
		out = append(out, c.Raw)
	}
	return out
}

// tlsa is a record as DNS has it.
func tlsa(t testing.TB, data string) dns.Record {
	t.Helper()
	f := strings.Fields(data)
	var n [3]uint8
	for i := range n {
		v, err := strconv.ParseUint(f[i], 10, 8)
		if err != nil {
			t.Fatal(err)
		}
		n[i] = uint8(v)
	}
	octets, err := hex.DecodeString(f[3])
	if err != nil {
		t.Fatal(err)
	}
	return dns.Record{Type: dns.TypeTLSA, Data: data, TLSA: &dns.TLSA{Usage: n[0], Selector: n[1], Matching: n[2], Data: octets}}
}

// names is a record that names a certificate.
func names(t testing.TB, usage, selector, matching uint8, c *issued) dns.Record {
	d := c.Raw
	if selector == 1 {
		d = c.RawSubjectPublicKeyInfo
	}
	return digestOf(t, usage, selector, matching, d)
}

func digestOf(t testing.TB, usage, selector, matching uint8, d []byte) dns.Record {
	switch matching {
	case 1:
		sum := sha256.Sum256(d)
		d = sum[:]
	case 2:
		sum := sha512.Sum512(d)
		d = sum[:]
	}
	return tlsa(t, fmt.Sprintf("%d %d %d %x", usage, selector, matching, d))
}

// example is a row of the catalogue: records, what the server sends, and what
// senders make of it.
type example struct {
	records []dns.Record
	chain   [][]byte
	names   []dns.Name // nil: mx.test
	why     Why
	match   int // the record that matches
	depth   int
	name    dns.Name // under usage 2, which name of the leaf matched
	form    string
	// OpenSSL's own answer where it differs from that of a sender of mail, and why.
	differs string
}

func examples(t testing.TB, f *family) map[string]example {
	r := func(recs ...dns.Record) []dns.Record { return recs }
	pemText := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.leaf.Raw})
	keyText := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: f.leaf.RawSubjectPublicKeyInfo})
	stale := issue(t, "mx.test", f.ca, false, time.Now().AddDate(0, 1, 0))
	short := tlsa(t, strings.TrimSuffix(names(t, 3, 1, 1, f.leaf).Data, "00")[:6+62])
	self := issue(t, "mx.test", nil, true, time.Now().AddDate(0, 1, 0))
	both := chain(f.leaf, f.ca)
	return map[string]example{
		"D1 3 1 1 L":                             {records: r(names(t, 3, 1, 1, f.leaf)), chain: both},
		"D2 3 1 1 L, expired, another name":      {records: r(names(t, 3, 1, 1, f.other)), chain: chain(f.other)},
		"D3 3 0 1 L":                             {records: r(names(t, 3, 0, 1, f.leaf)), chain: chain(f.leaf)},
		"D4 2 1 1 I":                             {records: r(names(t, 2, 1, 1, f.ca)), chain: both, depth: 1, name: "mx.test"},
		"D5 2 1 1 R, not sent":                   {records: r(names(t, 2, 1, 1, f.root)), chain: both, why: WhyNotSent},
		"D6 2 1 1 R, sent":                       {records: r(names(t, 2, 1, 1, f.root)), chain: chain(f.leaf, f.ca, f.root), depth: 2, name: "mx.test"},
		"D7 2 0 0 R whole":                       {records: r(names(t, 2, 0, 0, f.root)), chain: both, depth: 2, name: "mx.test"},
		"D7b 2 1 0 R's key whole":                {records: r(names(t, 2, 1, 0, f.root)), chain: both, depth: 1, name: "mx.test"},
		"D8 2 1 1 I, other.test":                 {records: r(names(t, 2, 1, 1, f.ca)), chain: both, names: []dns.Name{"other.test"}, why: WhyNames},
		"D8b 2 1 1 I, the domain's name":         {records: r(names(t, 2, 1, 1, f.ca)), chain: both, names: []dns.Name{"other.test", "mx.test"}, depth: 1, name: "mx.test"},
		"D9 3 1 1 with the certificate's digest": {records: r(digestOf(t, 3, 1, 1, f.leaf.Raw)), chain: chain(f.leaf), why: WhySelectorMixup},
		"D9b 3 0 1 with the key's digest":        {records: r(digestOf(t, 3, 0, 1, f.leaf.RawSubjectPublicKeyInfo)), chain: chain(f.leaf), why: WhySelectorMixup},
		"D10 3 1 1 I":                            {records: r(names(t, 3, 1, 1, f.ca)), chain: both, why: WhyUsageMixup},
		"D10b 2 1 1 L":                           {records: r(names(t, 2, 1, 1, f.leaf)), chain: both, why: WhyUsageMixup},
		"D10c 2 1 1 L, its own issuer":           {records: r(names(t, 2, 1, 1, self)), chain: chain(self), name: "", names: []dns.Name{}},
		"D11 3 1 1 L, 3 1 2 stale":               {records: r(names(t, 3, 1, 1, f.leaf), names(t, 3, 1, 2, stale)), chain: chain(f.leaf), why: WhyAgility},
		"D12 3 1 1 L, 3 0 2 stale":               {records: r(names(t, 3, 1, 1, f.leaf), names(t, 3, 0, 2, stale)), chain: chain(f.leaf)},
		"D13 1 1 1 L": {records: r(names(t, 1, 1, 1, f.leaf)), chain: chain(f.leaf), why: WhyUnusable,
			differs: "usages 0 and 1 are defined for TLS in general and have no meaning for SMTP (RFC 7672 §3.1.3)"},
		"D14 3 1 1 with 31 octets":                     {records: r(short), chain: chain(f.leaf), why: WhyUnusable},
		"D16 3 1 1 L, 3 1 1 L2":                        {records: r(names(t, 3, 1, 1, f.leaf), names(t, 3, 1, 1, f.leaf2)), chain: chain(f.leaf2), match: 1},
		"D17 3 1 1 L, 3 1 1 next":                      {records: r(names(t, 3, 1, 1, f.leaf), names(t, 3, 1, 1, stale)), chain: chain(f.leaf)},
		"D18 the PEM text":                             {records: r(digestOf(t, 3, 0, 1, pemText)), chain: chain(f.leaf), why: WhyHashOfText, form: "pem"},
		"D18b the key's PEM text without its line end": {records: r(digestOf(t, 3, 1, 2, keyText[:len(keyText)-1])), chain: chain(f.leaf), why: WhyHashOfText, form: "pem"},
		"D18c hexadecimal text":                        {records: r(digestOf(t, 3, 1, 1, []byte(hex.EncodeToString(f.leaf.RawSubjectPublicKeyInfo)+"\n"))), chain: chain(f.leaf), why: WhyHashOfText, form: "hex"},
		"D19 2 1 1 I, L expired":                       {records: r(names(t, 2, 1, 1, f.ca)), chain: chain(f.expired, f.ca), why: WhyExpired},
		"another key":                                  {records: r(names(t, 3, 1, 1, stale)), chain: both, why: WhyNoMatch},
		"2 1 1 R, I not sent":                          {records: r(names(t, 2, 1, 1, f.root)), chain: chain(f.leaf, f.root), why: WhyNotSent},
		"2 0 0 of a stranger":                          {records: r(names(t, 2, 0, 0, self)), chain: both, why: WhyNotSent},
		"a CA that is gone and a stale key":            {records: r(names(t, 2, 1, 1, f.root), names(t, 3, 1, 1, stale)), chain: both, why: WhyNoMatch},
		"an unknown selector beside nothing":           {records: r(tlsa(t, "3 2 1 "+strings.Repeat("11", 32))), chain: both, why: WhyUnusable},
		"a short SHA-512 silences nothing":             {records: r(names(t, 3, 1, 1, f.leaf), tlsa(t, "3 1 2 "+strings.Repeat("11", 32))), chain: both},
		"a whole key is never silenced":                {records: r(names(t, 3, 1, 0, f.leaf), names(t, 3, 1, 2, stale)), chain: both},
	}
}

// TestExamples: the worked examples of matching, with the cause named where
// nothing matches (RFC 7671 §5 and §9, RFC 7672 §3).
func TestExamples(t *testing.T) {
	now := time.Now()
	f := newFamily(t, now)
	for name, x := range examples(t, f) {
		ids := x.names
		if ids == nil {
			ids = []dns.Name{"mx.test"}
		}
		s := Shown{Chain: x.chain, Names: ids, At: now}
		v := Match(x.records, s)
		e := Explain(x.records, s, v)
		if e.Why != x.why || e.Form != x.form {
			t.Errorf("%s: got cause %q (%s), want %q (%s); outcomes %+v", name, e.Why, e.Form, x.why, x.form, v.Outcomes)
			continue
		}
		if x.why != WhyNothing {
			continue
		}
		if v.Match != x.match || v.Outcomes[v.Match].Depth != x.depth || v.Outcomes[v.Match].Name != x.name {
			t.Errorf("%s: got record %d, %+v; want record %d at depth %d by the name %q", name, v.Match, v.Outcomes, x.match, x.depth, x.name)
		}
	}
}

// TestVectors: the digests of the Ed25519 key of RFC 8463 appendix A, and of nothing.
func TestVectors(t *testing.T) {
	key, _ := hex.DecodeString("302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
	for _, data := range []string{
		"3 1 1 06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9",
		"3 1 2 0f2c8a3454a468b75f32e76a051953139dc7c5c652cd67868784cafa1948f8ac96aa63e76e3b08932488fb4b4419dde18c99ce2c097edde19fbe8bca1f73bbb3",
		"3 1 0 302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
	} {
		if rec := tlsa(t, data); !equals(rec.TLSA, key) || !usable(rec.TLSA) {
			t.Errorf("%s does not name the key of RFC 8463", data)
		}
	}
	for _, data := range []string{
		"3 1 1 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"3 1 2 cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
	} {
		if rec := tlsa(t, data); !equals(rec.TLSA, nil) {
			t.Errorf("%s is not the digest of nothing", data)
		}
	}
}

// TestUnreadableCertificate: the octets of a certificate that Go cannot parse
// are matched all the same.
func TestUnreadableCertificate(t *testing.T) {
	f := newFamily(t, time.Now())
	der := append([]byte(nil), f.leaf.Raw...)
	i := strings.Index(string(der), string([]byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07})) // prime256v1
	der[i+9] = 0x63                                                                                             // a curve that nobody knows
	if _, err := x509.ParseCertificate(der); err == nil {
		t.Fatal("Go reads the certificate")
	}
	for _, selector := range []uint8{0, 1} {
		data := der
		if selector == 1 {
			data = keyOf(der)
		}
		v := Match([]dns.Record{digestOf(t, 3, selector, 1, data)}, Shown{Chain: [][]byte{der}})
		if !v.OK() {
			t.Errorf("selector %d: got %+v, want a match", selector, v)
		}
		if e := Explain([]dns.Record{names(t, 2, selector, 1, f.ca)}, Shown{Chain: [][]byte{der, f.ca.Raw}}, Verdict{Usable: 1, Match: -1}); e.Why == WhyNothing {
			t.Error("an unreadable leaf passes under usage 2")
		}
	}
	if v := Match([]dns.Record{names(t, 2, 1, 1, f.ca)}, Shown{Chain: [][]byte{der, f.ca.Raw}}); v.OK() || v.Outcomes[0].How != HowChain {
		t.Errorf("got %+v, want no path from a leaf that cannot be read", v)
	}
	if v := Match([]dns.Record{names(t, 3, 1, 1, f.leaf)}, Shown{}); v.OK() {
		t.Error("nothing sent, and it matched")
	}
}

// TestDanetest holds the matcher to OpenSSL's own cases. OpenSSL implements DANE
// for TLS in general; where a sender of mail differs the reason stands here.
func TestDanetest(t *testing.T) {
	file, err := os.Open("testdata/openssl-danetest.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const nameMismatch = 62
	differ := map[string]int{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		n++
		var c struct {
			TLSA         []string
			Chain        []string
			NoNameChecks bool `json:"nonamechecks"`
			Result       int  `json:"expect_verify_result"`
			Depth        int  `json:"expect_match_depth"`
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		var records []dns.Record
		for _, data := range c.TLSA {
			records = append(records, tlsa(t, data))
		}
		s := Shown{At: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
		if !c.NoNameChecks {
			s.Names = []dns.Name{"example.com"}
		}
		for _, text := range c.Chain {
			b, _ := pem.Decode([]byte(text))
			s.Chain = append(s.Chain, b.Bytes)
		}
		v := Match(records, s)
		switch usage := records[0].TLSA.Usage; {
		case usage <= 1: // RFC 7672 §3.1.3: undefined for SMTP, skipped
			differ["usages 0 and 1"]++
			if v.Usable != 0 || v.OK() {
				t.Errorf("case %d: a record of usage %d is used: %+v", n, usage, v)
			}
		case usage == 3 && c.Result == nameMismatch: // RFC 7672 §3.1.1: names do not count
			differ["names under usage 3"]++
			if !v.OK() {
				t.Errorf("case %d: usage 3 is held to a name: %+v", n, v)
			}
		case c.Result == 0:
			if !v.OK() || v.Outcomes[v.Match].Depth != c.Depth {
				t.Errorf("case %d (%s): got %+v, want a match at depth %d", n, c.TLSA[0], v, c.Depth)
			}
		case c.Result == nameMismatch:
			if v.OK() || v.Outcomes[0].How != HowName {
				t.Errorf("case %d: got %+v, want a CA that matches and a name that does not", n, v)
			}
		default:
			if v.OK() {
				t.Errorf("case %d: got a match, want X509_V_ERR %d", n, c.Result)
			}
		}
	}
	if n != 25 || differ["usages 0 and 1"] != 11 || differ["names under usage 3"] != 1 {
		t.Errorf("got %d cases, of which OpenSSL differs in %v; want 25, 11 and 1", n, differ)
	}
}
