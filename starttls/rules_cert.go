package starttls

import (
	"crypto/x509"
	"slices"
	"time"

	"github.com/postseal/postseal/check"
)

// certRules judge the certificates. On port 25 nobody need verify one (RFC
// 7435), so each row there is a notice; what MTA-STS or DANE bind is judged elsewhere.
var certRules = slices.Concat(ownCARules, trustedRules, leafRules)

// acceptedElsewhere are findings that carry a fault of a certificate as their
// own consequence or evidence: MTA-STS makes it worse, a TLSA record of usage 3
// makes it none at all.
var acceptedElsewhere = []string{"mtasts-mx-cert-invalid", "dane-ee-expired-ok"}

var ownCARules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "cert-self-signed", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "the certificate is self-signed",
			Variants:  []check.Variant{{Name: "opportunistic", Severity: check.Notice}},
			CoveredBy: acceptedElsewhere,
			Refs:      []check.Ref{check.RFC(5280, "")},
			Doc: `The server signed its certificate itself, so nobody can tell it from an impostor's. Mail programs refuse it on submission ports.
On port 25 most senders do not verify and deliver all the same; under an enforced MTA-STS policy they do not deliver.

Use a certificate of a public CA; they cost nothing. With DANE a self-signed one may be right.

Before:

    smtpd_tls_cert_file = /etc/ssl/certs/ssl-cert-snakeoil.pem

After:

    smtpd_tls_cert_file = /etc/letsencrypt/live/mx1.example.com/fullchain.pem`,
		},
		Applies: receives,
		Run:     certFault("self-signed"),
	},
}

