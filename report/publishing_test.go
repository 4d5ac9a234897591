package report

import (
	"errors"
	"strings"
	"testing"

	"github.com/postseal/postseal/check"
)

func TestTXTText(t *testing.T) {
	for rdata, want := range map[string]string{
		`"v=spf1 -all"`: "v=spf1 -all", `"a" "b"`: "ab", `"a\"b\\c"`: `a"b\c`, `"\195\167"`: "ç", `""`: "",
		`bare`: "!", `"open`: "!", `"\999"`: "!", ``: "!",
	} {
		got, ok := txtText(rdata)
		if !ok {
			got = "!"
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", rdata, got, want)
		}
	}
}

// TestFormats: tools are told of TXT records in the domain's own zone, with what
// stands there now; a format that fails is left out, and nothing it writes is
// taken for markup.
func TestFormats(t *testing.T) {
	r := &Report{Domain: "example.com", Queries: []Query{
		{Name: "example.com", Type: "TXT", State: "found", Answer: []string{`"v=spf1 +all"`, `"site" "=1"`}},
		{Name: "_dmarc.example.com", Type: "TXT", State: "nxdomain"},
		{Name: "_mta-sts.example.com", Type: "TXT", State: "unknown"},
	}, NextSteps: []NextStep{{Title: "do", Records: []check.RecordChange{
		{Name: "example.com.", Type: "TXT", New: []string{"v=spf1 -all"}},
		{Name: "_dmarc.example.com.", Type: "TXT", New: []string{"v=DMARC1"}},
		{Name: "_mta-sts.example.com.", Type: "TXT", New: []string{"v=STSv1"}},
		{Name: "example.com.", Type: "MX", New: []string{"0 ."}},
		{Name: "x.example.net.", Type: "TXT", New: []string{"elsewhere"}},
	}}}}
	var told []string
	write := func(domain string, changes []check.RecordChange, there func(string) ([]string, bool)) (string, error) {
		for _, c := range changes {
			texts, ok := there(c.Name)
			told = append(told, c.Type+" "+c.Name+" "+strings.Join(texts, "|")+map[bool]string{true: " known", false: " unknown"}[ok])
		}
		return "a\t</pre><script>\x1b", nil
	}
	fails := func(string, []check.RecordChange, func(string) ([]string, bool)) (string, error) {
		return "half", errors.New("no")
	}
	page := htmlOf(t, &Document{Lang: "en", Reports: []*Report{r}}, HTMLOptions{Formats: []RecordFormat{
		{Name: "zone", Title: "Zone", Write: fails}, {Name: "tool", Title: "The tool", Write: write}, {Name: "broken", Title: "Broken", Write: fails},
	}})
	want := "TXT example.com. v=spf1 +all|site=1 known\nTXT _dmarc.example.com.  known\nTXT _mta-sts.example.com.  unknown"
	if got := strings.Join(told, "\n"); got != want {
		t.Errorf("the tool was told\n%s\nwant\n%s", got, want)
	}
	for _, w := range []string{"The tool", "a\t&lt;/pre&gt;&lt;script&gt;\\x1b", "other types than TXT", "another zone has to publish", "example.com. MX 0 ."} {
		if !strings.Contains(page, w) {
			t.Errorf("the page lacks %q", w)
		}
	}
	for _, w := range []string{"Broken", "half"} {
		if strings.Contains(page, w) {
			t.Errorf("the page has %q", w)
		}
	}
}
