package message

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/yamlx"
)

// arcSuite is one document of the suite in testdata/arc.
type arcSuite struct {
	Description string `yaml:"description"`
	Tests       map[string]struct {
		Description string  `yaml:"description"`
		Message     string  `yaml:"message"`
		CV          *string `yaml:"cv"`
	} `yaml:"tests"`
	TXT map[string]string `yaml:"txt-records"`
}

// differs are the cases where we mean something else than the suite, and why.
var differs = map[string]string{
	"cv_fail_i2_as2_fail": "the suite expects nothing; RFC 8617 §5.2 step 2 says fail",
	"cv_fail_i2_as1_fail": "the suite expects nothing; at 1 the only status is none (§5.1.2), so the chain fails",
}

func TestARCSuite(t *testing.T) {
	data, err := os.ReadFile("testdata/arc/validation.yml")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for doc := range strings.SplitSeq(string(data), "\n---\n") {
		var suite arcSuite
		if err := yamlx.Unmarshal([]byte(doc), &suite); err != nil {
			t.Fatal(err)
		}
		r := txtOnly(suite.TXT)
		for name, tt := range suite.Tests {
			cases++
			t.Run(name, func(t *testing.T) {
				want := "none"
				if tt.CV != nil {
					want = strings.ToLower(*tt.CV)
				}
				got := "none"
				if m, err := Parse([]byte(tt.Message)); err == nil {
					f := arcFacts(t, r, m)
					if f.ARC != nil {
						got = f.ARC.Result
						t.Logf("%s: %s %d %v", got, f.ARC.Reason, f.ARC.At, f.ARC.Faults)
					}
				} else if tt.Message != "" {
					t.Fatal(err)
				}
				if why, known := differs[name]; known == (got == want) {
					t.Errorf("%s: got %s, want %s (%s)", tt.Description, got, want, why)
				}
			})
		}
	}
	if cases != 83 {
		t.Errorf("the suite has %d cases, want 83", cases)
	}
}

func arcFacts(t *testing.T, r dns.Resolver, m *Message) *Facts {
	t.Helper()
	f := &Facts{Message: m, Delivery: &Delivery{}, Options: Options{Now: time.Now}}
	f.gatherARC(context.Background(), r)
	return f
}

// txtOnly is a resolver of TXT records, one character-string each.
type txtOnly map[string]string

func (z txtOnly) Resolve(_ context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	a := dns.Answer{Name: name, Type: qtype, Status: dns.NXDomain}
	if text, ok := z[name.String()]; ok && qtype == dns.TypeTXT {
		a.Status, a.Records = dns.Found, []dns.Record{{Name: name, Type: qtype, Strings: []string{text}}}
	}
	return a, nil
}
