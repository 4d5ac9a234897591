package dkim

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

func nameOf(s string) dns.Name { return dns.FromText(s) }

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRotation: the dates follow from the waits, and each record that a step
// takes away is the one that stands there then.
func TestRotation(t *testing.T) {
	world := dnstest.New(t, matchWorld)
	r := &Rotation{
		Domain: "example.com", Start: time.Date(2026, 12, 1, 8, 0, 30, 0, time.UTC),
		TTL: time.Hour, Negative: 15 * time.Minute,
		Old: []*Selector{LookAt(t.Context(), world, "example.com", "s1"), LookAt(t.Context(), world, "example.com", "two")},
		New: []NewKey{{Selector: "n1", Type: "ed25519", Record: "v=DKIM1; k=ed25519; p=AAAA"}},
	}
	const other = "v=DKIM1; k=ed25519; p=UqKxRxqZrIAeDpDVcBUexGtTJXYfJFwSRrsKDuzyAX0="
	const revoked = "v=DKIM1; k=ed25519; p="
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	name := func(s string) string { return s + "._domainkey.example.com." }
	none := []string{}
	want := []Step{
		{ID: "publish", At: at("2026-12-01T08:01:00Z"), Changes: []check.RecordChange{{Name: name("n1"), Type: "TXT", Old: none, New: []string{r.New[0].Record}}}},
		{ID: "switch", At: at("2026-12-01T09:16:00Z"), Waited: 75 * time.Minute, Changes: []check.RecordChange{}},
		{ID: "revoke", At: at("2026-12-08T09:16:00Z"), Waited: HoldOld, Changes: []check.RecordChange{
			{Name: name("s1"), Type: "TXT", Old: []string{rfc8463Record}, New: []string{revoked}},
			{Name: name("two"), Type: "TXT", Old: []string{rfc8463Record, other}, New: []string{revoked}}}},
		{ID: "remove", At: at("2027-01-07T09:16:00Z"), Waited: HoldRevoked, Changes: []check.RecordChange{
			{Name: name("s1"), Type: "TXT", Old: []string{revoked}, New: none}, {Name: name("two"), Type: "TXT", Old: []string{revoked}, New: none}}},
	}
	if diff := cmp.Diff(want, r.Steps()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}

	r.New[0].Record = ""
	var ids []string
	for _, s := range r.Steps() {
		ids = append(ids, s.ID)
	}
	if diff := cmp.Diff([]string{"make", "publish", "switch", "revoke", "remove"}, ids); diff != "" {
		t.Errorf("without a key (-want +got):\n%s", diff)
	}
	r.New[0] = NewKey{Selector: "n1", Record: "x", Standing: true}
	if got := r.Steps()[0]; got.ID != "switch" || got.At != at("2026-12-01T09:16:00Z") {
		t.Errorf("with a key that stands already: got %+v", got)
	}
	r.Negative = 0
	if got := r.Wait(); got != 25*time.Hour {
		t.Errorf("without an SOA: got %v, want a day and an hour", got)
	}
}

// TestRevocationIsOne: what the plan publishes is a revoked key to our own reader.
func TestRevocationIsOne(t *testing.T) {
	for _, keyType := range []string{"rsa", "ed25519", ""} {
		k, problems := ParseKey(revocation(keyType))
		if !k.Revoked || len(problems) != 1 || problems[0].Rule != "dkim-revoked" {
			t.Errorf("%q: got %+v, %v", keyType, k, problems)
		}
	}
}

func TestCandidates(t *testing.T) {
	f, err := Gather(t.Context(), dnstest.New(t, `
s1._domainkey.example.com.     TXT "`+rfc8463Record+`"
s2._domainkey.example.com.     TXT "v=DKIM1; p="
google._domainkey.example.com. TXT "v=DKIM1; k=rsa; p=AAAA"
k1._domainkey.example.com.     CNAME dkim.mcsv.net.
dkim.mcsv.net.                 TXT "`+rfc8463Record+`"
`), "example.com", Options{})
	if err != nil {
		t.Fatal(err)
	}
	own, managed := f.Candidates()
	got := map[string]bool{}
	for _, s := range own {
		got[s.Name] = true
	}
	if diff := cmp.Diff(map[string]bool{"s1": true, "google": true}, got); diff != "" || len(managed) != 1 || managed[0].Name != "k1" {
		t.Errorf("managed %v, own (-want +got):\n%s", managed, diff)
	}
	rsa, ed := &Selector{KeyType: "rsa"}, &Selector{KeyType: "ed25519"}
	for want, old := range map[string][]*Selector{"rsa2048": {rsa, rsa}, "ed25519": {ed}, "both": {rsa, ed}} {
		if got := TypesFor(old); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
