package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/postseal/postseal/internal/locale"
)

// reportsFixture is a summary as 'postseal dmarc reports --format json' prints it.
func reportsFixture(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "dmarcreports", "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func reportsText(t *testing.T, doc []byte, opts TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteDMARCReports(&b, "text", doc, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The answer comes before the table, in both languages, and fits the terminal.
func TestDMARCReportsText(t *testing.T) {
	for lang, want := range map[string][]string{
		"en": {"33,476 messages: 95.6 % aligned, 1,443 failing", "p=quarantine is not safe yet: what looks like mail of your own fails",
			"14 days covered (21 so far) ✓, 98 % aligned (95.6 % now) ✗", "736 messages of 1 source: looks like senders of yours", "133 more sources"},
		"pt-BR": {"33.476 mensagens: 95,6 % com alinhamento, 1.443 em falha", "p=quarantine ainda não é seguro", "14 dias com dados (há 21) ✓",
			"736 mensagens de 1 origem: de remetentes que parecem ser seus", "mais 133 origens"},
	} {
		out := reportsText(t, reportsFixture(t), TextOptions{Lang: lang})
		flat := strings.Join(strings.Fields(out), " ")
		at := 0
		for _, w := range want {
			i := strings.Index(flat[at:], w)
			if i < 0 {
				t.Errorf("%s: no %q after %q:\n%s", lang, w, flat[:at], out)
				continue
			}
			at += i
		}
		fits(t, out, 80)
		for _, width := range []int{40, 50, 60} {
			fits(t, reportsText(t, reportsFixture(t), TextOptions{Lang: lang, Width: width}), width)
		}
	}
}

// fits says which lines are wider than the terminal, or end in blanks.
func fits(t *testing.T, out string, width int) {
	t.Helper()
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if n := utf8.RuneCountInString(line); n > width || strings.HasSuffix(line, " ") {
			t.Errorf("at %d columns a line has %d: %q", width, n, line)
		}
	}
}

// A rule's ID stands beside its finding, or below it where the line has no room.
func TestRuleID(t *testing.T) {
	p := &textPrinter{opts: TextOptions{Width: 40}}
	for _, c := range []struct{ text, want string }{
		{"short", "  spf-syntax"},
		{"exactly as much as has room", "\n    spf-syntax"},
		{"a first line that is longer than that\n    last", "  spf-syntax"},
		{"short\n    a last line with no room left", "\n    spf-syntax"},
	} {
		if got := p.ruleID("    ", c.text, "spf-syntax"); got != c.want {
			t.Errorf("after %q: got %q, want %q", c.text, got, c.want)
		}
	}
}

// Every answer has its sentence, with all of its parameters.
func TestDMARCReportsAnswers(t *testing.T) {
	for _, lang := range locale.Langs {
		for _, code := range []string{"none", "top", "little", "fix", "look", "ready"} {
			for _, p := range []string{"none", "quarantine"} {
				v := &reportsView{Domain: "example.com", Days: 20}
				v.Policy.P, v.Policy.Testing = p, p == "quarantine"
				v.Answer.Code, v.Answer.Next, v.Answer.NeedDays = code, "quarantine", 14
				s := words{locale.Must(lang)}.reportsAnswer(v)
				if s == "" || strings.Contains(s, "no value") || strings.ContainsAny(s, "[{") {
					t.Errorf("%s %s: %q", lang, code, s)
				}
				if inForce := strings.Contains(s, "t=y"); inForce != (p == "quarantine" && code != "none" && code != "top") {
					t.Errorf("%s %s under p=%s: %q", lang, code, p, s)
				}
			}
		}
	}
}

