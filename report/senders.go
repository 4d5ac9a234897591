package report

import (
	"slices"
	"strings"
	"time"

	"github.com/postseal/postseal/internal/locale"
)

// SenderProvider is what one large mailbox provider requires of senders, and
// what DNS shows of it. A domain that sends no mail has none.
type SenderProvider struct {
	ID           string              `json:"id"` // "google", "yahoo", "microsoft"
	Name         string              `json:"name"`
	Source       SenderSource        `json:"source"`
	Scope        string              `json:"scope"`       // who counts as a bulk sender, translated
	Enforcement  string              `json:"enforcement"` // what happens to mail that falls short, translated
	Requirements []SenderRequirement `json:"requirements"`
}

// SenderSource is the provider's own page.
type SenderSource struct {
	Title string `json:"title"`
	URL   string `json:"url"`
	Read  string `json:"read"` // the day as of which it is told
}

// SenderRequirement is one requirement.
type SenderRequirement struct {
	ID     string `json:"id"`
	Scope  string `json:"scope"` // "all" or "bulk"
	Since  string `json:"since"` // year, month and, where the provider names one, day
	Title  string `json:"title"` // translated
	Status string `json:"status"`
	Detail string `json:"detail"` // why it fails or is unknown, or where it can be seen, translated; "" for a pass
	Rule   string `json:"rule"`   // whose finding explains a failure, "" otherwise
}

// sendersView is the section of the page: a table of requirements by provider,
// and what it cannot hold.
type sendersView struct {
	Providers []senderView
	Groups    []senderGroup
	Reasons   []senderNote // what is missing or not known, and why
	Elsewhere []senderNote // what DNS cannot show, and what does
}

type senderView struct{ Name, Title, URL, Scope, Enforcement, Read string }

type senderGroup struct {
	Title string
	Rows  []senderRow
}

type senderRow struct {
	Title string
	Cells []cell
}

type senderNote struct{ Title, Detail, Rule, Link string }

func (w words) senders(r *Report, links map[string]string) *sendersView {
	if len(r.SenderRequirements) == 0 {
		return nil
	}
	v := &sendersView{}
	for _, p := range r.SenderRequirements {
		v.Providers = append(v.Providers, senderView{
			Escape(p.Name), Escape(p.Source.Title), safeLink(p.Source.URL), sentence(Escape(p.Scope)), Escape(p.Enforcement),
			w.t("senders.read", "Date", w.since(p.Source.Read)),
		})
	}
	for _, scope := range []string{"all", "bulk"} {
		g := senderGroup{Title: w.t("senders." + scope)}
		for _, id := range requirementsOf(r, scope) {
			g.Rows = append(g.Rows, w.senderRow(r, scope, id))
		}
		if len(g.Rows) > 0 {
			v.Groups = append(v.Groups, g)
		}
	}
	seen := map[string]bool{}
	for _, p := range r.SenderRequirements {
		for _, q := range p.Requirements {
			n := senderNote{sentence(Escape(q.Title)), Escape(q.Detail), Escape(q.Rule), links[q.Rule]}
			if seen[q.ID] || n.Detail == "" {
				continue
			}
			seen[q.ID] = true
			switch q.Status {
			case "fail", "unknown":
				v.Reasons = append(v.Reasons, n)
			case "not-visible":
				v.Elsewhere = append(v.Elsewhere, n)
			}
		}
	}
	return v
}

// requirementsOf are the requirements of a scope, each once, in the order in
// which the providers name them.
func requirementsOf(r *Report, scope string) []string {
	var ids []string
	for _, p := range r.SenderRequirements {
		for _, q := range p.Requirements {
			if q.Scope == scope && !slices.Contains(ids, q.ID) {
				ids = append(ids, q.ID)
			}
		}
	}
	return ids
}

func (w words) senderRow(r *Report, scope, id string) senderRow {
	row := senderRow{}
	for _, p := range r.SenderRequirements {
		c := w.blank()
		c.Word = w.t("senders.not-asked")
		for _, q := range p.Requirements {
			if q.Scope == scope && q.ID == id {
				row.Title = sentence(Escape(q.Title))
				c = toned(senderState(q.Status), w.or("senders", q.Status, Escape(q.Status)), w.t("senders.since", "Date", w.since(q.Since)))
			}
		}
		row.Cells = append(row.Cells, c)
	}
	return row
}

func senderState(status string) state {
	switch status {
	case "pass":
		return stateOK
	case "fail":
		return stateError
	case "unknown":
		return stateUnknown
	}
	return stateNone
}

// since prints a day, or a month where no day is known.
func (w words) since(date string) string {
	if t, err := time.Parse(time.DateOnly, date); err == nil {
		return w.date(t)
	}
	if t, err := time.Parse("2006-01", date); err == nil {
		if w.Lang == locale.Portuguese {
			return t.Format("01/2006")
		}
		return date
	}
	return clip(Escape(date), 20)
}

// senders prints a line for a bulk sender, and in full a line a provider; what
// DNS cannot show is left to the page.
func (p *textPrinter) senders(r *Report) {
	if len(r.SenderRequirements) == 0 || !r.Profile.Bulk && !p.opts.Verbose {
		return
	}
	p.line()
	if !p.opts.Verbose {
		line := p.tone("bold", p.t("senders.title"))
		for _, s := range r.SenderRequirements {
			st, _ := p.senderLine(&s)
			line += "  " + p.tone(st.Code, st.Symbol+" "+clip(Escape(s.Name), 30))
		}
		p.line(line)
		return
	}
	p.line(p.tone("bold", p.t("senders.title")))
	for _, s := range r.SenderRequirements {
		st, line := p.senderLine(&s)
		p.line(p.tone(st.Code, "  "+st.Symbol+" "), p.wrap("    ", line))
	}
}

// senderLine says how it stands with what a provider requires.
func (w words) senderLine(s *SenderProvider) (state, string) {
	var lacks, open []string
	met, seen := 0, 0
	for _, q := range s.Requirements {
		switch q.Status {
		case "pass":
			met++
		case "fail":
			lacks = append(lacks, Escape(q.Title))
		case "unknown":
			open = append(open, Escape(q.Title))
		default:
			continue
		}
		seen++
	}
	key, st, what := "senders.line", stateOK, open
	switch {
	case len(lacks) > 0:
		key, st, what = "senders.line-fails", stateError, lacks
	case len(open) > 0:
		key, st = "senders.line-unknown", stateUnknown
	case seen == 0:
		st = stateNone
	}
	return st, w.t(key, "Name", Escape(s.Name), "Met", w.integer(met), "Seen", w.integer(seen), "What", strings.Join(what, "; "))
}
