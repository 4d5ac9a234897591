//go:build e2e

package e2e

import "strings"

// Hosts whose certificates are not simply issued, see startWorld.
const (
	anchorHost     = "mx.daneta.example"
	selfSignedHost = "mx.selfsigned.example"
	expiredSite    = "mta-sts.stsexpired.example"
	misnamedSite   = "mta-sts.stsmisnamed.example"
)

// shared is a mail host whose certificate names the mail hosts of many domains.
const (
	shared  = "\n@  MX 10 mx\nmx A 127.0.0.41\n"
	shared2 = "\n@  MX 10 mx\nmx A 127.0.0.42\n"
)

// daneDomains tell apart what DANE senders do. Where all else is right, DANE
// that matches earns all; a domain of its own without DNSSEC has 85 of 100.
var daneDomains = []domain{
	{
		name: "danerollover.example", why: "the record of the next key stands beside that of the present one",
		zone: authentic + shared + `
_25._tcp.mx TLSA {{tlsa shared}}
_25._tcp.mx TLSA 3 1 1 5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e
`,
		signed: true, profile: "mail", grade: "A+",
		also: []string{"mtasts-record-missing"},
	}, {
		name: "daneta.example", why: "TLSA names the authority, whose certificate the server sends",
		zone: authentic + `
@           MX  10 mx
mx          A   127.0.0.44
_25._tcp.mx TLSA {{tlsa ca}}
`,
		signed: true, profile: "mail", grade: "A+",
		also: []string{"mtasts-record-missing"},
	}, {
		name: "daneunsigned.example", why: "a right TLSA record in a zone that is not signed: no sender may use it",
		zone: authentic + shared + `
_25._tcp.mx TLSA {{tlsa shared}}
`,
		profile: "mail", grade: "B",
		findings: []string{"dnssec-unsigned", "mtasts-record-missing"}, // the cause of dane-tlsa-insecure
	}, {
		name: "danefails.example", why: "nobody answers for TLSA below a signed host: DANE senders defer the mail",
		zone: authentic + shared + `
_tcp.mx     NS  ns.refuser.example.
`,
		signed: true, profile: "mail", measured: 92, grade: "A+", // 8 points hang on DANE
		findings: []string{"mtasts-record-missing"},
		unknown:  []string{"dane-lookup-failed"}, // what one resolver says proves nothing
	},
}

// hostDomains differ in their mail hosts and policy hosts.
var hostDomains = []domain{
	{
		name: "ststesting.example", why: "a policy in testing earns half of what enforce does",
		zone: authentic + policy + shared, profile: "mail", grade: "B", // 89
		also: []string{"mtasts-policy-testing"},
	}, {
		name: "stsnone.example", why: "a policy that is being taken back protects nothing",
		zone: authentic + policy + shared, profile: "mail", grade: "B",
	}, {
		name: "stsexpired.example", why: "the policy host's own certificate has expired: no sender fetches",
		zone: authentic + policy + shared, profile: "mail", grade: "B", exit: 1,
		findings: []string{"mtasts-policy-cert-expired"},
	}, {
		name: "stsmisnamed.example", why: "the policy host's certificate is for another name",
		zone: authentic + policy + shared, profile: "mail", grade: "B", exit: 1,
		findings: []string{"mtasts-policy-cert-name"},
	}, {
		name: "selfsigned.example", why: "a self-signed certificate, which opportunistic senders take",
		zone: authentic + `
@           MX  10 mx
mx          A   127.0.0.45
`,
		profile: "mail", grade: "B",
		findings: []string{"mtasts-record-missing"},
		also:     []string{"cert-self-signed"},
	}, {
		name: "tlsone.example", why: "nothing newer than TLS 1.0",
		zone: authentic + `
@           MX  10 mx
mx          A   127.0.0.46
`,
		profile: "mail", grade: "B", exit: 1, // 81
		findings: []string{"mtasts-record-missing", "tls-1-2-missing"},
	}, {
		name: "implicit.example", why: "no MX: mail goes to the domain's own address",
		zone: instead(authentic, "v=spf1 mx -all", "v=spf1 a -all") + `
@           A   127.0.0.41
`,
		profile: "send-only", grade: "A", // SPF names a sender, no MX says that it takes mail
		findings: []string{"mx-implicit"},
	}, {
		name: "mxalias.example", why: "MX names an alias, which RFC 2181 §10.3 forbids",
		zone: authentic + `
@           MX  10 mx
mx          CNAME mail
mail        A   127.0.0.41
`,
		profile: "mail", grade: "B",
		findings: []string{"mtasts-record-missing", "mx-target-cname"},
	}, {
		name: "mxgone.example", why: "one of two mail hosts does not exist",
		zone: authentic + shared2 + `
@           MX  20 gone
`,
		profile: "mail", grade: "B",
		findings: []string{"mtasts-record-missing", "mx-target-nxdomain"},
	}, {
		name: "sixonly.example", why: "no mail host has an IPv4 address",
		zone: authentic + `
@           MX  10 mx
mx          AAAA ::1
`,
		profile: "mail", grade: "B",
		findings: []string{"mtasts-record-missing", "mx-ipv4-missing"},
	}, {
		name: "sendonly.example", why: "it sends and says that it takes no mail; its reports go to a domain that agreed",
		zone: `
@           MX  0 .
@           TXT "v=spf1 a:out.{{domain}} -all"
out         A   127.0.0.41
{{dkim}}
_dmarc      TXT "v=DMARC1; p=reject; rua=mailto:dmarc@good.example"
`,
		profile: "send-only", grade: "A", // 73 of 80
		findings: []string{"mx-null-but-sends"},
	}, {
		name: "disagree.example", why: "one name server still serves an older zone with another mail host",
		// The resolver may ask any of the servers: either version leads to a host.
		zone: authentic + shared2 + `
@           NS  ns.refuser.example.
old         A   127.0.0.42
`,
		older: authentic + `
@           NS  ns.refuser.example.
@           MX  10 old
old         A   127.0.0.42
mx          A   127.0.0.42
`,
		profile:  "mail",
		findings: []string{"mtasts-record-missing", "mx-ns-disagree"},
	},
}

