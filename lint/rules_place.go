package lint

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/provider"
)

// placedRules are about where records stand, and beside what.
var placedRules = []rule{
	{
		Meta: check.Meta{
			ID: "lint-dmarc-name", Severity: check.Error, Title: "a DMARC record at a name that nobody asks for one",
			Variants: variants{{Name: "shared", Severity: check.Info}},
			Refs:     refs{check.RFC(9989, "4.5")},
			Doc: `The text is a DMARC record, but the name does not begin with ` + "`_dmarc`" + `. Receivers ask there and nowhere else, so this policy does
not exist for them, although the file and a search for "DMARC1" say that it does. A name that aliases lead to is read through them;
one with an underscore in front is taken to be kept for aliases in other zones.

**Fix:** move it to ` + "`_dmarc`" + ` in front of the domain that it is for, or delete it.

Before: ` + "`dmarc.example.com. TXT \"v=DMARC1; p=reject\"`" + `
After: ` + "`_dmarc.example.com. TXT \"v=DMARC1; p=reject\"`",
		},
		Run: dmarcName,
	},
	{
		Meta: check.Meta{
			ID: "lint-spf-multiple", Severity: check.Error, Title: "two SPF records at a name that others include",
			Refs: refs{check.RFC(7208, "4.5"), check.RFC(7208, "5.2")},
			Doc: `A name may have one SPF record. With two, whoever includes it or sends with it gets a permanent error, and the SPF of every domain
that includes it fails with it.

**Fix:** make one record of the two.

Before: ` + "`_spf TXT \"v=spf1 ip4:192.0.2.1 -all\"` and `_spf TXT \"v=spf1 ip4:192.0.2.2 -all\"`" + `
After: ` + "`_spf TXT \"v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 -all\"`",
		},
		Run: spfMultiple,
	},
	{
		Meta: check.Meta{
			ID: "lint-cname-and-other", Severity: check.Error, Title: "other records beside a CNAME",
			Variants: variants{{Name: "two", Severity: check.Error}},
			Refs:     refs{check.RFC(1034, "3.6.2"), check.RFC(2181, "10.1")},
			Doc: `Where a name has a CNAME, it may have no other record, and only one CNAME. Name servers refuse such a zone or
drop one side; resolvers answer with whichever they asked for first. TXT and MX records beside a CNAME are lost to most senders.

**Fix:** keep the CNAME and delete the others, or put the target's records in the place of the CNAME.

Before: ` + "`news CNAME esp.example.net.` and `news TXT \"v=spf1 -all\"`" + `
After: ` + "`news CNAME esp.example.net.`",
		},
		Run: cnameAndOther,
	},
	{
		Meta: check.Meta{
			ID: "lint-wildcard-dmarc", Severity: check.Warning, Title: "a wildcard answers where the DMARC record would be",
			Refs: refs{check.RFC(4592, "3.3.1"), check.RFC(9989, "4.5")},
			Doc: `The domain has no ` + "`_dmarc`" + ` record, and a wildcard below it has TXT records or is an alias. The question for the policy is answered from
there: with text that is no policy, or with what an alias's owner publishes, which then speaks for this domain.

**Fix:** publish a DMARC record. A name that exists is not answered by the wildcard.

Before: ` + "`*.example.com. CNAME hosting.example.net.`" + `
After: the same, and ` + "`_dmarc.example.com. TXT \"v=DMARC1; p=none; rua=mailto:dmarc@example.com\"`",
		},
		Run: wildcardDMARC,
	},
	{
		Meta: check.Meta{
			ID: "lint-domainkey-orphan", Severity: check.Info, Title: "a DKIM key for a name that has nothing else",
			Refs: refs{check.RFC(6376, "3.6.2.1")},
			Doc: `The key belongs to a domain that has no other record in this zone: no address, no mail host, no SPF. Mail may be signed as a name
that does not exist otherwise, but most often the key is left from a service that is gone, or a label too many was typed.

**Fix:** delete the key if nobody signs with it; move it if the name was mistyped.

Before: ` + "`s1._domainkey.old.example.com. TXT \"v=DKIM1; p=…\"`, and nothing else at old.example.com" + `
After: the record is gone, or stands at ` + "`s1._domainkey.example.com.`",
		},
		Run: domainkeyOrphan,
	},
	{
		Meta: check.Meta{
			ID: "lint-provider-left", Severity: check.Notice, Title: "SPF still lets a former mailbox provider send",
			Refs: refs{check.RFC(7208, "11.4")},
			Doc: `SPF includes a provider of mailboxes, but the mail hosts are those of another one, and nothing else in the files
points to the first: no key, no verification. Records that stay when a provider is dropped let all of its customers pass SPF as this
domain, and cost look-ups.

**Fix:** if the provider sends no mail for the domain any more, take its include out. If it does, nothing is wrong.

Before: ` + "`v=spf1 include:spf.protection.outlook.com include:_spf.google.com -all`, with mail hosts of Google" + `
After: ` + "`v=spf1 include:_spf.google.com -all`",
		},
		Run: providerLeft,
	},
	{
		Meta: check.Meta{
			ID: "lint-mx-wildcard-no-spf", Severity: check.Notice, Title: "a wildcard takes mail for names without SPF",
			Refs: refs{check.RFC(4592, "2.2.1"), check.RFC(7208, "10.1")},
			Doc: `Every name below the domain takes mail, by a wildcard MX, so every one of them looks like a mail domain, and none has an SPF
record. The domain's own record does not reach below it. Anyone can send as any of these names, unless a DMARC policy
for subdomains refuses it.

**Fix:** publish an SPF record at the same wildcard; ` + "`v=spf1 -all`" + ` where the names only take mail.

Before: ` + "`*.example.com. MX 10 mail.example.com.`" + `
After: the same, and ` + "`*.example.com. TXT \"v=spf1 -all\"`",
		},
		Run: wildcardMX,
	},
}

