package tlsrpt

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/registration"
	"github.com/postseal/postseal/internal/tlsfields"
)

// Rules judge Facts, in report order.
var Rules = slices.Concat(recordRules, uriRules)

func rfc(section string) []check.Ref { return []check.Ref{check.RFC(8460, section)} }

// Rules over the record as a whole.
var recordRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "tlsrpt-record-missing", Standard: check.TLSRPT, Severity: check.Notice,
			Title: "no TLS-RPT record", Refs: rfc("3"),
			CoveredBy: []string{"mtasts-tlsrpt-missing", "tlsrpt-record-wrong-name", "tlsrpt-record-cname-dangling"},
			Doc: `Senders notice when TLS to your mail hosts fails: an expired certificate, a host without STARTTLS, a
policy that does not match. With a TLS-RPT record they tell you once a day, in a small report; without one you
learn it from people whose mail did not arrive, or not at all.

    before: (nothing at _smtp._tls.example.com)
    after:  _smtp._tls.example.com. TXT "v=TLSRPTv1; rua=mailto:tls-reports@example.com"`,
		},
		Applies: receives,
		Run: overTXT(func(f *Facts, r *check.Reporter) {
			if len(f.Records)+len(f.NearMiss) > 0 {
				return
			}
			finding := f.at(check.Params{"Domain": f.Domain.String(), "Name": recordName(f.Domain).String()})
			finding.Fix = f.change([]string{}, []string{string(version) + "; rua=mailto:tls-reports@" + f.Domain.String()})
			r.Report(finding)
		}),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-record-lookup-failed", Standard: check.TLSRPT, Severity: check.Warning,
			Title: "the TLS-RPT record could not be looked up", Refs: []check.Ref{check.RFC(8460, "3"), check.RFC(8020, "")},
			Doc: `The name servers gave no usable answer for the record. Senders then send no reports. Servers that
answer "no such name" for ` + "`_tls`" + `, which only holds the name below it, are one known cause. A failure seen from one
machine proves nothing, so this is a finding only when each authoritative server was asked and failed.

    before: _smtp._tls.example.com TXT -> SERVFAIL
    after:  _smtp._tls.example.com TXT -> "v=TLSRPTv1; rua=mailto:tls-reports@example.com"`,
		},
		Applies: receives,
		Run: func(f *Facts, r *check.Reporter) {
			switch e := f.Lookup.Error; {
			case !f.Lookup.Unknown():
			case e.Authoritative:
				r.Report(f.at(check.Params{"Kind": string(e.Kind)}))
			default:
				r.Unknown(e)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-record-multiple", Standard: check.TLSRPT, Severity: check.Error,
			Title: "more than one TLS-RPT record", Refs: rfc("3"),
			Doc: `Senders must act as if there were no record when more than one begins with ` + "`v=TLSRPTv1;`" + `. It happens
when two services each ask you to add theirs. One record can name several destinations.

    before: "v=TLSRPTv1; rua=mailto:a@example.com"  and  "v=TLSRPTv1; rua=mailto:b@example.net"
    after:  "v=TLSRPTv1; rua=mailto:a@example.com,mailto:b@example.net"`,
		},
		Applies: receives,
		Run: overTXT(func(f *Facts, r *check.Reporter) {
			tlsfields.Several(r, recordName(f.Domain), f.Records, func() *check.Fix { return merged(f) })
		}),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-record-syntax", Standard: check.TLSRPT, Severity: check.Error,
			Variants: []check.Variant{
				{Name: "empty", Severity: check.Error}, {Name: "equals", Severity: check.Error}, {Name: "space", Severity: check.Error},
				{Name: "name", Severity: check.Error}, {Name: "value", Severity: check.Error}, {Name: "tail", Severity: check.Error},
			},
			Title: "the TLS-RPT record is malformed", Refs: rfc("3"),
			Doc: `The record does not follow the grammar: fields are ` + "`name=value`" + `, separated by one semicolon, without
space around the equals sign. Reporters that keep to the standard drop such a record and send nothing.

    before: v=TLSRPTv1; rua=mailto:tls@example.com; note=
    after:  v=TLSRPTv1; rua=mailto:tls@example.com`,
		},
		Applies: hasRecord, Run: problem("tlsrpt-record-syntax", rewrite),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-record-version-near-miss", Standard: check.TLSRPT, Severity: check.Error,
			Title: "a TXT record looks like TLS-RPT but is not one", Refs: rfc("3"),
			Doc: `Reporters drop every TXT record that does not begin with exactly ` + "`v=TLSRPTv1;`" + `. What is published was
meant to be the record and is unrelated text to them. ` + "`v=TLSRPT1`" + ` and ` + "`v=TLSRPTV1`" + ` are the common slips.

    before: v=TLSRPT1; rua=mailto:tls@example.com
    after:  v=TLSRPTv1; rua=mailto:tls@example.com`,
		},
		Applies: receives,
		Run: overTXT(func(f *Facts, r *check.Reporter) {
			for _, text := range f.NearMiss[:min(len(f.NearMiss), check.MaxPerText)] {
				finding := f.at(check.Params{"Text": text})
				finding.Record = text
				finding.Fix = respelt(f, text)
				r.Report(finding)
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-record-version-delimiter", Standard: check.TLSRPT, Severity: check.Notice,
			Title: "space between the version and its semicolon", Refs: rfc("3"),
			Doc: `The grammar allows white space before the first semicolon; the rule for discarding records asks for the
literal ` + "`v=TLSRPTv1;`" + `. Some reporters follow the first, others the second, so some reports never come.

    before: v=TLSRPTv1 ; rua=mailto:tls@example.com
    after:  v=TLSRPTv1; rua=mailto:tls@example.com`,
		},
		Applies: hasRecord,
		Run: problem("tlsrpt-record-version-delimiter", func(f *Facts) *check.Fix {
			_, rest, _ := strings.Cut(f.Record, ";")
			return f.change([]string{f.Record}, []string{string(version) + ";" + rest})
		}),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-record-extension", Standard: check.TLSRPT, Severity: check.Info,
			Title: "the TLS-RPT record has a field nobody knows", Refs: rfc("3"),
			Doc: `Fields that a reporter does not know are ignored, so this one does nothing. That is legal; it is shown
because a misspelt ` + "`rua`" + ` looks just the same.

    before: v=TLSRPTv1; rua=mailto:tls@example.com; ext=1
    after:  v=TLSRPTv1; rua=mailto:tls@example.com`,
		},
		Applies: hasRecord, Run: problem("tlsrpt-record-extension", nil),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-record-wrong-name", Standard: check.TLSRPT, Severity: check.Warning,
			Title: "a TLS-RPT record stands at a name where nobody looks", Refs: rfc("3"),
			Doc: `Senders ask for one name only: ` + "`_smtp._tls`" + ` below the mail domain. A valid record stands elsewhere, and no
report will ever come of it. A DNS panel that appends the domain a second time is a common cause.

    before: _tlsrpt.example.com. TXT "v=TLSRPTv1; rua=mailto:tls@example.com"
    after:  _smtp._tls.example.com. TXT "v=TLSRPTv1; rua=mailto:tls@example.com"`,
		},
		Applies: receives, Run: overTXT(func(f *Facts, r *check.Reporter) {
			version.Misplaced(r, recordName(f.Domain), f.Elsewhere)
		}),
	},
	{
		Meta: check.Meta{
			ID: "tlsrpt-record-cname-dangling", Standard: check.TLSRPT, Severity: check.Error,
			Variants: []check.Variant{{Name: "unregistered", Severity: check.Error}},
			Title:    "the TLS-RPT record is an alias of a name that does not exist", Refs: []check.Ref{check.RFC(1034, ""), check.RFC(8460, "3")},
			Doc: `` + "`_smtp._tls`" + ` points to a name that is gone, so no reports come. Whoever gets hold of the target receives
them instead, and the reports tell who sends you mail and from which addresses.

    before: _smtp._tls.example.com. CNAME example-com.gone-provider.example.
    after:  _smtp._tls.example.com. TXT "v=TLSRPTv1; rua=mailto:tls@example.com"`,
		},
		Applies: receives,
		Run: overTXT(func(f *Facts, r *check.Reporter) {
			target, ok := registration.Dangling(&f.Lookup)
			if !ok {
				return
			}
			finding := f.at(check.Params{"Target": target.String(), "Registrable": registration.Domain(target).String()})
			if f.unregistered {
				finding.Variant = "unregistered"
			}
			finding.Fix = &check.Fix{Records: []check.RecordChange{{Name: recordName(f.Domain).FQDN(), Type: "CNAME",
				Old: []string{f.Lookup.Answer.Chain[0].FQDN()}, New: []string{}}}}
			r.Report(finding)
		}),
	},
}