// Whatever a file says reaches neither terminal nor spreadsheet as a command.
func TestDMARCReportsHostile(t *testing.T) {
	doc := []byte(`{"domains": [{"domain": "=cmd()", "messages": 1, "answer": {"code": "\u001b[31m"},
		"policy": {"p": "\u202e"}, "dispositions": {"\u001b]0;": 1},
		"sources": [{"name": "\u001b[2J", "kind": "-1+1", "why": "@x", "messages": 1, "addresses": ["+1"]}]}]}`)
	out := reportsText(t, doc, TextOptions{})
	var b bytes.Buffer
	if err := WriteDMARCReports(&b, "csv", doc, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if hidden := regexp.MustCompile(`[\x00-\x09\x0b-\x1f\x7f\x{202e}]`); hidden.MatchString(out) || hidden.MatchString(b.String()) {
		t.Errorf("control characters come through:\n%q\n%q", out, b.String())
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v; want 2", len(rows), err)
	}
	for _, c := range rows[1] {
		if c != "" && strings.Contains("=+-@", c[:1]) {
			t.Errorf("the cell %q is a formula", c)
		}
	}
	if err := WriteDMARCReports(&b, "text", []byte("no"), TextOptions{}); err == nil {
		t.Error("what is no JSON is no error")
	}
	if err := WriteDMARCReports(&b, "pdf", doc, TextOptions{}); err == nil {
		t.Error("an unknown format is no error")
	}
}

// withReports is a saved result with what reports say of its domain.
func withReports(t *testing.T, lang string) *Document {
	t.Helper()
	var sum struct {
		Domains []json.RawMessage `json:"domains"`
	}
	if err := json.Unmarshal(reportsFixture(t), &sum); err != nil {
		t.Fatal(err)
	}
	d := fixture(t, "typical", lang)
	d.Reports[0].DMARCReports = &DMARCReports{sum.Domains[0]}
	return d
}

// The page, the screen and the JSON of an audit say it too, also when they are
// made from a saved result; without reports nothing of it is there.
func TestAuditWithDMARCReports(t *testing.T) {
	for lang, want := range map[string][]string{
		"en":    {"What DMARC reports say", "p=quarantine is not safe yet", "DMARC reports: 95.6 % of 33,476 messages aligned on 21 days"},
		"pt-BR": {"O que dizem os relatórios DMARC", "p=quarantine ainda não é seguro", "Relatórios DMARC: 95,6 % de 33.476 mensagens com alinhamento em 21 dias"},
	} {
		d := withReports(t, lang)
		var saved bytes.Buffer
		if err := WriteJSON(&saved, d); err != nil {
			t.Fatal(err)
		}
		again, err := ReadJSON(&saved)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []*Document{d, again} {
			page, screen := htmlOf(t, d, HTMLOptions{}), text(t, d, TextOptions{})
			for _, w := range want[:2] {
				if !strings.Contains(page, w) {
					t.Errorf("%s: no %q on the page", lang, w)
				}
			}
			for _, w := range want[1:] {
				if !strings.Contains(strings.Join(strings.Fields(screen), " "), w) {
					t.Errorf("%s: no %q on the screen:\n%s", lang, w, screen)
				}
			}
			if len(page) > 150<<10 {
				t.Errorf("%s: the page has %d octets, more than 150 KiB", lang, len(page))
			}
			_, section, _ := strings.Cut(page, `id=reports`)
			section, _, _ = strings.Cut(section, "</section>")
			if n := strings.Count(section, "<tr>"); n != 1+8 {
				t.Errorf("%s: %d rows, want a head and 8 sources", lang, n)
			}
			if n := strings.Count(section, "<g>"); n != 21 {
				t.Errorf("%s: %d days in the chart, want 21", lang, n)
			}
			if strings.Contains(section, "style=") || strings.Contains(section, "[dmarcreports") {
				t.Errorf("%s: the section has a style of its own, or misses a word:\n%s", lang, section)
			}
		}
	}
	if page := htmlOf(t, fixture(t, "typical", "en"), HTMLOptions{}); strings.Contains(page, `id=reports`) {
		t.Error("a page without reports has the section")
	}
	bad := fixture(t, "typical", "en")
	bad.Reports[0].DMARCReports = &DMARCReports{json.RawMessage(`{"domain": 5}`)}
	if page := htmlOf(t, bad, HTMLOptions{}); strings.Contains(page, `id=reports`) {
		t.Error("what is no summary gets a section")
	}
}

// The object in the JSON follows the schema, which knows all that is in it.
func TestDMARCReportsFollowSchema(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, withReports(t, "en")); err != nil {
		t.Fatal(err)
	}
	validate(t, compiledSchema(t), b.Bytes())
}
