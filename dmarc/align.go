package dmarc

import (
	"slices"

	"github.com/postseal/postseal/dns"
)

// maxOpen bounds the failed names of two walks whose possible answers are gone
// through: four ways for each.
const maxOpen = 4

// sameOrganization tells whether two walks end at one Organizational Domain.
// Where a look-up failed it goes through what the name could have answered: no
// record, or one with psd u, n or y. What all of these agree on is certain.
func sameOrganization(a, b *Discovery) (answer string, failed *dns.Error) {
	if a.OrganizationalDomain != "" && b.OrganizationalDomain != "" {
		return yesNo(a.OrganizationalDomain == b.OrganizationalDomain), nil
	}
	// An Organizational Domain is the name that was started from or one above it.
	switch {
	case a.OrganizationalDomain != "" && !b.Start.IsUnder(a.OrganizationalDomain),
		b.OrganizationalDomain != "" && !a.Start.IsUnder(b.OrganizationalDomain),
		top(a.Start) != top(b.Start):
		return AlignedNo, nil
	}
	open := a.open(nil)
	open = b.open(open)
	if failed = a.failure(); failed == nil {
		failed = b.failure()
	}
	if len(open) > maxOpen {
		return AlignedUnknown, failed
	}
	for i, guess := range guesses(open) {
		same := yesNo(a.suppose(guess) == b.suppose(guess))
		if i > 0 && same != answer {
			return AlignedUnknown, failed
		}
		answer = same
	}
	return answer, nil
}

func yesNo(b bool) string {
	if b {
		return AlignedYes
	}
	return AlignedNo
}

// top is the top-level domain of a name.
func top(n dns.Name) dns.Name {
	labels := n.Labels()
	if len(labels) == 0 {
		return dns.Root
	}
	return dns.Name(labels[len(labels)-1])
}

// open adds the names whose look-up failed.
func (d *Discovery) open(names []dns.Name) []dns.Name {
	for _, s := range d.Steps {
		if s.Status == dns.StateUnknown && !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

// guesses are all the answers that the names could have given: "" for no
// record, else the psd of one.
func guesses(names []dns.Name) []map[dns.Name]string {
	out := []map[dns.Name]string{{}}
	for _, n := range names {
		var next []map[dns.Name]string
		for _, had := range out {
			for _, psd := range []string{"", "u", "n", "y"} {
				guess := map[dns.Name]string{n: psd}
				for k, v := range had {
					guess[k] = v
				}
				next = append(next, guess)
			}
		}
		out = next
	}
	return out
}

// suppose is the Organizational Domain if the failed names had answered so.
func (d *Discovery) suppose(guess map[dns.Name]string) dns.Name {
	steps := make([]*Step, len(d.Steps))
	for i, s := range d.Steps {
		steps[i] = s
		if s.Status != dns.StateUnknown {
			continue
		}
		steps[i] = &Step{Name: s.Name, Status: dns.StateNXDomain}
		if psd := guess[s.Name]; psd != "" {
			rec, _ := Parse("v=" + Version + "; psd=" + psd)
			steps[i] = &Step{Name: s.Name, Status: dns.StateFound, Kept: true, record: rec}
		}
	}
	return judge(d.Start, steps).OrganizationalDomain
}
