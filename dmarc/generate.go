package dmarc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Options say what the record to generate should hold. The zero value of each
// is the default of RFC 9989 and stays out of the record, p apart.
type Options struct {
	Policy    string   // p: none, quarantine or reject; "" is none
	SP        string   // policy of existing subdomains; "" follows Policy
	NP        string   // policy of subdomains that do not exist; "" follows SP
	ADKIM     string   // r or s
	ASPF      string   // r or s
	RUA       []string // addresses or URIs for aggregate reports
	RUF       []string // the same for failure reports
	FO        string   // failure-report options, only with RUF
	Testing   bool     // t=y
	PSD       string   // y, n or u
	NoReports bool     // a record without RUA is what is wanted
}

// Removed is the refusal of a tag that RFC 9989 §A.6 took out of DMARC: pct, rf
// or ri. It is for callers, who see what was asked for.
func Removed(tag string) check.GenProblem {
	return check.GenProblem{ID: "gen-dmarc-pct", Severity: check.Error, Params: check.Params{"Tag": tag}}
}

// Generate writes the record for a domain, the tags in the order v p sp np t
// psd adkim aspf rua ruf fo and defaults left out. The record changes are the
// consents that other organisations must publish before reports arrive there.
// The error is an option that no record can hold.
func Generate(domain dns.Name, o Options) (text string, problems []check.GenProblem, consent []check.RecordChange, err error) {
	b := &builder{}
	b.policies(o)
	b.word("t", map[bool]string{true: "y"}[o.Testing], "n", "y", "n")
	b.word("psd", o.PSD, "u", "y", "n", "u")
	b.word("adkim", o.ADKIM, "r", "r", "s")
	b.word("aspf", o.ASPF, "r", "r", "s")
	b.uris("rua", o.RUA)
	b.uris("ruf", o.RUF)
	b.options(o)
	if o.NoReports && len(o.RUA) > 0 {
		b.fail("rua and no reports at all exclude each other")
	}
	if b.err != nil {
		return "", nil, nil, b.err
	}
	text = b.rec.String()
	if err := roundTrip(text); err != nil {
		return "", nil, nil, err
	}

	rec, _ := Parse(text)
	switch params := (check.Params{"Domain": domain.String()}); {
	case len(o.RUA) > 0:
	case rec.Level("p") == None && rec.Level("sp") <= None && rec.Level("np") <= None:
		// Neither effect nor reports: dmarc-policy-none-no-rua, even where asked for.
		problems = append(problems, check.GenProblem{ID: "gen-dmarc-no-rua", Severity: check.Error, Variant: "idle", Params: params})
	case !o.NoReports:
		problems = append(problems, check.GenProblem{ID: "gen-dmarc-no-rua", Severity: check.Warning, Params: params})
	}
	if o.Testing { // receivers of RFC 7489 ignore t and enforce p
		problems = append(problems, check.GenProblem{ID: "gen-dmarc-t-legacy", Severity: check.Info, Params: check.Params{"Policy": rec.Level("p").String()}})
	}
	more, consent := consents(domain, rec)
	return text, append(problems, more...), consent, nil
}

// Consent is the record by which a report receiver agrees (RFC 9990 §4).
const Consent = "v=" + Version

// SameOrganization tells whether two names are of one organisation by the
// public suffix list; without DNS that has to do.
func SameOrganization(a, b dns.Name) bool { return pslDomain(a) == pslDomain(b) }

// consents lists the external destinations. Without DNS the public suffix list
// has to tell organisations apart; the audit asks the tree.
func consents(domain dns.Name, rec *Record) (problems []check.GenProblem, records []check.RecordChange) {
	seen := map[dns.Name]bool{}
	for _, u := range slices.Concat(rec.RUA, rec.RUF) {
		if u.Host == "" || seen[u.Host] || SameOrganization(u.Host, domain) {
			continue
		}
		seen[u.Host] = true
		name := ConsentName(domain, u.Host)
		p := check.GenProblem{ID: "gen-dmarc-rua-external", Severity: check.Notice, // RFC 9990 §4
			Params: check.Params{"Host": u.Host.String(), "Name": name.String(), "URI": u.Text}}
		if name.Check() != nil { // dmarc-external-name-too-long: nobody can publish that
			p.Severity, p.Variant = check.Error, "too-long"
			problems = append(problems, p)
			continue
		}
		problems = append(problems, p)
		records = append(records, check.RecordChange{Name: name.FQDN(), Type: "TXT", Old: []string{}, New: []string{Consent}})
	}
	return problems, records
}

