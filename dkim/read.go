package dkim

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/dns"
)

// keep turns answers into facts: what was found, and what only a wildcard said.
func (f *Facts) keep(asked []*Selector, apex *dns.Lookup) {
	f.Node = f.node(asked)
	f.all = asked
	wild := f.wildcard()
	for _, s := range asked {
		f.Tried = append(f.Tried, s.Name)
		f.count(s.FoundBy)
		s.read()
		guessed := !s.wanted()
		switch {
		case guessed && s.Status == StatusUnknown && s.CNAME == "":
			f.Failed = append(f.Failed, s.Name)
			if f.FailedWith == nil {
				f.FailedWith = s.Lookup.Error
			}
		case guessed && s.Status == StatusMissing && s.CNAME == "" && !s.loops():
		case guessed && (sameAnswer(wild, &s.Lookup) || s.loops() && loops(&f.Random)):
		default:
			f.Selectors = append(f.Selectors, s)
		}
	}
	if wild != nil && wild.Found() {
		s := &Selector{Name: "*", FoundBy: ByWildcard, Lookup: *wild}
		if a := wild.Answer; len(a.Chain) > 0 {
			s.aliased(a.Chain)
		}
		f.wild = s
		if s.read(); s.key != nil && s.Status != StatusRevoked {
			f.Selectors = append(f.Selectors, s)
		}
	}
	f.strays(apex, wild)
}

// strays keeps key records at the domain itself and at _domainkey.
func (f *Facts) strays(apex, wild *dns.Lookup) {
	for _, l := range []*dns.Lookup{apex, &f.NodeTXT} {
		if !sameAnswer(wild, l) {
			f.stray(l, "")
		}
	}
}

func (f *Facts) stray(l *dns.Lookup, selector string) {
	for i, r := range l.Records() {
		if i == 4*maxTXT {
			return
		}
		text := r.Text()
		if selector == "" && !strings.Contains(strings.ToLower(text), "dkim1") && !strings.Contains(text, "PRIVATE KEY") {
			continue
		}
		k, bad := ParseKey(text)
		if !k.keyish || domainKeysPolicy(text) {
			continue
		}
		if isSecret(bad) {
			text = ""
		}
		f.Stray = append(f.Stray, Stray{Name: l.Name, Text: text, Selector: selector, key: k, bad: bad})
	}
}

// count counts a selector in its group, groups in the order of asking.
func (f *Facts) count(by string) {
	for i := range f.Groups {
		if f.Groups[i].By == by {
			f.Groups[i].Count++
			return
		}
	}
	f.Groups = append(f.Groups, Group{By: by, Count: 1})
}

// wildcard is the answer at a random selector, nil where neither was answered.
func (f *Facts) wildcard() *dns.Lookup {
	switch {
	case f.Random.Found():
		return &f.Random
	case f.Dotted.Found():
		return &f.Dotted
	case f.Random.Asked() && !f.Random.Unknown():
		return &f.Random
	case f.Dotted.Asked() && !f.Dotted.Unknown():
		return &f.Dotted
	}
	return nil
}

// sameAnswer tells whether a guess was answered by the wildcard alone.
func sameAnswer(wild, l *dns.Lookup) bool {
	if wild == nil || wild.Answer == nil || l.Answer == nil || wild.State != l.State {
		return false
	}
	if len(wild.Answer.Chain) != len(l.Answer.Chain) {
		return false
	}
	if len(l.Answer.Chain) > 0 && wild.Answer.Owner() != l.Answer.Owner() {
		return false
	}
	return l.Absent() && len(l.Answer.Chain) > 0 || slices.Equal(sortedTexts(wild), sortedTexts(l))
}

func sortedTexts(l *dns.Lookup) []string {
	var list []string
	for _, r := range l.Records() {
		list = append(list, r.Text())
	}
	slices.Sort(list)
	return list
}

