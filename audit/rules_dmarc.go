package audit

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dns"
)

// dmarcRules hold the DMARC record to the names below the domain, and to what
// others ask of those who send much or belong to a government.
var dmarcRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dmarc-subdomain-weaker", Standard: check.DMARC, Severity: check.Warning,
			Title: "a subdomain has a weaker policy of its own",
			Refs:  []check.Ref{check.RFC(9989, "4.10.1")},
			Doc: "The domain protects its subdomains, but one of them publishes a record of its own with a weaker policy, and that is the one\n" +
				"that applies to it. A forger takes the name that is least protected; it looks as trustworthy as the others. Looked at are\n" +
				"the mail hosts below the domain and the names that SPF shows to have mail hosts.\n\n" +
				"**Fix:** raise the subdomain's policy once its mail passes, or delete its record, so that it inherits the domain's.\n\n" +
				"Before: `p=reject` at `_dmarc.example.com` and `p=none` at `_dmarc.mail.example.com`. After: the first alone.",
		},
		Applies: coversNames,
		Run:     subdomainWeaker,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-alignment-shared", Standard: check.DMARC, Severity: check.Notice,
			Title: "who runs a delegated subdomain passes DMARC for the domain",
			Refs:  []check.Ref{check.RFC(9989, "11.8"), check.RFC(9989, "4.4.1")},
			Doc: "With relaxed alignment, SPF or DKIM that passes at any name of the organisation counts for the domain. A subdomain that is\n" +
				"delegated to another company's name servers is in that company's hands: it can publish SPF and keys there and send mail\n" +
				"that passes DMARC as if it were the domain's own. Looked at are the zones of names below that take part in its mail.\n\n" +
				"**Fix:** use strict alignment if no service needs relaxed, or have the delegated name publish a record with `psd=n`, which\n" +
				"makes it an organisation of its own.\n\n" +
				"Before: `shop.example.com NS ns1.hosting.example`. After: in addition `_dmarc.shop.example.com TXT \"v=DMARC1; p=reject; psd=n\"`.",
		},
		Applies: coversNames,
		Run:     alignmentShared,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-bulk-sender-minimum", Standard: check.DMARC, Severity: check.Error,
			Title: "a bulk sender lacks what the large mailbox providers require",
			Refs: []check.Ref{
				{Doc: senderTable[0].title, URL: senderTable[0].url}, {Doc: senderTable[1].title, URL: senderTable[1].url}, {Doc: senderTable[2].title, URL: senderTable[2].url},
			},
			Doc: "Google, Yahoo and Microsoft require SPF, DKIM and a DMARC record (`p=none` is enough) from those who send thousands of\n" +
				"messages a day. The domain was declared a bulk sender (`--bulk`), and one of the three is certainly missing. Gmail defers\n" +
				"or rejects such mail since November 2025, Microsoft rejects it with 550 5.7.515 since 5 May 2025.\n\n" +
				"**Fix:** publish what is missing. The report lists each requirement, since when it holds and what DNS cannot show.\n\n" +
				"Before: SPF and DKIM, nothing at `_dmarc.example.com`. After: `v=DMARC1; p=none; rua=mailto:dmarc@example.com`.",
		},
		Applies: func(f *Facts) bool { return f.Bulk },
		Run:     bulkMinimum,
	},
	{
		Meta: check.Meta{
			ID: "dmarc-profile-gov", Standard: check.DMARC, Severity: check.Error,
			Title:    "the domain does not meet the policy it is held to",
			Variants: []check.Variant{{Name: "rua", Severity: check.Error}, {Name: "spf", Severity: check.Error}},
			Refs:     []check.Ref{{Doc: policyProfiles[0].Title, URL: policyProfiles[0].URL}},
			Doc: "The domain is compared with a published policy because that was asked for, and does not meet it. The directive BOD 18-01 of\n" +
				"the United States (16 October 2017) wants of federal agencies a valid SPF record, `p=reject` at the registered domain, and\n" +
				"aggregate reports to reports@dmarc.cyber.dhs.gov among others.\n\n" +
				"**Fix:** publish what the policy asks for. Without `--policy-profile` this rule does not apply.\n\n" +
				"Before: `v=DMARC1; p=quarantine; rua=mailto:dmarc@agency.example`.\n" +
				"After: `v=DMARC1; p=reject; rua=mailto:dmarc@agency.example,mailto:reports@dmarc.cyber.dhs.gov`.",
		},
		Applies: func(f *Facts) bool { return len(f.PolicyProfiles) > 0 },
		Run:     policyProfile,
	},
}

