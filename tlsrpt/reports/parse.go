package reports

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/postseal/postseal/dns"
)

// Report is one report, such as the example of RFC 8460 Appendix B.
type Report struct {
	Source string // where it was read: a path, with the entry or attachment after a colon

	Org     string // "organization-name"
	Contact string // "contact-info"
	ID      string // "report-id"
	Begin   time.Time
	End     time.Time

	Policies []Policy
}

// Types of policies (RFC 8460 §4.2).
const (
	STS      = "sts"
	TLSA     = "tlsa"
	NoPolicy = "no-policy-found"
	Other    = "other" // a word that the standard does not know
)

// Policy is what the reporter applied to a number of sessions, and how they went.
type Policy struct {
	Type       string   // STS, TLSA, NoPolicy or Other
	Domain     dns.Name // "policy-domain": under TLSA the mail host (RFC 8460 §1.1)
	MXHosts    []string // "mx-host": an array by erratum 6241, a string in many reports
	Successful int64
	Failed     int64
	Failures   []Failure
}

// Failure is one of "failure-details".
type Failure struct {
	Result      string     // "result-type": a word of RFC 8460 §4.3, or Other
	SendingIP   netip.Addr // invalid where not given
	Host        dns.Name   // "receiving-mx-hostname", "" where not given
	ReceivingIP netip.Addr
	Count       int64
	Reason      string // "failure-reason-code", else "additional-information"
}

// Results are the result types of RFC 8460 §4.3 with the rules of postseal that
// look at the same thing, the likeliest first.
var Results = map[string][]string{
	"starttls-not-supported":    {"starttls-missing", "mtasts-mx-starttls-missing", "dane-starttls-missing"},
	"certificate-host-mismatch": {"cert-name", "mtasts-mx-cert-invalid"},
	"certificate-expired":       {"cert-expired", "mtasts-mx-cert-invalid"},
	"certificate-not-trusted":   {"cert-untrusted", "cert-self-signed", "mtasts-mx-cert-invalid"},
	"validation-failure":        {"starttls-handshake-failed", "mtasts-mx-not-covered", "tls-1-2-missing"},
	"tlsa-invalid":              {"dane-no-match", "dane-digest-length", "dane-usage-unknown"},
	"dnssec-invalid":            {"dnssec-bogus", "dnssec-ds-mismatch", "dnssec-rrsig-not-yet-valid"},
	"dane-required":             {"dane-tlsa-missing", "dane-mx-insecure"},
	"sts-policy-fetch-error":    {"mtasts-policy-http-status", "mtasts-policy-connect-failed", "mtasts-policy-host-missing", "mtasts-policy-redirect"},
	"sts-policy-invalid":        {"mtasts-policy-syntax", "mtasts-policy-mode", "mtasts-policy-mx-missing", "mtasts-policy-version"},
	"sts-webpki-invalid":        {"mtasts-policy-cert-untrusted", "mtasts-policy-cert-expired", "mtasts-policy-cert-name"},
}

// Bounds of one report.
const (
	maxPolicies = 10_000
	maxFailures = 200_000
	maxField    = 300 // octets kept of one text
	maxHosts    = 100 // kept of "mx-host"
	maxCount    = 1_000_000_000_000
)

// wire is a report as JSON (RFC 8460 §4.4).
type wire struct {
	Org     text `json:"organization-name"`
	Contact text `json:"contact-info"`
	ID      text `json:"report-id"`
	Range   struct {
		Begin text `json:"start-datetime"`
		End   text `json:"end-datetime"`
	} `json:"date-range"`
	Policies []struct {
		Policy struct {
			Type   text  `json:"policy-type"`
			Domain text  `json:"policy-domain"`
			MXHost texts `json:"mx-host"`
		} `json:"policy"`
		Summary struct {
			Successful count `json:"total-successful-session-count"`
			Failed     count `json:"total-failure-session-count"`
		} `json:"summary"`
		Failures []struct {
			Result      text  `json:"result-type"`
			SendingIP   text  `json:"sending-mta-ip"`
			Host        text  `json:"receiving-mx-hostname"`
			ReceivingIP text  `json:"receiving-ip"`
			Count       count `json:"failed-session-count"`
			Info        text  `json:"additional-information"`
			Code        text  `json:"failure-reason-code"`
		} `json:"failure-details"`
	} `json:"policies"`
}

