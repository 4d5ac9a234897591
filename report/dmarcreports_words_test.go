package report

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every word of the message file is said somewhere.
func TestDMARCReportsWords(t *testing.T) {
	var code strings.Builder
	paths, _ := filepath.Glob("dmarcreports*.go")
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(p, "_test.go") {
			code.Write(b)
		}
	}
	yaml, err := os.ReadFile(filepath.Join("..", "internal", "locale", "messages", "dmarcreports.en.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	own, _, _ := strings.Cut(string(yaml), "\ndmarc-reports:")
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+?)(-1|-n)?:`).FindAllStringSubmatch(own, -1) {
		key := m[1]
		for _, built := range []string{"answer-", "would-", "more"} {
			if strings.HasPrefix(key, built) {
				key = built
			}
		}
		if !strings.Contains(code.String(), `"`+key) {
			t.Errorf("dmarcreports.%s has words and is not used", m[1])
		}
	}
}
