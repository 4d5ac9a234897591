package starttls

import (
	"strings"

	"github.com/postseal/postseal/check"
)

// extensionRules judge the small print of handshakes.
var extensionRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "tls-ems-missing", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "TLS 1.2 without the extended master secret",
			Refs:  []check.Ref{check.RFC(7627, "")},
			Doc: `Without this extension two sessions can be made to share their secrets, and whoever arranged that can pass one off as the other
(the triple handshake). TLS libraries have had it since about 2015; TLS 1.3 needs no extension for it.

Upgrade the TLS library.

Before:

    openssl s_client -starttls smtp -connect mx1.example.com:25 -tls1_2
    Extended master secret: no

After:

    Extended master secret: yes`,
		},
		Applies: receives,
		Run: further(mailPorts, LevelStandard, func(s *Session) (*check.Finding, bool) {
			t := s.Handshakes.find(kindTLS12)
			if t == nil || t.Result == untold {
				return nil, s.oldTLS()
			}
			return when(t.Version == "TLS 1.2" && !t.EMS, on(s, nil)), true
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-reneg-insecure", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "renegotiation without protection",
			Refs:  []check.Ref{check.RFC(5746, ""), check.RFC(9325, "3.5")},
			Doc: `The server does not say that it ties a renegotiated handshake to the one before. An attacker on the path can then put words of his
own in front of what a client says. The repair is from 2010, so the software is older than that, or the repair was switched off.

Upgrade the TLS library.

Before:

    Secure Renegotiation IS NOT supported

After:

    Secure Renegotiation IS supported`,
		},
		Applies: receives,
		Run: further(mailPorts, LevelStandard, func(s *Session) (*check.Finding, bool) {
			if s.Handshakes.onlyTLS13() {
				return nil, true // TLS 1.3 has no renegotiation
			}
			for _, kind := range []string{kindTLS12, kindTLS11} {
				if t := s.Handshakes.find(kind); t != nil && t.Result == accepted {
					return when(!t.SecureReneg, on(s, nil)), true
				}
			}
			return nil, false
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-reneg-client", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "clients may have the handshake repeated",
			Refs:  []check.Ref{check.RFC(9325, "3.5")},
			Doc: `Asked inside a session for another handshake, the server began one. A handshake costs the server more than the client, so a
single connection can keep it busy. One was asked for here, and not finished; how many it would allow was not tried.

Switch it off; no mail client needs it.

Before, in Postfix:

    tls_ssl_options =

After:

    tls_ssl_options = NO_RENEGOTIATION`,
		},
		Applies: receives,
		Run: further(mailPorts, LevelDeep, func(s *Session) (*check.Finding, bool) {
			yes, told := s.Handshakes.took(kindRenegotiation)
			return when(yes, on(s, nil)), told || s.oldTLS() || s.Handshakes.onlyTLS13()
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-compression", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "TLS compression is accepted",
			Refs:  []check.Ref{check.RFC(9325, "3.3")},
			Doc: `A compressed session tells by its length what it carries: who can make a client send guesses beside a secret finds the secret out
(CRIME). Nothing needs it any more, and TLS 1.3 has none.

Switch it off, or upgrade the TLS library.

Before:

    Compression: zlib compression

After:

    Compression: NONE`,
		},
		Applies: receives,
		Run: further(mailPorts, LevelDeep, func(s *Session) (*check.Finding, bool) {
			for _, t := range s.tried() {
				if t.Compression {
					return on(s, nil), true
				}
			}
			_, told := s.Handshakes.took(kindCompression)
			return nil, told || s.Handshakes.onlyTLS13()
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-sigalg-sha1", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "the server signs handshakes with SHA-1",
			Refs:  []check.Ref{check.RFC(9155, "")},
			Doc: `Asked by a client that knows nothing else, the server signs its half of a TLS 1.2 key exchange over SHA-1. Two inputs with the same
SHA-1 can be made for money, so such a signature proves less than it should.

Upgrade, or raise the security level of the library.

Before, in OpenSSL's configuration:

    CipherString = DEFAULT@SECLEVEL=0

After:

    CipherString = DEFAULT@SECLEVEL=2`,
		},
		Applies: receives,
		Run: further(mailPorts, LevelDeep, func(s *Session) (*check.Finding, bool) {
			for _, t := range s.tried() {
				if t.Result == accepted && strings.HasSuffix(t.Scheme, "-SHA1") {
					return on(s, check.Params{"Signature": t.Scheme}), true
				}
			}
			_, told := s.Handshakes.took(kindSHA1)
			return nil, told || s.oldTLS() || s.Handshakes.onlyTLS13() // older versions know no other, and 1.3 has none
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-0rtt", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "the server invites to early data",
			Refs:  []check.Ref{check.RFC(8446, "8")},
			Doc: `The tickets of this server let a client speak before the handshake is over (0-RTT). Whoever records such a first flight can send it
again, and the server takes it for new. Mail gains nothing by it: the server speaks first.

Switch it off. Nothing was sent early here; that the tickets allow it was read from them.

Before:

    max_early_data = 16384

After:

    max_early_data = 0`,
		},
		Applies: receives,
		Run: further(mailPorts, LevelDeep, func(s *Session) (*check.Finding, bool) {
			if s.TLS.Version != "TLS 1.3" {
				return nil, true
			}
			t := s.Handshakes.find(kindEarlyData)
			if t == nil || t.Result != accepted {
				return nil, false
			}
			return when(t.EarlyData > 0, on(s, check.Params{"Octets": t.EarlyData})), true
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-sni-strict", Standard: check.STARTTLS, Severity: check.Error,
			Title:    "the server breaks off without the right server name",
			Variants: []check.Variant{{Name: "other", Severity: check.Error}},
			Refs:     []check.Ref{check.RFC(8461, "7.1"), check.RFC(7672, "8.1")},
			Doc: `Many mail servers name no host when they begin TLS, and those that do may name another than the server expects. This one breaks the
handshake off then, so their mail comes in clear text or not at all. To answer with another certificate would be no fault.

Serve a default certificate to everybody who names no host, or one that is not known.

Before:

    alert unrecognized_name

After, the same client:

    New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384`,
		},
		Applies: receives,
		Run: further(port25, LevelDeep, func(s *Session) (*check.Finding, bool) {
			all := true
			for _, kind := range []string{kindNoName, kindOtherName} {
				yes, told := s.Handshakes.took(kind)
				if told && !yes {
					f := on(s, check.Params{"Detail": s.Handshakes.find(kind).Detail})
					if kind == kindOtherName {
						f.Variant = "other"
					}
					return f, true
				}
				all = all && told
			}
			return nil, all
		}),
	},
}
