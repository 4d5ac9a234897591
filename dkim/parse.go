package dkim

import (
	"regexp"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// Bounds of what is read of a stranger's text.
const (
	maxText     = 65535 // octets: no RDATA is longer, RFC 1035 §3.2.1
	maxElements = 256   // of the tag-list
	maxSame     = 8     // problems of one rule
)

// ParseKey reads a key record, the character-strings of one TXT joined without
// a separator (RFC 6376 §3.6.2.2). It never fails: what is wrong is in the
// problems, in no particular order, each with its place in the text.
func ParseKey(text string) (*Key, []Problem) { return parseKey(text, false) }

// parseKey can leave out the search for factors of a key whose primes were
// chosen here: its tables cost more than the key.
func parseKey(text string, made bool) (*Key, []Problem) {
	text = text[:min(len(text), maxText)]
	p := &parser{made: made, key: &Key{Text: text, Type: "rsa"}, count: map[string]int{}}
	original := newSource(text)
	p.key.Tags = tags(original, elements(original))

	if host := hostName(text); host != "" {
		p.add(Problem{Rule: "dkim-cname-as-txt", Span: trimmed(text), Alias: host, refused: true,
			Params: check.Params{"Target": strings.TrimSuffix(host, ".")}})
		p.key.unusable = true
		return p.key, p.problems
	}
	ordered, swap := inOrder(original)
	fixed, repairs, whole := repair(ordered)
	if swap != nil {
		repairs = append([]Problem{*swap}, repairs...)
	}
	p.src, p.list = fixed, elements(fixed)
	p.all = len(p.list)
	p.list = p.list[:min(p.all, maxElements)]
	p.key.keyish = p.isKey()
	if p.secret(original) {
		p.key.keyish, p.key.unusable = true, true
		return p.key, p.problems
	}
	if !p.key.keyish {
		p.key.unusable = true
		p.notAKey(text)
		return p.key, p.problems
	}
	if len(repairs) > 0 {
		p.key.Repaired = fixed.text
		for _, r := range repairs {
			r.Fix = fixed.text
			if !whole || r.Rule == "dkim-non-ascii" && !ascii(fixed.text) {
				r.Fix = "" // what the rest should have been cannot be told
			}
			p.add(r)
		}
		p.versionAsPublished(original)
	}
	p.tagList()
	p.fields()
	p.material()
	for _, q := range p.problems {
		if q.refused || q.weak {
			p.key.unusable = true
		}
	}
	if p.key.Usable() && p.key.Point != nil {
		p.add(Problem{Rule: "dkim-ed25519-present"})
	}
	return p.key, p.problems
}

// parser is the state of one ParseKey.
type parser struct {
	made     bool // the key was made here: nobody else chose its primes
	key      *Key
	src      source // after repair
	list     []element
	all      int // elements there are; the list has the first of them
	problems []Problem
	count    map[string]int // problems by rule
}

func (p *parser) add(q Problem) {
	if p.count[q.Rule]++; p.count[q.Rule] > maxSame {
		return
	}
	if q.Params == nil {
		q.Params = check.Params{}
	}
	p.problems = append(p.problems, q)
}

// notAKey says so of text that nobody can take for a key record.
func (p *parser) notAKey(text string) {
	p.add(Problem{Rule: "dkim-not-a-key", Span: trimmed(text), refused: true})
}

func trimmed(text string) check.Span {
	start, end := trim(text, 0, len(text))
	return check.Span{Start: start, End: end}
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] > 0x7E {
			return false
		}
	}
	return true
}

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})+\.?$`)

// hostName is the text where it is a host name and nothing else.
func hostName(text string) string {
	text = strings.Trim(text, fws)
	if len(text) > 254 || !hostPattern.MatchString(text) {
		return ""
	}
	labels := strings.Split(strings.TrimSuffix(text, "."), ".")
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return "" // an address or a number
	}
	return text
}

// isKey tells whether somebody meant a key record: it has "p", in whatever
// case, or speaks of DKIM in "v".
func (p *parser) isKey() bool {
	for i, e := range p.list {
		name, value := strings.ToLower(e.name(p.src)), strings.ToUpper(e.value(p.src))
		switch {
		case e.bare:
		case i == 0 && name == "v" && foreignVersions.MatchString(value):
			return false
		case name == "p", name == "v" && strings.HasPrefix(value, "DKIM"):
			return true
		}
	}
	return false
}

// foreignVersions begin records of other protocols that have no "p", or have
// one that is certainly no key.
var foreignVersions = regexp.MustCompile(`^(SPF1|SPF2\.0|BIMI1|STSV1|TLSRPTV1)\b`)

// versionAsPublished reports the version that a verifier reads before anybody
// repairs the record.
func (p *parser) versionAsPublished(original source) {
	e := elements(original)[0]
	if !e.bare && e.name(original) == "v" && e.value(original) != "DKIM1" {
		p.add(Problem{Rule: "dkim-v-invalid", Span: original.span(e.valueStart, e.valueEnd), refused: true,
			Params: check.Params{"Version": shorten(e.value(original))}, Fix: p.versionFix()})
	}
}

// versionFix is the text with the version that there is, "" where the value was
// meant for another protocol.
func (p *parser) versionFix() string {
	e, i := p.find("v")
	switch {
	case i != 0 || !strings.HasPrefix(strings.ToUpper(e.value(p.src)), "DKIM"):
		return ""
	default:
		return p.replace(e.valueStart, e.valueEnd, "DKIM1")
	}
}

// known are the registered tags; "g" is historic (RFC 4871).
const known = "vkphstng"

func isKnown(name string) bool { return len(name) == 1 && strings.Contains(known, name) }

var tagName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`) // RFC 6376 §3.2

