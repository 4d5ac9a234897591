package mtasts

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/ruletest"
)

// TestRules runs the case files. Beside the usual sections a case has
//
//	-- response --   what the policy host answers: status line, headers, body
//	-- fetch --      "key: value" over what the response says: error, phase,
//	                 detail, took_ms, at, body (a quoted Go string),
//	                 attempts ("ADDR WORD, …", ok for connected) and
//	                 cert ("VERDICT NOT-BEFORE NOT-AFTER NAMES")
//
// and in setup: https (off: no fetcher), dane (yes), mx (unknown), every (yes: the
// policy from each address; the section "response ADDRESS" is what that one
// answers), subdomain (names), before (the id with which the section "before"
// was served).
func TestRules(t *testing.T) {
	ruletest.Run(t, Rules, func(t *testing.T, c *ruletest.Case) *Facts {
		r := dnstest.New(t, c.Zone())
		domain := dns.Name(c.Domain())
		var fetcher Fetcher
		if c.Setup["https"] != "off" {
			fetcher = caseFetcher{t, c}
		}
		f, err := Gather(context.Background(), r, fetcher, domain)
		if err != nil {
			t.Fatal(err)
		}
		deep := Deep{EveryAddress: c.Setup["every"] == "yes"}
		for _, name := range strings.Fields(c.Setup["subdomain"]) {
			deep.Subdomains = append(deep.Subdomains, dns.Name(name))
		}
		if id := c.Setup["before"]; id != "" {
			deep.Before = &Before{ID: id, Body: []byte(c.Files["before"])}
		}
		if err := f.Deepen(context.Background(), r, fetcher, deep); err != nil {
			t.Fatal(err)
		}
		f.Profile = c.Profile()
		f.DANE = c.Setup["dane"] == "yes"
		if mx := dns.Ask(context.Background(), r, domain, dns.TypeMX); c.Setup["mx"] != "unknown" && !mx.Unknown() {
			f.MX = []dns.Name{}
			for _, rec := range mx.Records() {
				f.MX = append(f.MX, rec.Host)
			}
		}
		f.Match()
		return f
	})
}

type caseFetcher struct {
	t *testing.T
	c *ruletest.Case
}

func (cf caseFetcher) FetchPolicy(_ context.Context, domain dns.Name, addrs []netip.Addr) *Fetch {
	f := &Fetch{URL: PolicyURL(domain), At: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Phase: PhaseDone,
		Attempts: []Attempt{}, Addr: addrs[0], TookMS: 42,
		Certificate: &Cert{Verdict: VerdictOK, NotBefore: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}}
	for _, a := range addrs {
		f.Attempts = append(f.Attempts, Attempt{Addr: a})
	}
	text, ok := cf.c.Files["response "+addrs[0].String()]
	if !ok {
		text, ok = cf.c.Files["response"]
	}
	if ok {
		head, body, _ := strings.Cut(text, "\n\n")
		res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n"+body)), nil)
		if err != nil {
			cf.t.Fatalf("response section: %v", err)
		}
		f.Status, f.ContentType, f.Location = res.StatusCode, res.Header.Get("Content-Type"), res.Header.Get("Location")
		if f.Body, err = io.ReadAll(res.Body); err != nil {
			cf.t.Fatal(err)
		}
	}
	for line := range strings.Lines(cf.c.Files["fetch"]) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		cf.set(f, key, value)
	}
	return f
}

func (cf caseFetcher) set(f *Fetch, key, value string) {
	var err error
	switch key {
	case "error":
		f.Error = value
	case "phase":
		f.Phase = value
	case "detail":
		f.Detail = value
	case "took_ms":
		f.TookMS, err = strconv.ParseFloat(value, 64)
	case "at":
		f.At, err = time.Parse(time.DateOnly, value)
	case "body":
		var s string
		s, err = strconv.Unquote(value)
		f.Body = []byte(s)
	case "attempts":
		f.Attempts = []Attempt{}
		for part := range strings.SplitSeq(value, ", ") {
			addr, word, _ := strings.Cut(part, " ")
			f.Attempts = append(f.Attempts, Attempt{Addr: netip.MustParseAddr(addr), Error: strings.TrimPrefix(word, "ok"), Detail: word})
		}
	case "cert":
		words := strings.Fields(value)
		f.Certificate = &Cert{Verdict: words[0], Detail: words[0], Names: words[3:], Issuer: "CN=Issuer", Chain: 1}
		if f.Certificate.NotBefore, err = time.Parse(time.DateOnly, words[1]); err == nil {
			f.Certificate.NotAfter, err = time.Parse(time.DateOnly, words[2])
		}
	case "":
	default:
		cf.t.Errorf("fetch section: unknown key %q", key)
	}
	if err != nil {
		cf.t.Errorf("fetch section: %s: %v", key, err)
	}
}