// leafRules are about the certificate itself.
var leafRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "cert-untrusted", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "the certificate leads to no trusted root",
			Variants:  []check.Variant{{Name: "opportunistic", Severity: check.Notice}},
			CoveredBy: acceptedElsewhere,
			Refs:      []check.Ref{check.RFC(5280, "")},
			Doc: `No chain from the server's certificate to a root of this machine's store could be built, and none of the usual causes explains it:
mostly a private CA issued it. Clients that verify refuse it.

Send the full chain of a public CA.

Before:

    smtpd_tls_cert_file = /etc/letsencrypt/live/mx1.example.com/cert.pem

After:

    smtpd_tls_cert_file = /etc/letsencrypt/live/mx1.example.com/fullchain.pem`,
		},
		Applies: receives,
		Run:     certFault("untrusted"),
	},
	{
		Meta: check.Meta{
			ID: "cert-expired", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "the certificate is outside its validity",
			Variants:  []check.Variant{{Name: "opportunistic", Severity: check.Notice}},
			CoveredBy: acceptedElsewhere,
			Refs:      []check.Ref{check.RFC(5280, "")},
			Doc: `The certificate, or one above it, has expired or is not valid yet. Clients that verify refuse it. Usually the renewal ran and the
mail server was not reloaded.

Renew it, and let the renewal reload the server.

Before:

    certbot renew

After:

    certbot renew --deploy-hook "systemctl reload postfix"`,
		},
		Applies: receives,
		Run:     certFault("expired"),
	},
	{
		Meta: check.Meta{
			ID: "cert-cn-only", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "the host name stands only in the common name",
			Variants:  []check.Variant{{Name: "opportunistic", Severity: check.Notice}},
			CoveredBy: acceptedElsewhere,
			Refs:      []check.Ref{check.RFC(9525, "")},
			Doc: `The certificate has the host's name in its subject, and not among the subject alternative names. Verifiers have ignored the
common name for years, so to them the certificate is for somebody else.

Reissue it with the name as an alternative name; every public CA does so by itself.

Before:

    Subject: CN=mx1.example.com

After:

    Subject: CN=mx1.example.com
    X509v3 Subject Alternative Name: DNS:mx1.example.com`,
		},
		Applies: receives,
		Run:     certFault("cn-only"),
	},
	{
		Meta: check.Meta{
			ID: "cert-name", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "the certificate is for another name",
			Variants:  []check.Variant{{Name: "opportunistic", Severity: check.Notice}},
			CoveredBy: acceptedElsewhere,
			Refs:      []check.Ref{check.RFC(9525, "6.3")},
			Doc: `None of the certificate's names is the name that clients ask for: on port 25 the host in the MX record, on a submission port the
server that people type in. Clients that verify refuse it.

Reissue the certificate with that name, or point the MX record at a name it has.

Before:

    X509v3 Subject Alternative Name: DNS:www.example.com

After:

    X509v3 Subject Alternative Name: DNS:www.example.com, DNS:mx1.example.com`,
		},
		Applies: receives,
		Run:     certFault("name"),
	},
	{
		Meta: check.Meta{
			ID: "cert-expiring", Standard: check.STARTTLS, Severity: check.Warning,
			Title:     "the certificate expires soon",
			Variants:  []check.Variant{{Name: "opportunistic", Severity: check.Notice}},
			CoveredBy: []string{"mtasts-mx-cert-invalid"},
			Refs:      []check.Ref{check.RFC(5280, "")},
			Doc: `Less than two weeks are left, or less than a fifth of the lifetime of a short-lived certificate. Automation renews earlier than
that, so it has probably stopped.

Check that the renewal runs and that the mail server is reloaded after it.

Before:

    systemctl status certbot.timer     (inactive)

After:

    systemctl enable --now certbot.timer`,
		},
		Applies: receives,
		Run: each(allPorts, StepTLS, func(_ *Facts, s *Session) *check.Finding {
			if s.Certificate == nil || !s.Certificate.expiring() {
				return nil
			}
			return onCert(s, s.Certificate)
		}),
	},
	{
		Meta: check.Meta{
			ID: "cert-key-short", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "the certificate's key is too short",
			Variants:  []check.Variant{{Name: "opportunistic", Severity: check.Notice}},
			CoveredBy: []string{"mtasts-mx-cert-invalid"},
			Refs:      []check.Ref{check.RFC(9325, "")},
			Doc: `The key is an RSA key under 2048 bits, or one on a curve under 224 bits. Libraries refuse it, and its owner's traffic can be
impersonated by those with enough machines.

Make a new key and have the certificate reissued.

Before:

    openssl genrsa 1024

After:

    openssl ecparam -genkey -name prime256v1`,
		},
		Applies: receives,
		Run: each(allPorts, StepTLS, func(_ *Facts, s *Session) *check.Finding {
			if s.Certificate == nil || !s.Certificate.short() {
				return nil
			}
			return onCert(s, s.Certificate)
		}),
	},
	{
		Meta: check.Meta{
			ID: "cert-unparsable", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "the certificate cannot be read",
			Refs:  []check.Ref{check.RFC(5280, "")},
			Doc: `The server sent a certificate that a strict parser refuses, a chain of more than twenty, or a key of a size that nobody uses.
Some senders fall back to clear text, others give up.

Have it reissued by a public CA.

Before:

    x509: negative serial number

After:

    Serial Number: 04:9f:22:…`,
		},
		Applies: receives,
		Run:     both(unparsable, each(allPorts, StepTLS, func(*Facts, *Session) *check.Finding { return nil })),
	},
	{
		Meta: check.Meta{
			ID: "cert-wildcard", Standard: check.STARTTLS, Severity: check.Info,
			Title: "a wildcard covers the host name",
			Refs:  []check.Ref{check.RFC(9525, "6.3")},
			Doc: `The certificate covers the host by a wildcard name. That is valid. Its key opens every host of the domain, so a key stolen from
the mail server works for the web server too.

A certificate for the one name is safer where the same key would else lie on many machines.

Before:

    DNS:*.example.com

After:

    DNS:mx1.example.com`,
		},
		Applies: receives,
		Run: each(allPorts, StepTLS, func(_ *Facts, s *Session) *check.Finding {
			c := s.Certificate
			if c == nil || c.Verdict != "ok" || !c.byWildcard(s.Host) {
				return nil
			}
			find := onCert(s, c)
			find.Variant = ""
			return find
		}),
	},
}

