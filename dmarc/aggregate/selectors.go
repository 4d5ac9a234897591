package aggregate

import (
	"cmp"
	"regexp"
	"slices"
	"time"

	"github.com/postseal/postseal/dns"
)

// Selector is a DKIM selector that receivers saw pass.
type Selector struct {
	Name     string    `json:"selector"`
	Messages int64     `json:"messages"` // whose signature passed
	Reports  int       `json:"reports"`
	Last     time.Time `json:"last"` // middle of the last period in which it did
}

// selectorsKept bounds a harvest: no domain has as many, a forged report may.
const selectorsKept = 1000

// A Harvest collects the selectors of one domain from reports: the signatures
// with d= exactly that domain that passed, and so have a published key. One that
// failed may be a stranger's invention.
type Harvest struct {
	Domain dns.Name
	found  map[string]*Selector
}

// selectorName is what can stand in a DNS name (RFC 6376 §3.1).
var selectorName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

// Add takes what a report holds; it is made to be called by Walk.
func (h *Harvest) Add(r *Report) error {
	counted := map[string]bool{}
	return r.each(func(row *Row) error {
		h.row(r, row, counted)
		return nil
	})
}

func (h *Harvest) row(r *Report, row *Row, counted map[string]bool) {
	if h.found == nil {
		h.found = map[string]*Selector{}
	}
	for i, sig := range row.Signatures {
		if sig.Result != "pass" || sig.Domain != h.Domain || len(sig.Selector) > 200 || slices.Contains(row.Signatures[:i], sig) {
			continue
		}
		s := h.found[sig.Selector]
		if s == nil {
			if len(h.found) >= selectorsKept || !selectorName.MatchString(sig.Selector) {
				continue
			}
			s = &Selector{Name: sig.Selector}
			h.found[sig.Selector] = s
		}
		s.Messages = sum(s.Messages, row.Count)
		if !counted[sig.Selector] {
			counted[sig.Selector] = true
			s.Reports++
		}
		if m := r.mid(); m.After(s.Last) {
			s.Last = m
		}
	}
}

// Selectors gives what was found, the most used first. It is empty, not nil,
// when there is none.
func (h *Harvest) Selectors() []Selector {
	list := make([]Selector, 0, len(h.found))
	for _, s := range h.found {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Selector) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// sum adds counts; forged ones do not make it wrap.
func sum(a, b int64) int64 {
	if a > 1<<62-b {
		return 1 << 62
	}
	return a + b
}
