package starttls

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/postseal/postseal/check"
)

// capabilityRules are facts about what the server offers and runs.
var capabilityRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "smtp-software-hint", Standard: check.STARTTLS, Severity: check.Info,
			Title: "the version shown is older than a security fix",
			Refs:  []check.Ref{{Doc: "CERT/CC VU#302671", URL: "https://kb.cert.org/vuls/id/302671"}},
			Doc: `The greeting names a version that was released before the fix for SMTP smuggling (CVE-2023-51764, 51765 and 51766). Greetings can
be wrong, and distributions repair old versions without changing their number, so this is a hint and no more.

See whether your distribution's package has the fix, and upgrade if it has not.

Before:

    220 mx1.example.com ESMTP Exim 4.94.2

After:

    220 mx1.example.com ESMTP Exim 4.98`,
		},
		Applies: receives,
		Run: each(port25, StepGreeted, func(_ *Facts, s *Session) *check.Finding {
			name, version, fixed := outdated(s.Banner)
			return when(fixed != "", onLine(s, s.Banner, check.Params{"Product": name, "Version": version, "Fixed": fixed}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-ehlo-duplicate-keyword", Standard: check.STARTTLS, Severity: check.Info,
			Title: "an extension is listed twice",
			Refs:  []check.Ref{check.RFC(5321, "4.1.1.1")},
			Doc: `The same word stands twice in the answer to EHLO. Clients take the first, the last or both, so what counts depends on who reads it.
AUTH beside the old spelling AUTH= is usual and meant for old clients.

List each extension once. A proxy in front of the server that adds its own lines is the usual reason.

Before:

    250-SIZE 10240000
    250 SIZE 52428800

After:

    250 SIZE 52428800`,
		},
		Applies: receives,
		Run: each(port25, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
			line := twice(s.Capabilities)
			if line == "" {
				line = twice(s.CapabilitiesTLS)
			}
			return when(line != "", onLine(s, line, check.Params{"Keyword": keyword(line)}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-extensions", Standard: check.STARTTLS, Severity: check.Info,
			Title: "the extensions that the server offers",
			Refs:  []check.Ref{check.RFC(2920, ""), check.RFC(3030, ""), check.RFC(3461, ""), check.RFC(2034, ""), check.RFC(8689, ""), check.RFC(9422, "")},
			Doc: `What the server offers beyond the minimum. PIPELINING saves round trips, CHUNKING sends large messages in parts, DSN asks for
notices of delivery, ENHANCEDSTATUSCODES says precisely why something was refused, SMTPUTF8 takes addresses in any script,
REQUIRETLS asks for encryption on the whole way, and LIMITS tells how much fits into one session.

Nothing need be done.

Before:

    250-mx1.example.com
    250 SIZE 36700160

After, with more extensions:

    250-mx1.example.com
    250-PIPELINING
    250 ENHANCEDSTATUSCODES`,
		},
		Applies: receives,
		Run: each(port25, StepEHLO, func(_ *Facts, s *Session) *check.Finding {
			var have []string
			for _, word := range []string{"PIPELINING", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES", "SMTPUTF8", "REQUIRETLS", "LIMITS"} {
				if has(extensions(s), word) {
					have = append(have, word)
				}
			}
			return when(len(have) > 0, on(s, check.Params{"Extensions": strings.Join(have, ", ")}))
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-etrn-advertised", Standard: check.STARTTLS, Severity: check.Info,
			Title: "ETRN or ATRN is advertised",
			Refs:  []check.Ref{check.RFC(1985, "")},
			Doc: `With ETRN a client asks the server to send what waits in its queue for a domain, which was of use to servers on dial-up lines.
Few need it today. Postfix lists it unless told otherwise, and answers it only for domains it is set up for.

Switch it off if nobody uses it.

Before:

    250-ETRN

After, in Postfix:

    smtpd_discard_ehlo_keywords = silent-discard, etrn`,
		},
		Applies: receives,
		Run: each(port25, StepEHLO, func(f *Facts, s *Session) *check.Finding {
			for _, w := range []string{"ETRN", "ATRN"} {
				if line, ok := capability(extensions(s), w); ok {
					return onLine(s, line, check.Params{"Keyword": w})
				}
			}
			return nil
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-quit-unclean", Standard: check.STARTTLS, Severity: check.Info,
			Title: "the server does not answer QUIT",
			Refs:  []check.Ref{check.RFC(5321, "4.1.1.10")},
			Doc: `A server answers QUIT with 221 and then closes the connection. This one gave another answer, or none within five seconds. Mail is
not affected; the answer is waited for only where the audit was asked to be patient.

Answer 221.

Before:

    QUIT
    (the connection is closed)

After:

    QUIT
    221 2.0.0 Bye`,
		},
		Applies: func(f *Facts) bool {
			return slices.ContainsFunc(f.sessions(port25), func(s *Session) bool { return s.Quit != "" })
		},
		Run: each(port25, StepGreeted, func(_ *Facts, s *Session) *check.Finding {
			return when(s.Quit == "unclean", on(s, nil))
		}),
	},
	{
		Meta: check.Meta{
			ID: "starttls-caps-lost", Standard: check.STARTTLS, Severity: check.Info,
			Title: "extensions are offered before TLS only",
			Refs:  []check.Ref{check.RFC(3207, "4.2")},
			Doc: `What the server offers inside TLS is less than before it. Only the second list counts, so what is missing there cannot be used. That
AUTH and REQUIRETLS appear inside TLS is right, and so is that STARTTLS goes.

Where SIZE, 8BITMIME or AUTH has gone, look at the settings for sessions with TLS.

Before, the first and the second EHLO:

    250-STARTTLS              250 8BITMIME
    250-SIZE 36700160
    250 8BITMIME

After:

    250-STARTTLS              250-SIZE 36700160
    250-SIZE 36700160         250 8BITMIME
    250 8BITMIME`,
		},
		Applies: receives,
		Run: each(clearPorts, StepEHLOTLS, func(_ *Facts, s *Session) *check.Finding {
			lost := lostKeywords(s.Capabilities, s.CapabilitiesTLS)
			return when(len(lost) > 0, on(s, check.Params{"Lost": strings.Join(lost, ", ")}))
		}),
	},
}

// twice is a capability line whose keyword stands there a second time. "AUTH="
// is an old spelling beside AUTH, not the same word.
func twice(lines []string) string {
	seen := map[string]bool{}
	for _, l := range lines {
		word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(l)), " ")
		if strings.HasPrefix(word, "AUTH=") {
			word = "AUTH="
		}
		if seen[word] && word != "" {
			return l
		}
		seen[word] = true
	}
	return ""
}

// lostKeywords are those listed before TLS and not inside.
func lostKeywords(before, after []string) []string {
	var out []string
	for _, l := range before {
		k := keyword(l)
		if k != "" && k != "STARTTLS" && !has(after, k) && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// fixes are the releases that end SMTP smuggling, by branch, newest last
// (the projects' announcements of December 2023 and January 2024; VU#302671).
var fixes = []struct {
	name   string
	banner *regexp.Regexp
	fixed  []string
}{
	{"Exim", regexp.MustCompile(`(?i)\bexim\s+(\d+(?:\.\d+){1,3})`), []string{"4.97.1"}},
	{"Sendmail", regexp.MustCompile(`(?i)\bsendmail\s+(\d+(?:\.\d+){1,3})`), []string{"8.18.1"}},
	{"Postfix", regexp.MustCompile(`(?i)\bpostfix\s*\(?(\d+(?:\.\d+){1,3})`), []string{"3.5.23", "3.6.13", "3.7.9", "3.8.4", "3.9.0"}},
}

// outdated finds a version in a greeting that is older than its branch's fix.
func outdated(banner string) (name, version, fixed string) {
	for _, f := range fixes {
		m := f.banner.FindStringSubmatch(banner)
		if m == nil {
			continue
		}
		have := numbers(m[1])
		for i, text := range f.fixed {
			fix := numbers(text)
			last := i == len(f.fixed)-1
			sameBranch := len(have) > 1 && slices.Equal(have[:2], fix[:2])
			if sameBranch && slices.Compare(have, fix) < 0 {
				return f.name, m[1], text
			}
			if sameBranch || last && slices.Compare(have, fix) >= 0 {
				return "", "", ""
			}
		}
		// A branch that was given up has no fix of its own; a newer one than all has it.
		return f.name, m[1], f.fixed[len(f.fixed)-1]
	}
	return "", "", ""
}

func numbers(version string) []int {
	var out []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			n = math.MaxInt // more digits than any version has
		}
		out = append(out, n)
	}
	return out
}
