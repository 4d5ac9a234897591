package aggregate

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/postseal/postseal/dns"
)

// SummaryVersion is the version of the JSON that a Summary marshals to. Within
// a major version fields are only added.
const SummaryVersion = "1.0"

// Summary is what reports say, domain by domain.
type Summary struct {
	SchemaVersion string    `json:"schema_version"`
	Read          Stats     `json:"read"`
	Domains       []*Domain `json:"domains"` // by name
	// LeftOut counts the reports of domains beyond those that are kept.
	LeftOut int `json:"left_out"`
}

// Domain is what reports say of the mail under one policy.
type Domain struct {
	Domain    dns.Name  `json:"domain"` // the policy domain, or the one asked for
	Reports   int       `json:"reports"`
	Reporters int       `json:"reporters"` // organisations that sent them
	Begin     time.Time `json:"begin"`     // UTC
	End       time.Time `json:"end"`
	Days      int       `json:"days"` // on which a report counts, by the middle of its period
	Policy    Published `json:"policy"`

	Tally
	Dispositions map[string]int64 `json:"dispositions"` // messages
	Overrides    map[string]int64 `json:"overrides"`    // messages, by the type of the reason

	Answer  Answer   `json:"answer"`
	Sources []Source `json:"sources"` // those with most failing messages first
	Others  Others   `json:"others"`  // sources that are not listed

	From      []From     `json:"from"`      // domains in the From field, the most used first
	PerDay    []Day      `json:"per_day"`   // the last of them
	Selectors []Selector `json:"selectors"` // of the domain, seen to pass
}

// Published is the policy of the newest report.
type Published struct {
	P       string `json:"p"`
	SP      string `json:"sp"`
	NP      string `json:"np"`
	Testing bool   `json:"testing"`
	Pct     int    `json:"pct"`
}

// Tally counts messages by what passed and was aligned.
type Tally struct {
	Messages int64   `json:"messages"`
	Both     int64   `json:"aligned_both"`
	DKIM     int64   `json:"aligned_dkim_only"`
	SPF      int64   `json:"aligned_spf_only"`
	Failing  int64   `json:"failing"`         // neither: what a policy of quarantine or reject is applied to
	Percent  float64 `json:"aligned_percent"` // rounded down to a tenth; 0 without messages
}

// Aligned gives the messages that pass DMARC.
func (t Tally) Aligned() int64 { return t.Messages - t.Failing }

func (t *Tally) add(row *Row) {
	t.Messages = sum(t.Messages, row.Count)
	to := &t.Failing
	switch {
	case row.DKIM && row.SPF:
		to = &t.Both
	case row.DKIM:
		to = &t.DKIM
	case row.SPF:
		to = &t.SPF
	}
	*to = sum(*to, row.Count)
	t.Percent = percent(t.Messages-t.Failing, t.Messages)
}

// percent rounds down, so that 97.96 is not shown as the 98 that a gate asks for.
func percent(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(int64(float64(part)/float64(whole)*1000+1e-9)) / 10
}

// From is a domain in the From field.
type From struct {
	Domain dns.Name `json:"domain"`
	Tally
}

// Day is a day, in UTC.
type Day struct {
	Date string `json:"date"` // 2026-11-02
	Tally
}

// Others are sources that are not listed: beyond the number asked for, or
// beyond what is kept.
type Others struct {
	Sources int  `json:"sources"` // known to be different
	More    bool `json:"more"`    // and more that were not told apart
	Tally
}

// Options choose what is summed up.
type Options struct {
	Domain       dns.Name  // only mail that is From it or below, and reports for it; "" for everything, by policy domain
	Since, Until time.Time // first and last day; zero for no bound
	Top          int       // sources listed; 0 for all
	Sources      int       // sources told apart, over all domains; 0 for 50,000
}

// Bounds of a summary.
const (
	sourcesKept   = 50_000
	domainsKept   = 10_000
	fromKept      = 1000 // names of the From field, of a domain
	fromListed    = 50
	daysKept      = 1200 // of a domain
	daysListed    = 92
	reportersKept = 10_000 // of a domain
	addressesKept = 8      // of a source
)

// Builder adds reports up. Memory is bounded by the numbers above, not by the
// number of reports.
type Builder struct {
	opts     Options
	domains  map[dns.Name]*building
	sources  int
	leftOut  int
	identify identifier
}

type building struct {
	Domain
	newest    time.Time
	near      bool // Policy is that of the domain itself
	reporters map[string]bool
	from      map[dns.Name]*From
	days      map[int32]*Tally
	sources   map[string]*source
	rest      Tally
	harvest   Harvest
}

// NewBuilder makes an empty builder.
func NewBuilder(o Options) *Builder {
	if o.Sources <= 0 {
		o.Sources = sourcesKept
	}
	return &Builder{opts: o, domains: map[dns.Name]*building{}, identify: newIdentifier()}
}

// Add adds a report; it is made to be called by Walk.
func (b *Builder) Add(r *Report) error {
	mid := r.mid()
	if !b.opts.Since.IsZero() && mid.Before(b.opts.Since) || !b.opts.Until.IsZero() && !mid.Before(b.opts.Until.AddDate(0, 0, 1)) {
		return nil
	}
	name := r.Policy.Domain
	if want := b.opts.Domain; want != "" {
		if !within(name, want) {
			return nil
		}
		name = want
	}
	d := b.domains[name]
	fresh := d == nil
	if fresh {
		if len(b.domains) >= domainsKept {
			b.leftOut++
			return nil
		}
		d = &building{
			Domain:    Domain{Domain: name, Dispositions: map[string]int64{}, Overrides: map[string]int64{}},
			reporters: map[string]bool{}, from: map[dns.Name]*From{}, days: map[int32]*Tally{}, sources: map[string]*source{},
			harvest: Harvest{Domain: name},
		}
	}
	day := int32(mid.Unix() / 86400)
	counted, rows := map[string]bool{}, 0
	err := r.each(func(row *Row) error {
		if b.opts.Domain != "" && !row.HeaderFrom.IsUnder(b.opts.Domain) {
			return nil
		}
		rows++
		d.harvest.row(r, row, counted)
		b.row(d, day, row)
		return nil
	})
	if err != nil {
		return err
	}
	if rows == 0 && r.Policy.Domain != name { // a parent's report that says nothing of the domain
		return nil
	}
	if fresh {
		b.domains[name] = d
	}
	d.report(r)
	return nil
}

