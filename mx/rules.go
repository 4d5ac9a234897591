package mx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Rules judge Facts, in report order.
var Rules = slices.Concat(domainRules, targetRules, setRules, providerRules, apexRules, zoneRules)

// Limits that rules judge by.
const (
	manyHosts = 10     // RFC 7208 §4.6.4: SPF's mx mechanism fails above
	shortTTL  = 300    // seconds: every sender asks again each few minutes
	longTTL   = 604800 // seconds, one week: a move takes that long
)

// domainRules ask whether and how the domain takes mail at all.
var domainRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "mx-domain-nxdomain", Standard: check.MX, Severity: check.Error,
			Title: "the domain does not exist",
			Refs:  []check.Ref{check.RFC(5321, "5.1")},
			Doc: `DNS answered NXDOMAIN for the domain itself: there is no such name. A sender that gets this answer
returns the message at once and tries no fallback, and nothing else about the domain can be judged.

Check the spelling first, then whether the registration has lapsed and whether the registry delegates the domain to
name servers that serve it.

Before: the registry no longer lists example.com, every query answers NXDOMAIN.
After: the domain is registered and delegated, and

    example.com.  3600  IN  MX  10 mx1.example.com.

is answered by its name servers.`,
		},
		Run: func(f *Facts, r *check.Reporter) {
			if f.Lookup.Unknown() {
				r.Unknown(f.Lookup.Error)
			} else if f.Lookup.State == dns.StateNXDomain {
				r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{"Domain": f.Domain.String()}})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "mx-lookup-failed", Standard: check.MX, Severity: check.Error,
			Title: "the MX look-up fails",
			Refs:  []check.Ref{check.RFC(5321, "5.1")},
			Doc: `The question for MX records got no usable answer: SERVFAIL, a refusal or silence. That is not the same as
having no MX. Senders keep the message, ask again for hours or days and then return it.

Where only our resolver failed the result is unknown. It is an error once each authoritative server was asked and
failed: then the fault is in the zone. Check that every server in the delegation loads the zone and that its
signatures, if any, are valid.

Before: ns1 and ns2 both answer SERVFAIL for example.com MX.
After: both answer

    example.com.  3600  IN  MX  10 mx1.example.com.`,
		},
		Run: func(f *Facts, r *check.Reporter) {
			switch e := f.Lookup.Error; {
			case e == nil:
			case e.Authoritative:
				r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{
					"Domain": f.Domain.String(), "Kind": string(e.Kind), "Detail": e.Detail}})
			default:
				r.Unknown(e)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "mx-implicit", Standard: check.MX, Severity: check.Notice,
			Title:     "no MX record: mail goes to the domain's own address",
			Variants:  []check.Variant{{Name: "sends", Severity: check.Warning}},
			CoveredBy: []string{"mx-null-advised"},
			Refs:      []check.Ref{check.RFC(5321, "5.1")},
			Doc: `Without an MX record senders deliver to the address of the domain itself, which is usually a web server.
Replies and bounces then wait in the senders' queues for days, or reach a machine that nobody meant to take mail.

Say what is meant: name the mail host, or declare that there is none.

Before:

    example.com.  A  5.6.7.8

After, if the domain takes mail:

    example.com.  MX  10 mx1.example.com.

After, if it does not:

    example.com.  MX  0 .`,
		},
		Applies: func(f *Facts) bool { return f.Profile != check.ProfileParked },
		Run: func(f *Facts, r *check.Reporter) {
			if err := f.hostsUnknown(); err != nil {
				r.Unknown(err)
				return
			}
			if !f.Implicit {
				return
			}
			r.Report(check.Finding{
				Subject: f.Domain.String(), Variant: f.whenSending(),
				Params: check.Params{"Domain": f.Domain.String(), "Addresses": f.Hosts[0].addressText()},
			})
		},
	},
	{
		Meta: check.Meta{
			ID: "mx-none", Standard: check.MX, Severity: check.Info,
			Title:    "the domain takes no mail: no MX and no address",
			Variants: []check.Variant{{Name: "sends", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(5321, "5.1")},
			Doc: `There is no MX record and no address to fall back to, so nobody can deliver to this domain. For a name that
sends no mail that is fine. For one that SPF lets send, bounces and replies have nowhere to go, and many receivers
refuse mail whose sender address cannot be answered.

Before:

    example.com.  TXT  "v=spf1 ip4:5.6.7.8 -all"

After:

    example.com.  TXT  "v=spf1 ip4:5.6.7.8 -all"
    example.com.  MX   10 mx1.example.com.`,
		},
		Run: func(f *Facts, r *check.Reporter) {
			if err := f.hostsUnknown(); err != nil {
				r.Unknown(err)
			} else if f.Lookup.State == dns.StateNoData && !f.Implicit {
				r.Report(check.Finding{Subject: f.Domain.String(), Variant: f.whenSending(),
					Params: check.Params{"Domain": f.Domain.String()}})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "mx-null", Standard: check.MX, Severity: check.Info,
			Title: "the domain declares that it takes no mail",
			Refs:  []check.Ref{check.RFC(7505, "")},
			Doc: `A single MX record that points at the root, 0 followed by a dot, says that the domain accepts no mail. Senders
return messages at once with a clear reason instead of retrying for days. All checks of inbound mail are then not
applicable; none of them counts against the domain.

There is nothing to fix. A complete statement for a name without mail also has an SPF and a DMARC record:

    example.com.         MX   0 .
    example.com.         TXT  "v=spf1 -all"
    _dmarc.example.com.  TXT  "v=DMARC1; p=reject"`,
		},
		Run: whenAnswered(func(f *Facts, r *check.Reporter) {
			if f.Null {
				r.Report(f.onRecord(f.Lookup.Records()[0], check.Params{}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-null-with-others", Standard: check.MX, Severity: check.Error,
			Title: "a null MX stands beside other MX records",
			Refs:  []check.Ref{check.RFC(7505, "")},
			Doc: `A null MX says "no mail here", the others name mail hosts. The standard forbids the mixture, and senders differ
in what they make of it: some return the message, some deliver, some do either by chance.

Keep one kind. If mail is wanted, remove the record with the dot.

Before:

    example.com.  MX  0 .
    example.com.  MX  10 mx1.example.com.

After:

    example.com.  MX  10 mx1.example.com.`,
		},
		Run: whenAnswered(func(f *Facts, r *check.Reporter) {
			records := f.Lookup.Records()
			if len(records) < 2 {
				return
			}
			for _, rec := range records {
				if rec.Host == dns.Root {
					find := f.onRecord(rec, check.Params{"Count": len(records)})
					if len(f.Hosts) > 0 {
						find.Fix = f.fix("", []string{rec.Data}, nil)
					}
					r.Report(find)
				}
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-null-preference", Standard: check.MX, Severity: check.Notice,
			Title: "the null MX has a preference other than 0",
			Refs:  []check.Ref{check.RFC(7505, "")},
			Doc: `The null MX is written with preference 0. Another number does not change its meaning for software that looks
at the dot only, but tools that compare with the exact form may not recognise it.

Before:

    example.com.  MX  10 .

After:

    example.com.  MX  0 .`,
		},
		Applies: func(f *Facts) bool { return f.Null || f.Lookup.Unknown() },
		Run: whenAnswered(func(f *Facts, r *check.Reporter) {
			rec := f.Lookup.Records()[0]
			if rec.Pref != 0 {
				find := f.onRecord(rec, check.Params{"Preference": int(rec.Pref)})
				find.Fix = f.fix("", []string{rec.Data}, []string{"0 ."})
				r.Report(find)
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-null-but-sends", Standard: check.MX, Severity: check.Warning,
			Title: "the domain declares that it takes no mail, yet sends",
			Refs:  []check.Ref{check.RFC(7505, "4.2")},
			Doc: `A domain with a null MX cannot be answered: neither replies nor bounces can be delivered. Receivers may therefore
refuse its mail outright, with enhanced status 5.7.27. SPF, or the profile you gave, says that this domain does send.

Choose one: give it a mail host, or let nobody send.

Before:

    example.com.  MX   0 .
    example.com.  TXT  "v=spf1 ip4:5.6.7.8 ~all"

After, if it sends:

    example.com.  MX   10 mx1.example.com.

After, if it does not:

    example.com.  TXT  "v=spf1 -all"`,
		},
		Applies: func(f *Facts) bool { return f.Null || f.Lookup.Unknown() },
		Run: whenAnswered(func(f *Facts, r *check.Reporter) {
			named := f.Profile == check.ProfileMail || f.Profile == check.ProfileSendOnly
			switch {
			case named || f.SPFSends != nil && *f.SPFSends:
				r.Report(f.onRecord(f.Lookup.Records()[0], check.Params{}))
			case f.SPFSends == nil:
				r.Unknown(check.Cause{Code: "spf-unknown", Params: check.Params{"Domain": f.Domain.String()}})
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mx-null-advised", Standard: check.MX, Severity: check.Notice,
			Title: "a domain without mail does not say so",
			Refs:  []check.Ref{check.RFC(7505, "")},
			Doc: `The domain has an address but no MX record, and SPF names no sender: it looks like a web site without mail.
Senders that mistype an address still try the web server for days before they give up. One record tells them at once.

Before:

    example.com.  A    5.6.7.8
    example.com.  TXT  "v=spf1 -all"

After:

    example.com.  A    5.6.7.8
    example.com.  TXT  "v=spf1 -all"
    example.com.  MX   0 .`,
		},
		Run: func(f *Facts, r *check.Reporter) {
			if err := f.hostsUnknown(); err != nil {
				r.Unknown(err)
				return
			}
			if !f.Implicit {
				return
			}
			if f.SPFSends == nil {
				r.Unknown(check.Cause{Code: "spf-unknown", Params: check.Params{"Domain": f.Domain.String()}})
			} else if !*f.SPFSends {
				r.Report(check.Finding{
					Subject: f.Domain.String(), Fix: f.fix("", nil, []string{"0 ."}),
					Params: check.Params{"Domain": f.Domain.String(), "Addresses": f.Hosts[0].addressText()},
				})
			}
		},
	},
}

// whenAnswered runs a rule that needs the MX answer, and is unknown without it.
func whenAnswered(run func(*Facts, *check.Reporter)) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		if f.Lookup.Unknown() {
			r.Unknown(f.Lookup.Error)
			return
		}
		run(f, r)
	}
}

// whenSending names the variant of a domain that SPF lets send.
func (f *Facts) whenSending() string {
	if f.SPFSends != nil && *f.SPFSends {
		return "sends"
	}
	return ""
}

// onRecord is a finding about one MX record: the whole of it.
func (f *Facts) onRecord(rec dns.Record, params check.Params) check.Finding {
	params["Domain"], params["Target"], params["Record"] = f.Domain.String(), rec.Host.String(), rec.Data
	return check.Finding{Subject: f.Domain.String(), Record: rec.Data, Params: params, Scope: rec.Host.String()}
}

// onTarget is a finding about one mail host, pointing at its name in the record.
func (f *Facts) onTarget(h *Host, params check.Params) check.Finding {
	params["Domain"], params["Target"] = f.Domain.String(), h.Name.String()
	find := check.Finding{Subject: h.Name.String(), Params: params, Scope: h.Name.String()}
	for _, rec := range f.Lookup.Records() {
		if rec.Host == h.Name {
			find.Record = rec.Data
			start := strings.LastIndexByte(rec.Data, ' ') + 1
			find.Span = &check.Span{Start: start, End: len(rec.Data)}
			break
		}
	}
	return find
}

// fix is a change of MX records at the domain.
func (f *Facts) fix(verb string, old, new []string) *check.Fix {
	return &check.Fix{Verb: verb, Records: []check.RecordChange{{
		Name: f.Domain.FQDN(), Type: "MX", Old: nonNil(old), New: nonNil(new)}}}
}

// retarget is the fix that points the host's records at another name, or
// drops them when there is none.
func (f *Facts) retarget(verb string, h *Host, to dns.Name) *check.Fix {
	var old, new []string
	for _, rec := range f.Lookup.Records() {
		if rec.Host != h.Name {
			continue
		}
		old = append(old, rec.Data)
		if to != "" {
			new = append(new, fmt.Sprintf("%d %s", rec.Pref, to.FQDN()))
		}
	}
	return f.fix(verb, old, new)
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// addressText lists the host's addresses for a message.
func (h *Host) addressText() string {
	var out []string
	for _, a := range h.Addresses {
		out = append(out, a.IP.String())
	}
	return strings.Join(out, ", ")
}
