package audit

import (
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/score"
)

// verdict picks the one sentence that a person responsible for the domain
// should hear first, by what it lets a stranger do. The code names the message
// "verdict.<code>".
func verdict(f *Facts, state score.State, s score.Score) (code string, params check.Params) {
	params = check.Params{"Domain": f.Domain.Unicode(), "Target": ""}
	if f.MX.Lookup.State == dns.StateNXDomain {
		return "no-domain", params // whatever else: it would have to exist first
	}
	byCap := []struct {
		cap  score.CapID
		code string
	}{
		{"spf-pass-all", "pass-all"},
		{"takeover", "takeover"},
		{"no-spf-no-dmarc", "no-auth"},
		{"dnssec-bogus", "bogus"},
		{"dmarc-missing", "no-dmarc"},
		{"dkim-broken-key", "weak-key"},
		{"dmarc-none", "policy-none"},
		{"spf-broken", "spf-broken"},
		{"transit-promise-broken", "promise-broken"},
		{"starttls-missing", "clear-text"},
	}
	for _, c := range byCap {
		for _, open := range state.Caps {
			if open.ID == c.cap {
				params["Target"] = open.Rule
				return c.code, params
			}
		}
	}
	lacks := func(id score.CheckID) bool {
		m := state.Measures[id]
		return m.Known && m.Part < score.Full
	}
	switch {
	case s.Coverage < 60:
		return "not-told", params
	case f.Profile == check.ProfileParked && s.Value >= 90:
		return "parked-closed", params
	case f.Profile == check.ProfileParked:
		return "parked-open", params
	case lacks("dmarc-subdomains") && state.Measures["dmarc-subdomains"].Part == score.Nothing:
		return "subdomains-open", params
	case f.Profile.Receives() && lacks("transit-policy"):
		return "strip", params
	case s.Value >= 90:
		return "good", params
	}
	return "fair", params
}
