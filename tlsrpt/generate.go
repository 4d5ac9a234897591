package tlsrpt

import (
	"fmt"
	"strings"

	"github.com/postseal/postseal/check"
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
	var problems []check.GenProblem
	for _, uri := range o.RUA {
		text := Encode(strings.TrimSpace(uri))
		rec.RUA = append(rec.RUA, URI{Text: text})
		one, faults := Parse(string(version) + "; rua=" + text)
		// A host is itself or an A-label: no percent-encoding makes it one.
		if len(one.RUA) != 1 || !one.RUA[0].Usable() || hasFatal(faults) || !strings.Contains(strings.ToLower(text), one.RUA[0].Host.String()) {
			why := ""
			if len(faults) > 0 {
				why = faults[0].Rule
			}
			problems = append(problems, check.GenProblem{ID: "gen-tlsrpt-rua", Severity: check.Error, Params: check.Params{"URI": uri, "Rule": why}})
		}
	}
	if len(problems) > 0 {
		return "", problems, nil
	}
	return rec.String(), nil, nil
}

// Encode percent-encodes what stands for something else in a record: comma,
// exclamation mark and semicolon (RFC 8460 §3), and what is not ASCII.
func Encode(uri string) string {
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
