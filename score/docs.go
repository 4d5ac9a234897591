package score

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
)

// WriteTable writes the whole table as a page of English markdown.
func WriteTable(w io.Writer) error { return WriteTableIn(w, locale.Must(locale.English)) }

// WriteTableIn writes the table in a language; `postseal explain score` prints it.
func WriteTableIn(w io.Writer, l *locale.Localizer) error {
	var b bytes.Buffer
	word := func(id string) string { return l.Text("score.table."+id, nil) }
	fmt.Fprintf(&b, "# %s\n\n%s\n", word("title"),
		l.Text("score.table.intro", check.Params{"Least": leastMeasured, "Version": Version}))

	fmt.Fprintf(&b, "\n## %s\n\n", word("grades"))
	row(&b, word("grade"), word("least"))
	row(&b, "---", "---:")
	for _, g := range gradeTable {
		row(&b, g.Grade, fmt.Sprint(g.Least))
	}
	for _, p := range check.Profiles {
		writeProfile(&b, l, p)
	}

	fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", word("caps"), word("caps-intro"))
	row(&b, word("cap"), word("max"), word("profiles"))
	row(&b, "---", "---:", "---")
	for _, c := range capTable {
		row(&b, capName(l, c.ID), fmt.Sprint(c.Max), profileNames(l, c.Profiles))
	}
	_, err := w.Write(b.Bytes())
	return err
}

func writeProfile(b *bytes.Buffer, l *locale.Localizer, p check.Profile) {
	fmt.Fprintf(b, "\n## %s\n\n", l.Text("score.profile."+string(p), nil))
	word := func(id string) string { return l.Text("score.table."+id, nil) }
	row(b, word("category"), word("check"), word("weight"), word("part"))
	row(b, "---", "---", "---:", "---")
	total := 0
	for _, g := range Groups(p) {
		name := fmt.Sprintf("**%s** %d", categoryName(l, g.Name), g.weight())
		for _, c := range g.Checks {
			row(b, name, checkName(l, c.ID), fmt.Sprint(c.Weight), l.Text("score.part."+string(c.ID), nil))
			name = ""
		}
		total += g.weight()
	}
	row(b, "**"+word("total")+"**", "", fmt.Sprint(total), "")
}

func profileNames(l *locale.Localizer, profiles []check.Profile) string {
	if len(profiles) == 0 {
		return l.Text("score.table.all-profiles", nil)
	}
	var names []string
	for _, p := range profiles {
		names = append(names, "`"+string(p)+"`")
	}
	return strings.Join(names, ", ")
}

func row(b *bytes.Buffer, cells ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// checkName is what reports call a check.
func checkName(l *locale.Localizer, id CheckID) string { return l.Text("score.check."+string(id), nil) }

// categoryName is what reports call a category.
func categoryName(l *locale.Localizer, name string) string {
	return l.Text("score.category."+name, nil)
}

// capName is what reports call the finding behind a cap.
func capName(l *locale.Localizer, id CapID) string { return l.Text("score.cap."+string(id), nil) }
