package spf

import (
	"fmt"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// discoveryRules judge whether there is a record that receivers can find.
var discoveryRules = []check.Rule[*Facts]{
	{Meta: check.Meta{
		ID: "spf-lookup-failed", Severity: check.Error, Refs: rfc("4.4", "2.6.6"),
		Title: "the SPF record could not be looked up",
		Doc: `The question for the TXT records of the domain got no usable answer. A receiver in the same position returns
temperror and usually defers the message. When the fault lies between this machine and the name servers nothing is
judged; when each of the domain's own servers failed, the fault is the domain's.

Repair the zone, its delegation or its DNSSEC signatures, then ask each name server directly:

    before: dig TXT example.com @ns1.example.com   ; SERVFAIL
    after:  dig TXT example.com @ns1.example.com   ; "v=spf1 mx -all"
`}, Run: lookupFailed},

	{Meta: check.Meta{
		ID: "spf-domain-nxdomain", Severity: check.Error, Refs: rfc("4.3", "4.4"),
		Title:     "the domain does not exist",
		CoveredBy: []string{"mx-domain-nxdomain"}, // in a whole audit
		Doc: `The name servers answer that the audited name does not exist at all (NXDOMAIN), so no record of any kind can be
found there and every SPF check ends in "none". Either the name is misspelt, or the registration has expired or the
delegation is gone; in the latter case somebody else may be able to register it.

Check the spelling, then the registration and the delegation.

    before: exmaple.com   NXDOMAIN
    after:  example.com   "v=spf1 -all"
`}, Run: nxdomain},

	{Meta: check.Meta{
		ID: "spf-split-missing-space", Severity: check.Error, Refs: rfc("3.3", "4.5"),
		Title: "two terms glued together where the strings of the record join",
		Doc: `A TXT record longer than 255 octets is published as several character-strings, and SPF joins them with nothing in
between. Here one string ends with a whole term and the next begins with one, without a space on either side, so the
two become one word: a wrong name, an unknown mechanism, or no SPF version at all.

Put one space at the boundary. Splitting inside a term is fine and needs no space.

    before: "v=spf1" "mx -all"     (read as v=spf1mx -all)
    after:  "v=spf1 " "mx -all"    (read as v=spf1 mx -all)
`}, Applies: hasAnswer, Run: splitMissingSpace},

	{Meta: check.Meta{
		ID: "spf-near-miss", Severity: check.Error, Refs: rfc("4.5"),
		Variants:  []check.Variant{{Name: "leftover", Severity: check.Notice}},
		Title:     "a TXT record meant as SPF that is not one",
		CoveredBy: []string{"spf-split-missing-space"},
		Doc: `SPF only sees TXT records that begin with exactly "v=spf1" followed by a space or the end. This one is plainly
meant as SPF but begins otherwise: a space or quotation mark in front, a semicolon or colon behind the version, a
letter l for the digit 1. Receivers skip it, so the panel looks configured while the domain has no policy.

Correct the beginning; where a valid record stands beside it, delete the broken one.

    before: v=spf1; mx -all
    after:  v=spf1 mx -all
`}, Applies: hasAnswer, Run: nearMisses},

	{Meta: check.Meta{
		ID: "spf-missing", Severity: check.Error, Refs: rfc("4.5", "2.6.1"),
		Variants:  []check.Variant{{Name: "sends", Severity: check.Error}, {Name: "idle", Severity: check.Warning}},
		Title:     "no SPF record",
		CoveredBy: []string{"spf-domain-nxdomain", "spf-split-missing-space", "spf-near-miss", "spf-type99-only", "spf-wrong-name"},
		Doc: `No TXT record of the domain is an SPF record, so the result is "none": any host may use the domain in MAIL FROM
without being contradicted. DMARC loses one of its two legs, and large mailbox providers require SPF from senders.

Publish one TXT record that names your senders, or that nobody sends.

    before: (none)
    after:  v=spf1 include:_spf.provider.example ~all    a domain that sends
            v=spf1 -all                                  a domain that does not
`}, Run: missing},

	{Meta: check.Meta{
		ID: "spf-multiple-records", Severity: check.Error, Refs: rfc("3.2", "4.5"),
		Title: "more than one SPF record",
		Doc: `Two or more TXT records of the domain pass the version test. A receiver must not choose: the result is permerror
for every message, whoever sent it. It usually happens when a second provider's instructions are followed to the letter.

Merge the records into one: all mechanisms, a single "all" at the end.

    before: v=spf1 include:_spf.a.example -all
            v=spf1 include:_spf.b.example ~all
    after:  v=spf1 include:_spf.a.example include:_spf.b.example -all
`}, Applies: hasAnswer, Run: multipleRecords},

	{Meta: check.Meta{
		ID: "spf-version-case", Severity: check.Notice, Refs: rfc("4.5", "12"),
		Title: "the version is not in lower case",
		Doc: `The version may be written in any case, and the official test suite has a record that begins "v=SpF1". Several tools
and some receivers still compare letter by letter and see no record at all, so the capital letters buy nothing and
risk something.

Write the version in lower case.

    before: V=SPF1 mx -all
    after:  v=spf1 mx -all
`}, Applies: hasRecord, Run: versionCase},

	{Meta: check.Meta{
		ID: "spf-txt-rrset-size", Severity: check.Notice, Refs: rfc("3.4"),
		Variants: []check.Variant{{Name: "huge", Severity: check.Warning}},
		Title:    "the TXT records of the domain make a large DNS answer",
		Doc: `Every question for SPF is answered with all TXT records at the name: site verifications count as much as the SPF
record. Over 512 octets old resolvers need TCP, over 1232 octets most answers over UDP are cut. Where a firewall blocks
DNS over TCP the receiver then gets no answer: temperror.

Delete verification records that are no longer needed, or move parts of the SPF record behind an include.

    before: 23 TXT records, 1790 octets
    after:  3 TXT records, 240 octets
`}, Applies: hasAnswer, Run: rrsetSize},

	{Meta: check.Meta{
		ID: "spf-record-long", Severity: check.Notice, Refs: rfc("3.4"),
		Title: "the SPF record is long",
		Doc: `The record is longer than 450 octets. That is legal, and it is not about the 255 octets of one character-string; but
RFC 7208 advises to keep the whole answer small enough for one plain DNS reply, and a record of this size leaves no
room for the other TXT records of the name.

Drop terms that are no longer needed, or move a group of addresses behind an include of your own.

    before: v=spf1 ip4:5.6.7.1 ip4:5.6.7.2 ... (forty more) -all
    after:  v=spf1 ip4:5.6.7.0/26 include:_spf1.example.com -all
`}, Applies: hasRecord, Run: recordLong},

	{Meta: check.Meta{
		ID: "spf-senderid-record", Severity: check.Notice, Refs: []check.Ref{check.RFC(4406, "")},
		Title: "a leftover Sender ID record",
		Doc: `A TXT record that begins "spf2.0/" belongs to Sender ID (RFC 4406), an experiment that was declared historic. No
receiver of importance reads it any more. It is not a second SPF record and does no direct harm, but it takes room in
every answer and misleads whoever maintains the zone.

Delete it.

    before: v=spf1 mx -all
            spf2.0/pra mx -all
    after:  v=spf1 mx -all
`}, Applies: hasAnswer, Run: senderID},
}

func lookupFailed(f *Facts, r *check.Reporter) {
	if e := f.Lookup.Error; e != nil { // only an authoritative failure comes here
		r.Report(f.about(check.Params{"Kind": string(e.Kind), "Detail": e.Detail}))
	}
}

func nxdomain(f *Facts, r *check.Reporter) {
	if f.Lookup.State == dns.StateNXDomain {
		r.Report(f.about(nil))
	}
}

func splitMissingSpace(f *Facts, r *check.Reporter) {
	glue := f.gluedRecords()
	for _, rr := range f.Lookup.Records() {
		text := rr.Text()
		at := glue[text]
		if at == nil {
			continue
		}
		delete(glue, text)
		found := f.about(check.Params{"Before": text[at[0].start:at[0].at], "After": text[at[0].at:at[0].end], "Count": len(at)})
		found.Record, found.Span = text, &check.Span{Start: at[0].start, End: at[0].end}
		if len(at) == 1 && f.InForce() != nil && isRecord(text) {
			found.Scope = scope(f.Domain, at[0].start)
		}
		found.Fix = f.change("", []string{text}, []string{ungluedText(text, at)})
		r.Report(found)
	}
}

func nearMisses(f *Facts, r *check.Reporter) {
	type miss struct {
		text, fixed string
		end         int
	}
	var misses []miss
	for _, text := range f.OtherTXT {
		if fixed, end, ok := nearMiss(text); ok && len(misses) < maxFindings {
			misses = append(misses, miss{text, fixed, end})
		}
	}
	glue := f.gluedRecords()
	for _, m := range misses {
		found := f.about(check.Params{"Text": m.text, "Hex": fmt.Sprintf("% x", m.text[:min(16, len(m.text))]), "Suggestion": m.fixed})
		found.Record, found.Span = m.text, &check.Span{End: m.end}
		switch {
		case len(f.Records) > 0:
			found.Variant = "leftover"
			found.Fix = f.change("leftover", []string{m.text}, []string{})
		case len(misses) == 1:
			text := m.fixed
			if at := glue[m.text]; at != nil {
				text = ungluedText(m.text, at)
			}
			found.Fix = f.change("", []string{m.text}, []string{text})
		}
		r.Report(found)
	}
}

func missing(f *Facts, r *check.Reporter) {
	if !f.Lookup.Absent() && len(f.Records) > 0 || f.Lookup.Unknown() {
		return
	}
	found := f.about(check.Params{"Others": len(f.OtherTXT)})
	found.Variant = "idle"
	if f.Profile.Sends() || f.HasMX != nil && *f.HasMX {
		found.Variant = "sends"
	}
	switch {
	case f.Lookup.State == dns.StateNXDomain:
	case found.Variant == "idle" || !f.Profile.Sends():
		found.Fix = f.change("close", []string{}, []string{Version + " -all"})
	case len(f.Senders) > 0:
		found.Fix = f.change("", []string{}, []string{Version + " " + strings.Join(f.Senders, " ") + " ~all"})
	}
	r.Report(found)
}

func multipleRecords(f *Facts, r *check.Reporter) {
	if len(f.Records) < 2 {
		return
	}
	found := f.about(check.Params{"Count": len(f.Records), "Lookups": 0})
	found.Record = f.Records[1]
	if f.merged != nil {
		found.Params["Lookups"] = f.merged.Lookups
		if f.merged.Lookups <= MaxLookups && f.merged.root.fatal() == nil {
			found.Fix = f.change("", f.Records, []string{f.merged.Record})
		}
	}
	r.Report(found)
}

func versionCase(f *Facts, r *check.Reporter) {
	rec := f.InForce()
	if rec.Version == strings.ToLower(rec.Version) {
		return
	}
	found := f.inRecord(&check.Span{End: len(rec.Version)}, check.Params{"Version": rec.Version})
	found.Fix = f.replace("", rec.rewrite(nil))
	r.Report(found)
}

func rrsetSize(f *Facts, r *check.Reporter) {
	size := answerSize(&f.Lookup)
	if size <= 512 {
		return
	}
	found := f.about(check.Params{"Size": size, "Count": len(f.Lookup.Records())})
	if size > 1232 {
		found.Variant = "huge"
	}
	r.Report(found)
}

func recordLong(f *Facts, r *check.Reporter) {
	if n := len(f.InForce().Text); n > 450 {
		r.Report(f.inRecord(nil, check.Params{"Size": n}))
	}
}

func senderID(f *Facts, r *check.Reporter) {
	for i, text := range f.OtherTXT {
		if i < maxFindings && len(text) >= 7 && strings.EqualFold(text[:7], "spf2.0/") {
			found := f.about(nil)
			found.Record = text
			found.Fix = f.change("", []string{text}, []string{})
			r.Report(found)
		}
	}
}
