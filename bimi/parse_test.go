package bimi

import (
	"slices"
	"strings"
	"testing"
)

func TestGenerate(t *testing.T) {
	for _, tt := range []struct {
		o        Options
		want     string
		problems string
		fails    bool
	}{
		{Options{Logo: "https://e.example/l.svg", Evidence: "https://e.example/v.pem"}, "v=BIMI1; l=https://e.example/l.svg; a=https://e.example/v.pem;", "", false},
		{Options{Logo: "https://e.example/l.svg"}, "v=BIMI1; l=https://e.example/l.svg; a=;", "bimi-a-missing", false},
		{Options{Decline: true}, "v=BIMI1; l=; a=;", "", false},
		{Options{Logo: "https://e.example/a;b,c.svg", Evidence: "https://e.example/v.pem", AVP: "personal"}, "v=BIMI1; l=https://e.example/a%3Bb%2Cc.svg; a=https://e.example/v.pem; avp=personal;", "", false},
		{Options{Logo: "http://e.example/l.svg", Evidence: "https://e.example/v.pem"}, "v=BIMI1; l=http://e.example/l.svg; a=https://e.example/v.pem;", "bimi-l-scheme", false},
		{Options{Logo: "https://e.example/l.svg", Decline: true}, "", "", true},
		{Options{}, "", "", true},
	} {
		text, problems, err := Generate(tt.o)
		var ids []string
		for _, p := range problems {
			ids = append(ids, p.ID)
		}
		if text != tt.want || strings.Join(ids, " ") != tt.problems || (err != nil) != tt.fails {
			t.Errorf("%+v: got %q %v %v", tt.o, text, ids, err)
		}
	}
}

func TestSelector(t *testing.T) {
	for s, want := range map[string]bool{"default": true, "a.b-c": true, "": false, "a_b": false, "-a": false, "a..b": false, strings.Repeat("a", 64): false} {
		if ValidSelector(s) != want {
			t.Errorf("%q: got %v", s, !want)
		}
	}
}

// FuzzParse: spans lie inside the text, and what is printed of a sound record
// parses to the same record.
func FuzzParse(f *testing.F) {
	f.Add("v=BIMI1; l=https://e.example.com/l.svg; a=https://e.example.com/v.pem; avp=brand; lps=a,b-")
	f.Add("v=BIMI1;;l")
	f.Add("v = BIMI1 ; l = ; a =")
	f.Fuzz(func(t *testing.T, text string) {
		rec, problems := Parse(text)
		for _, p := range problems {
			if p.Span == nil || p.Span.Start < 0 || p.Span.End > len(text) || p.Span.Start > p.Span.End {
				t.Errorf("%s: span %v outside of %q", p.Rule, p.Span, text)
			}
		}
		if len(problems) > 0 || len(rec.Tags) == 0 || rec.Tags[0].Value != "BIMI1" {
			return
		}
		again, _ := Parse(rec.String())
		if again.Logo != rec.Logo || again.Evidence.Text != rec.Evidence.Text || again.AVP != rec.AVP || !slices.Equal(again.Prefixes, rec.Prefixes) {
			t.Errorf("%q is printed as %q", text, rec.String())
		}
	})
}