// PolicyProfile is a published policy that a domain can be held to on request.
type PolicyProfile struct {
	ID    string // as --policy-profile spells it
	Title string
	URL   string
	Date  string // of the text read for this table
	RUA   string // an address that aggregate reports must go to as well
}

// policyProfiles are those whose text could be verified; docs/decisions/0011
// says which were left out.
var policyProfiles = []PolicyProfile{{
	ID: "bod-18-01", Title: "BOD 18-01: Enhance Email and Web Security", Date: "2017-10-16",
	URL: "https://www.cisa.gov/news-events/directives/binding-operational-directive-18-01",
	RUA: "mailto:reports@dmarc.cyber.dhs.gov",
}}

// PolicyProfiles lists the policies that a domain can be held to.
func PolicyProfiles() []PolicyProfile { return slices.Clone(policyProfiles) }

// coversNames tells that the domain has a record of its own, or that nobody
// could tell.
func coversNames(f *Facts) bool { return !f.DMARC.Known || f.DMARC.Own() }

// unsureBelow says what keeps names below the domain from view.
func unsureBelow(f *Facts, r *check.Reporter) {
	if !f.DMARC.Known {
		r.Unknown(check.Cause{Code: "dmarc-unknown"})
	}
	for _, err := range f.Below.Unsure {
		r.Unknown(err)
	}
	for _, s := range f.Below.Steps {
		if s.Status == dns.StateUnknown {
			r.Unknown(s.Lookup.Error)
		}
	}
}

func subdomainWeaker(f *Facts, r *check.Reporter) {
	unsureBelow(f, r)
	inherits := f.DMARC.Effective.Subdomain
	if !inherits.Known {
		r.Unknown(check.Cause{Code: "dmarc-unknown"})
		return
	}
	for _, s := range f.Below.Steps {
		if s.Record() == nil {
			continue
		}
		own := s.Record().Effect().Domain
		if dmarc.ParseLevel(own.Policy) >= dmarc.ParseLevel(inherits.Policy) {
			continue
		}
		word := own.Policy
		if word == "" {
			word = "–"
		}
		name := s.Name.Child("_dmarc").String()
		r.Report(check.Finding{Subject: name, Record: s.Record().Text, Scope: name,
			Params: check.Params{"Name": name, "Domain": f.Domain.String(), "Own": word, "Policy": inherits.Policy}})
	}
}

func alignmentShared(f *Facts, r *check.Reporter) {
	unsureBelow(f, r)
	rec := f.DMARC.Record()
	if rec == nil {
		return
	}
	var tags []string
	for _, tag := range []string{"adkim", "aspf"} {
		if !rec.Strict(tag) {
			tags = append(tags, tag)
		}
	}
	if len(tags) == 0 || f.DMARC.Effective.Domain.Policy == "" {
		return
	}
	own := f.MX.NameServers
	zones := make([]dns.Name, 0, len(f.Below.Cuts))
	for zone := range f.Below.Cuts {
		zones = append(zones, zone)
	}
	slices.Sort(zones)
	for _, zone := range zones {
		servers := f.Below.Cuts[zone]
		switch {
		case servers.Unknown():
			r.Unknown(servers.Error)
		case own.Lookup.Unknown():
			r.Unknown(own.Lookup.Error)
		case servers.Found() && own.Lookup.Found() && strangers(hostsOf(&servers), hostsOf(&own.Lookup)):
			r.Report(check.Finding{Subject: zone.String(), Scope: zone.String(), Params: check.Params{
				"Name": zone.String(), "Domain": f.Domain.String(), "Tags": strings.Join(tags, ", "), "Servers": texts(hostsOf(&servers)),
			}})
		}
	}
}

