package lint

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Facts are the records of the files that belong to one domain: at it or below
// it, and not below another domain that is looked at.
type Facts struct {
	Domain  dns.Name
	Audited []dns.Name
	Records []*Record
	Unread  []Unread

	set    *Set
	byName map[dns.Name][]*Record // of all domains
}

// FactsOf gives the facts of each domain of the list, in its order. Drafts must
// have been called: it tells which data cannot be read.
func (s *Set) FactsOf(domains []dns.Name) []*Facts {
	list := make([]*Facts, len(domains))
	byName := map[dns.Name][]*Record{}
	place := map[dns.Name]int{}
	for i, d := range domains {
		list[i] = &Facts{Domain: d, Audited: domains, set: s, byName: byName}
		place[d] = i
	}
	owner := func(n dns.Name) int {
		for ; n != dns.Root; n = n.Parent() {
			if i, ok := place[n]; ok {
				return i
			}
		}
		return -1
	}
	for _, r := range s.records() {
		byName[r.Name] = append(byName[r.Name], r)
		if i := owner(r.Name); i >= 0 {
			list[i].Records = append(list[i].Records, r)
		}
	}
	for _, u := range s.Unread {
		i := -1
		if u.Name != "" {
			i = owner(u.Name)
		}
		if i < 0 && len(list) > 0 {
			i = 0 // somebody must say it
		}
		if i >= 0 {
			list[i].Unread = append(list[i].Unread, u)
		}
	}
	return list
}

// zone is the zone of the files that holds a name, or nil.
func (f *Facts) zone(n dns.Name) *Zone {
	var best *Zone
	for _, z := range f.set.Zones {
		if n.IsUnder(z.Origin) && (best == nil || len(z.Origin) > len(best.Origin)) {
			best = z
		}
	}
	return best
}

// at lists the records of a type at a name.
func (f *Facts) at(n dns.Name, t dns.Type) []*Record {
	var list []*Record
	for _, r := range f.byName[n] {
		if r.Type == t {
			list = append(list, r)
		}
	}
	return list
}

func (f *Facts) audited(n dns.Name) bool { return slices.Contains(f.Audited, n) }

// names are the names of the domain's own records, each once, in their order.
func (f *Facts) names() []dns.Name {
	var list []dns.Name
	seen := map[dns.Name]bool{}
	for _, r := range f.Records {
		if !seen[r.Name] {
			seen[r.Name] = true
			list = append(list, r.Name)
		}
	}
	return list
}

// maxFindings bounds what one rule says about one domain.
const maxFindings = 50

// limited reports until there are enough findings of one rule.
type limited struct {
	r *check.Reporter
	n int
}

func (l *limited) report(f check.Finding) {
	if l.n++; l.n <= maxFindings {
		l.r.Report(f)
	}
}

// finding is one about a record, with its place.
func (r *Record) finding(params check.Params) check.Finding {
	if params == nil {
		params = check.Params{}
	}
	params["Name"], params["Type"] = r.Name.FQDN(), r.Type.String()
	located(params, r.At)
	f := check.Finding{Subject: r.Name.String(), Params: params}
	if r.Type == dns.TypeTXT {
		f.Record = r.text()
	}
	return f
}

// located puts a place among the parameters; At reads it back.
func located(params check.Params, at Location) {
	params["File"], params["Line"], params["Column"] = at.File, at.Line, at.Column
}

// At is the place of a finding of these rules.
func At(params check.Params) (Location, bool) {
	file, ok := params["File"].(string)
	line, _ := params["Line"].(int)
	column, _ := params["Column"].(int)
	return Location{file, line, column}, ok
}

// Same names the rules of the audit that see the same defect in an answer: of
// a finding with the same subject, that of the audit is the one to show.
var Same = map[string][]string{
	"lint-dmarc-name":         {"dmarc-wrong-name", "dmarc-wildcard"},
	"lint-spf-multiple":       {"spf-multiple-records"},
	"lint-cname-and-other":    {"dkim-cname-and-txt", "dmarc-cname-and-txt", "dns-apex-cname"},
	"lint-wildcard-dmarc":     {"dmarc-wildcard", "dmarc-wildcard-other"},
	"lint-final-dot":          {"mx-target-doubled", "dmarc-wrong-name", "spf-wrong-name", "dkim-wrong-name"},
	"lint-string-long":        {"dmarc-string-over-255"},
	"lint-duplicate":          {"mx-target-duplicate"},
	"lint-data-invalid":       {"mx-target-ip"},
	"lint-mx-wildcard-no-spf": {},
	"lint-semicolon":          {"dkim-escaped-semicolon", "dmarc-escaped-semicolon"},
	"lint-provider-left":      {"dkim-provider-unexpected"},
	"lint-domainkey-orphan":   {"dkim-wrong-name"},
	"lint-key-space":          {"dkim-p-bad-base64", "dns-txt-split-space"},
}

// Roots are the rules whose findings explain what the audit says of the same
// record.
var Roots = []string{"lint-semicolon", "lint-final-dot", "lint-data-invalid", "lint-string-long"}
