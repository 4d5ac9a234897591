package dmarc

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// The stages of a rollout, in order. A rehearsal publishes the next policy with
// t=y, so that receivers of RFC 9989 apply one level less (§4.7, §A.6).
const (
	StageWatch               = "watch"
	StageRehearseQuarantine  = "rehearse-quarantine"
	StageQuarantine          = "quarantine"
	StageRehearseReject      = "rehearse-reject"
	StageReject              = "reject"
	StageSubdomainQuarantine = "subdomain-quarantine" // only where sp is weaker than p
	StageSubdomainReject     = "subdomain-reject"
)

// Stays are how many days a stage lasts at least. RFC 9989 §7.4 asks for a month
// each of none and quarantine where people post to mailing lists.
const (
	stayLevel    = 28
	stayRehearse = 14
)

const (
	rolloutTTL = 300 // while the record changes: the way back is short
	stableTTL  = 3600
)

// ErrNoAddress says that a stage which only watches has nobody to tell.
var ErrNoAddress = errors.New("dmarc: p=none does nothing without an address for reports")

// Standing is where a rollout starts.
type Standing struct {
	Owner  dns.Name // where the record stands or will stand
	Record *Record  // in force for the domain; nil when none is
	Own    bool     // it is the domain's own, not inherited

	// Foreign tells that the record is a public suffix's, or of another name
	// above the organisation: its addresses are not the owner's.
	Foreign bool
	// Below tells that a parent without psd=y has a record of which only psd=n
	// keeps the domain apart (§11.8).
	Below bool

	// Organizational tells that names below the domain follow its record; only
	// then sp and np mean anything there (§4.7).
	Organizational bool
	Nonexistent    bool // the domain does not exist: an inherited record's np applies

	Discarded []string // texts at Owner that were meant as a record and are none: they have to go
	Alias     dns.Name // where an alias at _dmarc leads, if it has to go; "" for none
}

// Standing is where the domain stands. Where a failed look-up leaves the
// Organizational Domain open, the public suffix list has to do.
func (f *Facts) Standing() Standing {
	at := Standing{
		Owner: f.Domain.Child("_dmarc"), Record: f.Record(), Own: f.Own(), Foreign: f.foreign() || f.walk.PSD && !f.Own(),
		Organizational: f.OrganizationalDomain == f.Domain || f.OrganizationalDomain == "" && pslDomain(f.Domain) == f.Domain,
		Nonexistent:    f.nonexistent(),
		Below:          f.parent() != nil && f.Domain == f.psl.Name,
	}
	own := f.Steps[0]
	if own.Lookup.Answer == nil {
		return at
	}
	for _, t := range f.texts {
		if t.step == own && !t.record.Valid && slices.ContainsFunc(t.problems, func(p Problem) bool { return p.Fixed != "" }) {
			at.Discarded = append(at.Discarded, t.text)
		}
	}
	at.Discarded = append(at.Discarded, own.discarded()...)
	switch {
	case len(own.Records) > 0 || len(at.Discarded) > 0:
		at.Owner = own.Lookup.Answer.Owner() // behind an alias the record stands where it leads
	case alias(own) != "" && !f.everyonesAlias():
		at.Alias = own.Lookup.Answer.Chain[0]
	}
	return at
}

// discarded are the records of a name that has several (§4.10).
func (s *Step) discarded() []string {
	if len(s.Records) < 2 {
		return nil
	}
	return s.Records
}

// RolloutOptions are what the owner chooses.
type RolloutOptions struct {
	Start time.Time // the day the plan begins
	Since time.Time // when the record in force was published; zero: unknown
	To    Level     // where to stop: Quarantine, else Reject
	RUA   []string  // report addresses where the record has none
	AtEnd bool      // straight to the last stage: nothing is sent, so nothing can be lost
}

// Stage is one step of a rollout: from its first day on the record stands as it
// says.
type Stage struct {
	Name    string               `json:"stage"`
	From    time.Time            `json:"from"`
	Until   time.Time            `json:"until"` // earliest day to go on; zero in the last stage
	Days    int                  `json:"days"`  // the least stay; 0 in the last stage
	Current bool                 `json:"current"`
	Record  string               `json:"record"`
	Change  []check.RecordChange `json:"change"`   // empty where the record stands already
	Consent []check.RecordChange `json:"consent"`  // what report receivers in other organisations must publish
	WayBack []string             `json:"way_back"` // the text to return to; empty where there was none
	TTL     uint32               `json:"ttl"`
	Testing bool                 `json:"testing"`
}

