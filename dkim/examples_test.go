package dkim

import (
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
)

// txt is a TXT record with its strings of at most 255 octets, quoted for a zone.
func txt(owner, text string) string {
	var b strings.Builder
	b.WriteString(owner + ". TXT")
	for c := range slices.Chunk([]byte(text), 255) {
		b.WriteString(` "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(string(c)) + `"`)
	}
	return b.String() + "\n"
}

// secondKey is another key of 2048 bits.
var secondKey = sync.OnceValue(func() string {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return spki(k.N, big.NewInt(int64(k.E)))
})

// shown lists findings of notice and above, consequences below their root, and
// the information that the example names.
func shown(results []check.Result, infos ...string) []string {
	list := []string{}
	for i := range results {
		r := &results[i]
		for j := range r.Findings {
			f := &r.Findings[j]
			id := strings.TrimPrefix(r.Rule.ID, "dkim-")
			if r.Rule.SeverityOf(f) < check.Notice && !slices.Contains(infos, id) {
				continue
			}
			line := r.Rule.SeverityOf(f).String() + " " + id
			if f.Fix != nil && len(f.Fix.Records) > 0 {
				line += " → " + strings.Join(f.Fix.Records[len(f.Fix.Records)-1].New, "|")
			}
			list = append(list, line)
			for _, c := range f.Consequences {
				list = append(list, "+ "+strings.TrimPrefix(c.Rule, "dkim-"))
			}
		}
	}
	slices.Sort(list)
	return list
}

// TestWorkedExamples are the records that the rules were specified by, each with
// every finding of notice and above.
func TestWorkedExamples(t *testing.T) {
	const at = "s1._domainkey.example.com"
	long := k2048()
	other := secondKey()
	spaced := ""
	for c := range slices.Chunk([]byte(long), 64) {
		spaced += string(c) + " "
	}
	known := func(want ...string) []string { return want }
	for _, c := range []struct {
		name  string
		zone  string
		infos []string
		want  []string
	}{
		{"1 a key in two strings", txt(at, "v=DKIM1; k=rsa; p="+long), nil, nil},
		{"2 no version, t=s", txt(at, "k=rsa; t=s; p="+long), known("v-missing", "t-s"), known("info t-s", "info v-missing")},
		{"3 the version is not first", txt(at, "k=rsa; v=DKIM1; p="+long), nil, known("error v-not-first → v=DKIM1; k=rsa; p=" + long)},
		{"4 512 bits", txt(at, "v=DKIM1; p="+k512), nil, known("error rsa-too-short")},
		{"5 1024 bits", txt(at, "v=DKIM1; p="+k1024), nil, known("warning rsa-1024")},
		{"6 PKCS #1", txt(at, "v=DKIM1; p="+k1024p), nil, known("notice p-pkcs1 → v=DKIM1; p="+k1024, "warning rsa-1024")},
		{"7 exponent 3", txt(at, "v=DKIM1; p="+k1024e), nil, known("warning rsa-1024", "warning rsa-exponent-small")},
		{"8 Ed25519 alone", txt(at, "v=DKIM1; k=ed25519; p="+ked), nil, known("notice ed25519-only")}, // the selector was guessed: there may be more
		{"9 Ed25519 in ASN.1", txt(at, "v=DKIM1; k=ed25519; p="+kedw), nil, known("error ed25519-wrapped → v=DKIM1; k=ed25519; p=" + ked)},
		{"10 Ed25519 without k", txt(at, "v=DKIM1; p="+ked), nil, known("error ed25519-k-missing → v=DKIM1; k=ed25519; p=" + ked)},
		{"11 an elliptic curve", txt(at, "v=DKIM1; p="+kec), nil, known("error k-mismatch")},
		{"12 revoked", txt(at, "v=DKIM1; p="), known("revoked"), known("info revoked")},
		{"13 cut at 200 characters", txt(at, "v=DKIM1; k=rsa; p="+k1024[:200]), nil, known("error p-truncated")},
		{"14 escaped semicolons", txt(at, `v=DKIM1\; k=rsa\; p=`+k1024), nil,
			known("+ v-invalid", "error escaped-semicolon → v=DKIM1; k=rsa; p="+k1024, "warning rsa-1024")},
		{"15 PEM", txt(at, "v=DKIM1; p=-----BEGIN PUBLIC KEY----- "+long[:64]+" "+long[64:]+" -----END PUBLIC KEY-----"), nil,
			known("error p-pem → v=DKIM1; p=" + long)},
		{"16 SHA-1 only", txt(at, "v=DKIM1; h=sha1; p="+long), nil, known("error h-excludes-sha256 → v=DKIM1; h=sha256; p=" + long)},
		{"17 for TLS reports only", txt(at, "v=DKIM1; s=tlsrpt; p="+long), nil, known("error s-excludes-email → v=DKIM1; p=" + long)},
		{"17 for TLS reports, beside a key for mail", txt("s2._domainkey.example.com", "v=DKIM1; s=tlsrpt; p="+long) +
			txt(at, "v=DKIM1; p="+other), known("s-excludes-email"), known("info s-excludes-email")},
		{"18 testing", txt(at, "v=DKIM1; t=y:s; p="+long), known("t-s"), known("info t-s", "warning t-testing → v=DKIM1; t=s; p="+long)},
		{"19 the owner name in the value", txt("example.com", "default._domainkey v=DKIM1; k=rsa; p="+long), nil,
			known("+ domainkey-nxdomain", "error value-has-owner-name → v=DKIM1; k=rsa; p="+long)},
		{"20 a CNAME stored as TXT", txt("selector1._domainkey.example.com", "selector1-example-com._domainkey.contoso.n-v1.dkim.mail.microsoft"), nil,
			known("error cname-as-txt → selector1-example-com._domainkey.contoso.n-v1.dkim.mail.microsoft.")},
		{"21 two keys", txt(at, "v=DKIM1; p="+long) + txt(at, "v=DKIM1; p="+other), nil, known("error multiple-keys")},
		{"22 a key and SPF", txt(at, "v=DKIM1; p="+long) + txt(at, "v=spf1 -all"), nil, known("warning extra-txt → ")},
		{"23 white space in the key", txt(at, "v=DKIM1; p="+spaced), nil, nil},
		{"24 p twice", txt(at, "v=DKIM1; k=rsa; p="+k1024+"; p="+k512), nil, known("error tag-duplicate")},
		{"25 no semicolons", txt(at, "v=DKIM1 k=rsa p="+k1024), nil,
			known("+ rsa-1024", "+ v-invalid", "error separator-missing → v=DKIM1; k=rsa; p="+k1024)},
		{"26 the example of RFC 6376", txt(at, "v=DKIM1; k=rsa; p="+kRFC), nil, known("error known-public-key", "warning rsa-1024")},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Gather(t.Context(), dnstest.New(t, c.zone), "example.com", Options{})
			if err != nil {
				t.Fatal(err)
			}
			f.Profile = check.ProfileMail
			results := check.Evaluate(Rules, f)
			check.Relate(results)
			if diff := cmp.Diff(append([]string{}, c.want...), shown(results, c.infos...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWorkedExampleEd25519Only: the user named the selectors, so there are no others.
func TestWorkedExampleEd25519Only(t *testing.T) {
	f, err := Gather(t.Context(), dnstest.New(t, txt("s1._domainkey.example.com", "v=DKIM1; k=ed25519; p="+ked)), "example.com", Options{Selectors: []string{"s1"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"warning ed25519-only"}, shown(check.Evaluate(Rules, f))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestWorkedExampleNumbers are the numbers that example 13 gives: 200 characters
// are 150 octets, and the header 30 81 9f announces 3 + 159.
func TestWorkedExampleNumbers(t *testing.T) {
	_, problems := ParseKey("v=DKIM1; k=rsa; p=" + k1024[:200])
	if len(problems) != 1 || problems[0].Params["Declared"] != 162 || problems[0].Params["Present"] != 150 {
		t.Errorf("got %+v, want 162 octets declared and 150 present", problems)
	}
	_, problems = ParseKey("v=DKIM1; p=" + kec)
	if len(problems) != 1 || problems[0].Params["Found"] != "id-ecPublicKey" {
		t.Errorf("got %+v, want id-ecPublicKey found", problems)
	}
}
