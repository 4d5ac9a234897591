package dns

import (
	"encoding/binary"
	"reflect"
	"testing"

	mdns "github.com/miekg/dns"
)

// FuzzReply reads any message as a reply, and what it keeps survives the tape.
func FuzzReply(f *testing.F) {
	for _, text := range []string{
		`a.test. 60 IN TXT "x" "" "\200\"\\y"`, "a.test. 60 IN CNAME b.test.", `a.test. 60 IN MX 0 \046\200.test.`,
		`a.test. 60 IN CAA 0 issue "x\"\;y"`, "a.test. 60 IN TLSA 3 1 1 00FF", `a.test. 60 IN TYPE65300 \# 2 00ff`,
		"a.test. 60 IN SOA a. b. 1 2 3 4 5", "a.test. 60 IN SRV 1 2 3 .", "a.test. 60 IN AAAA ::ffff:5.6.7.8",
	} {
		rr, err := mdns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		m := mdns.Msg{MsgHdr: mdns.MsgHdr{Response: true}, Answer: []mdns.RR{rr}}
		m.SetQuestion("a.test.", rr.Header().Rrtype)
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, rr.Header().Rrtype)
	}
	f.Fuzz(func(t *testing.T, b []byte, qtype uint16) {
		m := new(mdns.Msg)
		if len(b) < 12 || m.Unpack(b) != nil {
			return
		}
		q := query{name: "a.test", qtype: Type(qtype)}
		if len(m.Question) > 0 {
			q.name = nameOf(m.Question[0].Name)
		}
		q.match(m, q.name.FQDN())
		failureOf(m)
		s, e := stepOf(m, q)
		if e != nil {
			return
		}
		if s.Status == "" || s.Size < 0 || s.Size > 2*mdns.MaxMsgSize || len(s.passed) > maxChain+1 {
			t.Fatalf("step %+v", s)
		}
		for _, r := range s.Records {
			switch r.Type {
			case TypeTXT, TypeMX, TypeA, TypeAAAA, TypeCNAME, TypeNS, TypePTR, TypeSOA, TypeSRV, TypeTLSA, TypeCAA:
				again, err := recordFrom(r.presentation())
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Strings) == 0 && len(again.Strings) == 0 {
					r.Strings, again.Strings = nil, nil
				}
				if !reflect.DeepEqual(r, again) {
					t.Fatalf("recorded %+v, played %+v", r, again)
				}
			}
		}
	})
}

func TestMixCase(t *testing.T) {
	const name = `xn--abc_def-0.a\200b.test.`
	seen := map[string]bool{}
	for range 20 {
		m := mixCase(name)
		seen[m] = true
		if nameOf(m) != nameOf(name) {
			t.Fatalf("%s is another name", m)
		}
	}
	if len(seen) < 15 {
		t.Errorf("%d spellings in 20", len(seen))
	}
	b, err := query{name: "a.test", qtype: TypeA, recurse: true}.pack(7, "a.test.", true)
	if err != nil || binary.BigEndian.Uint16(b) != 7 || b[2]&1 == 0 || b[3]&0x20 == 0 {
		t.Errorf("packed %x, %v; want id 7, RD and AD", b, err)
	}
}
