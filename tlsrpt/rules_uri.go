package tlsrpt

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/special"
)

// Rules over the URIs that reports go to.
var uriRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "tlsrpt-rua-missing", Standard: check.TLSRPT, Severity: check.Error,
			Title: "the TLS-RPT record has no rua", Refs: rfc("3"),
			Doc: `` + "`rua`" + ` says where reports go and is required; its name is lower-case. A record without it is of no use, and
reporters treat it as if it were not there.

    before: v=TLSRPTv1;
    after:  v=TLSRPTv1; rua=mailto:tls-reports@example.com`,
		},
		Applies: hasRecord,
		Run: problem("tlsrpt-rua-missing", func(f *Facts) *check.Fix {
			return f.change([]string{f.Record}, []string{string(version) + "; rua=mailto:tls-reports@" + f.Domain.String()})
		}),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-rua-empty", Standard: check.TLSRPT, Severity: check.Error,
			Title: "the rua list has an empty entry", Refs: rfc("3"),
			Doc: `The list of URIs is empty or has a comma too many. The grammar knows no empty URI, so a strict reporter
ignores the whole record, the good URIs included.

    before: rua=mailto:tls@example.com,
    after:  rua=mailto:tls@example.com`,
		},
		Applies: hasRecord, Run: problem("tlsrpt-rua-empty", rewrite),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-rua-scheme", Standard: check.TLSRPT, Severity: check.Error,
			Variants: []check.Variant{{Name: "bare", Severity: check.Error}, {Name: "https", Severity: check.Error}},
			Title:    "a report address is neither mailto: nor https:", Refs: rfc("3"),
			Doc: `Reports are sent to ` + "`mailto:`" + ` or ` + "`https:`" + ` URIs and to nothing else. A bare address is no URI; it has even
crashed reporting software. Plain ` + "`http:`" + ` is not allowed.

    before: rua=tls@example.com
    after:  rua=mailto:tls@example.com`,
		},
		Applies: hasRecord, Run: problem("tlsrpt-rua-scheme", prefixed),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-rua-mailto-invalid", Standard: check.TLSRPT, Severity: check.Error,
			CoveredBy: []string{"tlsrpt-rua-unencoded", "tlsrpt-rua-size-suffix"},
			Title:     "a report address is not a mail address", Refs: []check.Ref{check.RFC(6068, "2")},
			Doc: `What follows ` + "`mailto:`" + ` is not one mail address in ASCII: it lacks the at sign or the domain, holds several
addresses, or has characters that need percent-encoding. Reporters cannot address a report to it.

    before: rua=mailto:tls-reports
    after:  rua=mailto:tls-reports@example.com`,
		},
		Applies: hasRecord, Run: problem("tlsrpt-rua-mailto-invalid", nil),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-rua-size-suffix", Standard: check.TLSRPT, Severity: check.Error,
			Title: "a report address ends in a size limit", Refs: rfc("3"),
			Doc: `` + "`!10m`" + ` at the end of an address was a habit of older DMARC records. TLS-RPT never had it: an exclamation mark
must be percent-encoded, and here it becomes part of the address.

    before: rua=mailto:tls@example.com!10m
    after:  rua=mailto:tls@example.com`,
		},
		Applies: hasRecord, Run: problem("tlsrpt-rua-size-suffix", func(f *Facts) *check.Fix {
			return replaced(f, "tlsrpt-rua-size-suffix", func(s string) string { return sizeSuffix.ReplaceAllString(s, "") })
		}),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-rua-unencoded", Standard: check.TLSRPT, Severity: check.Error,
			Variants: []check.Variant{{Name: "semicolon", Severity: check.Error}, {Name: "comma", Severity: check.Error}},
			Title:    "a report address has a character that must be encoded", Refs: rfc("3"),
			Doc: `Comma, exclamation mark and semicolon have a meaning in the record. Inside a URI they must be written
` + "`%2C`, `%21` and `%3B`" + `; raw, they end the URI or the field, and what is left is another address than the one meant.

    before: rua=mailto:a!b@example.com
    after:  rua=mailto:a%21b@example.com`,
		},
		Applies: hasRecord, Run: problem("tlsrpt-rua-unencoded", nil),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-rua-mailto-fields", Standard: check.TLSRPT, Severity: check.Notice,
			Title: "a report address has mail header fields", Refs: []check.Ref{check.RFC(6068, "2")},
			Doc: `A mailto URI may carry a subject and other fields after a question mark. Reporters ignore them: the subject of
a TLS report is laid down by the standard.

    before: rua=mailto:tls@example.com?subject=report
    after:  rua=mailto:tls@example.com`,
		},
		Applies: hasRecord, Run: problem("tlsrpt-rua-mailto-fields", rewrite),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-rua-whitespace", Standard: check.TLSRPT, Severity: check.Error,
			Title: "white space where rua allows none", Refs: rfc("3"),
			Doc: `White space may stand around the commas of the list, not after the equals sign and not inside a URI. Strict
parsers drop the record for it.

    before: rua= mailto:tls@example.com
    after:  rua=mailto:tls@example.com`,
		},
		Applies: hasRecord, Run: problem("tlsrpt-rua-whitespace", func(f *Facts) *check.Fix {
			return replaced(f, "tlsrpt-rua-whitespace", func(s string) string {
				return strings.NewReplacer(" ", "", "\t", "").Replace(s)
			})
		}),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-rua-repeated", Standard: check.TLSRPT, Severity: check.Notice,
			Title: "the TLS-RPT record has several rua fields", Refs: rfc("3"),
			Doc: `The standard lets ` + "`rua`" + ` repeat, and all its addresses count. Readers that look at the first field only exist,
so the others may get no reports. One field with a list says the same to everybody.

    before: rua=mailto:a@example.com; rua=mailto:b@example.com
    after:  rua=mailto:a@example.com,mailto:b@example.com`,
		},
		Applies: hasRecord, Run: problem("tlsrpt-rua-repeated", rewrite),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-rua-duplicate", Standard: check.TLSRPT, Severity: check.Notice,
			Title: "a report address is listed twice", Refs: rfc("3"),
			Doc: `The same destination stands in the record twice, perhaps written differently. A reporter that serves every URI
sends each report twice, and sums over the reports come out wrong.

    before: rua=mailto:tls@example.com,MAILTO:tls@Example.com
    after:  rua=mailto:tls@example.com`,
		},
		Applies: hasRecord, Run: problem("tlsrpt-rua-duplicate", rewrite),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-rua-mail-domain-dead", Standard: check.TLSRPT, Severity: check.Error,
			Variants: []check.Variant{{Name: "null-mx", Severity: check.Error}, {Name: "no-host", Severity: check.Error}},
			Title:    "reports go to a domain that takes no mail", Refs: []check.Ref{check.RFC(5321, "5.1"), check.RFC(7505, "")},
			Doc: `The domain of the report address does not exist, says by a null MX that it takes no mail, or has neither an MX
nor an address. Reports bounce, and you read the silence as good news.

    before: rua=mailto:tls@old-company.example
    after:  rua=mailto:tls@example.com`,
		},
		Applies: hasDestination("mailto"), Run: overTXT(runMailDomain),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-rua-https-dns", Standard: check.TLSRPT, Severity: check.Error,
			Title: "the report URL's host does not exist", Refs: rfc("5.4"),
			Doc: `The host of the ` + "`https:`" + ` address has no IPv4 or IPv6 address, so no report can be posted there. Most often the
service was given up, or its name is misspelt.

    before: rua=https://tlsrpt.gone-service.example/v1
    after:  rua=mailto:tls@example.com`,
		},
		Applies: hasDestination("https"),
		Run: overTXT(func(f *Facts, r *check.Reporter) {
			for i := range f.Destinations {
				d := &f.Destinations[i]
				if d.Scheme == "https" && d.A.Asked() {
					d.judgeAddresses(f, r, "")
				}
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-rua-https-private", Standard: check.TLSRPT, Severity: check.Error,
			Title: "the report URL's host is not on the Internet", Refs: []check.Ref{check.RFC(8460, "3"), check.RFC(6890, "")},
			Doc: `Every address of the host in the ` + "`https:`" + ` URI lies in a block that the Internet does not route, such as private
networks or documentation. Senders elsewhere cannot post a report there, so you get none. Often an internal name has
got into a public record. The host was not contacted; what is judged is its addresses.

    before: rua=https://reports.example.com/v1   (10.0.0.5)
    after:  rua=mailto:tls-reports@example.com`,
		},
		Applies: hasDestination("https"),
		Run:     overTXT(runPrivate),
	},
}

