package yamlx

import (
	"strings"
	"testing"
)

func TestParsePlaces(t *testing.T) {
	n, err := Parse([]byte("---\na: &x\n  - one\n  - >\n    two\n    lines\nb: *x\n? ''\n: !include f\n"))
	if err != nil {
		t.Fatal(err)
	}
	a, b := n.Get("a"), n.Get("b")
	if a.Kind != List || a.Items[1].Value != "two lines\n" || a.Items[1].Line != 4 || a.Items[1].Column != 5 {
		t.Errorf("a: %+v, %+v", a, a.Items[1])
	}
	if len(b.Items) != 2 || b.Items[0].Value != "one" {
		t.Errorf("b: %+v", b)
	}
	if inc := n.Get(""); inc.Tag != "!include" || inc.Value != "f" {
		t.Errorf("include: %+v", inc)
	}
	if n.Get("c") != nil || a.Get("x") != nil {
		t.Error("keys that are not there have values")
	}
}

func TestParseRefuses(t *testing.T) {
	if _, err := Parse([]byte("a: 1\nb: [\n")); err == nil || !strings.HasPrefix(err.Error(), "line ") {
		t.Errorf("got %v", err)
	}
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := '1'; i <= '9'; i++ {
		bomb += "a" + string(i) + ": &a" + string(i) + " [" + strings.Repeat("*a"+string(i-1)+", ", 9) + "x]\n"
	}
	if _, err := Parse([]byte(bomb)); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %v", err)
	}
	if n, err := Parse(nil); n != nil || err != nil {
		t.Errorf("nothing is %v, %v", n, err)
	}
}
