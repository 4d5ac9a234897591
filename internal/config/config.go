// Package config reads .postseal.yaml: which domains are audited and what they
// are held to, which findings are accepted and why, and the values of flags.
//
// A file is read whole or not at all: every mistake in it is an error with its
// line, an unknown key too, because a setting that is not in force must not
// look as if it were.
package config

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// FileName is the name that Find looks for.
const FileName = ".postseal.yaml"

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of the file.
func Schema() []byte { return append([]byte(nil), schema...) }

// Config is one configuration file.
type Config struct {
	Path     string
	Settings []Setting
	Domains  []Domain
	Ignores  []Ignore

	index map[dns.Name]int // of Domains
}

// Setting is the value of a flag.
type Setting struct {
	Name   string   // as the flag is called
	Values []string // one, or several of a flag that repeats
	Line   int
}

// Domain is a domain to audit and what is said of it.
type Domain struct {
	Name           dns.Name
	Line           int
	Profile        check.Profile // "" to infer
	Selectors      []string
	SendingIPs     []netip.Addr
	Bulk           bool
	PolicyProfiles []string
	Expect         Expect
	MinScore       int // 0 for none
}

// Expect is what a domain must publish. The zero value expects nothing.
type Expect struct {
	DMARCPolicy   string   // "none", "quarantine" or "reject": at least that
	MaxSPFLookups int      // -1 for no bound
	Selectors     []string // each with a usable key
	MTASTSMode    string   // "testing" or "enforce": at least that
	DNSSEC        bool
}

// Ignore is a finding that the owner accepts. It changes the exit code and what
// is to do, never the score.
type Ignore struct {
	Rule      string
	Domain    string // "" for all; "*.example.com" for everything below it
	Subject   string // "" for every finding of the rule
	Reason    string
	Until     time.Time // the last day; zero with Permanent
	Permanent bool
	Line      int
}

// For tells whether an entry is for a domain.
func (i *Ignore) For(domain dns.Name) bool {
	if below, ok := strings.CutPrefix(i.Domain, "*."); ok {
		return strings.HasSuffix(domain.String(), "."+below)
	}
	return i.Domain == "" || i.Domain == domain.String()
}

// Expired tells whether the last day is over, in UTC.
func (i *Ignore) Expired(now time.Time) bool {
	return !i.Permanent && !now.Before(i.Until.AddDate(0, 0, 1))
}

// Day is the last day as it was written, "" where there is none.
func (i *Ignore) Day() string {
	if i.Permanent {
		return ""
	}
	return i.Until.Format(time.DateOnly)
}

// Of gives what the file says of a domain, or nil.
func (c *Config) Of(name dns.Name) *Domain {
	if c == nil {
		return nil
	}
	if i, ok := c.index[name]; ok {
		return &c.Domains[i]
	}
	return nil
}

// Setting gives the value of a flag that the file has, or nil.
func (c *Config) Setting(name string) *Setting {
	if c == nil {
		return nil
	}
	for i := range c.Settings {
		if c.Settings[i].Name == name {
			return &c.Settings[i]
		}
	}
	return nil
}

// Error is one mistake in a file, and where.
type Error struct {
	Path string
	Line int
	Text string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Path, e.Text)
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Text)
}
