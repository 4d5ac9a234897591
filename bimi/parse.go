package bimi

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// fatal are the rules whose findings make receivers ignore the whole record.
var fatal = []string{"bimi-record-syntax", "bimi-tag-duplicate", "bimi-l-missing"}

func hasFatal(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return slices.Contains(fatal, p.Rule) })
}

var (
	tagName     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`) // RFC 6376 §3.2
	localPrefix = regexp.MustCompile(`^[A-Za-z0-9-]{1,63}$`)
	logoPath    = regexp.MustCompile(`(?i)\.svgz?$`)
)

// Parse reads the text of one candidate. It never stops: the record is what
// could be understood, the problems say what could not.
func Parse(text string) (*Record, []Problem) {
	p := &parser{text: text, rec: &Record{}}
	for at := 0; at <= len(text); {
		end := len(text)
		if i := strings.IndexByte(text[at:], ';'); i >= 0 {
			end = at + i
		}
		p.tag(at, end)
		at = end + 1
	}
	p.whole()
	return p.rec, p.problems
}

type parser struct {
	text     string
	rec      *Record
	problems []Problem
	broken   bool
}

func (p *parser) add(rule, variant string, span check.Span, params check.Params) {
	if params == nil {
		params = check.Params{}
	}
	p.problems = append(p.problems, Problem{Rule: rule, Variant: variant, Span: &span, Params: params})
}

const space = " \t\r\n" // FWS, RFC 6376 §2.8

// tag reads what stands between two semicolons.
func (p *parser) tag(start, end int) {
	text := p.text[start:end]
	trimmed := strings.TrimLeft(text, space)
	start += len(text) - len(trimmed)
	trimmed = strings.TrimRight(trimmed, space)
	span := check.Span{Start: start, End: start + len(trimmed)}
	if trimmed == "" {
		if end < len(p.text) { // after the last semicolon nothing need follow
			p.broken = true
			p.add("bimi-record-syntax", "empty", check.Span{Start: max(start-1, 0), End: end + 1}, nil)
		}
		return
	}
	name, value, ok := strings.Cut(trimmed, "=")
	name = strings.TrimRight(name, space)
	switch {
	case !ok:
		p.syntax("equals", span, trimmed)
		return
	case !tagName.MatchString(name):
		p.syntax("name", span, name)
		return
	}
	value = strings.TrimLeft(value, space)
	t := Tag{Name: name, Value: value, Span: span, ValueSpan: check.Span{Start: span.End - len(value), End: span.End}}
	for i := range len(value) {
		if c := value[i]; c >= 0x7f || c < 0x20 && c != '\t' {
			p.syntax("value", span, name)
			return
		}
	}
	if i := slices.IndexFunc(p.rec.Tags, func(o Tag) bool { return o.Name == name }); i >= 0 {
		p.add("bimi-tag-duplicate", "", span, check.Params{"Tag": name})
		return
	}
	p.rec.Tags = append(p.rec.Tags, t)
	p.value(&t)
}

func (p *parser) syntax(variant string, span check.Span, text string) {
	p.broken = true
	p.add("bimi-record-syntax", variant, span, check.Params{"Text": text})
}

func (p *parser) value(t *Tag) {
	switch t.Name {
	case "v":
	case "l":
		p.rec.Logo = URI{Given: true, Text: t.Value}
		if t.Value != "" {
			p.logo(t)
		}
	case "a":
		p.rec.Evidence = URI{Given: true, Text: t.Value}
		if t.Value == "" {
			break
		}
		if _, fault := httpsURI(t.Value); fault != "" {
			p.add("bimi-a-scheme", fault, t.ValueSpan, check.Params{"URI": t.Value})
		} else {
			p.rec.Evidence.Usable = true
		}
	case "avp":
		p.rec.AVP = t.Value
		if t.Value != "brand" && t.Value != "personal" {
			p.add("bimi-avp-invalid", "", t.Span, check.Params{"Value": t.Value})
		}
	case "lps":
		p.prefixes(t)
	default:
		variant := ""
		if t.Name == "p" {
			variant = "preference"
		}
		p.add("bimi-tag-unknown", variant, t.Span, check.Params{"Tag": t.Name})
	}
}

func (p *parser) logo(t *Tag) {
	if strings.ContainsAny(t.Value, ","+space) {
		p.add("bimi-l-multiple", "", t.ValueSpan, check.Params{"URI": t.Value})
		return
	}
	u, fault := httpsURI(t.Value)
	if fault != "" {
		p.add("bimi-l-scheme", fault, t.ValueSpan, check.Params{"URI": t.Value})
		return
	}
	p.rec.Logo.Usable = true
	if !logoPath.MatchString(u.Path) {
		p.add("bimi-l-suffix", "", t.ValueSpan, check.Params{"Path": u.Path})
	}
}

func (p *parser) prefixes(t *Tag) {
	at := t.ValueSpan.Start
	for part := range strings.SplitSeq(t.Value, ",") {
		prefix := strings.Trim(part, space)
		span := check.Span{Start: at, End: at + len(part)}
		at += len(part) + 1
		switch {
		case t.Value == "": // no prefix at all is legal
		case localPrefix.MatchString(prefix):
			p.rec.Prefixes = append(p.rec.Prefixes, prefix)
		default:
			if prefix == "" { // an empty span shows nothing
				span = t.Span
			}
			p.add("bimi-lps-invalid", "", span, check.Params{"Prefix": prefix})
		}
	}
}

// whole reports what only shows once every tag was read.
func (p *parser) whole() {
	all := check.Span{Start: 0, End: len(p.text)}
	l, a := &p.rec.Logo, &p.rec.Evidence
	switch {
	case !l.Given && !p.broken:
		p.add("bimi-l-missing", "", all, nil)
	case !l.Given:
	case p.rec.declined():
		p.add("bimi-declined", "", all, nil)
	case l.Text == "":
		p.add("bimi-l-empty", "", all, check.Params{"URI": a.Text})
	case a.Text == "":
		p.add("bimi-a-missing", "", all, nil)
	}
}

// httpsURI reads one absolute https URI with a host name. The fault is the
// variant of the rule that reports it, "" for none.
func httpsURI(text string) (*url.URL, string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || !strings.EqualFold(u.Scheme, "https"):
		return nil, "scheme"
	case u.User != nil || u.Opaque != "":
		return nil, "host"
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return nil, "host" // an address is no name that a certificate is checked against
	}
	if n, err := dns.ParseDomain(host); err != nil || n == dns.Root || !strings.Contains(n.String(), ".") {
		return nil, "host"
	}
	return u, ""
}
