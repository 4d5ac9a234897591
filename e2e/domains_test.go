//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
)

// domain is a domain of the world: what it publishes and what an audit must say.
type domain struct {
	name string
	why  string

	// What stands in DNS: a zone of its own, or nothing where zone is "".
	// {{domain}} is the name, {{dkim}} a record that postseal generated.
	zone          string
	signed, badDS bool
	older         string // what another name server, ns.refuser.example, still serves

	args []string // of audit, beside the common ones

	// What the audit must say.
	profile  string
	exit     int
	grade    string   // "" for any
	measured int      // points of 100; 0 for all of them, unless the grade is "–"
	findings []string // exactly the failed rules of severity warning and error
	also     []string // failed rules below warning that must be among the others
	unknown  []string // rules that must be unknown
}

// Parts of zones. authentic is all of SPF, DKIM, DMARC and TLS-RPT as it should be.
const (
	authentic = `
@           TXT "v=spf1 mx -all"
{{dkim}}
_dmarc      TXT "v=DMARC1; p=reject; rua=mailto:dmarc@{{domain}}"
_smtp._tls  TXT "v=TLSRPTv1; rua=mailto:tls@{{domain}}"
`
	policy = `
_mta-sts    TXT "v=STSv1; id=20261123"
mta-sts     A   ` + policies + `
`
)

// domains is the table. Severities are those of the rules' documentation.
var domains = slices.Concat(usualDomains, daneDomains, hostDomains, recordDomains)

