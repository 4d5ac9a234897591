package reply

import (
	"encoding/base64"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Redacted stands where a credential was.
const Redacted = "[redacted]"

// Bounds of what is kept of one text.
const (
	maxText   = 2000 // octets of a reply's text
	maxRecord = 500  // octets of a line as evidence
)

var (
	// inlineAuth is an AUTH command inside other text, with what it carries.
	inlineAuth = regexp.MustCompile(`(?i)\b(AUTH\s+[A-Z0-9_-]{1,20}\s+)([A-Za-z0-9+/=_.~-]{2,})`)
	// otherSecrets are passwords of other protocols, flags, settings and URLs.
	otherSecrets = []*regexp.Regexp{
		regexp.MustCompile(`^(\s*(?:[<>=~*-]+\s*|C:\s*)?)(PASS\s+)(\S+)`),
		regexp.MustCompile(`(?i)(\b)((?:password|passwd|senha|secret|auth-password|--ap)["']?\s*[=:]\s*["']?)([^\s"',;]+)`),
		regexp.MustCompile(`(?i)(://[^/\s:@]{1,200}:)()([^/\s@]{1,200})@`),
		regexp.MustCompile(`(?i)(\bBearer\s+)()([A-Za-z0-9._~+/=-]{8,})`),
	}
	authMechanism = regexp.MustCompile(`(?i)^(PLAIN|LOGIN|XOAUTH2|OAUTHBEARER|CRAM-MD5|DIGEST-MD5|NTLM|GSSAPI|EXTERNAL|ANONYMOUS|SCRAM-[A-Z0-9-]+)$`)
	base64Token   = regexp.MustCompile(`^[A-Za-z0-9+/_-]{4,}={0,2}$`)
)

// redact takes credentials out of text that is no transcript.
func redact(s string) string {
	s = inlineAuth.ReplaceAllStringFunc(s, func(m string) string {
		parts := inlineAuth.FindStringSubmatch(m)
		mech := strings.Fields(parts[1])[1]
		if !authMechanism.MatchString(mech) {
			return m // "auth failed for" is prose
		}
		// AUTH PLAIN LOGIN is the list of a server, not a credential.
		if authMechanism.MatchString(parts[2]) {
			return m
		}
		return parts[1] + Redacted
	})
	for _, re := range otherSecrets {
		s = re.ReplaceAllString(s, "${1}${2}"+Redacted)
	}
	return s
}

// secrets are the credentials that a session sent, so that a server or a body
// which repeats one does not give it away.
type secrets struct {
	seen  map[string]bool
	whole []string
}

func (s *secrets) add(token string) {
	token = strings.TrimSpace(token)
	for _, t := range []string{token, password(token)} {
		// Short words are everywhere; and a mechanism's own prompts are no secret.
		if len(t) < 8 || s.seen[t] {
			continue
		}
		if s.seen == nil {
			s.seen = map[string]bool{}
		}
		s.seen[t] = true
		if len(s.whole) < maxSearched {
			s.whole = append(s.whole, t)
		}
	}
}

// password is the last part of what AUTH PLAIN carries (RFC 4616 §2).
func password(token string) string {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return ""
	}
	parts := strings.Split(string(raw), "\x00")
	if len(parts) == 3 && utf8.ValidString(parts[2]) && parts[2] != "password" {
		return parts[2]
	}
	return ""
}

// maxSearched bounds how many credentials are looked for inside words. Real
// sessions have a few; of more, those that stand as a word of their own go.
const maxSearched = 100

var secretWord = regexp.MustCompile(`[A-Za-z0-9+/=_-]{8,}`)

// scrub takes every known credential out of a text.
func (s *secrets) scrub(text string) string {
	if len(s.seen) > len(s.whole) {
		text = secretWord.ReplaceAllStringFunc(text, func(w string) string {
			if s.seen[w] {
				return Redacted
			}
			return w
		})
	}
	for _, t := range s.whole {
		if strings.Contains(text, t) {
			text = strings.ReplaceAll(text, t, Redacted)
		}
	}
	return text
}

// cut shortens text to that many octets, at a character, and says so.
func cut(s string, octets int) string {
	if len(s) <= octets {
		return s
	}
	end := octets - len("…")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
