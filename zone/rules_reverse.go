package zone

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// reverseRules judge reverse names. Large receivers refuse clients without one
// that leads back to the address; for a host that only takes mail it is a fact.
var reverseRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "ptr-missing", Standard: check.MX, Severity: check.Warning,
			Title:    "an address has no reverse name",
			Variants: []check.Variant{{Name: "named", Severity: check.Error}, {Name: "mx", Severity: check.Info}},
			Refs:     []check.Ref{check.RFC(1912, "2.1"), check.RFC(8601, "2.7.3")},
			Doc: `No PTR record names this address. Large receivers, Gmail and Microsoft among them, refuse mail from clients without
a reverse name or treat it as spam. It is an error for an address that was given as one that sends, a warning where SPF lets the address
pass, and only a fact for a host that takes mail.

**Fix:** ask whoever gave you the address, the hosting company or the Internet provider, to name it: the reverse zone is theirs. Use
the name that the server says in EHLO. An address that no longer sends belongs out of the SPF record.

Before: nothing at 8.7.6.5.in-addr.arpa.

After:

    8.7.6.5.in-addr.arpa.  PTR  mail.example.com.
    mail.example.com.      A    5.6.7.8`,
		},
		Applies: anyAddress,
		Run: each(func(a *Address, r *check.Reporter) {
			if a.PTR.Absent() {
				r.Report(a.as(a.finding(check.Params{}), Named, Takes))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "ptr-not-confirmed", Standard: check.MX, Severity: check.Warning,
			Title:    "no reverse name of an address leads back to it",
			Variants: []check.Variant{{Name: "mx", Severity: check.Info}},
			Refs:     []check.Ref{check.RFC(8601, "2.7.3")},
			Doc: `The address has a PTR record, but the name there does not have the address. Anybody who holds an address can write any
name into its reverse zone, so receivers believe the name only if the domain's own A or AAAA record leads back. Without that it counts as
no reverse name at all.

**Fix:** give the name the address, or let the PTR record say a name that has it. One name that fits is enough.

Before:

    8.7.6.5.in-addr.arpa.  PTR  mail.example.com.
    mail.example.com.      A    5.6.7.9

After:

    mail.example.com.      A    5.6.7.8`,
		},
		Applies: anyAddress,
		Run: each(func(a *Address, r *check.Reporter) {
			if !a.PTR.Found() {
				return
			}
			names, unsure := a.Confirmed()
			switch {
			case len(names) > 0:
			case unsure != nil:
				r.Unknown(unsure)
			default:
				r.Report(a.as(a.finding(check.Params{"Names": a.nameText()}), Takes))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "ptr-multiple", Standard: check.MX, Severity: check.Notice,
			Title: "an address has several reverse names",
			Refs:  []check.Ref{check.RFC(1912, "2.1")},
			Doc: `More than one PTR record stands at the address. That is allowed, but many programs look at one of them only, and
which one is chance: a receiver may take the name that does not lead back, or that is not the one your server says in EHLO.

**Fix:** keep the name that the server uses in EHLO and have the others removed.

Before:

    8.7.6.5.in-addr.arpa.  PTR  mail.example.com.
    8.7.6.5.in-addr.arpa.  PTR  www.example.com.

After:

    8.7.6.5.in-addr.arpa.  PTR  mail.example.com.`,
		},
		Applies: anyAddress,
		Run: each(func(a *Address, r *check.Reporter) {
			if a.Sends() && len(a.Names) > 1 {
				r.Report(a.finding(check.Params{"Count": len(a.Names), "Names": a.nameText()}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "ptr-generic", Standard: check.MX, Severity: check.Notice,
			Title: "the reverse name of a sending address looks like a home line",
			Refs:  []check.Ref{{Doc: "Receiver practice"}},
			Doc: `The reverse name is made of the address itself, or says that it belongs to a pool of dynamic addresses. Networks name
lines so that they have given no name, and spam filters count it against the sender: most machines with such names that speak SMTP
are infected ones.

**Fix:** have the address named after the mail server.

Before:

    8.7.6.5.in-addr.arpa.  PTR  5-6-7-8.pool.provider.example.

After:

    8.7.6.5.in-addr.arpa.  PTR  mail.example.com.`,
		},
		Applies: anyAddress,
		Run: each(func(a *Address, r *check.Reporter) {
			if !a.Sends() || len(a.Names) == 0 {
				return
			}
			for _, n := range a.Names {
				if !a.generic(n.Name) {
					return
				}
			}
			r.Report(a.finding(check.Params{"Names": a.nameText()}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "ptr-helo-mismatch", Standard: check.MX, Severity: check.Notice,
			Title:     "a sending host says another name than its reverse name",
			CoveredBy: []string{"ptr-missing", "ptr-not-confirmed"},
			Refs:      []check.Ref{check.RFC(5321, "4.1.1.1"), check.RFC(5321, "4.1.4")},
			Doc: `A mail host that SPF also lets send calls itself by a name that is not among the reverse names of its address. A
receiver must not refuse mail for that alone (RFC 5321 §4.1.4), but spam filters add points. What the host says is read from its greeting
where it takes mail; what it says in EHLO when it sends is most often the same.

**Fix:** let the server's own name, its reverse name and the name with its address be one (Postfix: myhostname).

Before: the server says localhost.localdomain, the PTR record mail.example.com.
After: both say mail.example.com.`,
		},
		Applies: func(f *Facts) bool {
			return slices.ContainsFunc(f.Addresses, func(a *Address) bool { return a.Sends() && a.Host != "" })
		},
		Run: each(func(a *Address, r *check.Reporter) {
			if !a.Sends() || a.Host == "" || !a.PTR.Found() {
				return
			}
			if a.HELO == "" {
				r.Unknown(check.Cause{Code: "helo-not-met", Params: check.Params{"Address": a.IP.String(), "Host": a.Host.String()}})
				return
			}
			names, unsure := a.Confirmed()
			switch {
			case slices.Contains(names, a.HELO):
			case unsure != nil:
				r.Unknown(unsure)
			default:
				r.Report(a.finding(check.Params{"HELO": a.HELO.String(), "Names": a.nameText()}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "ptr-lookup-failed", Standard: check.MX, Severity: check.Notice,
			Title: "the reverse name of an address could not be looked up",
			Refs:  []check.Ref{check.RFC(8601, "2.7.3")},
			Doc: `The question for the PTR record of an address got no usable answer. That is not the same as having no reverse name:
receivers answer with a temporary refusal or judge without it, and ask again next time.

**Fix:** ask again later. If it lasts, whoever owns the address has to repair the reverse zone: its servers are dead, or were never told
about the delegation.

Before: SERVFAIL for 8.7.6.5.in-addr.arpa PTR.
After: the reverse zone answers with mail.example.com.`,
		},
		Applies: anyAddress,
		Run:     each(func(*Address, *check.Reporter) {}),
	},
}

func anyAddress(f *Facts) bool { return len(f.Addresses) > 0 || f.Untold != nil }

// each runs a rule over the addresses; one whose names are not known is unknown.
func each(run func(*Address, *check.Reporter)) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		for _, a := range f.Addresses {
			if a.PTR.Unknown() {
				r.Unknown(a.PTR.Error)
				continue
			}
			run(a, r)
		}
		if f.Untold != nil {
			r.Unknown(f.Untold)
		}
		if f.Over > 0 {
			r.Unknown(check.Cause{Code: "ptr-over", Params: check.Params{"Asked": maxReverse, "Over": f.Over}})
		}
	}
}

// finding is one about the address, with what all of them tell.
func (a *Address) finding(params check.Params) check.Finding {
	params["Address"], params["Host"], params["Name"] = a.IP.String(), a.Host.String(), dns.ReverseName(a.IP).String()
	return check.Finding{Subject: a.IP.String(), Scope: a.IP.String(), Params: params}
}

// as gives a finding the variant of its address's role, if the rule has one.
func (a *Address) as(f check.Finding, variants ...Role) check.Finding {
	if slices.Contains(variants, a.Role) {
		f.Variant = string(a.Role)
	}
	return f
}

func (a *Address) nameText() string {
	var names []string
	for _, n := range a.Names {
		names = append(names, n.Name.String())
	}
	return strings.Join(names, ", ")
}
