package dmarc

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/postseal/postseal/check"
)

// values reports tag values that do not count as written.
func (p *parser) values() {
	r := p.rec
	if len(r.Tags) == 1 {
		p.add(Problem{Rule: "dmarc-bare-version", Span: r.Tags[0].Span, Fixed: r.with("p", "none")})
	}
	p.policies()
	for _, name := range []string{"adkim", "aspf"} {
		p.words("dmarc-"+name+"-invalid", name, "r", "r", "s")
	}
	p.words("dmarc-t-invalid", "t", "n", "y", "n")
	p.words("dmarc-psd-invalid", "psd", "u", "y", "n", "u")
	p.fo()
	p.historic()
}

// policies reports p, sp and np (RFC 9989 §4.10.1): the outcome is p=none with a
// valid rua and no DMARC at all without one.
func (p *parser) policies() {
	r := p.rec
	outcome := "off"
	if r.ValidRUA() {
		outcome = "none"
	}
	if r.Tag("p") == nil {
		x := Problem{Rule: "dmarc-p-missing", Tag: "p", Span: span(0, r.Tags[0].Span.End), Params: check.Params{"Outcome": outcome}, Fixed: r.with("p", "none")}
		if outcome == "none" {
			x.Variant = "reporting"
		}
		for i := range r.Tags { // poicy=reject is the policy that was meant
			if t := &r.Tags[i]; !slices.Contains(knownTags, t.Name) && nearestTag(t.Name) == "p" && suits("p", t.Value) {
				x.Fixed = p.renamed(t, "p")
				break
			}
		}
		p.add(x)
	}
	for _, name := range []string{"p", "sp", "np"} {
		t := r.Tag(name)
		if t == nil || ParseLevel(t.Value) != 0 || t.Value == "" && name != "p" {
			continue
		}
		x := Problem{Rule: "dmarc-" + name + "-invalid", Tag: name, Span: t.Span,
			Params: check.Params{"Value": t.Value, "Outcome": outcome, "Nearest": ""}}
		if near, rest := nearestLevel(t.Value); near != 0 {
			x.Params["Nearest"] = near.String()
			x.Fixed = r.with(name, near.String()+rest)
		}
		p.add(x)
	}
}

// nearestLevel is the policy word that a value was meant as, and the tags that
// it swallowed for want of a semicolon.
func nearestLevel(value string) (Level, string) {
	rest := ""
	for _, separator := range []*regexp.Regexp{missingSeparator, wrongSeparator} {
		if m := separator.FindStringIndex(value); m != nil {
			rest = "; " + strings.TrimLeft(value[m[0]:], " \t\r\n,|") + rest
			value = value[:m[0]]
		}
	}
	word := strings.ToLower(strings.Trim(asciiOnly(value), " \t\"'`,.:|\\"))
	switch word {
	case "monitor", "monitoring", "no", "off":
		return None, rest
	case "spam", "junk":
		return Quarantine, rest
	case "block", "deny", "fail":
		return Reject, rest
	}
	for l := None; l <= Reject; l++ {
		if d := distance(word, l.String()); d <= 2 && d < len(l.String())-1 {
			return l, rest
		}
	}
	return 0, ""
}

// words reports a value that is none of the tag's words.
func (p *parser) words(rule, name, def string, allowed ...string) {
	t := p.rec.Tag(name)
	if t == nil || t.Value == "" || p.rec.word(name, "", allowed...) != "" {
		return
	}
	x := Problem{Rule: rule, Tag: name, Span: t.Span, Params: check.Params{"Tag": name, "Value": t.Value, "Default": def}}
	meant := ""
	switch strings.ToLower(strings.Trim(t.Value, " \t\"'`,.")) {
	case "strict", "s":
		meant = "s"
	case "yes", "true", "1", "y":
		meant = "y"
	case "no", "false", "0", "n":
		meant = "n"
	}
	x.Fixed = p.rec.without(name)
	if slices.Contains(allowed, meant) { // a word of another tag is no word of this one
		x.Fixed = p.rec.with(name, meant)
	}
	p.add(x)
}

// fo reports failure-report options (RFC 9989 §4.8): 0 and 1 exclude each
// other, d and s stand once each, colons between them.
func (p *parser) fo() {
	t := p.rec.Tag("fo")
	if t == nil || t.Value == "" {
		return
	}
	if !p.rec.Has("ruf") {
		p.add(Problem{Rule: "dmarc-fo-without-ruf", Tag: "fo", Span: t.Span, Fixed: p.rec.without("fo")})
		return
	}
	reason := ""
	var kept []string
	for o := range strings.SplitSeq(strings.ToLower(t.Value), ":") {
		o = strings.TrimSpace(o)
		switch {
		case strings.ContainsAny(o, ", "):
			reason = "separator"
		case !slices.Contains([]string{"0", "1", "d", "s"}, o):
			reason = "letter"
		case slices.Contains(kept, o):
			reason = "repeated"
		case o == "0" && slices.Contains(kept, "1"), o == "1" && slices.Contains(kept, "0"):
			reason = "exclusive"
		default:
			kept = append(kept, o)
		}
	}
	if reason == "" {
		return
	}
	x := Problem{Rule: "dmarc-fo-invalid", Tag: "fo", Span: t.Span, Params: check.Params{"Value": t.Value, "Reason": reason}}
	switch reason {
	case "separator":
		colons := strings.Join(strings.FieldsFunc(t.Value, func(c rune) bool { return strings.ContainsRune(",: ", c) }), ":")
		x.Fixed = p.rec.with("fo", colons)
	case "exclusive":
		x.Fixed = p.rec.with("fo", "1")
	case "repeated":
		x.Fixed = p.rec.with("fo", strings.Join(kept, ":"))
	default:
		x.Fixed = p.rec.without("fo")
	}
	p.add(x)
}

// historic reports the tags that RFC 9989 removed (§9.3, A.6, C.5.2).
func (p *parser) historic() {
	r := p.rec
	if t := r.Tag("pct"); t != nil && t.Value != "" {
		x := Problem{Rule: "dmarc-pct", Tag: "pct", Span: t.Span, Verb: "drop",
			Params: check.Params{"Value": t.Value, "Policy": r.Level("p").String()}, Fixed: r.without("pct")}
		if pct := r.pct(); pct < 100 && (r.Level("p") > None || r.Level("sp") > None) {
			x.Variant = "sampling"
			x.Fixed, x.Verb = "", "choose"
			if pct == 0 {
				rest, _ := Parse(r.without("pct"))
				x.Fixed, x.Verb = rest.with("t", "y"), "testing"
			}
		}
		p.add(x)
	}
	for _, name := range []string{"rf", "ri"} {
		if t := r.Tag(name); t != nil && t.Value != "" {
			p.add(Problem{Rule: "dmarc-" + name, Tag: name, Span: t.Span, Params: check.Params{"Value": t.Value}, Fixed: r.without(name)})
		}
	}
}

// pct is the share of mail that a receiver of RFC 7489 §6.3 applies the policy
// to; out of range and other text count as 100.
func (r *Record) pct() int {
	if t := r.Tag("pct"); t != nil {
		if n, err := strconv.Atoi(t.Value); err == nil && n >= 0 && n <= 100 {
			return n
		}
	}
	return 100
}
