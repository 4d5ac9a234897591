package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/internal/provider"
	"github.com/postseal/postseal/report"
)

// foundText prints a search. Names and records are strangers' text.
type foundText struct {
	strings.Builder
	width int // columns of the terminal
	l     *locale.Localizer
	f     *dkim.Facts
}

func writeFound(w io.Writer, width int, f *dkim.Facts, o *findOptions, l *locale.Localizer) error {
	p := &foundText{width: width, l: l, f: f}
	p.title()
	p.selectors()
	p.WriteByte('\n')
	p.tried()
	p.meaning()
	p.walked()
	p.help(o)
	_, err := io.WriteString(w, p.String())
	return err
}

func (p *foundText) text(id string, params check.Params) string {
	return report.Escape(p.l.Text("dkim-find."+id, params))
}

func (p *foundText) title() {
	n := 0
	for _, s := range p.f.Selectors {
		if s.Status == dkim.StatusFound || s.Status == dkim.StatusSeveral {
			n++
		}
	}
	id := "title-n"
	switch n {
	case 0:
		id = "title-0"
	case 1:
		id = "title-1"
	}
	fmt.Fprintln(p, p.text(id, check.Params{"Domain": p.f.Domain.String(), "N": n}))
}

// selectors lists what was found: a line for each, and one more for an alias.
func (p *foundText) selectors() {
	name, key := 0, 0
	for _, s := range p.f.Selectors {
		name = max(name, utf8.RuneCountInString(report.Escape(s.Name)))
		key = max(key, utf8.RuneCountInString(p.key(s)))
	}
	name = min(name, 34)
	if len(p.f.Selectors) > 0 {
		p.WriteByte('\n')
	}
	for _, s := range p.f.Selectors {
		p.WriteString(heading(p.width, "  "+pad(report.Escape(s.Name), name)+"  "+pad(p.key(s), key), p.foundBy(s.FoundBy)))
		if s.CNAME == "" {
			continue
		}
		fmt.Fprintf(p, "    → %s", report.Escape(s.CNAME.String()))
		if s.Provider != "" {
			fmt.Fprintf(p, "  %s", s.Provider)
		}
		p.WriteByte('\n')
	}
}

// key is what stands at a selector, in a few words.
func (p *foundText) key(s *dkim.Selector) string {
	state := p.text("status-"+s.Status, nil)
	if s.Status != dkim.StatusFound {
		return state
	}
	k := report.Escape(strings.ToUpper(s.KeyType))
	if s.KeyType == "ed25519" {
		k = "Ed25519"
	} else if s.Bits > 0 {
		k += " " + strconv.Itoa(s.Bits)
	}
	switch {
	case !s.Usable:
		k += ", " + p.text("unusable", nil)
	case s.Testing:
		k += ", " + p.text("testing", nil)
	}
	return k
}

// foundBy are the words that reports have for where a selector comes from.
func (p *foundText) foundBy(by string) string {
	how, id, ok := strings.Cut(by, ":")
	words := p.l.Text("report.found-by."+how, nil)
	if !ok {
		return report.Escape(words)
	}
	who := id
	if v := provider.ByName(id); v != nil {
		who = v.Name
	}
	return report.Escape(words + ": " + who)
}

// tried says how many names of which origin were asked.
func (p *foundText) tried() {
	var parts []string
	for _, g := range p.f.Groups {
		parts = append(parts, fmt.Sprintf("%s %d", p.foundBy(g.By), g.Count))
	}
	p.line(p.text("tried", check.Params{"N": len(p.f.Tried), "Groups": strings.Join(parts, " · ")}))
	if n := len(p.f.Failed); n > 0 {
		p.line(p.text("failed", check.Params{"N": n, "Cause": p.l.Cause(check.CauseOf(p.f.FailedWith))}))
	}
}

// meaning says what it proves that nothing (more) was found.
func (p *foundText) meaning() {
	params := check.Params{"Domain": p.f.Domain.String(), "Node": p.f.NodeTXT.Name.String()}
	found, _ := p.f.AnyKnown()
	c := &p.f.Control
	id := ""
	switch {
	case p.f.Node == dkim.NodeMissing:
		id = "proven"
	case p.f.Random.Found():
		id = "wildcard-text"
	case p.f.Random.State == dns.StateNoData && (c.Found() || c.Answer != nil && len(c.Answer.Chain) > 0):
		id = "wildcard"
	case p.f.Random.State == dns.StateNoData:
		id = "unknowable"
	case found:
		id = "more"
	case p.f.Unseen():
		id = "hidden"
	default:
		id = "open"
	}
	p.line(p.text(id, params))
}

func (p *foundText) walked() {
	w := p.f.Walk
	if w == nil {
		return
	}
	p.line(p.text("walk-"+w.End, check.Params{"N": w.Steps}))
}

// help says what would tell more.
func (p *foundText) help(o *findOptions) {
	for _, v := range p.f.Unguessable() {
		id := "unguessable"
		if v.Form == "*" {
			id = "chosen"
		}
		p.line(p.text(id, check.Params{"Provider": v.Name, "Form": v.Form}))
	}
	if p.f.Node == dkim.NodeMissing {
		p.line(p.text("subdomain", check.Params{"Domain": p.f.Domain.String()}))
		return
	}
	if found, _ := p.f.AnyKnown(); found {
		return
	}
	params := check.Params{"Domain": p.f.Domain.String(), "Deep": !o.deep}
	p.line(p.text("header", params))
}

// line prints text broken at the width.
func (p *foundText) line(text string) { p.WriteString(paragraph(p.width, "", text)) }
