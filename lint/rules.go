package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

type (
	rule     = check.Rule[*Facts]
	refs     = []check.Ref
	variants = []check.Variant
)

// Rules judge what only a file shows, in report order. The audit's own rules
// judge everything else over the what-if.
var Rules = complete(writtenRules, placedRules)

func complete(groups ...[]rule) []rule {
	rules := slices.Concat(groups...)
	for i := range rules {
		rules[i].Standard = check.Lint
	}
	return rules
}

// Metas lists the constant part of every rule, in report order.
func Metas() []*check.Meta {
	metas := make([]*check.Meta, len(Rules))
	for i := range Rules {
		metas[i] = &Rules[i].Meta
	}
	return metas
}

// writtenRules are about how a record is written.
var writtenRules = []rule{
	{
		Meta: check.Meta{
			ID: "lint-data-invalid", Severity: check.Error, Title: "a record whose data cannot be published",
			Variants: variants{{Name: "dot", Severity: check.Error}},
			Refs:     refs{check.RFC(1035, "5.1"), check.RFC(1035, "3.3")},
			Doc: `The value is not what its record type holds: a mail host without a preference, a host name where an address belongs, a
quotation mark that is not closed. The tool that publishes the file stops there, or the DNS host refuses the change, often in
the middle of a run. octoDNS and DNSControl also refuse a target that has dots but does not end in one.

**Fix:** write the value as the type asks for.

Before: ` + "`example.com. MX mail.example.com.`" + `
After: ` + "`example.com. MX 10 mail.example.com.`",
		},
		Run: dataInvalid,
	},
	{
		Meta: check.Meta{
			ID: "lint-semicolon", Severity: check.Error, Title: "a semicolon that cuts the text, or is not written as the file does elsewhere",
			Variants: variants{{Name: "octodns", Severity: check.Error}},
			Refs:     refs{check.RFC(1035, "5.1")},
			Doc: `In a zone file a semicolon outside of quotation marks begins a comment, so the record is published without everything
behind it: of a DMARC record only the version is left. octoDNS wants each semicolon with a backslash unless it is told
otherwise, and stops at one without.

**Fix:** in a zone file, put the text in quotation marks. In octoDNS, write ` + "`\\;`" + ` everywhere, or set ` + "`escaped_semicolons: false`" + ` and
write no backslash anywhere.

Before: ` + "`_dmarc TXT v=DMARC1; p=reject`" + `
After: ` + "`_dmarc TXT \"v=DMARC1; p=reject\"`",
		},
		Run: semicolon,
	},
	{
		Meta: check.Meta{
			ID: "lint-string-long", Severity: check.Error, Title: "a string of more than 255 octets",
			Refs: refs{check.RFC(1035, "3.3"), check.RFC(7208, "3.3")},
			Doc: `A TXT record is made of strings of at most 255 octets each. Name servers refuse to load a zone file with a longer one,
and Route 53 and Google refuse the change. The usual victim is a DKIM key of 2048 bits.

**Fix:** cut the text into several strings of one record. They are joined without a space, so cut anywhere, and leave none out.

Before: ` + "`s1._domainkey TXT \"v=DKIM1; k=rsa; p=MIIBIjANBg…\"` (400 octets in one)" + `
After: ` + "`s1._domainkey TXT ( \"v=DKIM1; k=rsa; p=MIIBIjANBg…\" \"…IDAQAB\" )`",
		},
		Run: stringLong,
	},
	{
		Meta: check.Meta{
			ID: "lint-key-space", Severity: check.Notice, Title: "a space inside a DKIM key",
			Refs: refs{check.RFC(6376, "3.6.1"), check.RFC(6376, "3.6.2.2")},
			Doc: `The strings of a TXT record are joined as they are. A space at the end of one, or a line break that YAML made a space of,
lands in the middle of the key. The standard allows white space there and most verifiers take it out, but not all do, and tools
that compare keys see another one.

**Fix:** let each string end where the next one goes on.

Before: ` + "`\"v=DKIM1; p=MIIBIjAN \" \"BgkqhkiG…\"`" + `
After: ` + "`\"v=DKIM1; p=MIIBIjAN\" \"BgkqhkiG…\"`",
		},
		Run: keySpace,
	},
	{
		Meta: check.Meta{
			ID: "lint-final-dot", Severity: check.Error, Title: "a name without its final dot: the zone is appended to it",
			Variants: variants{{Name: "target", Severity: check.Error}},
			Refs:     refs{check.RFC(1035, "5.1")},
			Doc: `A name in a zone file that does not end in a dot is relative: the zone's name is put behind it. A full name without the dot
therefore ends up with the zone twice, at a name that nobody asks for, or as a target that does not exist.

**Fix:** end full names in a dot, or write only the part before the zone's name.

Before: ` + "`s1._domainkey CNAME s1.domainkey.example.net`" + `
After: ` + "`s1._domainkey CNAME s1.domainkey.example.net.`",
		},
		Run: finalDot,
	},
	{
		Meta: check.Meta{
			ID: "lint-duplicate", Severity: check.Notice, Title: "the same record twice",
			Refs: refs{check.RFC(2181, "5")},
			Doc: `The records of one name and type are a set, so a second copy is dropped. It does no harm until somebody changes one
of the two and leaves the other, and then both are published: two SPF records make SPF fail for every message. Some tools and DNS hosts
refuse a copy outright.

**Fix:** delete one of them.

Before: ` + "`example.com. TXT \"v=spf1 mx -all\"` in two files" + `
After: the record in one file.`,
		},
		Run: duplicate,
	},
	{
		Meta: check.Meta{
			ID: "lint-ttl", Severity: check.Notice, Title: "records of one set with different times to live",
			Variants: variants{{Name: "default", Severity: check.Info}},
			Refs:     refs{check.RFC(2181, "5.2")},
			Doc: `All records of one name and type must have the same TTL. Where they differ, a server or resolver picks one, and others may keep part
of the set longer than the rest: for that time some of the mail hosts are missing from answers. An octoDNS record without a ttl
gets 3600, or whatever default the configuration sets.

**Fix:** give the records of a set one TTL.

Before: ` + "`example.com. 300 MX 10 a.example.com.` and `example.com. 86400 MX 20 b.example.com.`" + `
After: both with 3600.`,
		},
		Run: ttl,
	},
	{
		Meta: check.Meta{
			ID: "lint-not-literal", Severity: check.Info, Title: "a record that only a plan shows",
			Refs: refs{{Doc: "Terraform: JSON output format", URL: "https://developer.hashicorp.com/terraform/internals/json-format"}},
			Doc: `The name, the type or a value of this resource comes from a variable, a function, another resource or a loop. postseal runs no
Terraform and guesses nothing, so the audit uses what DNS says now at that name.

**Fix:** lint the plan instead, in which everything is resolved.

Before: ` + "`postseal lint .`" + `
After: ` + "`terraform plan -out plan && terraform show -json plan | postseal lint --as terraform-json -`",
		},
		Run: notLiteral,
	},
}

