package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/config"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// configFlags say which configuration file is read. A flag wins over the
// environment, the environment over the file.
type configFlags struct {
	path string
	none bool

	file    *config.Config    // nil where there is none
	origins map[string]string // of each flag that can be set: where its value comes from
	used    map[int]bool      // the entries of ignore that were meant, by line
}

func (c *configFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.path, "config", "", "read the configuration from `FILE` (default: "+config.FileName+" in this folder or above)")
	cmd.Flags().BoolVar(&c.none, "no-config", false, "read no configuration file")
	cmd.MarkFlagsMutuallyExclusive("config", "no-config")
}

// find gives the path of the file to read, "" for none.
func (c *configFlags) find() (string, error) {
	path := c.path
	if path == "" {
		path = os.Getenv("POSTSEAL_CONFIG")
	}
	if c.none || path != "" {
		return path, nil
	}
	dir, err := os.Getwd()
	if err == nil {
		path, err = config.Find(dir)
	}
	if err != nil {
		return "", usage("looking for %s: %w", config.FileName, err)
	}
	// A path below this folder is shown as people would type it.
	if rel, err := filepath.Rel(dir, path); err == nil && path != "" {
		path = rel
	}
	return path, nil
}

// found tells that nobody named the file: it was looked for, and may have come
// with a checkout. Such a file does not choose where on the machine is written.
func (c *configFlags) found() bool { return c.path == "" && os.Getenv("POSTSEAL_CONFIG") == "" }

// load reads the file and gives each flag of cmd that the call does not set the
// value of the environment or of the file.
func (c *configFlags) load(cmd *cobra.Command) error {
	c.used = map[int]bool{}
	path, err := c.find()
	if err != nil {
		return err
	}
	if path != "" && !c.none {
		if c.file, err = loadConfig(path); err != nil {
			return err
		}
	}
	return c.settle(cmd)
}

// settingWords are the values of settings that have a few words only. Calls
// check their flags themselves; a word of a file or of the environment is
// checked where it stands, by 'config show' too.
func settingWords() map[string][]string {
	return map[string][]string{
		"fail-on": {"error", "warning", "notice", "info", "none"}, "format": formatNames(), "lang": {"en", "pt-BR"},
		"dnssec": {"ad", "validate"}, "tls-versions": {"quick", "standard", "deep", "off"},
	}
}

func loadConfig(path string) (*config.Config, error) {
	var rules []string
	for _, m := range allRules() {
		rules = append(rules, m.ID)
	}
	file, err := config.Load(path, config.Options{Rules: rules, Policies: policyIDs(), Words: settingWords()})
	if err != nil {
		return nil, usage("%w", err)
	}
	return file, nil
}

func (c *configFlags) settle(cmd *cobra.Command) error {
	c.origins = map[string]string{}
	for _, f := range config.Flags {
		fl := cmd.Flags().Lookup(f.Name)
		if fl == nil {
			continue
		}
		env, inEnv := os.LookupEnv(f.EnvName())
		set := c.file.Setting(f.Name)
		var values []string
		origin := "default"
		switch {
		case fl.Changed:
			origin = "flag"
		case inEnv && env != "":
			origin, values = f.EnvName(), []string{env}
			if f.Kind == config.List {
				values = strings.Split(env, ",")
			}
			if words := settingWords()[f.Name]; words != nil && !slices.Contains(words, env) {
				return usage("%s=%q is none of %s", origin, env, strings.Join(words, ", "))
			}
		case set != nil:
			origin = fmt.Sprintf("%s:%d", c.file.Path, set.Line)
			for _, v := range set.Values {
				if _, path, _ := strings.Cut(v, "="); f.Name == "output" && c.found() && !filepath.IsLocal(path) {
					return usage("%s: output %q leads out of the folder of the file; name the file with --config if that is meant", origin, v)
				}
				values = append(values, c.beside(f.Name, v))
			}
		}
		for _, v := range values {
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				return usage("%s: %w", origin, flagError(err))
			}
		}
		c.origins[f.Name] = origin
	}
	return nil
}

// beside reads a path in the file from the folder of the file.
func (c *configFlags) beside(flag, value string) string {
	format := ""
	switch flag {
	case "ca-file", "bimi-ca", "trust-anchor", "weak-keys", "selectors-from", "dmarc-reports", "baseline":
	case "output":
		f, path, ok := strings.Cut(value, "=")
		if !ok {
			return value
		}
		format, value = f+"=", path
	default:
		return value
	}
	if filepath.IsAbs(value) || value == "" {
		return format + value
	}
	path := filepath.Join(filepath.Dir(c.file.Path), value)
	if strings.HasSuffix(value, "/") {
		path += "/" // a folder, as it was written
	}
	return format + path
}

// domains are those of the file.
func (c *configFlags) domains() []domain {
	if c.file == nil {
		return nil
	}
	list := make([]domain, len(c.file.Domains))
	for i, d := range c.file.Domains {
		list[i] = domain{d.Name, &report.Location{File: c.file.Path, Line: d.Line, Column: 1}}
	}
	return list
}

