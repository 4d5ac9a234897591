package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
)

// TestSameFix: what is the same but for the domain's name is one action with one
// record; where the records differ only the action is the same.
func TestSameFix(t *testing.T) {
	var reports []*Report
	for i := range 15 {
		domain := fmt.Sprintf("d%d.example", i)
		r := &Report{Domain: domain, NextSteps: []NextStep{
			{Rule: "park", Title: "Say that no mail is sent", Records: []check.RecordChange{{Name: domain + ".", Type: "TXT", New: []string{"v=spf1 -all"}}}},
		}}
		if i < 2 {
			r.NextSteps = append(r.NextSteps, NextStep{Rule: "keys", Title: "Use longer keys", Records: []check.RecordChange{{Name: "s._domainkey." + domain + ".", Type: "TXT", New: []string{"p=" + domain[:2]}}}})
		}
		if i == 0 {
			r.NextSteps = append(r.NextSteps, NextStep{Rule: "alone", Title: "Only here"})
		}
		reports = append(reports, r)
	}
	got := wordsEN().sameFixes(reports)
	if len(got) != 2 || got[0].n != 15 || got[1].n != 2 {
		t.Fatalf("got %+v, want the group of 15 and that of 2", got)
	}
	if want := []string{"‹domain›. TXT v=spf1 -all"}; !cmp.Equal(got[0].Records, want) || len(got[1].Records) != 0 {
		t.Errorf("records %q and %q, want %q and none", got[0].Records, got[1].Records, want)
	}
	if !strings.HasSuffix(got[0].Domains, "d11.example and 3 more") {
		t.Errorf("domains %q", got[0].Domains)
	}
}

func TestFleetCSV(t *testing.T) {
	d := several(t, "pt-BR")
	first := d.Reports[slices.IndexFunc(d.Reports, func(r *Report) bool { return !ungraded(r) })]
	first.Domain, first.DomainUnicode = "=cmd.example", ""
	first.Since = &Since{Score: first.Score.Value + 4, Grade: "B"}
	d.Reports = append(d.Reports, &Report{Domain: "broken.example", Error: "the resolver does not answer"})
	var b bytes.Buffer
	if err := writeFleetCSV(&b, Normalise(d)); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1+len(d.Reports) || !cmp.Equal(rows[0], fleetColumns) {
		t.Fatalf("%d rows, the first %q", len(rows), rows[0])
	}
	for _, row := range rows[1:] {
		switch {
		case strings.Contains(row[0], "cmd.example"):
			if !strings.HasPrefix(row[0], "'=") || row[3] != "-4" {
				t.Errorf("the row %q", row)
			}
		case row[0] == "broken.example":
			if row[1] != "" || row[14] != "the resolver does not answer" {
				t.Errorf("a domain without a score: %q", row)
			}
		}
	}
}

// TestMailTLS: one mail host without encryption is what mail meets; a host that
// was not seen leaves the answer open.
func TestMailTLS(t *testing.T) {
	session := func(starttls, version string) string {
		tls := "null"
		if version != "" {
			tls = `{"version":"` + version + `"}`
		}
		return `{"port":25,"starttls":"` + starttls + `","tls":` + tls + `}`
	}
	for _, tt := range []struct {
		sessions []string
		want     string
	}{
		{[]string{session("offered", "TLS 1.3"), session("offered", "TLS 1.2")}, "ok TLS 1.2"},
		{[]string{session("offered", "TLS 1.3"), session("missing", "")}, "error missing"},
		{[]string{session("offered", "TLS 1.3"), session("", "")}, "unknown not seen"},
		{[]string{session("", ""), session("offered", "TLS 1.0")}, "error TLS 1.0"},
		{nil, "unknown not seen"},
	} {
		r := reportWith("starttls", `{"hosts":[{"host":"mx","sessions":[`+strings.Join(tt.sessions, ",")+`]}]}`)
		if c := wordsEN().mailTLS(r); c.Tone+" "+c.Word != tt.want {
			t.Errorf("%v: got %s %s, want %s", tt.sessions, c.Tone, c.Word, tt.want)
		}
	}
	r := &Report{Facts: map[string]json.RawMessage{"starttls": json.RawMessage(`{"no_hosts":"null-mx"}`)}}
	if c := wordsEN().mailTLS(r); !c.Quiet {
		t.Errorf("a domain without mail hosts: got %+v", c)
	}
}
