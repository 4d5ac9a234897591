package tlsfields

import (
	"fmt"
	"strings"
	"testing"
)

func TestCandidate(t *testing.T) {
	for _, c := range []struct {
		text               string
		spaced, ok, nearly bool
	}{
		{"v=STSv1; id=a", false, true, true},
		{"v=STSv1 ; id=a", true, true, true},
		{"v=STSv1", false, false, true},
		{"v=STSv10; id=a", false, false, true},
		{"v=stsv1; id=a", false, false, true},
		{" v = sts; id=a", false, false, true},
		{"id=a; v=STSv1", false, false, true},
		{`"v=STSv1; id=a"`, false, false, true},
		{"v=spf1 -all", false, false, false},
		{"", false, false, false},
	} {
		v := Version("v=STSv1")
		spaced, ok := v.Candidate(c.text)
		if spaced != c.spaced || ok != c.ok {
			t.Errorf("Candidate(%q) = %v, %v, want %v, %v", c.text, spaced, ok, c.spaced, c.ok)
		}
		if got := v.nearMiss(c.text); got != c.nearly {
			t.Errorf("NearMiss(%q) = %v, want %v", c.text, got, c.nearly)
		}
	}
}

func TestFields(t *testing.T) {
	for text, want := range map[string]string{
		"v=X;":                   "",
		"v=X; id=a":              "id=a",
		"v=X; \t id=a  \t;":      "id=a",
		"v=X;id=a;b=c; ":         "id=a|b=c",
		"v=X; id=a ":             "id=a|tail",
		"v=X;; id=a":             "empty|id=a",
		"v=X; id = a":            "space",
		"v=X; loose":             "noequals",
		"v=X; -a=b; a==":         "badname|a==",
		"v=X; " + long(33) + "=": "badname",
	} {
		fields, tail := Version("v=X").Fields(text)
		var got []string
		for _, f := range fields {
			switch {
			case f.Empty:
				got = append(got, "empty")
			case f.Space:
				got = append(got, "space")
			case f.NoEquals:
				got = append(got, "noequals")
			case f.BadName:
				got = append(got, "badname")
			default:
				got = append(got, fmt.Sprintf("%s=%s", f.Name, f.Value))
				if text[f.ValueSpan.Start:f.ValueSpan.End] != f.Value {
					t.Errorf("%q: value span of %q is off", text, f.Value)
				}
			}
		}
		if tail != nil {
			got = append(got, "tail")
		}
		if g := strings.Join(got, "|"); g != want {
			t.Errorf("Fields(%q) = %s, want %s", text, g, want)
		}
	}
}

func long(n int) string { return strings.Repeat("a", n) }