// node tells whether anything can exist below _domainkey.
func (f *Facts) node(asked []*Selector) string {
	answered, failed := false, false
	below := []*dns.Lookup{&f.Random, &f.Dotted, &f.ADSP, &f.Report}
	for _, s := range asked {
		below = append(below, &s.Lookup)
	}
	for _, l := range below {
		switch l.State {
		case dns.StateUnknown:
			failed = true
		case dns.StateFound, dns.StateNoData:
			answered = true
		case dns.StateNXDomain:
			// An alias to a name that is gone is something below the node.
			answered = answered || len(l.Answer.Chain) > 0
		}
	}
	switch {
	case denied(&f.NodeTXT) && answered:
		return NodeExists // a server that denies empty non-terminals, against RFC 8020
	case denied(&f.NodeTXT) && failed:
		return NodeUnknown
	case denied(&f.NodeTXT):
		return NodeMissing
	case denied(&f.Random) && (empty(&f.NodeTXT) || f.NodeTXT.Found()):
		return NodeExists
	case f.Random.Found() && empty(&f.NodeTXT):
		return NodeExists // *._domainkey
	}
	return NodeUnknown
}

// denied and empty tell what the name itself was answered, not a name that an
// alias at it leads to.
func denied(l *dns.Lookup) bool {
	return l.State == dns.StateNXDomain && len(l.Answer.Chain) == 0
}

func empty(l *dns.Lookup) bool {
	return l.State == dns.StateNoData && len(l.Answer.Chain) == 0
}

// read parses what the selector's look-up brought.
func (s *Selector) read() {
	switch {
	case s.loops():
		s.Status = StatusMissing // an alias that never ends holds no key: that can be told
		return
	case s.Lookup.Unknown() || !s.Lookup.Asked():
		s.Status = StatusUnknown
		return
	case s.Lookup.Absent():
		s.Status = StatusMissing
		return
	}
	for i, r := range s.Lookup.Records() {
		if i == maxTXT {
			break
		}
		text := r.Text()
		k, problems := ParseKey(text)
		if strings.Trim(text, fws) == "" && s.CNAME != "" {
			// Amazon SES and others keep the spare of a pair empty: nothing is wrong.
			k, problems = &Key{Text: text, Revoked: true, keyish: true}, []Problem{{Rule: "dkim-revoked", Variant: "reserve"}}
		}
		s.records = append(s.records, record{text: text, key: k, problems: problems})
	}
	s.judge()
	if slices.ContainsFunc(s.records, func(r record) bool { return r.secret() }) {
		s.redact()
	}
}

// Hidden stands where a published private key would stand in a report.
const Hidden = "(a private key, not repeated here)"

// HoldsPrivateKey tells whether a text that somebody published is or holds a
// private key. Reports must not spread it further.
func HoldsPrivateKey(text string) bool {
	_, problems := parseKey(text, true) // whose factors they are is another question
	return isSecret(problems)
}

// redact takes a published private key out of what a report shows.
func (s *Selector) redact() {
	s.Record = Hidden
	a := *s.Lookup.Answer
	a.Records = slices.Clone(a.Records)
	for i := range a.Records {
		a.Records[i].Data, a.Records[i].Strings = Hidden, nil
	}
	s.Lookup.Answer = &a
}

// judge picks the key among the records and tells the selector's status.
func (s *Selector) judge() {
	keys := 0
	var first *record
	for i := range s.records {
		if r := &s.records[i]; r.key.keyish {
			if keys++; keys == 1 {
				first = r
			}
		}
	}
	if first == nil {
		s.Status = StatusMalformed
		if len(s.records) > 0 {
			s.Record = s.records[0].text
		}
		return
	}
	for i := range s.records {
		s.records[i].extra = !s.records[i].key.keyish
	}
	k := first.key
	s.key, s.Record, s.Bits, s.Testing, s.Fingerprint = k, first.text, k.Bits, k.Testing(), k.fingerprint()
	s.KeyType = k.Type
	refused := slices.ContainsFunc(first.problems, func(p Problem) bool { return p.refused })
	switch {
	case keys > 1:
		s.Status = StatusSeveral
	case k.Revoked && !refused:
		s.Status = StatusRevoked
	case refused || k.Bits == 0:
		s.Status = StatusMalformed
	default:
		s.Status = StatusFound
		s.Usable = k.Usable()
	}
}
