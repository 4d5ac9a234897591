package message

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// FuzzMessage reads any octets as a message, offline. Fields lie in the message
// in order and make it up, findings point into their records, and what is
// printed holds nothing that a terminal would obey.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		goodTrace + goodMail, crlf(goodTrace + goodMail), "From a@b Mon\n" + goodMail, "\xef\xbb\xbf" + goodMail,
		"From: a:b:c:d;;<<@>>(((\n\n", "A:\r\n b\r\n\tc\nD:e\rf\x00\n", "Authentication-Results: x; a=b (c; d.e=\"f\"\n\n",
		"Received: from [1.2.3.4] (helo=x) by y with esmtps; never\nReturn-Path: <>\n\nx", "From: =?utf-8?q?=00?= <a@=?x?b??=>\n",
		"List-Unsubscribe: <<https://a>,<mailto:b\nList-Unsubscribe-Post:\nDKIM-Signature: v=1;;b=;bh=\nARC-Seal: i=1\n\n\n", ":\n", "a", "\n\n",
	} {
		f.Add([]byte(seed))
	}
	l := locale.Must(locale.English)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if err != nil {
			return
		}
		end := 0
		for _, fd := range m.Fields {
			if fd.Offset != end || string(m.Raw[fd.Offset:fd.Offset+len(fd.Raw)]) != string(fd.Raw) {
				t.Fatalf("field %q at %d does not follow on %d", fd.Name, fd.Offset, end)
			}
			end = fd.Offset + len(fd.Raw)
		}
		if len(m.Body) > len(m.Raw)-end {
			t.Fatalf("the body of %d octets does not fit behind %d of %d", len(m.Body), end, len(m.Raw))
		}
		facts, err := Gather(t.Context(), dns.Overlay(nil, nil), m, Options{})
		if err != nil {
			t.Fatal(err)
		}
		results := Evaluate(facts)
		for _, r := range results {
			for _, fd := range r.Findings {
				if s := fd.Span; s != nil && (s.Start < 0 || s.End < s.Start || s.End > len(fd.Record)) {
					t.Errorf("%s: span %v lies outside its record of %d octets", r.Rule.ID, *s, len(fd.Record))
				}
			}
		}
		built, err := Build(facts, results, "m.eml", l)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(built.AuthRes, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("the field for Authentication-Results is not one plain line: %q", built.AuthRes)
		}
		if a := parseAuthRes(built.AuthRes); a.Problem != nil {
			t.Errorf("our own field does not parse (%+v): %q", *a.Problem, built.AuthRes)
		}
		doc := &report.MessageDocument{Message: built}
		for name, write := range map[string]func(*strings.Builder) error{
			"text": func(b *strings.Builder) error {
				return report.WriteMessageText(b, doc, l, report.TextOptions{Verbose: true})
			},
			"json": func(b *strings.Builder) error { return report.WriteMessageJSON(b, doc) },
		} {
			var b strings.Builder
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			out := b.String()
			if !utf8.ValidString(out) || strings.ContainsFunc(out, func(c rune) bool { return c < ' ' && c != '\n' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == 0x202e }) {
				t.Errorf("%s holds what a terminal would obey: %q", name, out)
			}
			if name == "json" && !json.Valid([]byte(out)) {
				t.Errorf("not JSON: %s", out)
			}
		}
	})
}
