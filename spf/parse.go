package spf

import (
	"strings"

	"github.com/postseal/postseal/check"
)

// Bounds on what one record of a stranger can make us keep.
const (
	maxTerms    = 2000
	maxProblems = 50
)

// Problem is something wrong in the text of a record, and the rule that says so.
type Problem struct {
	Rule    string
	Variant string
	Span    check.Span   // the part meant
	Params  check.Params // Term is always set
	Term    check.Span   // the whole term, what Replacement stands for
	Fatal   bool         // receivers give permerror (§4.6)

	// Replacement is the text that was evidently meant, when that can be
	// told; it may be several terms.
	Replacement string
}

// parser collects terms and problems of one record.
type parser struct {
	rec      *Record
	problems []Problem
	fatal    bool
}

// Parse reads a record as far as it can be understood and says everything that
// is wrong with it, in order. Terms that are broken but evidently meant
// something stand in the record as what they were meant to be, marked
// Repaired; all others that match no production are Invalid. The text need not
// pass IsRecord: one that does not has the problem spf-near-miss.
func Parse(text string) (*Record, []Problem) {
	p := &parser{rec: &Record{Text: text, Terms: []Entry{}}}
	start := 0
	if isRecord(text) {
		start = len(Version)
		p.rec.Version = text[:start]
	} else {
		p.add(Problem{Rule: "spf-near-miss", Span: check.Span{End: min(len(text), 16)}, Fatal: true,
			Term: check.Span{End: len(text)}, Params: check.Params{"Term": text}})
	}
	spans := tokens(text, start)
	for i := 0; i < len(spans) && len(p.rec.Terms) < maxTerms; i++ {
		if i+1 < len(spans) && p.joined(spans[i], spans[i+1]) {
			i++
			continue
		}
		p.term(spans[i])
	}
	p.style(start)
	p.duplicates()
	return p.rec, p.problems
}

// tokens cuts text at spaces; only SP separates terms (§12).
func tokens(text string, start int) []check.Span {
	var spans []check.Span
	for i := start; i < len(text); {
		if text[i] == ' ' {
			i++
			continue
		}
		end := i
		for end < len(text) && text[end] != ' ' {
			end++
		}
		spans = append(spans, check.Span{Start: i, End: end})
		i = end
	}
	return spans
}

func (p *parser) add(pr Problem) {
	// The first fatal problem is kept whatever stands before it.
	if len(p.problems) >= maxProblems && (p.fatal || !pr.Fatal) {
		return
	}
	p.fatal = p.fatal || pr.Fatal
	p.problems = append(p.problems, pr)
}

// report turns the fault of a term at span into a problem.
func (p *parser) report(f *fault, span check.Span, fatal bool, replacement string) {
	part := check.Span{Start: span.Start + f.start, End: span.Start + f.end}
	if f.end == 0 {
		part = span
	}
	params := check.Params{"Term": p.rec.Text[span.Start:span.End], "Suggestion": strings.TrimSpace(replacement)}
	for k, v := range f.params {
		params[k] = v
	}
	variant, _ := params["Variant"].(string)
	delete(params, "Variant")
	p.add(Problem{Rule: f.rule, Variant: variant, Span: part, Params: params, Term: span, Fatal: fatal, Replacement: replacement})
}

// term reads one term.
func (p *parser) term(span check.Span) {
	text := p.rec.Text[span.Start:span.End]
	e, f, fatal := diagnose(text)
	e.Span = span
	if f == nil {
		p.rec.Terms = append(p.rec.Terms, e)
		p.observe(&p.rec.Terms[len(p.rec.Terms)-1])
		return
	}
	entries, whole := repair(f.fix)
	replacement := ""
	if whole {
		replacement = f.fix
		if len(entries) > 0 {
			replacement = joinText(entries)
		}
	}
	p.report(f, span, fatal, replacement)
	switch {
	case !fatal:
		e.Meant = replacement
		p.rec.Terms = append(p.rec.Terms, e)
		p.observe(&p.rec.Terms[len(p.rec.Terms)-1])
	case len(entries) == 0 && !whole:
		p.rec.Terms = append(p.rec.Terms, Entry{Kind: Invalid, Text: text, Span: span, Bits4: -1, Bits6: -1})
	default:
		for _, e := range entries {
			e.Span, e.Repaired = span, true
			p.rec.Terms = append(p.rec.Terms, e)
		}
	}
}

// joined reads two terms that are one with a space inside: "ip4: 192.0.2.1",
// "- all". The first says nothing alone, and the second is no term.
func (p *parser) joined(a, b check.Span) bool {
	first, second := p.rec.Text[a.Start:a.End], p.rec.Text[b.Start:b.End]
	sign := len(first) == 1 && strings.Contains("+-~?", first)
	open := strings.HasSuffix(first, ":") || strings.HasSuffix(first, "=")
	if !sign && !open && !strings.HasPrefix(second, ":") {
		return false
	}
	if _, f, fatal := diagnose(first); f == nil || !fatal {
		return false // an unknown modifier may have an empty value
	}
	if _, f, _ := diagnose(second); f == nil && !sign {
		return false
	}
	e, f, _ := diagnose(first + second)
	if f != nil || e.Kind == Unknown {
		return false
	}
	span := check.Span{Start: a.Start, End: b.End}
	p.report(&fault{rule: "spf-space-inside-term"}, span, true, first+second)
	e.Span, e.Repaired = span, true
	p.rec.Terms = append(p.rec.Terms, e)
	return true
}

