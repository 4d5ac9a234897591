package bimi

import (
	"context"
	"crypto/x509"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/ruletest"
)

var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// goodLogo keeps to the profile and is what a case serves unless it says otherwise.
const goodLogo = `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" version="1.2" baseProfile="tiny-ps" width="400" height="400" viewBox="0 0 400 400">
  <title>Example</title>
  <rect width="400" height="400" fill="#036"/>
  <circle cx="200" cy="200" r="120" fill="#ffffff"/>
</svg>
`

// TestRules runs the case files. Beside the usual sections a case has
//
//	-- logo --   what is served at the logo's URL
//
// and in setup: https (off), organization (a name, or unknown), dmarc (tags of
// the record, "none" for no record, "unknown"), logo and mark (an HTTP status or
// an Err word), logo-type (Content-Type), logo-zip (yes), logo-hops (yes),
// certificate (a kind of newMark) and roots (yes, other).
func TestRules(t *testing.T) {
	ca, other := newMarkCA(t), newMarkCA(t)
	ruletest.Run(t, Rules, func(t *testing.T, c *ruletest.Case) *Facts {
		var fetcher Fetcher
		if c.Setup["https"] != "off" {
			fetcher = caseFetcher{t, c, ca}
		}
		o := GatherOptions{Now: testNow, Organization: func(context.Context) (dns.Name, error) {
			switch name := c.Setup["organization"]; name {
			case "":
				return dns.Name(c.Domain()), nil
			case "unknown":
				return "", errors.New("no answer")
			default:
				return dns.Name(name), nil
			}
		}}
		if roots := c.Setup["roots"]; roots != "" {
			o.MarkRoots = x509.NewCertPool()
			o.MarkRoots.AddCert(map[string]*markCA{"yes": ca, "other": other}[roots].cert)
		}
		f, err := Gather(context.Background(), dnstest.New(t, c.Zone()), fetcher, dns.Name(c.Domain()), o)
		if err != nil {
			t.Fatal(err)
		}
		f.Profile = c.Profile()
		f.DMARC = gate(c.Setup["dmarc"])
		return f
	})
}

// gate reads tags as the audit would hand them in; the default is p=reject.
func gate(tags string) *Gate {
	g := &Gate{Names: []string{"_dmarc.example.com"}, Policy: "reject"}
	switch tags {
	case "unknown":
		return nil
	case "none":
		g.Policy = ""
		return g
	case "":
		tags = "p=reject"
	}
	item := GateItem{Name: "_dmarc.example.com", Text: "v=DMARC1; " + tags}
	for tag := range strings.SplitSeq(tags, "; ") {
		name, value, _ := strings.Cut(tag, "=")
		switch name {
		case "p":
			item.P, g.Policy = value, value
		case "sp":
			item.SP = value
		case "pct":
			item.Pct = value
		case "t":
			item.Testing = value == "y"
		}
	}
	if item.Testing && item.P == "quarantine" {
		g.Policy = "none"
	}
	g.Records = []GateItem{item}
	return g
}

type caseFetcher struct {
	t  *testing.T
	c  *ruletest.Case
	ca *markCA
}

func (cf caseFetcher) Fetch(_ context.Context, _ dns.Resolver, url string, _ int) *Fetch {
	f := &Fetch{URL: url, Status: 200, Hops: []Hop{{URL: url, Status: 200}}, ContentType: "image/svg+xml"}
	outcome := cf.c.Setup["logo"]
	if strings.HasSuffix(url, ".pem") {
		outcome = cf.c.Setup["mark"]
		f.Body = newMark(cf.t, cf.ca, cf.c.Setup["certificate"])
	} else {
		f.Body = []byte(goodLogo)
		if text, ok := cf.c.Files["logo"]; ok {
			f.Body = []byte(text)
		}
		switch cf.c.Setup["logo-zip"] {
		case "yes":
			f.Body = zipped(cf.t, f.Body)
		case "bomb":
			f.Body = zipped(cf.t, make([]byte, 2<<20))
		}
		if ct, ok := cf.c.Setup["logo-type"]; ok {
			f.ContentType = ct
		}
		if cf.c.Setup["logo-hops"] != "" {
			f.Hops = append([]Hop{{URL: url, Status: 301}}, Hop{URL: "https://www.example.com/logo.svg", Status: 200})
		}
	}
	if outcome == "" {
		f.Size = len(f.Body)
		return f
	}
	f.Body = nil
	var err error
	if f.Status, err = strconv.Atoi(outcome); err != nil {
		f.Error, f.Status, f.Detail = outcome, 0, "as the case says"
	}
	return f
}
