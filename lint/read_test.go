package lint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// unpack writes the files of a txtar text below a folder and goes there.
func unpack(t testing.TB, text string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, f := range txtar.Parse([]byte(text)).Files {
		if err := os.MkdirAll(filepath.Dir(f.Name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// show puts the records on lines: place, name, type and content.
func show(set *Set) []string {
	set.Drafts()
	var list []string
	for _, r := range set.records() {
		data := r.Data
		if r.Strings != nil {
			data = strings.Join(r.Strings, "|")
		}
		list = append(list, r.At.String()+" "+r.Name.String()+" "+r.Type.String()+" "+data)
	}
	for _, u := range set.Unread {
		list = append(list, u.At.String()+" ? "+u.What)
	}
	return list
}

func TestRead(t *testing.T) {
	tests := []struct {
		name, files string
		paths       []string
		options     Options
		want        []string
		complete    bool
	}{
		{
			name: "zone file", paths: []string{"db.example.com"}, complete: true,
			files: "-- db.example.com --\n$TTL 60\n@ SOA ns root (\n 1 2 3 4 5 )\n  MX 10 mail\n_dmarc\tTXT ( \"v=DMARC1;\"\n \" p=none\" )\n$GENERATE 1-2 h$ A 5.6.7.$\n",
			want: []string{
				"db.example.com:2:1 example.com SOA ns.example.com. root.example.com. 1 2 3 4 5",
				"db.example.com:4:3 example.com MX 10 mail.example.com.",
				"db.example.com:5:1 _dmarc.example.com TXT v=DMARC1;| p=none",
				"db.example.com:7:1 h1.example.com A 5.6.7.1", "db.example.com:7:1 h2.example.com A 5.6.7.2",
			},
		},
		{
			name: "zone file without SOA", paths: []string{"example.com=part"},
			files: "-- part --\n_dmarc 60 TXT \"x\"\n",
			want:  []string{"part:1:1 _dmarc.example.com TXT x"},
		},
		{
			name: "octoDNS", paths: []string{"example.com.yaml"}, complete: true,
			files: "-- example.com.yaml --\n---\n? ''\n: - type: TXT\n    values:\n    - v=spf1 -all\n    - v=a\\; b=c\n  - type: MX\n    value: {exchange: mx.example.net., preference: 5}\n" +
				"_dmarc: !include sub/dmarc.yaml\n'*.w':\n  type: A\n  value: 5.6.7.8\n-- sub/dmarc.yaml --\ntype: TXT\nttl: 60\nvalue: v=DMARC1\\; p=none\n",
			want: []string{
				"example.com.yaml:5:7 example.com TXT v=spf1 -all", "example.com.yaml:6:7 example.com TXT v=a; b=c",
				"example.com.yaml:8:12 example.com MX 5 mx.example.net.", "sub/dmarc.yaml:3:8 _dmarc.example.com TXT v=DMARC1; p=none",
				"example.com.yaml:12:10 *.w.example.com A 5.6.7.8",
			},
		},
		{
			name: "octoDNS, semicolons as they are", paths: []string{"example.com.yaml"}, options: Options{Semicolons: "plain"}, complete: true,
			files: "-- example.com.yaml --\na:\n  type: TXT\n  value: b\\;c;d\n",
			want:  []string{`example.com.yaml:3:10 a.example.com TXT b\;c;d`},
		},
		{
			name: "octoDNS, split folder", paths: []string{"."}, complete: true,
			files: "-- zones/example.com./$example.com.yaml --\n'':\n  type: TXT\n  value: v=spf1 -all\n-- zones/example.com./www.yaml --\nwww:\n  type: CNAME\n  value: x.example.net.\n" +
				"-- config.yaml --\nproviders: {}\nzones: {}\n-- .git/example.net.yaml --\na: {type: A, value: 5.6.7.8}\n-- README.md --\nx\n",
			want: []string{
				"zones/example.com./$example.com.yaml:3:10 example.com TXT v=spf1 -all",
				"zones/example.com./www.yaml:3:10 www.example.com CNAME x.example.net.",
			},
		},
		{
			name: "DNSControl", paths: []string{"dns/ir.json"}, complete: true,
			files: `-- dns/ir.json --
{"registrars":[],"dns_providers":[],"domains":[{"name":"example.com!inside","records":[
 {"type":"MX","name":"@","target":"mail","mxpreference":15,"ttl":300,"filepos":"[line:2:5]"},
 {"type":"TXT","name":"s1._domainkey","target":"onetwo","txtstrings":["one","two"],"filepos":"[line:3:5]"},
 {"type":"CF_REDIRECT","name":"x","target":"y"}]}]}
`,
			want: []string{"dns/dnsconfig.js:2:5 example.com MX 15 mail.example.com.", "dns/dnsconfig.js:3:5 s1._domainkey.example.com TXT one|two"},
		},
		{
			name: "Terraform plan", paths: []string{"plan.json"},
			files: `-- plan.json --
{"format_version":"1.2","planned_values":{"root_module":{"resources":[
{"address":"aws_route53_zone.z","mode":"managed","type":"aws_route53_zone","values":{"name":"example.com","zone_id":"Z1"}},
{"address":"aws_route53_record.spf","mode":"managed","type":"aws_route53_record","values":{"zone_id":"Z1","name":"","type":"TXT","ttl":60,"records":["v=spf1 -all","a\"\"b"]}}],
"child_modules":[{"resources":[
 {"address":"module.m.azurerm_dns_mx_record.mx","mode":"managed","type":"azurerm_dns_mx_record","values":{"name":"@","zone_name":"example.org","record":[{"preference":"5","exchange":"mx.example.net"}]}},
 {"address":"module.m.google_dns_record_set.t","mode":"managed","type":"google_dns_record_set","values":{"name":"t.example.org.","type":"TXT","rrdatas":["v=x y","\"p q\""]}},
 {"address":"module.m.aws_route53_record.later","mode":"managed","type":"aws_route53_record","values":{"name":"k.example.com","type":"TXT"}}]}]}}}
`,
			want: []string{
				"plan.json:3:2 example.com TXT v=spf1 -all", "plan.json:3:2 example.com TXT a|b",
				"plan.json:5:3 example.org MX 5 mx.example.net.", "plan.json:6:3 t.example.org TXT v=x|y", "plan.json:6:3 t.example.org TXT p q",
				"plan.json:7:3 ? module.m.aws_route53_record.later",
			},
		},
		{
			name: "Terraform source", paths: []string{"tf"},
			files: `-- tf/zone.tf --
data "aws_route53_zone" "main" {
  name = "example.com."
}
locals {
  base = "spf.example.net"
  spf  = "v=spf1 include:${local.base} -all"
}
-- tf/records.tf --
resource "aws_route53_record" "spf" {
  zone_id = data.aws_route53_zone.main.zone_id
  name    = "mail"
  type    = "TXT"
  records = [
    local.spf,
    "x",
  ]
}
resource "aws_route53_record" "alias" {
  name = "example.com"
  type = "A"
  alias {
    name = "lb"
  }
}
resource "aws_route53_record" "who" {
  name = "who"
  type = "TXT"
  records = ["no zone says where"]
}
resource "azurerm_dns_txt_record" "az" {
  name      = "@"
  zone_name = "example.org"
  record {
    value = "raw \"text\""
  }
}
resource "aws_s3_bucket" "b" {
  bucket = var.x
}
`,
			want: []string{
				"tf/records.tf:6:5 mail.example.com TXT v=spf1 include:spf.example.net -all", "tf/records.tf:7:5 mail.example.com TXT x",
				`tf/records.tf:26:13 example.org TXT raw "text"`, "tf/records.tf:17:1 ? aws_route53_record.who",
			},
		},
		{
			name: "Route 53", paths: []string{"sets.json"}, complete: true,
			files: "-- sets.json --\n{\"ResourceRecordSets\":[\n{\"Name\":\"example.com.\",\"Type\":\"SOA\",\"TTL\":900,\"ResourceRecords\":[{\"Value\":\"ns. root. 1 2 3 4 5\"}]},\n" +
				"{\"Name\":\"\\\\052.example.com.\",\"Type\":\"TXT\",\"TTL\":900,\"ResourceRecords\":[{\"Value\":\"\\\"a\\\" \\\"b\\\"\"}]}]}\n",
			want: []string{"sets.json:2:9 example.com SOA ns. root. 1 2 3 4 5", "sets.json:3:9 *.example.com TXT a|b"},
		},
		{
			name: "told from the content", paths: []string{"-"}, options: Options{Stdin: strings.NewReader("$ORIGIN example.com.\n@ 1 SOA a b 1 2 3 4 5\n")}, complete: true,
			want: []string{"-:2:1 example.com SOA a.example.com. b.example.com. 1 2 3 4 5"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			unpack(t, tt.files)
			set, err := Read(tt.paths, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, show(set)); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			for _, r := range set.records() {
				if r.Broken != nil {
					t.Errorf("%s: %v", r.At, r.Broken)
				}
			}
			if set.Zones[0].Complete != tt.complete {
				t.Errorf("complete is %v, want %v", set.Zones[0].Complete, tt.complete)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	tests := []struct{ name, files, path, want string }{
		{"no file", "", "none.zone", "none.zone: no such file"},
		{"zone syntax", "-- example.com.zone --\n@ 60 SOA a b 1 2 3 4 5\n@ 60 A bogus\n", "example.com.zone", "example.com.zone:2:"},
		{"include", "-- example.com.zone --\n@ 60 SOA a b 1 2 3 4 5\n$INCLUDE /etc/passwd\n", "example.com.zone", "example.com.zone:2:1: $INCLUDE is not followed"},
		{"no origin", "-- part --\n_dmarc 60 TXT \"x\"\n", "part", "part:1:"},
		{"yaml", "-- example.com.yaml --\na:\n  - [\n", "example.com.yaml", "example.com.yaml:"},
		{"yaml without a zone", "-- a.yaml --\na: {type: A, value: 5.6.7.8}\n", "a.yaml", "ORIGIN=a.yaml"},
		{"yaml include", "-- d/example.com.yaml --\na: !include ../../x.yaml\n", "d/example.com.yaml", "d/example.com.yaml:1:4: !include is followed inside the folder"},
		{"yaml include of itself", "-- example.com.yaml --\na: !include example.com.yaml\n", "example.com.yaml", "too many files"},
		{"yaml ttl", "-- example.com.yaml --\na: {type: A, ttl: soon, value: 5.6.7.8}\n", "example.com.yaml", "example.com.yaml:1:19: the TTL \"soon\""},
		{"json", "-- x.json --\n{\"domains\": [],\n \"registrars\": [}\n", "x.json", "x.json: this JSON is none"},
		{"json of others", "-- x.json --\n{\"a\": 1}\n", "x.json", "x.json: this JSON is none"},
		{"hcl", "-- x.tf --\nresource \"a\" \"b\" {\n  name =\n}\n", "x.tf", "x.tf:2:"},
		{"empty folder", "-- d/x.txt --\n", "d", "no DNS records in d"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			unpack(t, tt.files)
			_, err := Read([]string{tt.path}, Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
		})
	}
}

// A link must not lead an include out of the folder.
func TestIncludeLink(t *testing.T) {
	unpack(t, "-- d/example.com.yaml --\na: !include b.yaml\n-- secret.yaml --\ntype: TXT\nvalue: x\n")
	if err := os.Symlink("../secret.yaml", "d/b.yaml"); err != nil {
		t.Skip(err)
	}
	if set, err := Read([]string{"d/example.com.yaml"}, Options{}); err == nil {
		t.Errorf("read %v", show(set))
	}
}

func TestDomains(t *testing.T) {
	unpack(t, "-- example.com.zone --\n$TTL 60\n@ SOA a b 1 2 3 4 5\nnews MX 10 a\na TXT \"v=spf1 a -all\"\n_spf TXT \"v=spf1 -all\"\n*.w MX 10 a\n_dmarc.x TXT \"v=DMARC1; p=none\"\nsub._dmarc.y TXT \"v=DMARC1\"\ns1._domainkey TXT \"p=\"\ns2._domainkey CNAME x.\n")
	set, err := Read([]string{"example.com.zone"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range set.Domains() {
		got = append(got, string(d))
	}
	if diff := cmp.Diff([]string{"example.com", "news.example.com", "x.example.com"}, got); diff != "" {
		t.Errorf("domains (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"s1", "s2"}, set.Selectors("example.com")); diff != "" {
		t.Errorf("selectors (-want +got):\n%s", diff)
	}
}
