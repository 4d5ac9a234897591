package audit

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/score"
)

// dmarc takes the policy from whatever is there to reject. Each stair starts
// from the record that the one before it published, so that following them in
// order never undoes one, and keeps what the owner chose: report addresses,
// alignment, a stronger policy below.
func (s *stepper) dmarc() {
	known, inForce := s.f.DMARC.InForce()
	if !known {
		return
	}
	d := dmarcStairs{stepper: s, name: s.f.Domain.Child("_dmarc").FQDN(), earned: map[score.CheckID]score.Part{}}
	if rec := s.f.DMARC.Record(); rec != nil {
		d.options = rec.Options()
		if s.f.DMARC.Own() {
			// Behind an alias the record stands where the alias leads.
			d.name = s.f.DMARC.Steps[0].Lookup.Answer.Owner().FQDN()
			d.published = []string{rec.Text}
		} else {
			// An inherited record is somebody else's to change: its addresses serve
			// a record of one's own, its word on other names does not.
			d.options.SP, d.options.NP, d.options.PSD = "", "", ""
		}
		if d.options.SP == d.options.Policy {
			d.options.SP = "" // it follows p, whatever p becomes
		}
	}
	if s.f.Profile == check.ProfileParked {
		d.parked()
		return
	}
	switch {
	case !inForce:
		d.first()
	case d.repair():
	case s.lacks("dmarc-rua"):
		d.reports()
	}
	d.enforce()
}

// dmarcStairs is the record as it stands after the stairs so far.
type dmarcStairs struct {
	*stepper
	name      string // where it stands
	published []string
	options   dmarc.Options
	after     []string // the stairs so far
	earned    map[score.CheckID]score.Part
}

// part is what a check has once the stairs so far are climbed.
func (d *dmarcStairs) part(id score.CheckID) (part score.Part, known bool) {
	m := d.state.Measures[id]
	return max(m.Part, d.earned[id]), m.Known
}

// text is the record that the options make, "" when they make none. A domain
// that takes no mail has no mailbox to propose for reports.
func (d *dmarcStairs) text(o dmarc.Options) string {
	if !mailboxAmong(o.RUA) && d.f.Profile.Receives() {
		o.RUA = append(slices.Clone(o.RUA), "mailto:dmarc@"+d.f.Domain.String())
	}
	o.NoReports = len(o.RUA) == 0
	text, _, _, err := dmarc.Generate(d.f.Domain, o)
	if err != nil {
		return ""
	}
	return text
}

func mailboxAmong(uris []string) bool {
	return slices.ContainsFunc(uris, func(u string) bool {
		rec, _ := dmarc.Parse("v=DMARC1; p=none; rua=" + u)
		return len(rec.RUA) == 1 && rec.RUA[0].Valid && rec.RUA[0].Scheme == "mailto"
	})
}

// publish is the change from the record as it stands to the text.
func (d *dmarcStairs) publish(text string) []check.RecordChange {
	if text == "" {
		return nil
	}
	return []check.RecordChange{{Name: d.name, Type: "TXT", Old: append([]string{}, d.published...), New: []string{text}}}
}

// stair adds a step and makes its record the one that the next step changes.
func (d *dmarcStairs) stair(name, rule string, effort score.Effort, sets map[score.CheckID]score.Part, records []check.RecordChange, closes []score.CapID, after ...string) {
	d.add(name, rule, effort, sets, records, closes, append(slices.Clone(d.after), after...)...)
	d.after = append(d.after, name)
	for id, part := range sets {
		d.earned[id] = max(d.earned[id], part)
	}
	for _, c := range records {
		own := c.Name == d.name || c.Name == d.f.Domain.Child("_dmarc").FQDN()
		if c.Type == "TXT" && own && len(c.New) == 1 {
			rec, _ := dmarc.Parse(c.New[0])
			d.name, d.published, d.options = c.Name, c.New, rec.Options()
		}
	}
}

