package mtasts

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Options say what to generate.
type Options struct {
	Mode   string        // "" means testing
	MaxAge time.Duration // 0 means a day in testing and none, a week in enforce
	MX     []string      // patterns, in the order of the file
	ID     string        // as IDFromTime gives; "" means IDFromPolicy

	// LiveMX are the mail hosts of the domain as DNS has them, to compare with
	// the patterns; nil when they are not known.
	LiveMX []dns.Name
	// CertsOK says that each mail host is known to show a certificate that
	// verifies for its own name, by a probe or because the user says so.
	CertsOK bool
	// LiveID and LivePolicy are what is published now, "" for nothing.
	LiveID     string
	LivePolicy string
}

// Generated is a record and the policy file that it announces.
type Generated struct {
	Record string // for _mta-sts.<domain>
	Policy string // for https://mta-sts.<domain>/.well-known/mta-sts.txt
}

// Generate makes the record and the policy file of a domain. Same input, same
// octets. The problems are for the caller to refuse or to show; the error says
// that the options make no valid policy at all.
func Generate(domain dns.Name, o Options) (Generated, []check.GenProblem, error) {
	if o.Mode == "" {
		o.Mode = Testing
	}
	if o.MaxAge == 0 {
		o.MaxAge = 24 * time.Hour
		if o.Mode == Enforce {
			o.MaxAge = 7 * 24 * time.Hour
		}
	}
	p := &Policy{Version: "STSv1", Mode: o.Mode, MaxAge: o.MaxAge, MaxAgeSeconds: int64(o.MaxAge / time.Second)}
	for _, mx := range o.MX {
		if mx = pattern(mx); !slices.Contains(p.MX, mx) {
			p.MX = append(p.MX, mx)
		}
	}
	if o.Mode == None {
		p.MX = nil // a policy that is switched off names no hosts (RFC 8461 §3.2)
	}
	g := Generated{Policy: p.String()}
	id := o.ID
	if id == "" {
		id = idFromPolicy([]byte(g.Policy))
	}
	g.Record = idFor(id)
	if err := readBack(g); err != nil {
		return Generated{}, nil, fmt.Errorf("mtasts: generating for %q: %w", domain, err)
	}
	return g, o.problems(domain, p, g, id), nil
}

// pattern writes what a user means by an mx as the policy has it: in lower case,
// without the final dot, in A-labels (RFC 8461 §3.2).
func pattern(text string) string {
	base, wild := strings.CutPrefix(strings.TrimSpace(text), "*.")
	if n, err := dns.ParseDomain(base); err == nil && strings.ContainsFunc(base, func(r rune) bool { return r > unicode.MaxASCII }) {
		base = n.String()
	}
	base = strings.ToLower(strings.TrimSuffix(base, "."))
	if wild {
		return "*." + base
	}
	return base
}

// readBack holds what was made to our own parsers.
func readBack(g Generated) error {
	if _, problems := ParseRecord(g.Record); len(problems) > 0 {
		return fmt.Errorf("the id must have 1 to %d letters and digits: %s", MaxIDLen, problems[0].Rule)
	}
	_, problems := parsePolicy([]byte(g.Policy))
	if len(problems) == 0 {
		return nil
	}
	switch pr := problems[0]; pr.Rule {
	case "mtasts-policy-mode":
		return fmt.Errorf("mode %q is not one of enforce, testing and none", pr.Params["Value"])
	case "mtasts-policy-max-age":
		return fmt.Errorf("max_age %v is not between 0 and %d seconds", pr.Params["Value"], int64(MaxMaxAge/time.Second))
	case "mtasts-policy-mx-missing":
		return errors.New("at least one mx is needed")
	case "mtasts-policy-mx-invalid":
		return fmt.Errorf("mx %q is neither a host name nor \"*.\" and a domain", pr.Params["Pattern"])
	default:
		return fmt.Errorf("the policy would not read back: %s", pr.Rule)
	}
}

// NullMX is the refusal for a domain that takes no mail (RFC 7505).
func NullMX(domain dns.Name) check.GenProblem {
	return check.GenProblem{ID: "gen-mtasts-null-mx", Severity: check.Error, Params: check.Params{"Domain": domain.String()}}
}

func (o *Options) problems(domain dns.Name, p *Policy, g Generated, id string) []check.GenProblem {
	var out []check.GenProblem
	add := func(id string, params check.Params) {
		out = append(out, check.GenProblem{ID: id, Severity: check.Error, Params: params})
	}
	if p.Mode != None { // switching off is right whatever the mail hosts are (RFC 8461 §8.3)
		if slices.Contains(o.LiveMX, dns.Root) {
			return []check.GenProblem{NullMX(domain)}
		}
		var uncovered []string
		for _, mx := range o.LiveMX {
			if !slices.ContainsFunc(p.MX, func(pattern string) bool { return matches(pattern, mx) }) {
				uncovered = append(uncovered, mx.String())
			}
		}
		for _, mx := range p.MX {
			if wildcardScope(mx) == "suffix" {
				add("gen-mtasts-mx-suffix", check.Params{"Pattern": mx, "Base": patternBase(mx).String()})
			}
		}
		if len(uncovered) > 0 {
			add("gen-mtasts-mx-uncovered", check.Params{"Hosts": uncovered, "Count": len(uncovered)})
		}
	}
	if p.Mode == Enforce && !o.CertsOK {
		add("gen-mtasts-enforce-unproven", check.Params{})
	}
	if o.LivePolicy != "" && id == o.LiveID && normalEndings(o.LivePolicy) != g.Policy {
		add("gen-mtasts-id-same", check.Params{"ID": id})
	}
	return out
}

func normalEndings(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

// IDFromTime is an id that grows with time: YYYYMMDDhhmmss in UTC.
func IDFromTime(t time.Time) string { return t.UTC().Format("20060102150405") }

// idFromPolicy is an id that changes with the policy and only with it: the
// first 16 hexadecimal digits of SHA-256 over its octets.
func idFromPolicy(policy []byte) string {
	sum := sha256.Sum256(policy)
	return hex.EncodeToString(sum[:8])
}
