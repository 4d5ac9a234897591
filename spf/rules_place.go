package spf

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// What a time to live should be: shorter, every receiver asks again for each
// message; longer, a correction takes days.
const (
	shortTTL = 300
	longTTL  = 86400
)

// placeRules judge SPF text that stands where nobody reads it, or where others
// than the domain's owner write it.
var placeRules = []check.Rule[*Facts]{
	{Meta: check.Meta{
		ID: "spf-type99-only", Severity: check.Error, Refs: rfc("3.1"),
		Title:     "the SPF record stands only in the dead type 99",
		CoveredBy: []string{"spf-split-missing-space", "spf-near-miss"},
		Doc: `DNS once had a type of its own for SPF, number 99. It was given up: receivers ask for TXT and for nothing else. The text
is there, and to every receiver the domain has no SPF.

Publish the same text as TXT and delete the record of type 99.

    before: example.com.  SPF  "v=spf1 mx -all"
    after:  example.com.  TXT  "v=spf1 mx -all"
`}, Applies: mayExist, Run: type99Only},

	{Meta: check.Meta{
		ID: "spf-type99-leftover", Severity: check.Notice, Refs: rfc("3.1"),
		Variants: []check.Variant{{Name: "differs", Severity: check.Warning}},
		Title:    "a leftover record of type 99",
		Doc: `Beside the TXT record stands one of the type 99 that SPF no longer has. Current receivers never ask for it. Software from
before 2014 may still do so and read the stale copy, and whoever maintains the zone can mistake it for the record in force.

Delete it.

    before: example.com.  TXT  "v=spf1 mx -all"
            example.com.  SPF  "v=spf1 mx a -all"
    after:  example.com.  TXT  "v=spf1 mx -all"
`}, Applies: hasAnswer, Run: type99Leftover},

	{Meta: check.Meta{
		ID: "spf-wrong-name", Severity: check.Error, Refs: rfc("3"),
		Title:     "the SPF record stands at another name",
		CoveredBy: []string{"spf-split-missing-space", "spf-near-miss", "spf-type99-only"},
		Doc: `The domain has no SPF record, and one stands at a name beside it where nobody looks: SPF has no label of its own, unlike
DMARC. A name with the domain twice comes from a panel that adds the domain to whatever is typed.

Move the record to the domain itself.

    before: _spf.example.com.  TXT  "v=spf1 mx -all"
    after:  example.com.       TXT  "v=spf1 mx -all"
`}, Applies: mayExist, Run: wrongName},

	{Meta: check.Meta{
		ID: "spf-wildcard-record", Severity: check.Notice, Refs: rfc("3.5"),
		Variants: []check.Variant{{Name: "closed", Severity: check.Info}},
		Title:    "a wildcard answers with an SPF record",
		Doc: `Any name below the domain that does not exist answers with an SPF record. Names that do exist are not covered, whatever
type of record they have: the host that has an address or takes mail is as open as before. A wildcard that closes names
nobody uses is good practice; one that lets somebody pass authorises senders for names that were never meant to send.

Publish a record at each name that sends or takes mail; let the wildcard say that nobody sends.

    before: *.example.com.  TXT  "v=spf1 mx ~all"
    after:  *.example.com.  TXT  "v=spf1 -all"
`}, Run: wildcardRecord},

	{Meta: check.Meta{
		ID: "spf-via-cname", Severity: check.Info, Refs: append(rfc("4.4"), check.RFC(1034, "3.6.2")),
		Variants: []check.Variant{{Name: "outside", Severity: check.Warning}},
		Title:    "the SPF record is reached through an alias",
		Doc: `The name is an alias (CNAME), and the record found belongs to the name it leads to. Whoever runs that name decides who may
send as this one, and beside an alias no other record can stand: no MX and no TXT of one's own.

Where mail is sent from the name, replace the alias by records of its own.

    before: news.example.com.  CNAME  tenant.vendor.example.
    after:  news.example.com.  A      5.6.7.8
            news.example.com.  TXT    "v=spf1 include:_spf.vendor.example -all"
`}, Applies: hasAnswer, Run: viaCNAME},

	{Meta: check.Meta{
		ID: "spf-ttl-extreme", Severity: check.Info, Refs: []check.Ref{check.RFC(1912, "2.2")},
		Title: "the SPF record lives very short or very long",
		Doc: `With a time to live under five minutes every receiver asks again for each few messages, and an outage of the name servers
is felt at once. With more than a day a correction takes that long to be seen everywhere. A cache counts the time down, so
a short one is only judged where a zone file shows it.

An hour is a sane value.

    before: example.com.  60    TXT  "v=spf1 mx -all"
    after:  example.com.  3600  TXT  "v=spf1 mx -all"
`}, Applies: hasAnswer, Run: ttlExtreme},
}

// mayExist holds unless the name is known not to exist.
func mayExist(f *Facts) bool { return f.Lookup.State != dns.StateNXDomain }

