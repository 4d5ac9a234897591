package starttls

import (
	"slices"

	"github.com/postseal/postseal/check"
)

// mailPorts are those where further handshakes are made.
var mailPorts = slices.Concat(port25, submission)

// look judges the further handshakes of one session; told is false where they
// do not settle the matter.
type look func(s *Session) (find *check.Finding, told bool)

// further judges what only further handshakes show. Without them a rule does
// not apply: need is the level that settles the matter for certain.
func further(ports []uint16, need Level, j look) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		if !f.Level.reaches(LevelStandard) {
			r.Unknown(askFor(need))
			return
		}
		each(ports, StepTLS, func(f *Facts, s *Session) *check.Finding {
			find, told := j(s)
			if find == nil && !told {
				if !f.Level.reaches(need) && (s.Handshakes == nil || s.Handshakes.Stopped == "") {
					r.Unknown(askFor(need))
				} else {
					r.Unknown(s.unsettled())
				}
			}
			return find
		})(f, r)
	}
}

func askFor(l Level) error { return check.NotAskedFor("--tls-versions " + string(l)) }

// unsettled is why the further handshakes of a session did not tell.
func (s *Session) unsettled() check.Cause {
	detail := ""
	if s.Handshakes != nil {
		detail = s.Handshakes.Stopped
	}
	return check.Cause{Code: "tls-unsettled", Params: check.Params{
		"Host": s.Host.String(), "Address": s.Addr.String(), "Port": int(s.Port), "Detail": detail}}
}

// mild gives a finding on port 25, where old or weak TLS is better than clear
// text, its own severity, and one on a submission port the variant.
func mild(s *Session, f *check.Finding) *check.Finding {
	if s.Port != 25 {
		f.Variant = "submission"
	}
	return f
}

// version tells whether the server accepts a version, by the handshakes that
// would show it, the newest first.
func (s *Session) version(name string, kinds ...string) (yes, told bool) {
	for _, kind := range kinds {
		t := s.Handshakes.find(kind)
		switch {
		case t == nil || t.Result == untold:
		case t.Result == accepted && t.Version == name:
			return true, true
		case t.Result == refused, kind == kinds[len(kinds)-1]:
			told = true
		case name == "TLS 1.0" && t.Version == "TLS 1.1":
			// the better one hides whether the other is there
		default:
			told = true
		}
	}
	return false, told
}

// versionRules judge versions that were withdrawn.
var versionRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "tls-sslv2", Standard: check.STARTTLS, Severity: check.Error,
			Title: "the server accepts SSL 2.0",
			Refs:  []check.Ref{check.RFC(6176, "")},
			Doc: `SSL 2.0 was forbidden in 2011. Whoever can talk it to any server with this key can decrypt recorded TLS sessions of every server
that shares the key (DROWN), so it endangers the web server too.

Switch it off everywhere, and replace the key if it was shared.

Before, in Postfix:

    smtpd_tls_protocols = SSLv2, SSLv3, TLSv1

After:

    smtpd_tls_protocols = >=TLSv1.2`,
		},
		Applies: receives,
		Run: further(mailPorts, LevelDeep, func(s *Session) (*check.Finding, bool) {
			yes, told := s.Handshakes.took(kindSSL2)
			return when(yes, on(s, nil)), told
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-sslv3", Standard: check.STARTTLS, Severity: check.Error,
			Title: "the server accepts SSL 3.0",
			Refs:  []check.Ref{check.RFC(7568, "")},
			Doc: `SSL 3.0 was forbidden in 2015: its padding lets an attacker on the path read parts of a session (POODLE). No mail server that is
still looked after needs it.

Switch it off.

Before, in Postfix:

    smtpd_tls_protocols = !SSLv2

After:

    smtpd_tls_protocols = >=TLSv1.2`,
		},
		Applies: receives,
		Run: further(mailPorts, LevelDeep, func(s *Session) (*check.Finding, bool) {
			yes, told := s.Handshakes.took(kindSSL3)
			return when(yes, on(s, nil)), told
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-1-0", Standard: check.STARTTLS, Severity: check.Notice,
			Title:    "the server still accepts TLS 1.0",
			Variants: []check.Variant{{Name: "submission", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(8996, "4")},
			Doc: `TLS 1.0 was withdrawn in 2021. On a submission port no mail program needs it. On port 25 a few old senders know nothing better:
refused, they send in clear text, which is worse, so large providers keep it there.

Switch it off on submission ports; on port 25 look into the log first.

Before, in Postfix:

    smtpd_tls_protocols = >=TLSv1

After:

    smtpd_tls_protocols = >=TLSv1.2`,
		},
		Applies: receives,
		Run: further(mailPorts, LevelDeep, func(s *Session) (*check.Finding, bool) {
			yes, told := s.version("TLS 1.0", kindTLS11, kindTLS10)
			return when(yes && !s.oldTLS(), mild(s, on(s, nil))), told
		}),
	},
	{
		Meta: check.Meta{
			ID: "tls-1-1", Standard: check.STARTTLS, Severity: check.Notice,
			Title:    "the server still accepts TLS 1.1",
			Variants: []check.Variant{{Name: "submission", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(8996, "5")},
			Doc: `TLS 1.1 was withdrawn in 2021 together with 1.0. Hardly anything knows 1.1 and not 1.2, so switching it off costs nobody; on
port 25 it is at least better than clear text.

Switch it off with TLS 1.0.

Before, in Postfix:

    smtpd_tls_protocols = >=TLSv1.1

After:

    smtpd_tls_protocols = >=TLSv1.2`,
		},
		Applies: receives,
		Run: further(mailPorts, LevelStandard, func(s *Session) (*check.Finding, bool) {
			yes, told := s.version("TLS 1.1", kindTLS11)
			return when(yes && !s.oldTLS(), mild(s, on(s, nil))), told
		}),
	},
}
