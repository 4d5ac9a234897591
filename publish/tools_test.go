package publish

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/internal/yamlx"
)

var toolFormats = map[string]func(io.Writer, *Set) error{
	"route53": Route53, "cloudflare": Cloudflare, "octodns": OctoDNS, "dnscontrol": DNSControl, "nsupdate": NSUpdate,
}

func written(t *testing.T, write func(io.Writer, *Set) error, s *Set) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func txt(t *testing.T, name, text, source string) Record {
	t.Helper()
	r, err := TXT(name, text, source)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestToolsGolden writes the key of the worked example for every tool (G4, G21).
func TestToolsGolden(t *testing.T) {
	r := txt(t, "s2026a._domainkey.example.com.", goldenS1+goldenS2, "dkim")
	r.Comment = "a note"
	s := &Set{
		Zone: "example.com.", Apex: "example.com.", Primary: "ns1.example.com.",
		Records: []Record{r, txt(t, "example.com._report._dmarc.vendor.example.", "v=DMARC1", "dmarc")},
		Files:   []File{{Content: "mode: none\n", Comment: "serve this:"}},
		Words:   Words{Other: "another zone:", Unseen: "unseen"},
	}
	whole := goldenS1 + goldenS2
	octo := strings.ReplaceAll(whole, ";", `\;`)
	for format, want := range map[string]string{
		"route53": `# serve this:
# mode: none
# a note
resource "aws_route53_record" "dkim_s2026a" {
  zone_id = var.zone_id
  name    = "s2026a._domainkey.example.com"
  type    = "TXT"
  ttl     = 3600
  records = ["` + goldenS1 + `\"\"` + goldenS2 + `"]
}
# another zone:
# example.com._report._dmarc.vendor.example. 3600 IN TXT "v=DMARC1"
`,
		"cloudflare": `# serve this:
# mode: none
# a note
resource "cloudflare_dns_record" "dkim_s2026a" {
  zone_id = var.zone_id
  name    = "s2026a._domainkey.example.com"
  type    = "TXT"
  ttl     = 3600
  content = "\"` + goldenS1 + `\" \"` + goldenS2 + `\""
}
# another zone:
# example.com._report._dmarc.vendor.example. 3600 IN TXT "v=DMARC1"
`,
		"octodns": `# serve this:
# mode: none
# example.com.yaml
# a note
s2026a._domainkey:
  ttl: 3600
  type: TXT
  value: ` + octo + `
# another zone:
# example.com._report._dmarc.vendor.example. 3600 IN TXT "v=DMARC1"
`,
		"dnscontrol": `// serve this:
// mode: none
// a note
TXT("s2026a._domainkey", "` + whole + `", TTL(3600)),
// another zone:
// example.com._report._dmarc.vendor.example. 3600 IN TXT "v=DMARC1"
`,
		"nsupdate": `; serve this:
; mode: none
server ns1.example.com
zone example.com.
; a note
; unseen
prereq nxrrset s2026a._domainkey.example.com. TXT
update add s2026a._domainkey.example.com. 3600 TXT "` + goldenS1 + `" "` + goldenS2 + `"
show
; another zone:
; example.com._report._dmarc.vendor.example. 3600 IN TXT "v=DMARC1"
`,
	} {
		got := written(t, toolFormats[format], s)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
		wellFormed(t, format, got)
	}
}

// parked is the lockdown set of a domain without mail, and one record of each
// type that tools want in parts.
func parked(t *testing.T) *Set {
	other := func(name, rtype, value string) Record {
		return Record{Name: name, Type: rtype, TTL: 300, Value: value, Source: "test"}
	}
	return &Set{Zone: "parked.example.", Records: []Record{
		other("parked.example.", "MX", "0 ."),
		txt(t, "parked.example.", "v=spf1 -all", "spf"),
		txt(t, "*.parked.example.", "v=spf1 -all", "spf"),
		txt(t, "*._domainkey.parked.example.", "v=DKIM1; p=", "dkim"),
		txt(t, "_dmarc.parked.example.", "v=DMARC1; p=reject; sp=reject; np=reject; rua=mailto:dmarc@example.com", "dmarc"),
		txt(t, "odd.parked.example.", `it's "a: b" #1;\`, "test"),
		txt(t, "macro.parked.example.", "v=spf1 exists:%{i}._spf.${x}.example -all", "spf"),
		other("no.parked.example.", "MX", "10 mx1.example.com."),
		other("no.parked.example.", "MX", "20 mx2.example.com."),
		other("_25._tcp.mx.parked.example.", "TLSA", "3 1 1 "+strings.Repeat("ab", 32)),
		other("_imaps._tcp.parked.example.", "SRV", "0 1 993 mail.parked.example."),
		other("2026.parked.example.", "CAA", `0 issue "ca.example; validationmethods=dns-01"`),
		other("www.parked.example.", "A", "192.0.2.1"),
		other("mta-sts.parked.example.", "CNAME", "www.parked.example."),
	}}
}

// TestToolsWellFormed holds what each tool gets to the grammar it reads, as far
// as that can be told without the tool (G18, G19, G21).
func TestToolsWellFormed(t *testing.T) {
	s := parked(t)
	for format, write := range toolFormats {
		out := written(t, write, s)
		wellFormed(t, format, out)
		for _, want := range map[string][]string{
			"route53": {`records = ["v=spf1 -all"]`, `records = ["0 ."]`, `records = ["10 mx1.example.com.", "20 mx2.example.com."]`,
				`records = ["v=spf1 exists:%%{i}._spf.$${x}.example -all"]`, `records = ["it's \\\"a: b\\\" #1;\\\\"]`},
			"cloudflare": {`content = "\"v=spf1 -all\""`, `content  = "."`, `priority = 0`, `content  = "mx2.example.com"`,
				`data    = { usage = 3, selector = 1, matching_type = 1, certificate = "` + strings.Repeat("ab", 32) + `" }`,
				`data    = { priority = 0, weight = 1, port = 993, target = "mail.parked.example" }`,
				`data    = { flags = 0, tag = "issue", value = "ca.example; validationmethods=dns-01" }`,
				"content = \"192.0.2.1\"\n  proxied = false", `name    = "*._domainkey.parked.example"`},
			"octodns": {"'*._domainkey':\n", "'':\n", "'2026':\n", `value: v=DKIM1\; p=`, `'it''s "a: b" #1\;\'`},
			"dnscontrol": {`MX("@", 0, ".", TTL(300)),`, `TLSA("_25._tcp.mx", 3, 1, 1, "abab`, `SRV("_imaps._tcp", 0, 1, 993, "mail.parked.example.", TTL(300)),`,
				`CAA("2026", "issue", "ca.example; validationmethods=dns-01", TTL(300)),`, `TXT("odd", "it's \"a: b\" #1;\\", TTL(3600)),`},
			"nsupdate": {`update add odd.parked.example. 3600 TXT "it's \"a: b\" #1;\\"`, "update add parked.example. 300 MX 0 .\n"},
		}[format] {
			if !strings.Contains(out, want) {
				t.Errorf("%s lacks %s:\n%s", format, want, out)
			}
		}
	}

	// What YAML reads is what was to be published, a backslash before each semicolon.
	var zone map[string]any
	if err := yamlx.Unmarshal([]byte(written(t, OctoDNS, s)), &zone); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"_dmarc":         map[string]any{"ttl": 3600, "type": "TXT", "value": `v=DMARC1\; p=reject\; sp=reject\; np=reject\; rua=mailto:dmarc@example.com`},
		"*":              map[string]any{"ttl": 3600, "type": "TXT", "value": "v=spf1 -all"},
		"odd":            map[string]any{"ttl": 3600, "type": "TXT", "value": `it's "a: b" #1\;\`},
		"_25._tcp.mx":    map[string]any{"ttl": 300, "type": "TLSA", "value": map[string]any{"certificate_usage": 3, "selector": 1, "matching_type": 1, "certificate_association_data": strings.Repeat("ab", 32)}},
		"no":             map[string]any{"ttl": 300, "type": "MX", "values": []any{map[string]any{"preference": 10, "exchange": "mx1.example.com."}, map[string]any{"preference": 20, "exchange": "mx2.example.com."}}},
		"_imaps._tcp":    map[string]any{"ttl": 300, "type": "SRV", "value": map[string]any{"priority": 0, "weight": 1, "port": 993, "target": "mail.parked.example."}},
		"mta-sts":        map[string]any{"ttl": 300, "type": "CNAME", "value": "www.parked.example."},
		"":               []any{map[string]any{"ttl": 300, "type": "MX", "value": map[string]any{"preference": 0, "exchange": "."}}, map[string]any{"ttl": 3600, "type": "TXT", "value": "v=spf1 -all"}},
		"nothing at all": nil,
	} {
		if diff := cmp.Diff(want, zone[name]); diff != "" {
			t.Errorf("octodns, %q (-want +got):\n%s", name, diff)
		}
	}
}

// TestLive: what stands beside a record in DNS survives its change.
func TestLive(t *testing.T) {
	r := txt(t, "example.com.", "v=spf1 mx -all", "spf")
	r.Live = []string{"v=spf1 ~all", "token=1; \"x\"", "v=spf10 no SPF"}
	s := &Set{Zone: "example.com.", Records: []Record{r}, Send: true, Words: Words{Whole: "whole", Done: "done", Unseen: "unseen"}}
	if got, want := written(t, NSUpdate, s), `prereq yxrrset example.com. TXT "v=spf1 ~all"
prereq yxrrset example.com. TXT "token=1; \"x\""
prereq yxrrset example.com. TXT "v=spf10 no SPF"
update delete example.com. TXT "v=spf1 ~all"
update add example.com. 3600 TXT "v=spf1 mx -all"
show
send
`; got != want {
		t.Errorf("nsupdate: got\n%s\nwant\n%s", got, want)
	}
	if got, want := written(t, Route53, s), `records = ["v=spf1 mx -all", "token=1; \"x\"", "v=spf10 no SPF"]`; !strings.Contains(got, strings.ReplaceAll(want, `\"x\"`, `\\\"x\\\"`)) || strings.Contains(got, "whole") {
		t.Errorf("route53: got\n%s\nwant %s", got, want)
	}
	var zone map[string]struct{ Values []string }
	if err := yamlx.Unmarshal([]byte(written(t, OctoDNS, s)), &zone); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"v=spf1 mx -all", `token=1\; "x"`, "v=spf10 no SPF"}, zone[""].Values); diff != "" {
		t.Errorf("octodns (-want +got):\n%s", diff)
	}

	s.Records[0].Live = []string{"v=spf1 mx -all"}
	if got := written(t, NSUpdate, s); strings.Contains(got, "update") || !strings.Contains(got, "; done\n") {
		t.Errorf("a record that stands already: got\n%s", got)
	}
	s.Records[0].Live = nil
	if got := written(t, OctoDNS, s); !strings.Contains(got, "# whole\n") {
		t.Errorf("what stands beside is not known, and nothing says so:\n%s", got)
	}
	// A stranger's text cannot break out of its line, or is not written at all.
	s.Records[0].Live = []string{"evil\nsend\n\x1b[2J\"; quit"}
	if got := written(t, NSUpdate, s); !strings.Contains(got, `prereq yxrrset example.com. TXT "evil\010send\010\027[2J\"; quit"`) {
		t.Errorf("got\n%s", got)
	}
	wellFormed(t, "route53", written(t, Route53, s))
	if err := OctoDNS(io.Discard, s); err == nil {
		t.Error("octodns took a text that is not ASCII")
	}
}