// tagList holds the elements to RFC 6376 §3.2.
func (p *parser) tagList() {
	seen := map[string]element{}
	if p.all > len(p.list) {
		end := len(p.src.text)
		p.add(Problem{Rule: "dkim-tag-malformed", Variant: "many", Span: p.src.span(min(p.list[len(p.list)-1].end+1, end), end), refused: true,
			Params: check.Params{"Count": p.all, "Most": len(p.list)}})
	}
	for i, e := range p.list {
		name := e.name(p.src)
		switch {
		case e.start == e.end && i == len(p.list)-1:
			continue // the list may end in a semicolon
		case e.start == e.end:
			at := min(e.start, len(p.src.text))
			p.malformed("empty", e, p.src.span(at, min(at+1, len(p.src.text))))
			continue
		case e.bare:
			p.malformed("bare", e, p.src.span(e.start, e.end))
			continue
		case !tagName.MatchString(name):
			p.malformed("name", e, p.src.span(e.start, max(e.nameEnd, e.start+1)))
			continue
		}
		lower := strings.ToLower(name)
		if first, dup := seen[name]; dup {
			q := Problem{Rule: "dkim-tag-duplicate", Span: p.src.span(e.start, e.end), refused: true, Params: check.Params{"Tag": name}}
			if first.value(p.src) == e.value(p.src) {
				q.Fix = p.without(i)
			}
			p.add(q)
			continue
		}
		seen[name] = e
		switch {
		case name != lower && isKnown(lower):
			q := Problem{Rule: "dkim-tag-case", Span: p.src.span(e.start, e.nameEnd),
				Params: check.Params{"Tag": name, "Right": lower}, Fix: p.replace(e.start, e.nameEnd, lower)}
			if !strings.Contains("vkp", lower) {
				q.Variant = "minor"
			}
			// An unread "k" or "v" changes what the record says; "P" leaves no key at all.
			q.refused = lower == "p" || lower == "k"
			p.add(q)
		case !isKnown(name):
			p.add(Problem{Rule: "dkim-tag-unknown", Span: p.src.span(e.start, e.end), Params: check.Params{"Tag": name}})
		}
	}
}

func (p *parser) malformed(variant string, e element, span check.Span) {
	q := Problem{Rule: "dkim-tag-malformed", Variant: variant, Span: span, refused: true,
		Params: check.Params{"Text": shorten(p.src.text[e.start:e.end])}}
	if variant == "empty" {
		var kept []string
		for _, e := range p.list {
			if e.start < e.end {
				kept = append(kept, p.src.text[e.start:e.end])
			}
		}
		q.Fix = strings.Join(kept, "; ")
	}
	p.add(q)
}

