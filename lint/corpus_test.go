package lint

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// corpus is a folder with many more zones, for those who have one: bind/ with
// zone files, and JSON lines of {"Zone", "Records"}. A name that is wrong fails.
var corpus = os.Getenv("POSTSEAL_TEST_ZONES")

// TestCorpus reads real zones, where they are at hand: none may fail to be
// read, and nearly every finding of the rules over files would be a mistake of
// the rule, for these zones are served as they are.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("testdata/zones/*.zone")
	if err != nil || len(files) == 0 {
		t.Fatal("no zones", err)
	}
	if corpus != "" {
		more, err := filepath.Glob(filepath.Join(corpus, "bind", "*.zone"))
		if err != nil || len(more) == 0 {
			t.Fatalf("no zones below %s (%v)", corpus, err)
		}
		files = append(files, more...)
	}
	errors := 0
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		set, err := Read([]string{path}, Options{})
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if len(data) > 0 && !set.Zones[0].Complete {
			t.Errorf("%s is not complete", path)
		}
		set.Drafts()
		for _, f := range set.FactsOf([]dns.Name{set.Zones[0].Origin}) {
			for _, res := range check.Evaluate(Rules, f) {
				for _, fd := range res.Findings {
					if res.Rule.SeverityOf(&fd) == check.Error {
						errors++
						t.Logf("%s %s %v", res.Rule.ID, fd.Subject, fd.Params)
					}
				}
			}
		}
	}
	// A policy at cshrcasework.justice.gov.uk lacks its _dmarc.
	if errors > 1 {
		t.Errorf("%d errors in %d zones that are served", errors, len(files))
	}
}

// TestFormatsAgree writes real zones in each format and reads the same records
// back from all.
func TestFormatsAgree(t *testing.T) {
	type zone struct {
		Zone    string
		Records [][]any
	}
	zones := []zone{{"example.com", [][]any{
		{"@", "TXT", 300.0, "v=spf1 -all"}, {"_dmarc", "TXT", 300.0, `a; b="c\d"`}, {"@", "MX", 60.0, "10 mx.example.net"},
		{"k._domainkey", "TXT", 300.0, "v=DKIM1; p=" + strings.Repeat("A", 700)}, {"w", "CNAME", 300.0, "x.example.net"},
	}}}
	var more []string
	if corpus != "" {
		more = []string{"moj", "18f", "is-a-dev", "open-domains"}
	}
	for _, name := range more {
		data, err := os.ReadFile(filepath.Join(corpus, name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			var z zone
			if err := json.Unmarshal([]byte(line), &z); err != nil {
				t.Fatal(err)
			}
			zones = append(zones, z)
		}
	}
	compared := 0
	q := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	for _, z := range zones {
		var want, yaml, ir, hcl []string
		for i, r := range z.Records {
			name, rrtype, data := r[0].(string), r[1].(string), r[3].(string)
			host := strings.TrimSuffix(data, ".") + "."
			var value, source, object string
			switch rrtype {
			case "TXT":
				if strings.HasPrefix(data, `"`) || strings.HasSuffix(data, `"`) || strings.Contains(data, "${") || strings.Contains(data, `\;`) {
					continue // each format reads quotation marks at the ends in its own way
				}
				value, source = q(strings.ReplaceAll(data, ";", `\;`)), q(data)
				object = `"target":` + q(data)
			case "CNAME":
				value, source, object = q(host), q(host), `"target":`+q(host)
			case "MX":
				pref, exchange, _ := strings.Cut(host, " ")
				value = fmt.Sprintf("{preference: %s, exchange: %s}", pref, q(exchange))
				source, object = q(exchange)+"\n priority = "+pref, fmt.Sprintf(`"mxpreference":%s,"target":%s`, pref, q(exchange))
			default:
				continue
			}
			label := strings.TrimSuffix(name, "@")
			full := strings.TrimPrefix(label+"."+z.Zone, ".")
			text := data
			if rrtype != "TXT" {
				text = host
			}
			want = append(want, strings.ToLower(full)+" "+rrtype+" "+text)
			yaml = append(yaml, fmt.Sprintf("- name: %s\n  type: %s\n  ttl: 300\n  value: %s\n", q(label), rrtype, value))
			ir = append(ir, fmt.Sprintf(`{"type":%q,"name":%s,%s}`, rrtype, q(name), object))
			hcl = append(hcl, fmt.Sprintf("resource \"cloudflare_dns_record\" \"r%d\" {\n name = %s\n type = %q\n content = %s\n}\n", i, q(full), rrtype, source))
		}
		if len(want) == 0 {
			continue
		}
		compared += len(want)
		slices.Sort(want)
		octo := map[string][]string{}
		var order []string
		for _, y := range yaml {
			head, rest, _ := strings.Cut(strings.TrimPrefix(y, "- name: "), "\n")
			if octo[head] == nil {
				order = append(order, head)
			}
			octo[head] = append(octo[head], "  - "+strings.ReplaceAll(strings.TrimSpace(rest), "\n  ", "\n    ")+"\n")
		}
		var doc strings.Builder
		for _, head := range order {
			doc.WriteString(head + ":\n" + strings.Join(octo[head], ""))
		}
		for format, text := range map[Format]string{
			OctoDNS:    doc.String(),
			DNSControl: `{"domains":[{"name":` + q(z.Zone) + `,"records":[` + strings.Join(ir, ",") + `]}]}`,
			HCL:        strings.Join(hcl, ""),
		} {
			set, err := Read([]string{z.Zone + "=-"}, Options{As: format, Stdin: strings.NewReader(text), Semicolons: "escaped"})
			if err != nil {
				t.Errorf("%s as %s: %v", z.Zone, format, err)
				continue
			}
			var got []string
			for _, r := range set.records() {
				text := r.Data
				if r.Type == dns.TypeTXT {
					text = r.text()
				}
				got = append(got, string(r.Name)+" "+r.Type.String()+" "+text)
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s as %s (-want +got):\n%s", z.Zone, format, diff)
			}
		}
	}
	t.Logf("%d records of %d zones, in three formats", compared, len(zones))
}