// verdictOrder is the order in which faults of one certificate are told: the
// first is the finding, the rest its evidence.
var verdictOrder = []string{"self-signed", "chain-incomplete", "sigalg", "eku", "untrusted", "expired", "cn-only", "name"}

// fault is the one thing wrong with the session's certificate, "" for none. One
// that only clients with the other type of key see counts where the first is good.
func (s *Session) fault() (*Cert, string) {
	if f := s.faultOf(s.Certificate); f != "" || s.other() == nil {
		return s.Certificate, f
	}
	return s.other(), s.faultOf(s.other())
}

func (s *Session) faultOf(c *Cert) string {
	switch {
	case c == nil:
		return ""
	case c.Verdict == "untrusted" && slices.Contains(verdictOrder, c.Reason):
		return c.Reason
	case c.inCommonNameOnly(s.Host):
		return "cn-only"
	case slices.Contains(verdictOrder, c.Verdict):
		return c.Verdict
	}
	return ""
}

// certFault reports the sessions with that fault, unless another address of the
// same host and port has one that comes first: one finding a host and port.
func certFault(fault string) func(*Facts, *check.Reporter) {
	return each(allPorts, StepTLS, func(f *Facts, s *Session) *check.Finding {
		c, own := s.fault()
		if own != fault || f.servesOwner(s, c, own) {
			return nil
		}
		for _, o := range f.sessions([]uint16{s.Port}) {
			if _, worse := o.fault(); o.Host == s.Host && worse != "" && slices.Index(verdictOrder, worse) < slices.Index(verdictOrder, fault) {
				return nil
			}
		}
		return onCert(s, c)
	})
}

// servesOwner tells that the certificate has another name than the host's and
// that it is the domain's whose SRV records lead there: mail programs that
// follow them accept either (RFC 6186 §6).
func (f *Facts) servesOwner(s *Session, c *Cert, fault string) bool {
	if fault != "name" {
		return false
	}
	i := slices.IndexFunc(f.Named, func(h *Host) bool { return h.Name == s.Host && h.Owner != "" && slices.Contains(h.Ports, s.Port) })
	return i >= 0 && (&x509.Certificate{DNSNames: c.Names}).VerifyHostname(f.Named[i].Owner.String()) == nil
}

// onCert is a finding about a certificate, mild on port 25.
func onCert(s *Session, c *Cert) *check.Finding {
	f := on(s, check.Params{
		"Subject": c.Subject, "Issuer": c.Issuer, "Names": c.Names, "Detail": c.Detail,
		"NotBefore": c.NotBefore.Format(time.DateOnly), "NotAfter": c.NotAfter.Format(time.DateOnly),
		"KeyType": c.KeyType, "Bits": c.Bits, "CommonName": c.CommonName, "Usages": c.Usages, "WeakSigner": c.WeakSigner,
	})
	if s.Port == 25 {
		f.Variant = "opportunistic"
	}
	return f
}

// expiring tells whether less than two weeks, or a fifth of a short lifetime, is left.
func (c *Cert) expiring() bool {
	left, life := c.NotAfter.Sub(c.CheckedAt), c.NotAfter.Sub(c.NotBefore)
	return c.Verdict == "ok" && left < min(14*24*time.Hour, life/5)
}

func (c *Cert) short() bool {
	return c.KeyType == "RSA" && c.Bits < 2048 || c.KeyType == "ECDSA" && c.Bits < 224
}

// unparsable reports certificates that could not be read. The handshake ended
// there, so such a session came no further than the greeting.
func unparsable(f *Facts, r *check.Reporter) {
	for _, s := range f.sessions(allPorts) {
		if s.Certificate != nil && s.Certificate.Verdict == "unparsable" {
			r.Report(*on(s, check.Params{"Detail": s.Certificate.Detail}))
		}
	}
}