// runPrivate reports hosts all of whose addresses are special-purpose (RFC 6890).
func runPrivate(f *Facts, r *check.Reporter) {
	for i := range f.Destinations {
		d := &f.Destinations[i]
		if d.Scheme != "https" {
			continue
		}
		var addrs []netip.Addr
		if a, ok := literalAddr(d.Host); ok {
			addrs = append(addrs, a)
		}
		for _, l := range []*dns.Lookup{&d.A, &d.AAAA} {
			for _, rec := range l.Records() {
				addrs = append(addrs, rec.Addr)
			}
		}
		public := slices.ContainsFunc(addrs, func(a netip.Addr) bool { return special.Block(a) == "" })
		switch {
		case public:
		case d.A.Unknown():
			r.Unknown(d.A.Error)
		case d.AAAA.Unknown():
			r.Unknown(d.AAAA.Error)
		case len(addrs) > 0: // without any, tlsrpt-rua-https-dns speaks
			finding := f.to(d, "")
			finding.Params["Address"], finding.Params["Block"] = addrs[0].String(), special.Block(addrs[0])
			r.Report(finding)
		}
	}
}

func hasDestination(scheme string) func(*Facts) bool {
	return func(f *Facts) bool {
		if !receives(f) {
			return false
		}
		if f.Lookup.Unknown() {
			return true
		}
		for _, d := range f.Destinations {
			if d.Scheme == scheme {
				return true
			}
		}
		return false
	}
}

