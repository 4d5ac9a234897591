package message

import "testing"

// The example of RFC 6376 §3.4.5.
func TestCanonicalExample(t *testing.T) {
	fields := []string{"A: X\r\n", "B : Y\t\r\n\tZ  \r\n"}
	body := " C \r\nD \t E\r\n\r\n\r\n"
	for _, tt := range []struct{ mode, a, b, body string }{
		{relaxed, "a:X\r\n", "b:Y Z\r\n", " C\r\nD E\r\n"},
		{simple, "A: X\r\n", "B : Y\t\r\n\tZ  \r\n", " C \r\nD \t E\r\n"},
	} {
		if got := string(canonicalField([]byte(fields[0]), tt.mode)); got != tt.a {
			t.Errorf("%s: got %q, want %q", tt.mode, got, tt.a)
		}
		if got := string(canonicalField([]byte(fields[1]), tt.mode)); got != tt.b {
			t.Errorf("%s: got %q, want %q", tt.mode, got, tt.b)
		}
		if got := string(canonicalBody([]byte(body), tt.mode)); got != tt.body {
			t.Errorf("%s: got %q, want %q", tt.mode, got, tt.body)
		}
	}
}

func TestCanonicalBody(t *testing.T) {
	for _, tt := range []struct{ body, simple, relaxed string }{
		{"", "\r\n", ""},              // §3.4.3 and §3.4.4: an empty body is CRLF, and nothing
		{"\r\n\r\n", "\r\n", ""},      //
		{"x", "x\r\n", "x\r\n"},       // a missing line end is added
		{"x\r\n", "x\r\n", "x\r\n"},   //
		{"x \t", "x \t\r\n", "x\r\n"}, //
		{"\r\nx\r\n\r\n", "\r\nx\r\n", "\r\nx\r\n"},
		{" \r\n", " \r\n", ""},
		{"a\nb\r\n", "a\nb\r\n", "a\nb\r\n"}, // an LF alone ends no line
		{"a \rb\r\n", "a \rb\r\n", "a \rb\r\n"},
	} {
		if got := string(canonicalBody([]byte(tt.body), simple)); got != tt.simple {
			t.Errorf("simple of %q: got %q, want %q", tt.body, got, tt.simple)
		}
		if got := string(canonicalBody([]byte(tt.body), relaxed)); got != tt.relaxed {
			t.Errorf("relaxed of %q: got %q, want %q", tt.body, got, tt.relaxed)
		}
	}
}

// What is given is a view of a message and must not be written to.
func TestCanonicalBodyKeepsInput(t *testing.T) {
	whole := []byte("x\r\n\r\ny")
	canonicalBody(whole[:1], simple)
	if string(whole) != "x\r\n\r\ny" {
		t.Errorf("the body became %q", whole)
	}
}

func TestWithoutB(t *testing.T) {
	for _, tt := range [][2]string{
		{"S: v=1; b=abc\r\n def; bh=xyz=\r\n", "S: v=1; b=; bh=xyz=\r\n"},
		{"S: bh=b=; b =\r\n x ;z=b=q", "S: bh=b=; b =;z=b=q"},
		{"S: v=1; b=abc\r\n", "S: v=1; b="},
		{"S: v=1", "S: v=1"},
	} {
		if got := string(withoutB([]byte(tt[0]))); got != tt[1] {
			t.Errorf("%q: got %q, want %q", tt[0], got, tt[1])
		}
	}
}
