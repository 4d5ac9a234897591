package dns

import (
	"context"
	"time"
)

// AskAuthority finds the zone that holds the name and asks for its SOA: at the
// name itself, at the zone that a denial names, else at the name's parents. The
// look-up that comes back is the last one: found, with the SOA as its only
// record, or the answer or failure that ended the search.
func AskAuthority(ctx context.Context, r Resolver, name Name) Lookup {
	for asked := map[Name]bool{}; ; {
		asked[name] = true
		l := Ask(ctx, r, name, TypeSOA)
		if l.Unknown() {
			return l
		}
		// The SOA at the end of an alias is another zone's.
		if l.Found() && len(l.Answer.Chain) == 0 && l.Answer.Records[0].SOA != nil {
			return l
		}
		next := name.Parent()
		if zone := l.Answer.Zone; zone != "" && len(l.Answer.Chain) == 0 && name.IsUnder(zone) && !asked[zone] {
			next = zone
		}
		if name == Root || asked[next] {
			return l
		}
		name = next
	}
}

// NegativeTTL is the longest that a resolver keeps the answer that a name is
// not in the zone of this SOA record (RFC 2308 §5): the lesser of the record's
// TTL and its MINIMUM. A resolver shows a TTL that counts down; then only MINIMUM
// bounds it.
func (r *Record) NegativeTTL(counting bool) time.Duration {
	if r.SOA == nil {
		return 0
	}
	seconds := r.SOA.Minimum
	if !counting {
		seconds = min(seconds, r.TTL)
	}
	return time.Duration(seconds) * time.Second
}
