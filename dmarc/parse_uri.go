package dmarc

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

var (
	uriStart   = regexp.MustCompile(`^(?i:mailto|mail|https?)\s*:`)
	uriScheme  = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*):`)
	sizeSuffix = regexp.MustCompile(`^[0-9]+[kmgtKMGT]?$`) // RFC 7489 §6.2
	hostText   = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*$`)
	nearMailto = regexp.MustCompile(`^(?i:mail|mailto|email|maito|mailt|malto)\s*[:=;]\s*`)
)

// continuesList tells whether an element after rua or ruf is an address that
// was meant to stand in that list.
func (p *parser) continuesList(body string, eq int) bool {
	if len(p.rec.Tags) == 0 || !p.rec.Valid {
		return false
	}
	last := p.rec.Tags[len(p.rec.Tags)-1]
	if last.Name != "rua" && last.Name != "ruf" {
		return false
	}
	at := strings.IndexByte(body, '@')
	return uriStart.MatchString(body) || at > 0 && (eq < 0 || at < eq)
}

// listSeparator reports an address behind a semicolon, where a comma belongs.
func (p *parser) listSeparator(e check.Span) {
	text := p.rec.Text
	last := p.rec.Tags[len(p.rec.Tags)-1]
	if nearMailto.MatchString(last.Value+":") && !strings.ContainsAny(last.Value, "@,") {
		return // "mailto;a@example.com": uris says so
	}
	semi := strings.LastIndexByte(text[:e.Start], ';')
	addr := text[e.Start:e.End]
	if !uriStart.MatchString(addr) {
		addr = "mailto:" + addr
	}
	head := strings.TrimRight(text[:semi], spaces)
	p.add(Problem{Rule: "dmarc-uri-list-separator", Tag: last.Name, Span: span(semi, e.End),
		Params: check.Params{"Tag": last.Name, "URI": text[e.Start:e.End]}, Fixed: head + "," + addr + text[e.End:]})
}

// uris reads the URI lists of the first rua and the first ruf.
func (p *parser) uris() {
	for _, name := range []string{"rua", "ruf"} {
		t := p.rec.Tag(name)
		if t == nil || t.Value == "" {
			continue
		}
		l := &uriList{parser: p, tag: t}
		l.read()
		l.severities()
		l.counts()
		if name == "rua" {
			p.rec.RUA = l.uris
		} else {
			p.rec.RUF = l.uris
		}
	}
}

type uriList struct {
	*parser
	tag      *Tag
	uris     []URI
	problems []Problem
}

// read splits on commas only (RFC 9989 §4.8) and judges each item.
func (l *uriList) read() {
	text := l.rec.Text
	start := l.tag.value.Start
	end := l.tag.value.End
	// What follows a wrong separator is another tag, reported as such.
	if m := wrongSeparator.FindStringIndex(l.tag.Value); m != nil {
		end = start + m[0]
	}
	for i := start; i <= end; i++ {
		if i < end && text[i] != ',' {
			continue
		}
		item := trim(text, span(start, i), spaces)
		start = i + 1
		u, problem := l.one(item)
		l.uris = append(l.uris, u)
		if problem != nil {
			problem.Tag = l.tag.Name
			if problem.Params == nil {
				problem.Params = check.Params{}
			}
			problem.Params["Tag"] = l.tag.Name
			problem.Params["URI"] = text[item.Start:item.End]
			l.problems = append(l.problems, *problem)
		}
	}
}

// one reads one item of the list.
func (l *uriList) one(at check.Span) (URI, *Problem) {
	text := l.rec.Text
	u := URI{Tag: l.tag.Name, Text: text[at.Start:at.End], Span: at}
	malformed := func(reason, repl string) (URI, *Problem) {
		x := &Problem{Rule: "dmarc-uri-malformed", Span: at, Params: check.Params{"Reason": reason}}
		if repl != "" {
			x.Fixed = splice(text, at, repl)
		}
		return u, x
	}
	body := u.Text
	if body == "" {
		x := &Problem{Rule: "dmarc-uri-malformed", Span: at, Params: check.Params{"Reason": "empty"}}
		x.Fixed = splice(text, l.tag.value, strings.Join(nonEmpty(strings.Split(l.tag.Value, ",")), ","))
		return u, x
	}
	if m := missingSeparator.FindStringIndex(body); m != nil {
		// "rua=mailto:a@example.com ruf=…": a semicolon was forgotten.
		return malformed("space", body[:m[0]]+"; "+strings.TrimLeft(body[m[0]:], " \t"))
	}
	if parts := strings.Fields(body); len(parts) > 1 {
		if allAddresses(parts) {
			for i := range parts {
				if !uriStart.MatchString(parts[i]) {
					parts[i] = "mailto:" + parts[i]
				}
			}
			return u, &Problem{Rule: "dmarc-uri-list-separator", Span: at, Fixed: splice(text, at, strings.Join(parts, ","))}
		}
		return malformed("space", fixAddress(strings.Join(parts, "")))
	}
	if strings.HasPrefix(body, "<") || strings.HasSuffix(body, ">") {
		return malformed("brackets", fixAddress(strings.Trim(body, "<>")))
	}
	m := uriScheme.FindStringSubmatch(body)
	if m == nil || nearMailto.MatchString(body) && !strings.EqualFold(m[1], "mailto") {
		return u, l.noScheme(at)
	}
	u.Scheme = strings.ToLower(m[1])
	rest := body[len(m[0]):]
	if u.Scheme != "mailto" {
		return l.otherScheme(u, rest, malformed)
	}
	return l.mailto(u, rest, malformed)
}

