package zone

import (
	"slices"

	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// srvRules judge what mail programs are told of the domain's services.
var srvRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "srv-submissions-missing", Standard: check.MX, Severity: check.Info,
			Title:    "mail programs are not told where to submit over TLS",
			Variants: []check.Variant{{Name: "submission", Severity: check.Notice}},
			Refs:     []check.Ref{check.RFC(8314, "5.1")},
			Doc: `No SRV record at _submissions._tcp says where people hand in their mail over TLS from the first byte (port 465). Mail
programs then guess names and ports, or ask. Where _submission (port 587, TLS by STARTTLS) is announced, they take that, although port
465 is what RFC 8314 recommends.

**Next:** publish the record where the server takes mail on port 465; publish the target "." where nobody submits mail.

Before: nothing at _submissions._tcp.example.com.

After:

    _submissions._tcp.example.com.  SRV  0 1 465 mail.example.com.`,
		},
		Applies: takesMail,
		Run: func(f *Facts, r *check.Reporter) {
			implicit, starttls := f.SRV.service("_submissions"), f.SRV.service("_submission")
			switch {
			case implicit.Lookup.Unknown():
				r.Unknown(implicit.Lookup.Error)
			case !implicit.Lookup.Absent():
			case starttls.Lookup.Unknown():
				r.Unknown(starttls.Lookup.Error)
			case starttls.declined():
			default:
				find := f.onService(implicit, nil)
				if len(starttls.offers()) > 0 {
					find.Variant = "submission"
				}
				r.Report(find)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "srv-target-no-address", Standard: check.MX, Severity: check.Error,
			Title: "a service leads to a host without an address",
			Refs:  []check.Ref{check.RFC(2782, "")},
			Doc: `An SRV record names a host that DNS has no address for. Mail programs that follow it cannot connect, and tell people
that their settings are wrong.

**Fix:** correct the name, or give it an address. A service that is not offered has the target ".".

Before:

    _imaps._tcp.example.com.  SRV  0 1 993 old-mail.example.com.   (no such host)

After:

    _imaps._tcp.example.com.  SRV  0 1 993 mail.example.com.`,
		},
		Applies: takesMail,
		Run: eachTarget(func(f *Facts, v *Service, rec *dns.Record, t *Target, r *check.Reporter) {
			switch {
			case t == nil: // a name that cannot be asked leads nowhere
				r.Report(f.onService(v, rec))
			case t.A.Found() || t.AAAA.Found():
			case t.A.Unknown():
				r.Unknown(t.A.Error)
			case t.AAAA.Unknown():
				r.Unknown(t.AAAA.Error)
			default:
				r.Report(f.onService(v, rec))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "srv-target-cname", Standard: check.MX, Severity: check.Warning,
			Title:     "a service leads to an alias",
			CoveredBy: []string{"srv-target-no-address"},
			Refs:      []check.Ref{check.RFC(2782, "")},
			Doc: `The target of an SRV record must have addresses of its own and be no alias. Some mail programs do not follow it, and
those that do may hold the server's certificate to the wrong name.

**Fix:** name the host that the alias leads to, if its certificate has that name.

Before:

    _imaps._tcp.example.com.  SRV    0 1 993 imap.example.com.
    imap.example.com.         CNAME  host7.provider.example.

After:

    _imaps._tcp.example.com.  SRV    0 1 993 host7.provider.example.`,
		},
		Applies: takesMail,
		Run: eachTarget(func(f *Facts, v *Service, rec *dns.Record, t *Target, r *check.Reporter) {
			if t == nil {
				return
			}
			for _, l := range []*dns.Lookup{&t.A, &t.AAAA} {
				if l.Answer != nil && len(l.Answer.Chain) > 0 {
					find := f.onService(v, rec)
					find.Params["Target"] = l.Answer.Owner().String()
					r.Report(find)
					return
				}
			}
			if t.A.Unknown() && t.AAAA.Unknown() {
				r.Unknown(t.A.Error)
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "srv-port-unusual", Standard: check.MX, Severity: check.Notice,
			Title: "a mail service on an unusual port",
			Refs:  []check.Ref{check.RFC(6186, "3"), check.RFC(8314, "")},
			Doc: `The SRV record names another port than the one that everybody uses for the service. Firewalls of hotels and companies
let only the usual ports through, and programs tell by the port whether TLS begins at once.

**Fix:** offer the service on its own port: submissions 465, submission 587, imaps 993, imap 143, pop3s 995, pop3 110.

Before:

    _submissions._tcp.example.com.  SRV  0 1 2465 mail.example.com.

After:

    _submissions._tcp.example.com.  SRV  0 1 465 mail.example.com.`,
		},
		Applies: takesMail,
		Run: eachService(func(f *Facts, v *Service, r *check.Reporter) {
			for _, rec := range v.offers() {
				if rec.SRV.Port != v.Port {
					r.Report(f.onService(v, &rec))
				}
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "srv-cleartext-only", Standard: check.MX, Severity: check.Warning,
			Title: "mail programs are sent to a service that begins in clear text",
			Refs:  []check.Ref{check.RFC(8314, "4.1")},
			Doc: `SRV records announce IMAP or POP3 without TLS from the first byte and do not announce the form with it. A program that
follows them begins in clear text; where it is not told to insist on STARTTLS, somebody on the path takes the offer away and reads the
password. RFC 8314 asks for TLS at once.

**Fix:** announce the service with TLS, and say of the other one that it is not offered.

Before:

    _imap._tcp.example.com.   SRV  0 1 143 mail.example.com.

After:

    _imaps._tcp.example.com.  SRV  0 1 993 mail.example.com.
    _imap._tcp.example.com.   SRV  0 0 0 .`,
		},
		Applies: takesMail,
		Run: func(f *Facts, r *check.Reporter) {
			for _, pair := range [][2]string{{"_imap", "_imaps"}, {"_pop3", "_pop3s"}} {
				clear, tls := f.SRV.service(pair[0]), f.SRV.service(pair[1])
				switch {
				case clear.Lookup.Unknown():
					r.Unknown(clear.Lookup.Error)
				case len(clear.offers()) == 0 || len(tls.offers()) > 0:
				case f.SRV.tlsOpen(clear, tls.Port):
				case tls.Lookup.Unknown():
					r.Unknown(tls.Lookup.Error)
				default:
					find := f.onService(clear, nil)
					find.Params["Better"] = tls.Lookup.Name.String()
					r.Report(find)
				}
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "srv-not-offered", Standard: check.MX, Severity: check.Info,
			Title: "a service is said not to be offered",
			Refs:  []check.Ref{check.RFC(6186, "3.4")},
			Doc: `The target of the SRV record is ".". That is a clear statement: the domain does not offer this service, and mail programs
need not look for it. It is no host without an address, and nothing is to be done.

Before: nothing, and programs try names at random.

After:

    _pop3._tcp.example.com.  SRV  0 0 0 .`,
		},
		Applies: takesMail,
		Run: eachService(func(f *Facts, v *Service, r *check.Reporter) {
			if v.declined() {
				r.Report(f.onService(v, nil))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "srv-insecure", Standard: check.MX, Severity: check.Info,
			Title:     "SRV records that DNSSEC does not secure",
			CoveredBy: []string{"dnssec-unsigned", "dnssec-bogus"},
			Refs:      []check.Ref{check.RFC(6186, "6")},
			Doc: `Whoever forges the answer can send a mail program, and the password with it, to another host. Programs must therefore
ask people before they use a host in another domain, unless the answer is signed.

**Next:** sign the zone with DNSSEC, or name hosts in the domain itself.

Before: the SRV records come without signatures.
After: they are signed.`,
		},
		Applies: takesMail,
		Run: func(f *Facts, r *check.Reporter) {
			for _, v := range f.SRV.Services {
				if len(v.offers()) > 0 && f.insecure(&v.Lookup, r) {
					r.Report(check.Finding{Subject: f.Domain.Child("_tcp").String(), Scope: f.Domain.String(), Params: check.Params{"Domain": f.Domain.String()}})
					return // one zone, one finding
				}
			}
			for _, v := range f.SRV.Services {
				if v.Lookup.Unknown() {
					r.Unknown(v.Lookup.Error)
				}
			}
		},
	},
}

// takesMail tells whether people have mailboxes here, whose programs ask.
func takesMail(f *Facts) bool { return f.Profile.Receives() }

// eachService runs a rule over the services; one that could not be looked up is unknown.
func eachService(run func(*Facts, *Service, *check.Reporter)) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		for _, v := range f.SRV.Services {
			if v.Lookup.Unknown() {
				r.Unknown(v.Lookup.Error)
				continue
			}
			run(f, v, r)
		}
	}
}

// eachTarget runs a rule over the hosts that services name, with nil for a name
// that cannot be asked.
func eachTarget(run func(*Facts, *Service, *dns.Record, *Target, *check.Reporter)) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		eachService(func(f *Facts, v *Service, r *check.Reporter) {
			for _, rec := range v.offers() {
				var target *Target
				for _, t := range f.SRV.Targets {
					if t.Host == rec.Host {
						target = t
					}
				}
				if target == nil && rec.Host.Check() == nil {
					continue // beyond the cap
				}
				run(f, v, &rec, target, r)
			}
		})(f, r)
		if f.SRV.Over > 0 {
			r.Unknown(check.Cause{Code: "srv-over", Params: check.Params{"Asked": maxTargets, "Over": f.SRV.Over}})
		}
	}
}

// onService is a finding about a service, and one of its records if given.
func (f *Facts) onService(v *Service, rec *dns.Record) check.Finding {
	find := check.Finding{Subject: v.Lookup.Name.String(), Scope: v.Lookup.Name.String(), Params: check.Params{
		"Name": v.Lookup.Name.String(), "Domain": f.Domain.String(), "Service": strings.TrimPrefix(v.Name, "_"),
		"Usual": int(v.Port), "Host": "", "Port": 0, "Target": "", "Better": "",
	}}
	if rec != nil {
		find.Params["Host"], find.Params["Port"] = rec.Host.String(), int(rec.SRV.Port)
		find.Record = rec.Data
	}
	return find
}

// tlsOpen tells whether every host of a service was seen to offer it with TLS
// from the first octet, too.
func (s *SRV) tlsOpen(v *Service, port uint16) bool {
	return !slices.ContainsFunc(v.offers(), func(rec dns.Record) bool {
		return !slices.Contains(s.TLS[rec.Host], port)
	})
}
