package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
)

func TestTags(t *testing.T) {
	for _, tt := range []struct {
		std  check.Standard
		text string
		want []string // "label: words in it"
	}{
		{check.SPF, "v=spf1 ip4:192.0.2.1 ip4:192.0.2.9 include:_spf.example.net a/24 ~all", []string{
			"v=spf1: version 1", "ip4:192.0.2.1 ip4:192.0.2.9: IPv4", "include:_spf.example.net: passes here", "a/24: addresses", "~all: probably fails"}},
		{check.SPF, "V=SPF1 all", []string{"V=SPF1: version 1", "all: protects nothing"}},
		{check.DMARC, "v=DMARC1; p=none; P = reject ;rua=mailto:a@example.com; x=1; ;", []string{
			"v=DMARC1: version 1", "p=none: delivered as ever", "rua=mailto:a@example.com: daily reports", "x=1: skip it"}},
		{check.DMARC, "p=rejct", []string{"p=rejct: asks receivers"}}, // what it would say, were it right: the finding tells the rest
		{check.MTASTS, "v=STSv1; id=20261123", []string{"v=STSv1: version 1", "id=20261123: fetch it again"}},
		{check.MX, "v=1", []string{"v=1: skip it"}},
		{check.DKIM, "no tags at all", nil},
	} {
		got := wordsEN().tags(tt.std, []publishedText{{text: tt.text}})
		if len(got) != len(tt.want) {
			t.Errorf("%s %q: got %v, want %d parts", tt.std, tt.text, got, len(tt.want))
			continue
		}
		for i, w := range tt.want {
			label, words, _ := strings.Cut(w, ": ")
			if got[i].Label != label || !strings.Contains(got[i].Value, words) {
				t.Errorf("%s %q: got %v, want %q", tt.std, tt.text, got[i], w)
			}
		}
	}
	long := ""
	for i := range 100 {
		long += fmt.Sprintf("t%d=%s; ", i, strings.Repeat("v", 100))
	}
	if got := wordsEN().tags(check.DMARC, []publishedText{{text: long}}); len(got) > maxTags || len(got[0].Label) > 70 {
		t.Errorf("%d parts are explained, the first as %q", len(got), got[0].Label)
	}
}

