package mx

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// targetRules judge each mail host for itself.
var targetRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "mx-target-unregistered", Standard: check.MX, Severity: check.Error,
			Title: "an MX record points into a domain that nobody has registered",
			Refs:  []check.Ref{check.RFC(5321, "5.1")},
			Doc: `The mail host does not exist, and neither does the domain it lies in: whoever registers that domain today
receives your mail, password resets included, and can get certificates for the host. It is usually a provider that
went out of business or a typing error.

Remove the record now, or register the domain yourself.

Before, with old-provider.net no longer registered:

    example.com.  MX  10 mx1.example.com.
    example.com.  MX  20 backup.old-provider.net.

After:

    example.com.  MX  10 mx1.example.com.`,
		},
		Applies: hasHosts,
		Run: eachTarget("mx-target-unregistered", func(f *Facts, r *check.Reporter, h *Host) {
			find := f.onTarget(h, check.Params{"Unregistered": h.Registration.Domain.String()})
			find.Fix = f.retarget("", h, "")
			r.Report(find)
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-target-nxdomain", Standard: check.MX, Severity: check.Error,
			Title: "an MX record names a host that does not exist",
			Variants: []check.Variant{
				{Name: "others", Severity: check.Warning},
				{Name: "untold", Severity: check.Warning},
				{Name: "token", Severity: check.Info},
			},
			Refs: []check.Ref{check.RFC(5321, "5.1")},
			Doc: `The name in the MX record does not exist, so senders that pick this record get nowhere. With other hosts they
lose time and go on; without, mail is returned.

Correct the name or remove the record. A name below msv1.invalid beside working hosts is a Microsoft 365 proof of
ownership and never meant to resolve; it is shown as a fact and may be removed once the tenant is verified.

Before, with mial.example.com misspelt:

    example.com.  MX  10 mial.example.com.

After:

    example.com.  MX  10 mail.example.com.`,
		},
		Applies: hasHosts,
		Run: eachTarget("mx-target-nxdomain", func(f *Facts, r *check.Reporter, h *Host) {
			find := f.onTarget(h, check.Params{})
			find.Variant = f.othersWork(h)
			switch {
			case find.Variant != "" && isVerificationToken(h.Name):
				find.Variant = "token"
			case find.Variant == "others":
				find.Fix = f.retarget("", h, "")
			}
			r.Report(find)
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-target-no-address", Standard: check.MX, Severity: check.Error,
			Title:    "an MX record names a host without an address",
			Variants: []check.Variant{{Name: "others", Severity: check.Warning}, {Name: "untold", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(5321, "5.1")},
			Doc: `The name exists but has neither an A nor an AAAA record, so there is nothing to connect to. With other hosts
senders go on to the next; without, mail waits and is returned.

Give the host its address, or remove the record.

Before:

    example.com.      MX   10 mx1.example.com.
    mx1.example.com.  TXT  "old mail host"

After:

    example.com.      MX  10 mx1.example.com.
    mx1.example.com.  A   5.6.7.8`,
		},
		Applies: hasHosts,
		Run: eachTarget("mx-target-no-address", func(f *Facts, r *check.Reporter, h *Host) {
			find := f.onTarget(h, check.Params{})
			find.Variant = f.othersWork(h)
			r.Report(find)
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-target-lookup-failed", Standard: check.MX, Severity: check.Warning,
			Title:    "the address of a mail host cannot be looked up",
			Variants: []check.Variant{{Name: "one-family", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(5321, "5.1")},
			Doc: `The question for the address of a mail host got no usable answer. Senders defer, or go on to other hosts.
Where only our resolver failed the result is unknown; it is a finding once the servers of that zone were proven to
fail, or when one family answers and the other one answers SERVFAIL, as some load balancers do for AAAA.

Repair the zone that the host lies in; an absent family is answered with no data, not with an error.

Before: mx1.example.com A is 5.6.7.8, mx1.example.com AAAA is SERVFAIL.
After: mx1.example.com A is 5.6.7.8, mx1.example.com AAAA has no data.`,
		},
		Applies: hasHosts,
		Run: withHosts(func(f *Facts, r *check.Reporter) {
			for _, h := range f.Hosts {
				if h.unknown() == nil {
					continue
				}
				a, b := &h.A, &h.AAAA
				if !a.Unknown() {
					a, b = b, a
				}
				params := check.Params{"Type": a.Type.String(), "Kind": string(a.Error.Kind)}
				answered := a.Error.Kind == dns.ServFail || a.Error.Kind == dns.Refused
				switch {
				case b.Found() && (answered || a.Error.Authoritative):
					find := f.onTarget(h, params)
					find.Variant = "one-family"
					r.Report(find)
				case a.Error.Authoritative:
					r.Report(f.onTarget(h, params))
				default:
					r.Unknown(h.unknown())
				}
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-target-cname", Standard: check.MX, Severity: check.Warning,
			Title: "an MX record points at an alias",
			Refs:  []check.Ref{check.RFC(2181, "10.3"), check.RFC(5321, "5.1")},
			Doc: `The name in an MX record must own its addresses; here it is a CNAME. Most senders follow it, some refuse, and
DANE is judged differently by different senders. An alias at the mail domain itself is allowed and not meant here.

Point the record at the canonical name.

Before:

    example.com.       MX     10 mail.example.com.
    mail.example.com.  CNAME  mx.provider.example.

After:

    example.com.       MX     10 mx.provider.example.`,
		},
		Applies: hasHosts,
		Run: withHosts(func(f *Facts, r *check.Reporter) {
			for _, h := range f.Hosts {
				if h.A.Unknown() && h.AAAA.Unknown() {
					r.Unknown(h.A.Error)
				}
				if len(h.Addresses) == 0 && h.unknown() == nil {
					continue // an alias of nothing is a defect of its own
				}
				for _, l := range []*dns.Lookup{&h.A, &h.AAAA} {
					// With an implicit MX the alias is one of the mail domain: allowed.
					if f.Implicit || l.Answer == nil || len(l.Answer.Chain) == 0 {
						continue
					}
					find := f.onTarget(h, check.Params{
						"Canonical": l.Answer.Owner().String(), "Chain": chainText(h.Name, l.Answer.Chain)})
					find.Fix = f.retarget("", h, l.Answer.Owner())
					r.Report(find)
					break
				}
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-target-ip", Standard: check.MX, Severity: check.Error,
			Title: "an MX record holds an address instead of a host name",
			Refs:  []check.Ref{check.RFC(5321, "2.3.5")},
			Doc: `An MX record takes a host name. An address there is looked up as if it were a name, which does not exist, so
nothing is delivered through this record.

Give the address a name and use that.

Before:

    example.com.      MX  10 5.6.7.8.

After:

    example.com.      MX  10 mx1.example.com.
    mx1.example.com.  A   5.6.7.8`,
		},
		Applies: hasHosts,
		Run: eachTarget("mx-target-ip", func(f *Facts, r *check.Reporter, h *Host) {
			find := f.onTarget(h, check.Params{})
			if a := f.appended(h.Name); a != "" {
				find.Params["Target"] = a.String()
			}
			r.Report(find)
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-target-syntax", Standard: check.MX, Severity: check.Warning,
			Title: "an MX record names a host with forbidden characters",
			Refs:  []check.Ref{check.RFC(1123, ""), check.RFC(5321, "2.3.5")},
			Doc: `A host name is made of letters, digits and hyphens, and no label begins or ends with a hyphen. Some senders
refuse anything else, underscores included, although the name may well resolve.

Rename the host.

Before:

    example.com.         MX  10 mail_1.example.com.

After:

    example.com.         MX  10 mail-1.example.com.
    mail-1.example.com.  A   5.6.7.8`,
		},
		Applies: hasHosts,
		Run: eachTarget("mx-target-syntax", func(f *Facts, r *check.Reporter, h *Host) {
			r.Report(f.onTarget(h, check.Params{}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-target-doubled", Standard: check.MX, Severity: check.Error,
			Title: "an MX record has the domain appended to its host name",
			Refs:  []check.Ref{check.RFC(1035, "")},
			Doc: `In a zone file a name without a final dot is relative, and the origin is appended to it. The host in this MX
record ends with the domain once too often and does not exist: the dot, or a panel's notion of it, is missing.

Write the name with its final dot, or without the domain where a panel appends it.

Before, which is published as mail.example.com.example.com:

    example.com.  MX  10 mail.example.com

After:

    example.com.  MX  10 mail.example.com.`,
		},
		Applies: hasHosts,
		Run: eachTarget("mx-target-doubled", func(f *Facts, r *check.Reporter, h *Host) {
			meant := f.slip(h.Name)
			find := f.onTarget(h, check.Params{"Meant": meant.String()})
			find.Fix = f.retarget("", h, meant)
			r.Report(find)
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-target-special-address", Standard: check.MX, Severity: check.Error,
			Title:    "a mail host has an address that the Internet cannot reach",
			Variants: []check.Variant{{Name: "some", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(6890, "")},
			Doc: `The host's address lies in a block set aside for private networks, loopback, documentation or the like. Senders
outside cannot connect, or connect to something else in their own network. Such addresses are never probed, unless
--allow-private says that the audit runs inside that network.

Publish public addresses only; keep the inner ones in a view of the zone that stays inside.

Before:

    mx1.example.com.  A  10.0.0.1

After:

    mx1.example.com.  A  5.6.7.8`,
		},
		Applies: hasHosts,
		Run: eachTarget("mx-target-special-address", func(f *Facts, r *check.Reporter, h *Host) {
			var texts, blocks []string
			for _, a := range h.Addresses {
				if f.special(a) {
					texts = append(texts, a.IP.String()+" ("+a.Special+")")
					blocks = append(blocks, a.IP.String())
				}
			}
			find := f.onTarget(h, check.Params{"Addresses": strings.Join(texts, ", "), "List": blocks})
			if len(f.reachable(h)) > 0 {
				find.Variant = "some"
			}
			r.Report(find)
		}),
	},
}

// hasHosts tells whether there are mail hosts to judge, or might be.
func hasHosts(f *Facts) bool { return len(f.Hosts) > 0 || f.hostsUnknown() != nil }

// withHosts runs a rule that needs the list of mail hosts.
func withHosts(run func(*Facts, *check.Reporter)) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		if err := f.hostsUnknown(); err != nil {
			r.Unknown(err)
			return
		}
		run(f, r)
	}
}

// fromNameAlone are the rules that need no address to judge a host, or, as of an
// address with the domain behind it, seldom do.
var fromNameAlone = map[string]bool{"mx-target-ip": true, "mx-target-syntax": true}

// eachTarget reports the hosts whose one defect is that rule's, and is unknown
// over those whose addresses could not be told.
func eachTarget(id string, report func(*Facts, *check.Reporter, *Host)) func(*Facts, *check.Reporter) {
	return withHosts(func(f *Facts, r *check.Reporter) {
		for _, h := range f.Hosts {
			switch d := f.defect(h); {
			case d == id:
				report(f, r, h)
			case d == "mx-target-nxdomain" && id == "mx-target-unregistered" && h.Registration.unknown() != nil:
				r.Unknown(h.Registration.unknown())
			case d == "" && len(h.Addresses) == 0 && h.unknown() != nil && !fromNameAlone[id]:
				r.Unknown(h.unknown())
			case h.Over:
				r.Unknown(check.Cause{Code: "mx-over-cap", Params: check.Params{"Target": h.Name.String(), "Cap": maxHosts}})
			}
		}
	})
}

func chainText(from dns.Name, chain []dns.Name) string {
	parts := []string{from.String()}
	for _, n := range chain {
		parts = append(parts, n.String())
	}
	return strings.Join(parts, " → ")
}
