package main

import (
	"testing"

	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/tlsrpt/reports"
)

// tlsReport is a small TLS report, for the examples of the help text.
const tlsReport = `{"organization-name": "Sender Example", "report-id": "1",
 "date-range": {"start-datetime": "2026-11-02T00:00:00Z", "end-datetime": "2026-11-02T23:59:59Z"},
 "policies": [{"policy": {"policy-type": "sts", "policy-domain": "example.com"},
  "summary": {"total-successful-session-count": 5, "total-failure-session-count": 0}}]}`

// TestTLSResults holds every result type to having its words, and rules that exist.
func TestTLSResults(t *testing.T) {
	known := map[string]bool{}
	for _, m := range allRules() {
		known[m.ID] = true
	}
	for word, rules := range reports.Results {
		for _, id := range rules {
			if !known[id] {
				t.Errorf("%s points to %s, which is no rule", word, id)
			}
		}
		for _, lang := range locale.Langs {
			if _, ok := locale.Must(lang).Lookup("tls-rpt-reports.result.is-"+word, nil); !ok {
				t.Errorf("%s has no words in %s", word, lang)
			}
		}
	}
}
