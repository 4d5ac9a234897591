package message

import (
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/authres"
	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, raw string
		fields    []string // name=value@line
		body      string
		lf, mbox  bool
		broken    int
	}{
		{"CRLF", "A: 1\r\nB: 2\r\n\r\nbody\r\n", []string{"A=1@1", "B=2@2"}, "body\r\n", false, false, 0},
		{"LF is converted", "A: 1\nB: 2\n\nbody\n", []string{"A=1@1", "B=2@2"}, "body\r\n", true, false, 0},
		{"mixed line ends are kept", "A: 1\r\nB: 2\n\nbody\r\n", []string{"A=1@1", "B=2@2"}, "body\r\n", false, false, 0},
		{"folds", "A: 1\r\n 2\r\n\t3\r\nB:\r\n\r\n", []string{"A=1 2\t3@1", "B=@4"}, "", false, false, 0},
		{"white space before the colon", "A \t: 1\r\n\r\n", []string{"A=1@1"}, "", false, false, 0},
		{"no body", "A: 1\r\n", []string{"A=1@1"}, "", false, false, 0},
		{"no line end", "A: 1", []string{"A=1@1"}, "", false, false, 0},
		{"mbox", "From a@b Mon Nov  3\nA: 1\n\nx\n", []string{"A=1@2"}, "x\r\n", true, true, 0},
		{"a line that is no field ends the header", "A: 1\r\nHello you\r\nB: 2\r\n", []string{"A=1@1"}, "Hello you\r\nB: 2\r\n", false, false, 2},
		{"a blank after the colon only", "A: \r\n \r\n\r\nx", []string{"A=@1"}, "x", false, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Parse([]byte(tt.raw))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range m.Fields {
				got = append(got, f.Name+"="+f.Value+"@"+string(rune('0'+f.Line)))
			}
			if diff := cmp.Diff(tt.fields, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			if string(m.Body) != tt.body || m.LF != tt.lf || m.Mbox != tt.mbox || m.Broken != tt.broken {
				t.Errorf("got body %q, LF %v, mbox %v, broken at %d", m.Body, m.LF, m.Mbox, m.Broken)
			}
		})
	}
	for _, none := range []string{"", "\n\nA: 1\n", " A: 1\n", "hello\n", "From x\n", ": 1\n"} {
		if _, err := Parse([]byte(none)); !errors.Is(err, ErrNoHeader) {
			t.Errorf("Parse(%q): got %v, want ErrNoHeader", none, err)
		}
	}
	if _, err := Parse([]byte(strings.Repeat("A: 1\n", MaxFields+1))); err == nil {
		t.Error("a header without end is taken")
	}
	if _, err := Parse(make([]byte, MaxOctets+1)); err == nil {
		t.Error("a message without end is taken")
	}
}

func TestParseAddresses(t *testing.T) {
	for _, tt := range []struct {
		value     string
		addresses string // joined by spaces
		displays  string // joined by |
		problem   string
	}{
		{"a@example.com", "a@example.com", "", ""},
		{"Ann <a@example.com>", "a@example.com", "Ann", ""},
		{`"Miller, Ann" <a@example.com> (work), b@example.com`, "a@example.com b@example.com", "Miller, Ann|", ""},
		{"John Q. Public <j@example.com>", "j@example.com", "John Q. Public", ""},
		{"=?utf-8?q?Jos=C3=A9?= <jose@example.com>", "jose@example.com", "José", ""},
		{"(a (nested) comment) a@(here)example.com", "a@example.com", "", ""},
		{`"a b"@example.com`, `"a b"@example.com`, "", ""},
		{"a@[192.0.2.1]", "a@[192.0.2.1]", "", ""},
		{"Team: a@example.com, B <b@example.com>;", "a@example.com b@example.com", "|B", ""},
		{"Nobody:;", "", "", ""},
		{"root", "root", "", ""},
		{"", "", "", "empty"},
		{"<>", "", "", "empty-address"},
		{"Miller, Ann <a@example.com>", "Miller a@example.com", "|Ann", "no-address"},
		{"Ann Miller", "", "", "no-address"},
		{"<a@b@example.com>", "", "", "two-at"},
		{"a@b@example.com", "", "", "two-at"},
		{"<a@example.com", "", "", "unclosed"},
		{`"Ann <a@example.com>`, "", "", "unclosed"},
		{"(Ann <a@example.com>", "", "", "unclosed"},
		{"<@relay.example:a@example.com>", "", "", "route"},
		{"Team: a@example.com", "a@example.com", "", "group-open"},
		{"a..b@example.com", "", "", "dots"},
		{"a@example.com.", "", "", "dots"},
		{"a@", "", "", "no-domain"},
		{"a@example.com b@example.com", "a@example.com", "", "unexpected"},
		{"A: B: c@example.com;;", "B", "", "unexpected"},
		{"a\x00@example.com", "", "", "nul"},
	} {
		list := parseAddresses(tt.value)
		var addrs, displays []string
		for _, m := range list.mailboxes {
			addrs, displays = append(addrs, m.Address), append(displays, m.Display)
		}
		if got := strings.Join(addrs, " "); got != tt.addresses || strings.Join(displays, "|") != tt.displays || list.problem != tt.problem {
			t.Errorf("%q: got %q, names %q, problem %q; want %q, %q, %q", tt.value, got, displays, list.problem, tt.addresses, tt.displays, tt.problem)
		}
	}
	// Deep or long input costs no more than its length.
	for _, long := range []string{strings.Repeat("a:", 1<<20), strings.Repeat("(", 1<<20), strings.Repeat("a,", 1<<20), strings.Repeat("<", 1<<20)} {
		if parseAddresses(long).problem == "" {
			t.Errorf("%.10q… is taken for well formed", long)
		}
	}
}