func dmarcName(f *Facts, r *check.Reporter) {
	out := limited{r: r}
	for _, rec := range f.Records {
		if rec.Type != dns.TypeTXT || !isDMARC(rec.text()) {
			continue
		}
		labels := rec.Name.Labels()
		// RFC 9990: consent to take another domain's reports.
		report := slices.Contains(labels, "_report")
		if len(labels) == 0 || labels[0] == "_dmarc" || report {
			continue
		}
		if slices.ContainsFunc(f.set.records(), func(a *Record) bool { return a.Type == dns.TypeCNAME && a.pointee() == rec.Name }) {
			continue
		}
		fd := rec.finding(nil)
		if strings.HasPrefix(labels[0], "_") {
			fd.Variant = "shared"
		}
		out.report(fd)
	}
}

func spfMultiple(f *Facts, r *check.Reporter) {
	out := limited{r: r}
	for _, n := range f.names() {
		if f.audited(n) {
			continue // spf-multiple-records says it
		}
		count := 0
		texts := []string{}
		var second *Record
		for _, rec := range f.at(n, dns.TypeTXT) {
			if isSPF(rec.text()) && !slices.Contains(texts, rec.text()) {
				texts = append(texts, rec.text())
				if count++; count == 2 {
					second = rec
				}
			}
		}
		if second != nil {
			out.report(second.finding(check.Params{"Count": count}))
		}
	}
}

func cnameAndOther(f *Facts, r *check.Reporter) {
	out := limited{r: r}
	for _, n := range f.names() {
		aliases := f.at(n, dns.TypeCNAME)
		if len(aliases) == 0 || f.flattens(n, aliases[0]) {
			continue
		}
		var others []string
		for _, rec := range f.byName[n] {
			// RFC 4035 §2.5: what DNSSEC needs may stand beside it.
			if t := rec.Type; t != dns.TypeCNAME && t != dns.TypeNSEC && t.String() != "RRSIG" && !slices.Contains(others, t.String()) {
				others = append(others, t.String())
			}
		}
		differ := slices.ContainsFunc(aliases, func(a *Record) bool { return a.pointee() != aliases[0].pointee() })
		fd := aliases[0].finding(check.Params{"Others": strings.Join(others, ", ")})
		switch {
		case len(others) > 0:
			out.report(fd)
		case differ:
			fd.Variant = "two"
			out.report(fd)
		}
	}
}

// flattens tells that a host makes addresses of an alias at the apex.
func (f *Facts) flattens(n dns.Name, alias *Record) bool {
	z := f.zone(n)
	return alias.System == "cloudflare" && z != nil && z.Origin == n
}

func wildcardDMARC(f *Facts, r *check.Reporter) {
	name := f.Domain.Child("_dmarc")
	if len(f.byName[name]) > 0 {
		return
	}
	// A name that exists, if only for those below it, is not the wildcard's.
	for n := range f.byName {
		if n.IsUnder(name) {
			return
		}
	}
	star := f.Domain.Child("*")
	for _, rec := range f.byName[star] {
		if rec.Type == dns.TypeCNAME || rec.Type == dns.TypeTXT && !isDMARC(rec.text()) {
			fd := rec.finding(check.Params{"Policy": name.FQDN()})
			fd.Subject = name.String()
			r.Report(fd)
			return
		}
	}
}

