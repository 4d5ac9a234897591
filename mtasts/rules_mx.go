package mtasts

import (
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/registration"
)

// Rules over the policy's patterns and the mail hosts.
var mxRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "mtasts-mx-not-covered", Standard: check.MTASTS, Severity: check.Error,
			Variants: []check.Variant{{Name: "testing", Severity: check.Warning}},
			Title:    "a mail host is not in the policy", Refs: rfc("4.1"),
			CoveredBy: []string{"mtasts-mx-none-covered"},
			Doc: `Senders that apply the policy deliver only to hosts whose MX name matches an ` + "`mx`" + ` line. This one does
not, so they refuse it; a backup host that is left out goes unnoticed until the day it is needed. The name in the
MX record is compared, not the end of its aliases, and ` + "`*.example.com`" + ` covers exactly one label.

    before: mx: mx1.example.com          (MX: mx1.example.com, mx2.example.com)
    after:  mx: mx1.example.com
            mx: mx2.example.com`,
		},
		Applies: mxApplies,
		Run: judgeMX(func(f *Facts, hosts []Host, r *check.Reporter) {
			if f.Policy.Mode == Enforce && noneCovered(hosts) {
				return // mtasts-mx-none-covered says it once
			}
			for _, h := range hosts {
				if h.Matches != "" {
					continue
				}
				finding := check.Finding{Subject: h.MX.String(), Scope: h.MX.String(),
					Params: check.Params{"MX": h.MX.String(), "Patterns": f.Policy.MX}}
				if f.Policy.Mode == Testing {
					finding.Variant = "testing"
				}
				r.Report(finding)
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-mx-none-covered", Standard: check.MTASTS, Severity: check.Error,
			Title: "no mail host is in the enforced policy", Refs: []check.Ref{check.RFC(8461, "4.1"), check.RFC(8461, "5")},
			Doc: `The policy is enforced and matches none of the domain's mail hosts: senders that apply it can deliver
nothing. This happens when mail moves to another provider and the policy stays behind.

Update the policy file first, then the id of the record. Senders with the old policy cached fetch the new one
when they see another id.

    before: mx: *.old-provider.example      (MX: mx.new-provider.example)
    after:  mx: mx.new-provider.example`,
		},
		Applies: mxApplies,
		Run: judgeMX(func(f *Facts, hosts []Host, r *check.Reporter) {
			if f.Policy.Mode != Enforce || !noneCovered(hosts) {
				return
			}
			var names []string
			for _, h := range hosts {
				names = append(names, h.MX.String())
			}
			r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{"Hosts": names, "Patterns": f.Policy.MX}})
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-mx-pattern-unused", Standard: check.MTASTS, Severity: check.Notice,
			Variants: []check.Variant{{Name: "unregistered", Severity: check.Warning}},
			Title:    "an mx line of the policy matches no mail host", Refs: []check.Ref{check.RFC(8461, "4.1"), check.RFC(8461, "10.4")},
			CoveredBy: []string{"mtasts-mx-none-covered"},
			Doc: `The policy allows a host that is not among the domain's mail hosts. Leftovers are permissions: an
attacker who can change DNS answers on the way may lead mail to any host the policy names. When the pattern's
domain is not even registered, anyone can become that host, certificate included.

    before: mx: mx1.example.com, mx: mx.former-provider.example
    after:  mx: mx1.example.com`,
		},
		Applies: mxApplies,
		Run: judgeMX(func(f *Facts, _ []Host, r *check.Reporter) {
			f.eachPattern(func(i int, pattern string) {
				for _, mx := range f.MX {
					if matches(pattern, mx) {
						return
					}
				}
				finding := f.inPolicy(&f.Policy.mxSpans[i])
				finding.Params = check.Params{"Pattern": pattern, "Registrable": registration.Domain(patternBase(pattern)).String()}
				if f.unregistered(patternBase(pattern)) {
					finding.Variant = "unregistered"
				}
				r.Report(finding)
			})
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-mx-wildcard-broad", Standard: check.MTASTS, Severity: check.Notice,
			Variants: []check.Variant{{Name: "suffix", Severity: check.Error}},
			Title:    "an mx line of the policy covers a whole domain", Refs: rfc("10.4"),
			Doc: `The asterisk stands before an organisation's whole domain, so every host in it may pose as a mail host:
the forgotten web server with a certificate is enough for an attacker who can change DNS answers. Before a public
suffix such as ` + "`co.uk`" + ` it covers everybody's hosts. List the hosts, or use a wildcard below a name that holds mail
hosts only.

    before: mx: *.example.com
    after:  mx: mx1.example.com`,
		},
		Applies: applies(stageBody),
		Run: judge(stageBody, func(f *Facts, r *check.Reporter) {
			if f.Policy == nil {
				return
			}
			f.eachPattern(func(i int, pattern string) {
				scope := wildcardScope(pattern)
				if scope == "" {
					return
				}
				finding := f.inPolicy(&f.Policy.mxSpans[i])
				finding.Params = check.Params{"Pattern": pattern, "Base": patternBase(pattern).String()}
				if scope == "suffix" {
					finding.Variant = scope
				}
				r.Report(finding)
			})
		}),
	},
}

// wildcardScope tells what an asterisk stands before: the whole "domain" of an
// organisation, a public "suffix", or "" for less and where there is none.
func wildcardScope(pattern string) string {
	base := patternBase(pattern)
	if !strings.HasPrefix(pattern, "*.") {
		return ""
	}
	switch suffix, _ := publicsuffix.PublicSuffix(base.String()); {
	case suffix == base.String():
		return "suffix"
	case registration.Domain(base) == base:
		return "domain"
	}
	return ""
}

// eachPattern visits the patterns that are well formed, a bounded number of them.
func (f *Facts) eachPattern(visit func(i int, pattern string)) {
	for i, p := range f.Policy.MX[:min(len(f.Policy.MX), 100)] {
		if patternFault(p) == "" {
			visit(i, p)
		}
	}
}

// mxApplies: there is a policy that names hosts, and hosts to name.
func mxApplies(f *Facts) bool {
	if !f.Profile.Receives() {
		return false
	}
	if f.untold() != nil {
		return true
	}
	return f.Valid && f.Policy.Mode != None && (f.MX == nil || len(f.MX) > 0) && !(len(f.MX) == 1 && f.MX[0] == dns.Root)
}

func judgeMX(run func(*Facts, []Host, *check.Reporter)) func(*Facts, *check.Reporter) {
	return judge(stageBody, func(f *Facts, r *check.Reporter) {
		if f.MX == nil {
			r.Unknown(check.Cause{Code: "mtasts-mx-unknown", Params: check.Params{"Domain": f.Domain.String()}})
			return
		}
		run(f, f.hosts(), r)
	})
}

func noneCovered(hosts []Host) bool {
	for _, h := range hosts {
		if h.Matches != "" {
			return false
		}
	}
	return len(hosts) > 0
}
