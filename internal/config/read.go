package config

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/yamlx"
)

// maxFile bounds a file; 10,000 domains with all they can have fit.
const maxFile = 8 << 20

// Options say what is known outside of the file.
type Options struct {
	Rules    []string // rule IDs that can be accepted
	Policies []string // policy profiles

	// Words are the values that a flag takes, where they are few.
	Words map[string][]string
}

// Find looks for the file in a folder and the folders above it. It gives ""
// where there is none.
func Find(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(dir, FileName)
		switch info, err := os.Stat(path); {
		case err == nil && info.Mode().IsRegular():
			return path, nil
		case err == nil && !info.IsDir():
			// Who names a pipe means it; one that is only found would be waited for.
			return "", &Error{path, 0, "is not a regular file"}
		case err != nil && !errors.Is(err, os.ErrNotExist):
			return "", err
		case err != nil:
			// A link that leads nowhere is a configuration that is lost, not none.
			if _, lerr := os.Lstat(path); lerr == nil {
				return "", err
			}
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", nil
		}
		dir = up
	}
}

// Load reads the file at path. The error holds every mistake, each an *Error.
func Load(path string, opts Options) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, &Error{path, 0, "is a folder"}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, &Error{path, 0, fmt.Sprintf("is larger than %d MiB", maxFile>>20)}
	}
	return parse(data, path, opts)
}

// parse reads a file's text.
func parse(data []byte, path string, opts Options) (*Config, error) {
	doc, err := yamlx.ParseOne(data)
	if e, ok := errors.AsType[*yamlx.SyntaxError](err); ok {
		return nil, &Error{path, e.Line, e.Text}
	} else if err != nil {
		return nil, &Error{path, 0, err.Error()}
	}
	r := &reader{c: &Config{Path: path, index: map[dns.Name]int{}}, opts: opts}
	if doc != nil {
		r.top(doc)
	}
	if len(r.errs) > 0 {
		return nil, errors.Join(r.errs...)
	}
	return r.c, nil
}

type reader struct {
	c    *Config
	opts Options
	errs []error
}

// maxMistakes is how many mistakes are named: who has more mends some first.
const maxMistakes = 50

func (r *reader) bad(n *yamlx.Node, format string, args ...any) {
	if len(r.errs) == maxMistakes {
		return
	}
	r.errs = append(r.errs, &Error{r.c.Path, n.Line, fmt.Sprintf(format, args...)})
}

// fields walks a map. Every key must be one of known, and come once.
func (r *reader) fields(n *yamlx.Node, what string, known []string, do func(key string, v *yamlx.Node)) {
	if n.Kind != yamlx.Map {
		r.bad(n, "%s must be a mapping of keys to values", what)
		return
	}
	seen := map[string]bool{}
	for i, k := range n.Keys {
		switch {
		case !slices.Contains(known, k.Value):
			r.bad(k, "unknown key %q in %s%s", k.Value, what, meant(k.Value, known))
		case seen[k.Value]:
			r.bad(k, "%q is there twice", k.Value)
		default:
			seen[k.Value] = true
			do(k.Value, n.Items[i])
		}
	}
}