// shorten keeps a message readable when the text in it is a key.
func shorten(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

// find gives the first element of that name, exactly.
func (p *parser) find(name string) (element, int) {
	for i, e := range p.list {
		if !e.bare && e.name(p.src) == name {
			return e, i
		}
	}
	return element{}, -1
}

// replace gives the text with [start, end) replaced.
func (p *parser) replace(start, end int, with string) string {
	return p.src.text[:start] + with + p.src.text[end:]
}

// without gives the text without its i-th element.
func (p *parser) without(i int) string {
	var kept []string
	for j, e := range p.list {
		if j != i && e.start < e.end {
			kept = append(kept, p.src.text[e.start:e.end])
		}
	}
	return strings.Join(kept, "; ")
}

// fields reads all tags but "p" (RFC 6376 §3.6.1).
func (p *parser) fields() {
	p.version()
	p.keyType()
	p.hashes()
	p.services()
	p.flags()
	if e, i := p.find("n"); i >= 0 {
		p.key.Note = e.value(p.src)
		p.add(Problem{Rule: "dkim-n-note", Span: p.src.span(e.start, e.end), Params: check.Params{"Note": shorten(p.key.Note)}})
	}
	if e, i := p.find("g"); i >= 0 {
		q := Problem{Rule: "dkim-tag-g", Span: p.src.span(e.start, e.end), Fix: p.without(i),
			Params: check.Params{"Value": e.value(p.src)}}
		if e.value(p.src) == "" {
			q.Variant = "empty"
		}
		p.add(q)
	}
}

func (p *parser) version() {
	e, i := p.find("v")
	switch {
	case i < 0:
		for _, e := range p.list {
			if e.name(p.src) == "V" {
				return // dkim-tag-case says it
			}
		}
		p.add(Problem{Rule: "dkim-v-missing", Span: p.src.span(0, 0)})
		return
	case i > 0:
		p.add(Problem{Rule: "dkim-v-not-first", Span: p.src.span(e.start, e.end), refused: true,
			Fix: "v=DKIM1; " + p.without(i)})
	case e.value(p.src) != "DKIM1" && !p.reports("dkim-v-invalid"):
		p.add(Problem{Rule: "dkim-v-invalid", Span: p.src.span(e.valueStart, e.valueEnd), refused: true,
			Params: check.Params{"Version": shorten(e.value(p.src))}, Fix: p.versionFix()})
	}
	p.key.Version = e.value(p.src)
}

func (p *parser) keyType() {
	e, i := p.find("k")
	if i < 0 {
		return
	}
	value := e.value(p.src)
	lower := strings.ToLower(value)
	params := check.Params{"Type": shorten(value)}
	p.key.Type = value
	switch {
	case lower != "rsa" && lower != "ed25519":
		p.add(Problem{Rule: "dkim-k-unknown", Span: p.src.span(e.start, e.end), Params: params, refused: true})
	case value != lower:
		p.key.Type = lower
		p.add(Problem{Rule: "dkim-k-case", Span: p.src.span(e.valueStart, e.valueEnd), Params: params,
			Fix: p.replace(e.valueStart, e.valueEnd, lower)})
	}
}

// colonList splits a value at its colons (RFC 6376 §3.2), in lower case.
func colonList(value string) []string {
	list := strings.Split(strings.ToLower(value), ":")
	for i := range list {
		list[i] = strings.Trim(list[i], fws)
	}
	return list
}

func others(list []string, known ...string) []string {
	var out []string
	for _, s := range list {
		if s != "" && !slices.Contains(known, s) && len(out) < 8 {
			out = append(out, shorten(s))
		}
	}
	return out
}

func (p *parser) hashes() {
	e, i := p.find("h")
	if i < 0 {
		return
	}
	p.key.Hashes = colonList(e.value(p.src))
	span := p.src.span(e.start, e.end)
	fix := p.replace(e.valueStart, e.valueEnd, "sha256")
	params := check.Params{"Value": shorten(e.value(p.src))}
	switch {
	case !slices.Contains(p.key.Hashes, "sha256"):
		p.add(Problem{Rule: "dkim-h-excludes-sha256", Span: span, Params: params, Fix: fix, refused: true})
	case slices.Contains(p.key.Hashes, "sha1"):
		p.add(Problem{Rule: "dkim-h-sha1", Span: span, Params: params, Fix: fix})
	}
	if list := others(p.key.Hashes, "sha1", "sha256"); list != nil {
		p.add(Problem{Rule: "dkim-h-unknown", Span: span, Params: check.Params{"Names": strings.Join(list, ", ")}})
	}
}

func (p *parser) services() {
	e, i := p.find("s")
	if i < 0 {
		return
	}
	p.key.Services = colonList(e.value(p.src))
	if !slices.Contains(p.key.Services, "*") && !slices.Contains(p.key.Services, "email") {
		p.add(Problem{Rule: "dkim-s-excludes-email", Span: p.src.span(e.start, e.end), refused: true,
			Params: check.Params{"Value": shorten(e.value(p.src))}, Fix: p.without(i)})
	}
}

func (p *parser) flags() {
	e, i := p.find("t")
	if i < 0 {
		return
	}
	p.key.Flags = colonList(e.value(p.src))
	span := p.src.span(e.start, e.end)
	if slices.Contains(p.key.Flags, "y") {
		rest := slices.DeleteFunc(slices.Clone(p.key.Flags), func(f string) bool { return f == "y" || f == "" })
		fix := p.without(i)
		if len(rest) > 0 {
			fix = p.replace(e.valueStart, e.valueEnd, strings.Join(rest, ":"))
		}
		p.add(Problem{Rule: "dkim-t-testing", Span: span, Fix: fix})
	}
	if slices.Contains(p.key.Flags, "s") {
		p.add(Problem{Rule: "dkim-t-s", Span: span})
	}
	if list := others(p.key.Flags, "y", "s"); list != nil {
		p.add(Problem{Rule: "dkim-t-unknown", Span: span, Params: check.Params{"Flags": strings.Join(list, ", ")}})
	}
}