// text is a string that nobody should write long; null is "".
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("a text is not a string")
	}
	if s != nil {
		*t = text(strings.ToValidUTF8((*s)[:min(len(*s), maxField)], "\uFFFD"))
	}
	return nil
}

// texts is a list of strings, or one alone.
type texts []text

func (t *texts) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		var list []text
		if err := json.Unmarshal(b, &list); err != nil {
			return err
		}
		*t = list[:min(len(list), maxHosts)]
		return nil
	}
	var one text
	if err := one.UnmarshalJSON(b); err != nil {
		return err
	}
	if one != "" {
		*t = texts{one}
	}
	return nil
}

// count is a number of sessions; some reporters put it in quotes.
type count int64

func (c *count) UnmarshalJSON(b []byte) error {
	s := string(bytes.Trim(b, `"`))
	if s == "null" {
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > maxCount {
		return errors.New("a number of sessions is none")
	}
	*c = count(n)
	return nil
}

// parse reads one report. What is wrong with it is an error: it counts whole or
// not at all.
func parse(b []byte) (*Report, error) {
	var w wire
	if err := json.Unmarshal(bytes.TrimPrefix(b, bom), &w); err != nil {
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, fmt.Errorf("its JSON breaks at octet %d: %w", e.Offset, err)
		}
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			if e.Field == "" {
				return nil, errNoReport
			}
			return nil, fmt.Errorf("%q is a %s, which it cannot be", e.Field, e.Value)
		}
		return nil, err
	}
	switch {
	case len(w.Policies) == 0:
		return nil, errNoReport
	case len(w.Policies) > maxPolicies:
		return nil, fmt.Errorf("it has more than %d policies", maxPolicies)
	}
	r := &Report{Org: string(w.Org), Contact: string(w.Contact), ID: string(w.ID)}
	var ok bool
	if r.Begin, ok = moment(w.Range.Begin); !ok {
		return nil, errors.New("its date range has no beginning that can be read")
	}
	if r.End, ok = moment(w.Range.End); !ok || r.End.Before(r.Begin) {
		return nil, errors.New("its date range has no end that can be read")
	}
	failures := 0
	for i := range w.Policies {
		in := &w.Policies[i]
		p := Policy{Type: policyType(in.Policy.Type), Successful: int64(in.Summary.Successful), Failed: int64(in.Summary.Failed)}
		if p.Domain = name(in.Policy.Domain); p.Domain == "" {
			return nil, errors.New("a policy has no domain")
		}
		for _, h := range in.Policy.MXHost {
			p.MXHosts = append(p.MXHosts, string(h))
		}
		if failures += len(in.Failures); failures > maxFailures {
			return nil, fmt.Errorf("it has more than %d failures", maxFailures)
		}
		for j := range in.Failures {
			f := &in.Failures[j]
			p.Failures = append(p.Failures, Failure{
				Result: resultType(f.Result), SendingIP: addr(f.SendingIP), Host: name(f.Host), ReceivingIP: addr(f.ReceivingIP),
				Count: int64(f.Count), Reason: cmp.Or(strings.TrimSpace(string(f.Code)), strings.TrimSpace(string(f.Info))),
			})
		}
		r.Policies = append(r.Policies, p)
	}
	return r, nil
}

// moment reads a time of RFC 3339, whose letters have no case (§5.6); reporters
// without a time zone mean UTC.
func moment(t text) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if at, err := time.Parse(layout, strings.ToUpper(strings.TrimSpace(string(t)))); err == nil && at.Year() >= 2000 && at.Year() < 2200 {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

func policyType(t text) string {
	switch s := strings.ToLower(strings.TrimSpace(string(t))); s {
	case STS, TLSA, NoPolicy:
		return s
	}
	return Other
}

var word = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// resultType keeps words that the standard does not know: its list may grow
// (RFC 8460 §6.6).
func resultType(t text) string {
	if s := strings.ToLower(strings.TrimSpace(string(t))); word.MatchString(s) {
		return s
	}
	return Other
}

// name is a host or domain, "" for what is none.
func name(t text) dns.Name {
	n, err := dns.ParseDomain(strings.TrimPrefix(strings.TrimSpace(string(t)), "*."))
	if err != nil {
		return ""
	}
	return n
}

func addr(t text) netip.Addr {
	a, err := netip.ParseAddr(strings.Trim(strings.TrimSpace(string(t)), "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}