func receives(f *Facts) bool { return f.Profile.Receives() }

// hasRecord is the Applies of rules over the one record: there is one, or
// nobody could tell.
func hasRecord(f *Facts) bool {
	return receives(f) && (f.Lookup.Unknown() || f.Record != "")
}

// overTXT makes the Run of a rule over what stands at the record's name.
func overTXT(run func(*Facts, *check.Reporter)) func(*Facts, *check.Reporter) {
	return check.Stage[*Facts](func(f *Facts) (bool, error) {
		if f.Lookup.Unknown() {
			return false, f.Lookup.Error
		}
		return true, nil
	}).Judge(run)
}

// problem reports the problems of the record that bear the rule's ID.
func problem(id string, fix func(*Facts) *check.Fix) func(*Facts, *check.Reporter) {
	return overTXT(func(f *Facts, r *check.Reporter) {
		r.Problems(id, f.Problems, func(p *Problem) check.Finding {
			finding := f.at(nil)
			finding.Span = p.Span
			if fix != nil {
				finding.Fix = fix(f)
			}
			return finding
		})
	})
}

// at is a finding about the record's name.
func (f *Facts) at(params check.Params) check.Finding {
	return check.Finding{Subject: recordName(f.Domain).String(), Params: params, Record: f.Record}
}