// TestToolsRefuse: data that has not the parts of its type is written for no tool
// that wants them apart.
func TestToolsRefuse(t *testing.T) {
	for _, r := range []Record{
		{Name: "a.example.", Type: "MX", Value: "mx.example."},
		{Name: "a.example.", Type: "MX", Value: "ten mx.example."},
		{Name: "a.example.", Type: "TLSA", Value: "3 1 1 ab cd"},
		{Name: "a.example.", Type: "CAA", Value: "0 issue"},
	} {
		for _, format := range []string{"cloudflare", "octodns", "dnscontrol"} {
			var b strings.Builder
			if err := toolFormats[format](&b, &Set{Records: []Record{r}}); err == nil || b.Len() > 0 {
				t.Errorf("%s took %s %s: %s", format, r.Type, r.Value, b.String())
			}
		}
	}
}

// wellFormed holds a text to the outline of its grammar.
func wellFormed(t *testing.T, format, out string) {
	t.Helper()
	switch format {
	case "route53", "cloudflare":
		if err := hclWellFormed(out); err != nil {
			t.Errorf("%s: %v\n%s", format, err, out)
		}
	case "octodns":
		if err := yamlx.Unmarshal([]byte(out), &map[string]any{}); err != nil {
			t.Errorf("octodns: %v\n%s", err, out)
		}
		for line := range strings.Lines(out) {
			if !strings.HasPrefix(line, "#") && strings.Count(line, ";") != strings.Count(line, `\;`) {
				t.Errorf("octodns: a bare semicolon in %s", line)
			}
		}
	case "dnscontrol":
		for line := range strings.Lines(out) {
			if call := strings.TrimSuffix(line, "\n"); !strings.HasPrefix(call, "//") && !jsCall(call) {
				t.Errorf("dnscontrol: not a call: %s", line)
			}
		}
	case "nsupdate":
		if strings.Contains(out, "\n\n") || strings.HasPrefix(out, "\n") || regexp.MustCompile(`(?m)^(send|answer)?$`).MatchString(strings.TrimSuffix(out, "\n")) {
			t.Errorf("nsupdate would send this:\n%s", out)
		}
		if !strings.Contains(out, "prereq nxrrset ") {
			t.Errorf("nsupdate: no prerequisite:\n%s", out)
		}
	}
}