// usualDomains are those that most audits meet.
var usualDomains = []domain{
	{
		name: "good.example", why: "everything right: nothing may be reported",
		zone: authentic + policy + `
@           MX  10 mx1
@           MX  20 mx2
mx1         A   127.0.0.25
mx2         A   127.0.0.26
_25._tcp.mx1 TLSA {{tlsa}}
_25._tcp.mx2 TLSA {{tlsa}}

; a subdomain that sends on its own
news        MX  10 mx1
news        TXT "v=spf1 mx -all"
{{dkim news}}
_smtp._tls.news TXT "v=TLSRPTv1; rua=mailto:tls@{{domain}}"

; it takes the reports of another domain
sendonly.example._report._dmarc TXT "v=DMARC1"
`,
		signed: true, profile: "mail", grade: "A+",
	}, {
		name: "news.good.example", why: "a subdomain: DMARC is inherited, MTA-STS is not, DANE of the mail host makes up for it",
		profile: "mail", grade: "A+",
		also: []string{"dmarc-inherited", "mtasts-record-missing"},
	}, {
		name: "danewrong.example", why: "TLSA names the key of another host: DANE senders do not deliver, though MTA-STS is kept",
		zone: authentic + policy + `
@           MX  10 mx
mx          A   127.0.0.39
_25._tcp.mx TLSA {{tlsa}}
`,
		signed: true, profile: "mail", grade: "E", exit: 1,
		findings: []string{"dane-no-match"},
	}, {
		name: "typical.example", why: "nothing broken: DKIM at a provider, DMARC only watches, no MTA-STS, unsigned zone",
		zone: `
@           MX  10 mx
mx          A   127.0.0.27
@           TXT "v=spf1 mx ~all"
s1._domainkey CNAME typical.keys.example.
_dmarc      TXT "v=DMARC1; p=none; rua=mailto:dmarc@{{domain}}"
`,
		profile: "mail", grade: "D",
		findings: []string{"dmarc-policy-none", "mtasts-record-missing"},
		also:     []string{"dnssec-unsigned", "tlsrpt-record-missing"},
	}, {
		name: "oldtls.example", why: "all that OpenSSL still speaks; the first handshake shows nothing of it, see testVersions",
		zone: authentic + `
@           MX  10 mx
mx          A   127.0.0.40
`,
		profile: "mail", grade: "B",
		findings: []string{"mtasts-record-missing"},
	}, {
		name: "parked.example", why: "no mail in or out, and it says so: nothing may be reported",
		zone: `
@           MX  0 .
@           A   127.0.0.80
@           TXT "v=spf1 -all"
_dmarc      TXT "v=DMARC1; p=reject"
`,
		signed: true, profile: "parked", grade: "A+",
	}, {
		name: "notls.example", why: "the mail host does not know STARTTLS",
		zone: authentic + `
@           MX  10 mx
mx          A   127.0.0.31
`,
		profile: "mail", grade: "C", exit: 1,
		findings: []string{"mtasts-record-missing", "starttls-missing"},
	}, {
		name: "expired.example", why: "an expired certificate under a policy that demands a valid one",
		zone: authentic + policy + `
@           MX  10 mx
mx          A   127.0.0.32
`,
		profile: "mail", grade: "E", exit: 1,
		findings: []string{"mtasts-mx-cert-invalid"},
	}, {
		name: "wrongname.example", why: "a certificate for another name, which matters to nobody without a policy",
		zone: authentic + `
@           MX  10 mx
mx          A   127.0.0.33
`,
		profile: "mail", grade: "B",
		findings: []string{"mtasts-record-missing"},
		also:     []string{"cert-name"},
	}, {
		name: "authclear.example", why: "the mail host takes passwords before TLS",
		zone: authentic + `
@           MX  10 mx
mx          A   127.0.0.34
`,
		profile: "mail", grade: "B", exit: 1,
		findings: []string{"auth-plain-before-tls", "mtasts-record-missing"},
		also:     []string{"auth-on-25"},
	}, {
		name: "uncovered.example", why: "an enforced policy that forgets the second mail host",
		zone: authentic + policy + `
@           MX  10 mx1
@           MX  20 mx2
mx1         A   127.0.0.35
mx2         A   127.0.0.36
`,
		profile: "mail", grade: "E", exit: 1,
		findings: []string{"mtasts-mx-not-covered"},
	}, {
		name: "nopolicy.example", why: "the policy host answers 404",
		zone: authentic + policy + `
@           MX  10 mx
mx          A   127.0.0.37
`,
		profile: "mail", grade: "B", exit: 1,
		findings: []string{"mtasts-policy-http-status"},
	}, {
		name: "redirect.example", why: "the policy host redirects to a good policy, which senders must not follow",
		zone: authentic + policy + `
@           MX  10 mx
mx          A   127.0.0.37
`,
		profile: "mail", grade: "B", exit: 1,
		findings: []string{"mtasts-policy-redirect"},
	}, {
		name: "permerror.example", why: "eleven includes: one DNS look-up too many",
		zone: authentic11() + `
@           MX  10 mx
mx          A   127.0.0.37
`,
		profile: "mail", grade: "E", exit: 1,
		findings: []string{"mtasts-record-missing", "spf-lookup-limit"},
	}, {
		name: "halflame.example", why: "one of the two name servers refuses",
		zone: authentic + `
@           NS  ns.refuser.example.
@           MX  10 mx
mx          A   127.0.0.37
`,
		profile: "mail", grade: "B",
		findings: []string{"dns-ns-lame", "mtasts-record-missing"},
	}, {
		name: "slow.example", why: "a mail host that greets late, as many do on purpose: it is waited for",
		zone: authentic + `
@           MX  10 mx
mx          A   127.0.0.38
`,
		profile: "mail", grade: "B",
		findings: []string{"mtasts-record-missing"},
	}, {
		name: "bogus.example", why: "the parent's DS is of no key of the zone: the rest is seen with checking disabled",
		zone: authentic + `
@           MX  10 mx
mx          A   127.0.0.37
`,
		signed: true, badDS: true, profile: "mail", grade: "F", exit: 1,
		findings: []string{"dnssec-ds-mismatch", "mtasts-record-missing"},
	}, {
		name: "lame.example", why: "the only name server refuses: everything is unknown, nothing is missing",
		args: []string{"--fail-on-incomplete"}, grade: "–", exit: 3,
		unknown: []string{"mx-lookup-failed", "spf-lookup-failed", "dmarc-lookup-failed", "mtasts-record-lookup-failed"},
	}, {
		name: "nobody.example", why: "a name that does not exist",
		profile: "parked", measured: 96, exit: 1, // no name servers of its own
		findings: []string{"mx-domain-nxdomain"},
	},
}

