package dkim

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

const (
	plainUDP = 512   // octets of a reply without EDNS, RFC 1035 §4.2.1
	safeUDP  = 1232  // octets that pass without fragments, as resolvers are set since 2020
	longTTL  = 86400 // seconds
	shortTTL = 300
	maxLabel = 63
	maxName  = 253 // octets of text; 255 on the wire, RFC 1035 §2.3.4
)

// shapeRules look at how the keys stand in DNS: delegation, sizes, time to live,
// aliases beside text; and at keys beside lists and other domains.
var shapeRules = []rule{
	{
		Meta: check.Meta{
			ID: "dkim-ns-delegated", Standard: check.DKIM, Severity: check.Info,
			Title: "somebody else's name servers hold the keys",
			Refs:  refs{check.RFC(1034, "4.2.1")},
			Doc: `The name is delegated to other name servers (NS records): a zone of its own begins there. Whoever runs them decides about every
DKIM key of the domain and can add one at any time. Services that manage keys for a domain ask for this, and then it is
meant; keep in mind that they can sign as the domain.

**What to do.** Nothing, if the service is in use. When it was left, delete the NS records first, then publish keys of your own.

Before: ` + "`_domainkey.example.com. NS ns1.vendor.example.`" + ` of a vendor that was left
After: ` + "`s1._domainkey.example.com. TXT \"v=DKIM1; k=rsa; p=MIIB…\"`",
		},
		Run: func(f *Facts, r *check.Reporter) {
			sh := &f.shape
			switch {
			case sh.cut != "" && sh.lame == nil:
				r.Report(check.Finding{Subject: sh.cut.String(), Params: check.Params{"Name": sh.cut.String(), "Servers": sh.names()}})
			case sh.servers.Unknown() && sh.lame == nil:
				r.Unknown(sh.servers.Error)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "dkim-ns-lame", Standard: check.DKIM, Severity: check.Error,
			Title: "the keys are delegated to name servers that do not answer",
			Refs:  refs{check.RFC(1034, "4.2.1"), rfc("6.1.2")},
			Doc: `The domain's own name servers answer, but for ` + "`_domainkey`" + ` and everything below it nobody does: the name is delegated to name
servers that are gone or do not know the zone. Receivers cannot fetch any key. They put mail off for a while and then
treat it as unsigned, so that DMARC rests on SPF alone.

**Fix.** Have the service that runs those servers repair them, or delete the NS records and publish the keys in your own zone.

Before: ` + "`_domainkey.example.com. NS ns1.gone-vendor.example.`" + `
After: ` + "`s1._domainkey.example.com. TXT \"v=DKIM1; k=rsa; p=MIIB…\"`",
		},
		Run: func(f *Facts, r *check.Reporter) {
			sh := &f.shape
			switch {
			case sh.lame != nil:
				r.Report(check.Finding{Subject: sh.cut.String(), Params: check.Params{
					"Name": sh.cut.String(), "Servers": sh.names(), "Kind": string(sh.lame.Kind)}})
			case f.NodeTXT.Unknown():
				r.Unknown(f.NodeTXT.Error)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "dkim-cname-and-txt", Standard: check.DKIM, Severity: check.Error,
			Title: "an alias and text at the same selector",
			Refs:  refs{check.RFC(1034, "3.6.2")},
			Doc: `The selector has a CNAME and a TXT record of its own, and they lead to different texts. Beside a CNAME no other record may
stand. A resolver that asked for the alias first answers with the key at its target, one that asked for the text
first with the other: the same signature passes at one receiver and fails at the next.

**Fix.** Keep the CNAME if a provider signs with this selector, the TXT record if you do, and delete the other.

Before: ` + "`s1._domainkey CNAME s1.vendor.example.`" + ` and ` + "`s1._domainkey TXT \"v=DKIM1; p=MIIB…\"`" + `
After: ` + "`s1._domainkey CNAME s1.vendor.example.`",
		},
		Applies: func(f *Facts) bool { return len(f.shape.beside) > 0 }, Run: aliasBesideText,
	},
	{
		Meta: check.Meta{
			ID: "dkim-name-too-long", Standard: check.DKIM, Severity: check.Error,
			Variants: variants{{Name: "label", Severity: check.Error}},
			Title:    "the name of a selector is too long for DNS",
			Refs:     refs{check.RFC(1035, "2.3.4"), rfc("3.6.2.1")},
			Doc: `Verifiers ask for ` + "`<selector>._domainkey.<domain>`" + `, and a name of DNS has at most 253 characters, a label between two dots at
most 63. This one has more, so nobody can ask for the key, and every signature with the selector fails.

**Fix.** Give the signer a shorter selector and publish the key there.

Before: a selector of 70 characters in one label
After: ` + "`s202611a._domainkey.example.com`",
		},
		Run: func(f *Facts, r *check.Reporter) {
			for _, s := range f.shape.tooLong {
				label := 0
				for _, l := range s.Lookup.Name.Labels() {
					label = max(label, len(l))
				}
				params := check.Params{"Selector": shorten(s.Name), "Octets": len(s.Lookup.Name), "Label": label, "Most": maxName}
				finding := check.Finding{Subject: f.NodeTXT.Name.String(), Params: params, Scope: s.scope(0)}
				if label > maxLabel {
					finding.Variant, params["Most"] = "label", maxLabel
				}
				r.Report(finding)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "dkim-answer-size", Standard: check.DKIM, Severity: check.Notice,
			Variants: variants{{Name: "edns", Severity: check.Info}},
			Title:    "the answer with the key is long",
			Refs:     refs{rfc("3.6.2.2"), check.RFC(1035, "4.2.1"), check.RFC(6891, "")},
			Doc: `A reply over 512 octets needs an extension of DNS that is common today. One over 1232 octets does not travel in one packet
everywhere: it is cut and asked for again over TCP, which some firewalls block, and then the key cannot be fetched and mail
waits. Aliases before the record count too.

**Fix.** A 2048-bit key fits. Publish that instead of 4096 bits or more, leave out notes, and keep other text away from the name.

Before: an 8192-bit key, some 1500 octets
After: a 2048-bit key, some 500 octets`,
		},
		Applies: hasRecords, Run: answerSize,
	},
	{
		Meta: check.Meta{
			ID: "dkim-ttl", Standard: check.DKIM, Severity: check.Notice,
			Variants: variants{{Name: "short", Severity: check.Info}},
			Title:    "the key lives very long or very short in caches",
			Refs:     refs{check.RFC(1912, "2.2")},
			Doc: `With a time to live of more than a day, a key that was revoked because it leaked is still taken by receivers that long. With
less than five minutes nearly every message costs a question, and an outage of the name servers is felt at once. A cache
counts the time down, so a short one is only judged where a zone file shows it.

**Fix.** One hour.

Before: ` + "`s1._domainkey 604800 TXT \"v=DKIM1; k=rsa; p=MIIB…\"`" + `
After: ` + "`s1._domainkey 3600 TXT \"v=DKIM1; k=rsa; p=MIIB…\"`",
		},
		Applies: hasRecords, Run: timeToLive,
	},
	{
		Meta: check.Meta{
			ID: "dkim-rsa-debian-weak", Standard: check.DKIM, Severity: check.Error,
			Title: "a key that Debian's broken generator made",
			Refs:  refs{cve("CVE-2008-0166")},
			Doc: `From 2006 to 2008 OpenSSL on Debian and what is made from it had some 32,768 possible keys for each length and kind of
machine. All were computed since, with their private halves, and this key is one of them: anybody can sign mail as the
domain with it. The check needs the list of these keys, which is too large to come along: ` + "`--weak-keys FILE`" + ` names
blocklist.dat of the badkeys project (` + "`badkeys --update-bl`" + ` fetches it). Without the list the check is not made.

**Fix.** Make a new key under a new selector today, switch the signer, and revoke this one.

Before: a key made in 2007
After: a key made by ` + "`postseal generate dkim`",
		},
		Applies: func(f *Facts) bool { return f.shape.weak != nil && hasRecords(f) },
		Run: func(f *Facts, r *check.Reporter) {
			if f.shape.weakErr != nil {
				r.Unknown(f.shape.weakErr)
			}
			reportProblems(f, r, "dkim-rsa-debian-weak")
		},
	},
	{
		Meta: check.Meta{
			ID: "dkim-rsa-shared-prime", Standard: check.DKIM, Severity: check.Error,
			Title: "two RSA keys share a prime",
			Refs:  refs{{Doc: "Mining Your Ps and Qs", URL: "https://factorable.net/"}},
			Doc: `An RSA modulus is the product of two primes that nobody else has. This one and another key of the run have a prime in common,
which a greatest common divisor shows in a moment: both private keys can be computed by anybody who has seen the two DNS
records. It comes from generators without enough randomness, in appliances above all. The check compares the keys of
the domains that are audited together.

**Fix.** Make new keys for both, on another machine, under new selectors, and revoke these.

Before: two moduli, p·q and p·r
After: keys made by ` + "`postseal generate dkim`",
		},
		Applies: compared,
		Run: func(f *Facts, r *check.Reporter) {
			for _, sh := range f.shape.primes {
				r.Report(sh.finding(f))
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "dkim-key-shared-domains", Standard: check.DKIM, Severity: check.Notice,
			Variants: variants{{Name: "vendor", Severity: check.Info}},
			Title:    "one key at domains of different owners", CoveredBy: []string{"dkim-known-public-key"},
			Refs: refs{rfc("3.1")},
			Doc: `The same key is published for domains that have nothing to do with each other. Whoever holds the private half signs for all
of them: if it leaks at one, all are open, and each owner that has it can send mail as the others. Some providers use one key
for all their customers and keep it themselves; then it is only mentioned. The check compares the keys of the domains
that are audited together.

**Fix.** Give every domain a key of its own under a new selector, switch the signer, and revoke the common one.

Before: ` + "`default._domainkey`" + ` of two domains with ` + "`p=MIIBIjAN…AQAB`" + `
After: two different keys`,
		},
		Applies: compared,
		Run: func(f *Facts, r *check.Reporter) {
			for _, sh := range f.shape.reused {
				finding := sh.finding(f)
				if sh.vendor {
					finding.Variant = "vendor"
				}
				r.Report(finding)
			}
		},
	},
}

// names are the servers of the delegation, in order.
func (sh *shape) names() string {
	var names []string
	for _, r := range sh.servers.Records() {
		if r.Type == dns.TypeNS {
			names = append(names, r.Host.String())
		}
	}
	slices.Sort(names)
	if len(names) > maxNamedShared {
		names = append(names[:maxNamedShared], "…")
	}
	return strings.Join(names, ", ")
}

func aliasBesideText(f *Facts, r *check.Reporter) {
	for i := range f.shape.beside {
		b := &f.shape.beside[i]
		s, target := b.selector, b.to()
		switch {
		case b.alias.Unknown() && b.alias.Error != nil:
			r.Unknown(b.alias.Error)
		case target == "":
		case b.target.Unknown() && b.target.Error != nil:
			r.Unknown(b.target.Error)
		case slices.Equal(sortedTexts(&s.Lookup), sortedTexts(&b.target)):
			// A server that followed its alias.
		default:
			finding := check.Finding{Subject: s.subject(f), Scope: s.scope(0), Params: check.Params{
				"Selector": s.Name, "Target": target.String(), "Answer": string(b.target.State)}}
			if !slices.ContainsFunc(s.records, func(rec record) bool { return rec.secret() }) {
				finding.Record = s.Record
			}
			r.Report(finding)
		}
	}
}

func answerSize(f *Facts, r *check.Reporter) {
	for _, s := range f.answered(r) {
		a := s.Lookup.Answer
		if a == nil || len(s.records) == 0 || a.Size <= plainUDP {
			continue
		}
		finding := check.Finding{Subject: s.subject(f), Scope: s.scope(0),
			Params: check.Params{"Selector": s.Name, "Size": a.Size, "Aliases": len(a.Chain)}}
		if a.Size <= safeUDP {
			finding.Variant = "edns"
		}
		r.Report(finding)
	}
}

// timeToLive judges the records in the domain: at the end of an alias it is the
// provider's to choose.
func timeToLive(f *Facts, r *check.Reporter) {
	for _, s := range f.answered(r) {
		records := s.Lookup.Records()
		if len(records) == 0 || !s.owner(f).IsUnder(f.Domain) {
			continue
		}
		ttl := records[0].TTL // one RRset, one time to live
		finding := check.Finding{Subject: s.subject(f), Scope: s.scope(0), Params: check.Params{"Selector": s.Name, "TTL": int(ttl)}}
		switch {
		case ttl > longTTL:
			r.Report(finding)
		case ttl < shortTTL && fromZoneFile(&s.Lookup):
			finding.Variant = "short"
			r.Report(finding)
		case ttl < shortTTL:
			r.Unknown(check.Cause{Code: "ttl-from-cache", Params: finding.Params})
		}
	}
}

func compared(f *Facts) bool { return f.shape.compared && hasRecords(f) }

// finding is about a key and those that it has something in common with.
func (sh *shared) finding(f *Facts) check.Finding {
	names := func(list []string) string {
		if n := len(list) - maxNamedShared; n > 0 {
			return strings.Join(list[:maxNamedShared], ", ") + ", …"
		}
		return strings.Join(list, ", ")
	}
	return check.Finding{
		Subject: sh.selector.subject(f), Record: sh.selector.Record, Scope: sh.selector.scope(0),
		Params: check.Params{"Selector": sh.selector.Name, "With": names(sh.with), "Domains": names(sh.domains),
			"Count": len(sh.domains), "Fingerprint": sh.selector.Fingerprint[:16]},
	}
}
