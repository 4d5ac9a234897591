package dkim

import (
	"slices"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// The waits of a rotation beside what TTLs make necessary.
const (
	// HoldOld is how long the old record stays after the switch: mail that was
	// signed before waits in queues for four to five days (RFC 5321 §4.5.4.1), and
	// forwarders and readers verify later still.
	HoldOld = 7 * 24 * time.Hour
	// HoldRevoked is how long the record says that the key is withdrawn, before
	// it goes: a missing record could also be a mistake, an empty "p" is none.
	HoldRevoked = 30 * 24 * time.Hour
	// assumedNegative is taken where the zone's SOA could not be had; resolvers
	// keep a denial no longer than a few hours on their own account (RFC 2308 §5).
	assumedNegative = 24 * time.Hour
)

// NewKey is a key that takes over.
type NewKey struct {
	Selector string `json:"selector"`
	Type     string `json:"key_type"`
	File     string `json:"key_file"`  // of the private key, which may not exist yet
	Record   string `json:"record"`    // to publish; "" while the key has yet to be made
	Standing bool   `json:"published"` // DNS has it already
}

// Rotation is what is known before keys are changed.
type Rotation struct {
	Domain   dns.Name
	Start    time.Time
	TTL      time.Duration // of the new records
	Negative time.Duration // how long resolvers may keep "there is no such name"; 0 could not be told
	Old      []*Selector   // to be withdrawn
	New      []NewKey
}

// Step is one thing to do, not before its time.
type Step struct {
	ID      string               `json:"step"` // "make", "publish", "switch", "revoke", "remove"
	At      time.Time            `json:"at"`   // not before, UTC
	Waited  time.Duration        `json:"-"`    // since the step before
	Changes []check.RecordChange `json:"changes"`
}

// Candidates are the selectors that can be rotated, and those whose record is
// in somebody else's hands: an alias leads to it.
func (f *Facts) Candidates() (own, managed []*Selector) {
	for _, s := range f.Selectors {
		switch {
		case s.FoundBy == ByWildcard || s.Status == StatusMissing || s.Status == StatusUnknown || s.Status == StatusRevoked:
		case s.CNAME != "":
			managed = append(managed, s)
		default:
			own = append(own, s)
		}
	}
	return own, managed
}

// TypesFor are the types of key that replace these: Ed25519 stays beside RSA
// where it was, and RSA keys are made with 2048 bits.
func TypesFor(old []*Selector) string {
	ed := func(s *Selector) bool { return s.KeyType == "ed25519" }
	switch {
	case len(old) > 0 && !slices.ContainsFunc(old, func(s *Selector) bool { return !ed(s) }):
		return "ed25519"
	case slices.ContainsFunc(old, ed):
		return "both"
	}
	return "rsa2048"
}

// Wait is how long resolvers may go on saying that the new names do not exist,
// or hold what they held: one negative TTL and one TTL.
func (r *Rotation) Wait() time.Duration {
	negative := r.Negative
	if negative == 0 {
		negative = assumedNegative
	}
	return negative + r.TTL
}

// Steps is the plan. At no time is a signature without a record.
func (r *Rotation) Steps() []Step {
	at := r.Start.UTC().Truncate(time.Minute)
	if at.Before(r.Start) {
		at = at.Add(time.Minute)
	}
	var steps []Step
	add := func(id string, wait time.Duration, changes []check.RecordChange) {
		at = at.Add((wait + time.Minute - 1).Truncate(time.Minute))
		steps = append(steps, Step{ID: id, At: at, Waited: wait, Changes: changes})
	}
	unmade, standing := false, true
	publish := []check.RecordChange{}
	for _, k := range r.New {
		unmade = unmade || k.Record == ""
		standing = standing && k.Standing
		if k.Record != "" && !k.Standing {
			publish = append(publish, r.change(k.Selector, nil, []string{k.Record}))
		}
	}
	if unmade {
		add("make", 0, []check.RecordChange{})
	}
	if !standing {
		add("publish", 0, publish)
	}
	// A record that stands already may stand since a minute.
	add("switch", r.Wait(), []check.RecordChange{})
	revoke, remove := []check.RecordChange{}, []check.RecordChange{}
	for _, s := range r.Old {
		revoked := revocation(s.KeyType)
		revoke = append(revoke, r.change(s.Name, s.Texts(), []string{revoked}))
		remove = append(remove, r.change(s.Name, []string{revoked}, nil))
	}
	add("revoke", HoldOld, revoke)
	add("remove", HoldRevoked, remove)
	return steps
}

func (r *Rotation) change(selector string, from, to []string) check.RecordChange {
	return check.RecordChange{Name: r.Domain.Child(selector + "._domainkey").FQDN(), Type: "TXT",
		Old: append([]string{}, from...), New: append([]string{}, to...)}
}

// revocation is the record of a key that is withdrawn: an empty "p"
// (RFC 6376 §3.6.1).
func revocation(keyType string) string {
	if keyType == "ed25519" {
		return "v=DKIM1; k=ed25519; p="
	}
	return "v=DKIM1; k=rsa; p="
}

// Texts are the TXT records at the selector as they stand, a private key among
// them hidden.
func (s *Selector) Texts() []string {
	list := []string{}
	for _, r := range s.Lookup.Records() {
		text := r.Text()
		if text == "" && r.Data == Hidden || HoldsPrivateKey(text) {
			text = Hidden
		}
		list = append(list, text)
	}
	return list
}