func type99Only(f *Facts, r *check.Reporter) {
	if len(f.Records) > 0 || f.places.type99 == nil {
		return
	}
	if f.places.type99.Unknown() {
		r.Unknown(f.places.type99.Error)
		return
	}
	texts, _ := recordTexts(f.places.type99)
	if len(texts) == 0 {
		return
	}
	found := f.about(nil)
	found.Record = texts[0]
	if len(texts) == 1 {
		found.Fix = f.publish(texts[0])
	}
	r.Report(found)
}

// publish is the fix that puts a text found elsewhere at the domain; none when
// receivers could not use it or anyone would pass.
func (f *Facts) publish(text string) *check.Fix {
	rec, problems := Parse(text)
	if i := rec.First(All); firstFatal(problems) != nil || i >= 0 && rec.Terms[i].qualifier() == '+' || aliased(&f.Lookup) {
		return nil
	}
	return f.change("", []string{}, []string{text})
}

// aliased tells whether the name is a CNAME, beside which nothing can be published.
func aliased(l *dns.Lookup) bool { return l.Answer != nil && len(l.Answer.Chain) > 0 }

func type99Leftover(f *Facts, r *check.Reporter) {
	if len(f.Records) == 0 || f.places.type99 == nil {
		return
	}
	if f.places.type99.Unknown() {
		r.Unknown(f.places.type99.Error)
		return
	}
	texts, _ := recordTexts(f.places.type99)
	if len(texts) == 0 {
		return
	}
	found := f.about(check.Params{"Count": len(texts)})
	found.Record = texts[0]
	if slices.ContainsFunc(texts, func(text string) bool { return !slices.Contains(f.Records, text) }) {
		found.Variant = "differs"
	}
	r.Report(found)
}

func wrongName(f *Facts, r *check.Reporter) {
	if len(f.Records) > 0 {
		return
	}
	usual := f.wildcard() // a name that a wildcard answers for is no place anybody chose
	for _, stray := range f.places.strays {
		switch {
		case stray.Unknown():
			r.Unknown(stray.Error)
			continue
		case !HasRecord(stray):
			continue
		case f.places.random != nil && f.places.random.Unknown():
			r.Unknown(f.places.random.Error)
			continue
		}
		texts, _ := recordTexts(stray)
		if slices.Equal(texts, usual) {
			continue
		}
		found := f.about(check.Params{"Name": stray.Name.String()})
		found.Subject, found.Record = stray.Name.String(), texts[0]
		if len(texts) == 1 {
			found.Fix = f.publish(texts[0])
		}
		r.Report(found)
		return // one place to move from is enough to say
	}
}

// wildcard is the SPF text that names answer with that nobody has.
func (f *Facts) wildcard() []string {
	if f.places.random == nil {
		return nil
	}
	texts, _ := recordTexts(f.places.random)
	return texts
}

func wildcardRecord(f *Facts, r *check.Reporter) {
	if f.places.random == nil {
		return
	}
	if f.places.random.Unknown() {
		r.Unknown(f.places.random.Error)
		return
	}
	texts := f.wildcard()
	if len(texts) == 0 {
		return
	}
	found := f.about(check.Params{"Name": f.places.random.Name.String()})
	found.Subject, found.Record = "*."+f.Domain.String(), texts[0]
	if rec, _ := Parse(texts[0]); len(texts) == 1 && len(rec.Terms) == 1 && rec.Terms[0].Kind == All && rec.Terms[0].qualifier() == '-' {
		found.Variant = "closed"
	}
	r.Report(found)
}

func viaCNAME(f *Facts, r *check.Reporter) {
	if len(f.Records) == 0 || !aliased(&f.Lookup) {
		return
	}
	end := f.Lookup.Answer.Owner()
	chain := []string{}
	for _, name := range f.Lookup.Answer.Chain {
		chain = append(chain, name.String())
	}
	found := f.about(check.Params{"Target": end.String(), "Chain": strings.Join(chain, " → ")})
	found.Record = f.Records[0]
	if f.Profile.Sends() && !SameOrganisation(end, f.Domain) {
		found.Variant = "outside"
	}
	r.Report(found)
}

func ttlExtreme(f *Facts, r *check.Reporter) {
	for _, rec := range f.Lookup.Records() {
		if !isRecord(rec.Text()) {
			continue
		}
		params := check.Params{"TTL": int(rec.TTL), "Short": rec.TTL < shortTTL}
		switch {
		case rec.TTL > longTTL, rec.TTL < shortTTL && fromZoneFile(&f.Lookup):
			found := f.about(params)
			found.Record = rec.Text()
			r.Report(found)
		case rec.TTL < shortTTL:
			r.Unknown(check.Cause{Code: "ttl-from-cache", Params: params})
		}
		return // one RRset, one time to live
	}
}
