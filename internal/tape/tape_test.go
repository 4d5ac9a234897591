package tape

import (
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	rec := Recorder()
	if err := rec.Put("dns", "example.com MX", []int{1, 2}); err != nil {
		t.Fatal(err)
	}
	if err := rec.Put("dns", "example.com MX", []int{3}); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	n, err := rec.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d of %d: %v", n, b.Len(), err)
	}
	play, err := Player(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	if ok, err := play.Get("dns", "example.com MX", &got); !ok || err != nil || len(got) != 2 {
		t.Errorf("got %v, %v, %v; the first answer of a key stays", got, ok, err)
	}
	if ok, err := play.Get("https", "example.com MX", &got); ok || err != nil {
		t.Errorf("another kind answered: %v, %v", ok, err)
	}
	if !play.Playing() || play.Recording() || !rec.Recording() {
		t.Error("a tape does not know which way it runs")
	}
	var none *Tape
	if none.Playing() || none.Recording() || none.Put("a", "b", 1) != nil {
		t.Error("no tape does something")
	}
}

func TestPlayerRefuses(t *testing.T) {
	for _, text := range []string{"", "{}", "garbage", `{"kind":"postseal-tape","key":"1","value":{}}`, `{"kind":"postseal-tape","key":"2","value":{}}` + "\n{}",
		`{"kind":"postseal-tape","key":"1","value":{}}` + "\n" + `{"kind":"dns","key":"a","va`} {
		if _, err := Player(strings.NewReader(text)); err == nil {
			t.Errorf("%q was taken as a recording", text)
		}
	}
}

func TestGetBadValue(t *testing.T) {
	play, err := Player(strings.NewReader(`{"kind":"postseal-tape","key":"1","value":{}}` + "\n" + `{"kind":"dns","key":"a","value":"text"}`))
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if _, err := play.Get("dns", "a", &n); err == nil {
		t.Error("a value of another form gave no error")
	}
}
