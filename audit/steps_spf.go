package audit

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/score"
	"github.com/postseal/postseal/spf"
)

// spf leads to one valid record that says who may send and nothing more.
func (s *stepper) spf() {
	f := s.f.SPF
	m := f.Mended()
	whole := m != nil && m.Valid && m.Limits // repairs alone make the record good
	takeover := s.capped("takeover")
	own := takeover == "spf-dangling-registrable"
	switch {
	case own && whole && m.Change(f) != nil:
		s.add("takeover", takeover, score.Minutes, s.mendedEarns(m), s.change(m), []score.CapID{"takeover", "spf-broken"})
	case s.lacks("spf-record"):
		s.spfRecord(m)
	case s.capped("spf-broken") != "" || s.lacks("spf-limits"):
		rule := s.failing("spf-lookup-limit", limitRules...)
		records := []check.RecordChange(nil)
		if whole {
			records = s.change(m)
		}
		s.add("spf-limits", rule, score.Hours, sets(score.Full, "spf-limits"), records, []score.CapID{"spf-broken"})
	}
	if takeover != "" && !s.offered("takeover") {
		s.add("takeover", takeover, score.Minutes, nil, s.fixes(takeover), []score.CapID{"takeover"})
	}
	if rule := s.capped("spf-pass-all"); rule != "" {
		earned := sets(score.Full, "spf-all", "spf-scope")
		other := s.scopeFault(append(slices.Clone(passAllRules), takeover)...)
		if other != "" {
			delete(earned, "spf-scope")
		}
		s.add("spf-pass", rule, score.Minutes, earned, s.fixes(rule), []score.CapID{"spf-pass-all"})
		if other != "" {
			s.add("spf-scope", other, score.Hours, sets(score.Full, "spf-scope"), nil, nil, "spf-pass")
		}
		return
	}
	if f.InForce() == nil {
		return
	}
	if s.lacks("spf-all") {
		rule := s.failing("spf-all-missing", "spf-all-neutral", "spf-all-missing", "spf-no-mechanism", "spf-glued-all-swallowed")
		records, after := s.fixes(rule), []string{}
		if last := s.lastSPF(); last != nil { // the record is another one by then
			after = append(after, last.Name)
			records = nil
			if text := m.Ending('~'); len(last.Records) == 1 && text != "" {
				records = s.txt(s.f.Domain.FQDN(), m.Text, text)
			}
		}
		s.add("spf-all", rule, score.Minutes, sets(score.Full, "spf-all"), records, nil, after...)
	}
	if rule := s.scopeFault(takeover); s.lacks("spf-scope") && rule != "" {
		var records []check.RecordChange
		if s.lastSPF() == nil {
			records = s.fixes(rule)
		}
		s.add("spf-scope", rule, score.Hours, sets(score.Full, "spf-scope"), records, nil)
	}
}

// lastSPF is the step so far that publishes another SPF record, nil without one.
func (s *stepper) lastSPF() *step {
	for i := range s.list {
		if slices.Contains([]string{"takeover", "spf-record", "spf-limits"}, s.list[i].Name) {
			return &s.list[i]
		}
	}
	return nil
}

// spfRecord leads to one valid record. All that one text can repair is
// repaired at once: a record with one fault fewer is as broken as before.
func (s *stepper) spfRecord(m *spf.Mended) {
	f := s.f.SPF
	rule := s.failing("spf-missing", "spf-missing", "spf-multiple-records", "spf-near-miss", f.PermErrorRule())
	closes := []score.CapID{"spf-broken", "no-spf-no-dmarc"}
	if m == nil || !m.Valid {
		earned := sets(score.Full, "spf-record")
		if f.InForce() == nil { // whoever publishes a record ends it as it should
			earned = sets(score.Full, "spf-record", "spf-limits", "spf-all", "spf-scope")
		}
		var records []check.RecordChange
		if m == nil {
			records = s.fixes(rule)
		}
		for _, c := range records {
			if rec, _ := spf.Parse(c.New[0]); len(c.New) == 1 && rec.First(spf.All) < 0 {
				delete(earned, "spf-all")
			}
		}
		s.add("spf-record", rule, score.Minutes, earned, records, closes)
		return
	}
	if !m.Limits { // valid, and receivers still give up on it: two steps
		s.add("spf-record", rule, score.Minutes, s.mendedEarns(m), s.change(m), closes[1:])
		s.add("spf-limits", rule, score.Hours, sets(score.Full, "spf-limits"), nil, closes[:1], "spf-record")
		return
	}
	s.add("spf-record", rule, score.Minutes, s.mendedEarns(m), s.change(m), closes)
}

// mendedEarns is what the repaired record is worth.
func (s *stepper) mendedEarns(m *spf.Mended) map[score.CheckID]score.Part {
	earned := sets(score.Full, "spf-record")
	if m.Limits {
		earned["spf-limits"] = score.Full
	}
	if m.All == '-' || m.All == '~' {
		earned["spf-all"] = score.Full
	}
	if s.scopeFault("spf-dangling-registrable") == "" {
		earned["spf-scope"] = score.Full
	}
	return earned
}

// scopeFault is the first rule but those that finds SPF to let in too many, ""
// when none does.
func (s *stepper) scopeFault(but ...string) string {
	rule, _ := s.m.worst(check.Warning, slices.DeleteFunc(slices.Clone(scopeRules), func(id string) bool { return slices.Contains(but, id) })...)
	return rule
}

func (s *stepper) change(m *spf.Mended) []check.RecordChange {
	if c := m.Change(s.f.SPF); c != nil {
		return []check.RecordChange{*c}
	}
	return nil
}
