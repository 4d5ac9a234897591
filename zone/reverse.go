package zone

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/special"
)

// Bounds of what is asked about reverse names.
const (
	maxReverse = 16 // addresses of mail hosts, and as many that only send
	maxNames   = 5  // names of one address that are looked up again
)

// Role is why an address matters: what it is known to do.
type Role string

// The roles, the most telling first.
const (
	Named Role = "named" // sends, by the user's word
	Sends Role = "sends" // SPF lets it pass
	Takes Role = "mx"    // takes mail, and is not known to send
)

// Address is one address and its reverse names.
type Address struct {
	IP    netip.Addr    `json:"ip"`
	Role  Role          `json:"role"`
	Host  dns.Name      `json:"host"` // the mail host that has it; "" for none
	PTR   dns.Lookup    `json:"ptr"`
	Names []ReverseName `json:"names"`

	// HELO is what a mail host at the address calls itself when greeted; set by
	// the audit, "" where it is no mail host or was not reached.
	HELO dns.Name `json:"helo"`
}

// ReverseName is one name that a PTR record gives, and its addresses.
type ReverseName struct {
	Name    dns.Name   `json:"name"`
	Forward dns.Lookup `json:"forward"` // A or AAAA, of the address's own family
}

// reverse asks for the names of the addresses and what they lead back to.
// Special-purpose addresses have no public reverse names.
func (f *Facts) reverse(ctx context.Context, r dns.Resolver, named []netip.Addr, known Known) {
	roles := map[netip.Addr]Role{}
	for role, list := range map[Role][]netip.Addr{Named: named, Sends: known.Senders} {
		for _, ip := range list {
			if roles[ip.Unmap()] != Named {
				roles[ip.Unmap()] = role
			}
		}
	}
	seen := map[netip.Addr]bool{}
	// Hosts and senders have a cap each: where one answer fails, what the other
	// shows stays the same.
	add := func(ip netip.Addr, host dns.Name, room *int) {
		ip = ip.Unmap()
		switch {
		case seen[ip] || special.Block(ip) != "":
		case *room == 0:
			f.Over++
		default:
			*room--
			seen[ip] = true
			role := roles[ip]
			if role == "" {
				role = Takes
			}
			f.Addresses = append(f.Addresses, &Address{IP: ip, Role: role, Host: host, Names: []ReverseName{}})
		}
	}
	room := maxReverse
	for _, h := range known.Hosts {
		for _, ip := range h.Addresses {
			add(ip, h.Name, &room)
		}
	}
	room = maxReverse
	for _, ip := range slices.Concat(named, known.Senders) {
		add(ip, "", &room)
	}
	var wg sync.WaitGroup
	for _, a := range f.Addresses {
		wg.Go(func() { a.ask(ctx, r) })
	}
	wg.Wait()
}

func (a *Address) ask(ctx context.Context, r dns.Resolver) {
	a.PTR = dns.Ask(ctx, r, dns.ReverseName(a.IP), dns.TypePTR)
	for _, rec := range a.PTR.Records() {
		if rec.Host != "" && !slices.ContainsFunc(a.Names, func(n ReverseName) bool { return n.Name == rec.Host }) {
			a.Names = append(a.Names, ReverseName{Name: rec.Host})
		}
	}
	slices.SortFunc(a.Names, func(x, y ReverseName) int { return strings.Compare(x.Name.String(), y.Name.String()) })
	qtype := dns.TypeA
	if a.IP.Is6() {
		qtype = dns.TypeAAAA
	}
	var wg sync.WaitGroup
	for i := range a.Names {
		// What is no name that DNS can be asked for leads back to nothing.
		if n := &a.Names[i]; i < maxNames && n.Name.Check() == nil {
			wg.Go(func() { n.Forward = dns.Ask(ctx, r, n.Name, qtype) })
		}
	}
	wg.Wait()
}

// Confirmed are the names that lead back to the address (RFC 8601 §2.7.3).
// unsure is why there may be more, nil when there are not.
func (a *Address) Confirmed() (names []dns.Name, unsure error) {
	for i := range a.Names {
		n := &a.Names[i]
		if n.Forward.Unknown() {
			unsure = n.Forward.Error
		}
		if slices.ContainsFunc(n.Forward.Records(), func(rec dns.Record) bool { return rec.Addr.Unmap() == a.IP }) {
			names = append(names, n.Name)
		}
	}
	if len(a.Names) > maxNames && unsure == nil {
		unsure = check.Cause{Code: "ptr-names-over", Params: check.Params{"Address": a.IP.String(), "Asked": maxNames, "Over": len(a.Names) - maxNames}}
	}
	return names, unsure
}

// Sends tells whether the address is known to send.
func (a *Address) Sends() bool { return a.Role != Takes }

// generic tells whether a name looks like one that a network made out of the
// address, as dial-up lines and unnamed virtual machines have.
func (a *Address) generic(name dns.Name) bool {
	text := strings.ToLower(name.String())
	for _, label := range strings.FieldsFunc(text, func(c rune) bool { return c == '.' || c == '-' || c == '_' }) {
		switch strings.TrimRight(label, "0123456789") {
		case "dyn", "dynamic", "dhcp", "dsl", "adsl", "ppp", "pool", "dialup", "static":
			return true
		}
	}
	if !a.IP.Is4() {
		return false
	}
	// The octets of the address stand in the name, in either order.
	o := a.IP.As4()
	for _, order := range [][]byte{{o[0], o[1], o[2], o[3]}, {o[3], o[2], o[1], o[0]}} {
		for _, form := range []string{"%d-%d-%d-%d", "%d.%d.%d.%d", "%03d%03d%03d%03d"} {
			if has(text, fmt.Sprintf(form, order[0], order[1], order[2], order[3])) {
				return true
			}
		}
	}
	return has(text, fmt.Sprintf("%02x%02x%02x%02x", o[0], o[1], o[2], o[3]))
}

// has tells whether the digits stand in the text and are not part of longer ones.
func has(text, digits string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], digits)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(digits)
		if (i == 0 || !isDigit(text[i-1])) && (end == len(text) || !isDigit(text[end])) {
			return true
		}
		from = i + 1
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