func (l *uriList) mailto(u URI, rest string, malformed func(string, string) (URI, *Problem)) (URI, *Problem) {
	if strings.HasPrefix(rest, "//") {
		return malformed("slashes", fixAddress(rest[2:]))
	}
	addr, query, hasQuery := strings.Cut(rest, "?")
	size := &addr
	if hasQuery {
		size = &query
	}
	at := strings.LastIndexByte(addr, '@')
	if i := strings.LastIndexByte(*size, '!'); i >= 0 && (hasQuery || i > at) {
		if !sizeSuffix.MatchString((*size)[i+1:]) {
			return malformed("exclamation", "")
		}
		u.Size = (*size)[i+1:]
		*size = (*size)[:i]
		u.Text = u.Text[:len(u.Text)-len(u.Size)-1]
	}
	local, host, _ := strings.Cut(addr, "@")
	switch {
	case !strings.Contains(addr, "@"):
		return malformed("no-at", "")
	case strings.Count(addr, "@") > 1:
		return malformed("several-at", "")
	case strings.Contains(local, "!"):
		return malformed("exclamation", "mailto:"+strings.ReplaceAll(local, "!", "%21")+"@"+host)
	case local == "":
		return malformed("no-local", "")
	case strings.HasSuffix(host, ".") && hostText.MatchString(strings.TrimRight(host, ".")):
		return malformed("final-dot", strings.Replace(u.Text, host, strings.TrimRight(host, "."), 1))
	case !hostText.MatchString(host) || dns.FromText(host).Check() != nil:
		return malformed("host", "")
	case strings.ContainsAny(local, "<>()[]\\,:") || !printable(rest):
		return malformed("characters", "")
	}
	u.Host, u.Valid = dns.FromText(host), true
	if u.Size != "" {
		return u, &Problem{Rule: "dmarc-uri-size-limit", Span: u.Span, Params: check.Params{"Size": u.Size}, Fixed: splice(l.rec.Text, u.Span, u.Text)}
	}
	return u, nil
}

// otherScheme judges what is not mailto: allowed, and supported by nearly
// nobody, so that reporters must ignore it (RFC 9989 §4.7).
func (l *uriList) otherScheme(u URI, rest string, malformed func(string, string) (URI, *Problem)) (URI, *Problem) {
	if _, err := url.Parse(u.Text); err != nil || rest == "" || !printable(rest) {
		return malformed("characters", "")
	}
	if parsed, err := url.Parse(u.Text); err == nil && hostText.MatchString(parsed.Hostname()) {
		u.Host = dns.FromText(parsed.Hostname())
	}
	if (u.Scheme == "http" || u.Scheme == "https") && u.Host == "" {
		return malformed("host", "")
	}
	u.Valid = true
	return u, &Problem{Rule: "dmarc-uri-scheme", Span: u.Span, Params: check.Params{"Scheme": u.Scheme}}
}

// noScheme reports an address without "mailto:"; behind one that has it, it is
// the list's habit of other programs.
func (l *uriList) noScheme(at check.Span) *Problem {
	text := l.rec.Text
	x := &Problem{Rule: "dmarc-uri-no-scheme", Span: at}
	body := text[at.Start:at.End]
	if fixed := fixAddress(body); fixed != "" {
		x.Fixed = splice(text, at, fixed)
	} else if nearMailto.MatchString(body + ":") {
		// "rua=mailto;a@example.com": the address lies behind the semicolon.
		next := strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(text[at.End:], spaces), ";"), spaces)
		if addr, _, _ := strings.Cut(next, ";"); strings.Contains(addr, "@") {
			x.Fixed = text[:at.Start] + "mailto:" + next
		}
	}
	for _, u := range l.uris {
		if u.Scheme == "mailto" {
			x.Rule = "dmarc-uri-second-without-mailto"
		}
	}
	return x
}

// severities makes a fault an error where no URI of the tag is left.
func (l *uriList) severities() {
	valid := false
	for _, u := range l.uris {
		valid = valid || u.Valid
	}
	for _, x := range l.problems {
		if !valid && (x.Rule == "dmarc-uri-no-scheme" || x.Rule == "dmarc-uri-malformed") {
			x.Variant = "only"
		}
		l.add(x)
	}
}

// counts reports an address that stands twice, and long lists.
func (l *uriList) counts() {
	seen := map[string]bool{}
	valid := 0
	for i, u := range l.uris {
		if !u.Valid {
			continue
		}
		valid++
		key := strings.ToLower(u.Text)
		if seen[key] {
			keep := make([]string, 0, len(l.uris))
			for j, v := range l.uris {
				if j != i {
					keep = append(keep, l.rec.Text[v.Span.Start:v.Span.End])
				}
			}
			l.add(Problem{Rule: "dmarc-uri-duplicate", Tag: l.tag.Name, Span: u.Span,
				Params: check.Params{"Tag": l.tag.Name, "URI": u.Text}, Fixed: splice(l.rec.Text, l.tag.value, strings.Join(keep, ","))})
		}
		seen[key] = true
	}
	if valid > 2 {
		l.add(Problem{Rule: "dmarc-uri-many", Tag: l.tag.Name, Span: l.tag.Span, Params: check.Params{"Tag": l.tag.Name, "Count": valid}})
	}
}

// fixAddress is the mailto URI that a text was meant as, "" when it holds no address.
func fixAddress(s string) string {
	s = nearMailto.ReplaceAllString(s, "")
	s = strings.TrimPrefix(s, "//")
	local, host, ok := strings.Cut(s, "@")
	if !ok || local == "" || !hostText.MatchString(host) || !printable(local) {
		return ""
	}
	return "mailto:" + s
}

func allAddresses(parts []string) bool {
	for _, s := range parts {
		if !strings.Contains(s, "@") {
			return false
		}
	}
	return true
}

func nonEmpty(items []string) []string {
	var out []string
	for _, s := range items {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
