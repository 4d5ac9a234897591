package tlsfields

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Published are the texts at the name of a record, as far as they have to do
// with it.
type Published struct {
	Records  []string // the candidates
	NearMiss []string // texts that were meant to be one, where there is no candidate
	Record   string   // the only candidate, "" where there is none or more than one
}

// In sorts the texts of an answer. All else is unrelated and dropped (RFC 8461
// §3.1, RFC 8460 §3).
func (v Version) In(l *dns.Lookup) Published {
	p := Published{Records: []string{}, NearMiss: []string{}}
	for _, rec := range l.Records() {
		text := rec.Text()
		if _, ok := v.Candidate(text); ok {
			p.Records = append(p.Records, text)
		} else if v.nearMiss(text) {
			p.NearMiss = append(p.NearMiss, text)
		}
	}
	switch len(p.Records) {
	case 0:
		return p
	case 1:
		p.Record = p.Records[0]
	}
	p.NearMiss = []string{} // others beside a record are nobody's concern
	return p
}

// Change is a fix of the TXT records at a name: old texts for new ones.
func Change(name dns.Name, old, new []string) *check.Fix {
	return &check.Fix{Records: []check.RecordChange{{Name: name.FQDN(), Type: "TXT", Old: old, New: new}}}
}

// Several reports more than one candidate at a name. fix makes one of them.
func Several(r *check.Reporter, name dns.Name, records []string, fix func() *check.Fix) {
	if len(records) < 2 {
		return
	}
	r.Report(check.Finding{Subject: name.String(), Record: records[1], Fix: fix(),
		Params: check.Params{"Count": len(records), "Records": records}})
}

// Misplaced reports records that stand at other names than the right one, one of
// each name. The fix moves it.
func (v Version) Misplaced(r *check.Reporter, right dns.Name, elsewhere []dns.Lookup) {
	for i := range elsewhere {
		l := &elsewhere[i]
		if l.Unknown() {
			r.Unknown(l.Error)
			continue
		}
		there := v.In(l)
		if len(there.Records) == 0 {
			continue
		}
		text := slices.Min(there.Records) // name servers give them in any order
		fix := Change(right, []string{}, []string{text})
		fix.Records = append(fix.Records, Change(l.Name, []string{text}, []string{}).Records...)
		r.Report(check.Finding{Subject: l.Name.String(), Record: text, Fix: fix,
			Params: check.Params{"Found": l.Name.String(), "Name": right.String()}})
	}
}
