package audit

import (
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/score"
)

func (s *stepper) spf() {
	f := s.f.SPF
	switch {
	case s.lacks("spf-record"):
		s.spfRecord()
	case s.capped("spf-broken") != "" || s.lacks("spf-limits"):
		rule := s.failing("spf-lookup-limit", limitRules...)
		s.add("spf-limits", rule, score.Hours, sets(score.Full, "spf-limits"), s.mendedSPF(), []score.CapID{"spf-broken"})
	}
	if rule := s.capped("spf-pass-all"); rule != "" {
		s.add("spf-pass", rule, score.Minutes, sets(score.Full, "spf-all", "spf-scope"), s.fixes(rule), []score.CapID{"spf-pass-all"})
	} else if f.InForce() != nil {
		if s.lacks("spf-all") {
			rule := s.failing("spf-all-missing", "spf-all-neutral", "spf-all-missing", "spf-no-mechanism")
			s.add("spf-all", rule, score.Minutes, sets(score.Full, "spf-all"), s.fixes(rule), nil)
		}
		if s.lacks("spf-scope") && s.capped("takeover") == "" {
			rule := s.failing("spf-ip-range-wide", scopeRules...)
			s.add("spf-scope", rule, score.Hours, sets(score.Full, "spf-scope"), s.fixes(rule), nil)
		}
	}
	if rule := s.capped("takeover"); rule != "" {
		earns := map[score.CheckID]score.Part{}
		if rule == "spf-dangling-registrable" {
			earns = sets(score.Full, "spf-scope", "spf-limits")
		}
		s.add("takeover", rule, score.Minutes, earns, s.fixes(rule), []score.CapID{"takeover"})
	}
}

// spfRecord leads to one valid record. All that one text can repair is
// repaired at once: a record with one fault fewer is as broken as before.
func (s *stepper) spfRecord() {
	f := s.f.SPF
	rule := s.failing("spf-missing", "spf-missing", "spf-multiple-records", "spf-near-miss", f.PermErrorRule())
	closes := []score.CapID{"spf-broken", "no-spf-no-dmarc"}
	m := f.Mended()
	if m == nil {
		s.add("spf-record", rule, score.Minutes, sets(score.Full, "spf-record", "spf-limits", "spf-all", "spf-scope"), s.fixes(rule), closes)
		return
	}
	earned := sets(score.Full, "spf-record")
	if f.InForce() == nil { // of several, none counted for anything
		earned = sets(score.Full, "spf-record", "spf-limits", "spf-all", "spf-scope")
	}
	records := s.mendedSPF()
	if records == nil {
		s.add("spf-record", rule, score.Hours, earned, nil, closes)
		return
	}
	if m.Limits && s.lacks("spf-limits") {
		earned["spf-limits"] = score.Full
	}
	s.add("spf-record", rule, score.Minutes, earned, records, closes)
	if !m.Limits {
		delete(earned, "spf-limits")
		last := &s.list[len(s.list)-1]
		last.Closes = []score.CapID{"no-spf-no-dmarc"}
		s.add("spf-limits", rule, score.Hours, sets(score.Full, "spf-limits"), nil, []score.CapID{"spf-broken"}, "spf-record")
	}
}

// mendedSPF is the repaired record, nil where repairs alone do not make it valid
// or do not bring it within its limits: then somebody has to decide.
func (s *stepper) mendedSPF() []check.RecordChange {
	m := s.f.SPF.Mended()
	if m == nil || !m.Valid || s.f.SPF.Valid() && !m.Limits {
		return nil
	}
	if c := m.Change(s.f.SPF); c != nil {
		return []check.RecordChange{*c}
	}
	return nil
}
