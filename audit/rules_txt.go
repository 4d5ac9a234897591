package audit

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/bimi"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/mtasts"
	"github.com/postseal/postseal/spf"
	"github.com/postseal/postseal/tlsrpt"
)

// txtRules judge how texts were cut into character-strings.
var txtRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: splitSpaceID, Standard: check.MX, Severity: check.Warning,
			Title:    "a space inside a key or a word, where a TXT record was cut",
			Variants: []check.Variant{{Name: "key", Severity: check.Notice}, {Name: "breaks", Severity: check.Error}},
			Refs:     []check.Ref{check.RFC(7208, "3.3"), check.RFC(6376, "3.6.2.2")},
			Doc: `A long TXT record is published in several strings, which readers join with nothing in between. Here one string ends, or the next
begins, with a space that lands in the middle of a word: a name, an address or a key in base64. The value is no longer what was
meant. Spaces between the terms of SPF, or after a semicolon elsewhere, are ordinary and not meant here. In a DKIM key the standard
allows the space, but not every program takes it out.

**Fix:** take the space out of the end of one string or the beginning of the next.

Before:

    _dmarc.example.com.  TXT  "v=DMARC1; p=quaran " "tine"

After:

    _dmarc.example.com.  TXT  "v=DMARC1; p=quaran" "tine"`,
		},
		Run: func(f *Facts, r *check.Reporter) {
			for _, t := range f.policyTexts() {
				at, end := t.splitSpace()
				if at < 0 {
					continue
				}
				start, stop := wordAround(t.text(), at, end)
				find := check.Finding{Subject: t.name.String(), Scope: t.name.String(), Record: t.text(), Span: &check.Span{Start: start, End: stop},
					Params: check.Params{"Name": t.name.String(), "Word": t.text()[start:stop]}}
				if t.key(at) {
					find.Variant, find.Params["Word"] = "key", "p="
				}
				if t.name.IsUnder(f.Domain) {
					find.Fix = &check.Fix{Records: []check.RecordChange{{Name: t.name.FQDN(), Type: "TXT", Old: []string{t.text()}, New: []string{t.text()[:at] + t.text()[end:]}}}}
				}
				r.Report(find)
			}
		},
	},
}

const splitSpaceID = "dns-txt-split-space"

// policyText is one record that is a policy or a key, with its strings unjoined.
type policyText struct {
	name     dns.Name
	standard check.Standard
	strings  []string
	problems func(string) []check.Span // of a text; the zero span stands for the whole
	tags     []string                  // whose values hold no spaces; none for SPF
}

func (t *policyText) text() string { return strings.Join(t.strings, "") }

// policyTexts are the records found where the standards look for them. A text
// that holds a private key is left to the rules that hide it.
func (f *Facts) policyTexts() []policyText {
	var list []policyText
	add := func(l *dns.Lookup, standard check.Standard, version string, tags string, problems func(string) []check.Span) {
		for _, rec := range l.Records() {
			text := strings.ToLower(strings.Join(strings.Fields(rec.Text()), ""))
			if len(rec.Strings) > 1 && strings.HasPrefix(text, version) && !dkim.HoldsPrivateKey(rec.Text()) {
				list = append(list, policyText{l.Answer.Owner(), standard, rec.Strings, problems, strings.Fields(tags)})
			}
		}
	}
	add(&f.SPF.Lookup, check.SPF, "v=spf1", "", func(text string) (out []check.Span) {
		_, list := spf.Parse(text)
		for _, p := range list {
			out = append(out, p.Term)
		}
		return out
	})
	for _, s := range f.DMARC.Steps {
		if s.Name == f.Domain {
			add(&s.Lookup, check.DMARC, "v=dmarc1", "v p sp np rua ruf fo adkim aspf pct ri t psd", func(text string) (out []check.Span) {
				_, list := dmarc.Parse(text)
				for _, p := range list {
					out = append(out, p.Span)
				}
				return out
			})
		}
	}
	for _, s := range f.DKIM.Selectors {
		add(&s.Lookup, check.DKIM, "", "v k h s t p", func(text string) (out []check.Span) {
			_, list := dkim.ParseKey(text)
			for _, p := range list {
				out = append(out, p.Span)
			}
			return out
		})
	}
	add(&f.MTASTS.Lookup, check.MTASTS, "v=stsv1", "v id", func(text string) (out []check.Span) {
		_, list := mtasts.ParseRecord(text)
		for _, p := range list {
			out = append(out, span(p.Span))
		}
		return out
	})
	add(&f.TLSRPT.Lookup, check.TLSRPT, "v=tlsrptv1", "v rua", func(text string) (out []check.Span) {
		_, list := tlsrpt.Parse(text)
		for _, p := range list {
			out = append(out, span(p.Span))
		}
		return out
	})
	add(&f.BIMI.Lookup, check.BIMI, "v=bimi1", "v l a avp lps", func(text string) (out []check.Span) {
		_, list := bimi.Parse(text)
		for _, p := range list {
			out = append(out, span(p.Span))
		}
		return out
	})
	return list
}

