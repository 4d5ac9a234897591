package audit

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// combine adds a change to a list that is to be carried out as a whole. Two
// findings in one record each propose that record with their own fault mended;
// only a record with both mended may be published. Where the two edits touch
// the same text nothing can be said: the list is then nil.
func combine(list []check.RecordChange, c check.RecordChange) []check.RecordChange {
	for i := range list {
		have := &list[i]
		if !strings.EqualFold(have.Name, c.Name) || have.Type != c.Type || !slices.Equal(have.Old, c.Old) {
			continue
		}
		if slices.Equal(have.New, c.New) {
			return list
		}
		if len(c.Old) != 1 || len(c.New) != 1 || len(have.New) != 1 {
			if len(c.Old) == 0 { // additions side by side
				have.New = append(slices.Clone(have.New), c.New...)
				return list
			}
			return nil
		}
		text, ok := both(c.Old[0], have.New[0], c.New[0])
		if !ok {
			return nil
		}
		have.New = []string{text}
		return list
	}
	return append(list, c)
}

// both carries two edits of one text out on it; not ok when they overlap.
func both(old, a, b string) (string, bool) {
	as, ae, atext := edit(old, a)
	bs, be, btext := edit(old, b)
	if bs < as {
		as, ae, atext, bs, be, btext = bs, be, btext, as, ae, atext
	}
	if ae > bs || as == bs {
		return "", false
	}
	return old[:as] + atext + old[ae:bs] + btext + old[be:], true
}

// edit is the one place where two texts differ: old[start:end] became text.
func edit(old, changed string) (start, end int, text string) {
	for start < len(old) && start < len(changed) && old[start] == changed[start] {
		start++
	}
	tail := 0
	for tail < len(old)-start && tail < len(changed)-start && old[len(old)-1-tail] == changed[len(changed)-1-tail] {
		tail++
	}
	return start, len(old) - tail, changed[start : len(changed)-tail]
}