// earns is what a record of that text at the domain is worth.
func (d *dmarcStairs) earns(text string) map[score.CheckID]score.Part {
	rec, _ := dmarc.Parse(text)
	e := rec.Effect()
	earned := map[score.CheckID]score.Part{"dmarc-policy": policyPart(e.Domain.Policy)}
	if rec.Valid && (!rec.Broken() || rec.ValidRUA()) {
		earned["dmarc-record"] = score.Full
	}
	if e.Domain.Policy == "reject" {
		earned["dmarc-reject"] = score.Full
	}
	// Names below follow the Organizational Domain's record (RFC 9989 §4.10.2).
	if d.f.DMARC.OrganizationalDomain == d.f.Domain || rec.PSD() == "n" {
		earned["dmarc-subdomains"] = min(policyPart(e.Subdomain.Policy), policyPart(e.Nonexistent.Policy))
		if d.f.Profile == check.ProfileParked && earned["dmarc-subdomains"] < score.Full {
			earned["dmarc-subdomains"] = score.Nothing
		}
	}
	if d.reportsArrive(rec) {
		earned["dmarc-rua"] = score.Full
	}
	return earned
}

// reportsArrive tells whether the record's report addresses are certain to get
// reports: one's own, or those that were seen to have agreed.
func (d *dmarcStairs) reportsArrive(rec *dmarc.Record) bool {
	mailbox := false
	for _, u := range rec.RUA {
		if !u.Valid || u.Scheme != "mailto" {
			continue
		}
		mailbox = true
		agreed := u.Host.IsUnder(d.f.Domain) || slices.ContainsFunc(d.f.DMARC.Destinations, func(dest *dmarc.Destination) bool {
			return dest.Host == u.Host && (dest.Authorized == "yes" || dest.Authorized == "not-needed")
		})
		if !agreed {
			return false
		}
	}
	return mailbox
}

// first publishes or repairs a record where none is in force.
func (d *dmarcStairs) first() {
	rule := d.failing("dmarc-missing", append(slices.Clone(noPolicyRules), "dmarc-near-miss", "dmarc-version-semicolon-missing")...)
	name := "dmarc-record"
	if rule != "dmarc-missing" {
		name = "dmarc-fix"
	}
	records := d.fixes(rule)
	if len(records) == 0 {
		if text := d.text(dmarc.Options{Policy: "none", RUA: d.options.RUA}); mailboxAmong(ruaOf(text)) {
			records = d.publish(text)
		}
	}
	earned := sets(score.Full, "dmarc-record", "dmarc-rua")
	acts := "none"
	for _, c := range records {
		if len(c.New) == 1 {
			rec, _ := dmarc.Parse(c.New[0])
			earned, acts = d.earns(c.New[0]), rec.Effect().Domain.Policy
		}
	}
	d.stair(name, rule, score.Minutes, earned, records, []score.CapID{"dmarc-missing", "no-spf-no-dmarc"})
	if acts == "none" { // watching is a record in force that stops nothing yet
		d.list[len(d.list)-1].Opens = []score.OpenCap{{ID: "dmarc-none", Rule: "dmarc-policy-none"}}
	}
}

func ruaOf(text string) []string {
	rec, _ := dmarc.Parse(text)
	return rec.Options().RUA
}

// repair mends a slip in a policy tag that switched off what its owner had
// chosen (RFC 9989 §4.10.1): the policy that was meant comes back, not another.
func (d *dmarcStairs) repair() bool {
	rule := d.failing("", "dmarc-p-invalid", "dmarc-sp-invalid", "dmarc-np-invalid")
	if rule == "" || !d.f.DMARC.Own() {
		return false
	}
	records := d.fixes(rule)
	if len(records) != 1 || len(records[0].New) != 1 {
		return false
	}
	earned := d.earns(records[0].New[0])
	if have, known := d.part("dmarc-policy"); !known || earned["dmarc-policy"] <= have {
		return false
	}
	d.stair("dmarc-fix", rule, score.Minutes, earned, records, []score.CapID{"dmarc-none"}, d.ready()...)
	return true
}

// ready are the steps without which enforcing loses mail.
func (d *dmarcStairs) ready() []string {
	var ready []string
	for _, name := range []string{"spf-record", "dkim-key", "dkim-fix"} {
		if d.offered(name) {
			ready = append(ready, name)
		}
	}
	return ready
}

// reports has the aggregate reports of a record in force arrive somewhere.
func (d *dmarcStairs) reports() {
	rule := d.failing("dmarc-rua-missing", "dmarc-policy-none-no-rua", "dmarc-rua-missing", "dmarc-uri-no-scheme", "dmarc-uri-malformed",
		"dmarc-external-unauthorized", "dmarc-report-host-unreachable", "dmarc-report-own-nomail", "dmarc-uri-list-separator")
	records := d.fixes(rule)
	if len(records) == 0 && !mailboxAmong(d.options.RUA) && d.f.Profile.Receives() && d.f.DMARC.Own() {
		records = d.publish(d.text(d.options))
	}
	d.stair("dmarc-rua", rule, score.Minutes, sets(score.Full, "dmarc-rua"), records, nil)
}

