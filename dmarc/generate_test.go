package dmarc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/locale"
)

func ExampleGenerate() {
	text, _, consent, _ := Generate("example.com", Options{Policy: "quarantine", NP: "reject", RUA: []string{"dmarc@example.com", "in@vendor.example"}})
	fmt.Println(text)
	fmt.Println(consent[0].Name, consent[0].New[0])
	// Output:
	// v=DMARC1; p=quarantine; np=reject; rua=mailto:dmarc@example.com,mailto:in@vendor.example
	// example.com._report._dmarc.vendor.example. v=DMARC1
}

func TestGenerate(t *testing.T) {
	mail := []string{"d@example.com"}
	tests := []struct {
		o        Options
		want     string
		problems string
		err      string
	}{
		{o: Options{RUA: mail}, want: "v=DMARC1; p=none; rua=mailto:d@example.com"},
		{o: Options{Policy: "Reject", SP: "reject", NP: "reject", ADKIM: "s", ASPF: "r", RUA: mail}, want: "v=DMARC1; p=reject; adkim=s; rua=mailto:d@example.com"},
		{o: Options{Policy: "reject", SP: "none", NP: "reject", Testing: true, PSD: "n", ADKIM: "s", ASPF: "s", RUA: mail, RUF: mail, FO: "1:d:s"},
			want:     "v=DMARC1; p=reject; sp=none; np=reject; t=y; psd=n; adkim=s; aspf=s; rua=mailto:d@example.com; ruf=mailto:d@example.com; fo=1:d:s",
			problems: "info gen-dmarc-t-legacy"},
		{o: Options{Policy: "reject"}, want: "v=DMARC1; p=reject", problems: "warning gen-dmarc-no-rua"},
		{o: Options{Policy: "reject", NoReports: true}, want: "v=DMARC1; p=reject"},
		{o: Options{NoReports: true}, want: "v=DMARC1; p=none", problems: "error gen-dmarc-no-rua"},
		{o: Options{RUA: []string{"a!b,c@example.com"}}, want: "v=DMARC1; p=none; rua=mailto:a%21b%2Cc@example.com"},
		{o: Options{RUA: []string{"mailto:x@vendor.example", "x@vendor.example"}}, want: "v=DMARC1; p=none; rua=mailto:x@vendor.example", problems: "notice gen-dmarc-rua-external"},
		{o: Options{RUA: []string{"x@reports.example.com"}}, want: "v=DMARC1; p=none; rua=mailto:x@reports.example.com"},
		{o: Options{Policy: "monitor", RUA: mail}, err: `p="monitor"`},
		{o: Options{SP: "x", RUA: mail}, err: `sp="x"`},
		{o: Options{ADKIM: "strict", RUA: mail}, err: `adkim="strict"`},
		{o: Options{PSD: "maybe", RUA: mail}, err: `psd="maybe"`},
		{o: Options{RUA: []string{"example.com"}}, err: "no address"},
		{o: Options{RUA: []string{"mailto:d@example.com!10m"}}, err: "no address"},
		{o: Options{RUA: []string{"d@exämple.com"}}, err: "no address"},
		{o: Options{RUA: []string{"d@example.com; p=none"}}, err: "no address"},
		{o: Options{RUA: mail, FO: "1"}, err: "no effect"},
		{o: Options{RUA: mail, RUF: mail, FO: "0:1"}, err: "fo="},
		{o: Options{RUA: mail, NoReports: true}, err: "exclude"},
	}
	for _, tt := range tests {
		text, problems, _, err := Generate("example.com", tt.o)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%+v: got error %v, want one with %q", tt.o, err, tt.err)
			}
			continue
		}
		var got []string
		for _, p := range problems {
			got = append(got, p.Severity.String()+" "+p.ID)
			for _, lang := range locale.Langs {
				if s := locale.Must(lang).Text(p.ID+".message", p.Params); strings.HasPrefix(s, "[") || strings.Contains(s, "<no value>") {
					t.Errorf("%s in %s: %s", p.ID, lang, s)
				}
			}
		}
		if err != nil || text != tt.want {
			t.Errorf("%+v: got %q, %v, want %q", tt.o, text, err, tt.want)
		}
		if s := strings.Join(got, " "); !strings.HasSuffix(s, tt.problems) || tt.problems == "" && s != "" {
			t.Errorf("%+v: problems: got %q, want %q", tt.o, s, tt.problems)
		}
	}
}

// What is generated passes our own audit, apart from what was asked for.
func TestGeneratedIsClean(t *testing.T) {
	asked := map[string]bool{
		"dmarc-policy-none": true, "dmarc-np-advice": true, "dmarc-sp-weaker": true, "dmarc-np-weaker": true, "dmarc-np-inherits-weak": true,
		"dmarc-test-mode": true, "dmarc-test-mode-moot": true, "dmarc-psd-y-ordinary": true, "dmarc-psd-y-rua": true, "dmarc-psd-y-ruf": true,
		"dmarc-ruf-present": true, "dmarc-7489-divergence": true,
	}
	level := rapid.SampledFrom([]string{"", "none", "quarantine", "reject"})
	mode := rapid.SampledFrom([]string{"", "r", "s"})
	rapid.Check(t, func(rt *rapid.T) {
		o := Options{
			Policy: level.Draw(rt, "p"), SP: level.Draw(rt, "sp"), NP: level.Draw(rt, "np"), ADKIM: mode.Draw(rt, "adkim"), ASPF: mode.Draw(rt, "aspf"),
			Testing: rapid.Bool().Draw(rt, "t"), PSD: rapid.SampledFrom([]string{"", "u", "n", "y"}).Draw(rt, "psd"),
			RUA: []string{"d@example.com", "x@vendor.example"}[:rapid.IntRange(1, 2).Draw(rt, "rua")],
		}
		if rapid.Bool().Draw(rt, "ruf") {
			o.RUF, o.FO = []string{"d@example.com"}, rapid.SampledFrom([]string{"", "0", "1", "d:s", "1:d:s"}).Draw(rt, "fo")
		}
		text, _, consent, err := Generate("example.com", o)
		if err != nil {
			rt.Fatal(err)
		}
		zone := fmt.Sprintf("_dmarc.example.com. TXT \"%s\"\nexample.com. MX 10 mx.example.com.\nvendor.example. MX 10 mx.example.com.\n", text)
		for _, c := range consent {
			zone += fmt.Sprintf("%s TXT \"%s\"\n", c.Name, c.New[0])
		}
		world, err := dnstest.Parse(zone)
		if err != nil {
			rt.Fatal(err)
		}
		f, err := Gather(t.Context(), world, dns.Name("example.com"))
		if err != nil {
			rt.Fatal(err)
		}
		f.Profile = check.ProfileMail
		for _, r := range check.Evaluate(Rules, f) {
			if r.Status == check.Fail && r.Severity > check.Info && !asked[r.Rule.ID] || r.Status == check.Unknown {
				rt.Errorf("%s: %s %s", text, r.Status, r.Rule.ID)
			}
		}
		if diff := cmp.Diff(text, f.Record().String()); diff != "" {
			rt.Errorf("read back (-generated +read):\n%s", diff)
		}
	})
}