// TestParseAuthRes reads fields in the forms of RFC 8601 appendix B and others.
func TestParseAuthRes(t *testing.T) {
	for _, tt := range []struct{ value, id, results, problem string }{
		{"example.org 1; none", "example.org", "", ""},
		{"example.com; spf=pass smtp.mailfrom=example.net", "example.com", "spf=pass smtp.mailfrom=example.net", ""},
		{"example.com; auth=pass (cram-md5) smtp.auth=sender@example.net; spf=pass smtp.mailfrom=example.net", "example.com", "auth=pass smtp.auth=sender@example.net|spf=pass smtp.mailfrom=example.net", ""},
		{"foo.example.net (foobar) 1 (baz); dkim (Because I like it) / 1 (One yay) = (wait for it) fail policy (A dot can go here) . (like that) expired (this surprised me) = (as I wasn't expecting it) 1362471462", "foo.example.net", "dkim=fail policy.expired=1362471462", ""},
		{`mx.example; dkim=fail reason="bad; (body)" header.d=example.com header.b="ab+/cd=="`, "mx.example", "dkim=fail header.d=example.com header.b=ab+/cd==", ""},
		{"mx.example; dkim=pass header.b=ab+/cd==;", "mx.example", "dkim=pass header.b=ab+/cd==", ""},
		{"", "", "", "no-id"},
		{"dkim=pass header.d=example.com", "", "dkim=pass header.d=example.com", "no-id"},
		{"mx.example", "mx.example", "", "no-results"},
		{"mx.example;", "mx.example", "", "no-results"},
		{"mx.example; dkim pass", "mx.example", "", "no-equals"},
		{"mx.example; spf=pass; dkim=", "mx.example", "spf=pass", "no-value"},
		{"mx.example; spf=pass smtp.mailfrom=; dkim=pass", "mx.example", "spf=pass", "no-value"},
		{"mx.example; spf=pass (no end", "mx.example", "spf=pass", "comment"},
	} {
		a := parseAuthRes(tt.value)
		var list []string
		for _, r := range a.Results {
			s := r.Method + "=" + r.Result
			for _, p := range r.Props {
				s += " " + p.Name + "=" + p.Value
			}
			list = append(list, s)
		}
		problem := ""
		if a.Problem != nil {
			problem = a.Problem.Code
		}
		if got := strings.Join(list, "|"); a.ID != tt.id || got != tt.results || problem != tt.problem {
			t.Errorf("%q: got id %q, %q, problem %q; want %q, %q, %q", tt.value, a.ID, got, problem, tt.id, tt.results, tt.problem)
		}
	}
}

// TestAuthenticationResults has another reader read what we write.
func TestAuthenticationResults(t *testing.T) {
	tm := testMessage{mail: goodMail, sign: []string{"default"}, trace: goodTrace}
	f := tm.gather(t, testWorld(), Options{Receiver: "mx.rcpt.example"})
	id, results, err := authres.Parse(f.authenticationResults())
	if err != nil || id != "mx.rcpt.example" || len(results) != 4 {
		t.Fatalf("go-msgauth reads %q, %d results (%v) in %q", id, len(results), err, f.authenticationResults())
	}
	if d, ok := results[2].(*authres.DKIMResult); !ok || d.Value != authres.ResultPass || d.Domain != "example.com" {
		t.Errorf("DKIM is read as %+v", results[2])
	}
	if d, ok := results[3].(*authres.DMARCResult); !ok || d.Value != authres.ResultPass || d.From != "example.com" {
		t.Errorf("DMARC is read as %+v", results[3])
	}
}
