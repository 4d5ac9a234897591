package reports

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/postseal/postseal/dns"
)

// SchemaVersion is that of the JSON of a Summary.
const SchemaVersion = "1.0"

// Options choose what is summed up.
type Options struct {
	Domain       dns.Name  // policies at this name and below; "" for all
	Since, Until time.Time // days, UTC, by the middle of the reporting period; zero for open
}

// Summary is what reports say.
type Summary struct {
	SchemaVersion string    `json:"schema_version"`
	Read          Stats     `json:"read"`
	Domains       []*Domain `json:"domains"`      // by name
	OverDomains   int64     `json:"over_domains"` // sessions of domains beyond those told apart
}

// Domain is one policy domain.
type Domain struct {
	Domain     dns.Name     `json:"domain"`
	Begin      time.Time    `json:"begin"`
	End        time.Time    `json:"end"`
	Days       int          `json:"days"` // with reports
	Reports    int          `json:"reports"`
	Reporters  []string     `json:"reporters"` // by name, the first of them
	Successful int64        `json:"successful"`
	Failed     int64        `json:"failed"`
	Policies   []PolicySum  `json:"policies"` // by type
	Hosts      []HostSum    `json:"hosts"`    // that failed, the worst first
	Failures   []FailureSum `json:"failures"` // the most frequent first
	Untold     int64        `json:"untold"`   // failed sessions without details, or beyond the failures told apart
}

// PolicySum is what became of the sessions under one type of policy.
type PolicySum struct {
	Type       string `json:"type"`
	Successful int64  `json:"successful"`
	Failed     int64  `json:"failed"`
}

// HostSum is one mail host: "" where the reports name none.
type HostSum struct {
	Host    dns.Name         `json:"mx_host"`
	Failed  int64            `json:"failed"`
	Results map[string]int64 `json:"results"`
}

// FailureSum is one kind of failure at one host under one type of policy.
type FailureSum struct {
	Result    string    `json:"result"`
	Known     bool      `json:"known"` // the standard has the word
	Type      string    `json:"policy_type"`
	Host      dns.Name  `json:"mx_host"`
	Count     int64     `json:"count"`
	Reports   int       `json:"reports"`
	Reporters []string  `json:"reporters"`
	Senders   int       `json:"senders"` // addresses that sessions came from, as far as counted
	First     time.Time `json:"first"`   // begin of the first report
	Last      time.Time `json:"last"`    // end of the last
	Reasons   []string  `json:"reasons"` // in the reporters' words, the first of them
	Rules     []string  `json:"rules"`   // that look at the same thing
}

// Bounds of what is told apart, so that forged reports cost no memory.
const (
	maxDomains   = 10_000
	maxKinds     = 2_000   // failures of one domain
	maxKindsAll  = 100_000 // of all domains
	maxNamed     = 1_000   // reporters of a domain
	maxReporters = 20      // of one failure
	maxReasons   = 5
	maxSenders   = 1_000
	maxSum       = 1 << 52 // sessions; JSON numbers are exact up to twice that
)

// Builder adds reports up. Make it with NewBuilder.
type Builder struct {
	opts    Options
	domains map[dns.Name]*building
	kinds   int
	over    int64
}

type building struct {
	Domain
	days     map[int64]bool
	policies map[string]*PolicySum
	failures map[kind]*FailureSum
	senders  map[kind]map[netip.Addr]bool
}

type kind struct {
	result, policy string
	host           dns.Name
}

// NewBuilder makes a builder.
func NewBuilder(opts Options) *Builder {
	return &Builder{opts: opts, domains: map[dns.Name]*building{}}
}

// Add counts one report. It never fails.
func (b *Builder) Add(r *Report) error {
	mid := r.Begin.Add(r.End.Sub(r.Begin) / 2)
	day := mid.Truncate(24 * time.Hour)
	if !b.opts.Since.IsZero() && day.Before(b.opts.Since) || !b.opts.Until.IsZero() && day.After(b.opts.Until) {
		return nil
	}
	counted := map[dns.Name]bool{}
	told := map[*FailureSum]bool{}
	for i := range r.Policies {
		p := &r.Policies[i]
		if b.opts.Domain != "" && p.Domain != b.opts.Domain && !p.Domain.IsUnder(b.opts.Domain) {
			continue
		}
		d := b.domain(p.Domain)
		if d == nil {
			add(&b.over, p.Successful+p.Failed)
			continue
		}
		if !counted[p.Domain] {
			counted[p.Domain] = true
			d.report(r, day)
		}
		b.policy(d, p, r, told)
	}
	return nil
}