// report takes what a report says once.
func (d *building) report(r *Report) {
	d.Reports++
	if d.Begin.IsZero() || r.Begin.Before(d.Begin) {
		d.Begin = r.Begin
	}
	if r.End.After(d.End) {
		d.End = r.End
	}
	if len(d.reporters) < reportersKept {
		d.reporters[strings.ToLower(r.Org)] = true
	}
	near := r.Policy.Domain == d.Domain.Domain
	if near && !d.near || near == d.near && !r.Begin.Before(d.newest) {
		d.newest, d.near = r.Begin, near
		p := r.Policy
		d.Policy = Published{P: p.P, SP: p.SP, NP: p.NP, Testing: p.Testing == "y", Pct: p.Pct}
		// A parent's policy for this domain is its sp, where it has one.
		if !near && d.Domain.Domain.IsUnder(p.Domain) && p.SP != "" {
			d.Policy.P = p.SP
		}
	}
}

// row adds one row.
func (b *Builder) row(d *building, day int32, row *Row) {
	d.Tally.add(row)
	if row.Disposition != "" {
		d.Dispositions[row.Disposition] = sum(d.Dispositions[row.Disposition], row.Count)
	}
	for i, r := range row.Reasons {
		if r.Type != "" && !slices.ContainsFunc(row.Reasons[:i], func(o Reason) bool { return o.Type == r.Type }) {
			d.Overrides[r.Type] = sum(d.Overrides[r.Type], row.Count)
		}
	}
	f := d.from[row.HeaderFrom]
	if f == nil && len(d.from) < fromKept {
		f = &From{Domain: row.HeaderFrom}
		d.from[row.HeaderFrom] = f
	}
	if f != nil {
		f.add(row)
	}
	t := d.days[day]
	if t == nil && len(d.days) < daysKept {
		t = &Tally{}
		d.days[day] = t
	}
	if t != nil {
		t.add(row)
	}
	id := b.identify.of(d.Domain.Domain, row)
	s := d.sources[id.key]
	if s == nil {
		if b.sources >= b.opts.Sources {
			d.rest.add(row)
			return
		}
		b.sources++
		s = &source{identity: id}
		d.sources[id.key] = s
	}
	s.add(d.Domain.Domain, day, row)
}

// Summary gives what was added so far.
func (b *Builder) Summary(read Stats) *Summary {
	s := &Summary{SchemaVersion: SummaryVersion, Read: read, Domains: []*Domain{}, LeftOut: b.leftOut}
	for _, d := range b.domains {
		s.Domains = append(s.Domains, d.finish(b.opts.Top))
	}
	slices.SortFunc(s.Domains, func(a, b *Domain) int { return cmp.Compare(a.Domain, b.Domain) })
	return s
}

func (b *building) finish(top int) *Domain {
	d := b.Domain
	d.Begin, d.End = d.Begin.UTC(), d.End.UTC()
	d.Reporters, d.Days = len(b.reporters), len(b.days)
	d.Selectors = b.harvest.Selectors()

	d.From = make([]From, 0, len(b.from))
	for _, f := range b.from {
		d.From = append(d.From, *f)
	}
	slices.SortFunc(d.From, func(a, b From) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Domain, b.Domain))
	})
	d.From = d.From[:min(len(d.From), fromListed)]

	d.PerDay = make([]Day, 0, len(b.days))
	for day, t := range b.days {
		d.PerDay = append(d.PerDay, Day{Date: date(day), Tally: *t})
	}
	slices.SortFunc(d.PerDay, func(a, b Day) int { return cmp.Compare(a.Date, b.Date) })
	d.PerDay = d.PerDay[max(0, len(d.PerDay)-daysListed):]

	d.Sources = make([]Source, 0, len(b.sources))
	for _, s := range b.sources {
		d.Sources = append(d.Sources, s.finish(d.Days))
	}
	slices.SortFunc(d.Sources, func(a, b Source) int {
		return cmp.Or(cmp.Compare(b.Failing, a.Failing), cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Name, b.Name))
	})
	d.Answer = answer(&d, b.rest)
	d.Others = Others{Tally: b.rest, More: b.rest.Messages > 0}
	if top > 0 && len(d.Sources) > top {
		for _, s := range d.Sources[top:] {
			d.Others.Sources++
			d.Others.merge(s.Tally)
		}
		d.Sources = slices.Clone(d.Sources[:top])
	}
	return &d
}

func (t *Tally) merge(o Tally) {
	for _, f := range []struct {
		to *int64
		n  int64
	}{{&t.Messages, o.Messages}, {&t.Both, o.Both}, {&t.DKIM, o.DKIM}, {&t.SPF, o.SPF}, {&t.Failing, o.Failing}} {
		*f.to = sum(*f.to, f.n)
	}
	t.Percent = percent(t.Messages-t.Failing, t.Messages)
}

func date(day int32) string { return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) }

// network is the neighbourhood that one operator is likely to have whole.
func network(a netip.Addr) netip.Prefix {
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
