package zone

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// MaxBlockLists bounds the lists of one run: each costs up to two questions an address.
const MaxBlockLists = 8

// BlockList is what one DNS list says about the addresses (RFC 5782). It is
// asked only at the user's wish: its operator learns which addresses matter to
// whom, and may forbid automated questions.
type BlockList struct {
	Name    dns.Name      `json:"name"`
	Tests   []ListTest    `json:"tests"`   // of the families that the addresses have
	Entries []ListedEntry `json:"entries"` // of the addresses that the tests let ask about
}

// ListTest are the entries that tell a list at work from a dead one (RFC 5782 §5).
type ListTest struct {
	IPv6   bool       `json:"ipv6"`
	Listed dns.Lookup `json:"listed"` // 127.0.0.2 or ::ffff:7f00:2, which must be there
	Clean  dns.Lookup `json:"clean"`  // 127.0.0.1 or ::ffff:7f00:1, which must not
}

// ListedEntry is one address at one list.
type ListedEntry struct {
	IP   netip.Addr `json:"ip"`
	A    dns.Lookup `json:"a"`
	Text dns.Lookup `json:"text"` // TXT, the reason; asked only where A was found
}

// listName is where a list has an address (RFC 5782 §2.1, §2.4): octets or
// nibbles backwards, below the list.
func listName(ip netip.Addr, list dns.Name) dns.Name {
	reversed := string(dns.ReverseName(ip))
	for _, suffix := range []string{".in-addr.arpa", ".ip6.arpa"} {
		reversed = strings.TrimSuffix(reversed, suffix)
	}
	return list.Child(reversed)
}

// testName is where a list has one of its test entries: the last octet of
// 127.0.0.x, in IPv6 of ::ffff:7f00:x.
func testName(ipv6 bool, last string, list dns.Name) dns.Name {
	if !ipv6 {
		return list.Child(last + ".0.0.127")
	}
	return list.Child(last + ".0.0.0.0.0.f.7.f.f.f.f" + strings.Repeat(".0", 20))
}

// gatherLists asks the tests first, and about an address only a list that is at
// work: one that is not needs not be told of it.
func (f *Facts) gatherLists(ctx context.Context, r dns.Resolver, lists []dns.Name) {
	f.BlockLists = []*BlockList{}
	if len(f.Addresses) == 0 {
		return
	}
	var wg sync.WaitGroup
	for _, name := range lists {
		if slices.ContainsFunc(f.BlockLists, func(b *BlockList) bool { return b.Name == name }) || len(f.BlockLists) == MaxBlockLists {
			continue
		}
		b := &BlockList{Name: name, Tests: []ListTest{}, Entries: []ListedEntry{}}
		f.BlockLists = append(f.BlockLists, b)
		wg.Go(func() { b.gather(ctx, r, f.Addresses) })
	}
	wg.Wait()
}

func (b *BlockList) gather(ctx context.Context, r dns.Resolver, addresses []*Address) {
	for _, ipv6 := range []bool{false, true} {
		if slices.ContainsFunc(addresses, func(a *Address) bool { return a.IP.Is6() == ipv6 }) {
			b.Tests = append(b.Tests, ListTest{IPv6: ipv6})
		}
	}
	var wg sync.WaitGroup
	for i := range b.Tests {
		t := &b.Tests[i]
		wg.Go(func() { t.Listed = dns.Ask(ctx, r, testName(t.IPv6, "2", b.Name), dns.TypeA) })
		wg.Go(func() { t.Clean = dns.Ask(ctx, r, testName(t.IPv6, "1", b.Name), dns.TypeA) })
	}
	wg.Wait()
	for _, a := range addresses {
		if b.trouble(a.IP) == nil {
			b.Entries = append(b.Entries, ListedEntry{IP: a.IP})
		}
	}
	for i := range b.Entries {
		e := &b.Entries[i]
		wg.Go(func() {
			at := listName(e.IP, b.Name)
			e.A = dns.Ask(ctx, r, at, dns.TypeA)
			if e.A.Found() {
				e.Text = dns.Ask(ctx, r, at, dns.TypeTXT)
			}
		})
	}
	wg.Wait()
}