func (f *Facts) change(old, new []string) *check.Fix {
	return tlsfields.Change(recordName(f.Domain), old, new)
}

// rewrite publishes the usable URIs of the record, each once; nil where there
// are none or nothing would change.
func rewrite(f *Facts) *check.Fix {
	rec, problems := Parse(f.Record)
	clean := &Record{}
	for _, u := range rec.RUA {
		duplicate := slices.ContainsFunc(problems, func(p Problem) bool {
			return p.Rule == "tlsrpt-rua-duplicate" && *p.Span == u.Span
		})
		if u.usable() && !duplicate {
			u.Text = withoutFields(u)
			clean.RUA = append(clean.RUA, u)
		}
	}
	if len(clean.RUA) == 0 || clean.String() == f.Record {
		return nil
	}
	return f.change([]string{f.Record}, []string{clean.String()})
}

// withoutFields drops the query of a mailto URI.
func withoutFields(u URI) string {
	if u.Scheme != "mailto" {
		return u.Text
	}
	addr, _, _ := strings.Cut(u.Text, "?")
	return addr
}

// merged makes one record of several.
func merged(f *Facts) *check.Fix {
	one := &Record{}
	seen := map[string]bool{}
	for _, text := range f.Records {
		rec, _ := Parse(text)
		for _, u := range rec.RUA {
			if u.usable() && !seen[u.Text] {
				seen[u.Text] = true
				one.RUA = append(one.RUA, u)
			}
		}
	}
	if len(one.RUA) == 0 {
		return nil
	}
	return f.change(f.Records, []string{one.String()})
}

// respelt gives text that was meant to be a record its right beginning, nil
// where nothing usable is left.
func respelt(f *Facts, text string) *check.Fix {
	i := strings.Index(strings.ToLower(text), "rua=")
	if i < 0 {
		return nil
	}
	list, _, _ := strings.Cut(strings.Trim(text[i+len("rua="):], `"' `), ";")
	rec, problems := Parse(string(version) + "; rua=" + list)
	if hasFatal(problems) || len(rec.RUA) == 0 || !rec.RUA[0].usable() {
		return nil
	}
	return f.change([]string{text}, []string{rec.String()})
}
