package starttls

import (
	"slices"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// cabForum is where the browsers' roots and the authorities agree on certificates.
var cabForum = check.Ref{
	Doc: "CA/Browser Forum Baseline Requirements", URL: "https://cabforum.org/working-groups/server/baseline-requirements/",
}

// trustedRules are causes why a certificate is not trusted; they stand before
// cert-untrusted, which is what remains when none is known.
var trustedRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "cert-chain-incomplete", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "the server does not send the intermediate certificate",
			Variants:  []check.Variant{{Name: "opportunistic", Severity: check.Notice}},
			CoveredBy: acceptedElsewhere,
			Refs:      []check.Ref{check.RFC(8446, "4.4.2")},
			Doc: `A public authority issued the certificate, and the one between it and the root is not sent along. Clients that have it by chance, as
browsers do, notice nothing; mail servers mostly have not, and refuse.

Send the full chain. It was not fetched to make sure: the issuer's name says which authority it is.

Before:

    smtpd_tls_cert_file = /etc/letsencrypt/live/mx1.example.com/cert.pem

After:

    smtpd_tls_cert_file = /etc/letsencrypt/live/mx1.example.com/fullchain.pem`,
		},
		Applies: receives,
		Run:     certFault("chain-incomplete"),
	},
	{
		Meta: check.Meta{
			ID: "cert-sigalg", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "a certificate is signed with MD5 or SHA-1",
			Variants:  []check.Variant{{Name: "opportunistic", Severity: check.Notice}},
			CoveredBy: acceptedElsewhere,
			Refs:      []check.Ref{check.RFC(9155, ""), cabForum},
			Doc: `Two certificates with the same MD5 or SHA-1 digest can be made, so a signature over such a digest proves nothing. No library of
today believes in it. The signature of a root over itself does not matter and is not counted.

Have the certificate reissued; every authority has signed with SHA-256 for years.

Before:

    Signature Algorithm: sha1WithRSAEncryption

After:

    Signature Algorithm: sha256WithRSAEncryption`,
		},
		Applies: receives,
		Run:     certFault("sigalg"),
	},
	{
		Meta: check.Meta{
			ID: "cert-eku", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "the certificate is not meant for servers",
			Variants:  []check.Variant{{Name: "opportunistic", Severity: check.Notice}},
			CoveredBy: acceptedElsewhere,
			Refs:      []check.Ref{check.RFC(5280, "4.2.1.12")},
			Doc: `The certificate, or one above it, lists what it may be used for, and servers are not among that. Clients that verify refuse it. It
happens when a client's or a person's certificate is installed by mistake.

Install a server certificate.

Before:

    X509v3 Extended Key Usage: TLS Web Client Authentication

After:

    X509v3 Extended Key Usage: TLS Web Server Authentication`,
		},
		Applies: receives,
		Run:     certFault("eku"),
	},
}