// others are records of example. itself: a zone that nobody serves, and the key
// that a provider holds for typical.example.
const others = `
lame         NS ns.refuser
typical.keys {{key}}
`

// authentic11 is authentic with an SPF record of eleven includes.
func authentic11() string {
	var terms, targets strings.Builder
	for i := range 11 {
		fmt.Fprintf(&terms, "include:s%d.{{domain}} ", i)
		fmt.Fprintf(&targets, "s%d TXT \"v=spf1 ip4:5.6.7.%d -all\"\n", i, i+1)
	}
	return strings.Replace(authentic, "mx -all", terms.String()+"-all", 1) + targets.String()
}

// mailHosts gives the personalities of the world's mail hosts.
func mailHosts(cert func(age int, names ...string) string) []personality {
	plain := func(host, addr, cert string) personality { return personality{host: host, addr: addr, cert: cert} }
	good := cert(30, "mx1.good.example", "mx2.good.example")
	hosts := []personality{
		{host: "mx1.good.example", addr: "127.0.0.25", cert: good, submission: true},
		plain("mx2.good.example", "127.0.0.26", good),
		plain("mx.typical.example", "127.0.0.27", cert(30, "mx.typical.example")),
		plain("mx.notls.example", "127.0.0.31", ""),
		plain("mx.expired.example", "127.0.0.32", cert(101, "mx.expired.example")),
		plain("mx.wrongname.example", "127.0.0.33", cert(30, "mail.old-name.example")),
		{host: "mx.authclear.example", addr: "127.0.0.34", cert: cert(30, "mx.authclear.example"), submission: true, clearAuth: true},
		plain("mx1.uncovered.example", "127.0.0.35", cert(30, "mx1.uncovered.example")),
		plain("mx2.uncovered.example", "127.0.0.36", cert(30, "mx2.uncovered.example")),
		plain("mx.shared.example", "127.0.0.37", cert(30, "mx.nopolicy.example", "mx.redirect.example",
			"mx.permerror.example", "mx.halflame.example", "mx.bogus.example")),
		{host: "mx.slow.example", addr: "127.0.0.38", cert: cert(30, "mx.slow.example"), pause: 2},
		plain("mx.danewrong.example", "127.0.0.39", cert(30, "mx.danewrong.example")),
		{host: "mx.oldtls.example", addr: "127.0.0.40", cert: cert(30, "mx.oldtls.example"), options: []string{
			"smtpd_tls_protocols=>=TLSv1", "smtpd_tls_ciphers=medium", "tls_medium_cipherlist=ALL:COMPLEMENTOFALL:@SECLEVEL=0",
		}},
	}
	return append(hosts, moreHosts(cert)...)
}

// sites are the policy hosts.
func sites() []site {
	enforce := func(mx ...string) string {
		return "version: STSv1\nmode: enforce\nmx: " + strings.Join(mx, "\nmx: ") + "\nmax_age: 2592000\n"
	}
	return append(moreSites(enforce), []site{
		{name: "mta-sts.good.example", policy: enforce("mx1.good.example", "mx2.good.example")},
		{name: "mta-sts.danewrong.example", policy: enforce("mx.danewrong.example")},
		{name: "mta-sts.expired.example", policy: enforce("mx.expired.example")},
		{name: "mta-sts.uncovered.example", policy: enforce("mx1.uncovered.example")},
		{name: "mta-sts.nopolicy.example"},
		{name: "mta-sts.redirect.example", to: "https://policy.redirect.example/mta-sts.txt"},
		{name: "policy.redirect.example", policy: enforce("mx.redirect.example")},
	}...)
}
