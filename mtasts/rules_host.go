package mtasts

import (
	"fmt"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/fetch"
	"github.com/postseal/postseal/internal/registration"
)

// Rules over the policy host: its name, its addresses, its TLS.
var hostRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "mtasts-policy-host-missing", Standard: check.MTASTS, Severity: check.Error,
			Title: "the policy host has no address", Refs: rfc("3.3"),
			Doc: `The record promises a policy, but ` + "`mta-sts.<domain>`" + ` has neither an A nor an AAAA record, so no
sender can fetch it. Mail still flows, without protection and without a sign of it.

Create the name. One address family is enough; an alias of a web server or of a provider's host is fine as
long as its certificate names ` + "`mta-sts.<domain>`" + `.

    before: mta-sts.example.com (no such name)
    after:  mta-sts.example.com. CNAME www.example.com.`,
		},
		Applies: applies(stageHost),
		Run: judge(stageHost, func(f *Facts, r *check.Reporter) {
			if f.HostA.Absent() && f.HostAAAA.Absent() && f.recordValid() && !f.hostDangles() {
				r.Report(f.atHost(check.Params{"Host": PolicyHost(f.Domain).String(), "State": string(f.HostA.State)}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-host-dangling", Standard: check.MTASTS, Severity: check.Error,
			Variants: []check.Variant{{Name: "unregistered", Severity: check.Error}},
			Title:    "the policy host is an alias of a name that does not exist",
			Refs:     []check.Ref{check.RFC(8461, "8.2"), check.RFC(8461, "10.3")},
			Doc: `` + "`mta-sts.<domain>`" + ` points to a name that is gone. Today no sender gets a policy. Tomorrow whoever
claims the target, an expired domain or a freed name at a hosting service, can obtain a certificate for your
policy host and serve a policy that sends your mail nowhere, for up to a year in senders' caches.

    before: mta-sts.example.com. CNAME example-com.gone-provider.example.
    after:  mta-sts.example.com. CNAME www.example.com.`,
		},
		Applies: from(stageHost).Applies, // a domain without mail can be spoken for as well
		Run: judge(stageHost, func(f *Facts, r *check.Reporter) {
			target, ok := registration.Dangling(&f.HostA)
			if !ok || !f.hostDangles() {
				return
			}
			finding := f.atHost(check.Params{"Host": PolicyHost(f.Domain).String(), "Target": target.String(), "Registrable": registration.Domain(target).String()})
			if f.unregistered(target) {
				finding.Variant = "unregistered"
			}
			finding.Fix = &check.Fix{Records: []check.RecordChange{{Name: PolicyHost(f.Domain).FQDN(), Type: "CNAME",
				Old: []string{f.HostA.Answer.Chain[0].FQDN()}, New: []string{}}}}
			r.Report(finding)
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-host-special-address", Standard: check.MTASTS, Severity: check.Error,
			Variants: []check.Variant{{Name: "some", Severity: check.Warning}},
			Title:    "the policy host has an address that the Internet does not route",
			Refs:     []check.Ref{check.RFC(8461, "3.3"), check.RFC(6890, "")},
			Doc: `The address belongs to a block set aside for private networks, documentation or the like. Senders
elsewhere cannot reach it, so for them there is no policy. It was not contacted from here either.

Often the internal view of a split DNS has leaked into the public one.

    before: mta-sts.example.com. A 10.0.0.5
    after:  mta-sts.example.com. A <the public address of the web server>`,
		},
		Applies: applies(stageHost),
		Run: judge(stageHost, func(f *Facts, r *check.Reporter) {
			if f.Fetch == nil || f.Fetch.Error == ErrOffline {
				if _, cause := f.at(stageConnect); cause != nil {
					r.Unknown(cause)
				}
				return
			}
			var special []string
			for _, at := range f.Fetch.Attempts {
				if at.Error == ErrSpecial {
					special = append(special, fmt.Sprintf("%s (%s)", at.Addr, at.Detail))
				}
			}
			if len(special) == 0 {
				f.oneFamily(r)
				return
			}
			finding := f.atHost(check.Params{"Host": PolicyHost(f.Domain).String(), "Addresses": special})
			if f.Fetch.Error != ErrSpecial {
				finding.Variant = "some"
			}
			r.Report(finding)
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-connect-failed", Standard: check.MTASTS, Severity: check.Error,
			Variants: []check.Variant{{Name: "tls", Severity: check.Error}, {Name: "headers", Severity: check.Error}, {Name: "http", Severity: check.Error}},
			Title:    "the policy host does not answer HTTPS", Refs: rfc("3.3"),
			Doc: `No HTTP answer was to be had from the policy host: it refused or reset the connection on port 443,
broke off the TLS handshake, or sent something that is not HTTP. For a sender without a cached policy the
domain then has no MTA-STS. Silence is not counted here, because it can be caused on the way.

    before: mta-sts.example.com:443 -> connection refused
    after:  mta-sts.example.com:443 -> TLS 1.3, HTTP 200`,
		},
		Applies: applies(stageConnect),
		Run: judge(stageConnect, func(f *Facts, r *check.Reporter) {
			finding := f.atServer(check.Params{"Detail": f.Fetch.Detail})
			switch f.Fetch.Error {
			case ErrConnect:
			case ErrTLS, ErrHeaders, ErrHTTP:
				finding.Variant = f.Fetch.Error
			default:
				return
			}
			r.Report(finding)
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-ipv6-broken", Standard: check.MTASTS, Severity: check.Notice,
			Title: "the policy host refuses IPv6 but answers IPv4", Refs: rfc("3.3"),
			Doc: `The policy host has an IPv6 address that refuses connections while IPv4 works. Senders that try
IPv6 first lose time or give up. Mostly the web server listens on IPv4 only.

Let the server listen on both, or drop the AAAA record.

    before: listen 443 ssl;
    after:  listen 443 ssl; listen [::]:443 ssl;`,
		},
		Applies: func(f *Facts) bool { return applies(stageConnect)(f) && !f.HostAAAA.Absent() },
		Run:     judge(stageConnect, runIPv6),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-tls-version", Standard: check.MTASTS, Severity: check.Error,
			Title: "the policy host speaks only TLS 1.0 or 1.1", Refs: []check.Ref{check.RFC(9325, "3.1.1"), check.RFC(8461, "3.3")},
			Doc: `The policy host does not negotiate TLS 1.2 or 1.3. MTA-STS itself names no version for the HTTPS
side, but TLS 1.0 and 1.1 are forbidden by RFC 8996 and current senders' libraries refuse them, so the policy
is not fetched.

    before: ssl_protocols TLSv1;
    after:  ssl_protocols TLSv1.2 TLSv1.3;`,
		},
		Applies: applies(stageConnect),
		Run: judge(stageConnect, func(f *Facts, r *check.Reporter) {
			if f.Fetch.Error == ErrTLSVersion {
				r.Report(f.atServer(check.Params{"Detail": f.Fetch.Detail}))
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-cert-untrusted", Standard: check.MTASTS, Severity: check.Error,
			Title: "the policy host's certificate is not trusted", Refs: rfc("3.3"),
			Doc: `The certificate does not lead to a root that is trusted here. Senders must then treat the policy
as not fetched. The usual cause is an intermediate certificate that the server does not send: browsers fetch or
remember it, mail servers do not.

    before: ssl_certificate cert.pem;
    after:  ssl_certificate fullchain.pem;`,
		},
		Applies: applies(stageCert),
		Run: certRule(VerdictUntrusted, func(f *Facts) check.Params {
			return check.Params{"Issuer": f.Fetch.Certificate.Issuer, "Detail": f.Fetch.Certificate.Detail, "Chain": f.Fetch.Certificate.Chain}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-cert-expired", Standard: check.MTASTS, Severity: check.Error,
			Title: "the policy host's certificate has expired or is not valid yet", Refs: rfc("3.3"),
			Doc: `The certificate is outside its period of validity. Senders cannot fetch the policy; those that
have it cached go on until max_age runs out, all others send without protection. Renew it and find out why the
automatic renewal did not.

    before: notAfter 2026-11-01
    after:  notAfter 2027-02-20, renewed by a timer that is watched`,
		},
		Applies: applies(stageCert),
		Run: certRule(VerdictExpired, func(f *Facts) check.Params {
			c := f.Fetch.Certificate
			return check.Params{"From": day(c.NotBefore), "Until": day(c.NotAfter), "Now": day(f.Fetch.At)}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-cert-name", Standard: check.MTASTS, Severity: check.Error,
			Title: "the policy host's certificate names another host", Refs: []check.Ref{check.RFC(8461, "3.3"), check.RFC(9525, "")},
			Doc: `None of the certificate's subject alternative names is ` + "`mta-sts.<domain>`" + `. The common name is
not looked at, and a wildcard stands for exactly one label. When a provider hosts the policy its certificate
must still name your host, not the provider's.

    before: DNS:example.com, DNS:www.example.com
    after:  DNS:example.com, DNS:www.example.com, DNS:mta-sts.example.com`,
		},
		Applies: applies(stageCert),
		Run: certRule(VerdictName, func(f *Facts) check.Params {
			return check.Params{"Host": PolicyHost(f.Domain).String(), "Names": f.Fetch.Certificate.Names}
		}),
	},
	{
		Meta: check.Meta{
			ID: "mtasts-policy-cert-expiring", Standard: check.MTASTS, Severity: check.Warning,
			Title: "the policy host's certificate expires soon", Refs: rfc("3.3"),
			CoveredBy: []string{"mtasts-policy-cert-untrusted", "mtasts-policy-cert-expired", "mtasts-policy-cert-name"},
			Doc: `Less than a fifth of the certificate's life is left, or less than two weeks for long ones. A timer
should have renewed it by now. When it runs out senders lose the policy without a word to you.

    before: 3 of 90 days left
    after:  renewed with a third of its life to go`,
		},
		Applies: applies(stageCert),
		Run: judge(stageCert, func(f *Facts, r *check.Reporter) {
			c := f.Fetch.Certificate
			if c == nil || f.Fetch.At.After(c.NotAfter) {
				return
			}
			left := c.NotAfter.Sub(f.Fetch.At)
			if left < min(14*24*time.Hour, c.NotAfter.Sub(c.NotBefore)/5) {
				r.Report(f.atServer(check.Params{"Until": day(c.NotAfter), "Days": int(left / (24 * time.Hour))}))
			}
		}),
	},
}

func (f *Facts) hostDangles() bool {
	_, a := registration.Dangling(&f.HostA)
	_, aaaa := registration.Dangling(&f.HostAAAA)
	return a && aaaa
}

// atHost is a finding about the policy host's name.
func (f *Facts) atHost(params check.Params) check.Finding {
	return check.Finding{Subject: PolicyHost(f.Domain).String(), Params: params}
}

// atServer is a finding about what listens there.
func (f *Facts) atServer(params check.Params) check.Finding {
	params["Host"] = PolicyHost(f.Domain).String()
	return check.Finding{Subject: fmt.Sprintf("%s:%d", PolicyHost(f.Domain), fetch.Port), Params: params}
}

func certRule(verdict string, params func(*Facts) check.Params) func(*Facts, *check.Reporter) {
	return judge(stageCert, func(f *Facts, r *check.Reporter) {
		if c := f.Fetch.Certificate; c != nil && c.Verdict == verdict {
			r.Report(f.atServer(params(f)))
		}
	})
}

func runIPv6(f *Facts, r *check.Reporter) {
	var refused []string
	v4, v6, untold := false, false, ""
	for _, at := range f.Fetch.Attempts {
		switch {
		case at.Addr.Is4():
			v4 = v4 || at.Error == ""
		case at.Error == "":
			v6 = true
		case at.Error == ErrConnect:
			refused = append(refused, at.Addr.String())
		case at.Error == ErrNetwork:
			untold = "mtasts-no-ipv6"
		case at.Error == ErrTimeout || at.Error == "cancelled":
			untold = "mtasts-ipv6-silent"
		}
	}
	switch {
	case v6 || !v4: // where nothing connects, mtasts-policy-connect-failed speaks
	case len(refused) > 0:
		r.Report(f.atServer(check.Params{"Addresses": refused}))
	case untold != "":
		r.Unknown(check.Cause{Code: untold, Params: check.Params{"Host": PolicyHost(f.Domain).String()}})
	default:
		f.oneFamily(r)
	}
}

// oneFamily says so where the addresses of one family were lost: what was not
// seen among the others may be among them.
func (f *Facts) oneFamily(r *check.Reporter) {
	for _, l := range []*dns.Lookup{&f.HostA, &f.HostAAAA} {
		if l.Unknown() {
			r.Unknown(l.Error)
		}
	}
}