func dataInvalid(f *Facts, r *check.Reporter) {
	out := limited{r: r}
	for _, rec := range f.Records {
		switch {
		case rec.Broken != nil:
			data := rec.Data
			if data == "" {
				data = rec.text()
			}
			out.report(rec.finding(check.Params{"Data": data}))
		case rec.NoDot != "":
			fd := rec.finding(check.Params{"Data": rec.NoDot})
			fd.Variant = "dot"
			fd.Fix = &check.Fix{Verb: "dot"}
			out.report(fd)
		}
	}
}

func semicolon(f *Facts, r *check.Reporter) {
	out := limited{r: r}
	for _, rec := range f.Records {
		switch {
		case rec.Cut != "" && (strings.Contains(rec.text(), "=") || tagLike.MatchString(rec.Cut)):
			fd := rec.finding(check.Params{"Kept": rec.text(), "Lost": rec.Cut})
			fd.Fix = &check.Fix{Verb: "quote", Records: []check.RecordChange{{
				Name: rec.Name.FQDN(), Type: "TXT", Old: []string{rec.text()}, New: []string{rec.text() + "; " + rec.Cut}}}}
			out.report(fd)
		case rec.Bare:
			fd := rec.finding(nil)
			fd.Variant = "octodns"
			fd.Fix = &check.Fix{Verb: "octodns"}
			out.report(fd)
		}
	}
}

// cutsItself tells that the tool or host cuts long strings.
func cutsItself(r *Record) bool {
	return r.Format == OctoDNS || r.Format == DNSControl || r.System == "azure" || r.System == "cloudflare"
}

func stringLong(f *Facts, r *check.Reporter) {
	out := limited{r: r}
	for _, rec := range f.Records {
		longest := 0
		for _, s := range rec.Strings {
			longest = max(longest, len(s))
		}
		if longest > 255 && !cutsItself(rec) {
			fd := rec.finding(check.Params{"Octets": longest})
			fd.Fix = &check.Fix{Verb: "cut"}
			out.report(fd)
		}
	}
}