// TestMatrix: what was not asked for is neither yes nor no, and each fault of a
// certificate stands in the column that it belongs to.
func TestMatrix(t *testing.T) {
	session := func(rest string) string {
		return `{"hosts":[{"host":"mx.example.com","sessions":[{"host":"mx.example.com","address":"192.0.2.1","port":25,"status":"ok","starttls":"offered",` + rest + `}]}]}`
	}
	cert := func(verdict, name, end string) string {
		return `"certificate":{"issuer":"CN=R1","names":["` + name + `"],"not_after":"` + end + `T00:00:00Z","verdict":"` + verdict + `"}`
	}
	tls13 := `"tls":{"version":"TLS 1.3","suite":"x","group":"X25519MLKEM768"},`
	tried := func(kinds ...string) string {
		var list []string
		for _, k := range kinds {
			kind, rest, _ := strings.Cut(k, " ")
			result, version, _ := strings.Cut(rest, " ")
			list = append(list, fmt.Sprintf(`{"kind":%q,"result":%q,"version":%q}`, kind, result, version))
		}
		return `"handshakes":{"tried":[` + strings.Join(list, ",") + `]},`
	}
	for _, tt := range []struct{ name, facts, want string }{
		{"one handshake", tls13 + cert("ok", "mx.example.com", "2027-03-01"), "yes|nothing to show|nothing to show|yes|fits|trusted|2027-03-01|ok"},
		{"all asked, none old", tls13 + tried("tls-1-2 accepted TLS 1.2", "tls-1-1 refused", "tls-1-0 refused") + cert("ok", "mx.example.com", "2027-03-01"), "yes|yes|no|yes|fits|trusted|2027-03-01|ok"},
		{"old versions", tls13 + tried("tls-1-2 refused", "tls-1-1 accepted TLS 1.1", "tls-1-0 accepted TLS 1.0") + cert("ok", "mx.example.com", "2027-03-01"), "yes|no|TLS 1.1, TLS 1.0|yes|fits|trusted|2027-03-01|ok"},
		{"a deadline is no answer", tls13 + tried("tls-1-2 untold", "tls-1-1 untold", "tls-1-0 refused") + cert("ok", "mx.example.com", "2027-03-01"), "yes|nothing to show|nothing to show|yes|fits|trusted|2027-03-01|ok"},
		{"TLS 1.2 agreed on", `"tls":{"version":"TLS 1.2","group":"P-256"},` + cert("ok", "mx.example.com", "2027-03-01"), "no|yes|nothing to show|no|fits|trusted|2027-03-01|ok"},
		{"expired", tls13 + cert("expired", "mx.example.com", "2026-11-01"), "yes|nothing to show|nothing to show|yes|fits|trusted|2026-11-01|error"},
		{"soon", tls13 + cert("ok", "*.example.com", "2026-12-01"), "yes|nothing to show|nothing to show|yes|fits|trusted|2026-12-01|warning"},
		{"other name", tls13 + cert("name", "www.example.com", "2027-03-01"), "yes|nothing to show|nothing to show|yes|another name|trusted|2027-03-01|ok"},
		{"self-signed with another name", tls13 + cert("self-signed", "localhost", "2027-03-01"), "yes|nothing to show|nothing to show|yes|another name|self-signed|2027-03-01|ok"},
		{"a star is one label", tls13 + cert("untrusted", "*.com", "2027-03-01"), "yes|nothing to show|nothing to show|yes|another name|unknown issuer|2027-03-01|ok"},
	} {
		r := reportWith("starttls", session(tt.facts))
		r.StartedAt = runOf(nil, nil).Reports[0].StartedAt.AddDate(0, 0, 7)
		m := wordsEN().tlsMatrix(r, factsOf[starttlsView](r, "starttls"))
		if m == nil || len(m.Rows) != 1 {
			t.Fatalf("%s: got %+v, want one row", tt.name, m)
		}
		c := m.Rows[0]
		got := strings.Join([]string{c.TLS13.Word, c.TLS12.Word, c.Old.Word, c.PQ.Word, c.Name.Word, c.Chain.Word, c.End.Word, c.End.Tone}, "|")
		if got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
		if told := strings.Contains(tt.facts, "handshakes"); told == (m.Old != "") {
			t.Errorf("%s: the note says %q", tt.name, m.Old)
		}
	}
}

func TestMatrixDANE(t *testing.T) {
	for _, tt := range []struct{ lookup, secure, finding, tone, word string }{
		{"found", "yes", "", "ok", "fits"},
		{"found", "yes", "_25._tcp.mx.example.com", "error", "error"},
		{"found", "yes", "mx.example.com:25", "error", "error"},
		{"found", "yes", "othermx.example.com", "ok", "fits"},
		{"found", "no", "", "warning", "no DNSSEC"},
		{"found", "unknown", "", "unknown", "not proven"},
		{"nxdomain", "yes", "", "none", "none"},
		{"unknown", "unknown", "", "unknown", "not measured"},
	} {
		r := reportWith("dane", `{"hosts":[{"host":"mx.example.com","secure":"`+tt.secure+`","lookup":{"state":"`+tt.lookup+`","answer":{"records":[{"data":"3 1 1 abcd"}]}}}]}`)
		if tt.finding != "" {
			r.Results = []Result{{ID: "dane-no-match", Standard: check.DANE, Status: check.Fail, Findings: []Finding{{Subject: tt.finding, Severity: check.Error}}}}
		}
		if c := wordsEN().daneCell(r, "mx.example.com"); c.Tone != tt.tone || c.Word != tt.word {
			t.Errorf("%+v: got %s %q", tt, c.Tone, c.Word)
		}
	}
}