// recordDomains differ in what they publish. Their mail hosts are right.
var recordDomains = []domain{
	{
		name: "allpass.example", why: "+all: everybody passes",
		zone: instead(authentic, "v=spf1 mx -all", "v=spf1 mx +all") + shared2, profile: "mail", grade: "F", exit: 1,
		findings: []string{"mtasts-record-missing", "spf-all-pass"},
	}, {
		name: "void.example", why: "three names of SPF do not exist; two are allowed (RFC 7208 §4.6.4)",
		zone:    instead(authentic, "v=spf1 mx -all", "v=spf1 a:n1.{{domain}} a:n2.{{domain}} a:n3.{{domain}} mx -all") + shared2,
		profile: "mail", grade: "E", exit: 1,
		findings: []string{"mtasts-record-missing", "spf-void-limit"},
	}, {
		name: "macro.example", why: "a macro asks about each sender: nothing wrong with it",
		zone: instead(authentic, "v=spf1 mx -all", "v=spf1 mx exists:%{i}._spf.{{domain}} -all") + shared2 + `
1.2.3.4._spf A 127.0.0.2
`,
		profile: "mail", grade: "B",
		findings: []string{"mtasts-record-missing"},
	}, {
		name: "weakkey.example", why: "a DKIM key of 1024 bits earns half for strength",
		zone: instead(authentic, "{{dkim}}", "s1._domainkey {{key 1024}}") + shared2, profile: "mail", grade: "B", // 82
		findings: []string{"dkim-rsa-1024", "mtasts-record-missing"},
	}, {
		name: "shortkey.example", why: "a DKIM key of 768 bits can be broken",
		zone: instead(authentic, "{{dkim}}", "s1._domainkey {{key 768}}") + shared2, profile: "mail", grade: "E", exit: 1,
		findings: []string{"dkim-rsa-too-short", "dmarc-reject-spf-only", "mtasts-record-missing"}, // no verifier may use the key
	}, {
		name: "revoked.example", why: "the selector that the user names as one in use is revoked",
		zone: instead(authentic, "{{dkim}}", `old._domainkey TXT "v=DKIM1; p="`+"\n{{dkim}}") + shared2,
		args: []string{"--selector", "old"}, profile: "mail", exit: 1,
		findings: []string{"dkim-revoked", "mtasts-record-missing"},
	}, {
		name: "nodmarc.example", why: "SPF and DKIM, and nobody says what to do where they fail",
		zone: `
@           TXT "v=spf1 mx -all"
{{dkim}}
_smtp._tls  TXT "v=TLSRPTv1; rua=mailto:tls@{{domain}}"
` + shared2, profile: "mail", grade: "F", exit: 1,
		findings: []string{"dmarc-missing", "mtasts-record-missing"},
	}, {
		name: "quarantine.example", why: "quarantine is enforcement; it earns 10 of 14 points",
		zone: instead(authentic, "p=reject", "p=quarantine") + shared2, profile: "mail",
		findings: []string{"mtasts-record-missing"},
	}, {
		name: "unauthorised.example", why: "reports go to a domain that did not agree, and nowhere else",
		zone: instead(authentic, "mailto:dmarc@{{domain}}", "mailto:dmarc@good.example") + shared2, profile: "mail", grade: "B", exit: 1, // 80
		findings: []string{"dmarc-external-unauthorized", "mtasts-record-missing"},
	}, {
		name: "tlsrptbad.example", why: "an address for TLS reports without mailto",
		zone: instead(authentic, "rua=mailto:tls@", "rua=tls@") + shared2, profile: "mail", grade: "B", exit: 1, // 83
		findings: []string{"mtasts-record-missing", "tlsrpt-rua-scheme"},
	}, {
		name: "bimi.example", why: "the logo is not where the record says",
		zone: authentic + policy + shared2 + `
default._bimi TXT "v=BIMI1; l=https://mta-sts.bimi.example/logo.svg; a=;"
`,
		profile: "mail", grade: "A", // 93: it has a policy in force
		findings: []string{"bimi-logo-fetch"},
	}, {
		name: "caa.example", why: "a critical property that no authority knows forbids every certificate",
		zone: authentic + shared2 + `
@           CAA 128 tbs "unknown"
@           CAA 0 issue "ca.example"
`,
		profile: "mail", grade: "B", exit: 1,
		findings: []string{"caa-unknown-critical", "mtasts-record-missing"},
	}, {
		name: "srv.example", why: "mail programs are sent to an alias, whose certificate is not for the name they know",
		zone: authentic + shared2 + `
_submissions._tcp SRV 0 1 465 submit
submit      CNAME mx1.good.example.
`,
		profile: "mail", grade: "B", exit: 1,
		findings: []string{"cert-name", "mtasts-record-missing", "srv-target-cname"},
	},
}