func domainkeyOrphan(f *Facts, r *check.Reporter) {
	out := limited{r: r}
	told := map[dns.Name]bool{}
	for _, rec := range f.Records {
		labels := rec.Name.Labels()
		i := slices.Index(labels, "_domainkey")
		if i < 1 || labels[0] == "*" || rec.Type != dns.TypeTXT && rec.Type != dns.TypeCNAME || i+1 >= len(labels) {
			continue
		}
		base := dns.Name(strings.Join(labels[i+1:], "."))
		z := f.zone(rec.Name)
		if z == nil || !z.Complete || base == z.Origin || told[base] || f.exists(base) {
			continue
		}
		told[base] = true
		out.report(rec.finding(check.Params{"Domain": base.FQDN()}))
	}
}

// exists tells that a name, or one below it, has a record that is no DKIM key;
// a wildcard that covers it counts.
func (f *Facts) exists(n dns.Name) bool {
	if len(f.byName[n]) > 0 || len(f.byName[n.Parent().Child("*")]) > 0 {
		return true
	}
	for other := range f.byName {
		if other != n && other.IsUnder(n) && !slices.Contains(other.Labels(), "_domainkey") {
			return true
		}
	}
	return false
}

// forwarders take mail in for mailboxes elsewhere, whose provider then sends.
var forwarders = []string{"forwardemail", "improvmx", "cloudflare"}

func providerLeft(f *Facts, r *check.Reporter) {
	var mailboxes []*provider.Provider
	for _, rec := range f.at(f.Domain, dns.TypeMX) {
		p := provider.ByMX(rec.pointee())
		if p == nil || p.Kind != provider.Mailbox || slices.Contains(forwarders, p.ID) {
			return // behind a gateway, a forwarder or a host of one's own, anybody may keep the mailboxes
		}
		mailboxes = append(mailboxes, p)
	}
	if len(mailboxes) == 0 {
		return
	}
	for _, rec := range f.at(f.Domain, dns.TypeTXT) {
		text := rec.text()
		if !isSPF(text) {
			continue
		}
		for start := 0; start < len(text); {
			term, _, _ := strings.Cut(text[start:], " ")
			span := check.Span{Start: start, End: start + len(term)}
			start += len(term) + 1
			target, ok := strings.CutPrefix(strings.ToLower(strings.TrimLeft(term, "+?~-")), "include:")
			if !ok {
				continue
			}
			p := provider.BySPF(dns.FromText(target))
			if p == nil || p.Kind != provider.Mailbox || slices.Contains(mailboxes, p) || f.trace(p) {
				continue
			}
			fd := rec.finding(check.Params{"Provider": p.Name, "Mailboxes": mailboxes[0].Name, "Term": term})
			fd.Span = &span
			fd.Fix = &check.Fix{Verb: "delete"}
			r.Report(fd)
		}
	}
}

// trace tells that something besides SPF points to a provider.
func (f *Facts) trace(p *provider.Provider) bool {
	for _, rec := range f.set.records() {
		if !rec.Name.IsUnder(f.Domain) {
			continue
		}
		labels := rec.Name.Labels()
		switch {
		case rec.Type == dns.TypeMX && provider.ByMX(rec.pointee()) == p,
			rec.Type == dns.TypeCNAME && provider.ByDKIMTarget(rec.pointee()) == p:
			return true
		case len(labels) > 1 && labels[1] == "_domainkey" && slices.Contains(p.Selectors, labels[0]):
			return true
		case rec.Type == dns.TypeTXT && rec.Name == f.Domain:
			text := strings.ToLower(rec.text())
			if slices.ContainsFunc(p.TXT, func(t string) bool { return strings.HasPrefix(text, t) }) {
				return true
			}
		case p.ID == "microsoft365" && labels[0] == "autodiscover":
			return true
		}
	}
	return false
}

func wildcardMX(f *Facts, r *check.Reporter) {
	out := limited{r: r}
	for _, n := range f.names() {
		if labels := n.Labels(); len(labels) == 0 || labels[0] != "*" {
			continue
		}
		hosts := f.at(n, dns.TypeMX)
		if len(hosts) == 0 || slices.ContainsFunc(f.at(n, dns.TypeTXT), func(t *Record) bool { return isSPF(t.text()) }) {
			continue
		}
		if hosts[0].pointee() == dns.Root {
			continue // RFC 7505: it takes none
		}
		fd := hosts[0].finding(nil)
		fd.Fix = &check.Fix{Verb: "publish", Records: []check.RecordChange{{Name: n.FQDN(), Type: "TXT", Old: []string{}, New: []string{"v=spf1 -all"}}}}
		out.report(fd)
	}
}