// roundTrip holds the output to our own parser: nothing that a rule calls a
// warning or worse may be in a text that we wrote.
func roundTrip(text string) error {
	_, problems := Parse(text)
	for _, p := range problems {
		for i := range Rules {
			m := &Rules[i].Meta
			if m.ID == p.Rule && m.SeverityOf(&check.Finding{Variant: p.Variant}) >= check.Warning {
				return fmt.Errorf("dmarc: the options make a record with the fault %s: %q", p.Rule, text)
			}
		}
	}
	return nil
}

// builder adds tags in order and keeps the first error.
type builder struct {
	rec Record
	err error
}

func (b *builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("dmarc: "+format, args...)
	}
}

func (b *builder) set(name, value string) {
	b.rec.Tags = append(b.rec.Tags, Tag{Name: name, Value: value})
}

// policies sets p always, for readers of RFC 7489, and sp and np where they
// differ from what they default to.
func (b *builder) policies(o Options) {
	b.set("v", Version)
	fallback := None.String()
	for _, t := range []struct{ name, value string }{{"p", o.Policy}, {"sp", o.SP}, {"np", o.NP}} {
		level := t.value
		if level == "" {
			level = fallback
		}
		l := ParseLevel(level)
		if l == 0 {
			b.fail("%s=%q is not one of none, quarantine, reject", t.name, t.value)
			return
		}
		if t.name == "p" || l.String() != fallback {
			b.set(t.name, l.String())
		}
		fallback = l.String()
	}
}

// word sets a tag to one of its words unless that is the default.
func (b *builder) word(name, value, def string, allowed ...string) {
	value = strings.ToLower(value)
	switch {
	case value == "" || value == def:
	case !slices.Contains(allowed, value):
		b.fail("%s=%q is not one of %s", name, value, strings.Join(allowed, ", "))
	default:
		b.set(name, value)
	}
}

// uris sets a list of report URIs; an address gets its mailto.
func (b *builder) uris(name string, list []string) {
	var out []string
	for _, s := range list {
		u := strings.TrimSpace(s)
		if !uriScheme.MatchString(u) {
			u = "mailto:" + u
		}
		u = encodeLocal(u)
		rec, problems := Parse("v=DMARC1; p=none; rua=" + u)
		switch {
		case len(rec.RUA) != 1 || !rec.RUA[0].Valid || len(problems) > 0 && problems[0].Rule != "dmarc-uri-scheme":
			b.fail("%q is no address that reports can be sent to", s)
			return
		case slices.Contains(out, u):
		default:
			out = append(out, u)
		}
	}
	if len(out) > 0 {
		b.set(name, strings.Join(out, ","))
	}
}

// encodeLocal writes the comma, semicolon and exclamation mark of a mail
// address as the URI of a list wants them (RFC 9989 §4.8).
func encodeLocal(u string) string {
	at := strings.LastIndexByte(u, '@')
	if !strings.HasPrefix(strings.ToLower(u), "mailto:") || at < 0 {
		return u
	}
	return "mailto:" + strings.NewReplacer(",", "%2C", "!", "%21", ";", "%3B").Replace(u[len("mailto:"):at]) + u[at:]
}

func (b *builder) options(o Options) {
	if o.FO == "" {
		return
	}
	if len(o.RUF) == 0 {
		b.fail("fo=%q has no effect without an address for failure reports", o.FO)
		return
	}
	if o.FO != "0" {
		b.set("fo", strings.ToLower(o.FO))
		if _, problems := Parse("v=DMARC1; p=none; ruf=mailto:a@b.example; fo=" + o.FO); len(problems) > 0 {
			b.fail("fo=%q is not a list of 0, 1, d and s with colons", o.FO)
		}
	}
}
