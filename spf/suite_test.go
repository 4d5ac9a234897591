package spf

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/postseal/postseal/internal/yamlx"
)

// suite is one document of the openspf test suite for RFC 7208; its licence
// lies beside it.
type suite struct {
	Description string
	Tests       map[string]struct {
		Spec        any
		Helo        string
		Host        string
		Mailfrom    string
		Result      any
		Explanation string
	}
	Zonedata map[string][]any
}

// clearCut are the parts of the suite in which permerror means bad syntax in
// the sender's own record, and every other result means good syntax.
var clearCut = []string{"Record evaluation", "ALL mechanism syntax", "PTR mechanism syntax", "A mechanism syntax",
	"MX mechanism syntax", "EXISTS mechanism syntax", "IP4 mechanism syntax", "IP6 mechanism syntax", "Macro expansion rules"}

// elsewhere are the tests of those parts that turn on more than the syntax of
// one record.
var elsewhere = map[string]string{
	"redirect-none": "the target has no record",
}

func TestSuiteSyntax(t *testing.T) {
	data, err := os.ReadFile("testdata/rfc7208-tests.yml")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, doc := range bytes.Split(data, []byte("\n---\n")) {
		var s suite
		if err := yamlx.Unmarshal(doc, &s); err != nil {
			t.Fatal(err)
		}
		if !contains(clearCut, s.Description) {
			continue
		}
		for name, test := range s.Tests {
			result, single := test.Result.(string)
			record := s.record(test.Mailfrom, test.Helo)
			if !single || record == "" || !isRecord(record) || elsewhere[name] != "" || result == "temperror" || result == "none" {
				continue
			}
			checked++
			_, problems := Parse(record)
			p := firstFatal(problems)
			switch {
			case result == "permerror" && p == nil:
				t.Errorf("%s (%v): Parse(%q) finds nothing, want permerror", name, test.Spec, record)
			case result != "permerror" && p != nil:
				t.Errorf("%s (%v): Parse(%q) finds %s, want %s", name, test.Spec, record, p.Rule, result)
			}
		}
	}
	if checked < 80 {
		t.Errorf("got %d records checked, want at least 80", checked)
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if strings.EqualFold(l, s) {
			return true
		}
	}
	return false
}

// record is the SPF text at the domain of the sender, "" when it is not plain.
func (s *suite) record(mailfrom, helo string) string {
	domain := mailfrom[strings.LastIndexByte(mailfrom, '@')+1:]
	if domain == "" {
		domain = helo
	}
	for name, rrs := range s.Zonedata {
		if !strings.EqualFold(name, domain) {
			continue
		}
		for _, rr := range rrs {
			m, _ := rr.(map[string]any)
			for _, typ := range []string{"TXT", "SPF"} {
				switch v := m[typ].(type) {
				case string:
					return v
				case []any:
					joined := ""
					for _, part := range v {
						joined += part.(string)
					}
					return joined
				}
			}
		}
	}
	return ""
}
