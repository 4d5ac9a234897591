package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

func drawTree(t *testing.T, format, document string, opts TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSPFTree(&b, format, []byte(document), opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestSPFTreeIsHarmless draws names that would act on a terminal, close a tag
// or end a label.
func TestSPFTreeIsHarmless(t *testing.T) {
	const nasty = "x\x1b[31m\u202e\"]; evil -> n0 [label=\"\\N&lt;</text><script>alert(1)</script>"
	q, err := json.Marshal(nasty)
	if err != nil {
		t.Fatal(err)
	}
	place := fmt.Sprintf(`"term":%s,"target":%[1]s,"path":[%[1]s,%[1]s],"lookup":1`, q)
	document := fmt.Sprintf(`{"domain":%s,"lookups":1,"limits":{"lookups":10},"addresses":{"ipv4":%[1]s,"ipv6":[]},"permerror":%[1]s,"permerror_title":%[1]s,
		"terms":[{"term":%[1]s,"kind":"a","cost":1,"running":1,"status":%[1]s,"provider":%[1]s,"children":[null]}],
		"stops_at":{%[2]s,"reason":%[1]s},"last_sender":{%[2]s},"over_limit":[{%[2]s}],"void_terms":[{%[2]s,"ipv4":true}],
		"unknown_terms":[{%[2]s,"causes":[{"text":%[1]s}]}],"repeated":[{"target":%[1]s}],
		"widest":[{"network":%[1]s,%[2]s}],"overlaps":[{"network":%[1]s,%[2]s,"in":{"network":%[1]s,%[2]s}}]}`, q, place)
	for _, format := range SPFTreeFormats {
		out := drawTree(t, format, document, TextOptions{Width: 200})
		if i := strings.IndexFunc(strings.ReplaceAll(out, "\n", ""), hides); i >= 0 {
			t.Errorf("%s: a character that nobody sees at %d", format, i)
		}
		if format != "text" && strings.Contains(out, "<script>") && format == "svg" {
			t.Error("the SVG runs a script")
		}
		if format == "dot" && strings.Contains(out, `x\x1b`) {
			t.Errorf("a backslash stands alone in a label: %s", out)
		}
	}
	dec := xml.NewDecoder(strings.NewReader(drawTree(t, "svg", document, TextOptions{})))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestSPFTreeBounded draws trees that are far too wide and far too deep.
func TestSPFTreeBounded(t *testing.T) {
	term := func(children string) string {
		return `{"term":"include:x.test","kind":"include","cost":1,"running":1,"status":"ok","children":[` + children + `]}`
	}
	wide := strings.TrimSuffix(strings.Repeat(term("")+",", 1000), ",")
	deep := ""
	for range 100 {
		deep = term(deep)
	}
	for _, terms := range []string{wide, deep} {
		document := `{"domain":"example.com","lookups":1000,"limits":{"lookups":10},"terms":[` + terms + `],"addresses":{"ipv4":"0","ipv6":[]}}`
		for _, format := range SPFTreeFormats {
			out := drawTree(t, format, document, TextOptions{})
			if n := strings.Count(out, "\n"); n > 2*drawnRows+20 {
				t.Errorf("%s: %d lines", format, n)
			}
			if want := map[string]string{wide: "800 more terms", deep: "76 more terms"}[terms]; !strings.Contains(out, want) {
				t.Errorf("%s: does not say that %s are left out", format, want)
			}
		}
	}
}

// TestSPFTreeFits holds the text to the width asked for.
func TestSPFTreeFits(t *testing.T) {
	long := strings.Repeat("a-long-name.", 15) + "test"
	inner := ""
	for range 6 {
		inner = `{"term":"include:` + long + `","kind":"include","cost":1,"running":12,"status":"unknown","provider":"A provider of mail","children":[` + inner + `]}`
	}
	document := `{"domain":"example.com","lookups":12,"limits":{"lookups":10},"terms":[` + inner + `],"addresses":{"ipv4":"0","ipv6":[]}}`
	for _, width := range []int{60, 80, 120} {
		for line := range strings.Lines(drawTree(t, "text", document, TextOptions{Width: width})) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d columns instead of %d: %s", n, width, line)
			}
		}
	}
}

func TestSPFTreeErrors(t *testing.T) {
	if err := WriteSPFTree(io.Discard, "png", []byte("{}"), TextOptions{}); err == nil {
		t.Error("a format that does not exist is drawn")
	}
	if err := WriteSPFTree(io.Discard, "text", []byte(`{"terms":7}`), TextOptions{}); err == nil {
		t.Error("what is no tree is drawn")
	}
}