// jsCall tells whether a line is NAME(argument, …, TTL(n)), with arguments that
// JSON, and so JavaScript, reads.
func jsCall(line string) bool {
	m := regexp.MustCompile(`^[A-Z]+\((.*), TTL\(\d+\)\),$`).FindStringSubmatch(line)
	var args []any
	return m != nil && json.Unmarshal([]byte("["+m[1]+"]"), &args) == nil
}

// hclWellFormed reads resources as HCL does: comments, blocks with one argument
// a line, strings in which a quote, a backslash and a template are escaped.
func hclWellFormed(text string) error {
	const str = `"(?:[^"\\$%]|\\["\\nrt]|\$\$\{|%%\{|\$(?:[^{$"]|$)|%(?:[^{%"]|$))*"`
	const scalar = `(?:` + str + `|\d+|true|false|var\.[a-z_]+)`
	value := regexp.MustCompile(`^(?:` + scalar + `|\[` + scalar + `(?:, ` + scalar + `)*\]|\{ [a-z_]+ = ` + scalar + `(?:, [a-z_]+ = ` + scalar + `)* \})$`)
	open := regexp.MustCompile(`^resource "[a-z0-9_]+" "[A-Za-z_][A-Za-z0-9_-]*" \{$`)
	argument := regexp.MustCompile(`^  ([a-z_]+) += (.*)$`)
	names := map[string]bool{}
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		m := argument.FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(line, "#"):
		case !inside && open.MatchString(line):
			if names[line] {
				return fmt.Errorf("a resource twice: %s", line)
			}
			names[line], inside = true, true
		case inside && line == "}":
			inside = false
		case inside && m != nil && value.MatchString(m[2]):
		default:
			return fmt.Errorf("not HCL: %s", line)
		}
	}
	if inside {
		return fmt.Errorf("a block is left open")
	}
	return nil
}
