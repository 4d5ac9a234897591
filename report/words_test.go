package report

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/internal/yamlx"
)

// messages are the words of reports in a language, from the files that have some.
func messages(t *testing.T, lang locale.Lang) map[string]string {
	t.Helper()
	flat := map[string]string{}
	for _, area := range []string{"report", "senders", "dmarctable", "bimi", "reportformats", "reportpage", "reportmore", "reportflow", "dnssecdeep", "dnssecmore"} {
		data, err := os.ReadFile(filepath.Join("..", "internal", "locale", "messages", area+"."+string(lang)+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var tree map[string]any
		if err := yamlx.Unmarshal(data, &tree); err != nil {
			t.Fatal(err)
		}
		flatten(flat, tree["report"])
	}
	return flat
}

func flatten(flat map[string]string, tree any) {
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		if m, ok := v.(map[string]any); ok {
			for k, v := range m {
				walk(strings.TrimPrefix(prefix+"."+k, "."), v)
			}
			return
		}
		flat[prefix] = v.(string)
	}
	walk("", tree)
}

var parameter = regexp.MustCompile(`{{\.[A-Za-z0-9]+}}`)

// TestWordsInBothLanguages: the same ids with the same parameters.
func TestWordsInBothLanguages(t *testing.T) {
	en, pt := messages(t, locale.English), messages(t, locale.Portuguese)
	for id, text := range en {
		other, ok := pt[id]
		if !ok {
			t.Errorf("%s is not in Portuguese", id)
			continue
		}
		a, b := parameter.FindAllString(text, -1), parameter.FindAllString(other, -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(slices.Compact(a), slices.Compact(b)) {
			t.Errorf("%s: parameters %v and %v", id, a, b)
		}
	}
	for id := range pt {
		if _, ok := en[id]; !ok {
			t.Errorf("%s is not in English", id)
		}
	}
}

// TestWordsAreUsedAndThere reads the ids out of the templates and the code.
func TestWordsAreUsedAndThere(t *testing.T) {
	have := messages(t, locale.English)
	used, prefixes := map[string]bool{}, []string{"tag.", "tag-value.", "severity.", "state.", "cell.starttls.", "count."}
	word := regexp.MustCompile(`(?:\.t\(|\bt )"([a-z0-9.-]+)"`)
	count := regexp.MustCompile(`(?:\.count\(|\bcount )"([a-z0-9.-]+)"`)
	or := regexp.MustCompile(`\.or\("([a-z0-9.-]+)"`)
	paths, _ := filepath.Glob("*.go")
	more, _ := filepath.Glob("templates/*.html")
	for _, path := range append(paths, more...) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range word.FindAllStringSubmatch(string(data), -1) {
			if !strings.HasSuffix(m[1], ".") {
				used[m[1]] = true
			}
		}
		for _, m := range count.FindAllStringSubmatch(string(data), -1) {
			if !strings.HasSuffix(m[1], ".") {
				used[m[1]+"-1"], used[m[1]+"-n"] = true, true
			}
		}
		for _, m := range or.FindAllStringSubmatch(string(data), -1) {
			prefixes = append(prefixes, m[1]+".")
		}
	}
	// Chosen by a variable in the code.
	used["tree.summary"], used["tree.summary-open"] = true, true
	for id := range used {
		if _, ok := have[id]; !ok {
			t.Errorf("report.%s is used and has no words", id)
		}
	}
	for id := range have {
		if !used[id] && !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(id, p) }) {
			t.Errorf("report.%s has words and is not used", id)
		}
	}
}

// TestNoMissingWordOnPages: a missing message shows as its id in brackets.
func TestNoMissingWordOnPages(t *testing.T) {
	missing := regexp.MustCompile(`\[(report|score)\.[a-z0-9.-]+\]`)
	for _, lang := range []string{"en", "pt-BR"} {
		for _, name := range fixtureNames {
			d := fixture(t, name, lang)
			for _, out := range []string{htmlOf(t, d, HTMLOptions{}), text(t, d, TextOptions{Verbose: true})} {
				if m := missing.FindString(out); m != "" {
					t.Errorf("%s %s: %s", name, lang, m)
				}
			}
		}
	}
}

func TestNumbersAndDates(t *testing.T) {
	en, pt := words{locale.Must(locale.English)}, words{locale.Must(locale.Portuguese)}
	when := time.Date(2026, 11, 23, 13, 5, 0, 0, time.UTC)
	for _, tt := range []struct{ got, want string }{
		{en.decimal(1234.5), "1,234.5"}, {pt.decimal(1234.5), "1.234,5"}, {en.decimal(14), "14"}, {pt.decimal(-0.25), "−0,2"},
		{en.integer(4294967296), "4,294,967,296"}, {pt.integer(-1000), "−1.000"}, {en.integer(7), "7"},
		{en.moment(when), "2026-11-23 13:05 UTC"}, {pt.moment(when), "23/11/2026 13:05 UTC"}, {pt.date(when), "23/11/2026"}, {pt.duration(1240), "1,2 s"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
