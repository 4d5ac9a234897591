package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dmarcTableFacts are those of news.example.com, whose record is its parent's:
// sp for names that exist, np for others, t=y, and pct for older receivers.
const dmarcTableFacts = `{"domain":"news.example.com","known":true,"policy_name":"example.com",
"steps":[{"name":"news.example.com","status":"found","records":["a","b"],"code":"several","note":"discarded: 2 records"},
 {"name":"example.com","status":"found","records":["v=DMARC1; p=reject"],"kept":true,"code":"kept","note":"kept"},
 {"name":"com","status":"unknown","code":"unknown","note":"could not tell: timeout"}],
"effective":{"domain":{"policy":"quarantine","tag":"sp","testing":true,"known":true,"published":"reject","policy_name":"example.com"},
 "subdomain":{"policy":"none","tag":"","known":true,"published":"","policy_name":"example.com"},
 "nonexistent":{"policy":"","tag":"","known":false}},
"rfc7489":{"organizational_domain":"example.com","policy_name":"example.com","policy":"reject","known":true,"pct":20,"subdomain":"none","subdomain_known":true}}`

func TestPolicyTableBothStandards(t *testing.T) {
	r := reportWith("dmarc", dmarcTableFacts)
	r.Domain = "news.example.com"
	table := wordsEN().policyTable(r, factsOf[dmarcView](r, "dmarc"))
	var got []string
	for _, row := range table.Rows {
		got = append(got, strings.Join([]string{row.Policy, row.Tag, row.Why, row.Old.Policy, row.Old.Note}, " | "))
	}
	want := []string{
		"quarantine | sp=reject | of _dmarc.example.com; one level lower by t=y | reject | not the same; for 20 % of the mail",
		"none |  | broken policy tags of _dmarc.example.com (§4.10.1) | none | ",
		"not measured |  |  | none | ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	var notes []string
	for _, s := range wordsFor("pt-BR", &Document{}).walk(factsOf[dmarcView](r, "dmarc")) {
		notes = append(notes, s.Note)
	}
	if diff := cmp.Diff([]string{"2 registros no mesmo nome: todos são descartados", "registro válido", "não foi possível consultar"}, notes); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestPolicyTableText(t *testing.T) {
	for _, lang := range []string{"en", "pt-BR"} {
		r := reportWith("dmarc", dmarcTableFacts)
		r.Domain = "news.example.com"
		var b bytes.Buffer
		if err := WriteText(&b, &Document{Lang: lang, Reports: []*Report{r}}, TextOptions{Lang: lang, Verbose: true}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"quarantine", "reject ≠", "sp=reject"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %q in\n%s", lang, want, b.String())
			}
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if n := len([]rune(line)); n > 80 {
				t.Errorf("%s: %d columns: %s", lang, n, line)
			}
		}
	}
}