// repair reads a suggestion, mending what is still broken in it. It gives the
// terms that can be read, and whether all of it could be.
func repair(text string) (entries []Entry, whole bool) {
	if text == "" {
		return nil, false
	}
	for range 4 {
		entries, whole = nil, true
		changed := false
		var next []string
		for _, s := range tokens(text, 0) {
			tok := text[s.Start:s.End]
			e, f, fatal := diagnose(tok)
			switch {
			case f == nil, !fatal && f.fix == "":
				entries = append(entries, e)
			case f.fix != "":
				tok, changed = f.fix, true
			default:
				whole = false
			}
			next = append(next, tok)
		}
		if !changed || len(next) > 20 {
			break
		}
		text = strings.Join(next, " ")
		whole = false
	}
	return entries, whole
}

func joinText(entries []Entry) string {
	texts := make([]string, len(entries))
	for i := range entries {
		texts[i] = entries[i].Text
	}
	return strings.Join(texts, " ")
}

// observe notes what is odd about a term whose syntax is valid.
func (p *parser) observe(e *Entry) {
	note := func(rule, variant, meant string, params check.Params) {
		f := &fault{rule: rule, params: params}
		if f.params == nil {
			f.params = check.Params{}
		}
		f.params["Variant"] = variant
		if meant != "" {
			e.Meant = meant
		}
		p.report(f, e.Span, false, meant)
	}
	if e.Kind == Unknown {
		p.observeUnknown(e, note)
		return
	}
	if e.Kind == IP6 && e.Addr.Is4In6() && e.prefix().Bits() >= 96 {
		note("spf-ip6-mapped", "", mappedTerm(e), nil)
	}
	if e.Domain == "" {
		return
	}
	if m, _ := scanMacros(e.Domain, false); e.hasMacro() {
		if strings.Contains(m.letters, "p") {
			note("spf-macro-p", "", "", nil)
		}
		if strings.ContainsAny(m.letters, "ls") {
			note("spf-macro-local-part", "", "", nil)
		}
		note("spf-macro-opaque", "", "", nil)
		return
	}
	if meant, reason := suspicious(e); reason != "" && e.Meant == "" {
		note("spf-domain-spec-suspicious", "", meant, check.Params{"Reason": reason, "Value": e.Domain})
	}
}

func (p *parser) observeUnknown(e *Entry, note func(rule, variant, meant string, params check.Params)) {
	lower := strings.ToLower(e.Name)
	params := check.Params{"Name": e.Name}
	if Kind(lower).Mechanism() {
		meant := lower + ":" + e.Domain
		if entries, whole := repair(meant); whole {
			meant = joinText(entries)
		} else {
			meant = ""
		}
		note("spf-mechanism-written-as-modifier", "", meant, check.Params{"Name": e.Name})
		note("spf-unknown-modifier", "", "", params)
		return
	}
	variant, meant := "", ""
	for _, known := range []Kind{Redirect, Exp} {
		near := 2
		if known == Exp {
			near = 1
		}
		if lower != "ra" && lower != "rp" && lower != "rr" && distance(lower, string(known)) <= near { // RFC 6652
			params["Known"], variant = string(known), "typo"
			if _, f, _ := diagnose(string(known) + "=" + e.Domain); f == nil {
				meant = string(known) + "=" + e.Domain
			}
		}
	}
	note("spf-unknown-modifier", variant, meant, params)
}

// style notes double spaces and upper-case names, once a record.
func (p *parser) style(start int) {
	text := p.rec.Text
	for i := start; i < len(text); i++ {
		if text[i] == ' ' && (i+1 == len(text) || text[i+1] == ' ') {
			p.add(Problem{Rule: "spf-whitespace-style", Span: check.Span{Start: i, End: i + 1},
				Term: check.Span{Start: i, End: i + 1}, Params: check.Params{"Term": text[i : i+1]}})
			break
		}
	}
	for i := range p.rec.Terms {
		e := &p.rec.Terms[i]
		if !e.Repaired && e.Kind != Unknown && e.Name != strings.ToLower(e.Name) {
			f := &fault{rule: "spf-name-case", params: check.Params{"Name": e.Name}}
			p.report(f, e.Span, false, "")
			break
		}
	}
}

// duplicates notes a second redirect or exp: permerror (§6).
func (p *parser) duplicates() {
	seen := map[Kind]bool{}
	for i := range p.rec.Terms {
		e := &p.rec.Terms[i]
		if e.Kind != Redirect && e.Kind != Exp {
			continue
		}
		if seen[e.Kind] {
			p.report(&fault{rule: "spf-duplicate-modifier", params: check.Params{"Name": string(e.Kind)}}, e.Span, true, "")
		}
		seen[e.Kind] = true
	}
}
