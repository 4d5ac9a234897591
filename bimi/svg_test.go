package bimi

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func rulesOf(s *SVG) []string {
	ids := []string{}
	for _, p := range s.Problems {
		ids = append(ids, p.Rule)
	}
	return ids
}

// TestMailauth holds the check to another implementation's verdicts. Where it
// refuses a logo, the rule here that says the same must fire.
func TestMailauth(t *testing.T) {
	file, err := os.Open("testdata/mailauth/validate-svg.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	same := map[string][]string{
		"INVALID_SVG_FILE":        {"bimi-svg-malformed", "bimi-svg-root"},
		"INVALID_BASE_PROFILE":    {"bimi-svg-baseprofile"},
		"LOGO_INVALID_ELEMENT":    {"bimi-svg-element"},
		"LOGO_INCLUDES_REFERENCE": {"bimi-svg-reference", "bimi-svg-element"}, // of an element that may not stand there, the reference is not told again
	}
	sc, n := bufio.NewScanner(file), 0
	for sc.Scan() {
		var c struct {
			Name  string `json:"name"`
			Calls []struct {
				Args []string `json:"args"`
			} `json:"calls"`
			Expect []struct {
				Check string            `json:"check"`
				Args  []json.RawMessage `json:"args"`
			} `json:"expect"`
		}
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		n++
		got := rulesOf(parseSVG([]byte(c.Calls[0].Args[0])))
		if c.Expect[0].Check == "true" {
			// It asks for fewer things than the profile and the receivers do.
			got = slices.DeleteFunc(got, func(id string) bool {
				return id == "bimi-svg-size-missing" || id == "bimi-svg-colours"
			})
			if len(got) > 0 {
				t.Errorf("%s: got %v, want nothing", c.Name, got)
			}
			continue
		}
		var code string
		if err := json.Unmarshal(c.Expect[0].Args[0], &code); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(got, func(id string) bool { return slices.Contains(same[code], id) }) {
			t.Errorf("%s: got %v, want one of %v", c.Name, got, same[code])
		}
	}
	if n != 12 || sc.Err() != nil {
		t.Errorf("%d cases were read (%v)", n, sc.Err())
	}
}

// TestWellFormed are faults that the decoder lets through.
func TestWellFormed(t *testing.T) {
	for name, text := range map[string]string{
		"two roots":             goodLogo + `<svg xmlns="http://www.w3.org/2000/svg"/>`,
		"text after the root":   goodLogo + "x",
		"an attribute twice":    strings.Replace(goodLogo, `fill="#036"`, `fill="#036" fill="#036"`, 1),
		"an undeclared entity":  strings.Replace(goodLogo, "Example", "&brand;", 1),
		"nothing":               "",
		"an encoding not known": strings.Replace(goodLogo, "UTF-8", "EBCDIC", 1),
	} {
		if got := rulesOf(parseSVG([]byte(text))); !slices.Equal(got, []string{"bimi-svg-malformed"}) {
			t.Errorf("%s: got %v", name, got)
		}
	}
	latin := strings.Replace(strings.Replace(goodLogo, "UTF-8", "ISO-8859-1", 1), "Example", "Caf\xe9", 1)
	if s := parseSVG([]byte(latin)); s.Title != "Café" || len(s.Problems) > 0 {
		t.Errorf("Latin-1: got %q, %v", s.Title, s.Problems)
	}
}

// TestAggregate: what comes often is told once, with its first places.
func TestAggregate(t *testing.T) {
	s := parseSVG([]byte(strings.Replace(goodLogo, "</svg>", strings.Repeat("<rect style=\"fill:red\" fill=\"red\"/>\n", 50)+"</svg>", 1)))
	if len(s.Problems) != 1 || s.Problems[0].Params["Count"] != 50 || s.Problems[0].Params["List"] != "style (6), style (7), style (8), style (9), style (10)" {
		t.Errorf("got %v", s.Problems)
	}
}

// FuzzParseSVG: a logo that was read whole is well-formed, and nothing panics.
func FuzzParseSVG(f *testing.F) {
	f.Add([]byte(goodLogo))
	f.Add([]byte("<!DOCTYPE svg [<!ENTITY a \"b\">]><svg>&a;</svg>"))
	f.Add([]byte("<svg:svg xmlns:svg='http://www.w3.org/2000/svg'><metadata><x/></metadata></svg:svg>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := parseSVG(data)
		stopped := slices.ContainsFunc(rulesOf(s), func(id string) bool {
			return id == "bimi-svg-malformed" || id == "bimi-svg-root" || id == "bimi-svg-doctype"
		})
		if s.Whole && slices.Contains(rulesOf(s), "bimi-svg-malformed") || !s.Whole && !stopped {
			t.Errorf("whole is %v with %v", s.Whole, rulesOf(s))
		}
	})
}

// TestManyAttributes: as many as the bound on a logo lets through are read, and
// one that stands twice is found among them.
func TestManyAttributes(t *testing.T) {
	var b strings.Builder
	for i := range maxNodes - 100 {
		fmt.Fprintf(&b, ` a%d=""`, i)
	}
	with := func(more string) []string {
		return rulesOf(parseSVG([]byte(strings.Replace(goodLogo, "<rect", "<rect"+b.String()+more, 1))))
	}
	if got := with(""); !slices.Equal(got, []string{"bimi-svg-attribute", "bimi-logo-size"}) {
		t.Errorf("got %v", got)
	}
	if got := with(` a7=""`); !slices.Contains(got, "bimi-svg-malformed") {
		t.Errorf("an attribute twice: got %v", got)
	}
}
