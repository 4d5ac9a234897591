package audit

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dnssec"
	"github.com/postseal/postseal/score"
)

var (
	passAllRules   = []string{"spf-all-pass", "spf-pass-everyone-hidden", "spf-include-pass-everyone"}
	takeoverRules  = []string{"spf-dangling-registrable", "dkim-cname-takeover", "dmarc-cname-takeover"}
	danglingRules  = []string{"mtasts-record-cname-dangling", "mtasts-policy-host-dangling"}
	brokenKeyRules = []string{"dkim-rsa-too-short", "dkim-known-public-key", "dkim-p-private-key", "dkim-rsa-trivial-factor", "dkim-rsa-fermat", "dkim-rsa-roca", "dkim-rsa-exponent-invalid",
		"dkim-rsa-debian-weak", "dkim-rsa-shared-prime"}
	promiseRules    = []string{"mtasts-mx-none-covered", "mtasts-mx-not-covered", "mtasts-mx-cert-invalid", "mtasts-mx-starttls-missing", "mtasts-mx-tls-old"}
	danePromises    = []string{"dane-no-match", "dane-selector-mixup", "dane-usage-mixup", "dane-hash-of-pem", "dane-digest-agility", "dane-ta-not-sent", "dane-ta-names", "dane-ta-expired", "dane-some-addresses", "dane-key-type", "dane-starttls-missing", "dane-handshake-failed"}
	noSTARTTLSRules = []string{"starttls-missing", "starttls-refused", "mtasts-mx-starttls-missing", "starttls-uneven"}
	noPolicyRules   = []string{"dmarc-missing", "dmarc-multiple-records", "dmarc-bare-version", "dmarc-p-invalid", "dmarc-sp-invalid", "dmarc-np-invalid", "dmarc-p-missing", "dmarc-wrong-name"}
	asNoneRules     = []string{"dmarc-policy-none-no-rua", "dmarc-policy-none", "dmarc-p-missing", "dmarc-p-invalid", "dmarc-sp-invalid", "dmarc-np-invalid", "dmarc-test-mode", "dmarc-sp-weaker", "dmarc-np-weaker", "dmarc-parent-record-no-psd"}
	bogusRules      = []string{"dnssec-ds-mismatch", "dnssec-rrsig-not-yet-valid", "dnssec-bogus"} // the cause stands in for the last
	noSPFRules      = []string{"spf-missing", "spf-multiple-records"}
)

// Grave tells rules whose finding can hold the score below 40: mail of anybody
// passes, nothing is in force, or a name can be taken over.
func Grave(rule string) bool {
	return slices.Contains(graveRules, rule)
}

var graveRules = slices.Concat(passAllRules, takeoverRules, danglingRules, noPolicyRules, noSPFRules, bogusRules)

// caps lists the caps that hold, each with the rule whose finding holds it
// open. Only what is known to be wrong holds a cap.
func (m *measurer) caps() []score.OpenCap {
	var open []score.OpenCap
	add := func(id score.CapID, fallback string, rules ...string) {
		rule, _ := m.worst(check.Notice, rules...)
		if rule == "" {
			rule = fallback
		}
		open = append(open, score.OpenCap{ID: id, Rule: rule})
	}
	f := m.f
	if f.SPF.PassesEveryone() {
		add("spf-pass-all", passAllRules[0], passAllRules...)
	}
	noSPF := !f.SPF.Lookup.Unknown() && len(f.SPF.Records) == 0
	known, inForce := f.DMARC.InForce()
	noDMARC := known && !inForce
	if noSPF && noDMARC {
		add("no-spf-no-dmarc", "spf-missing", noSPFRules...)
	}
	if noDMARC {
		add("dmarc-missing", "dmarc-missing", noPolicyRules...)
	}
	if known && inForce && f.DMARC.PolicyActsAsNone() {
		add("dmarc-none", "dmarc-policy-none", asNoneRules...)
	}
	if f.DNSSEC.State == dnssec.Bogus {
		add("dnssec-bogus", "dnssec-bogus", bogusRules...)
	}
	if rule, _ := m.worst(check.Error, takeoverRules...); rule != "" {
		open = append(open, score.OpenCap{ID: "takeover", Rule: rule})
	}
	for _, rule := range danglingRules { // a target that is merely gone is somebody's still
		if r := m.by[rule]; r != nil && slices.ContainsFunc(r.Findings, func(f check.Finding) bool { return f.Variant == "unregistered" }) {
			open = append(open, score.OpenCap{ID: "takeover", Rule: rule})
		}
	}
	if f.Profile.Sends() && !f.SPF.Lookup.Unknown() && (noSPF || f.SPF.PermError()) {
		add("spf-broken", "spf-missing", m.permErrorRules()...)
	}
	if rule, _ := m.worst(check.Error, brokenKeyRules...); rule != "" {
		open = append(open, score.OpenCap{ID: "dkim-broken-key", Rule: rule})
	}
	if f.MTASTS.Valid && f.MTASTS.Mode() == "enforce" {
		if rule, _ := m.worst(check.Error, promiseRules...); rule != "" {
			open = append(open, score.OpenCap{ID: "transit-promise-broken", Rule: rule})
		}
	}
	if rule, _ := m.worst(check.Error, danePromises...); rule != "" { // a finding says that the host is bound
		open = append(open, score.OpenCap{ID: "transit-promise-broken", Rule: rule})
	}
	if t := m.transitSTARTTLS(); t.Known && t.Part == score.Nothing {
		add("starttls-missing", "starttls-missing", noSTARTTLSRules...)
	}
	return open
}

// permErrorRules are the failed rules that make SPF a permerror, in report order.
func (m *measurer) permErrorRules() []string {
	ids := append([]string{}, noSPFRules...)
	if why := m.f.SPF.PermErrorRule(); why != "" {
		ids = append(ids, why)
	}
	return append(ids, limitRules...)
}
