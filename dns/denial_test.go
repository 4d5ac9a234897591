package dns_test

import (
	"bytes"
	"slices"
	"testing"

	mdns "github.com/miekg/dns"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/tape"
)

// TestDeny holds the question to asking for DNSSEC records, and the recording to
// giving the same proof again.
func TestDeny(t *testing.T) {
	addr := fakeUDP(t, func(q *mdns.Msg) [][]byte {
		m := new(mdns.Msg)
		m.SetRcode(q, mdns.RcodeNameError)
		m.RecursionAvailable = true
		if opt := q.IsEdns0(); opt == nil || !opt.Do() {
			return [][]byte{packed(m)}
		}
		text := "example.com. 60 IN NSEC S1._domainkey.example.com. A RRSIG NSEC"
		if q.Question[0].Qtype == mdns.TypeNSEC {
			text = "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.com. 60 IN NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr"
		}
		rr, err := mdns.NewRR(text)
		if err != nil {
			t.Error(err)
		}
		m.Ns = append(m.Ns, rr)
		return [][]byte{packed(m)}
	})
	rec := tape.Recorder()
	run, err := dns.NewRun(dns.RunConfig{Config: dns.Config{Servers: []string{addr}}, Tape: rec})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	ask := func(r *dns.Run) {
		t.Helper()
		top, _ := dns.WithLog(r)
		d, err := top.(dns.Denier).Deny(t.Context(), "!._domainkey.example.com", dns.TypeTXT)
		if err != nil || len(d.NSEC) != 1 || d.NSEC[0] != (dns.NSEC{"example.com", "s1._domainkey.example.com"}) || d.Hashed {
			t.Errorf("got %+v, %v", d, err)
		}
		if d, err = top.(dns.Denier).Deny(t.Context(), "example.com", dns.TypeNSEC); err != nil || !d.Hashed || len(d.NSEC) != 0 {
			t.Errorf("NSEC3: got %+v, %v", d, err)
		}
	}
	ask(run)
	if n := run.Counts(); n.Queries != 2 || n.Packets != 2 {
		t.Errorf("counted %+v, want two of each", n)
	}
	if a, err := run.Resolve(t.Context(), "other.example.com", dns.TypeTXT); err != nil || a.Status != dns.NXDomain {
		t.Errorf("an ordinary question: %+v, %v", a, err)
	}
	var file bytes.Buffer
	if _, err := rec.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	tp, err := tape.Player(&file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := dns.NewRun(dns.RunConfig{Tape: tp})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	ask(again)
	if _, err := again.Deny(t.Context(), "never.example.com", dns.TypeTXT); dns.AsError(err, "", 0).Kind != dns.NotRecorded {
		t.Errorf("what was not recorded: %v", err)
	}
	off, err := dns.NewRun(dns.RunConfig{Config: dns.Config{Offline: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer off.Close()
	if _, err := off.Deny(t.Context(), "example.com", dns.TypeTXT); dns.AsError(err, "", 0).Kind != dns.Offline {
		t.Errorf("offline: %v", err)
	}
}

// TestCompare has the example of RFC 4034 §6.1.
func TestCompare(t *testing.T) {
	want := []dns.Name{"example", "a.example", "yljkjljk.a.example", "z.a.example", "zabc.a.example", "z.example", `\001.z.example`, "*.z.example", `\200.z.example`}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, dns.Name.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
