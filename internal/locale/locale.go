// Package locale turns findings, causes and the words of reports into English
// or Brazilian Portuguese. It is the edge where translation happens: JSON keys,
// flags, rule IDs and record text are never translated.
//
// A message is found by its ID in messages/<area>.<language>.yaml:
//
//	spf-missing:
//	  message: "{{.Domain}} has no SPF record"     # of a finding without variant
//	  message-idle: "…"                            # of the variant "idle"
//	  fix: "publish an SPF record"                 # the verb phrase; fix-<verb> where a rule has several
//	  title: "…"                                   # Portuguese only: English is in the rule's literal
//	  doc: "…"                                     # Portuguese only, markdown
//	cause:
//	  dns-timeout: "{{.Server}} did not answer in time"
//
// What comes out is plain text in which parameters stand as they came: text
// that a stranger wrote is escaped by whoever prints it.
package locale

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/yamlx"
)

// Lang is a language that reports speak.
type Lang string

// The languages, as --lang and the html lang attribute spell them.
const (
	English    Lang = "en"
	Portuguese Lang = "pt-BR"
)

// Langs lists the languages.
var Langs = []Lang{English, Portuguese}

//go:embed messages/*.yaml
var files embed.FS

// Localizer speaks one language. It is safe for concurrent use.
type Localizer struct {
	Lang Lang
	l    *i18n.Localizer
}

// New gives the localizer of a language, or says that it is not spoken.
func New(lang Lang) (*Localizer, error) {
	bundle := bundles[lang]
	if bundle == nil {
		return nil, fmt.Errorf("locale: no language %q (one of %v)", lang, Langs)
	}
	b, err := bundle()
	if err != nil {
		return nil, err
	}
	return &Localizer{Lang: lang, l: i18n.NewLocalizer(b, string(lang))}, nil
}

// Must is New for a language that is known to be spoken.
func Must(lang Lang) *Localizer {
	l, err := New(lang)
	if err != nil {
		panic(err)
	}
	return l
}

// FromEnv picks the language of the environment (LC_ALL, LC_MESSAGES, LANG).
func FromEnv() Lang {
	for _, k := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(k); v != "" {
			if strings.HasPrefix(strings.ToLower(v), "pt") {
				return Portuguese
			}
			return English
		}
	}
	return English
}

// bundles read the embedded files of one language, once a process and only if
// it is spoken: reading them is most of what a short command does.
var bundles = map[Lang]func() (*i18n.Bundle, error){
	English:    sync.OnceValues(func() (*i18n.Bundle, error) { return bundleOf(English) }),
	Portuguese: sync.OnceValues(func() (*i18n.Bundle, error) { return bundleOf(Portuguese) }),
}

func bundleOf(lang Lang) (*i18n.Bundle, error) {
	b := i18n.NewBundle(language.MustParse(string(lang)))
	b.RegisterUnmarshalFunc("yaml", yamlx.Unmarshal)
	paths, err := fs.Glob(files, "messages/*."+string(lang)+".yaml")
	if err != nil {
		return nil, fmt.Errorf("locale: %w", err)
	}
	for _, path := range paths {
		if _, err := b.LoadMessageFileFS(files, path); err != nil {
			return nil, fmt.Errorf("locale: %s: %w", path, err)
		}
	}
	return b, nil
}

// Lookup gives the message of that ID, or false when the language has none:
// another language's text is not a substitute.
func (l *Localizer) Lookup(id string, params check.Params) (string, bool) {
	s, tag, err := l.l.LocalizeWithTag(&i18n.LocalizeConfig{MessageID: id, TemplateData: params})
	if err != nil || tag.String() != string(l.Lang) {
		return "", false
	}
	return s, true
}

// Text gives the message of that ID. A missing one shows as its ID in
// brackets; the tests over the whole set keep that from happening.
func (l *Localizer) Text(id string, params check.Params) string {
	if s, ok := l.Lookup(id, params); ok {
		return s
	}
	return "[" + id + "]"
}

// Title is a rule's title.
func (l *Localizer) Title(m *check.Meta) string {
	if l.Lang == English {
		return m.Title
	}
	return l.Text(m.ID+".title", nil)
}

// Doc is a rule's explanation, markdown.
func (l *Localizer) Doc(m *check.Meta) string {
	if l.Lang == English {
		return m.Doc
	}
	return l.Text(m.ID+".doc", nil)
}

// Message is what a finding of the rule says.
func (l *Localizer) Message(m *check.Meta, f *check.Finding) string {
	id := m.ID + ".message"
	if f.Variant != "" {
		id += "-" + f.Variant
	}
	return l.Text(id, f.Params)
}

// Fix is the verb phrase of a finding's fix, "" when there is no phrase for it.
func (l *Localizer) Fix(m *check.Meta, f *check.Finding) string {
	id := m.ID + ".fix"
	if f.Fix != nil && f.Fix.Verb != "" {
		id += "-" + f.Fix.Verb
	}
	s, _ := l.Lookup(id, f.Params)
	return s
}

// Cause is why something could not be told.
func (l *Localizer) Cause(c check.Cause) string {
	return l.Text("cause."+c.Code, c.Params)
}