// moreHosts are the mail hosts of the domains in this file.
func moreHosts(cert func(age int, names ...string) string) []personality {
	names := func(first string, domains ...[]domain) []string {
		list := []string{first}
		for _, table := range domains {
			for _, d := range table {
				list = append(list, "mx."+d.name)
			}
		}
		return list
	}
	first := cert(30, append(names("mx.hosts.example", daneDomains, hostDomains), "implicit.example", "mail.mxalias.example")...)
	second := cert(30, names("mx.records.example", hostDomains, recordDomains)...)
	return []personality{
		{host: "mx.hosts.example", addr: "127.0.0.41", cert: first},
		{host: "mx.records.example", addr: "127.0.0.42", cert: second},
		{host: anchorHost, addr: "127.0.0.44", cert: cert(30, anchorHost)},
		{host: selfSignedHost, addr: "127.0.0.45", cert: "self-signed"},
		{host: "mx.tlsone.example", addr: "127.0.0.46", cert: cert(30, "mx.tlsone.example"), options: []string{
			"smtpd_tls_protocols=!TLSv1.1,!TLSv1.2,!TLSv1.3", "smtpd_tls_ciphers=medium", "tls_medium_cipherlist=ALL:@SECLEVEL=0",
		}},
		{host: "mx.sixonly.example", addr: "[::1]", cert: cert(30, "mx.sixonly.example")},
	}
}

// moreSites are the policy hosts of the domains in this file.
func moreSites(enforce func(mx ...string) string) []site {
	return []site{
		{name: "mta-sts.ststesting.example", policy: instead(enforce("mx.ststesting.example"), "mode: enforce", "mode: testing")},
		{name: "mta-sts.stsnone.example", policy: "version: STSv1\nmode: none\nmax_age: 86400\n"},
		{name: expiredSite, policy: enforce("mx.stsexpired.example")},
		{name: misnamedSite, policy: enforce("mx.stsmisnamed.example")},
		{name: "mta-sts.bimi.example", policy: enforce("mx.bimi.example")},
	}
}

// instead is text with one part of it replaced.
func instead(text, old, by string) string { return strings.Replace(text, old, by, 1) }
