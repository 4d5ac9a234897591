package aggregate

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/postseal/postseal/dns"
)

// known maps the words of a report to those of the standards: receivers write
// them in any case, and some in words of their own.
type known map[string]string

func words(list ...string) known {
	k := known{}
	for _, w := range list {
		k[w] = w
	}
	return k
}

func (k known) with(from, to string) known {
	k[from] = to
	return k
}

// word gives the standard's word, "other" for what is none, "" for nothing.
func (k known) word(s string) string {
	if w, ok := k[s]; ok {
		return w
	}
	if s = strings.ToLower(strings.TrimSpace(s)); s == "" {
		return ""
	}
	if w, ok := k[s]; ok {
		return w
	}
	return "other"
}

var (
	policies     = words("none", "quarantine", "reject")
	dispositions = words("none", "quarantine", "reject", "pass")
	modes        = words("r", "s").with("relaxed", "r").with("strict", "s")
	flags        = words("y", "n")
	methods      = words("psl", "treewalk")
	scopes       = words("mfrom", "helo")
	dkimResults  = words("none", "pass", "fail", "policy", "neutral", "temperror", "permerror").with("hardfail", "fail")
	// RFC 7489 Appendix C says of two results what they are commonly written as.
	spfResults = words("none", "neutral", "pass", "fail", "softfail", "policy", "temperror", "permerror").
			with("hardfail", "fail").with("unknown", "temperror").with("error", "permerror")
	reasons = words("local_policy", "mailing_list", "policy_test_mode", "trusted_forwarder", "forwarded", "sampled_out", "other")
)

// address reads an address as reporters write it: in brackets, with the tag of
// an address literal, IPv4 in IPv6 form.
func address(s string) netip.Addr {
	s = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(s), "["), "]")
	if len(s) > 5 && strings.EqualFold(s[:5], "ipv6:") {
		s = s[5:]
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// count reads the number of messages; false for what is none.
func count(s string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 1 || n > maxCount {
		return 0, false
	}
	return n, true
}

// moment reads seconds since the epoch, and what else reporters write: with a
// fraction, milliseconds, or a date.
func moment(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	digits, _, _ := strings.Cut(s, ".")
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		if n > 1e11 {
			n /= 1000
		}
		t := time.Unix(n, 0).UTC()
		return t, plausible(t)
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), plausible(t)
		}
	}
	return time.Time{}, false
}

// plausible tells that DMARC existed and the calendar has four digits.
func plausible(t time.Time) bool { return t.Year() >= 1979 && t.Year() < 2200 }

// names makes names of texts, and remembers: a report repeats a handful.
type names map[string]dns.Name

const namesKept = 20_000

// name gives "" for what cannot be the name of a mail domain: nothing that is
// no name passes for one later.
func (c names) name(s []byte) dns.Name {
	if n, ok := c[string(s)]; ok {
		return n
	}
	text := strings.TrimSpace(string(s))
	if at := strings.LastIndexByte(text, '@'); at >= 0 { // some write the whole address
		text = strings.TrimSuffix(text[at+1:], ">")
	}
	n, err := dns.ParseDomain(text)
	if err != nil {
		n = ""
	}
	if len(c) >= namesKept {
		clear(c)
	}
	c[string(s)] = n
	return n
}

// clip keeps the beginning of a text that nobody should write long.
func clip(s []byte) string {
	s = s[:min(len(s), maxField)]
	return strings.ToValidUTF8(strings.TrimSpace(string(s)), "")
}

// within tells that one of two names is at or under the other: as near to
// relaxed alignment as can be told without DNS (RFC 9989 §3.2.10).
func within(a, b dns.Name) bool {
	return a != "" && b != "" && (a.IsUnder(b) || b.IsUnder(a))
}
