package spf

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/postseal/postseal/dns"
)

// places are the look-ups beside the record itself: where SPF text may stand
// that nobody reads, or that others than the domain's owner write.
type places struct {
	type99     *dns.Lookup   // type 99 at the domain (§3.1)
	random     *dns.Lookup   // TXT at a name that nobody has: what a wildcard answers (§3.5)
	strays     []*dns.Lookup // TXT at names where the record may have been put by mistake
	subdomains []*dns.Lookup // TXT at names below the domain that were seen to have mail hosts
}

// randomLabel is a label that nobody has. It follows from the domain, so that a
// recorded run can be replayed.
func randomLabel(domain dns.Name) string {
	sum := sha256.Sum256([]byte("postseal spf " + domain.String()))
	return hex.EncodeToString(sum[:8])
}

// mistaken are the names where a record for the domain ends up by mistake: a
// label in front that SPF does not have, or a panel that adds the domain to a
// name that was typed in full.
func mistaken(domain dns.Name) []dns.Name {
	return []dns.Name{domain.Child("_spf"), domain.Child("spf"), domain.Child(string(domain))}
}

// beside asks for what can be asked at once with the record.
func (l *lookups) beside() {
	l.ask(l.domain, dns.TypeSPF, nil)
	l.ask(l.domain.Child(randomLabel(l.domain)), dns.TypeTXT, nil)
}

// strays asks where else the record may be, when the domain exists, has none
// and shows nothing that was meant as one.
func (l *lookups) strays(answer *dns.Lookup) {
	texts, others := recordTexts(answer)
	if answer.State != dns.StateFound && answer.State != dns.StateNoData || len(texts) > 0 {
		return
	}
	if slices.ContainsFunc(others, func(text string) bool { _, _, ok := nearMiss(text); return ok }) {
		return
	}
	for _, name := range mistaken(l.domain) {
		l.ask(name, dns.TypeTXT, nil)
	}
}

// mailName asks for the record of a name below the domain that has mail hosts:
// whoever takes mail at a name is easily believed to send from it.
func (l *lookups) mailName(answer *dns.Lookup) {
	if name := answer.Name; name != l.domain && name.IsUnder(l.domain) && len(mxHosts(answer)) > 0 {
		l.ask(name, dns.TypeTXT, nil)
	}
}

// places takes the answers. Call it after wait and build.
func (l *lookups) places(tree *Tree) places {
	p := places{type99: l.get(l.domain, dns.TypeSPF), random: l.get(l.domain.Child(randomLabel(l.domain)), dns.TypeTXT)}
	for _, name := range mistaken(l.domain) {
		if answer := l.get(name, dns.TypeTXT); answer != nil && tree == nil {
			p.strays = append(p.strays, answer)
		}
	}
	tree.each(func(t *Term) {
		if t.Kind != MX || t.lookup == nil || t.Target == l.domain || !t.Target.IsUnder(l.domain) || len(mxHosts(t.lookup)) == 0 {
			return
		}
		if answer := l.get(t.Target, dns.TypeTXT); answer != nil && !slices.Contains(p.subdomains, answer) {
			p.subdomains = append(p.subdomains, answer)
		}
	})
	return p
}

// MailNames are the TXT look-ups of names below the domain that have mail hosts
// of their own, as the mx terms of the record showed; unsure is why there may be
// more of them.
func (f *Facts) MailNames() (lookups []*dns.Lookup, unsure error) {
	if errs := f.Tree.unknowns(Include, Redirect, MX); len(errs) > 0 {
		unsure = errs[0]
	}
	return f.places.subdomains, unsure
}

// HasRecord tells whether an answer holds an SPF record (§4.5).
func HasRecord(l *dns.Lookup) bool {
	texts, _ := recordTexts(l)
	return len(texts) > 0
}

// fromZoneFile tells whether an answer came from a file that the user gave: a
// cache counts the time to live down, a file does not.
func fromZoneFile(l *dns.Lookup) bool {
	return l.Answer != nil && strings.HasPrefix(l.Answer.Server, "zone ")
}

// SameOrganisation tells whether a name lies at or below the domain, or in the
// same registered domain.
func SameOrganisation(name, domain dns.Name) bool {
	own, _ := registrable(domain)
	reg, _ := registrable(name)
	return own != "" && own == reg || name.IsUnder(domain)
}
