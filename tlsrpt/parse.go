package tlsrpt

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/tlsfields"
)

// fatal are the rules whose findings make the whole record void.
var fatal = []string{"tlsrpt-record-syntax", "tlsrpt-rua-missing", "tlsrpt-rua-empty", "tlsrpt-rua-whitespace"}

func hasFatal(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool {
		// A raw semicolon makes a field that is none; other raw characters spoil their URI only.
		return slices.Contains(fatal, p.Rule) || p.Rule == "tlsrpt-rua-unencoded" && p.Variant == "semicolon"
	})
}

// Parse reads the text of one candidate. It never stops: the record is what
// could be understood, the problems say what could not.
func Parse(text string) (*Record, []Problem) {
	p := &parser{text: text, rec: &Record{}}
	if spaced, ok := version.Candidate(text); spaced && ok {
		p.add("tlsrpt-record-version-delimiter", "", check.Span{Start: len(version), End: strings.IndexByte(text, ';')}, nil)
	}
	fields, tail := version.Fields(text)
	for i := range fields {
		p.field(&fields[i], i > 0 && fields[i-1].Name == "rua")
	}
	if tail != nil {
		p.add("tlsrpt-record-syntax", "tail", *tail, nil)
		p.broken = true
	}
	if p.ruas == 0 && !p.broken {
		p.problems = append(p.problems, Problem{Rule: "tlsrpt-rua-missing", Params: check.Params{}})
	}
	p.duplicates()
	return p.rec, p.problems
}

type parser struct {
	text     string
	rec      *Record
	problems []Problem
	ruas     int
	broken   bool
}

func (p *parser) add(rule, variant string, span check.Span, params check.Params) {
	if params == nil {
		params = check.Params{}
	}
	p.problems = append(p.problems, Problem{Rule: rule, Variant: variant, Span: &span, Params: params})
}

// field reads one field; after tells that it follows a rua field.
func (p *parser) field(f *tlsfields.Field, after bool) {
	syntax := func(variant string) {
		p.broken = true
		p.add("tlsrpt-record-syntax", variant, f.Span, check.Params{"Field": f.Name})
	}
	switch {
	case f.Empty:
		syntax("empty")
	case (f.NoEquals || f.BadName) && after:
		// A raw semicolon inside a URI looks like the start of the next field.
		p.broken = true
		p.add("tlsrpt-rua-unencoded", "semicolon", f.Span, check.Params{"Text": p.text[f.Span.Start:f.Span.End]})
	case f.NoEquals:
		syntax("equals")
	case f.Space && f.Name == "rua" && p.text[f.Span.Start+len("rua")] == '=':
		p.ruas++
		p.add("tlsrpt-rua-whitespace", "", f.ValueSpan, nil)
	case f.Space:
		syntax("space")
	case f.BadName:
		syntax("name")
	case f.Name == "rua": // case-sensitive: "RUA" is an extension
		p.ruas++
		if p.ruas > 1 {
			p.add("tlsrpt-rua-repeated", "", f.Span, nil)
		}
		p.list(f)
	case !tlsfields.IsValue(f.Value):
		syntax("value")
	default:
		p.rec.Extensions = append(p.rec.Extensions, *f)
		p.add("tlsrpt-record-extension", "", f.Span, check.Params{"Field": f.Name, "Value": f.Value})
	}
}

// list reads uri *(*WSP "," *WSP uri) (RFC 8460 §3).
func (p *parser) list(f *tlsfields.Field) {
	at := f.ValueSpan.Start
	var prev *URI
	for i, part := range strings.Split(f.Value, ",") {
		start := at
		at += len(part) + 1
		trimmed := strings.TrimLeft(part, " \t")
		start += len(part) - len(trimmed)
		trimmed = strings.TrimRight(trimmed, " \t")
		span := check.Span{Start: start, End: start + len(trimmed)}
		if trimmed == "" {
			// The comma is shown, an empty span would show nothing.
			p.add("tlsrpt-rua-empty", "", check.Span{Start: max(start-1, f.Span.Start), End: start}, nil)
			continue
		}
		u := p.uri(trimmed, span, i > 0, prev)
		p.rec.RUA = append(p.rec.RUA, u)
		prev = &p.rec.RUA[len(p.rec.RUA)-1]
	}
}

