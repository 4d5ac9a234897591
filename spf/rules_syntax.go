package spf

import (
	"strings"

	"github.com/postseal/postseal/check"
)

// syntaxRules say what Parse found in the text of the one record: the parser
// gives each problem its rule. All of them share one function.
var syntaxRules = []check.Rule[*Facts]{
	syntax("spf-syntax-error", check.Error, "a term that SPF does not know how to read", rfc("4.6", "12"),
		`A word of the record matches none of the forms that RFC 7208 allows, and no more precise rule applies. Receivers
must answer permerror for every message, wherever the word stands: also behind "all".

Remove the word or write the term that was meant.

    before: v=spf1 mx =example.com -all
    after:  v=spf1 mx a:example.com -all
`),
	syntax("spf-unknown-mechanism", check.Error, "a mechanism that does not exist", rfc("4.6.1", "5"),
		`SPF has eight mechanisms: all, include, a, mx, ptr, ip4, ip6 and exists. Any other name without "=" is a syntax
error and the whole record gives permerror. Usual causes are ipv4: for ip4:, a misspelt include:, and an address or
host name with nothing in front.

Write the mechanism that was meant.

    before: v=spf1 ipv4:5.6.7.8 inlcude:_spf.example.net -all
    after:  v=spf1 ip4:5.6.7.8 include:_spf.example.net -all
`),
	syntax("spf-mechanism-written-as-modifier", check.Error, "a mechanism written with an equals sign", rfc("6"),
		`A word with "=" is a modifier, and receivers ignore modifiers they do not know. include=… is therefore valid and
does nothing: the senders it should authorise are not authorised. Nothing fails loudly, so the mistake can stay for
years.

Use a colon.

    before: v=spf1 include=_spf.example.net -all
    after:  v=spf1 include:_spf.example.net -all
`),
	syntax("spf-modifier-written-as-mechanism", check.Error, "redirect or exp written with a colon", rfc("4.6.1"),
		`redirect and exp are modifiers and take an equals sign. With a colon they read as mechanisms that do not exist, so
the whole record gives permerror.

Use an equals sign.

    before: v=spf1 redirect:_spf.example.net
    after:  v=spf1 redirect=_spf.example.net
`),
	syntax("spf-unknown-modifier", check.Notice, "a modifier that nobody reads", rfc("6"),
		`A word of the form name=value whose name is neither redirect nor exp is legal and ignored by everyone. Most often it
is a leftover; when the name is close to redirect or exp it is a misspelling, and then the policy it should point to is
lost without any error.

Delete it, or correct the name.

    before: v=spf1 redirct=_spf.example.net
    after:  v=spf1 redirect=_spf.example.net
`, check.Variant{Name: "typo", Severity: check.Warning}),
	syntax("spf-unknown-modifier-bad-macro", check.Error, "an unknown modifier with a broken macro", rfc("7.1", "12"),
		`Unknown modifiers are ignored, but their value must still be a valid macro string. A "%" that starts no macro is a
syntax error, and the whole record gives permerror because of a word that nobody would have read.

Delete the modifier, or write the percent sign as "%%".

    before: v=spf1 mx note=100% -all
    after:  v=spf1 mx -all
`),
	syntax("spf-qualifier-on-modifier", check.Error, "a sign in front of a modifier", rfc("4.6.1", "12"),
		`The signs + - ~ and ? belong to mechanisms. In front of redirect=, exp= or any other modifier they are a syntax
error: permerror for every message.

Remove the sign.

    before: v=spf1 mx -redirect=_spf.example.net
    after:  v=spf1 mx redirect=_spf.example.net
`),
	syntax("spf-double-qualifier", check.Error, "two signs in front of one term", rfc("12"),
		`A mechanism takes one sign. Two, as in "--all" or "+-all", are a syntax error and make the whole record a permerror;
"--all" is often left behind by a word processor.

Keep one sign.

    before: v=spf1 mx --all
    after:  v=spf1 mx -all
`),
	syntax("spf-semicolon", check.Error, "a semicolon in the SPF record", rfc("4.6.1", "12"),
		`DKIM and DMARC separate their tags with semicolons; SPF separates terms with spaces only. A semicolon becomes part
of the word before it, so "-all;" is not "all" and "example.com;" is not a name that exists.

Use spaces, and nothing at the end.

    before: v=spf1 mx a ~all;
    after:  v=spf1 mx a ~all
`),
	syntax("spf-comma", check.Error, "a comma between or behind terms", rfc("12"),
		`SPF has no lists: each address and each include is a term of its own, separated by spaces. A comma becomes part of
the word before it and in nearly all places makes the record a permerror.

Write one term per item, separated by spaces.

    before: v=spf1 ip4:5.6.7.8,5.6.7.9 -all
    after:  v=spf1 ip4:5.6.7.8 ip4:5.6.7.9 -all
`),
	syntax("spf-glued-all", check.Error, "no space before the final all", rfc("12"),
		`The sign of "all" sticks to the term before it. What results is neither term: permerror for every message, and the
record has no "all".

Put a space in front of the sign.

    before: v=spf1 include:_spf.example.net~all
    after:  v=spf1 include:_spf.example.net ~all
`),
	syntax("spf-glued-all-swallowed", check.Error, "the final all has become part of a host name", rfc("7.1"),
		`A hyphen is legal in a host name, so "include:_spf.example.com-all" is valid syntax: it asks for a name that ends in
"com-all". That name does not exist, so the include fails with permerror, and the record has no "all" either. Checkers
that only know the grammar let this pass.

Put a space in front of "-all".

    before: v=spf1 include:_spf.example.com-all
    after:  v=spf1 include:_spf.example.com -all
`),
	syntax("spf-empty-argument", check.Error, "a term with nothing behind its colon or equals sign", rfc("5", "6"),
		`The term ends where its value should begin. "a:" is not "a", and "redirect=" points nowhere: each is a syntax error
and the whole record gives permerror.

Fill in the value, or remove the term.

    before: v=spf1 a: include:_spf.example.net -all
    after:  v=spf1 a include:_spf.example.net -all
`),
	syntax("spf-missing-argument", check.Error, "a term without the value it needs", rfc("5.2", "5.6", "5.7"),
		`include, exists, ip4, ip6, redirect and exp mean nothing without a value. Standing alone they are a syntax error
and the whole record gives permerror.

Give the value, or remove the term.

    before: v=spf1 mx include -all
    after:  v=spf1 mx include:_spf.example.net -all
`),
	syntax("spf-space-inside-term", check.Error, "a space inside a term", rfc("12"),
		`A space ends a term. In "ip4: 5.6.7.8" the first word has no value and the second is no mechanism, so the whole
record gives permerror. When a provider's instructions have the space, all of its customers are hit.

Remove the space.

    before: v=spf1 ip4: 5.6.7.8 mx -all
    after:  v=spf1 ip4:5.6.7.8 mx -all
`),
	syntax("spf-all-with-argument", check.Error, "all with something behind it", rfc("5.1"),
		`"all" takes no value, no length and no full stop. "-all." at the end of a sentence pasted from a manual is a syntax
error: permerror for every message.

Write it bare.

    before: v=spf1 mx -all.
    after:  v=spf1 mx -all
`),
	syntax("spf-ip4-invalid", check.Error, "ip4 without a valid IPv4 address", rfc("5.6", "12"),
		`ip4 takes four decimal octets and, if wanted, a prefix length: no host name, port, range, wildcard or net mask, no
leading zeros, and not fewer than four octets. Anything else is a syntax error and the whole record gives permerror.

Write the address, or the network in CIDR form.

    before: v=spf1 ip4:5.6.7.0/255.255.255.0 -all
    after:  v=spf1 ip4:5.6.7.0/24 -all
`),
	syntax("spf-ip6-invalid", check.Error, "ip6 without a valid IPv6 address", rfc("5.6"),
		`ip6 takes an IPv6 address in its usual text form and, if wanted, a prefix length: no brackets, no zone, at most one
"::". Anything else is a syntax error and the whole record gives permerror.

Write the bare address.

    before: v=spf1 ip6:[2a01:4f8::25] -all
    after:  v=spf1 ip6:2a01:4f8::25 -all
`),
	syntax("spf-ip-family-swapped", check.Error, "an address of the other IP version", rfc("5.6"),
		`ip4 holds an IPv6 address, or ip6 an IPv4 one. The two mechanisms do not stand in for each other: this is a syntax
error and the whole record gives permerror.

Use the mechanism that fits the address.

    before: v=spf1 ip4:2a01:4f8::25 -all
    after:  v=spf1 ip6:2a01:4f8::25 -all
`),
	syntax("spf-ip6-mapped", check.Warning, "an IPv4-mapped address that never matches", rfc("5"),
		`Receivers treat a client with an IPv4-mapped address (::ffff:a.b.c.d) as the IPv4 client it is, and compare it with
ip4 terms only. An ip6 term inside ::ffff:0:0/96 is valid and can never match anybody.

Write it as ip4.

    before: v=spf1 ip6:::ffff:5.6.7.8 -all
    after:  v=spf1 ip4:5.6.7.8 -all
`),
	syntax("spf-cidr-invalid", check.Error, "a prefix length that is not valid", rfc("5.3", "5.6", "12"),
		`An IPv4 length runs from 0 to 32, an IPv6 length from 0 to 128, without leading zeros. a and mx take the IPv6 length
behind two slashes; ip4 and ip6 take one length only. Anything else is a syntax error: permerror for every message.

Correct the length.

    before: v=spf1 a/24/64 -all
    after:  v=spf1 a/24//64 -all
`),
	syntax("spf-cidr-not-allowed", check.Error, "a prefix length where none may stand", rfc("5.2", "5.5", "5.7"),
		`Only ip4, ip6, a and mx take a prefix length. Behind include, exists or ptr it becomes part of a name that is not
valid, and the whole record gives permerror.

Remove the length.

    before: v=spf1 include:_spf.example.net/24 -all
    after:  v=spf1 include:_spf.example.net -all
`),
	syntax("spf-a-with-ip", check.Error, "an IP address where a host name belongs", rfc("7.1"),
		`a, mx, include, ptr and exists take names. An address looks like a name whose last label is a number, which SPF
forbids, so the whole record gives permerror. It is among the most common mistakes.

Use ip4 or ip6.

    before: v=spf1 a:5.6.7.8 -all
    after:  v=spf1 ip4:5.6.7.8 -all
`),
	syntax("spf-domain-spec-invalid", check.Error, "a name that SPF cannot accept", rfc("7.1"),
		`The name in the term must have at least two labels, and the last must be a possible top-level domain: letters,
digits and inner hyphens, not digits alone. A single word, a port or a stray character at the end make it a syntax
error: permerror for every message.

Write the full name.

    before: v=spf1 include:localhost -all
    after:  v=spf1 include:_spf.example.net -all
`),
	syntax("spf-domain-spec-suspicious", check.Warning, "a valid name that cannot be meant", rfc("4.8", "7.3"),
		`The grammar of SPF is generous: a URL, a mail address, a wildcard or a name with an empty label pass as a
domain-spec. No such name exists, so the term authorises nobody, and an include of it gives permerror.

Write the host name alone.

    before: v=spf1 include:https://_spf.example.net -all
    after:  v=spf1 include:_spf.example.net -all
`, check.Variant{Name: "nxdomain", Severity: check.Error}),
	syntax("spf-macro-syntax", check.Error, "a broken macro", rfc("7.1"),
		`A percent sign begins a macro: %{letter}, with an optional number, an r and delimiters, or one of %% %_ %-. An unknown
letter, a missing brace, the number zero or any other character behind "%" is a syntax error: permerror.

Correct the macro, or write a plain percent sign as "%%".

    before: v=spf1 exists:%{i._spf.example.com -all
    after:  v=spf1 exists:%{i}._spf.example.com -all
`),
	syntax("spf-macro-exp-only-letter", check.Error, "a macro letter that only explanations may use", rfc("7.2"),
		`The letters c, r and t (the client's address in readable form, the receiver's name and the time) are defined only
for the text that exp points to. In a term they are a syntax error: permerror.

Use %{i} for the address, %{d} for the domain.

    before: v=spf1 exists:%{c}._spf.example.com -all
    after:  v=spf1 exists:%{i}._spf.example.com -all
`),
	syntax("spf-macro-in-ip", check.Error, "a macro in ip4 or ip6", rfc("5.6"),
		`ip4 and ip6 take a literal address; macros are not expanded there. The percent sign makes the term a syntax error:
permerror for every message.

Name the address, or use exists for a rule that depends on the client.

    before: v=spf1 ip4:%{i} -all
    after:  v=spf1 exists:%{i}._spf.example.com -all
`),
	syntax("spf-macro-p", check.Warning, "the macro for the validated host name", rfc("7.2", "5.5"),
		`%{p} makes the receiver look up the client's reverse name and check it forwards. That is slow, depends on somebody
else's reverse zone and often yields "unknown"; RFC 7208 says it should not be published.

Build the term on %{i} or %{d} instead.

    before: v=spf1 exists:%{p}._spf.example.com -all
    after:  v=spf1 exists:%{i}._spf.example.com -all
`),
	syntax("spf-macro-local-part", check.Notice, "a macro with the sender's local part", append(rfc("7.2"), check.RFC(8616, "4")),
		`%{l} and %{s} put the part before the @ into a DNS name. Each sender address then costs its own query, the operator
of the name servers sees who writes, and with a local part outside ASCII the term never matches.

Prefer %{i} or %{d}.

    before: v=spf1 exists:%{l}.users.example.com -all
    after:  v=spf1 exists:%{i}._spf.example.com -all
`),
	syntax("spf-macro-opaque", check.Info, "a target that depends on the message", rfc("7"),
		`The name in the term holds a macro, so it is known only with a sender and a client address at hand. Hosted SPF
services do this on purpose. What lies behind it cannot be counted or judged without a message.

Nothing has to be changed; test it with the address of a real client.

    example: v=spf1 exists:%{i}._spf.example.com -all
`),
	syntax("spf-duplicate-modifier", check.Error, "redirect or exp given twice", rfc("6"),
		`redirect and exp may stand once each. A second one is a syntax error, even when both say the same, and the whole
record gives permerror.

Keep one.

    before: v=spf1 redirect=_spf.a.example redirect=_spf.b.example
    after:  v=spf1 include:_spf.a.example redirect=_spf.b.example
`),
	syntax("spf-embedded-quotes", check.Error, "a quotation mark inside the record", rfc("12"),
		`Zone files put character-strings in quotation marks; the marks are not part of the data. Here they are: the text was
pasted with its quotes into a panel that adds its own, or a split left a pair in the middle. The word they stand in is
broken.

Remove the marks.

    before: v=spf1 include:_spf.example.net" "-all
    after:  v=spf1 include:_spf.example.net -all
`),
	syntax("spf-non-ascii", check.Error, "a character outside ASCII", rfc("3.1"),
		`SPF records are plain ASCII. Text copied from a web page or a word processor brings dashes, no-break spaces or
invisible characters that look right and are not: receivers answer permerror or drop the term. Internationalised names
belong in the record in their xn-- form.

Type the term again in ASCII.

    before: v=spf1 mx –all     (U+2013, an en dash)
    after:  v=spf1 mx -all
`),
	syntax("spf-control-char", check.Error, "a control character", rfc("4.6.1"),
		`Only the space separates terms. A tab or a line break, usually from a paste over several lines, becomes part of a
word and makes the record a permerror.

Replace it by one space.

    before: v=spf1 mx<TAB>-all
    after:  v=spf1 mx -all
`),
	syntax("spf-backslash", check.Error, "a backslash in the record", rfc("12"),
		`Zone files escape some characters with a backslash. Here the backslash is part of the data: the text was escaped
twice, or pasted from a zone file into a panel that escapes by itself. The word it stands in is broken.

Write the text without escapes.

    before: v=spf1 mx -all\;
    after:  v=spf1 mx -all
`),
	syntax("spf-whitespace-style", check.Info, "more spaces than needed", rfc("12"),
		`Several spaces between terms, or spaces at the end, are legal and change nothing. Some careless tools trip over them,
and they make the record harder to compare.

Tidy up when the record is edited next.

    before: v=spf1  mx   -all
    after:  v=spf1 mx -all
`),
	syntax("spf-name-case", check.Info, "a name that is not in lower case", rfc("4.6.1"),
		`Names of mechanisms and modifiers may be written in any case, so this changes nothing for receivers. Some tools
compare letter by letter and overlook the term.

Write names in lower case when the record is edited next.

    before: v=spf1 Include:_spf.example.net -ALL
    after:  v=spf1 include:_spf.example.net -all
`),
}

