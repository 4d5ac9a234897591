package zonetext

import "testing"

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		``:                 `""`,
		`a"b\c;d`:          `"a\"b\\c;d"`,
		"\x1b[31m\x00\xff": `"\027[31m\000\255"`,
	} {
		if got := Quote(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