// Rollout is the ladder from where the domain stands to its goal, dated. Every
// record keeps the report addresses and the alignment that its owner chose, and
// never weakens what is in force. It is empty when the goal is reached.
func Rollout(domain dns.Name, at Standing, o RolloutOptions) ([]Stage, error) {
	if o.To == 0 {
		o.To = Reject
	}
	r := rollout{domain: domain, at: at, o: o, from: o.Start, asked: map[string]bool{}}
	r.begin()
	for _, name := range r.stages() {
		if err := r.add(name); err != nil {
			return nil, err
		}
	}
	if n := len(r.list); n > 0 {
		last := &r.list[n-1]
		last.Until, last.Days, last.TTL = time.Time{}, 0, stableTTL
	}
	if len(r.list) == 1 && r.list[0].Current {
		return []Stage{}, nil // nothing is left to do
	}
	return r.list, nil
}

type rollout struct {
	domain  dns.Name
	at      Standing
	o       RolloutOptions
	options Options // of the record as it stands
	text    string  // of it, "" for none of the domain's own
	stands  string  // stage the domain is in, "" before the first
	from    time.Time
	list    []Stage
	changed bool // a stage before this one published something
	asked   map[string]bool
}

// begin reads where the domain stands. An inherited policy is where a record of
// one's own has to begin: anything less would weaken it.
func (r *rollout) begin() {
	rec := r.at.Record
	if rec == nil {
		r.options = Options{RUA: r.addresses()}
		return
	}
	p := rec.policy(r.at.Own, !r.at.Nonexistent)
	watched := rec.ValidRUA() && !r.at.Foreign
	switch {
	case r.at.Own:
		r.options, r.text = rec.Options(), rec.Text
		if rec.Broken() || !r.at.Organizational {
			r.options.SP, r.options.NP = "", "" // not in force, and not to be by the way
		}
		if r.options.SP == r.options.Policy {
			r.options.SP = "" // follows p, on every stage
		}
	case r.at.Foreign:
		r.options = Options{Testing: p.Testing}
	default:
		r.options = rec.Options()
		r.options.SP, r.options.NP, r.options.PSD, r.options.Testing = "", "", "", p.Testing
	}
	if p.Tag != "" {
		r.options.Policy = rec.Level(p.Tag).String()
	}
	if !watched {
		r.options.RUA = r.addresses()
	}
	switch level := ParseLevel(p.Policy); {
	case p.Policy == "" || rec.Broken():
		// As good as none: the first stage mends it.
	case level == None && p.Testing:
		r.stands = StageRehearseQuarantine
	case level == None && watched:
		r.stands = StageWatch
	case level == Quarantine && p.Testing:
		r.stands = StageRehearseReject
	case level == Quarantine:
		r.stands = StageQuarantine
	case level == Reject:
		r.stands = StageReject
	}
}

// addresses are those of the texts that were meant as the record, else those
// asked for.
func (r *rollout) addresses() []string {
	var list []string
	for _, text := range r.at.Discarded {
		rec, _ := Parse(text)
		list = addURIs(list, rec.RUA)
	}
	if len(list) == 0 {
		list = r.o.RUA
	}
	return list
}

// stages are those to list: where the domain stands, and what is left.
func (r *rollout) stages() []string {
	all := []string{StageWatch, StageRehearseQuarantine, StageQuarantine}
	if r.o.To == Reject {
		all = append(all, StageRehearseReject, StageReject)
	}
	if r.o.AtEnd {
		if all = []string{StageReject}; r.stands != StageReject || r.below() < Reject {
			r.stands = "" // reject for the domain alone is not the end
		}
		r.options.SP, r.options.NP = "", ""
	}
	ladder := len(all)
	switch sp := ParseLevel(r.options.SP); {
	case sp == None:
		all = append(all, StageSubdomainQuarantine)
		if r.o.To == Reject {
			all = append(all, StageSubdomainReject)
		}
	case sp == Quarantine && r.o.To == Reject:
		all = append(all, StageSubdomainReject)
	}
	i := slices.Index(all, r.stands)
	switch {
	case i < 0 && r.stands == "":
		return all
	case i < 0 && r.stands == StageReject: // more than the goal: only below something can be left
		all = append([]string{StageReject}, all[ladder:]...)
	case i < 0:
		return nil
	default:
		all = all[i:]
	}
	switch {
	case len(all) > 1:
	case !r.at.Own && !r.at.Foreign:
		return nil // what is inherited will do
	case r.at.Own && r.at.Organizational && r.ghosts() < Reject:
		r.stands = "" // np=reject is safe at once: the last stage again, with it
	}
	return all
}