// syntax is a rule over the parser's problems of that ID.
func syntax(id string, severity check.Severity, title string, refs []check.Ref, doc string, variants ...check.Variant) check.Rule[*Facts] {
	covered := []string{"spf-split-missing-space"}
	if id == "spf-unknown-modifier" {
		covered = append(covered, "spf-mechanism-written-as-modifier")
	}
	return check.Rule[*Facts]{
		Meta:    check.Meta{ID: id, Severity: severity, Variants: variants, Title: title, Refs: refs, Doc: doc, CoveredBy: covered},
		Applies: hasRecord,
		Run:     func(f *Facts, r *check.Reporter) { reportProblems(f, r, id) },
	}
}

func reportProblems(f *Facts, r *check.Reporter, id string) {
	out := once(r)
	for _, p := range f.problems() {
		if p.Rule != id {
			continue
		}
		span := p.Span
		found := f.inRecord(&span, p.Params)
		found.Variant = p.Variant
		found.Scope = scope(f.Domain, p.Term.Start)
		if p.Replacement != "" {
			found.Fix = f.replace("", f.InForce().rewrite(nil))
		}
		if id == "spf-domain-spec-suspicious" && f.answered(p.Term, "nxdomain") {
			found.Variant = "nxdomain"
		}
		out.report(found)
	}
}

// answered tells whether the term of the one record at that place was looked
// up with that outcome.
func (f *Facts) answered(span check.Span, answer string) bool {
	for _, t := range f.Tree.root.terms {
		if t.Start == span.Start {
			return strings.EqualFold(t.Answer, answer)
		}
	}
	return false
}