// trouble is why the list can say nothing about an address of that family, nil
// when its tests come out as they must.
func (b *BlockList) trouble(ip netip.Addr) error {
	for i := range b.Tests {
		t := &b.Tests[i]
		if t.IPv6 != ip.Is6() {
			continue
		}
		for _, l := range []*dns.Lookup{&t.Listed, &t.Clean} {
			if l.Unknown() {
				return l.Error
			}
		}
		_, err := b.verdict(&t.Listed)
		switch {
		case err != nil:
			return err
		case !t.Listed.Found():
			return b.cause("dnsbl-test-missing", &t.Listed)
		case t.Clean.Found():
			return b.cause("dnsbl-test-everything", &t.Clean)
		}
		return nil
	}
	return nil
}

// verdict reads an answer: the codes of a listing, none for an address that is
// not listed. Lists answer in 127.0.0.0/8 (RFC 5782 §2.1). By convention
// 127.255.255.0/24 says that the question was refused, as to a public resolver;
// 127.0.0.1, which no list may have as an entry, says so at some; anything
// outside means that nobody runs the list any more.
func (b *BlockList) verdict(l *dns.Lookup) (codes []string, err error) {
	for _, rec := range l.Records() {
		o := rec.Addr.Unmap().As16()
		switch {
		case !rec.Addr.Unmap().Is4() || o[12] != 127:
			return nil, b.cause("dnsbl-foreign", l)
		case o[13] == 255 && o[14] == 255, rec.Addr == netip.AddrFrom4([4]byte{127, 0, 0, 1}):
			return nil, b.cause("dnsbl-refused", l)
		}
		codes = append(codes, rec.Addr.String())
	}
	slices.Sort(codes)
	return codes, nil
}

func (b *BlockList) cause(code string, l *dns.Lookup) check.Cause {
	answer := ""
	if recs := l.Records(); len(recs) > 0 {
		answer = recs[0].Addr.String()
	}
	return check.Cause{Code: code, Params: check.Params{"List": b.Name.String(), "Name": l.Name.String(), "Answer": answer}}
}

// listRules judge what the lists say.
var listRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dnsbl-listed", Standard: check.MX, Severity: check.Warning,
			Title: "an address stands on a block list",
			Refs:  []check.Ref{check.RFC(5782, "2.1"), check.RFC(5782, "5")},
			Doc: `A DNS block list that you named has this address. Receivers that use the list refuse its mail or count it as spam; how many
do depends on the list, and lists differ much in worth. Only lists named with ` + "`--dnsbl`" + ` are asked, and only where their test entries
answer as they must: the operator learns which addresses were asked about.

**Fix:** read the reason and the page of the list. Find what made the address be listed, as a hacked account or a form that
sends to anybody, and mend it before you ask to be taken off: who comes back is harder to remove. An address that is not
yours to clean belongs out of your SPF record.

Before: 8.7.6.5.bl.example.net A 127.0.0.2
After: 8.7.6.5.bl.example.net does not exist`,
		},
		Applies: func(f *Facts) bool { return len(f.BlockLists) > 0 || f.Lists > 0 && f.Untold != nil },
		Run:     runListed,
	},
}

func runListed(f *Facts, r *check.Reporter) {
	for _, b := range f.BlockLists {
		for _, a := range f.Addresses {
			if err := b.trouble(a.IP); err != nil {
				r.Unknown(err)
			}
		}
		for i := range b.Entries {
			e := &b.Entries[i]
			if e.A.Unknown() {
				r.Unknown(e.A.Error)
				continue
			}
			codes, err := b.verdict(&e.A)
			switch {
			case err != nil:
				r.Unknown(err)
			case len(codes) > 0:
				var reasons []string
				for _, rec := range e.Text.Records() {
					reasons = append(reasons, rec.Text())
				}
				slices.Sort(reasons)
				r.Report(check.Finding{Subject: e.IP.String(), Scope: e.IP.String(), Params: check.Params{
					"Address": e.IP.String(), "List": b.Name.String(), "Codes": strings.Join(codes, ", "), "Reason": clip(strings.Join(reasons, " "))}})
			}
		}
	}
	if f.Untold != nil {
		r.Unknown(f.Untold)
	}
	if f.Over > 0 {
		r.Unknown(check.Cause{Code: "ptr-over", Params: check.Params{"Asked": maxReverse, "Over": f.Over}})
	}
}
