package publish

import (
	"errors"
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
		parts := Split(text)
		for _, p := range parts {
			got = append(got, len(p))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || strings.Join(parts, "") != text {
			t.Errorf("%d octets (-want +got):\n%s", tt.octets, diff)
		}
	}
}

func TestQuote(t *testing.T) {
	if got, want := Quote(`a"b\c;d`), `"a\"b\\c;d"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
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
	if strings.Contains(b.String(), "null") {
		t.Errorf("lists must be empty, not null:\n%s", b.String())
	}
}