// meant names the known word that is nearest, where one is near.
func meant(word string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(strings.ToLower(word), k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is how many letters must be changed, added or dropped.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

func (r *reader) top(doc *yamlx.Node) {
	known := []string{"domains", "ignore"}
	for _, f := range Flags {
		known = append(known, f.Name)
	}
	r.fields(doc, "the file", known, func(key string, v *yamlx.Node) {
		switch key {
		case "domains":
			r.items(v, key, r.domain)
		case "ignore":
			r.items(v, key, r.ignore)
		default:
			r.setting(key, v)
		}
	})
}

// items walks a list; a key without a value is an empty one.
func (r *reader) items(n *yamlx.Node, what string, do func(*yamlx.Node)) {
	if n.Kind == yamlx.Scalar && n.Tag == "!!null" {
		return
	}
	if n.Kind != yamlx.List {
		r.bad(n, "%s must be a list", what)
		return
	}
	for _, item := range n.Items {
		do(item)
	}
}

func (r *reader) setting(name string, v *yamlx.Node) {
	i := slices.IndexFunc(Flags, func(f Flag) bool { return f.Name == name })
	s := Setting{Name: name, Line: v.Line}
	switch Flags[i].Kind {
	case List:
		s.Values = r.texts(v, name)
	case Bool:
		s.Values = []string{strconv.FormatBool(r.boolean(v, name))}
	case Number:
		n := r.number(v, name)
		if name == "min-score" && n > 100 {
			r.bad(v, "%s must be at most 100", name)
		}
		s.Values = []string{strconv.Itoa(n)}
	case Duration:
		text := r.text(v, name)
		if d, err := time.ParseDuration(text); (err != nil || d <= 0) && text != "" {
			r.bad(v, "%s: %q is not a duration such as 30s or 2m", name, text)
		}
		s.Values = []string{text}
	default:
		if words := r.opts.Words[name]; words != nil {
			s.Values = []string{r.word(v, name, words...)}
		} else {
			s.Values = []string{r.text(v, name)}
		}
	}
	r.c.Settings = append(r.c.Settings, s)
}

func (r *reader) text(n *yamlx.Node, what string) string {
	if n.Kind != yamlx.Scalar || n.Tag == "!!null" {
		r.bad(n, "%s must be a text", what)
		return ""
	}
	return n.Value
}

// texts reads a list of texts; one text alone is a list of one.
func (r *reader) texts(n *yamlx.Node, what string) []string {
	if n.Kind == yamlx.Scalar {
		return []string{r.text(n, what)}
	}
	var list []string
	r.items(n, what, func(item *yamlx.Node) { list = append(list, r.text(item, what)) })
	return list
}

func (r *reader) boolean(n *yamlx.Node, what string) bool {
	if n.Kind != yamlx.Scalar || n.Value != "true" && n.Value != "false" {
		r.bad(n, "%s must be true or false", what)
		return false
	}
	return n.Value == "true"
}

func (r *reader) number(n *yamlx.Node, what string) int {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yamlx.Scalar || err != nil || v < 0 {
		r.bad(n, "%s must be a whole number", what)
		return 0
	}
	return v
}

// word reads one of a few words.
func (r *reader) word(n *yamlx.Node, what string, words ...string) string {
	text := r.text(n, what)
	if text != "" && !slices.Contains(words, text) {
		r.bad(n, "%s: %q is none of %s%s", what, text, strings.Join(words, ", "), meant(text, words))
		return ""
	}
	return text
}

func (r *reader) domain(n *yamlx.Node) {
	d := Domain{Line: n.Line, Expect: Expect{MaxSPFLookups: -1}}
	name := n
	if n.Kind != yamlx.Scalar {
		name = n.Get("domain")
		if n.Kind != yamlx.Map || name == nil {
			r.bad(n, "an entry of domains is a name, or a mapping with the key domain")
			return
		}
	}
	parsed, err := dns.ParseDomain(r.text(name, "domain"))
	if err != nil {
		r.bad(name, "%q is not a domain name", name.Value)
		return
	}
	d.Name = parsed
	if other := r.c.Of(parsed); other != nil {
		r.bad(name, "%s is in line %d already", parsed, other.Line)
		return
	}
	if n.Kind == yamlx.Map {
		r.fields(n, "a domain", []string{"domain", "profile", "selectors", "sending-ips", "bulk", "policy-profiles", "expect", "min-score"}, func(key string, v *yamlx.Node) {
			r.domainField(&d, key, v)
		})
	}
	r.c.index[d.Name] = len(r.c.Domains)
	r.c.Domains = append(r.c.Domains, d)
}

func (r *reader) domainField(d *Domain, key string, v *yamlx.Node) {
	switch key {
	case "profile":
		words := make([]string, len(check.Profiles))
		for i, p := range check.Profiles {
			words[i] = string(p)
		}
		d.Profile = check.Profile(r.word(v, key, words...))
	case "selectors":
		d.Selectors = r.selectors(v, key)
	case "sending-ips":
		for _, text := range r.texts(v, key) {
			a, err := netip.ParseAddr(text)
			if err != nil || a.Zone() != "" {
				r.bad(v, "%s: %q is no IP address", key, text)
				continue
			}
			d.SendingIPs = append(d.SendingIPs, a.Unmap())
		}
	case "bulk":
		d.Bulk = r.boolean(v, key)
	case "policy-profiles":
		for _, text := range r.texts(v, key) {
			if !slices.Contains(r.opts.Policies, text) {
				r.bad(v, "%s: %q is none of %s", key, text, strings.Join(r.opts.Policies, ", "))
			}
			d.PolicyProfiles = append(d.PolicyProfiles, text)
		}
	case "min-score":
		if d.MinScore = r.number(v, key); d.MinScore > 100 {
			r.bad(v, "%s must be at most 100", key)
		}
	case "expect":
		r.fields(v, "expect", []string{"dmarc-policy", "max-spf-lookups", "selectors", "mta-sts", "dnssec"}, func(key string, v *yamlx.Node) {
			switch key {
			case "dmarc-policy":
				d.Expect.DMARCPolicy = r.word(v, key, "none", "quarantine", "reject")
			case "max-spf-lookups":
				if d.Expect.MaxSPFLookups = r.number(v, key); d.Expect.MaxSPFLookups > 10 {
					r.bad(v, "%s must be at most 10: receivers stop there", key)
				}
			case "selectors":
				d.Expect.Selectors = r.selectors(v, key)
			case "mta-sts":
				d.Expect.MTASTSMode = r.word(v, key, "testing", "enforce")
			case "dnssec":
				d.Expect.DNSSEC = r.boolean(v, key)
			}
		})
	}
}

func (r *reader) selectors(v *yamlx.Node, key string) []string {
	list := r.texts(v, key)
	for _, s := range list {
		if _, err := dns.ParseDomain(s); err != nil {
			r.bad(v, "%s: %q cannot be a DKIM selector", key, s)
		}
	}
	return list
}

func (r *reader) ignore(n *yamlx.Node) {
	i := Ignore{Line: n.Line}
	r.fields(n, "an entry of ignore", []string{"rule", "domain", "subject", "reason", "until", "permanent"}, func(key string, v *yamlx.Node) {
		switch key {
		case "rule":
			if i.Rule = r.text(v, key); i.Rule != "" && !slices.Contains(r.opts.Rules, i.Rule) {
				r.bad(v, "there is no rule %q%s", i.Rule, meant(i.Rule, r.opts.Rules))
			}
		case "domain":
			text := r.text(v, key)
			bare, below := strings.CutPrefix(text, "*.")
			name, err := dns.ParseDomain(bare)
			if err != nil {
				r.bad(v, "%q is not a domain name", text)
				return
			}
			if i.Domain = name.String(); below {
				i.Domain = "*." + i.Domain
			}
		case "subject":
			i.Subject = r.text(v, key)
		case "reason":
			i.Reason = strings.TrimSpace(r.text(v, key))
		case "until":
			var err error
			if i.Until, err = time.Parse(time.DateOnly, r.text(v, key)); err != nil {
				r.bad(v, "until: %q is not a day such as 2027-03-31", v.Value)
				i.Permanent = true // one mistake, one message
			}
		case "permanent":
			i.Permanent = r.boolean(v, key)
		}
	})
	if n.Kind != yamlx.Map {
		return
	}
	if i.Rule == "" && n.Get("rule") == nil {
		r.bad(n, "an entry of ignore needs a rule")
	}
	if i.Reason == "" {
		r.bad(n, "an entry of ignore needs a reason: who reads it next year must know why")
	}
	switch until := n.Get("until"); {
	case until == nil && !i.Permanent:
		r.bad(n, "an entry of ignore needs until, its last day, or permanent: true")
	case until != nil && n.Get("permanent") != nil && i.Permanent:
		r.bad(n, "an entry of ignore has until or permanent: true, not both")
	}
	r.c.Ignores = append(r.c.Ignores, i)
}
