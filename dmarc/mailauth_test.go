package dmarc

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// mailauthCase is one case of testdata/mailauth.
type mailauthCase struct {
	Name  string
	Calls []struct {
		ID   int
		Args []struct {
			HeaderFrom  string
			SPFDomains  []struct{ Domain string }
			DKIMDomains []struct{ Domain string }
			Resolver    struct {
				Zone map[string]map[string][]json.RawMessage
			}
		}
	}
	Expect []struct {
		On struct {
			Call int
			Path []string
		}
		Not   bool
		Check string
		Args  []any
	}
}

// Where mailauth and RFC 9989 differ, what the RFC says.
var mailauthDiffers = map[string]struct{ why, result, policy string }{
	"does not inherit the org policy when the author domain publishes multiple records (§4.10 step 2)": {
		"several records at one name are discarded and the walk goes on (§4.10 steps 2 and 6)", "fail", "none"},
}

func TestMailauth(t *testing.T) {
	file, err := os.Open("testdata/mailauth/rfc9989.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	used := map[string]bool{}
	cases := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var c mailauthCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases++
		t.Run(c.Name, func(t *testing.T) {
			o, asked := c.run(t)
			if d, ok := mailauthDiffers[c.Name]; ok {
				used[c.Name] = true
				if o.Result != d.result || o.Policy.Policy != d.policy {
					t.Errorf("%s: got %s, policy %q", d.why, o.Result, o.Policy.Policy)
				}
				return
			}
			c.compare(t, o, asked)
		})
	}
	if cases != 18 || len(used) != len(mailauthDiffers) {
		t.Errorf("%d cases, differences used: %v", cases, used)
	}
}

// run evaluates the one call of a case; asked are the _dmarc names of the walk
// from the Author Domain, in order.
func (c *mailauthCase) run(t *testing.T) (o *Outcome, asked []string) {
	t.Helper()
	if len(c.Calls) != 1 {
		t.Fatalf("%d calls", len(c.Calls))
	}
	arg := c.Calls[0].Args[0]
	var zone strings.Builder
	for name, types := range arg.Resolver.Zone {
		for typ, values := range types {
			for _, v := range values {
				var texts []string
				var mx struct {
					Priority int
					Exchange string
				}
				var address string
				switch {
				case typ == "TXT" && json.Unmarshal(v, &texts) == nil:
					fmt.Fprintf(&zone, "%s. TXT \"%s\"\n", name, strings.Join(texts, `" "`))
				case typ == "MX" && json.Unmarshal(v, &mx) == nil:
					fmt.Fprintf(&zone, "%s. MX %d %s.\n", name, mx.Priority, mx.Exchange)
				case typ == "A" && json.Unmarshal(v, &address) == nil:
					fmt.Fprintf(&zone, "%s. A %s\n", name, address)
				default:
					t.Fatalf("what is %s %s?", typ, v)
				}
			}
		}
	}
	_, from, _ := strings.Cut(arg.HeaderFrom, "@")
	q := Query{From: dns.Name(from)}
	for _, d := range arg.SPFDomains {
		q.SPF = &Identifier{Domain: dns.Name(d.Domain), Result: "pass"}
	}
	for _, d := range arg.DKIMDomains {
		q.DKIM = append(q.DKIM, Identifier{Domain: dns.Name(d.Domain), Result: "pass"})
	}
	o = Eval(context.Background(), dnstest.New(t, zone.String()), q)
	for _, s := range o.Steps {
		asked = append(asked, "_dmarc."+s.Name.String())
	}
	return o, asked
}

// compare holds an outcome against the expectations, in mailauth's words.
func (c *mailauthCase) compare(t *testing.T, o *Outcome, asked []string) {
	t.Helper()
	for _, e := range c.Expect {
		path := strings.Join(e.On.Path, ".")
		var got any
		switch path {
		case "status.result":
			got = o.Result
		case "policy":
			got = o.Policy.Policy
		case "domain":
			got = o.OrganizationalDomain.String()
		case "rr":
			if !strings.Contains(o.PolicyRecord, e.Args[0].(string)) {
				t.Errorf("record: got %q, want %v in it", o.PolicyRecord, e.Args[0])
			}
			continue
		case "alignment.spf.result":
			got = ""
			if o.Aligned.SPF {
				got = o.OrganizationalDomain.String()
			}
		case "alignment.dkim.result":
			if o.Aligned.DKIM {
				t.Error("DKIM is aligned")
			}
			continue
		case "alignment.dkim.strict":
			if o.Identifiers[0].Mode != "strict" || !o.Identifiers[0].StrictOnly {
				t.Errorf("got %+v, want strict mode alone in the way", o.Identifiers[0])
			}
			continue
		case "resolver.calls.filter(..).map(..)":
			var want []string
			for _, n := range e.Args[0].([]any) {
				want = append(want, n.(string))
			}
			if !slices.Equal(asked, want) {
				t.Errorf("asked %v\nwant %v", asked, want)
			}
			continue
		default:
			t.Fatalf("what is %s?", path)
		}
		if got != e.Args[0] {
			t.Errorf("%s: got %v, want %v", path, got, e.Args[0])
		}
	}
}