func span(s *check.Span) check.Span {
	if s == nil {
		return check.Span{}
	}
	return *s
}

// splitSpace is the first white space where strings meet that breaks a word; -1
// without one. A space is only taken for a slip where the record without it has
// fewer problems, and none in the word that then stands there.
func (t *policyText) splitSpace() (start, end int) {
	text, off := t.text(), 0
	had := -1
	for _, s := range t.strings[:len(t.strings)-1] {
		off += len(s)
		start, end = off, off
		for start > 0 && blank(text[start-1]) {
			start--
		}
		for end < len(text) && blank(text[end]) {
			end++
		}
		if start == end || start == 0 || end == len(text) || !t.inWord(text, start, end) {
			continue
		}
		if t.key(start) {
			return start, end
		}
		if had < 0 {
			had = len(t.problems(text))
		}
		left := t.problems(text[:start] + text[end:])
		if len(left) < had && !slices.ContainsFunc(left, func(s check.Span) bool { return s.Start < start && start < s.End }) {
			return start, end
		}
	}
	return -1, -1
}

// key tells whether an offset lies in the key of a DKIM record, in which white
// space is no problem of the text (RFC 6376 §3.6.1).
func (t *policyText) key(at int) bool { return t.standard == check.DKIM && tagAt(t.text(), at) == "p" }

// inWord tells whether the white space parts what may be one word.
func (t *policyText) inWord(text string, start, end int) bool {
	const inner = "+/._-@%:~?="
	word := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte(inner, c) >= 0
	}
	if !word(text[start-1]) || !word(text[end]) {
		return false
	}
	if len(t.tags) == 0 {
		return true
	}
	if text[start-1] == '=' || text[start-1] == ':' || !slices.Contains(t.tags, tagAt(text, start)) {
		return false // between name and value, or in a value that may hold spaces
	}
	next, _, _ := strings.Cut(text[end:], ";")
	name, value, eq := strings.Cut(next, "=")
	if eq && slices.Contains(t.tags, strings.ToLower(strings.TrimSpace(name))) && strings.Trim(value, "= ") != "" {
		return false // a semicolon is missing, not a space too many
	}
	return !strings.Contains(next[:min(len(next), 8)], ":") // the next address of a list
}

// tagAt is the name of the tag that an offset lies in, "" before its "=".
func tagAt(text string, at int) string {
	from := strings.LastIndexByte(text[:at], ';') + 1
	name, _, eq := strings.Cut(text[from:at], "=")
	if !eq {
		return ""
	}
	return strings.ToLower(strings.TrimSpace(name))
}

func wordAround(text string, start, end int) (from, to int) {
	for start > 0 && !blank(text[start-1]) && text[start-1] != ';' {
		start--
	}
	for end < len(text) && !blank(text[end]) && text[end] != ';' {
		end++
	}
	return start, end
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// explainSplits puts what is said of a word below the space that broke it.
// Which rules that are depends on the word, so that no rule can name them.
func explainSplits(results []check.Result) {
	at := slices.IndexFunc(results, func(r check.Result) bool { return r.Rule.ID == splitSpaceID })
	if at < 0 {
		return
	}
	split := &results[at]
	for i := range split.Findings {
		root := &split.Findings[i]
		// Readers take spaces out of a key: what is wrong with it is wrong without them too, and taking the
		// space out would mend nothing.
		if root.Variant == "key" {
			continue
		}
		for j := range results {
			res := &results[j]
			if j == at || len(res.Findings) == 0 {
				continue
			}
			var kept []check.Finding
			for _, f := range res.Findings {
				if f.Record != root.Record || f.Span == nil || f.Span.End <= root.Span.Start || f.Span.Start >= root.Span.End {
					kept = append(kept, f)
					continue
				}
				if res.Rule.SeverityOf(&f) == check.Error {
					root.Variant, split.Severity = "breaks", check.Error
				}
				root.Consequences = append(root.Consequences, check.Consequence{Rule: res.Rule.ID, Finding: f})
			}
			if len(kept) == 0 {
				res.Status = check.NotApplicable
				res.Causes = append(res.Causes, check.Cause{Code: "explained-by", Params: check.Params{"Rule": splitSpaceID}})
			}
			res.Findings = kept
		}
	}
}
