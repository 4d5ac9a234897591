package mtasts

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/registration"
	"github.com/postseal/postseal/internal/tlsfields"
)

// Rules over the TXT record at _mta-sts.<domain>.
var recordRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "mtasts-record-missing", Standard: check.MTASTS, Severity: check.Warning,
			Variants: []check.Variant{{Name: "dane", Severity: check.Info}},
			Title:    "no MTA-STS record", Refs: rfc("3.1"),
			CoveredBy: []string{"mtasts-record-wrong-name", "mtasts-record-cname-dangling", "mtasts-record-version-near-miss", "mtasts-policy-without-record"},
			Doc: `SMTP encrypts only if nobody interferes: whoever sits on the path can delete the STARTTLS
offer, and the mail goes out in clear text. MTA-STS tells senders beforehand that your hosts speak TLS and
which hosts those are. Without it, and without DANE, there is nothing to hold an attacker to.

Publish a policy in testing mode first: it stops no mail, and TLS-RPT reports show what enforcing would.
` + "`postseal generate mta-sts`" + ` writes the record and the policy file.

    before: (nothing at _mta-sts.example.com)
    after:  _mta-sts.example.com. TXT "v=STSv1; id=20261123120000"
            https://mta-sts.example.com/.well-known/mta-sts.txt`,
		},
		Applies: applies(stageTXT),
		Run:     judge(stageTXT, runMissing),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-lookup-failed", Standard: check.MTASTS, Severity: check.Warning,
			Title: "the MTA-STS record could not be looked up", Refs: []check.Ref{check.RFC(8461, "3.1"), check.RFC(4035, "")},
			Doc: `The name servers gave no usable answer for the MTA-STS record. A sender in the same place uses
the policy it has cached, or none. A time-out seen from one machine proves nothing, so this is a finding only
when each authoritative server was asked and failed.

Repair the zone: check that every name server listed serves it, and that DNSSEC signatures are current.

    before: _mta-sts.example.com TXT -> SERVFAIL
    after:  _mta-sts.example.com TXT -> "v=STSv1; id=20261123120000"`,
		},
		Applies: applies(stageTXT),
		Run: func(f *Facts, r *check.Reporter) {
			switch e := f.Lookup.Error; {
			case !f.Lookup.Unknown():
			case e.Authoritative:
				r.Report(f.atRecord(check.Params{"Kind": string(e.Kind), "Detail": e.Detail}))
			default:
				r.Unknown(e)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-multiple", Standard: check.MTASTS, Severity: check.Error,
			Title: "more than one MTA-STS record", Refs: rfc("3.1"),
			Doc: `Exactly one record must be left once everything that does not begin with ` + "`v=STSv1;`" + ` is put
aside. With two, senders must act as if the domain had no MTA-STS at all, even when both say the same. It
usually happens when a new id is added beside the old one instead of in its place.

    before: "v=STSv1; id=20260101000000"  and  "v=STSv1; id=20261123120000"
    after:  "v=STSv1; id=20261123120000"`,
		},
		Applies: applies(stageTXT),
		Run: judge(stageTXT, func(f *Facts, r *check.Reporter) {
			tlsfields.Several(r, RecordName(f.Domain), f.Records, func() *check.Fix { return keepOne(f) })
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-syntax", Standard: check.MTASTS, Severity: check.Error,
			Variants: []check.Variant{
				{Name: "empty", Severity: check.Error}, {Name: "equals", Severity: check.Error}, {Name: "space", Severity: check.Error},
				{Name: "name", Severity: check.Error}, {Name: "value", Severity: check.Error}, {Name: "tail", Severity: check.Error},
			},
			Title: "the MTA-STS record is malformed", Refs: rfc("3.1"),
			Doc: `The record does not follow the grammar: fields are ` + "`name=value`" + `, separated by one semicolon,
without space around the equals sign, and values have neither spaces nor anything beyond ASCII. An invalid
record means no MTA-STS, and no sender tells you.

Readers that are kinder than the standard exist, which is why such a record can look fine in one tester.

    before: v=STSv1; id = 20261123120000
    after:  v=STSv1; id=20261123120000`,
		},
		Applies: applies(stageRecord),
		Run:     recordProblem("mtasts-record-syntax", rewrite),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-version-near-miss", Standard: check.MTASTS, Severity: check.Error,
			Title: "a TXT record looks like MTA-STS but is not one", Refs: rfc("3.1"),
			Doc: `Senders drop every TXT record that does not begin with exactly ` + "`v=STSv1;`" + `: upper and lower
case as here, version first, nothing before it. What is published was clearly meant to be the record, but to
senders it is unrelated text and the domain has no MTA-STS.

Quotation marks that a DNS panel stored as part of the text are the usual cause.

    before: v=stsv1; id=20261123120000
    after:  v=STSv1; id=20261123120000`,
		},
		Applies: applies(stageTXT),
		Run: judge(stageTXT, func(f *Facts, r *check.Reporter) {
			for _, text := range f.NearMiss[:min(len(f.NearMiss), check.MaxPerText)] {
				finding := f.atRecord(check.Params{"Text": text})
				finding.Record = text
				if id := lenientID(text); id != "" {
					finding.Fix = f.change([]string{text}, []string{idFor(id)})
				}
				r.Report(finding)
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-version-delimiter", Standard: check.MTASTS, Severity: check.Warning,
			Title: "space between the version and its semicolon", Refs: rfc("3.1"),
			Doc: `The standard says two things. Its grammar allows white space before the semicolon; its rule for
discarding records asks for the literal ` + "`v=STSv1;`" + `. Some senders follow the first, others the second, so
the policy protects mail from some and not from others.

    before: v=STSv1 ; id=20261123120000
    after:  v=STSv1; id=20261123120000`,
		},
		Applies: applies(stageRecord),
		Run: recordProblem("mtasts-record-version-delimiter", func(f *Facts) *check.Fix {
			_, rest, _ := strings.Cut(f.Record, ";")
			return f.change([]string{f.Record}, []string{string(version) + ";" + rest})
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-id-missing", Standard: check.MTASTS, Severity: check.Error,
			Title: "the MTA-STS record has no id", Refs: rfc("3.1"),
			Doc: `The id is how senders notice that the policy has changed: they fetch it again when the id is not
the one they know. It is required, and its name is lower-case; ` + "`ID=`" + ` is an unknown field to a sender.
Without it the record is invalid and the domain has no MTA-STS.

    before: v=STSv1;
    after:  v=STSv1; id=20261123120000`,
		},
		Applies: applies(stageRecord),
		Run:     recordProblem("mtasts-record-id-missing", rewrite),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-id-invalid", Standard: check.MTASTS, Severity: check.Error,
			Title: "the id of the MTA-STS record is invalid", Refs: rfc("3.1"),
			Doc: `An id has 1 to 32 letters and digits and nothing else. Dates with dashes, colons or underscores
are the common slip. The value has no meaning and no order, it only has to be another one after each change of
the policy. With an invalid id the whole record is invalid and senders see no MTA-STS.

    before: v=STSv1; id=2026-11-23
    after:  v=STSv1; id=20261123`,
			Variants: []check.Variant{{Name: "empty", Severity: check.Error}, {Name: "long", Severity: check.Error}},
		},
		Applies: applies(stageRecord),
		Run:     recordProblem("mtasts-record-id-invalid", rewrite),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-id-duplicate", Standard: check.MTASTS, Severity: check.Notice,
			Title: "the MTA-STS record has two ids", Refs: rfc("3.2"),
			Doc: `When a field comes twice, the first one counts. Parsers exist that refuse such a record, and an
editor who raises the second id wonders why no sender fetches the new policy: the first one never changed.

    before: v=STSv1; id=20260101; id=20261123
    after:  v=STSv1; id=20261123`,
		},
		Applies: applies(stageRecord),
		Run:     recordProblem("mtasts-record-id-duplicate", rewrite),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-extension", Standard: check.MTASTS, Severity: check.Info,
			Title: "the MTA-STS record has a field nobody knows", Refs: rfc("3.1"),
			Doc: `Fields that a sender does not know are ignored, so that the record can grow. No further field is
in use today. It is shown because a misspelt field looks just the same.

    before: v=STSv1; id=20261123120000; note=hello
    after:  v=STSv1; id=20261123120000`,
		},
		Applies: applies(stageRecord),
		Run:     recordProblem("mtasts-record-extension", nil),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-wildcard-answer", Standard: check.MTASTS, Severity: check.Info,
			Title: "a wildcard answers where the MTA-STS record should be", Refs: []check.Ref{check.RFC(4592, "")},
			CoveredBy: []string{"mtasts-record-missing"},
			Doc: `The text found at ` + "`_mta-sts`" + ` also comes back for a name that nobody has created: a wildcard
TXT record of the zone answers for both. It does no harm, but it explains why, say, an SPF record seems to
stand there. A record of its own at the name takes the wildcard's place.

    before: *.example.com. TXT "v=spf1 -all"      (answers for _mta-sts.example.com too)
    after:  _mta-sts.example.com. TXT "v=STSv1; id=20261123120000"`,
		},
		Applies: applies(stageTXT),
		Run: judge(stageTXT, func(f *Facts, r *check.Reporter) {
			if f.Sibling == nil || len(f.NearMiss) > 0 {
				return
			}
			if f.Sibling.Unknown() {
				r.Unknown(f.Sibling.Error)
				return
			}
			here, there := texts(&f.Lookup), texts(f.Sibling)
			if len(here) > 0 && slices.Equal(here, there) {
				finding := f.atRecord(check.Params{"Name": f.Sibling.Name.String()})
				finding.Record = here[0]
				r.Report(finding)
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-wrong-name", Standard: check.MTASTS, Severity: check.Warning,
			Title: "an MTA-STS record stands at a name where nobody looks", Refs: rfc("3.1"),
			Doc: `Senders ask for one name only: ` + "`_mta-sts`" + ` below the mail domain. A valid record stands
elsewhere, where none of them looks. A missing underscore, an underscore for the dash, and a DNS panel that
appends the domain a second time are the usual ways to get there.

    before: _mta-sts.example.com.example.com. TXT "v=STSv1; id=20261123120000"
    after:  _mta-sts.example.com. TXT "v=STSv1; id=20261123120000"`,
		},
		Applies: applies(stageTXT),
		Run: judge(stageTXT, func(f *Facts, r *check.Reporter) {
			version.Misplaced(r, RecordName(f.Domain), f.Elsewhere)
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-cname", Standard: check.MTASTS, Severity: check.Info,
			Title: "the MTA-STS record is an alias", Refs: rfc("8.2"),
			Doc: `` + "`_mta-sts`" + ` is a CNAME, so whoever runs the target sets the id: that is how policy hosting by a
provider works and it is fine. Do not forget to remove the alias when the contract ends.

    before: _mta-sts.example.com. TXT "v=STSv1; id=20261123120000"
    after:  _mta-sts.example.com. CNAME _mta-sts.provider.example.`,
		},
		Applies: applies(stageRecord),
		Run: judge(stageRecord, func(f *Facts, r *check.Reporter) {
			if chain := f.Lookup.Answer.Chain; len(chain) > 0 {
				r.Report(f.atRecord(check.Params{"Target": chain[len(chain)-1].String()}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-cname-dangling", Standard: check.MTASTS, Severity: check.Error,
			Variants: []check.Variant{{Name: "unregistered", Severity: check.Error}},
			Title:    "the MTA-STS record is an alias of a name that does not exist", Refs: []check.Ref{check.RFC(8461, "8.2"), check.RFC(8461, "10.3")},
			Doc: `` + "`_mta-sts`" + ` points to a name that is gone. Senders see no MTA-STS, and worse: whoever gets hold of
the target can answer in your name and announce policies. When nobody has even registered the target's domain,
that takes a credit card and five minutes.

Remove the alias, or point it to a name that is served.

    before: _mta-sts.example.com. CNAME _mta-sts.gone-provider.example.
    after:  _mta-sts.example.com. TXT "v=STSv1; id=20261123120000"`,
		},
		Applies: from(stageTXT).Applies, // a domain without mail can be spoken for as well
		Run: judge(stageTXT, func(f *Facts, r *check.Reporter) {
			target, ok := registration.Dangling(&f.Lookup)
			if !ok {
				return
			}
			finding := f.atRecord(check.Params{"Target": target.String(), "Registrable": registration.Domain(target).String()})
			if f.unregistered(target) {
				finding.Variant = "unregistered"
			}
			finding.Fix = &check.Fix{Records: []check.RecordChange{{Name: RecordName(f.Domain).FQDN(), Type: "CNAME",
				Old: []string{f.Lookup.Answer.Chain[0].FQDN()}, New: []string{}}}}
			r.Report(finding)
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-record-ttl-long", Standard: check.MTASTS, Severity: check.Notice,
			Title: "the MTA-STS record has a long TTL", Refs: rfc("8.1"),
			Doc: `The record is how you tell senders that the policy has changed. With a time to live above a day,
caches keep the old id that long, and a policy that turns out to stop mail cannot be taken back sooner. An hour
is plenty: the record is small and rarely asked for.

    before: _mta-sts.example.com. 604800 TXT "v=STSv1; id=20261123120000"
    after:  _mta-sts.example.com. 3600 TXT "v=STSv1; id=20261123120000"`,
		},
		Applies: applies(stageRecord),
		Run: judge(stageRecord, func(f *Facts, r *check.Reporter) {
			for _, rec := range f.Lookup.Records() {
				if rec.Text() == f.Record && rec.TTL > 86400 {
					r.Report(f.atRecord(check.Params{"TTL": int(rec.TTL)}))
					return
				}
			}
		}),
	},
}

// atRecord is a finding about the record's name.
func (f *Facts) atRecord(params check.Params) check.Finding {
	return check.Finding{Subject: RecordName(f.Domain).String(), Params: params, Record: f.Record}
}

func runMissing(f *Facts, r *check.Reporter) {
	if len(f.Records) > 0 || len(f.NearMiss) > 0 {
		return
	}
	finding := f.atRecord(check.Params{"Domain": f.Domain.String(), "Name": RecordName(f.Domain).String(), "State": string(f.Lookup.State)})
	if f.DANE {
		finding.Variant = "dane"
	}
	// The id is that of the policy which `generate mta-sts --id hash` writes.
	if len(f.MX) > 0 && f.MX[0] != dns.Root {
		var hosts []string
		for _, mx := range f.MX {
			hosts = append(hosts, mx.String())
		}
		if g, _, err := Generate(f.Domain, Options{MX: hosts}); err == nil {
			finding.Fix = f.change([]string{}, []string{g.Record})
		}
	}
	r.Report(finding)
}

// keepOne removes all candidates but one. Any valid one will do, because an id
// only has to differ from the one that a sender has cached; of ids that are
// dates the last in order is the newest.
func keepOne(f *Facts) *check.Fix {
	sorted := slices.Sorted(slices.Values(f.Records))
	keep := ""
	for _, text := range sorted {
		if _, problems := ParseRecord(text); !hasFatal(problems, fatalRecord) {
			keep = text
		}
	}
	if keep == "" {
		return nil
	}
	var old []string
	kept := false
	for _, text := range f.Records {
		if text == keep && !kept {
			kept = true
			continue
		}
		old = append(old, text)
	}
	return f.change(old, []string{})
}

// texts are the TXT records of an answer, each joined, in order of their text.
func texts(l *dns.Lookup) []string {
	var out []string
	for _, rec := range l.Records() {
		out = append(out, rec.Text())
	}
	slices.Sort(out)
	return out
}