var (
	schemeLike = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*):`)
	sizeSuffix = regexp.MustCompile(`![0-9]+[kmgtKMGT]?$`)
)

func (p *parser) uri(text string, span check.Span, follows bool, prev *URI) URI {
	u := URI{Text: text, Span: span}
	report := func(rule, variant string, params check.Params) {
		u.faulty = true
		if params == nil {
			params = check.Params{}
		}
		params["URI"] = text
		p.add(rule, variant, span, params)
		p.problems[len(p.problems)-1].Scope = fmt.Sprintf("uri:%d", span.Start)
	}
	if strings.ContainsAny(text, " \t") {
		report("tlsrpt-rua-whitespace", "", nil)
		return u
	}
	m := schemeLike.FindStringSubmatch(text)
	if m == nil {
		if follows && prev != nil && p.splitByComma(text, prev) {
			report("tlsrpt-rua-unencoded", "comma", nil)
			return u
		}
		report("tlsrpt-rua-scheme", "bare", nil)
		return u
	}
	u.Scheme = strings.ToLower(m[1]) // RFC 3986 §3.1: schemes have no case
	if u.Scheme != "mailto" && u.Scheme != "https" {
		report("tlsrpt-rua-scheme", "", check.Params{"Scheme": u.Scheme})
		return u
	}
	rest := text[len(m[0]):]
	switch {
	case sizeSuffix.MatchString(rest):
		report("tlsrpt-rua-size-suffix", "", check.Params{"Suffix": sizeSuffix.FindString(rest)})
		rest = sizeSuffix.ReplaceAllString(rest, "")
	case strings.Contains(rest, "!"):
		report("tlsrpt-rua-unencoded", "", nil)
	}
	if u.Scheme == "mailto" {
		addr, query, has := strings.Cut(rest, "?")
		if !u.mailto(addr) {
			report("tlsrpt-rua-mailto-invalid", "", nil)
		}
		if has {
			p.add("tlsrpt-rua-mailto-fields", "", span, check.Params{"URI": text, "Query": query})
		}
	} else if !u.https(text) {
		report("tlsrpt-rua-scheme", "https", nil)
	}
	return u
}

// splitByComma tells whether a part without scheme is the rest of the URI
// before it: that one is a mailto without "@", or this one is no address.
func (p *parser) splitByComma(text string, prev *URI) bool {
	cut := prev.Scheme == "mailto" && !strings.Contains(prev.Text, "@")
	if cut {
		// What was said about the first half is the same defect.
		p.problems = slices.DeleteFunc(p.problems, func(pr Problem) bool {
			return pr.Rule == "tlsrpt-rua-mailto-invalid" && pr.Span != nil && *pr.Span == prev.Span
		})
	}
	return cut || !strings.Contains(text, "@")
}

// mailto reads one addr-spec (RFC 6068 §2). The local part is kept decoded.
func (u *URI) mailto(addr string) bool {
	for i := 0; i < len(addr); i++ {
		if addr[i] >= 0x80 || addr[i] <= 0x20 {
			return false // RFC 6068 §2: beyond ASCII only percent-encoded
		}
	}
	plain, err := url.PathUnescape(addr)
	if err != nil || !utf8.ValidString(plain) {
		return false
	}
	i := strings.LastIndexByte(plain, '@')
	if i <= 0 {
		return false
	}
	local := plain[:i]
	quoted := len(local) > 2 && local[0] == '"' && local[len(local)-1] == '"'
	if !quoted && (strings.ContainsAny(local, "@ \t,;:<>()[]\\\"") || strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..")) {
		return false
	}
	for _, r := range local {
		if r < 0x20 || r == 0x7f {
			return false
		}
	}
	host, err := dns.ParseDomain(plain[i+1:])
	if err != nil || strings.HasSuffix(plain, ".") {
		return false
	}
	u.Local, u.Host = local, host
	return true
}

func (u *URI) https(text string) bool {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Hostname() == "" {
		return false
	}
	if a, err := netip.ParseAddr(parsed.Hostname()); err == nil {
		u.Host = dns.Name(a.String())
		return true
	}
	host, err := dns.ParseDomain(parsed.Hostname())
	u.Host = host
	return err == nil
}

// literalAddr tells whether an HTTPS host is an address, which nobody resolves.
func literalAddr(n dns.Name) (netip.Addr, bool) {
	a, err := netip.ParseAddr(n.String())
	return a, err == nil
}

// normal is the URI in the form that others of the same meaning have, too.
func (u *URI) normal() string {
	if u.Scheme == "https" {
		if parsed, err := url.Parse(u.Text); err == nil {
			parsed.Scheme, parsed.Host = "https", strings.ToLower(parsed.Host)
			return parsed.String()
		}
	}
	return "mailto:" + u.Local + "@" + u.Host.String()
}

// duplicates reports URIs that are the same after normalisation.
func (p *parser) duplicates() {
	seen := map[string]bool{}
	for i := range p.rec.RUA {
		u := &p.rec.RUA[i]
		if !u.usable() {
			continue
		}
		key := u.normal()
		if seen[key] {
			p.add("tlsrpt-rua-duplicate", "", u.Span, check.Params{"URI": u.Text})
		}
		seen[key] = true
	}
}
