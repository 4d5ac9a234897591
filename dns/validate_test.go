package dns_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/tape"
)

// at is when the signed zones of these tests were signed.
var at = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func tree(t testing.TB, zones ...dnstest.SignedZone) *dnstest.Tree {
	t.Helper()
	return dnstest.Sign(t, at, append([]dnstest.SignedZone{{Origin: "."}, {Origin: "test."}}, zones...)...)
}

// validating is a run over the tree, at the time the zones were signed plus later.
func validating(t testing.TB, tr *dnstest.Tree, anchor string, later time.Duration) *dns.Run {
	t.Helper()
	anchors, err := dns.ParseAnchors(strings.NewReader(anchor), "anchor")
	if err != nil {
		t.Fatal(err)
	}
	r, err := dns.NewRun(dns.RunConfig{
		Config:   dns.Config{Servers: []string{tr.Addr.String()}},
		Validate: true, Anchors: anchors, Now: func() time.Time { return at.Add(later) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// verdict is the outcome in one line: "secure found", "insecure nodata",
// "indeterminate found" or "bogus <flaw>".
func verdict(t testing.TB, r dns.Resolver, question string) string {
	t.Helper()
	f := strings.Fields(question)
	var qtype dns.Type
	if err := qtype.UnmarshalText([]byte(f[1])); err != nil {
		t.Fatal(err)
	}
	a, err := r.Resolve(t.Context(), dns.Name(f[0]), qtype)
	switch {
	case err != nil:
		e := dns.AsError(err, "", 0)
		if e.Flaw != "" && e.Kind == dns.ServFail {
			return "bogus " + string(e.Flaw)
		}
		return "error " + string(e.Kind)
	case !a.Validated:
		return "not validated"
	case !a.Trusted:
		return "indeterminate " + string(a.Status)
	case a.AD:
		return "secure " + string(a.Status)
	}
	return "insecure " + string(a.Status)
}

func hold(t *testing.T, r dns.Resolver, want map[string]string) {
	t.Helper()
	for q, w := range want {
		if got := verdict(t, r, q); got != w {
			t.Errorf("%s: got %s, want %s", q, got, w)
		}
	}
}

const records = `
@ MX 10 mx
mx A 192.0.2.1
_25._tcp.mx TLSA 3 1 1 06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9
*.wild TXT "w"
here.wild A 192.0.2.2
alias CNAME mx
away CNAME mx.plain.test.
awaywild CNAME x.wild.nsec3.test.
tobad CNAME mx.broken.test.
dn DNAME deep.example.nsec3.test.
a.b.ent TXT "deep"
`

func plainWorld(t *testing.T) *dnstest.Tree {
	return tree(t,
		dnstest.SignedZone{Origin: "nsec.test.", Text: records},
		dnstest.SignedZone{Origin: "nsec3.test.", NSEC3: true, Text: records + "mx.deep.example A 192.0.2.3\n"},
		dnstest.SignedZone{Origin: "salted.test.", NSEC3: true, Iterations: 5, Salt: "aabb", Text: records},
		dnstest.SignedZone{Origin: "optout.test.", NSEC3: true, OptOut: true, Text: records},
		dnstest.SignedZone{Origin: "child.optout.test.", Unsigned: true, Text: records},
		dnstest.SignedZone{Origin: "signed.optout.test.", Text: records},
		dnstest.SignedZone{Origin: "toomany.test.", NSEC3: true, Iterations: 51, Text: records},
		dnstest.SignedZone{Origin: "plain.test.", Unsigned: true, Text: records},
		dnstest.SignedZone{Origin: "below.plain.test.", Text: records, NoDS: true},
		dnstest.SignedZone{Origin: "island.test.", NoDS: true, Text: records},
		dnstest.SignedZone{Origin: "broken.test.", WrongDS: true, Text: records},
		dnstest.SignedZone{Origin: "expired.test.", Inception: at.Add(-48 * time.Hour), Expiration: at.Add(-time.Hour), Text: records},
		dnstest.SignedZone{Origin: "early.test.", Inception: at.Add(time.Hour), Text: records},
		dnstest.SignedZone{Origin: "strange.test.", ClaimAlgorithm: 12, Text: records},
		dnstest.SignedZone{Origin: "sha1.test.", Algorithm: mdns.RSASHA1, Text: records},
		dnstest.SignedZone{Origin: "ds1.test.", Digest: mdns.SHA1, Text: records},
		dnstest.SignedZone{Origin: "rsa.test.", Algorithm: mdns.RSASHA256, Text: records},
		dnstest.SignedZone{Origin: "p384.test.", Algorithm: mdns.ECDSAP384SHA384, Digest: mdns.SHA384, Text: records},
		dnstest.SignedZone{Origin: "ed.test.", Algorithm: mdns.ED25519, Text: records},
	)
}

func TestValidate(t *testing.T) {
	tr := plainWorld(t)
	r := validating(t, tr, tr.Anchor("."), 0)
	for _, zone := range []string{"nsec.test", "nsec3.test", "salted.test", "signed.optout.test", "rsa.test", "p384.test", "ed.test", "ds1.test"} {
		hold(t, r, map[string]string{
			zone + " MX": "secure found", zone + " SOA": "secure found", zone + " DNSKEY": "secure found", zone + " DS": "secure found",
			"_25._tcp.mx." + zone + " TLSA": "secure found",
			zone + " TXT":                   "secure nodata",
			"mx." + zone + " AAAA":          "secure nodata",
			"_tcp.mx." + zone + " TLSA":     "secure nodata", // an empty non-terminal
			"b.ent." + zone + " TXT":        "secure nodata",
			"no." + zone + " A":             "secure nxdomain",
			"no.at.all." + zone + " A":      "secure nxdomain",
			"x.wild." + zone + " TXT":       "secure found",
			"x.y.wild." + zone + " TXT":     "secure found",
			"x.wild." + zone + " A":         "secure nodata",
			"here.wild." + zone + " TXT":    "secure nodata",
			"x.here.wild." + zone + " TXT":  "secure nxdomain",
			"alias." + zone + " A":          "secure found",
			"alias." + zone + " AAAA":       "secure nodata",
			"alias." + zone + " CNAME":      "secure found",
			"away." + zone + " A":           "insecure found", // the weakest hop counts
			"awaywild." + zone + " TXT":     "secure found",
			"tobad." + zone + " A":          "bogus ds-mismatch",
			"mx.dn." + zone + " A":          "secure found",
			"no.dn." + zone + " A":          "secure nxdomain",
		})
	}
	hold(t, r, map[string]string{
		"optout.test MX":           "secure found",
		"no.optout.test A":         "insecure nxdomain", // RFC 5155 §9.2
		"mx.optout.test AAAA":      "secure nodata",
		"child.optout.test DS":     "insecure nodata",
		"child.optout.test MX":     "insecure found",
		"x.wild.optout.test TXT":   "insecure found",
		"toomany.test MX":          "secure found",
		"no.toomany.test A":        "insecure nxdomain", // RFC 9276 §3.2
		"plain.test MX":            "insecure found",
		"no.plain.test A":          "insecure nxdomain",
		"plain.test DS":            "secure nodata",
		"below.plain.test MX":      "insecure found",
		"island.test MX":           "insecure found",
		"no.island.test A":         "insecure nxdomain",
		"broken.test MX":           "bogus ds-mismatch",
		"no.broken.test A":         "bogus ds-mismatch",
		"broken.test DS":           "secure found",
		"expired.test MX":          "bogus signature-expired",
		"early.test MX":            "bogus signature-not-yet-valid",
		"strange.test MX":          "insecure found", // RFC 4035 §5.2
		"sha1.test MX":             "insecure found", // RFC 9905 §2
		"nowhere.test A":           "secure nxdomain",
		"no.such.name.test TXT":    "secure nxdomain",
		"nsec.test CAA":            "secure nodata",
		"test NS":                  "secure found",
		". SOA":                    "secure found",
		"elsewhere A":              "secure nxdomain",
		"a.b.c.d.e.nowhere.test A": "secure nxdomain",
	})
}

// Each DS and DNSKEY is asked once in a run, however many ask for what.
func TestValidateAsksOnce(t *testing.T) {
	tr := plainWorld(t)
	r := validating(t, tr, tr.Anchor("."), 0)
	done := make(chan string)
	for i := range 30 {
		go func() {
			done <- verdict(t, r, []string{"nsec.test MX", "mx.nsec.test A", "plain.test MX", "no.nsec.test A"}[i%4])
		}()
	}
	for range 30 {
		if got := <-done; strings.HasPrefix(got, "bogus") || strings.HasPrefix(got, "error") {
			t.Error(got)
		}
	}
	for q, want := range map[string]int{"test DS": 1, "nsec.test DS": 1, "plain.test DS": 1, ". DNSKEY": 1, "test DNSKEY": 1, "nsec.test DNSKEY": 1, "mx.nsec.test DS": 0, "plain.test DNSKEY": 0} {
		f := strings.Fields(q)
		var qtype dns.Type
		if err := qtype.UnmarshalText([]byte(f[1])); err != nil {
			t.Fatal(err)
		}
		if got := tr.Count(dns.Name(f[0]), qtype); got != want {
			t.Errorf("%s was asked %d times, want %d", q, got, want)
		}
	}
	n := r.Counts()
	if n.Queries != tr.Packets() || n.Packets != tr.Packets() {
		t.Errorf("counted %+v, and %d messages came in", n, tr.Packets())
	}
}

// An anchor below the root says nothing of what is not below it; one that does
// not fit says nothing at all.
func TestValidateAnchors(t *testing.T) {
	tr := plainWorld(t)
	r := validating(t, tr, tr.Anchor("nsec.test."), 0)
	hold(t, r, map[string]string{
		"nsec.test MX": "secure found", "no.nsec.test A": "secure nxdomain", "nsec.test DS": "indeterminate found",
		"nsec3.test MX": "indeterminate found", "no.plain.test A": "indeterminate nxdomain", "away.nsec.test A": "indeterminate found",
	})
	key, _ := tr.Key("test.")
	hold(t, validating(t, tr, key.String(), 0), map[string]string{"nsec.test MX": "secure found", "broken.test MX": "bogus ds-mismatch"})
	// The root of the Internet does not sign this one.
	r, err := dns.NewRun(dns.RunConfig{Config: dns.Config{Servers: []string{tr.Addr.String()}}, Validate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	hold(t, r, map[string]string{"nsec.test MX": "indeterminate found", "broken.test MX": "indeterminate found"})

	for text, want := range map[string]string{
		"":                           "holds no DS or DNSKEY",
		"; nothing\n":                "holds no DS or DNSKEY",
		". IN A 192.0.2.1\n":         "a trust anchor is a DS or DNSKEY record, not A",
		". IN DS 1 5 1 00\n":         "not supported",
		". IN DNSKEY 0 3 13 AAAA\n":  "cannot be trusted",
		"example. IN DS what\n":      "anchor: ",
		strings.Repeat("x ", 100000): "anchor: ",
	} {
		if _, err := dns.ParseAnchors(strings.NewReader(text), "anchor"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %s", text, err, want)
		}
	}
}

// With time, signatures run out: an answer is secure until then and bogus after.
func TestValidateTime(t *testing.T) {
	tr := tree(t, dnstest.SignedZone{Origin: "short.test.", Expiration: at.Add(time.Hour), Text: "@ MX 10 mx\n"})
	for later, want := range map[time.Duration]string{
		-2 * time.Hour: "indeterminate found", // the root's own signatures are not valid yet
		0:              "secure found", time.Hour: "secure found", time.Hour + time.Second: "bogus signature-expired",
	} {
		if got := verdict(t, validating(t, tr, tr.Anchor("."), later), "short.test MX"); got != want {
			t.Errorf("after %s: got %s, want %s", later, got, want)
		}
	}
}

func withoutTypes(rrs []mdns.RR, types ...uint16) []mdns.RR {
	var out []mdns.RR
	for _, rr := range rrs {
		keep := true
		for _, t := range types {
			keep = keep && rr.Header().Rrtype != t
		}
		if keep {
			out = append(out, rr)
		}
	}
	return out
}

// What an attacker between us and the zone could make of its replies.
func TestValidateForged(t *testing.T) {
	other := mdns.RR(&mdns.A{Hdr: mdns.RR_Header{Name: "mx.nsec.test.", Rrtype: mdns.TypeA, Class: mdns.ClassINET, Ttl: 60}, A: []byte{192, 0, 2, 66}})
	for name, c := range map[string]struct {
		question string
		mutate   func(m *mdns.Msg)
		want     string
	}{
		"another address": {"mx.nsec.test A", func(m *mdns.Msg) { m.Answer[0] = other }, "bogus signature-wrong"},
		"one more address": {"mx.nsec.test A", func(m *mdns.Msg) { m.Answer = append(m.Answer, other) },
			"bogus signature-wrong"},
		"no signature": {"mx.nsec.test A", func(m *mdns.Msg) { m.Answer = withoutTypes(m.Answer, mdns.TypeRRSIG) },
			"bogus signature-missing"},
		"a signature of the parent's name": {"mx.nsec.test A", func(m *mdns.Msg) { m.Answer[1].(*mdns.RRSIG).SignerName = "test." },
			"bogus signature-wrong"},
		"a signature of a name that is no zone": {"mx.nsec.test A", func(m *mdns.Msg) { m.Answer[1].(*mdns.RRSIG).SignerName = "mx.nsec.test." },
			"bogus signature-missing"},
		"a signature of another zone": {"mx.nsec.test A", func(m *mdns.Msg) { m.Answer[1].(*mdns.RRSIG).SignerName = "plain.test." },
			"bogus signature-missing"},
		"a wildcard's answer where the name exists": {"x.wild.nsec.test TXT", func(m *mdns.Msg) { m.Ns = nil }, "bogus denial-broken"},
		"the same, hashed":                          {"x.wild.nsec3.test TXT", func(m *mdns.Msg) { m.Ns = nil }, "bogus denial-broken"},
		"a denial without proof": {"mx.nsec.test A", func(m *mdns.Msg) {
			m.Answer, m.Rcode = nil, mdns.RcodeNameError
		}, "bogus denial-broken"},
		"a denial of the name where only the type is missing": {"mx.nsec.test AAAA", func(m *mdns.Msg) { m.Rcode = mdns.RcodeNameError },
			"bogus denial-broken"},
		"the same of NSEC3": {"mx.nsec3.test AAAA", func(m *mdns.Msg) { m.Rcode = mdns.RcodeNameError }, "bogus denial-broken"},
		"a denial of an empty non-terminal": {"b.ent.nsec.test TXT", func(m *mdns.Msg) { m.Rcode = mdns.RcodeNameError },
			"bogus denial-broken"},
		"a denial without the wildcard's": {"no.nsec3.test A", func(m *mdns.Msg) { m.Ns = m.Ns[:4] }, "bogus denial-broken"},
		"a denial without signatures":     {"no.nsec.test A", func(m *mdns.Msg) { m.Ns = withoutTypes(m.Ns, mdns.TypeRRSIG) }, "bogus denial-broken"},
		"NOERROR for NXDOMAIN":            {"no.nsec.test A", func(m *mdns.Msg) { m.Rcode = mdns.RcodeSuccess }, "bogus denial-broken"},
		"a CNAME of one's own": {"mx.nsec.test A", func(m *mdns.Msg) {
			m.Answer = []mdns.RR{&mdns.CNAME{Hdr: mdns.RR_Header{Name: "mx.nsec.test.", Rrtype: mdns.TypeCNAME, Class: mdns.ClassINET, Ttl: 60}, Target: "mx.plain.test."}}
		}, "bogus signature-missing"},
		"a CNAME beside its DNAME, elsewhere": {"mx.dn.nsec.test A", func(m *mdns.Msg) {
			for _, rr := range m.Answer {
				if c, ok := rr.(*mdns.CNAME); ok {
					c.Target = "mx.plain.test."
				}
			}
		}, "bogus signature-missing"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := plainWorld(t)
			q := strings.Fields(c.question)
			tr.Mutate(func(asked mdns.Question, m *mdns.Msg) {
				if asked.Name == q[0]+"." && mdns.TypeToString[asked.Qtype] == q[1] {
					c.mutate(m)
				}
			})
			if got := verdict(t, validating(t, tr, tr.Anchor("."), 0), c.question); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// The child's own NSEC must not prove that its parent has no DS for it.
func TestValidateWrongSide(t *testing.T) {
	tr := tree(t, dnstest.SignedZone{Origin: "zone.test.", Text: "@ MX 10 mx\nmx A 192.0.2.1\n"})
	child := &mdns.Msg{}
	r := validating(t, tr, tr.Anchor("."), 0)
	ask := func(m *mdns.Msg, name string, qtype uint16) {
		q := new(mdns.Msg)
		q.SetQuestion(name, qtype)
		q.SetEdns0(1232, true)
		*m = *tr.Reply(q, true)
	}
	ask(child, "zone.test.", mdns.TypeAAAA)
	tr.Mutate(func(q mdns.Question, m *mdns.Msg) {
		if q.Name == "zone.test." && q.Qtype == mdns.TypeDS {
			m.Answer, m.Ns = nil, child.Ns
		}
	})
	if got := verdict(t, r, "mx.zone.test A"); got != "bogus denial-broken" {
		t.Errorf("a DS denied by the child: got %s", got)
	}
}

// Key tags that collide and signatures without number cost a bounded number of
// verifications (CVE-2023-50387).
func TestValidateCollisions(t *testing.T) {
	tr := plainWorld(t)
	key, _ := tr.Key("nsec.test.")
	tr.Mutate(func(q mdns.Question, m *mdns.Msg) {
		if q.Name != "mx.nsec.test." || q.Qtype != mdns.TypeA {
			return
		}
		sig := m.Answer[1].(*mdns.RRSIG)
		m.Answer = m.Answer[:1]
		for i := range 300 {
			s := *sig
			s.OrigTtl = uint32(i) // each one wrong in its own way
			s.KeyTag = key.KeyTag()
			m.Answer = append(m.Answer, &s)
		}
	})
	if got := verdict(t, validating(t, tr, tr.Anchor("."), 0), "mx.nsec.test A"); got != "bogus too-much-work" {
		t.Errorf("got %s", got)
	}
	// A few wrong ones before the right one are the price of a key roll.
	tr.Mutate(func(q mdns.Question, m *mdns.Msg) {
		if q.Name == "mx.nsec.test." && q.Qtype == mdns.TypeA {
			wrong := *m.Answer[1].(*mdns.RRSIG)
			wrong.OrigTtl++
			m.Answer = []mdns.RR{m.Answer[0], &wrong, &wrong, m.Answer[1]}
		}
	})
	if got := verdict(t, validating(t, tr, tr.Anchor("."), 0), "mx.nsec.test A"); got != "secure found" {
		t.Errorf("got %s", got)
	}
}

// A name of many labels is hashed a bounded number of times (CVE-2023-50868),
// and walked down a bounded way.
func TestValidateDeep(t *testing.T) {
	tr := plainWorld(t)
	r := validating(t, tr, tr.Anchor("."), 0)
	deep := strings.Repeat("a.", 110)
	hold(t, r, map[string]string{deep + "salted.test A": "secure nxdomain", deep + "plain.test A": "insecure nxdomain"})
	tr.Mutate(func(q mdns.Question, m *mdns.Msg) {
		if strings.HasSuffix(q.Name, "a.nsec.test.") { // every name is an empty non-terminal, without proof
			m.Answer, m.Ns, m.Rcode = nil, nil, mdns.RcodeSuccess
		}
	})
	hold(t, r, map[string]string{deep + "nsec.test A": "bogus denial-broken"})
	before := tr.Packets()
	verdict(t, r, deep+"plain.test MX")
	if n := tr.Packets() - before; n > 50 {
		t.Errorf("%d messages for one name", n)
	}
}

// Compact denial: the NSEC of a name that does not exist has the type NXNAME.
func TestValidateCompact(t *testing.T) {
	tr := tree(t, dnstest.SignedZone{Origin: "compact.test.", Text: "@ MX 10 mx\n"})
	key, priv := tr.Key("compact.test.")
	tr.Mutate(func(q mdns.Question, m *mdns.Msg) {
		if q.Name != "no.compact.test." {
			return
		}
		nsec := &mdns.NSEC{
			Hdr:        mdns.RR_Header{Name: q.Name, Rrtype: mdns.TypeNSEC, Class: mdns.ClassINET, Ttl: 300},
			NextDomain: "\\000." + q.Name, TypeBitMap: []uint16{mdns.TypeRRSIG, mdns.TypeNSEC, mdns.TypeNXNAME},
		}
		sig := &mdns.RRSIG{
			Algorithm: key.Algorithm, KeyTag: key.KeyTag(), SignerName: "compact.test.",
			Inception: uint32(at.Add(-time.Hour).Unix()), Expiration: uint32(at.Add(time.Hour).Unix()),
		}
		if err := sig.Sign(priv, []mdns.RR{nsec}); err != nil {
			t.Error(err)
		}
		m.Rcode, m.Ns = mdns.RcodeSuccess, []mdns.RR{nsec, sig}
	})
	hold(t, validating(t, tr, tr.Anchor("."), 0), map[string]string{
		"no.compact.test TXT": "secure nxdomain",
		"no.compact.test DS":  "secure nxdomain",
	})
}

// A recording of a validated run is played with its findings, without keys.
func TestValidateRecording(t *testing.T) {
	tr := plainWorld(t)
	anchors, err := dns.ParseAnchors(strings.NewReader(tr.Anchor(".")), "anchor")
	if err != nil {
		t.Fatal(err)
	}
	questions := []string{"nsec.test MX", "no.nsec3.test A", "plain.test MX", "expired.test MX", "alias.nsec.test A"}
	rec := tape.Recorder()
	live, err := dns.NewRun(dns.RunConfig{
		Config: dns.Config{Servers: []string{tr.Addr.String()}}, Tape: rec,
		Validate: true, Anchors: anchors, Now: func() time.Time { return at },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(live.Close)
	var first []string
	for _, q := range questions {
		first = append(first, verdict(t, live, q))
	}
	var b bytes.Buffer
	if _, err := rec.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	player, err := tape.Player(&b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := dns.NewRun(dns.RunConfig{Tape: player})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Close)
	for i, q := range questions {
		if got := verdict(t, again, q); got != first[i] {
			t.Errorf("%s: got %s, was %s", q, got, first[i])
		}
	}
	if got, want := again.Counts(), live.Counts(); got != want {
		t.Errorf("got %+v, was %+v", got, want)
	}
}

func TestValidateErrorSays(t *testing.T) {
	tr := plainWorld(t)
	_, err := validating(t, tr, tr.Anchor("."), 0).Resolve(t.Context(), "expired.test", dns.TypeMX)
	e := dns.AsError(err, "", 0)
	want := "bogus: signature-expired at expired.test. DNSKEY"
	if e.Kind != dns.ServFail || !strings.HasPrefix(e.Detail, want) || e.CauseCode() != "dns-bogus" || e.Server != tr.Addr.String() {
		t.Errorf("got %+v, want %s", e, want)
	}
	// With checking disabled there is an answer, as from any resolver.
	if a, err := validating(t, tr, tr.Anchor("."), 0).ResolveCD(t.Context(), "expired.test", dns.TypeMX); err != nil || a.AD || len(a.Records) != 1 {
		t.Errorf("got %+v, %v", a, err)
	}
}

// The parent's NSEC at a delegation must not deny what the child has there or
// below it (RFC 6840 §4.1).
func TestValidateParentSide(t *testing.T) {
	for _, hashed := range []bool{false, true} {
		tr := tree(t, dnstest.SignedZone{Origin: "par.test.", NSEC3: hashed, Text: "a A 192.0.2.1\n"},
			dnstest.SignedZone{Origin: "kid.par.test.", Unsigned: true, Text: "@ MX 10 mx\nmx A 192.0.2.1\n"})
		parent := &mdns.Msg{}
		q := new(mdns.Msg)
		q.SetQuestion("kid.par.test.", mdns.TypeDS) // its proof that there is no DS
		q.SetEdns0(1232, true)
		*parent = *tr.Reply(q, true)
		tr.Mutate(func(q mdns.Question, m *mdns.Msg) {
			if q.Name == "kid.par.test." && q.Qtype == mdns.TypeMX || q.Name == "mx.kid.par.test." && q.Qtype == mdns.TypeA {
				m.Answer, m.Ns = nil, parent.Ns
			}
		})
		r := validating(t, tr, tr.Anchor("."), 0)
		for _, question := range []string{"kid.par.test MX", "mx.kid.par.test A"} {
			if got := verdict(t, r, question); strings.HasPrefix(got, "secure") {
				t.Errorf("hashed %v: %s denied by the parent: got %s", hashed, question, got)
			}
		}
	}
}