func hostsOf(l *dns.Lookup) []dns.Name {
	var hosts []dns.Name
	for _, rec := range l.Records() {
		hosts = append(hosts, rec.Host)
	}
	slices.Sort(hosts)
	return hosts
}

// texts shows a few names.
func texts(names []dns.Name) []string {
	var list []string
	for _, n := range names[:min(len(names), 3)] {
		list = append(list, n.String())
	}
	return list
}

// strangers tells whether two sets of name servers have nobody in common.
func strangers(a, b []dns.Name) bool {
	for _, x := range a {
		if slices.ContainsFunc(b, func(y dns.Name) bool { return operator(x) == operator(y) }) {
			return false
		}
	}
	return len(a) > 0 && len(b) > 0
}

// operator tells who runs a name server: the registered label without its
// numbers, since hosters spread servers over domains like awsdns-01.com and
// awsdns-23.net.
func operator(host dns.Name) string {
	registered, err := publicsuffix.EffectiveTLDPlusOne(string(host))
	if err != nil {
		return string(host)
	}
	label, _, _ := strings.Cut(registered, ".")
	return strings.TrimRight(label, "0123456789-")
}

// bulkMinimum names each of the three that is certainly missing, and who asks
// for it.
func bulkMinimum(f *Facts, r *check.Reporter) {
	var legs, providers []string
	for _, p := range senderTable {
		for _, req := range p.requirements {
			if !req.bulk || req.judge == nil {
				continue
			}
			switch v := req.judge(f); v.Status {
			case senderUnknown:
				r.Unknown(v.cause)
			case senderFail:
				if leg := legWords[req.id]; leg != "" && !slices.Contains(legs, leg) {
					legs = append(legs, leg)
				}
				if !slices.Contains(providers, p.name) {
					providers = append(providers, p.name)
				}
			}
		}
	}
	if len(legs) > 0 {
		r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{"Domain": f.Domain.String(), "Legs": legs, "Providers": providers}})
	}
}

// policyProfile compares with each policy that the user named.
func policyProfile(f *Facts, r *check.Reporter) {
	for _, p := range policyProfiles {
		if !slices.Contains(f.PolicyProfiles, p.ID) {
			continue
		}
		out := func(variant, found, wanted string) check.Finding {
			return check.Finding{Subject: f.Domain.String(), Variant: variant, Record: f.DMARC.PolicyRecord,
				Params: check.Params{"Domain": f.Domain.String(), "Profile": p.Title, "Found": found, "Wanted": wanted}}
		}
		policy := f.DMARC.Effective.Domain
		switch known, _ := f.DMARC.InForce(); {
		case !known || !policy.Known:
			r.Unknown(check.Cause{Code: "dmarc-unknown"})
		case policy.Policy == "":
			r.Report(out("", "–", "p=reject"))
		default:
			if policy.Policy != "reject" {
				r.Report(out("", policy.Policy, "p=reject"))
			}
			if rec := f.DMARC.Record(); !slices.ContainsFunc(rec.RUA, func(u dmarc.URI) bool { return u.Valid && strings.EqualFold(u.Text, p.RUA) }) {
				r.Report(out("rua", "", strings.TrimPrefix(p.RUA, "mailto:")))
			}
		}
		switch v := judgeSPF(f); v.Status {
		case senderUnknown:
			r.Unknown(v.cause)
		case senderFail:
			found := out("spf", "", "")
			found.Record = ""
			r.Report(found)
		}
	}
}
