package lint

import (
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
)

// through reads text as one format and takes it all the way: what was read
// lies inside the text, makes zones, and can be judged.
func through(t *testing.T, format Format, text string) {
	set, err := Read([]string{"example.com=-"}, Options{As: format, Stdin: strings.NewReader(text)})
	if err != nil {
		if strings.Contains(err.Error(), "\n") && !strings.Contains(text, "\n") {
			t.Fatalf("an error of several lines: %q", err)
		}
		return
	}
	lines := strings.Count(text, "\n") + 1
	for _, r := range set.records() {
		if r.At.File == "-" && (r.At.Line < 0 || r.At.Line > lines) {
			t.Fatalf("line %d of %d", r.At.Line, lines)
		}
	}
	set.Drafts()
	for _, f := range set.FactsOf(append(set.Domains(), "example.com")) {
		for _, res := range check.Evaluate(Rules, f) {
			for _, fd := range res.Findings {
				if s := fd.Span; s != nil && (s.Start < 0 || s.End > len(fd.Record) || s.Start > s.End) {
					t.Fatalf("%s: span %v outside of %q", res.Rule.ID, *s, fd.Record)
				}
			}
		}
	}
	set.Locate(Clue{Subject: "example.com", Domain: "example.com", Rule: "spf-x"})
}

func FuzzZoneFile(f *testing.F) {
	f.Add("@ 60 SOA a b 1 2 3 4 5\n_dmarc 60 TXT v=DMARC1; p=none\nk._domainkey TXT ( \"p=a \" \"b\" )\n")
	f.Add("a 60 TXT \"\\034;\\\\\" x\\;y ; z=1\n$GENERATE 1-3 a$ MX 1 b$\n")
	f.Fuzz(func(t *testing.T, text string) { through(t, ZoneFile, text) })
}

func FuzzOctoDNS(f *testing.F) {
	f.Add("'':\n- type: TXT\n  values: [\"v=spf1 -all\", 'a\\; b']\n- {type: MX, value: {exchange: a., preference: 1}}\n")
	f.Add("a: &x {type: CNAME, ttl: 1, value: b}\nb: *x\nc: {<<: *x}\nd: !include /etc/passwd\n")
	f.Fuzz(func(t *testing.T, text string) { through(t, OctoDNS, text) })
}

func FuzzDNSControl(f *testing.F) {
	f.Add(`{"domains":[{"name":"example.com!x","records":[{"type":"MX","name":"@","target":"a","filepos":"[line:7:5]"},{"type":"TXT","name":"b","txtstrings":["a","b"]}]}]}`)
	f.Fuzz(func(t *testing.T, text string) { through(t, DNSControl, text) })
}

func FuzzTerraformJSON(f *testing.F) {
	f.Add(`{"planned_values":{"root_module":{"resources":[{"address":"a","type":"aws_route53_record","values":{"name":"example.com","type":"TXT","records":["a\"\"b"]}}],"child_modules":[{"resources":[]}]}}}`)
	f.Fuzz(func(t *testing.T, text string) { through(t, TerraformJSON, text) })
}

func FuzzHCL(f *testing.F) {
	f.Add("locals {\n a = \"x\"\n b = \"${local.a}\"\n}\nresource \"aws_route53_record\" \"r\" {\n name = \"example.com\"\n type = \"TXT\"\n records = [local.b, var.x]\n}\n")
	f.Add("resource \"azurerm_dns_mx_record\" \"m\" {\n zone_name = \"example.com\"\n name = \"@\"\n record {\n  preference = 10\n  exchange = \"a\"\n }\n}\n")
	f.Fuzz(func(t *testing.T, text string) { through(t, HCL, text) })
}

func FuzzRoute53(f *testing.F) {
	f.Add(`{"Changes":[{"Action":"UPSERT","ResourceRecordSet":{"Name":"\\052.example.com","Type":"TXT","TTL":1,"ResourceRecords":[{"Value":"\"a\" b"}]}}]}`)
	f.Fuzz(func(t *testing.T, text string) { through(t, Route53, text) })
}

// Source that would take the parser's stack, or all memory, is refused or not read.
func TestHostileTerraform(t *testing.T) {
	deep := map[string]string{
		"brackets":  "a = " + strings.Repeat("(", 1_000_000),
		"not":       "a = " + strings.Repeat("!", 1_000_000) + "true",
		"choices":   "a = " + strings.Repeat("x ? ", 250_000),
		"templates": "a = " + strings.Repeat(`"${`, 300_000),
		"minus":     "a = " + strings.Repeat("-", 1_000_000) + "1",
		"blocks":    strings.Repeat("a {\n", 200_000),
		"indexes":   "a = b" + strings.Repeat("[0]", 300_000),
		"sums":      "a = 1" + strings.Repeat("+1", 500_000),
	}
	for name, text := range deep {
		t.Run(name, func(t *testing.T) { through(t, HCL, text) })
	}
	grow := "locals {\n  a0 = \"xxxxxxxxxx\"\n"
	for i := 1; i < 60; i++ {
		n := func(i int) string { return "a" + strings.Repeat("i", i) }
		if i == 1 {
			grow += "  " + n(1) + " = \"${local.a0}${local.a0}\"\n"
			continue
		}
		grow += "  " + n(i) + " = \"${local." + n(i-1) + "}${local." + n(i-1) + "}\"\n"
	}
	through(t, HCL, grow+"}\nresource \"aws_route53_record\" \"r\" {\n name = \"example.com\"\n type = \"TXT\"\n records = [local.a"+strings.Repeat("i", 59)+"]\n}\n")
	through(t, HCL, "locals {\n a = [for x in [1,2,3]: [for y in [1,2,3]: x]]\n}\n")
}
