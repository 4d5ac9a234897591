package zone

import (
	"net/url"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// knownTags are those that IANA has registered; an authority need not know more.
var knownTags = map[string]bool{
	"issue": true, "issuewild": true, "iodef": true, "contactemail": true, "contactphone": true, "issuemail": true, "issuevmc": true,
}

// caaRules judge who may issue certificates for mail hosts and the policy host.
var caaRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "caa-missing", Standard: check.MX, Severity: check.Notice,
			Title: "any authority may issue certificates for the mail hosts",
			Refs:  []check.Ref{check.RFC(8659, "3")},
			Doc: `No CAA record stands at these hosts nor at any name above them. Each of the many certification authorities that
programs trust may then issue a certificate for them, and an attacker needs to deceive only the weakest. MTA-STS rests on such
certificates: with a false one, somebody on the path can pose as the policy host and as the mail host.

**Fix:** name the authority that you use, once, at the domain: names below inherit it. Ask the authority which domain to name; whoever
else obtains certificates for names below, as a web host does, has to be named as well.

Before: nothing at example.com.

After:

    example.com.  CAA  0 issue "letsencrypt.org"`,
		},
		Applies: anyCAA, Run: runCAAMissing,
	},
	{
		Meta: check.Meta{
			ID: "caa-lookup-failed", Standard: check.MX, Severity: check.Warning,
			Title:     "the CAA records cannot be looked up",
			CoveredBy: []string{"dnssec-bogus"},
			Refs:      []check.Ref{check.RFC(8659, "3")},
			Doc: `The question for CAA records got no usable answer. An authority must find out that there are none before it issues, so
a renewal fails, and with it the certificate of the mail host some weeks later. A failure seen from one machine proves nothing: it is a
finding only where each authoritative server was asked and failed.

**Fix:** make every name server answer for the type CAA, if only that there is no such record; old servers and load balancers answer
SERVFAIL for types that they do not know.

Before: mx1.example.com CAA -> SERVFAIL
After: mx1.example.com CAA -> no such record`,
		},
		Applies: anyCAA,
		Run: func(f *Facts, r *check.Reporter) {
			for i := range f.CAA.Lookups {
				switch l := &f.CAA.Lookups[i]; {
				case !l.Unknown():
				case l.Error.Authoritative:
					r.Report(atCAA(l, check.Params{"Kind": string(l.Error.Kind)}))
				default:
					r.Unknown(l.Error)
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "caa-syntax", Standard: check.MX, Severity: check.Error,
			Title:    "a CAA record is malformed",
			Variants: []check.Variant{{Name: "flags", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(8659, "4.1"), check.RFC(8659, "4.2")},
			Doc: `An authority reads a value that is not of the form "domain; parameters" as a permission for nobody, and then refuses
to issue. A tag has only letters and digits. Of the flags only 128, "critical", has a meaning; another number, often a 1 that was meant as
"critical", says nothing.

**Fix:** write flags, tag and value as below: no scheme, no path, no comma, one authority a record.

Before:

    example.com.  CAA  0 issue "https://letsencrypt.org"

After:

    example.com.  CAA  0 issue "letsencrypt.org"`,
		},
		Applies: anyCAA,
		Run: eachSet(func(_ *Facts, l *dns.Lookup, r *check.Reporter) {
			for _, rec := range l.Records() {
				find := atRecord(l, &rec)
				switch {
				case rec.CAA == nil:
				case !wellFormed(rec.CAA):
					r.Report(find)
				case rec.CAA.Flags&0x7f != 0:
					find.Variant = "flags"
					r.Report(find)
				}
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "caa-unknown-critical", Standard: check.MX, Severity: check.Error,
			Title: "a critical CAA record that no authority knows",
			Refs:  []check.Ref{check.RFC(8659, "4.1")},
			Doc: `The flag 128 says that an authority that does not know the tag must not issue. No authority knows this one, so none issues
a certificate and the next renewal fails.

**Fix:** correct the tag, or set the flags to 0.

Before:

    example.com.  CAA  128 isue "letsencrypt.org"

After:

    example.com.  CAA  0 issue "letsencrypt.org"`,
		},
		Applies: anyCAA,
		Run: eachSet(func(_ *Facts, l *dns.Lookup, r *check.Reporter) {
			for _, rec := range l.Records() {
				if c := rec.CAA; c != nil && c.Critical() && !knownTags[strings.ToLower(c.Tag)] {
					r.Report(atRecord(l, &rec))
				}
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "caa-blocks-current-ca", Standard: check.MX, Severity: check.Warning,
			Title:     "CAA forbids the authority of the certificate in use",
			CoveredBy: []string{"caa-syntax"},
			Refs:      []check.Ref{check.RFC(8659, "4.2")},
			Doc: `The host shows a certificate of an authority that the CAA records do not let issue. The certificate stays valid; its
renewal fails. It happens after a change of the authority, or when somebody names the web site's authority and forgets the mail host's.

**Fix:** add the authority, or let another one issue the next certificate. The records of the closest name count: one at the host
takes the place of those at the domain.

Before, with a certificate of Let's Encrypt:

    example.com.  CAA  0 issue "digicert.com"

After:

    example.com.  CAA  0 issue "digicert.com"
    example.com.  CAA  0 issue "letsencrypt.org"`,
		},
		Applies: anyCAA, Run: runCAABlocks,
	},
	{
		Meta: check.Meta{
			ID: "caa-no-issue", Standard: check.MX, Severity: check.Warning,
			Title: "CAA records that let every authority issue",
			Refs:  []check.Ref{check.RFC(8659, "4.2")},
			Doc: `CAA records stand here, but none with the tag "issue". Certificates for plain host names are then not restricted at all:
"issuewild" speaks of wildcards only, and "iodef" only says where to complain.

**Fix:** add the authorities that may issue, or ";" for nobody.

Before:

    example.com.  CAA  0 iodef "mailto:security@example.com"

After:

    example.com.  CAA  0 iodef "mailto:security@example.com"
    example.com.  CAA  0 issue "letsencrypt.org"`,
		},
		Applies: anyCAA,
		Run: eachSet(func(_ *Facts, l *dns.Lookup, r *check.Reporter) {
			if len(properties(l, "issue")) == 0 {
				r.Report(atCAA(l, check.Params{}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "caa-issuemail-missing", Standard: check.MX, Severity: check.Info,
			Title: "CAA does not restrict S/MIME certificates",
			Refs:  []check.Ref{check.RFC(9495, "")},
			Doc: `The tag "issue" does not speak of certificates that sign mail in people's names; "issuemail" does. Without it every
authority may issue S/MIME certificates for addresses of the domain. That is optional, and few authorities look for it yet.

**Next:** where nobody uses S/MIME, forbid it.

Before:

    example.com.  CAA  0 issue "letsencrypt.org"

After:

    example.com.  CAA  0 issue "letsencrypt.org"
    example.com.  CAA  0 issuemail ";"`,
		},
		Applies: anyCAA,
		Run: eachSet(func(f *Facts, l *dns.Lookup, r *check.Reporter) {
			if f.Domain.IsUnder(l.Name) && len(properties(l, "issuemail")) == 0 {
				r.Report(atCAA(l, check.Params{}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "caa-issuevmc-missing", Standard: check.MX, Severity: check.Info,
			Title:    "CAA does not restrict mark certificates, or forbids the one in use",
			Variants: []check.Variant{{Name: "blocks", Severity: check.Warning}},
			Refs:     []check.Ref{{Doc: "Minimum Security Requirements for Issuance of Mark Certificates"}},
			Doc: `Authorities that certify logos for BIMI look for the tag "issuevmc" only. Without it each of them may certify a logo for
this domain. Where the tag is there and does not name the authority of the certificate in use, its renewal fails.

**Next:** forbid it where no mark certificate is wanted, or name the authority that issues yours.

Before:

    example.com.  CAA  0 issue "letsencrypt.org"

After:

    example.com.  CAA  0 issue "letsencrypt.org"
    example.com.  CAA  0 issuevmc ";"`,
		},
		Applies: anyCAA,
		Run: eachSet(func(f *Facts, l *dns.Lookup, r *check.Reporter) {
			if !f.Domain.IsUnder(l.Name) {
				return
			}
			mark := f.CAA.Mark
			find := atCAA(l, check.Params{"Issuer": ""})
			switch {
			case len(properties(l, "issuevmc")) == 0:
				r.Report(find)
			case mark != nil && len(mark.Domains) > 0 && !permits(l, mark.Domains, "issuevmc"):
				find.Variant, find.Params["Issuer"] = "blocks", mark.Issuer
				r.Report(find)
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "caa-iodef", Standard: check.MX, Severity: check.Notice,
			Title: "nobody can report to the address in CAA",
			Refs:  []check.Ref{check.RFC(8659, "4.4")},
			Doc: `"iodef" says where an authority reports requests that it refused. It takes a mailto or https address; anything else is
dropped, and over plain http such a report can be read and changed on the way.

**Fix:** write the address as a URL.

Before:

    example.com.  CAA  0 iodef "security@example.com"

After:

    example.com.  CAA  0 iodef "mailto:security@example.com"`,
		},
		Applies: anyCAA,
		Run: eachSet(func(_ *Facts, l *dns.Lookup, r *check.Reporter) {
			for _, rec := range l.Records() {
				if rec.CAA == nil || !strings.EqualFold(rec.CAA.Tag, "iodef") {
					continue
				}
				u, err := url.Parse(rec.CAA.Value)
				if err != nil || !(u.Scheme == "mailto" && strings.Contains(u.Opaque, "@") || u.Scheme == "https" && u.Host != "") {
					r.Report(atRecord(l, &rec))
				}
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "caa-insecure", Standard: check.MX, Severity: check.Info,
			Title:     "CAA records that DNSSEC does not secure",
			CoveredBy: []string{"dnssec-unsigned", "dnssec-bogus"},
			Refs:      []check.Ref{check.RFC(8659, "5")},
			Doc: `Whoever can forge DNS answers on the way to an authority can hide these records from it. Authorities look from several
places and validate signatures where there are any, so signing the zone closes the gap.

**Next:** sign the zone with DNSSEC.

Before: the CAA records come without signatures.
After: they are signed, and an authority refuses what does not validate.`,
		},
		Applies: anyCAA,
		Run: eachSet(func(f *Facts, l *dns.Lookup, r *check.Reporter) {
			if f.insecure(l, r) {
				r.Report(atCAA(l, check.Params{}))
			}
		}),
	},
}

func anyCAA(f *Facts) bool { return len(f.CAA.Hosts) > 0 || f.CAA.Untold != nil }

// eachSet runs a rule over the record sets that hold for some host; where one
// could not be told it is unknown.
func eachSet(run func(*Facts, *dns.Lookup, *check.Reporter)) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		sets, unsure := f.CAA.sets()
		for _, l := range sets {
			run(f, l, r)
		}
		for _, err := range unsure {
			r.Unknown(err)
		}
	}
}

func runCAAMissing(f *Facts, r *check.Reporter) {
	var hosts, domains []string
	told := true // the authority of every host is known
	for _, h := range f.CAA.Hosts {
		l, err := f.CAA.set(h.Name)
		switch {
		case err != nil:
			r.Unknown(err)
		case l == nil:
			hosts = append(hosts, h.Name.String())
			if h.Served == nil || len(h.Served.Domains) == 0 || !h.Name.IsUnder(f.Domain) {
				told = false
				continue
			}
			value := "0 issue \"" + h.Served.Domains[0] + "\""
			if !slices.Contains(domains, value) {
				domains = append(domains, value)
			}
		}
	}
	for _, err := range f.CAA.unsure() {
		r.Unknown(err)
	}
	if len(hosts) == 0 {
		return
	}
	find := check.Finding{Subject: f.Domain.String(), Scope: f.Domain.String(), Params: check.Params{
		"Domain": f.Domain.String(), "Hosts": strings.Join(hosts, ", ")}}
	if told {
		find.Fix = &check.Fix{Records: []check.RecordChange{{Name: f.Domain.FQDN(), Type: "CAA", Old: []string{}, New: domains}}}
	}
	r.Report(find)
}

func runCAABlocks(f *Facts, r *check.Reporter) {
	for _, h := range f.CAA.Hosts {
		if h.Served == nil || len(h.Served.Domains) == 0 {
			continue // no certificate seen, or of an authority that we cannot name
		}
		at, tags := h.Name, []string{"issue"}
		if h.Served.Wildcard { // RFC 8659 §4.3: issuewild comes first, and the climb begins above the asterisk
			at, tags = h.Name.Parent(), []string{"issuewild", "issue"}
		}
		l, err := f.CAA.set(at)
		if err != nil {
			r.Unknown(err)
			continue
		}
		if l == nil || permits(l, h.Served.Domains, tags...) {
			continue
		}
		find := atCAA(l, check.Params{"Host": h.Name.String(), "Issuer": h.Served.Issuer, "Domains": strings.Join(h.Served.Domains, ", ")})
		find.Subject = h.Name.String()
		var old []string
		for _, rec := range l.Records() {
			// Nobody and somebody do not stand side by side.
			if rec.CAA == nil || !strings.EqualFold(rec.CAA.Tag, "issue") || strings.TrimSpace(rec.CAA.Value) != ";" {
				continue
			}
			old = append(old, rec.Data)
		}
		if old == nil {
			old = []string{}
		}
		if !h.Served.Wildcard && len(l.Answer.Chain) == 0 {
			find.Fix = &check.Fix{Records: []check.RecordChange{{Name: l.Name.FQDN(), Type: "CAA", Old: old,
				New: []string{"0 issue \"" + h.Served.Domains[0] + "\""}}}}
		}
		r.Report(find)
	}
	for _, err := range f.CAA.unsure() {
		r.Unknown(err)
	}
}

// wellFormed holds a record to the grammar of its tag (RFC 8659 §4.1 to §4.3,
// RFC 9495 §3); tags that are not known have a value of any form.
func wellFormed(c *dns.CAA) bool {
	for _, b := range []byte(c.Tag) {
		if (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9') {
			return false
		}
	}
	switch strings.ToLower(c.Tag) {
	case "issue", "issuewild", "issuemail", "issuevmc":
		_, ok := issuer(c.Value)
		return ok
	}
	return c.Tag != ""
}

func atCAA(l *dns.Lookup, params check.Params) check.Finding {
	params["Name"] = l.Name.String()
	return check.Finding{Subject: l.Name.String(), Scope: l.Name.String(), Params: params}
}

func atRecord(l *dns.Lookup, rec *dns.Record) check.Finding {
	find := atCAA(l, check.Params{"Record": rec.Data, "Tag": "", "Value": "", "Flags": 0})
	if c := rec.CAA; c != nil {
		find.Params["Tag"], find.Params["Value"], find.Params["Flags"] = c.Tag, c.Value, int(c.Flags)
	}
	find.Record = rec.Data
	return find
}

// insecure tells whether an answer is known to be without DNSSEC; where that
// cannot be told the rule is unknown.
func (f *Facts) insecure(l *dns.Lookup, r *check.Reporter) bool {
	a := l.Answer
	switch {
	case a == nil || a.AD:
	case f.Unvalidated != nil:
		r.Unknown(f.Unvalidated)
	case !a.Trusted:
		r.Unknown(check.Cause{Code: "dnssec-resolver-not-trusted", Params: check.Params{"Domain": l.Name.String(), "Server": a.Server}})
	default:
		return true
	}
	return false
}
