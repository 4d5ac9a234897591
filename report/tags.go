package report

import (
	"strings"

	"github.com/postseal/postseal/check"
)

// maxTags bounds what is explained of the records of one card.
const maxTags = 24

// tags explains the records of a card, each kind of tag or term once, in the
// order in which they stand. It explains what is written, not what is in force:
// that is said by the findings and by the table of each standard.
func (w words) tags(std check.Standard, published []publishedText) []factView {
	split := pairs
	if std == check.SPF {
		split = terms
	}
	var list []factView
	at := map[string]int{}
	for _, p := range published {
		for _, t := range split(clip(p.text, maxShown)) {
			if i, ok := at[t.key]; ok {
				if shown := list[i].Label + " " + clip(Escape(t.shown), 60); std == check.SPF && len(shown) <= 120 {
					list[i].Label = shown
				}
				continue
			}
			word := t.key
			if word == "id" { // a word that message files keep for themselves
				word = "ident"
			}
			says := w.or("tag."+string(std), word, "")
			if value := w.or("tag-value."+string(std), t.key+"-"+strings.ToLower(t.value), ""); value != "" {
				says = value
			}
			if says == "" {
				says = w.t("tags.unknown")
			}
			if len(list) == maxTags {
				return list
			}
			at[t.key] = len(list)
			list = append(list, factView{clip(Escape(t.shown), 60), says})
		}
	}
	return list
}

// tagText is a tag or term: what it is known by, its value, and how it is written.
type tagText struct{ key, value, shown string }

// pairs cuts a list of tag=value at its semicolons.
func pairs(text string) []tagText {
	var list []tagText
	for part := range strings.SplitSeq(text, ";") {
		part = strings.TrimSpace(part)
		tag, value, ok := strings.Cut(part, "=")
		tag, value = strings.TrimSpace(tag), strings.TrimSpace(value)
		if !ok || tag == "" {
			continue
		}
		list = append(list, tagText{strings.ToLower(tag), value, tag + "=" + value})
	}
	return list
}

// terms cuts an SPF record at its spaces. "all" differs by its qualifier; other
// mechanisms are known by their name.
func terms(text string) []tagText {
	var list []tagText
	for _, term := range strings.Fields(text) {
		lower := strings.ToLower(term)
		key := strings.TrimLeft(lower, "+-~?")
		if i := strings.IndexAny(key, ":=/"); i >= 0 {
			key = key[:i]
		}
		if key == "all" {
			key = map[byte]string{'-': "fail-all", '~': "softfail-all", '?': "neutral-all"}[lower[0]]
			if key == "" {
				key = "pass-all"
			}
		}
		list = append(list, tagText{key, "", term})
	}
	return list
}
