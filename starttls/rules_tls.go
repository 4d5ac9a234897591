package starttls

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// tlsRules judge what was negotiated.
var tlsRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "tls-1-2-missing", Standard: check.STARTTLS, Severity: check.Error,
			Title:     "the server does not speak TLS 1.2",
			CoveredBy: []string{"mtasts-mx-tls-old"},
			Variants:  []check.Variant{{Name: "newer", Severity: check.Notice}},
			Refs:      []check.Ref{check.RFC(9325, "3.1.1"), check.RFC(8996, "")},
			Doc: `The best version this server accepts was withdrawn in 2021. Current senders refuse it and fall back to clear text, or defer the
message where a policy demands TLS.

A server that speaks TLS 1.3 and not 1.2 is rare: then the older senders are the ones that fall back.

Upgrade the mail server or its TLS library. Enable TLS 1.2 and 1.3 before switching the old versions off: until then they are
better than nothing.

Before, in Postfix:

    smtpd_tls_protocols = TLSv1

After:

    smtpd_tls_protocols = >=TLSv1.2`,
		},
		Applies: receives,
		Run: each(allPorts, StepTLS, func(_ *Facts, s *Session) *check.Finding {
			f := on(s, check.Params{"Version": s.TLS.Version})
			if speaks, told := s.Handshakes.took(kindTLS12); told && !speaks && !s.oldTLS() {
				f.Variant = "newer"
				return f
			}
			return when(s.oldTLS(), f)
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-1-3-missing", Standard: check.STARTTLS, Severity: check.Notice,
			Title:     "the server does not speak TLS 1.3",
			CoveredBy: []string{"tls-only-weak"},
			Refs:      []check.Ref{check.RFC(9325, "3.1.1")},
			Doc: `TLS 1.2 with a good suite is still fine. TLS 1.3 saves a round trip, encrypts the certificate and leaves nothing weak to choose.
Every TLS library has had it for years.

Upgrade the library, or lift the upper limit in the configuration.

Before, in Postfix:

    smtpd_tls_protocols = TLSv1.2

After:

    smtpd_tls_protocols = >=TLSv1.2`,
		},
		Applies: receives,
		Run: each(allPorts, StepTLS, func(_ *Facts, s *Session) *check.Finding {
			return when(s.TLS.Version == "TLS 1.2", on(s, check.Params{"Suite": s.TLS.Suite}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-only-weak", Standard: check.STARTTLS, Severity: check.Error,
			Title: "every suite the server accepts is weak",
			Refs:  []check.Ref{check.RFC(9325, "")},
			Doc: `A handshake with the suites of current clients failed, and one with all old ones succeeded with a suite that is broken or has no
forward secrecy. Whoever records the traffic can read it later, and current senders fall back to clear text.

Offer ECDHE with AES-GCM or ChaCha20.

Before, in Postfix:

    tls_medium_cipherlist = RC4-SHA:DES-CBC3-SHA

After:

    tls_medium_cipherlist = ECDHE+AESGCM:ECDHE+CHACHA20`,
		},
		Applies: receives,
		Run: each(allPorts, StepTLS, func(_ *Facts, s *Session) *check.Finding {
			return when(!s.oldTLS() && s.Fallback && slices.Contains([]Class{ClassBroken, ClassAnon, ClassWeak, ClassNoFS}, classOf(s.TLS.Suite)), on(s, check.Params{"Suite": s.TLS.Suite}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-pq", Standard: check.STARTTLS, Severity: check.Info,
			Title: "the key exchange resists quantum computers",
			Refs:  []check.Ref{check.RFC(9325, "")},
			Doc: `The server agreed on a hybrid key exchange with ML-KEM. Traffic recorded today stays closed to a quantum computer of tomorrow.
That is a fact, not a demand: servers without it are judged no worse.

There is nothing to do. To have it elsewhere, upgrade to a TLS library that offers the group.

Before:

    Negotiated group: X25519

After, with OpenSSL 3.5 or later:

    Negotiated group: X25519MLKEM768`,
		},
		Applies: receives,
		Run: each(port25, StepTLS, func(_ *Facts, s *Session) *check.Finding {
			return when(strings.Contains(s.TLS.Group, "MLKEM"), on(s, check.Params{"Group": s.TLS.Group}))
		}),
	},
}