func (b *Builder) domain(n dns.Name) *building {
	d := b.domains[n]
	if d == nil && len(b.domains) < maxDomains {
		d = &building{
			Domain: Domain{Domain: n, Reporters: []string{}},
			days:   map[int64]bool{}, policies: map[string]*PolicySum{}, failures: map[kind]*FailureSum{}, senders: map[kind]map[netip.Addr]bool{},
		}
		b.domains[n] = d
	}
	return d
}

func (d *building) report(r *Report, day time.Time) {
	if d.Reports == 0 || r.Begin.Before(d.Begin) {
		d.Begin = r.Begin
	}
	if r.End.After(d.End) {
		d.End = r.End
	}
	d.Reports++
	d.days[day.Unix()] = true
	d.Reporters = keep(d.Reporters, r.Org, maxNamed)
}

func (b *Builder) policy(d *building, p *Policy, r *Report, told map[*FailureSum]bool) {
	s := d.policies[p.Type]
	if s == nil {
		s = &PolicySum{Type: p.Type}
		d.policies[p.Type] = s
	}
	add(&s.Successful, p.Successful)
	add(&s.Failed, p.Failed)
	add(&d.Successful, p.Successful)
	add(&d.Failed, p.Failed)
	detailed := int64(0)
	for i := range p.Failures {
		f := &p.Failures[i]
		detailed += f.Count
		k := kind{f.Result, p.Type, f.Host}
		sum := d.failures[k]
		if sum == nil {
			if len(d.failures) >= maxKinds || b.kinds >= maxKindsAll {
				add(&d.Untold, f.Count)
				continue
			}
			b.kinds++
			rules, known := Results[f.Result]
			sum = &FailureSum{Result: f.Result, Known: known, Type: p.Type, Host: f.Host, Reporters: []string{}, Reasons: []string{},
				Rules: append([]string{}, rules...), First: r.Begin, Last: r.End}
			d.failures[k] = sum
			d.senders[k] = map[netip.Addr]bool{}
		}
		add(&sum.Count, f.Count)
		if !told[sum] {
			told[sum] = true
			sum.Reports++
		}
		sum.Reporters = keep(sum.Reporters, r.Org, maxReporters)
		if strings.TrimSpace(f.Reason) != "" {
			sum.Reasons = keep(sum.Reasons, f.Reason, maxReasons)
		}
		if f.SendingIP.IsValid() && len(d.senders[k]) < maxSenders {
			d.senders[k][f.SendingIP] = true
		}
		if r.Begin.Before(sum.First) {
			sum.First = r.Begin
		}
		if r.End.After(sum.Last) {
			sum.Last = r.End
		}
	}
	if p.Failed > detailed {
		add(&d.Untold, p.Failed-detailed)
	}
}

// add adds to a sum, which stops at maxSum: reports can be forged, and a sum that
// wraps round would say the opposite.
func add(sum *int64, n int64) { *sum = min(*sum+n, maxSum) }

// keep adds a text to a short list of different ones.
func keep(list []string, s string, most int) []string {
	if len(list) >= most || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// Summary is what was added up.
func (b *Builder) Summary(read Stats) *Summary {
	s := &Summary{SchemaVersion: SchemaVersion, Read: read, Domains: []*Domain{}, OverDomains: b.over}
	for _, d := range b.domains {
		d.Days = len(d.days)
		slices.Sort(d.Reporters)
		d.Policies, d.Hosts, d.Failures = []PolicySum{}, []HostSum{}, []FailureSum{}
		for _, p := range d.policies {
			d.Policies = append(d.Policies, *p)
		}
		slices.SortFunc(d.Policies, func(a, b PolicySum) int { return cmp.Compare(b.Type, a.Type) }) // tlsa, sts, other, no-policy-found
		hosts := map[dns.Name]*HostSum{}
		for k, f := range d.failures {
			f.Senders = len(d.senders[k])
			slices.Sort(f.Reporters)
			slices.Sort(f.Reasons)
			d.Failures = append(d.Failures, *f)
			h := hosts[f.Host]
			if h == nil {
				h = &HostSum{Host: f.Host, Results: map[string]int64{}}
				hosts[f.Host] = h
			}
			add(&h.Failed, f.Count)
			result := h.Results[f.Result]
			add(&result, f.Count)
			h.Results[f.Result] = result
		}
		for _, h := range hosts {
			d.Hosts = append(d.Hosts, *h)
		}
		slices.SortFunc(d.Hosts, func(a, b HostSum) int {
			return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(a.Host, b.Host))
		})
		slices.SortFunc(d.Failures, func(a, b FailureSum) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Result, b.Result), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Type, b.Type))
		})
		s.Domains = append(s.Domains, &d.Domain)
	}
	slices.SortFunc(s.Domains, func(a, b *Domain) int { return cmp.Compare(a.Domain, b.Domain) })
	return s
}
