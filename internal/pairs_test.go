package internal_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// apart are rules that all case files show together only because one case was
// given several faults. Each fault can stand alone; why says how.
var apart = []struct {
	why   string
	rules []string
}{
	{"a server offers each kind of suite, and picks its Diffie-Hellman group, by its own setting",
		[]string{"tls-cipher-anon", "tls-cipher-weak", "tls-dh-short"}},
	{"each version is switched on by itself", []string{"tls-sslv2", "tls-sslv3"}},
	{"each is a property of an old TLS library that a newer one lost at another time",
		[]string{"tls-compression", "tls-ems-missing", "tls-reneg-client", "tls-reneg-insecure", "tls-sigalg-sha1"}},
	{"each is a fault of another SRV record", []string{"srv-port-unusual", "srv-submissions-missing", "srv-target-cname", "srv-target-no-address"}},
	{"each is a test of its own of one server", []string{"relay-open", "relay-rcpt-postmaster", "starttls-injection"}},
	{"servers of a zone differ in one record or in several", []string{
		"bimi-authoritative-divergence", "dkim-authoritative-divergence", "mtasts-authoritative-divergence",
		"mx-authoritative-divergence", "spf-authoritative-divergence", "tlsrpt-authoritative-divergence"}},
	{"one is about the certificate, one about the version", []string{"mtasts-mx-cert-invalid", "mtasts-mx-tls-old"}},
	{"a wildcard has records of either type", []string{"dns-txt-wildcard", "mx-wildcard"}},
	{"a record set has either property", []string{"caa-iodef", "caa-no-issue"}},
	{"LOGIN and NTLM are offered apart", []string{"auth-login-only", "auth-ntlm"}},
	{"one is about port 143 and 110, one about 993 and 995", []string{"access-cleartext-login", "access-implicit-tls-missing"}},
}

// TestPairs: one defect is one finding. Two rules that never fire without the
// other are one rule, or one is a consequence of the other, or their cases
// stand for too little. It prints the pairs.
func TestPairs(t *testing.T) {
	paths, err := filepath.Glob("../*/testdata/rules/*.txtar")
	if err != nil || len(paths) < 1000 {
		t.Fatalf("%d case files, %v", len(paths), err)
	}
	fires := map[string][]string{} // the cases of each rule
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range fired(string(data)) {
			if !slices.Contains(fires[id], path) {
				fires[id] = append(fires[id], path)
			}
		}
	}
	if len(fires) < 600 {
		t.Fatalf("only %d rules fire", len(fires))
	}
	excused := map[string]bool{}
	ids := slices.Sorted(maps.Keys(fires))
	for i, a := range ids {
		for _, b := range ids[i+1:] {
			if !slices.Equal(fires[a], fires[b]) {
				continue
			}
			at := slices.IndexFunc(apart, func(g struct {
				why   string
				rules []string
			}) bool {
				return slices.Contains(g.rules, a) && slices.Contains(g.rules, b)
			})
			if at < 0 {
				t.Errorf("%s and %s always fire together: %s", a, b, strings.Join(fires[a], " "))
				continue
			}
			excused[a], excused[b] = true, true
			t.Logf("%s and %s: %s", a, b, apart[at].why)
		}
	}
	for _, g := range apart {
		for _, id := range g.rules {
			if !excused[id] {
				t.Errorf("%s fires alone by now; take it out of the list", id)
			}
		}
	}
}

// fired lists the rules of a case that give a finding which may cost something:
// one that stands as the consequence of another is not a second finding.
func fired(txtar string) []string {
	_, want, _ := strings.Cut(txtar, "\n-- want --\n")
	want, _, _ = strings.Cut(want, "\n-- ")
	var ids []string
	for line := range strings.Lines(want) {
		if words := strings.Fields(line); len(words) > 1 && slices.Contains([]string{"error", "warning", "notice"}, words[0]) {
			ids = append(ids, words[1])
		}
	}
	return ids
}