// enforce raises the policy: to quarantine, to reject, and for the names below.
// Nobody enforces before mail can pass at all, or before reports tell who sends.
// A policy that the owner chose for subdomains stays as it is until the step
// that is about them; names that do not exist send no mail and are rejected at once.
func (d *dmarcStairs) enforce() {
	if part, known := d.part("dmarc-policy"); known && part < score.Most {
		rule := d.capped("dmarc-none")
		if rule == "" {
			rule = d.failing("dmarc-policy-none", asNoneRules...)
		}
		o := d.options
		o.Policy, o.NP, o.Testing = "quarantine", "reject", false
		text := d.text(o)
		d.stair("dmarc-quarantine", rule, score.Weeks, d.earns(text), d.publish(text), []score.CapID{"dmarc-none"}, d.ready()...)
	}
	if part, known := d.part("dmarc-policy"); known && part < score.Full {
		o := rejectAll(d.options)
		if dmarc.ParseLevel(d.options.SP) != 0 && dmarc.ParseLevel(d.options.SP) < dmarc.Reject {
			o.SP, o.NP = d.options.SP, "reject"
		}
		text := d.text(o)
		d.stair("dmarc-reject", d.failing("dmarc-policy-quarantine", append([]string{"dmarc-policy-quarantine", "dmarc-test-mode"}, asNoneRules...)...), score.Weeks,
			d.earns(text), d.publish(text), nil, d.ready()...)
	}
	if part, known := d.part("dmarc-subdomains"); known && part < score.Full {
		d.subdomains()
	}
}

func rejectAll(o dmarc.Options) dmarc.Options {
	o.Policy, o.SP, o.NP, o.Testing = "reject", "", "", false
	return o
}

// subdomains closes the names below, in the record that they follow.
func (d *dmarcStairs) subdomains() {
	rule := d.failing("dmarc-sp-weaker", "dmarc-sp-weaker", "dmarc-np-inherits-weak", "dmarc-np-weaker", "dmarc-policy-none", "dmarc-policy-none-no-rua")
	text := d.text(rejectAll(d.options))
	records := d.publish(text)
	if earned := d.earns(text); earned["dmarc-subdomains"] == score.Nothing {
		records = d.organizationChange()
	}
	d.stair("dmarc-subdomains", rule, score.Weeks, sets(score.Full, "dmarc-subdomains"), records, nil)
}

// organizationChange is the change to the Organizational Domain's record where
// the audited name is not that domain: its sp and np decide for names below.
func (d *dmarcStairs) organizationChange() []check.RecordChange {
	f := d.f.DMARC
	for _, st := range f.Steps {
		rec := st.Record()
		if st.Name != f.OrganizationalDomain || rec == nil {
			continue
		}
		o := rec.Options()
		o.SP, o.NP = "reject", "reject"
		o.NoReports = len(o.RUA) == 0
		if text, _, _, err := dmarc.Generate(st.Name, o); err == nil {
			return []check.RecordChange{{Name: st.Lookup.Answer.Owner().FQDN(), Type: "TXT", Old: []string{rec.Text}, New: []string{text}}}
		}
	}
	return nil
}

// parked is one step: a domain that sends nothing has nothing to watch.
func (d *dmarcStairs) parked() {
	if !d.lacks("dmarc-record") && !d.lacks("dmarc-reject") && !d.lacks("dmarc-subdomains") {
		return
	}
	rule := d.failing("dmarc-parked-policy", append(append([]string{"dmarc-parked-policy"}, noPolicyRules...), asNoneRules...)...)
	records := d.fixes(rule)
	if len(records) == 0 {
		records = d.publish(d.text(rejectAll(d.options)))
	}
	earned := map[score.CheckID]score.Part{}
	for _, c := range records {
		if len(c.New) == 1 {
			earned = d.earns(c.New[0])
		}
	}
	d.stair("dmarc-reject", rule, score.Minutes, earned, records, []score.CapID{"dmarc-missing", "dmarc-none", "no-spf-no-dmarc"})
}