// declared is where the file names a domain, nil where it does not.
func (c *configFlags) declared(name dns.Name) *report.Location {
	if d := c.file.Of(name); d != nil {
		return &report.Location{File: c.file.Path, Line: d.Line, Column: 1}
	}
	return nil
}

// request adds what the file says of a domain to what the flags say.
func (c *configFlags) request(req *audit.Request, now time.Time) {
	if c.file == nil {
		return
	}
	if d := c.file.Of(req.Domain); d != nil {
		req.Selectors = union(req.Selectors, d.Selectors, d.Expect.Selectors)
		for _, a := range d.SendingIPs {
			if !slices.Contains(req.SendingIPs, a) {
				req.SendingIPs = append(slices.Clip(slices.Clone(req.SendingIPs)), a)
			}
		}
		if req.Profile == check.ProfileUnknown && d.Profile != check.ProfileUnknown {
			req.Profile, req.ProfileSource = d.Profile, "config"
		}
		req.Bulk = req.Bulk || d.Bulk
		req.PolicyProfiles = union(req.PolicyProfiles, d.PolicyProfiles)
		req.Expect = audit.Expect{
			DMARCPolicy: d.Expect.DMARCPolicy, Selectors: d.Expect.Selectors, MTASTSMode: d.Expect.MTASTSMode, DNSSEC: d.Expect.DNSSEC,
		}
		if n := d.Expect.MaxSPFLookups; n >= 0 {
			req.Expect.SPFLookups = &n
		}
	}
	req.Accepted = c.acceptances(req.Domain, now)
}

// acceptances are the entries of ignore that are for a domain.
func (c *configFlags) acceptances(name dns.Name, now time.Time) []report.Acceptance {
	if c.file == nil {
		return nil
	}
	var list []report.Acceptance
	for i := range c.file.Ignores {
		e := &c.file.Ignores[i]
		if e.For(name) {
			list = append(list, report.Acceptance{Rule: e.Rule, Subject: e.Subject, Reason: e.Reason, Until: e.Day(), Over: e.Expired(now), Line: e.Line})
		}
	}
	return list
}

// accepted warns of entries of ignore that are over, and of those that nothing
// was found for although everything they are for was audited.
func (c *configFlags) accepted(w io.Writer, doc *report.Document, now time.Time, l *locale.Localizer) {
	if c.file == nil {
		return
	}
	for _, r := range doc.Reports {
		for _, line := range r.AcceptedAt {
			c.used[line] = true
		}
	}
	for i := range c.file.Ignores {
		e := &c.file.Ignores[i]
		switch {
		case c.used[e.Line] && e.Expired(now):
			fmt.Fprintf(w, "postseal: %s:%d: %s\n", report.Escape(c.file.Path), e.Line, l.Text("exit.ignore-expired", check.Params{"Rule": e.Rule, "Until": day(e.Until, l)}))
		case !c.used[e.Line] && c.covered(e, doc):
			fmt.Fprintf(w, "postseal: %s:%d: %s\n", report.Escape(c.file.Path), e.Line, l.Text("exit.ignore-unused", check.Params{"Rule": e.Rule}))
		}
	}
}

// covered tells that every domain an entry is for was audited.
func (c *configFlags) covered(e *config.Ignore, doc *report.Document) bool {
	audited := map[string]*report.Report{}
	for _, r := range doc.Reports {
		audited[r.Domain] = r
	}
	n := 0
	told := func(name string) bool {
		r := audited[name]
		if r == nil || r.Incomplete || r.Error != "" {
			return false
		}
		n++
		return true
	}
	for _, d := range c.file.Domains {
		if e.For(d.Name) && !told(d.Name.String()) {
			return false
		}
	}
	if e.Domain != "" && !strings.HasPrefix(e.Domain, "*.") && n == 0 { // a domain that only the call names
		return told(e.Domain)
	}
	return n > 0
}

// minScore is the score that the file asks of a domain, 0 for none.
func (c *configFlags) minScore(domain string) int {
	name, err := dns.ParseDomain(domain)
	if err != nil {
		return 0
	}
	if d := c.file.Of(name); d != nil {
		return d.MinScore
	}
	return 0
}

// union lists everything once, in order.
func union(lists ...[]string) []string {
	var all []string
	for _, v := range slices.Concat(lists...) {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// readBaseline reads the result of an earlier run, nil without a path. A file
// that is not there is an error: a gate must not open because a name is wrong.
func readBaseline(path string) (*report.Document, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage("--baseline: %w; make it with -o json=%s", err, path)
	} else if err != nil {
		return nil, usage("--baseline: %w", err)
	}
	defer f.Close()
	doc, err := report.ReadJSON(f)
	if err != nil {
		return nil, usage("--baseline %s: %w", path, plain(err))
	}
	return doc, nil
}