func runMailDomain(f *Facts, r *check.Reporter) {
	for i := range f.Destinations {
		d := &f.Destinations[i]
		switch {
		case d.Scheme != "mailto" || !d.MX.Asked():
		case d.MX.Unknown():
			r.Unknown(d.MX.Error)
		case d.MX.State == dns.StateNXDomain:
			r.Report(f.to(d, ""))
		case d.MX.Found():
			// RFC 7505: a null MX is the only MX.
			if recs := d.MX.Records(); len(recs) == 1 && recs[0].Host == dns.Root {
				r.Report(f.to(d, "null-mx"))
			}
		default:
			d.judgeAddresses(f, r, "no-host")
		}
	}
}

// judgeAddresses reports a host without any address.
func (d *Destination) judgeAddresses(f *Facts, r *check.Reporter, variant string) {
	switch {
	case d.A.Found() || d.AAAA.Found():
	case d.A.Unknown():
		r.Unknown(d.A.Error)
	case d.AAAA.Unknown():
		r.Unknown(d.AAAA.Error)
	default:
		r.Report(f.to(d, variant))
	}
}

// to is a finding about a destination, pointing at its first URI.
func (f *Facts) to(d *Destination, variant string) check.Finding {
	finding := f.at(check.Params{"Host": d.Host.String()})
	finding.Variant, finding.Scope = variant, "rua:"+d.Host.String()
	rec, _ := Parse(f.Record)
	for _, u := range rec.RUA {
		if u.Host == d.Host && u.Scheme == d.Scheme {
			finding.Span = &check.Span{Start: u.Span.Start, End: u.Span.End}
			finding.Params["URI"] = u.Text
			break
		}
	}
	return finding
}

// replaced is the fix that edits the parts which the rule's problems point at.
func replaced(f *Facts, rule string, edit func(string) string) *check.Fix {
	var b strings.Builder
	at := 0
	for _, p := range f.Problems {
		if p.Rule == rule && p.Span.Start >= at {
			b.WriteString(f.Record[at:p.Span.Start])
			b.WriteString(edit(f.Record[p.Span.Start:p.Span.End]))
			at = p.Span.End
		}
	}
	b.WriteString(f.Record[at:])
	if _, problems := Parse(b.String()); hasFatal(problems) {
		return nil
	}
	return f.change([]string{f.Record}, []string{b.String()})
}

// prefixed puts mailto: before bare addresses.
func prefixed(f *Facts) *check.Fix {
	fix := replaced(f, "tlsrpt-rua-scheme", func(s string) string {
		if schemeLike.MatchString(s) || !strings.Contains(s, "@") {
			return s
		}
		return "mailto:" + s
	})
	if fix == nil || fix.Records[0].New[0] == f.Record {
		return nil
	}
	return fix
}
