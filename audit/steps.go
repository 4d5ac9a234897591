package audit

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dnssec"
	"github.com/postseal/postseal/score"
	"github.com/postseal/postseal/tlsrpt"
)

// step is a candidate for the staircase and what it has to publish.
type step struct {
	score.Step
	Records []check.RecordChange
}

// steps lists what could be mended, each with what it earns. A step stands for
// all findings that hold the same part down: mending only some of them earns
// nothing, so they are one stair.
func steps(f *Facts, results []check.Result, state score.State) []step {
	if f.MX.Lookup.State == dns.StateNXDomain {
		return nil // records cannot be published below a name that does not exist
	}
	s := stepper{m: measurer{f: f, by: index(results)}, f: f, state: state}
	if f.Profile == check.ProfileParked || f.Profile == check.ProfileReceiveOnly {
		s.closed()
	} else {
		s.spf()
		s.dkim()
	}
	s.dmarc()
	s.transit()
	s.zone()
	return s.list
}

// stepNames lists the steps there are; "step.<name>" has the words.
var stepNames = []string{
	"spf-record", "spf-pass", "spf-limits", "spf-all", "spf-scope", "spf-closed", "takeover",
	"dmarc-record", "dmarc-fix", "dmarc-quarantine", "dmarc-reject", "dmarc-subdomains", "dmarc-rua",
	"dkim-key", "dkim-fix", "dkim-strength", "dkim-hygiene",
	"transit-starttls", "transit-tls", "transit-promise", "transit-dane", "transit-policy", "transit-enforce", "transit-tlsrpt",
	"dnssec", "dnssec-bogus", "dns-mx", "dns-servers", "mx-null",
}

type stepper struct {
	m     measurer
	f     *Facts
	state score.State
	list  []step
}

// offered tells whether a step of that name is among those listed so far.
func (s *stepper) offered(name string) bool {
	return slices.ContainsFunc(s.list, func(st step) bool { return st.Name == name })
}

// lacks tells that a check was measured and did not earn all.
func (s *stepper) lacks(id score.CheckID) bool {
	m := s.state.Measures[id]
	return m.Known && m.Part < score.Full
}

// capped gives the rule that holds a cap open, "" when it is not open.
func (s *stepper) capped(id score.CapID) string {
	for _, c := range s.state.Caps {
		if c.ID == id {
			return c.Rule
		}
	}
	return ""
}

// failing is the first failed rule among ids, or the fallback.
func (s *stepper) failing(fallback string, ids ...string) string {
	if id, _ := s.m.worst(check.Info, ids...); id != "" {
		return id
	}
	return fallback
}

// fixes are the record changes that the findings of those rules derive.
func (s *stepper) fixes(ids ...string) []check.RecordChange {
	changes := []check.RecordChange{}
	for _, id := range ids {
		r := s.m.by[id]
		if r == nil || r.Status != check.Fail {
			continue
		}
		for _, finding := range r.Findings {
			if finding.Fix == nil {
				continue
			}
			for _, c := range finding.Fix.Records {
				if changes = combine(changes, c); changes == nil {
					return nil
				}
			}
		}
		if len(changes) > 0 {
			break // one rule's fix is one way to mend; two would contradict each other
		}
	}
	return changes
}

func (s *stepper) add(name, rule string, effort score.Effort, sets map[score.CheckID]score.Part, records []check.RecordChange, closes []score.CapID, after ...string) {
	if records == nil {
		records = []check.RecordChange{}
	}
	s.list = append(s.list, step{
		Step:    score.Step{Rule: rule, Name: name, Effort: effort, Sets: sets, Closes: closes, After: after},
		Records: records,
	})
}

func sets(part score.Part, ids ...score.CheckID) map[score.CheckID]score.Part {
	m := make(map[score.CheckID]score.Part, len(ids))
	for _, id := range ids {
		m[id] = part
	}
	return m
}

func (s *stepper) txt(name, oldText, newText string) []check.RecordChange {
	c := check.RecordChange{Name: name, Type: "TXT", Old: []string{}, New: []string{newText}}
	if oldText != "" {
		c.Old = []string{oldText}
	}
	return []check.RecordChange{c}
}

// closed is what a domain that does not send needs of SPF and of its MX.
func (s *stepper) closed() {
	f := s.f
	if s.lacks("spf-closed") {
		old := ""
		if len(f.SPF.Records) == 1 {
			old = f.SPF.Records[0]
		}
		rule := s.failing("spf-missing", "spf-parked-not-closed", "spf-missing", "spf-multiple-records", f.SPF.PermErrorRule())
		s.add("spf-closed", rule, score.Minutes, sets(score.Full, "spf-closed"), s.txt(f.Domain.FQDN(), old, "v=spf1 -all"),
			[]score.CapID{"spf-broken", "no-spf-no-dmarc", "spf-pass-all"})
	}
	if f.Profile == check.ProfileParked && s.lacks("mx-null") {
		rule := s.failing("mx-null-advised", "mx-null-advised", "mx-implicit", "mx-none")
		s.add("mx-null", rule, score.Minutes, sets(score.Full, "mx-null"),
			[]check.RecordChange{{Name: f.Domain.FQDN(), Type: "MX", Old: []string{}, New: []string{"0 ."}}}, nil)
	}
}