// chainRules judge what is sent besides, and what clients may stumble over
// although the certificate is trusted.
var chainRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "cert-chain-order", Standard: check.STARTTLS, Severity: check.Notice,
			Title:     "the certificates sent are out of order or do not belong together",
			Variants:  []check.Variant{{Name: "root", Severity: check.Info}},
			CoveredBy: []string{"cert-chain-incomplete", "cert-untrusted"},
			Refs:      []check.Ref{check.RFC(8446, "4.4.2")},
			Doc: `Each certificate should be issued by the one that follows it. Most clients sort what they get; some, and TLS before 1.3 by the letter,
take the order as it is and find no path. A root that is sent along only costs octets: who trusts it has it.

Put the file in order: the server's own certificate first, then each issuer.

Before:

    mx1.example.com, Root R1, Intermediate E7

After:

    mx1.example.com, Intermediate E7`,
		},
		Applies: receives,
		Run: each(allPorts, StepTLS, func(_ *Facts, s *Session) *check.Finding {
			c := s.Certificate
			if c == nil || c.Order == "" {
				return nil
			}
			f := onCert(s, c)
			f.Variant, f.Params["Chain"] = "", c.Chain
			if c.Order == "root" {
				f.Variant = "root"
			}
			return f
		}),
	},
	{
		Meta: check.Meta{
			ID: "cert-lifetime", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "the certificate is valid for longer than public authorities may issue it",
			Refs:  []check.Ref{cabForum},
			Doc: `Public authorities may issue certificates for 200 days from 2026-03-15, 100 days from 2027-03-15 and 47 days from 2029-03-15.
This one bears the name of a public authority and lasts longer; clients that enforce the limit refuse it.

Have it reissued, and automate the renewal: the limits only become tighter.

Before:

    Not Before: Apr  1 2026    Not After: Apr  1 2027

After:

    Not Before: Apr  1 2026    Not After: Jun 30 2026`,
		},
		Applies: receives,
		Run: each(allPorts, StepTLS, func(_ *Facts, s *Session) *check.Finding {
			c := s.Certificate
			if c == nil || !c.PublicCA {
				return nil
			}
			days, limit := c.lifetime()
			if limit == 0 || days <= limit {
				return nil
			}
			f := onCert(s, c)
			f.Variant, f.Params["Days"], f.Params["Limit"] = "", days, limit
			return f
		}),
	},
	{
		Meta: check.Meta{
			ID: "cert-must-staple", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "the certificate asks for a stapled OCSP response and none came",
			Refs:  []check.Ref{check.RFC(7633, "")},
			Doc: `The certificate says that a fresh word of its authority must come with it (must-staple), and the server sends none. Clients that heed
the extension refuse the connection. Hardly any mail server can staple, and some authorities have ended OCSP.

Have it reissued without the extension.

Before:

    certbot certonly --must-staple -d mx1.example.com

After:

    certbot certonly -d mx1.example.com`,
		},
		Applies: receives,
		Run: each(allPorts, StepTLS, func(_ *Facts, s *Session) *check.Finding {
			c := s.Certificate
			if c == nil || !c.MustStaple || c.Stapled {
				return nil
			}
			f := onCert(s, c)
			f.Variant = ""
			return f
		}),
	},
	{
		Meta: check.Meta{
			ID: "cert-differs", Standard: check.STARTTLS, Severity: check.Info,
			Title: "a mail host shows more than one certificate",
			Refs:  []check.Ref{check.RFC(7671, "")},
			Doc: `The addresses of the host have different certificates, or one address has one for each type of key. That is allowed and often meant.
With DANE every one of them needs a TLSA record that matches it.

There is nothing to do unless it surprises you: then one of the machines was left out of the last renewal.

Before:

    192.0.2.1   9f86d081…    192.0.2.2   2c26b46b…

After, where one was forgotten:

    192.0.2.1   2c26b46b…    192.0.2.2   2c26b46b…`,
		},
		Applies: receives,
		Run: func(f *Facts, r *check.Reporter) {
			var told []dns.Name
			each(port25, StepTLS, func(f *Facts, s *Session) *check.Finding {
				if slices.Contains(told, s.Host) {
					return nil
				}
				told = append(told, s.Host)
				if prints := f.certificates(s.Host); len(prints) > 1 {
					return on(s, check.Params{"Count": len(prints), "Digests": prints})
				}
				return nil
			})(f, r)
		},
	},
}

// certificates are the digests of the certificates that the host shows on port
// 25, with the type of their keys.
func (f *Facts) certificates(host dns.Name) []string {
	var prints []string
	for _, s := range f.port25(host) {
		for _, c := range []*Cert{s.Certificate, s.other()} {
			if c == nil || c.SHA256 == "" {
				continue
			}
			print := clip(c.SHA256, 16) + " " + c.KeyType
			if !slices.Contains(prints, print) {
				prints = append(prints, print)
			}
		}
	}
	return prints
}

// lifetime is for how many days the certificate is valid, and the most that the
// Baseline Requirements §6.3.2 allow for the day of its issue (ballot SC-081v3); 0: another time's rules.
func (c *Cert) lifetime() (days, limit int) {
	days = int((c.NotAfter.Sub(c.NotBefore) + 24*time.Hour - time.Second) / (24 * time.Hour))
	for _, step := range []struct {
		from time.Time
		days int
	}{
		{time.Date(2029, 3, 15, 0, 0, 0, 0, time.UTC), 47},
		{time.Date(2027, 3, 15, 0, 0, 0, 0, time.UTC), 100},
		{time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), 200},
	} {
		if !c.NotBefore.Before(step.from) {
			return days, step.days
		}
	}
	return days, 0
}
