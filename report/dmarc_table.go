package report

import (
	"strings"
	"unicode/utf8"
)

// policyTable says what receivers do with mail that fails, by who it claims to
// be from, now and under the older standard.
type policyTable struct {
	Rows []policyRow
	Old  bool // whether the older standard's column is known of
}

type policyRow struct {
	Who, Name  string
	policyCell            // under RFC 9989
	Old        policyCell // under RFC 7489
	Tag        string     // "p=reject"
	Why        string     // where that stands, and what lowers it
}

type policyCell struct{ Tone, Symbol, Policy, Note string }

type walkView struct{ Name, State, Note string }

func (w words) policyTable(r *Report, v *dmarcView) *policyTable {
	if v == nil || v.Effective == nil {
		return nil
	}
	t := &policyTable{Old: v.RFC7489 != nil}
	old, below := legacyPolicy{}, legacyPolicy{}
	if l := v.RFC7489; l != nil {
		old = legacyPolicy{l.Policy, l.Known, l.Pct}
		below = legacyPolicy{l.Subdomain, l.SubdomainKnown, nil}
		if l.PolicyName == l.OrganizationalDomain {
			below.pct = l.Pct
		}
		if l.SubdomainKnown == nil {
			below.known = new(bool) // an earlier version did not say
		}
	}
	add := func(who, name string, p dmarcPolicy, old legacyPolicy) {
		row := policyRow{Who: who, Name: clip(Escape(name), 260), policyCell: w.policyCell(p.Policy, knownOr(p.Known, v.Known))}
		if knownOr(p.Known, v.Known) {
			row.Tag, row.Why = w.policyReason(p, v)
		}
		if t.Old {
			row.Old = w.policyCell(old.policy, knownOr(old.known, v.Known))
			row.Old.Note = w.oldNote(p, old, knownOr(p.Known, v.Known) && knownOr(old.known, v.Known))
		}
		t.Rows = append(t.Rows, row)
	}
	add(w.t("policy.who-domain"), r.Domain, v.Effective.Domain, old)
	add(w.t("policy.who-subdomain"), "mail."+r.Domain, v.Effective.Subdomain, below)
	add(w.t("policy.who-nonexistent"), "no-such-name."+r.Domain, v.Effective.Nonexistent, below)
	return t
}

// legacyPolicy is one answer of the older standard.
type legacyPolicy struct {
	policy string
	known  *bool
	pct    *int
}

// knownOr is a line's own answer; a result of an earlier version has one for all.
func knownOr(own *bool, all bool) bool {
	if own != nil {
		return *own
	}
	return all
}

func (w words) policyCell(policy string, known bool) policyCell {
	st := policyState(policy, known)
	c := policyCell{Tone: st.Code, Symbol: st.Symbol, Policy: clip(Escape(policy), 40)}
	switch {
	case !known:
		c.Policy = w.t("state.unknown")
	case policy == "":
		c.Policy = w.t("policy.not-applied")
	default:
		c.Note = w.or("policy", policy, "")
	}
	return c
}

// policyReason names the tag that decides, where it stands, and what t=y does.
func (w words) policyReason(p dmarcPolicy, v *dmarcView) (tag, why string) {
	var parts []string
	name := ""
	if p.PolicyName != "" && p.PolicyName != v.Domain {
		name = clip("_dmarc."+Escape(p.PolicyName), 260)
	}
	switch {
	case p.Tag != "":
		tag = clip(Escape(p.Tag), 20)
		if p.Published != "" {
			tag += "=" + clip(Escape(p.Published), 40)
		}
		if name != "" {
			parts = append(parts, w.t("dmarc-table.at", "Name", name))
		}
	case p.Policy != "" || p.PolicyName != "":
		parts = append(parts, w.t("dmarc-table.broken", "Name", name))
	}
	if p.Testing {
		parts = append(parts, w.t("dmarc-table.lowered"))
	}
	return tag, strings.Join(parts, "; ")
}

