package reply

import (
	"strconv"
	"strings"
	"testing"

	"github.com/postseal/postseal/internal/ruletest"
)

// TestRules reads the section input; setup says session (a transcript), tls
// (as --tls), raw, crlf (convert the line ends) and mixed (all but that many).
func TestRules(t *testing.T) {
	ruletest.Run(t, rules, func(t *testing.T, c *ruletest.Case) *Facts {
		text := c.Files["input"]
		if c.Setup["crlf"] != "" {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		if n, err := strconv.Atoi(c.Setup["mixed"]); err == nil {
			head, rest := "", text
			for range n {
				line, tail, _ := strings.Cut(rest, "\n")
				head, rest = head+line+"\n", tail
			}
			text = head + strings.ReplaceAll(rest, "\n", "\r\n")
		}
		if c.Setup["session"] == "" {
			f, err := Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		f, err := ParseSession([]byte(text), Options{
			Raw: c.Setup["raw"] != "", ImplicitTLS: c.Setup["tls"] == "implicit", Plain: c.Setup["tls"] == "none",
		})
		if err != nil {
			t.Fatal(err)
		}
		return f
	})
}
