package main

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
)

// A book is the rules' pages in one language, with an index.
type book struct {
	lang          locale.Lang
	folder        string // inside docs/rules, as report.RulePage has it
	other         string // from a page of this book to the folder of the other
	title, notice string
	table         string // the head of the index's tables
	otherName     string // the other language, in its own words
	consequence   string
}

var books = []book{
	{
		lang: locale.English, folder: "", other: "pt-BR",
		title:       "Rules",
		notice:      "Made from the rules themselves by `make generate`; do not edit.",
		table:       "| rule | severity | what is wrong |",
		otherName:   "Português",
		consequence: "Shown as a consequence, not as a finding of its own, where one of these explains it: ",
	},
	{
		lang: locale.Portuguese, folder: "pt-BR", other: "..",
		title:       "Regras",
		notice:      "Gerado a partir das próprias regras por `make generate`; não edite.",
		table:       "| regra | gravidade | o que está errado |",
		otherName:   "English",
		consequence: "Aparece como consequência, e não como achado próprio, quando uma destas regras a explica: ",
	},
}

func (b book) write(rules string, metas []*check.Meta) error {
	dir := filepath.Join(rules, b.folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	l, err := locale.New(b.lang)
	if err != nil {
		return err
	}
	var index bytes.Buffer
	fmt.Fprintf(&index, "# %s\n\n%s [%s](%s)\n", b.title, b.notice, b.otherName, path.Join(b.other, "README.md"))
	var last check.Standard
	for _, m := range metas {
		if m.Standard != last {
			fmt.Fprintf(&index, "\n## %s\n\n%s\n|---|---|---|\n", m.Standard, b.table)
			last = m.Standard
		}
		fmt.Fprintf(&index, "| [%s](%s.md) | %s | %s |\n", m.ID, m.ID, severities(l, m), l.Title(m))
		if err := os.WriteFile(filepath.Join(dir, m.ID+".md"), b.page(l, m), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), index.Bytes(), 0o644)
}

func (b book) page(l *locale.Localizer, m *check.Meta) []byte {
	var w bytes.Buffer
	fmt.Fprintf(&w, "# %s\n\n**%s** · %s · %s", m.ID, l.Title(m), m.Standard, severities(l, m))
	for i, r := range m.Refs {
		if i == 0 {
			w.WriteString(" · ")
		} else {
			w.WriteString(", ")
		}
		text := r.Doc
		if r.Section != "" {
			text += " §" + r.Section
		}
		if r.URL != "" {
			text = "[" + text + "](" + r.URL + ")"
		}
		w.WriteString(text)
	}
	fmt.Fprintf(&w, " · [%s](%s)", b.otherName, path.Join(b.other, m.ID+".md"))
	fmt.Fprintf(&w, "\n\n%s\n", strings.TrimSpace(l.Doc(m)))
	if len(m.CoveredBy) > 0 {
		w.WriteString("\n" + b.consequence)
		for i, id := range m.CoveredBy {
			if i > 0 {
				w.WriteString(", ")
			}
			fmt.Fprintf(&w, "`%s`", id)
		}
		w.WriteString(".\n")
	}
	return w.Bytes()
}

func severities(l *locale.Localizer, m *check.Meta) string {
	word := func(s check.Severity) string { return l.Text("report.severity."+s.String(), nil) }
	words := []string{word(m.Severity)}
	for _, v := range m.Variants {
		words = append(words, fmt.Sprintf("%s (%s)", word(v.Severity), v.Name))
	}
	return strings.Join(words, ", ")
}
