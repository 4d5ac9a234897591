package bimi

import (
	"bytes"
	"crypto/x509"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Files are what a record names, or will name: fetched, or read from a disk with
// FromFile. Either may be nil.
type Files struct {
	Logo, Evidence *Fetch

	Domain   dns.Name // whose files they are; "" for not known
	Selector string   // "" for default
}

// FromFile makes of a file what a fetch of it would give. The limit is MaxLogo
// or MaxEvidence; data may stop one octet beyond it.
func FromFile(path string, data []byte, limit int) *Fetch {
	f := &Fetch{URL: path, Status: http.StatusOK, Hops: []Hop{}, Size: len(data), Body: data}
	if len(data) > limit {
		f.Body, f.Error = nil, ErrTooLarge
	}
	return f
}

// IsEvidence tells a file that holds, or was meant to hold, a certificate from a logo.
func IsEvidence(data []byte) bool {
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return true
	}
	_, err := x509.ParseCertificate(data)
	return err == nil
}

// Inspect reads files as an audit would that found a record with their names.
func Inspect(files Files, o GatherOptions) *Facts {
	f := &Facts{Domain: files.Domain, Records: []string{version}, Record: version, NearMiss: []string{}, Prefixes: []string{}, Valid: true}
	f.Lookup.State = dns.StateFound
	if files.Logo != nil {
		f.LogoURL, f.Logo = files.Logo.URL, &Logo{}
		f.Logo.take(files.Logo)
	}
	if files.Evidence != nil {
		f.EvidenceURL, f.Evidence = files.Evidence.URL, newEvidence()
		var names []dns.Name
		if f.Domain != "" {
			names = f.names()
			for _, n := range names {
				if files.Selector != "" {
					names = append(names, SelectorName(strings.ToLower(files.Selector), n))
				}
			}
		}
		f.Evidence.take(files.Evidence, names, o)
	}
	f.compare()
	return f
}

// FileRules are the rules over what a record names, not over the record. Files
// from a disk have no URL, so nothing is said of how a server hands them out;
// without a domain nothing is said of the names in a certificate.
func FileRules(served, domain bool) []check.Rule[*Facts] {
	skip := []string{"bimi-logo-redirect", "bimi-logo-content-type"}
	if served {
		skip = nil
	}
	if !domain {
		skip = append(skip, "bimi-vmc-domain")
	}
	return slices.DeleteFunc(slices.Concat(logoRules, svgRules, markRules), func(r check.Rule[*Facts]) bool {
		return slices.Contains(skip, r.ID)
	})
}

// Objections are what a generator says of files: what an audit would warn of is
// refused, the rest is told with the record.
func (f *Facts) Objections(served bool) []check.GenProblem {
	var list []check.GenProblem
	for _, r := range check.Evaluate(FileRules(served, f.Domain != ""), f) {
		for _, finding := range r.Findings {
			severity := r.Rule.SeverityOf(&finding)
			switch {
			case severity == check.Info: // it is as it should be
				continue
			case severity >= check.Warning:
				severity = check.Error
			}
			list = append(list, check.GenProblem{ID: r.Rule.ID, Severity: severity, Variant: finding.Variant, Params: finding.Params})
		}
	}
	return list
}

// Objection is what a generator says of the gate: receivers show no logo of a
// domain whose DMARC policy does not hold (variants missing, none, sp-none), and
// some of them none where it holds half (pct, testing). nil for an open gate.
func (g *Gate) Objection() *check.GenProblem {
	p := &check.GenProblem{ID: "gen-bimi-dmarc", Severity: check.Warning, Params: check.Params{"Names": strings.Join(g.Names, ", ")}}
	switch {
	case g.Cause != nil:
		p.Variant, p.Err = "unknown", g.Cause
		return p
	case len(g.Records) == 0:
		p.Variant, p.Severity = "missing", check.Error
		return p
	}
	for _, what := range []string{"none", "sp-none", "pct", "testing"} {
		for i := range g.Records {
			item := &g.Records[i]
			if !item.closes(what, i == 0 && !g.enforces()) {
				continue
			}
			p.Variant, p.Params = what, check.Params{"Name": item.Name, "Value": item.Pct}
			if what == "none" || what == "sp-none" {
				p.Severity = check.Error
			}
			return p
		}
	}
	return nil
}

// Untold are the files that could not be had although nothing is known to be
// wrong with them, and why, the logo first.
func (f *Facts) Untold() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if f.Logo != nil {
			if cause := f.Logo.Fetch.because(); cause != nil && !yield(f.LogoURL, cause) {
				return
			}
		}
		if f.Evidence != nil {
			if cause := f.Evidence.Fetch.because(); cause != nil {
				yield(f.EvidenceURL, cause)
			}
		}
	}
}
