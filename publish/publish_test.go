package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postseal/postseal/dns"
)

func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		octets int
		want   []int
	}{{0, []int{0}}, {255, []int{255}}, {256, []int{255, 1}}, {510, []int{255, 255}}, {511, []int{255, 255, 1}}} {
		var got []int
		text := strings.Repeat("a", tt.octets)
		parts := split(text)
		for _, p := range parts {
			got = append(got, len(p))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || strings.Join(parts, "") != text {
			t.Errorf("%d octets (-want +got):\n%s", tt.octets, diff)
		}
	}
}

func ExampleZone() {
	r, err := TXT("_dmarc.example.com.", "v=DMARC1; p=reject; rua=mailto:dmarc@example.com", "dmarc")
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Comment = "reports go to our own mailbox"
	if err := Zone(os.Stdout, &Set{Records: []Record{r}}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ; reports go to our own mailbox
	// _dmarc.example.com. 3600 IN TXT "v=DMARC1; p=reject; rua=mailto:dmarc@example.com"
}

func TestTXTRefuses(t *testing.T) {
	for _, text := range []string{"v=spf1 –all", "a\tb", "a\x00"} {
		_, err := TXT("example.com.", text, "spf")
		if e, ok := errors.AsType[*NotASCII](err); !ok || e.Offset > len(text) {
			t.Errorf("%q: got %v, want a *NotASCII", text, err)
		}
	}
}

// TestZoneReadsBack parses what Zone prints with the reader of zone files.
func TestZoneReadsBack(t *testing.T) {
	texts := map[string]string{
		"short.example.com.": `v=DMARC1; p=reject; rua=mailto:"a\b"@example.com`,
		"edge.example.com.":  strings.Repeat("x", 256),
		"long.example.com.":  "v=DKIM1; k=rsa; p=" + strings.Repeat("MIIB", 250),
	}
	s := &Set{}
	for name, text := range texts {
		r, err := TXT(name, text, "test")
		if err != nil {
			t.Fatal(err)
		}
		s.Records = append(s.Records, r)
	}
	s.Records = append(s.Records, Record{Name: "example.com.", Type: "MX", TTL: 3600, Value: "0 .", Comment: "takes no mail"})
	var b strings.Builder
	if err := Zone(&b, s); err != nil {
		t.Fatal(err)
	}
	z, err := dns.ParseZone(strings.NewReader(b.String()), "example.com", "generated")
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	seen := 0
	for _, r := range z.Records() {
		if r.Type == dns.TypeTXT {
			seen++
			if got, want := r.Text(), texts[r.Name.FQDN()]; got != want {
				t.Errorf("%s: got %q, want %q", r.Name, got, want)
			}
		}
	}
	if seen != len(texts) {
		t.Errorf("read back %d TXT records, want %d", seen, len(texts))
	}
}

func TestJSONHasNoNull(t *testing.T) {
	var b strings.Builder
	if err := JSON(&b, &Set{Records: []Record{{Name: "example.com.", Type: "MX", Value: "0 ."}}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"exchange": "."`) || !strings.Contains(b.String(), `"preference": 0`) {
		t.Errorf("the parts of an MX are missing:\n%s", b.String())
	}
	if strings.Contains(b.String(), "null") {
		t.Errorf("lists must be empty, not null:\n%s", b.String())
	}
}

// The 2048-bit key of the worked example, in the parts that it must be cut in.
const (
	goldenS1 = "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA7IMT10RubHf2h/LObcoTBoxuf+Ld/gcfGS+jJT2fIXqb2H/3HxhFNal0txFHUpn+" +
		"Kuj2tM6+dRtiUwHMrA22olM+kGfAbrsQjdwqTswm6wBFJ8Z6UA8PSbdjmpuqJbCm5ivc6TGjwLODkNDMvb7qmEegUuMBGxLqwqKhcK8EI787RKZme3b+AfQFiNAuGNvnJ"
	goldenS2 = "LqR/gvaZPtFV4JogogjFOt2y2HcbM28n2wbAs4DrOWl/s/0QUKdymbv0K0QqNjkAWv+jORE6ws7J+rPquyrk6a7siorc4HIcuAymKa/3ZCWWl9jcoVYU5jiVm48r" +
		"gNDTBRe+85URftpUpERjEV0vwIDAQAB"
)

// TestGolden writes the key of the worked example in every format (G4).
func TestGolden(t *testing.T) {
	if len(goldenS1) != 255 || len(goldenS2) != 155 {
		t.Fatalf("the example has %d and %d octets", len(goldenS1), len(goldenS2))
	}
	r, err := TXT("s2026a._domainkey.example.com.", goldenS1+goldenS2, "dkim")
	if err != nil {
		t.Fatal(err)
	}
	r.Comment = "a note"
	consent, err := TXT("example.com._report._dmarc.vendor.example.", "v=DMARC1", "dmarc")
	if err != nil {
		t.Fatal(err)
	}
	s := &Set{
		Zone:    "example.com.",
		Records: []Record{r, consent},
		Files:   []File{{Mode: 0o644, Content: "version: STSv1\nmode: none\n", Comment: "serve this:"}},
		Words:   Words{Host: "the host for most forms", Parts: "in parts:"},
	}
	for format, c := range map[string]struct {
		write func(io.Writer, *Set) error
		want  string
	}{
		"zone": {Zone, `; serve this:
; version: STSv1
; mode: none
; a note
s2026a._domainkey.example.com. 3600 IN TXT ( "` + goldenS1 + `"
                                             "` + goldenS2 + `" )
; example.com._report._dmarc.vendor.example. 3600 IN TXT "v=DMARC1"
`},
		"plain": {Plain, `# serve this:
version: STSv1
mode: none

# a note
# the host for most forms
host:  s2026a._domainkey
name:  s2026a._domainkey.example.com
type:  TXT
ttl:   3600
value: ` + goldenS1 + goldenS2 + `
# in parts:
part 1: ` + goldenS1 + `
part 2: ` + goldenS2 + `

name:  example.com._report._dmarc.vendor.example
type:  TXT
ttl:   3600
value: v=DMARC1
`},
	} {
		var b strings.Builder
		if err := c.write(&b, s); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
	var b strings.Builder
	if err := JSON(&b, s); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Records []struct {
			Name, Type, Value, Comment string
			TTL                        int
			Strings                    []string
		}
		Files []map[string]string
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	first := got.Records[0]
	if diff := cmp.Diff([]string{goldenS1, goldenS2}, first.Strings); diff != "" || first.Value != goldenS1+goldenS2 || first.Name != r.Name || first.TTL != 3600 || first.Comment != "a note" {
		t.Errorf("json: got %+v (-want +got of the strings):\n%s", first, diff)
	}
	if diff := cmp.Diff(map[string]string{"path": "", "mode": "0644", "content": "version: STSv1\nmode: none\n", "comment": "serve this:"}, got.Files[0]); diff != "" {
		t.Errorf("json: the file (-want +got):\n%s", diff)
	}
}

// TestRefusesInjection: what would be another record, or stand at another name,
// is written in no format.
func TestRefusesInjection(t *testing.T) {
	good := Record{Name: "_dmarc.example.com.", Type: "TXT", TTL: 3600, Value: "v=DMARC1", Strings: []string{"v=DMARC1"}}
	mx := Record{Name: "example.com.", Type: "MX", TTL: 3600, Value: "10 mx.example.com.\nevil.example.com. A 192.0.2.1"}
	for name, spoil := range map[string]func(*Record){
		"relative name":           func(r *Record) { r.Name = "_dmarc.example.com" },
		"escaped final dot":       func(r *Record) { r.Name = `_dmarc.example.com\.` },
		"empty name":              func(r *Record) { r.Name = "" },
		"line break in a name":    func(r *Record) { r.Name = "a\nevil.example.com." },
		"space in a name":         func(r *Record) { r.Name = "a TXT x.example.com." },
		"comment in a name":       func(r *Record) { r.Name = "a;x.example.com." },
		"directive as a name":     func(r *Record) { r.Name = "$INCLUDE." },
		"line break in a value":   func(r *Record) { *r = mx },
		"line break in a string":  func(r *Record) { r.Value, r.Strings = "a\nb", []string{"a\nb"} },
		"line break in a type":    func(r *Record) { r.Type = "TXT\n" },
		"strings that differ":     func(r *Record) { r.Strings = []string{"v=DMARC1", "; p=none"} },
		"string of 256 octets":    func(r *Record) { r.Value = strings.Repeat("a", 256); r.Strings = []string{r.Value} },
		"TXT without strings":     func(r *Record) { r.Strings = nil },
		"record without anything": func(r *Record) { r.Type, r.Value, r.Strings = "MX", "", nil },
	} {
		r := good
		spoil(&r)
		all := map[string]func(io.Writer, *Set) error{"zone": Zone, "plain": Plain, "json": JSON}
		maps.Copy(all, toolFormats)
		for format, write := range all {
			var b strings.Builder
			if err := write(&b, &Set{Records: []Record{r}}); err == nil || b.Len() > 0 {
				t.Errorf("%s in %s: got %q, %v; want a refusal", name, format, b.String(), err)
			}
		}
	}
	// A comment is nobody's record: its line breaks stay comments.
	good.Comment = "one\ntwo\rthree\x1b[31m\u2028four"
	var b strings.Builder
	if err := Zone(&b, &Set{Records: []Record{good}}); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "; one\n; two three [31m four\n_dmarc.example.com. 3600 IN TXT \"v=DMARC1\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
