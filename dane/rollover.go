package dane

import (
	"slices"

	"github.com/postseal/postseal/dns"
)

// Rollover is how far a host is in a change of keys (RFC 7671 §8).
type Rollover string

// The states. In all but the first two every address showed what a record names.
const (
	RolloverUnknown Rollover = "unknown"        // not every address was seen
	RolloverBroken  Rollover = "broken"         // an address shows what no record names
	RolloverSingle  Rollover = "single"         // a record for each key in use and none for the next
	RolloverReady   Rollover = "next-published" // besides those in use there are records of keys that nobody shows
	RolloverMixed   Rollover = "changing"       // addresses show different keys, each with a record
	RolloverCA      Rollover = "ca"             // a CA is named: any key of its certificates will do
	RolloverNone    Rollover = ""               // there is nothing to match
)

// Use is what a record is for at this moment.
type Use string

// The uses. Spare ones match nothing: the next key's, or left over.
const (
	UseInUse    Use = "in-use"
	UseSilenced Use = "silenced"
	UseSpare    Use = "spare"
	UseUnusable Use = "unusable"
	UseUnknown  Use = "unknown" // nothing was seen to hold it against
)

// Uses tells for each record what it is for, given what the addresses made of it.
func Uses(records []dns.Record, seen []Verdict) []Use {
	out := make([]Use, len(records))
	for i, rec := range records {
		has := func(test func(Outcome) bool) bool {
			return slices.ContainsFunc(seen, func(v Verdict) bool { return test(v.Outcomes[i]) })
		}
		switch {
		case !usable(rec.TLSA):
			out[i] = UseUnusable
		case len(seen) == 0:
			out[i] = UseUnknown
		case has(func(o Outcome) bool { return o.How == HowMatches }):
			out[i] = UseInUse
		case silenced(rec.TLSA, records):
			out[i] = UseSilenced
		default:
			out[i] = UseSpare
		}
	}
	return out
}

// State is how far the host is in a change of keys. all tells that every address was seen.
func State(records []dns.Record, seen []Verdict, all bool) Rollover {
	uses := Uses(records, seen)
	count := func(u Use) int {
		n := 0
		for i := range uses {
			// The same record twice is one.
			if uses[i] == u && slices.IndexFunc(records, func(r dns.Record) bool { return r.Data == records[i].Data }) == i {
				n++
			}
		}
		return n
	}
	keys := map[int]bool{}
	for _, v := range seen {
		if !v.OK() {
			if v.Usable == 0 {
				return RolloverNone
			}
			return RolloverBroken
		}
		keys[v.Match] = true
	}
	switch {
	case len(records) == count(UseUnusable):
		return RolloverNone
	case !all || len(seen) == 0:
		return RolloverUnknown
	case slices.ContainsFunc(records, func(r dns.Record) bool { return usable(r.TLSA) && r.TLSA.Usage == 2 }) && count(UseInUse) > 0 && onlyCA(records, uses):
		return RolloverCA
	case count(UseSpare) > 0:
		return RolloverReady
	case len(keys) > 1:
		return RolloverMixed
	}
	return RolloverSingle
}

// onlyCA: every record in use names a CA.
func onlyCA(records []dns.Record, uses []Use) bool {
	for i, u := range uses {
		if u == UseInUse && records[i].TLSA.Usage != 2 {
			return false
		}
	}
	return true
}
