package mx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// setRules judge the mail hosts together.
var setRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "mx-target-duplicate", Standard: check.MX, Severity: check.Notice,
			Title: "a mail host is listed twice",
			Refs:  []check.Ref{check.RFC(5321, "5.1")},
			Doc: `The same host name stands in two MX records. Senders try it twice at most and gain nothing; the second record
is usually left over from a move.

Before:

    example.com.  MX  10 mx1.example.com.
    example.com.  MX  20 mx1.example.com.

After:

    example.com.  MX  10 mx1.example.com.`,
		},
		Applies: hasHosts,
		Run: withHosts(func(f *Facts, r *check.Reporter) {
			for _, h := range f.Hosts {
				var same []dns.Record
				for _, rec := range f.Lookup.Records() {
					if rec.Host == h.Name {
						same = append(same, rec)
					}
				}
				if len(same) < 2 {
					continue
				}
				find := f.onTarget(h, check.Params{"Count": len(same)})
				var old []string
				for _, rec := range same {
					if rec.Pref != h.Preference {
						old = append(old, rec.Data)
					}
				}
				if len(old) == len(same)-1 {
					find.Fix = f.fix("", old, nil)
				}
				r.Report(find)
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-target-same-address", Standard: check.MX, Severity: check.Notice,
			Title: "different mail hosts share one set of addresses",
			Refs:  []check.Ref{check.RFC(5321, "5.1")},
			Doc: `Two names in the MX records lead to the same addresses. It looks like a second server, but when that machine is
down both names are down. One record says the same.

Before:

    mx1.example.com.  A  5.6.7.8
    mx2.example.com.  A  5.6.7.8

After: only mx1.example.com is listed, or mx2.example.com is another machine

    mx2.example.com.  A  5.6.8.9`,
		},
		Applies: hasHosts,
		Run: withHosts(func(f *Facts, r *check.Reporter) {
			groups, order := map[string][]string{}, []string{}
			for _, h := range f.Hosts {
				if err := h.unknown(); err != nil {
					r.Unknown(err)
					continue
				}
				if set := h.addressSet(); len(set) > 0 {
					key := fmt.Sprint(set)
					if groups[key] == nil {
						order = append(order, key)
					}
					groups[key] = append(groups[key], h.Name.String())
				}
			}
			for _, key := range order {
				if names := groups[key]; len(names) > 1 {
					r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{
						"Hosts": strings.Join(names, ", "), "Addresses": strings.Trim(key, "[]")}})
				}
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-single", Standard: check.MX, Severity: check.Info,
			Title: "one mail host with one address",
			Refs:  []check.Ref{check.RFC(5321, "")},
			Doc: `All mail goes through one host. That is a fact, not a fault: senders keep mail for days while it is down. A backup
host that only stores and forwards attracts spam and rarely pays; two equal hosts do, if downtime matters.

Before:

    example.com.  MX  10 mx1.example.com.

After, with a second machine that knows all recipients:

    example.com.  MX  10 mx1.example.com.
    example.com.  MX  10 mx2.example.com.`,
		},
		Applies: namesHosts,
		Run: withHosts(func(f *Facts, r *check.Reporter) {
			if len(f.Hosts) != 1 {
				return
			}
			h := f.Hosts[0]
			if err := h.unknown(); err != nil {
				r.Unknown(err)
				return
			}
			if len(h.Addresses) > 0 && len(h.A.Records()) <= 1 && len(h.AAAA.Records()) <= 1 {
				r.Report(f.onTarget(h, check.Params{}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-too-many", Standard: check.MX, Severity: check.Notice,
			Title: "more than ten mail hosts",
			Refs:  []check.Ref{check.RFC(7208, "4.6.4")},
			Doc: `Senders stop after a few hosts, so the last of a long list never see mail. And an SPF record with the mx mechanism
fails for good when the domain has more than ten MX names: receivers must answer permerror.

Put several addresses behind fewer names.

Before:

    example.com.  MX  10 mx1.example.com.   (and ten more)

After:

    example.com.      MX  10 mx.example.com.
    mx.example.com.   A   5.6.7.8
    mx.example.com.   A   5.6.7.9`,
		},
		Applies: hasHosts,
		Run: withHosts(func(f *Facts, r *check.Reporter) {
			if len(f.Hosts) > manyHosts {
				r.Report(check.Finding{Subject: f.Domain.String(),
					Params: check.Params{"Domain": f.Domain.String(), "Count": len(f.Hosts)}})
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-ipv6-missing", Standard: check.MX, Severity: check.Notice,
			Title: "no mail host has an IPv6 address",
			Refs:  []check.Ref{check.RFC(5321, "5.2")},
			Doc: `Every mail host is reachable over IPv4 only. Mail flows, because almost all senders have IPv4; those that have only
IPv6 cannot deliver.

Add an AAAA record once the server listens on it and its firewall lets port 25 through.

Before:

    mx1.example.com.  A     5.6.7.8

After:

    mx1.example.com.  A     5.6.7.8
    mx1.example.com.  AAAA  2a00:1450:4001::19`,
		},
		Applies: namesHosts,
		Run:     family("mx-ipv6-missing"),
	},
	{
		Meta: check.Meta{
			ID: "mx-ipv4-missing", Standard: check.MX, Severity: check.Warning,
			Title: "no mail host has an IPv4 address",
			Refs:  []check.Ref{check.RFC(5321, "5.2")},
			Doc: `Every mail host is reachable over IPv6 only. A large part of the world's senders has no IPv6 on its mail servers and
cannot deliver at all.

Add an A record, if need be at a relay that has both.

Before:

    mx1.example.com.  AAAA  2a00:1450:4001::19

After:

    mx1.example.com.  AAAA  2a00:1450:4001::19
    mx1.example.com.  A     5.6.7.8`,
		},
		Applies: namesHosts,
		Run:     family("mx-ipv4-missing"),
	},
	{
		Meta: check.Meta{
			ID: "mx-ttl", Standard: check.MX, Severity: check.Notice,
			Title: "the MX records live too short or too long",
			Refs:  []check.Ref{check.RFC(1912, "")},
			Doc: `A time to live under five minutes makes every sender ask again for each few messages, and an outage of the name
servers is felt at once. Over a week, a move to another host takes that long to be seen everywhere. A cache counts the
time down, so a short one is only judged where an authoritative answer shows it.

An hour to a day suits a record that seldom changes.

Before:

    example.com.  60  IN  MX  10 mx1.example.com.

After:

    example.com.  3600  IN  MX  10 mx1.example.com.`,
		},
		Applies: func(f *Facts) bool { return f.Lookup.Found() || f.Lookup.Unknown() },
		Run: whenAnswered(func(f *Facts, r *check.Reporter) {
			rec := f.Lookup.Records()[0]
			params := check.Params{"Domain": f.Domain.String(), "TTL": int(rec.TTL), "Short": shortTTL, "Long": longTTL}
			switch {
			case rec.TTL > longTTL, rec.TTL < shortTTL && fromZoneFile(&f.Lookup):
				r.Report(check.Finding{Subject: f.Domain.String(), Params: params})
			case rec.TTL < shortTTL:
				r.Unknown(check.Cause{Code: "ttl-from-cache", Params: params})
			}
		}),
	},
}

// namesHosts tells whether MX records name hosts, or might: an implicit host is
// nobody's choice, and only its being there is worth a word.
func namesHosts(f *Facts) bool { return hasHosts(f) && !f.Implicit }

// family reports that no mail host has an address of one family. A look-up that
// failed may hide one, so without any address seen it is unknown.
func family(id string) func(*Facts, *check.Reporter) {
	return withHosts(func(f *Facts, r *check.Reporter) {
		has := map[bool]bool{} // by "is IPv4"
		lookup := func(h *Host) *dns.Lookup { return &h.AAAA }
		want4 := id == "mx-ipv4-missing"
		if want4 {
			lookup = func(h *Host) *dns.Lookup { return &h.A }
		}
		var failed, other error
		for _, h := range f.Hosts {
			for _, a := range f.reachable(h) {
				has[a.Is4()] = true
			}
			if l := lookup(h); l.Unknown() {
				failed = l.Error
			} else if h.unknown() != nil {
				other = h.unknown()
			}
		}
		switch {
		case has[want4]:
		case failed != nil:
			r.Unknown(failed)
		case has[!want4]: // without any address at all another rule speaks
			var names []string
			for _, h := range f.Hosts {
				if len(f.reachable(h)) > 0 { // what is wrong with the others is told of each
					names = append(names, h.Name.String())
				}
			}
			r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{"Hosts": strings.Join(names, ", ")}})
		case other != nil:
			r.Unknown(other)
		}
	})
}

// zoneRules judge the name servers of the zone.
var zoneRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dns-ns-single", Standard: check.MX, Severity: check.Notice,
			Title: "the zone hangs on one name server",
			Refs:  []check.Ref{check.RFC(2182, "")},
			Doc: `One name server, or several names for one address, carries the zone. When it is down nobody finds the mail
host, SPF or DKIM keys, and receivers defer or refuse your own mail as well.

Add a second server in another network; most DNS providers give you several for nothing.

Before:

    example.com.  NS  ns1.example.com.

After:

    example.com.  NS  ns1.example.com.
    example.com.  NS  ns2.dns-provider.example.`,
		},
		Applies: zoneExists,
		Run: withServers(func(f *Facts, r *check.Reporter) {
			if why := f.nsSingle(); why != "" {
				n := &f.NameServers
				r.Report(check.Finding{Subject: n.Zone.String(), Params: check.Params{
					"Zone": n.Zone.String(), "Servers": n.names(nil), "Count": len(n.Hosts)}})
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "dns-ns-lame", Standard: check.MX, Severity: check.Warning,
			Title: "a name server of the zone does not serve it",
			Refs:  []check.Ref{check.RFC(1912, "")},
			Doc: `A server listed in the zone's NS records answered that it does not know the zone, or refused. Each resolver that
picks it loses time, and when the others are slow the look-up fails: mail is then deferred by chance.

Load the zone on that server, or take it out of the NS records and of the delegation at the registrar.

Before, with ns2 answering REFUSED:

    example.com.  NS  ns1.example.com.
    example.com.  NS  ns2.old-provider.example.

After:

    example.com.  NS  ns1.example.com.
    example.com.  NS  ns3.new-provider.example.`,
		},
		Applies: zoneExists,
		Run: withServers(func(f *Facts, r *check.Reporter) {
			n := &f.NameServers
			for i := range n.Hosts {
				if h := &n.Hosts[i]; h.lame() {
					r.Report(check.Finding{Subject: h.Name.String(), Scope: h.Name.String(), Params: check.Params{
						"Zone": n.Zone.String(), "Server": h.Name.String(), "Answer": h.Error}})
				}
			}
			n.unknownUnlessAsked(r)
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-ns-disagree", Standard: check.MX, Severity: check.Warning,
			Title: "the name servers hold different versions of the zone",
			Refs:  []check.Ref{check.RFC(1912, ""), check.RFC(2182, "")},
			Doc: `The servers of the zone give different serial numbers, so they serve different versions of it. For a minute after
a change that is normal. When it lasts, which mail hosts and keys a sender sees depends on the server it happens to ask.

Find out why the secondaries do not follow: transfers refused, notifications lost, or two providers fed by hand.

Before: ns1 answers serial 2026112301, ns2 answers serial 2026090100.
After: both answer serial 2026112301.`,
		},
		Applies: zoneExists,
		Run: withServers(func(f *Facts, r *check.Reporter) {
			n := &f.NameServers
			if serials := n.serials(); len(serials) > 1 {
				var parts []string
				for _, s := range serials {
					parts = append(parts, fmt.Sprintf("%d (%s)", s, n.names(&s)))
				}
				r.Report(check.Finding{Subject: n.Zone.String(), Params: check.Params{
					"Zone": n.Zone.String(), "Serials": strings.Join(parts, ", ")}})
				return
			}
			if n.Reason == "ns-several-primaries" {
				r.Unknown(check.Cause{Code: n.Reason, Params: check.Params{"Zone": n.Zone.String()}})
			}
			n.unknownUnlessAsked(r)
		}),
	},
}

func zoneExists(f *Facts) bool { return f.Lookup.State != dns.StateNXDomain }

// withServers runs a rule that needs the zone's NS records.
func withServers(run func(*Facts, *check.Reporter)) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		switch n := &f.NameServers; {
		case n.Lookup.Unknown():
			r.Unknown(n.Lookup.Error)
		case n.Zone == "":
			r.Unknown(check.Cause{Code: "ns-zone-unknown", Params: check.Params{"Domain": f.Domain.String()}})
		default:
			run(f, r)
		}
	}
}

// unknownUnlessAsked says so where no server, or not each one, gave a serial.
func (n *NameServers) unknownUnlessAsked(r *check.Reporter) {
	if n.Agree == "not-asked" || n.Agree == "unknown" && n.Reason != "ns-several-primaries" {
		r.Unknown(check.Cause{Code: "ns-not-asked", Params: check.Params{"Zone": n.Zone.String()}})
	}
}

// nsSingle says how the zone hangs on one server: "name", "address" or "".
func (f *Facts) nsSingle() string {
	hosts := f.NameServers.Hosts
	if len(hosts) == 1 {
		return "name"
	}
	for i := range hosts {
		if len(hosts[i].Addresses) == 0 || !slices.Equal(hosts[i].Addresses, hosts[0].Addresses) {
			return ""
		}
	}
	if len(hosts) > 1 && len(hosts[0].Addresses) == 1 {
		return "address"
	}
	return ""
}

// names lists the servers, of one serial if given.
func (n *NameServers) names(serial *uint32) string {
	var out []string
	for i := range n.Hosts {
		if h := &n.Hosts[i]; serial == nil || h.Error == "" && h.Serial == *serial {
			out = append(out, h.Name.String())
		}
	}
	return strings.Join(out, ", ")
}
