package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/dns/dnstest"
)

var update = flag.Bool("update", false, "write the golden files")

// richTree has one of everything: a circle, a diamond, void look-ups, macros,
// a redirect, an include that fails, known providers, overlapping ranges, more
// than ten look-ups, and text that should not reach a terminal as it is.
const richTree = `
example.com.         MX 10 mx1.example.com.
mx1.example.com.     A 5.6.7.25
mx1.example.com.     AAAA 2a01:4f8::25
v4.example.com.      A 5.6.7.26
example.com.         TXT "v=spf1 mx a:v4.example.com ip4:5.6.7.0/24 include:_spf.google.com include:%{d}.spf.hosted.test a:gone.example.com " "include:left.test include:right.test include:slow.test redirect=_policy.example.com"
_policy.example.com. TXT "v=spf1 ip4:5.6.7.9 ptr exists:%{i}._e.example.com -include:back.example.com a:v4.example.com mx:example.com note=\"<&]\\N -all a:never.test"
back.example.com.    TXT "v=spf1 include:_policy.example.com -all"
left.test.           TXT "v=spf1 include:shared.test -all"
right.test.          TXT "v=spf1 include:shared.test ~all"
shared.test.         TXT "v=spf1 ip4:77.1.0.0/16 ip4:77.1.2.0/24 ip4:77.2.0.0/16 ip4:77.3.0.0/16 ip4:77.4.0.0/16 ip6:2a01:4f9::/32 -all"
slow.test.           TXT ; !servfail
_spf.google.com.     TXT "v=spf1 ip4:74.125.0.0/16 ip6:2404:6800:4000::/36 ~all"
`

func TestSPFTreeGolden(t *testing.T) {
	server := dnstest.Serve(t, richTree).Addr.String()
	for _, tc := range []struct{ file, format, lang string }{
		{"rich.txt", "text", "en"}, {"rich.pt-BR.txt", "text", "pt-BR"}, {"rich.json", "json", "en"}, {"rich.svg", "svg", "en"}, {"rich.dot", "dot", "en"},
	} {
		code, out, stderr := call(t.Context(), "spf", "tree", "example.com", "--dns", server, "--format", tc.format, "--lang", tc.lang)
		if code != exitOK || stderr != "" {
			t.Fatalf("%s: exit %d, %s", tc.format, code, stderr)
		}
		out = strings.ReplaceAll(out, server, "127.0.0.1:53")
		path := filepath.Join("testdata", "spftree", tc.file)
		if *update {
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(out), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if out != string(want) {
			t.Errorf("%s (-want +got):\n%s", path, cmp.Diff(string(want), out))
		}
		if strings.ContainsAny(out, "\x1b\x07") || strings.Contains(out, "[report.") || strings.Contains(out, "<no value>") {
			t.Errorf("%s: something raw is in it", path)
		}
		switch tc.format {
		case "json":
			contract(t, out)
		case "svg":
			selfContained(t, out)
		case "dot":
			grammatical(t, out)
		}
	}
}

// contract holds the JSON to the fields that others may rely on.
func contract(t *testing.T, out string) {
	var tree struct {
		Domain, Record string
		Lookups        *int
		Open           *bool
		Voids          struct{ IPv4, IPv6 *int }
		Terms          []struct {
			Term, Status  string
			Cost, Running *int
			Children      []any
		}
		Addresses struct {
			IPv4 string
			IPv6 []string
		}
		OverLimit []struct {
			Term string
			Path []string
		} `json:"over_limit"`
		VoidTerms []struct {
			Term string
			Path []string
		} `json:"void_terms"`
	}
	if err := json.Unmarshal([]byte(out), &tree); err != nil {
		t.Fatal(err)
	}
	switch {
	case tree.Domain != "example.com", !strings.HasPrefix(tree.Record, "v=spf1 mx "), tree.Lookups == nil, *tree.Lookups != 17,
		tree.Open == nil, !*tree.Open, tree.Voids.IPv4 == nil, *tree.Voids.IPv4 != 1, tree.Voids.IPv6 == nil, *tree.Voids.IPv6 != 3,
		len(tree.Terms) != 10, tree.Addresses.IPv4 != "327936", len(tree.Addresses.IPv6) != 3, len(tree.OverLimit) != 7, len(tree.VoidTerms) != 3:
		t.Errorf("got %+v", tree)
	}
	if first := tree.OverLimit[0]; first.Term != "redirect=_policy.example.com" || strings.Join(first.Path, " ") != "example.com" {
		t.Errorf("the first term over the limit: got %+v", first)
	}
	if last := tree.OverLimit[4]; last.Term != "include:_policy.example.com" || strings.Join(last.Path, " ") != "example.com _policy.example.com back.example.com" {
		t.Errorf("the fifth term over the limit: got %+v", last)
	}
	if c := tree.Terms[3]; *c.Cost != 1 || *c.Running != 3 || len(c.Children) != 3 {
		t.Errorf("include:_spf.google.com: got %+v", c)
	}
}

// selfContained wants a picture that is XML, asks nobody for anything and runs
// nothing.
func selfContained(t *testing.T, svg string) {
	dec := xml.NewDecoder(strings.NewReader(svg))
	seen := map[string]int{}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		seen[e.Name.Local]++
		for _, a := range e.Attr {
			if n := a.Name.Local; n == "href" || n == "style" || strings.HasPrefix(n, "on") {
				t.Errorf("<%s> has the attribute %s", e.Name.Local, n)
			}
		}
	}
	if seen["script"]+seen["image"]+seen["foreignObject"] > 0 || seen["title"] < 2 || seen["desc"] != 1 || seen["style"] != 1 {
		t.Errorf("elements: %v", seen)
	}
	if strings.Contains(svg, "url(") || strings.Contains(svg, "@import") {
		t.Error("the style leads elsewhere")
	}
	if !strings.Contains(svg, "prefers-color-scheme:dark") {
		t.Error("there are no colours for dark pages")
	}
}

// dotToken is the lexical grammar of DOT as far as our graphs use it.
var dotToken = regexp.MustCompile(`^(?:\s+|->|[{}\[\];,=]|[A-Za-z_][A-Za-z0-9_]*|[0-9]+(?:\.[0-9]+)?|"(?:[^"\\]|\\.)*")`)

// grammatical reads a graph to its end: quotes and brackets close, and every
// edge joins nodes that are declared.
func grammatical(t *testing.T, dot string) {
	declared, depth := map[string]bool{}, 0
	var tokens []string
	for rest := dot; rest != ""; {
		token := dotToken.FindString(rest)
		if token == "" {
			t.Fatalf("no token at %.60q", rest)
		}
		rest = rest[len(token):]
		if strings.TrimSpace(token) == "" {
			continue
		}
		tokens = append(tokens, token)
		switch token {
		case "{", "[":
			depth++
		case "}", "]":
			depth--
		}
	}
	edges := 0
	for i, token := range tokens {
		switch {
		case token == "[" && i > 0:
			declared[tokens[i-1]] = true
		case token == "->":
			edges++
			if from, to := tokens[i-1], tokens[i+1]; !declared[from] || !declared[to] {
				t.Errorf("the edge %s -> %s joins what is not declared", from, to)
			}
		}
	}
	if depth != 0 || edges < 30 {
		t.Errorf("%d brackets are open at the end, and there are %d edges", depth, edges)
	}
}
