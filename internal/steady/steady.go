// Package steady makes property tests draw the same cases in every run, so that
// a change which was not looked at cannot fail by chance. The flag -rapid.seed
// of a test run draws others, to look for more.
package steady

import (
	"flag"
	"strconv"
	"testing"
)

// Seed fixes what rapid draws until the test ends, unless the run was given a
// seed of its own. Tests that run beside each other must not use it.
func Seed(t *testing.T, n int) {
	t.Helper()
	f := flag.Lookup("rapid.seed")
	if f == nil {
		t.Fatal("rapid has no flag rapid.seed any more")
	}
	before := f.Value.String()
	if before != "0" {
		return
	}
	if err := f.Value.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Value.Set(before); err != nil {
			t.Error(err)
		}
	})
}