func keySpace(f *Facts, r *check.Reporter) {
	out := limited{r: r}
	for _, rec := range f.Records {
		if rec.Type != dns.TypeTXT || !slices.Contains(rec.Name.Labels(), "_domainkey") {
			continue
		}
		text := rec.text()
		for start, tag := 0, ""; start < len(text); start += len(tag) + 1 {
			tag, _, _ = strings.Cut(text[start:], ";")
			key, value, _ := strings.Cut(tag, "=")
			if strings.TrimSpace(key) == "p" && strings.ContainsAny(strings.TrimSpace(value), " \t\n") {
				at := start + strings.IndexByte(tag, '=') + 1
				inner := strings.IndexAny(strings.TrimLeft(value, " \t\n"), " \t\n") + len(value) - len(strings.TrimLeft(value, " \t\n"))
				fd := rec.finding(nil)
				fd.Span = &check.Span{Start: at + inner, End: at + inner + 1}
				fd.Fix = &check.Fix{Verb: "join"}
				out.report(fd)
			}
		}
	}
}

// commonTLDs are enough to tell a full name; "dev" and "app" are labels, too.
var commonTLDs = []string{"com", "net", "org", "edu", "gov"}

// doubled tells that a name has the zone appended to what was a full name:
// the zone twice, or, where targets lead elsewhere, a common top-level domain
// in front of the zone.
func doubled(n, zone dns.Name, elsewhere bool) (meant dns.Name, ok bool) {
	if zone == "" || zone == dns.Root || n == zone || !n.IsUnder(zone) {
		return "", false
	}
	meant = dns.Name(strings.TrimSuffix(string(n), "."+string(zone)))
	if meant.IsUnder(zone) {
		return meant, true
	}
	labels := meant.Labels()
	return meant, elsewhere && len(labels) >= 2 && slices.Contains(commonTLDs, labels[len(labels)-1])
}

func finalDot(f *Facts, r *check.Reporter) {
	out := limited{r: r}
	for _, rec := range f.Records {
		z := f.zone(rec.Name)
		if z == nil {
			continue
		}
		if meant, ok := doubled(rec.Name, z.Origin, false); ok {
			fd := rec.finding(check.Params{"Meant": meant.FQDN(), "Written": meant.String()})
			fd.Fix = &check.Fix{Verb: "owner"}
			out.report(fd)
			continue
		}
		target := rec.pointee()
		if meant, ok := doubled(target, z.Origin, true); ok && len(f.byName[target]) == 0 && rec.Format == ZoneFile {
			fd := rec.finding(check.Params{"Target": target.FQDN(), "Meant": meant.FQDN()})
			fd.Variant = "target"
			fd.Fix = &check.Fix{Verb: "target"}
			out.report(fd)
		}
	}
}

func duplicate(f *Facts, r *check.Reporter) {
	out := limited{r: r}
	type key struct {
		name dns.Name
		t    dns.Type
		data string
	}
	seen := map[key]*Record{}
	for _, rec := range f.Records {
		if rec.Type == dns.TypeSOA || rec.rec == nil {
			continue
		}
		data := strings.ToLower(rec.rec.Data)
		if rec.Type == dns.TypeTXT {
			data = rec.text()
		}
		k := key{rec.Name, rec.Type, data}
		if firstOne := seen[k]; firstOne != nil {
			if firstOne.At != rec.At { // $GENERATE and loops make copies of one line
				fd := rec.finding(check.Params{"First": firstOne.At.String()})
				fd.Fix = &check.Fix{Verb: "delete"}
				out.report(fd)
			}
			continue
		}
		seen[k] = rec
	}
}

func ttl(f *Facts, r *check.Reporter) {
	out := limited{r: r}
	for _, n := range f.names() {
		seen := map[dns.Type]*Record{}
		told := map[dns.Type]bool{}
		for _, rec := range f.byName[n] {
			have := seen[rec.Type]
			switch {
			case have == nil:
				seen[rec.Type] = rec
				if rec.NoTTL && (rec.Type == dns.TypeMX || rec.Type == dns.TypeTXT) {
					fd := rec.finding(nil)
					fd.Variant = "default"
					out.report(fd)
				}
			case have.TTL != rec.TTL && !told[rec.Type]:
				told[rec.Type] = true
				out.report(rec.finding(check.Params{"One": int(have.TTL), "Other": int(rec.TTL)}))
			}
		}
	}
}

func notLiteral(f *Facts, r *check.Reporter) {
	out := limited{r: r}
	for _, u := range f.Unread {
		subject := f.Domain.String()
		if u.Name != "" {
			subject = u.Name.String()
		}
		params := check.Params{"What": u.What}
		located(params, u.At)
		out.report(check.Finding{Subject: subject, Params: params, Fix: &check.Fix{Verb: "plan"}, Scope: fmt.Sprint(u.At)})
	}
}