// promises leads to keeping what MTA-STS and DANE promise: each is broken by a
// rule of its own and mended by itself.
func (s *stepper) promises() {
	for _, c := range s.state.Caps {
		switch {
		case c.ID != "transit-promise-broken":
		case !strings.HasPrefix(c.Rule, "dane-"):
			s.add("transit-promise", c.Rule, score.Hours, nil, s.fixes(c.Rule), []score.CapID{c.ID})
		default:
			earned := map[score.CheckID]score.Part{}
			if binds, known := s.f.DANE.Binds(); binds && known {
				earned["transit-policy"] = score.Full
			}
			s.add("transit-dane", c.Rule, score.Hours, earned, s.fixes(c.Rule), []score.CapID{c.ID})
		}
	}
}

func (s *stepper) transit() {
	f := s.f
	if !f.Profile.Receives() {
		return
	}
	if s.lacks("transit-starttls") {
		s.add("transit-starttls", s.capped("starttls-missing"), score.Hours, sets(score.Full, "transit-starttls"), nil, []score.CapID{"starttls-missing"})
	}
	if s.lacks("transit-tls") {
		rule := s.failing("cert-untrusted", "cert-self-signed", "cert-untrusted", "cert-expired", "cert-name", "cert-cn-only", "tls-1-2-missing",
			"starttls-missing", "starttls-uneven", "mtasts-mx-cert-invalid")
		after := []string{}
		if s.lacks("transit-starttls") {
			after = append(after, "transit-starttls")
		}
		s.add("transit-tls", rule, score.Hours, sets(score.Full, "transit-tls"), nil, nil, after...)
	}
	s.promises()
	if m := s.state.Measures["transit-policy"]; m.Known && m.Part < score.Full {
		if f.MTASTS.Valid && f.MTASTS.Mode() == "testing" {
			s.add("transit-enforce", s.failing("mtasts-policy-testing", "mtasts-policy-testing"), score.Weeks, sets(score.Full, "transit-policy"), nil, nil)
		} else {
			rule := s.failing("mtasts-record-missing", failuresOf(check.MTASTS, check.Warning)...)
			records := s.fixes(rule)
			if rule == "mtasts-record-missing" {
				// The record announces a policy: published before the policy host
				// serves one, it is a fault of its own (RFC 8461 §3.1).
				records = nil
			}
			s.add("transit-policy", rule, score.Hours, sets(score.Half, "transit-policy"), records, nil)
			s.add("transit-enforce", rule, score.Weeks, sets(score.Full, "transit-policy"), nil, nil, "transit-policy")
		}
	}
	if s.lacks("transit-tlsrpt") {
		rule := s.failing("tlsrpt-record-missing", "mtasts-tlsrpt-missing", "tlsrpt-record-missing", "tlsrpt-record-multiple", "tlsrpt-record-syntax",
			"tlsrpt-record-version-near-miss", "tlsrpt-rua-missing", "tlsrpt-rua-empty", "tlsrpt-rua-scheme")
		// A fix that leaves nothing wrong keeps the addresses of the record at hand.
		records := s.fixes(rule)
		if len(records) != 1 || len(records[0].New) != 1 || !cleanTLSRPT(records[0].New[0]) {
			records = s.txt(f.Domain.Child("_smtp._tls").FQDN(), f.TLSRPT.Record, "v=TLSRPTv1; rua=mailto:tls-reports@"+f.Domain.String())
		}
		s.add("transit-tlsrpt", rule, score.Minutes, sets(score.Full, "transit-tlsrpt"), records, nil)
	}
}

func cleanTLSRPT(text string) bool {
	_, problems := tlsrpt.Parse(text)
	return len(problems) == 0
}

// failuresOf are the rules of a standard that are at least that severe, in
// their order, so that the first that failed names a step.
func failuresOf(standard check.Standard, least check.Severity) []string {
	var ids []string
	for _, m := range Metas() {
		if m.Standard == standard && m.Severity >= least {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

func (s *stepper) zone() {
	f := s.f
	switch {
	case f.DNSSEC.State == dnssec.Bogus:
		s.add("dnssec-bogus", s.failing("dnssec-bogus", bogusRules...), score.Hours, sets(score.Full, "dns-dnssec"), nil, []score.CapID{"dnssec-bogus"})
	case s.lacks("dns-dnssec"):
		s.add("dnssec", s.failing("dnssec-unsigned", "dnssec-unsigned"), score.Hours, sets(score.Full, "dns-dnssec"), nil, nil)
	}
	if s.lacks("dns-mx") && f.Profile.Receives() {
		rule := s.failing("mx-none", append(slices.Clone(mxTargetRules), "mx-none", "mx-implicit")...)
		s.add("dns-mx", rule, score.Minutes, sets(score.Full, "dns-mx"), s.fixes(rule), nil)
	}
	if s.lacks("dns-servers") {
		s.add("dns-servers", s.failing("dns-ns-single", "dns-ns-single", "mx-ns-disagree", "dns-ns-lame"), score.Hours, sets(score.Full, "dns-servers"), nil, nil)
	}
}