// oldNote says what is different at older receivers.
func (w words) oldNote(p dmarcPolicy, old legacyPolicy, known bool) string {
	var parts []string
	if known && p.Policy != old.policy {
		parts = append(parts, w.t("dmarc-table.differs"))
	}
	if known && old.pct != nil && *old.pct >= 0 && *old.pct < 100 && (old.policy == "quarantine" || old.policy == "reject") {
		parts = append(parts, w.t("dmarc-table.share", "N", *old.pct))
	}
	return strings.Join(parts, "; ")
}

func policyState(policy string, known bool) state {
	switch {
	case !known:
		return stateUnknown
	case policy == "reject" || policy == "quarantine":
		return stateOK
	case policy == "none":
		return stateWarning
	default:
		return stateError
	}
}

// walk is the tree walk in words.
func (w words) walk(v *dmarcView) []walkView {
	var list []walkView
	for _, s := range v.Steps {
		if s == nil || len(list) == 20 {
			continue
		}
		note := s.Note
		switch {
		case s.Code == "several":
			note = w.t("walk.step-several", "N", w.integer(len(s.Records)))
		case s.Code != "":
			note = w.or("walk", "step-"+s.Code, note)
		case note == "" && s.Kept:
			note = w.t("walk.kept")
		}
		list = append(list, walkView{"_dmarc." + clip(Escape(s.Name), 260), w.or("answer", s.Status, Escape(s.Status)), clip(Escape(note), 200)})
	}
	return list
}

// policyTable prints the table where there is room for all that is known.
func (p *textPrinter) policyTable(r *Report) {
	t := p.words.policyTable(r, factsOf[dmarcView](r, "dmarc"))
	if t == nil {
		return
	}
	head := []string{p.t("policy.col-mail"), p.t("policy.col-policy"), p.t("dmarc-table.col-old"), p.t("dmarc-table.col-why")}
	rows := [][]string{head}
	for _, row := range t.Rows {
		old := row.Old.Policy
		if row.Old.Note != "" {
			old += " ≠"
		}
		why := strings.TrimSpace(row.Tag + " " + row.Why)
		if row.Tag != "" && row.Why != "" {
			why = row.Tag + ", " + row.Why
		}
		rows = append(rows, []string{row.Who, row.Policy, old, why})
	}
	var wide [3]int
	for _, row := range rows {
		for i := range wide {
			wide[i] = max(wide[i], utf8.RuneCountInString(row[i]))
		}
	}
	p.line()
	p.line(p.tone("bold", p.t("policy.caption")))
	if wide[0]+wide[1]+wide[2]+8 > p.opts.Width {
		p.policyList(t, head)
		return
	}
	for i, row := range rows {
		lead := "  " + pad(row[0], wide[0]) + "  " + pad(row[1], wide[1]) + "  " + pad(row[2], wide[2]) + "  "
		tone := "muted"
		if i > 0 {
			tone = t.Rows[i-1].Tone
		}
		if n := utf8.RuneCountInString(lead); n+20 <= p.opts.Width {
			p.line(p.tone(tone, lead), p.wrap(strings.Repeat(" ", n), row[3]))
			continue
		}
		p.line(p.tone(tone, lead))
		p.line("      ", p.wrap("      ", row[3]))
	}
}

// policyList is the table where there is no room for its columns beside each
// other.
func (p *textPrinter) policyList(t *policyTable, head []string) {
	for _, row := range t.Rows {
		p.line("  ", p.wrap("    ", head[0]+": "+row.Who))
		for i, cell := range []string{row.Policy, row.Old.Policy, row.Why} {
			switch {
			case i == 1 && row.Old.Note != "":
				cell += " ≠"
			case i == 2 && row.Tag != "":
				cell = strings.TrimSuffix(row.Tag+", "+cell, ", ")
			}
			if cell != "" {
				p.line("    ", p.tone(map[int]string{0: row.Tone, 1: row.Old.Tone}[i], p.wrap("      ", head[i+1]+": "+cell)))
			}
		}
	}
}
