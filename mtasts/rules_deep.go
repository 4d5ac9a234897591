package mtasts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// Rules over what no single fetch of an announced policy shows.
var deepRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "mtasts-policy-without-record", Standard: check.MTASTS, Severity: check.Warning,
			Title: "a policy is served, but no record announces it", Refs: rfc("3.1"),
			CoveredBy: []string{"mtasts-record-wrong-name", "mtasts-record-cname-dangling"},
			Doc: `The policy host serves a valid policy file, yet there is no TXT record at ` + "`_mta-sts`" + `. Senders look at the
record first and fetch nothing without one, so the file protects no mail. Often the record was forgotten, or
removed before the file when MTA-STS was to be taken down.

Publish the record, with a new id; or, to be rid of MTA-STS, remove the file as well.

    before: (nothing at _mta-sts.example.com)
    after:  _mta-sts.example.com. TXT "v=STSv1; id=20261123120000"`,
		},
		Applies: func(f *Facts) bool {
			return f.Profile.Receives() && (f.Lookup.Unknown() || len(f.Records)+len(f.NearMiss) == 0)
		},
		Run: judge(stageTXT, runUnannounced),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-inconsistent", Standard: check.MTASTS, Severity: check.Warning,
			Title: "the addresses of the policy host serve different policies", Refs: rfc("8.1"),
			Doc: `Each address of the policy host was asked for the policy file, and they do not say the same. Which policy
a sender applies is then a matter of chance, and it stays for max_age. It happens when a change reached only
some of the machines. This is looked at with ` + "`postseal mta-sts policy --every-address`" + `.

Deploy the file everywhere, then change the id of the record, so that senders fetch it anew.

    before: 192.0.2.1 serves mode: testing, 192.0.2.2 mode: enforce
    after:  both serve the same file`,
		},
		Applies: func(f *Facts) bool { return len(f.Answers) > 1 },
		Run:     runInconsistent,
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-changed-same-id", Standard: check.MTASTS, Severity: check.Warning,
			Title: "the policy has changed under the same id", Refs: []check.Ref{check.RFC(8461, "3.1"), check.RFC(8461, "8.1")},
			Doc: `The policy file is another than the one seen earlier, and the record still has the id it had. Senders
compare ids to learn of a change: those that hold the old policy go on with it until its max_age has passed,
up to a year. Told with ` + "`postseal mta-sts policy --baseline RESULT.json`" + `, a result saved earlier.

Change the id after every change of the file, never before it.

    before: id=20260101000000 for both files
    after:  id=20261123120000 for the new one`,
		},
		Applies: func(f *Facts) bool { return f.Before != nil },
		Run: judge(stageBody, func(f *Facts, r *check.Reporter) {
			if f.Policy == nil || f.ID == "" || f.ID != f.Before.ID || bodyHash(f.Fetch.Body) == bodyHash(f.Before.Body) {
				return
			}
			finding := f.atRecord(check.Params{"ID": f.ID})
			finding.Record = f.Record
			if id := idFromPolicy(f.Fetch.Body); id != f.ID {
				finding.Fix = f.change([]string{f.Record}, []string{idFor(id)})
			}
			r.Report(finding)
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-subdomain-uncovered", Standard: check.MTASTS, Severity: check.Info,
			Title: "a subdomain that takes mail has no MTA-STS", Refs: rfc("3.4"),
			Doc: `MTA-STS is not inherited. Mail to an address in a subdomain is delivered by that subdomain's own record
and policy, and without them it travels as if there were no MTA-STS at all, whatever the parent enforces. DMARC
works the other way, which is why this is easily overlooked. The names to look at are those given to
` + "`postseal mta-sts policy --subdomain`" + `.

    before: _mta-sts.example.com alone, mail to user@lists.example.com
    after:  _mta-sts.lists.example.com and https://mta-sts.lists.example.com/.well-known/mta-sts.txt, too`,
		},
		Applies: func(f *Facts) bool { return len(f.Subdomains) > 0 },
		Run: judge(stageBody, func(f *Facts, r *check.Reporter) {
			if m := f.Mode(); m != Enforce && m != Testing {
				return // there is nothing to expect the inheritance of
			}
			for i := range f.Subdomains {
				s := &f.Subdomains[i]
				takes, unsure := s.receives()
				switch {
				case unsure != nil:
					r.Unknown(unsure)
				case !takes:
				case s.Record.Unknown():
					r.Unknown(s.Record.Error)
				case !s.announced():
					r.Report(check.Finding{Subject: RecordName(s.Name).String(), Scope: s.Name.String(),
						Params: check.Params{"Name": s.Name.String(), "Domain": f.Domain.String()}})
				}
			}
		}),
	},
}

// announced tells whether the subdomain has a record of its own.
func (s *Subdomain) announced() bool {
	for _, rec := range s.Record.Records() {
		if _, ok := version.Candidate(rec.Text()); ok {
			return true
		}
	}
	return false
}

// runUnannounced judges the one GET that was made without a record. What it
// failed to bring is nobody's concern: no policy was promised.
func runUnannounced(f *Facts, r *check.Reporter) {
	t := f.Unannounced
	if t == nil || !t.served() {
		return
	}
	p, problems := parsePolicy(t.Body)
	if hasFatal(problems, fatalPolicy) || p.Mode == None { // none is how MTA-STS ends (RFC 8461 §8.3)
		return
	}
	finding := f.atRecord(check.Params{"URL": t.URL, "Mode": p.Mode})
	finding.Fix = f.change([]string{}, []string{idFor(idFromPolicy(t.Body))})
	r.Report(finding)
}

func runInconsistent(f *Facts, r *check.Reporter) {
	served := map[string][]string{}
	for _, a := range f.Answers {
		if h := a.hash(); h != "" {
			served[h] = append(served[h], a.asked.String())
		}
	}
	if len(served) < 2 {
		for _, a := range f.Answers {
			if _, cause := a.at(stageBody); cause != nil {
				r.Unknown(cause)
				return
			}
		}
		return
	}
	var versions []string
	for h, addrs := range served {
		versions = append(versions, fmt.Sprintf("%s… at %s", h[:8], strings.Join(addrs, ", ")))
	}
	slices.SortFunc(versions, cmp.Compare)
	r.Report(check.Finding{Subject: PolicyURL(f.Domain), Params: check.Params{"Count": len(served), "Versions": versions}})
}
