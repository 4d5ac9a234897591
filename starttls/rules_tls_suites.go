package starttls

import (
	"slices"

	"github.com/postseal/postseal/check"
)

// suiteRules judge which suites are accepted besides the best.
var suiteRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "tls-cipher-broken", Standard: check.STARTTLS, Severity: check.Error,
			Title: "the server accepts suites without encryption, or with that of the nineties' export rules",
			Refs:  []check.Ref{check.RFC(9325, "4.1")},
			Doc: `A NULL suite encrypts nothing, and an EXPORT suite uses keys that a laptop breaks. The session looks like TLS to both ends and is
as good as clear text. An attacker on the path may push clients towards it (FREAK, Logjam).

Remove these suites from the list.

Before, in Postfix:

    smtpd_tls_ciphers = export

After:

    smtpd_tls_ciphers = medium
    smtpd_tls_exclude_ciphers = eNULL, EXPORT`,
		},
		Applies: receives,
		Run:     further(mailPorts, LevelDeep, ofClass(ClassBroken, func(_ *Session, f *check.Finding) *check.Finding { return f })),
	},
	{
		Meta: check.Meta{
			ID: "tls-cipher-anon", Standard: check.STARTTLS, Severity: check.Notice,
			Title:    "the server accepts anonymous suites",
			Variants: []check.Variant{{Name: "submission", Severity: check.Error}},
			Refs:     []check.Ref{check.RFC(7672, "8.2"), check.RFC(9325, "4.1")},
			Doc: `With an anonymous suite the server shows no certificate, so anybody on the path can take its place. On port 25 that does no harm:
only senders choose it that verify nothing anyway, and Postfix offers it to them by design. On a submission port passwords go there.

Exclude them where people log in; on port 25 it is a matter of taste.

Before, in Postfix:

    smtpd_tls_exclude_ciphers =

After, for the submission services:

    smtpd_tls_exclude_ciphers = aNULL`,
		},
		Applies: receives,
		Run:     further(mailPorts, LevelDeep, ofClass(ClassAnon, mild)),
	},
	{
		Meta: check.Meta{
			ID: "tls-cipher-weak", Standard: check.STARTTLS, Severity: check.Notice,
			Title:     "the server accepts RC4, DES, 3DES or another breakable cipher",
			Variants:  []check.Variant{{Name: "submission", Severity: check.Warning}},
			CoveredBy: []string{"tls-only-weak"},
			Refs:      []check.Ref{check.RFC(7465, ""), check.RFC(9325, "4.1")},
			Doc: `RC4 leaks what it encrypts, single DES is searched through in a day, and 3DES and IDEA repeat themselves after some gigabytes. Only
very old peers choose them, and on port 25 they are still better than clear text.

Remove them where people log in; on port 25 look into the log first.

Before, in Postfix:

    smtpd_tls_exclude_ciphers =

After:

    smtpd_tls_exclude_ciphers = RC4, DES, 3DES, IDEA, MD5`,
		},
		Applies: receives,
		Run:     further(mailPorts, LevelDeep, ofClass(ClassWeak, mild)),
	},
	{
		Meta: check.Meta{
			ID: "tls-cipher-no-fs", Standard: check.STARTTLS, Severity: check.Notice,
			Title:     "the server accepts suites without forward secrecy",
			Variants:  []check.Variant{{Name: "submission", Severity: check.Warning}},
			CoveredBy: []string{"tls-only-weak"},
			Refs:      []check.Ref{check.RFC(9325, "4.1")},
			Doc: `With static RSA or DH the server's long-lived key opens every session that was ever recorded, so whoever steals it reads old mail
too. Only old peers choose these suites.

Prefer ECDHE, and exclude key exchange by RSA where no old client needs it.

Before, in Postfix:

    smtpd_tls_exclude_ciphers =

After:

    smtpd_tls_exclude_ciphers = kRSA`,
		},
		Applies: receives,
		Run:     further(mailPorts, LevelDeep, ofClass(ClassNoFS, mild)),
	},
	{
		Meta: check.Meta{
			ID: "tls-cipher-cbc", Standard: check.STARTTLS, Severity: check.Info,
			Title: "the server accepts CBC suites",
			Refs:  []check.Ref{check.RFC(9325, "4.2")},
			Doc: `CBC suites with ECDHE are the older construction: attacks on their padding have come back several times, though they hardly apply
to mail. Clients before 2014 know nothing better.

There is nothing to do unless a guideline asks for AEAD alone.

Before:

    ECDHE-RSA-AES256-SHA384

After:

    ECDHE-RSA-AES256-GCM-SHA384`,
		},
		Applies: receives,
		Run:     further(port25, LevelDeep, ofClass(ClassCBC, func(_ *Session, f *check.Finding) *check.Finding { return f })),
	},
	{
		Meta: check.Meta{
			ID: "tls-order", Standard: check.STARTTLS, Severity: check.Notice,
			Title: "the server lets the client choose a weaker suite",
			Refs:  []check.Ref{check.RFC(9325, "4.2.1")},
			Doc: `Of the same suites the server takes a weaker one when the client names it first. A client with a bad order then gets less
than both could do.

Let the server's order decide.

Before, in Postfix:

    tls_preempt_cipherlist = no

After:

    tls_preempt_cipherlist = yes`,
		},
		Applies: receives,
		Run: further(mailPorts, LevelDeep, func(s *Session) (*check.Finding, bool) {
			ours, reverse := s.Handshakes.find(kindTLS12), s.Handshakes.find(kindReverse)
			if s.oldTLS() || s.Handshakes.onlyTLS13() {
				return nil, true // nothing to choose from
			}
			if ours == nil || ours.Result != accepted || reverse == nil || reverse.Result != accepted {
				return nil, false
			}
			worse := slices.Index(classes, classOf(reverse.Suite)) < slices.Index(classes, classOf(ours.Suite))
			return when(worse, on(s, check.Params{"Suite": reverse.Suite, "Better": ours.Suite})), true
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-dh-short", Standard: check.STARTTLS, Severity: check.Warning,
			Title:    "the server's Diffie-Hellman group is too small",
			Variants: []check.Variant{{Name: "broken", Severity: check.Error}},
			Refs:     []check.Ref{check.RFC(9325, "4.5")},
			Doc: `The secrecy of a DHE session is that of its prime. Below 1024 bits it was broken in public (Logjam), 1024 bits are within the means
of states, and below 2048 libraries begin to refuse.

Use ECDHE, or one of the groups of RFC 7919 with 3072 bits; many servers read it from a file.

Before, in Postfix:

    smtpd_tls_dh1024_param_file = /etc/postfix/dh1024.pem

After:

    smtpd_tls_dh1024_param_file = auto`,
		},
		Applies: receives,
		Run: further(mailPorts, LevelDeep, func(s *Session) (*check.Finding, bool) {
			_, told := s.class(ClassDHE)
			var worst *Handshake
			for i := range s.tried() {
				t := &s.Handshakes.Tried[i]
				if t.Result == accepted && keyExchangeOf(t.Suite) == "dhe" && t.GroupBits > 0 && t.GroupBits < 2048 &&
					(worst == nil || t.GroupBits < worst.GroupBits) {
					worst = t
				}
			}
			if worst == nil {
				return nil, told
			}
			f := on(s, check.Params{"Bits": worst.GroupBits, "Suite": worst.Suite})
			if worst.GroupBits < 1024 {
				f.Variant = "broken"
			}
			return f, true
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-curve-weak", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "the server accepts a weak or odd curve",
			Refs:  []check.Ref{check.RFC(9325, "4.5")},
			Doc: `Curves under 224 bits give less than the 112 bits of strength that everybody asks for, and one without a number is nobody's
standard. Clients that offer such curves are old, and may end up with them.

Name the curves that are to be used.

Before, in Postfix:

    tls_eecdh_auto_curves = sect163k1 prime256v1

After:

    tls_eecdh_auto_curves = X25519 prime256v1 secp384r1`,
		},
		Applies: receives,
		Run: further(mailPorts, LevelDeep, func(s *Session) (*check.Finding, bool) {
			for _, t := range s.tried() {
				if t.Result == accepted && keyExchangeOf(t.Suite) == "ecdhe" &&
					(t.GroupBits > 0 && t.GroupBits < 224 || t.Group == customCurve) {
					return on(s, check.Params{"Curve": t.Group}), true
				}
			}
			_, told := s.Handshakes.took(kindWeakCurves)
			return nil, told || s.Handshakes.onlyTLS13()
		}),
	},
}

// ofClass reports an accepted suite of a class.
func ofClass(c Class, place func(*Session, *check.Finding) *check.Finding) look {
	return func(s *Session) (*check.Finding, bool) {
		suite, told := s.class(c)
		if suite == "" {
			return nil, told
		}
		return place(s, on(s, check.Params{"Suite": suite})), true
	}
}

func (s *Session) tried() []Handshake {
	if s.Handshakes == nil {
		return nil
	}
	return s.Handshakes.Tried
}