// below is the weakest level in force below the domain, and ghosts that of
// names that do not exist; Reject where the record says nothing of them.
func (r *rollout) below() Level {
	if !r.at.Own || !r.at.Organizational {
		return Reject
	}
	return min(levelOf(r.at.Record.Effect().Subdomain), r.ghosts())
}

func (r *rollout) ghosts() Level { return levelOf(r.at.Record.Effect().Nonexistent) }

// add makes a stage from the record that the one before it published.
func (r *rollout) add(name string) error {
	o := r.options
	stay := stayLevel
	switch name {
	case StageWatch:
		o.Policy, o.Testing = None.String(), false
	case StageRehearseQuarantine:
		o.Policy, o.Testing, stay = Quarantine.String(), true, stayRehearse
	case StageQuarantine:
		o.Policy, o.Testing = Quarantine.String(), false
	case StageRehearseReject:
		o.Policy, o.Testing, stay = Reject.String(), true, stayRehearse
	case StageReject:
		o.Policy, o.Testing = Reject.String(), false
	case StageSubdomainQuarantine:
		o.SP = Quarantine.String()
	case StageSubdomainReject:
		o.SP = ""
	}
	if name != StageWatch && (r.at.Organizational || r.at.Below) {
		o.NP = Reject.String() // no mail comes from names that do not exist
	}
	if o.SP == o.Policy {
		o.SP = ""
	}
	if r.at.Below && o.PSD != "y" {
		o.PSD = "n"
	}
	o.NoReports = len(o.RUA) == 0
	s := Stage{Name: name, From: r.from, Days: stay, TTL: rolloutTTL, Change: []check.RecordChange{}, Consent: []check.RecordChange{}, WayBack: []string{}}
	if name == r.stands && r.at.Own {
		s.Current, s.Record, s.Testing = true, r.text, o.Testing
		_, consent := consents(r.domain, r.at.Record)
		s.Consent = r.ask(s.Consent, consent)
		if !r.o.Since.IsZero() {
			s.From = r.o.Since
		}
	} else {
		text, problems, consent, err := Generate(r.domain, o)
		if err != nil {
			return err
		}
		for i := range problems {
			if problems[i].ID == "gen-dmarc-no-rua" && problems[i].Severity == check.Error {
				return ErrNoAddress
			}
			if problems[i].Severity == check.Error {
				return fmt.Errorf("dmarc: stage %s: %w", name, &problems[i])
			}
		}
		if o.Testing && r.weakens(text) {
			return nil // t=y would lower what subdomains have
		}
		s.Record, s.Testing = text, o.Testing
		old := []string{}
		if r.text != "" {
			old = append(old, r.text)
			s.WayBack = old
		}
		if !r.changed {
			if r.at.Alias != "" { // nothing can stand beside an alias (RFC 1034 §3.6.2)
				s.Change = append(s.Change, check.RecordChange{Name: r.domain.Child("_dmarc").FQDN(), Type: "CNAME", Old: []string{r.at.Alias.FQDN()}, New: []string{}})
			}
			if !r.at.Own {
				old = append(old, r.at.Discarded...)
			}
		}
		s.Consent = r.ask(s.Consent, consent)
		s.Change = append(s.Change, check.RecordChange{Name: r.at.Owner.FQDN(), Type: "TXT", Old: old, New: []string{text}})
		r.text, r.options, r.changed = text, o, true
	}
	s.Until = s.From.AddDate(0, 0, stay)
	if s.Until.Before(r.o.Start) {
		s.Until = r.o.Start
	}
	r.from = s.Until
	r.list = append(r.list, s)
	return nil
}

// ask adds the consents that no stage before has asked for.
func (r *rollout) ask(list, consents []check.RecordChange) []check.RecordChange {
	for _, c := range consents {
		if !r.asked[c.Name] {
			r.asked[c.Name] = true
			list = append(list, c)
		}
	}
	return list
}

// weakens tells whether existing subdomains would have less than they do now:
// t=y lowers a policy of their own, too (§4.7).
func (r *rollout) weakens(text string) bool {
	if r.text == "" || !r.at.Organizational {
		return false
	}
	now, _ := Parse(r.text)
	next, _ := Parse(text)
	return levelOf(next.Effect().Subdomain) < levelOf(now.Effect().Subdomain)
}
