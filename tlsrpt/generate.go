package tlsrpt

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/special"
)

// Options say what to generate.
type Options struct {
	RUA []string // mailto: and https: URIs; what the record cannot hold is percent-encoded
}

// Generate makes the record of a domain. Same input, same octets. A URI that no
// reporter could use is a problem, and there is no record then.
func Generate(o Options) (string, []check.GenProblem, error) {
	if len(o.RUA) == 0 {
		return "", nil, fmt.Errorf("tlsrpt: generating: at least one rua is needed")
	}
	rec := &Record{}
	var problems, notices []check.GenProblem
	seen := map[string]bool{}
	for _, uri := range o.RUA {
		text := encode(asciiHost(strings.TrimSpace(uri)))
		one, faults := Parse(string(version) + "; rua=" + text)
		// A host is itself or an A-label: no percent-encoding makes it one.
		if len(one.RUA) != 1 || !one.RUA[0].usable() || hasFatal(faults) || !strings.Contains(strings.ToLower(text), one.RUA[0].Host.String()) {
			why := ""
			if len(faults) > 0 {
				why = faults[0].Rule
			}
			problems = append(problems, check.GenProblem{ID: "gen-tlsrpt-rua", Severity: check.Error, Params: check.Params{"URI": uri, "Rule": why}})
			continue
		}
		u := one.RUA[0]
		if !u.onInternet() {
			problems = append(problems, check.GenProblem{ID: "gen-tlsrpt-host", Severity: check.Error, Params: check.Params{"URI": uri, "Host": u.Host.String()}})
			continue
		}
		if bare := withoutFields(u); bare != u.Text {
			notices = append(notices, check.GenProblem{ID: "gen-tlsrpt-fields", Severity: check.Notice, Params: check.Params{"URI": uri}})
			u.Text = bare
		}
		if key := u.normal(); !seen[key] {
			seen[key] = true
			rec.RUA = append(rec.RUA, u)
		}
	}
	if len(problems) > 0 {
		return "", problems, nil
	}
	return rec.String(), notices, nil
}

// onInternet tells whether the host of a URI may be one that reporters reach: a
// name of more than one label, or a public address.
func (u *URI) onInternet() bool {
	if a, ok := literalAddr(u.Host); ok {
		return special.Block(a) == ""
	}
	return len(u.Host.Labels()) > 1
}

// asciiHost writes the domain of a mail address in A-labels: nothing else stands
// for it in a record (RFC 6068 §2). What cannot be read is left to be refused.
func asciiHost(uri string) string {
	address, ok := strings.CutPrefix(uri, "mailto:")
	at := strings.LastIndexByte(address, '@')
	if !ok || at < 0 || !strings.ContainsFunc(address[at:], func(r rune) bool { return r > unicode.MaxASCII }) {
		return uri
	}
	host, err := dns.ParseDomain(address[at+1:])
	if err != nil {
		return uri
	}
	return "mailto:" + address[:at+1] + host.String()
}

// encode percent-encodes what stands for something else in a record: comma,
// exclamation mark and semicolon (RFC 8460 §3), and what is not ASCII.
func encode(uri string) string {
	var b strings.Builder
	for i := 0; i < len(uri); i++ {
		c := uri[i]
		if c == ',' || c == '!' || c == ';' || c <= 0x20 || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
