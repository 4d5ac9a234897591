package lab

import (
	"github.com/postseal/postseal/check"
)

// Domain is a domain of the lab and what an audit must find there.
type Domain struct {
	Name      string
	Title     string // what kind of domain it is, a few English words
	Profile   check.Profile
	Selectors []string // DKIM selectors to give to the audit
	Expect    []string // rules with a finding of warning or error; each must be there
	Grade     string   // of its score; "" where nothing is promised
}

// Domains are those of the demo, best first.
func (l *Lab) Domains() []Domain {
	return []Domain{
		{
			Name: "lighthouse.example", Title: "everything right", Profile: check.ProfileMail,
			Selectors: []string{"s1", "s2"}, Grade: "A+",
		}, {
			Name: "oldbrand.example", Title: "parked, and says so", Profile: check.ProfileParked, Grade: "A",
		}, {
			Name: "padaria-lua.example", Title: "a small business at a provider", Profile: check.ProfileMail,
			Selectors: []string{"s1"}, Grade: "D",
			Expect: []string{"dkim-rsa-1024", "dmarc-policy-none", "mtasts-record-missing"},
		}, {
			Name: "rusty-gears.example", Title: "broken in most ways", Profile: check.ProfileMail,
			Selectors: []string{"default"}, Grade: "F",
			Expect: []string{
				"auth-plain-before-tls", "cert-expired", "dkim-rsa-too-short", "dkim-t-testing", "dmarc-external-unauthorized",
				"dmarc-p-invalid", "mtasts-mx-cert-invalid", "mtasts-mx-not-covered", "mtasts-mx-starttls-missing",
				"mx-target-cname", "spf-all-pass", "spf-ptr", "tlsrpt-rua-scheme",
			},
		},
	}
}

// Measured are domains to measure the time of an audit on, with one, two and
// five mail hosts; nothing is wrong with any of them.
func (l *Lab) Measured() []Domain {
	selectors := []string{"s1", "s2"}
	return []Domain{
		{Name: "cutter.example", Title: "one mail host", Profile: check.ProfileMail, Selectors: selectors, Grade: "A+"},
		l.Domains()[0],
		{Name: "flotilla.example", Title: "five mail hosts, SPF three includes deep", Profile: check.ProfileMail, Selectors: selectors, Grade: "A+"},
	}
}

// Corners are domains for tests, each with one odd server. They publish
// neither SPF nor DMARC: Expect names only what the odd server must lead to.
func (l *Lab) Corners() []Domain {
	corner := func(name, title string, expect ...string) Domain {
		return Domain{Name: name + ".corner.example", Title: title, Profile: check.ProfileMail, Expect: expect}
	}
	return []Domain{
		corner("good", "a mail host with nothing wrong"),
		corner("silent", "a mail host that says nothing: not measured"),
		corner("busy", "a mail host that greets with 421: not measured"),
		corner("self-signed", "a mail host with a certificate of its own making: a notice"),
		corner("closed", "a mail host that refuses the connection", "smtp-all-unreachable"),
		corner("dane-wrong", "a signed zone whose TLSA record names another key", "dane-no-match"),
		corner("srv", "an SRV record that leads to a server with log-in before TLS", "auth-plain-before-tls"),
		corner("sts-missing", "a policy host that answers 404", "mtasts-policy-http-status"),
		corner("sts-redirect", "a policy host that redirects", "mtasts-policy-redirect"),
		corner("sts-html", "a policy host with a web page in place of the policy", "mtasts-policy-html"),
		corner("sts-type", "a policy of another media type", "mtasts-policy-content-type"),
		corner("sts-name", "a policy host whose certificate names another", "mtasts-policy-cert-name"),
		corner("sts-expired", "a policy host whose certificate has expired", "mtasts-policy-cert-expired"),
	}
}
