package locale

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/internal/yamlx"
)

// An action may read several parameters: {{call .A .B}}.
var (
	action = regexp.MustCompile(`\{\{[^}]*\}\}`)
	param  = regexp.MustCompile(`\.([A-Za-z][A-Za-z0-9]*)`)
)

// load gives every message of a language by its ID.
func load(t *testing.T, lang Lang) map[string]string {
	t.Helper()
	entries, err := files.ReadDir("messages")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "."+string(lang)+".yaml") {
			continue
		}
		data, err := files.ReadFile("messages/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		var tree map[string]any
		if err := yamlx.Unmarshal(data, &tree); err != nil {
			t.Fatalf("%s: %v", e.Name(), err)
		}
		flatten(t, e.Name(), "", tree, all)
	}
	return all
}

func flatten(t *testing.T, file, prefix string, tree map[string]any, into map[string]string) {
	for k, v := range tree {
		switch v := v.(type) {
		case map[string]any:
			flatten(t, file, prefix+k+".", v, into)
		case string:
			if _, have := into[prefix+k]; have {
				t.Errorf("%s: %s%s stands in another file, too", file, prefix, k)
			}
			into[prefix+k] = v
		default:
			t.Errorf("%s: %s%s is no text: %v", file, prefix, k, v)
		}
	}
}

// TestLanguages holds the languages to the same messages with the same
// parameters. Rule titles and docs stand in the rules themselves in English.
func TestLanguages(t *testing.T) {
	en, pt := load(t, English), load(t, Portuguese)
	for id, text := range en {
		other, ok := pt[id]
		if !ok {
			t.Errorf("%s has no Portuguese", id)
			continue
		}
		if a, b := params(text), params(other); !slices.Equal(a, b) {
			t.Errorf("%s: parameters differ: %v in English, %v in Portuguese", id, a, b)
		}
	}
	for _, all := range []map[string]string{en, pt} {
		for id, text := range all {
			// A message is a clause: reports join it to other words.
			if strings.Contains(id, ".message") && strings.HasSuffix(strings.TrimSpace(text), ".") {
				t.Errorf("%s ends in a full stop: %s", id, text)
			}
		}
	}
	for id := range pt {
		if _, ok := en[id]; !ok && !strings.HasSuffix(id, ".title") && !strings.HasSuffix(id, ".doc") {
			t.Errorf("%s has no English", id)
		}
	}
}

func params(text string) []string {
	var names []string
	for _, a := range action.FindAllString(text, -1) {
		for _, m := range param.FindAllStringSubmatch(a, -1) {
			if !slices.Contains(names, m[1]) {
				names = append(names, m[1])
			}
		}
	}
	slices.Sort(names)
	return names
}

func TestLookup(t *testing.T) {
	pt := Must(Portuguese)
	if got, want := pt.Text("cause.dns-loop", map[string]any{"Name": "a.example"}), "os apelidos de a.example nunca terminam"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := pt.Text("no.such.message", nil); got != "[no.such.message]" {
		t.Errorf("a missing message shows as %q", got)
	}
	if _, err := New("fr"); err == nil {
		t.Error("a language that is not spoken gave no error")
	}
}
