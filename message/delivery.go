package message

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/spf"
)

// Delivery is what is known of the last hop and from where.
type Delivery struct {
	IP            netip.Addr `json:"ip"` // the zero value: unknown
	HELO          string     `json:"helo"`
	MailFrom      string     `json:"mail_from"`
	MailFromKnown bool       `json:"mail_from_known"` // MailFrom "" is then the null reverse-path
	Reconstructed []string   `json:"reconstructed"`   // "ip", "helo", "mail_from": taken from header fields
	ReceivedAt    time.Time  `json:"received_at"`     // by the hop into the receiver, else the topmost Received; zero: unknown
	TLS           string     `json:"tls"`             // of the hop into the receiver: "yes", "no", "unknown"
	Forwarded     []string   `json:"forwarded"`       // signs: "list-id", "resent", "srs", "arc"

	Hops        []Hop `json:"hops"`         // every Received field, top first; the first hundred
	Border      int   `json:"border"`       // index in Hops of the hop into the receiver; -1 unknown
	Received    int   `json:"received"`     // how many Received fields there are
	ReturnPaths int   `json:"return_paths"` // how many Return-Path fields there are

	PTR         *dns.Lookup  `json:"ptr"`          // of the client's address; nil where that is unknown
	PTRForward  []dns.Lookup `json:"ptr_forward"`  // A or AAAA of the names that PTR gave
	IPRev       string       `json:"iprev"`        // RFC 8601 §2.7.3: pass, fail, temperror, permerror; "" not asked
	HELOAddress []dns.Lookup `json:"helo_address"` // A and AAAA of the name in EHLO, where it is one
}

// Bounds of what one message makes us read and ask.
const (
	maxHops = 100
	maxPTR  = 10 // RFC 7208 §4.6.4 has the same for its ptr mechanism
)

func (f *Facts) gatherDelivery() {
	m, o := f.Message, f.Options
	d := &Delivery{
		Reconstructed: []string{}, TLS: "unknown", Forwarded: []string{}, Hops: []Hop{}, Border: -1,
		PTRForward: []dns.Lookup{}, HELOAddress: []dns.Lookup{},
	}
	f.Delivery = d
	for i := range m.Fields {
		if m.Fields[i].Key != "received" {
			continue
		}
		if d.Received++; len(d.Hops) < maxHops {
			h := parseReceived(m.Fields[i].Value)
			h.Field = i
			d.Hops = append(d.Hops, h)
		}
	}
	d.Border = border(d.Hops, o)
	d.IP, d.HELO = o.IP.Unmap(), o.HELO
	if d.Border >= 0 {
		h := d.Hops[d.Border]
		if !d.IP.IsValid() && h.IP.IsValid() {
			d.IP, d.Reconstructed = h.IP, append(d.Reconstructed, "ip")
		}
		// The name belongs to the address: of another client it says nothing.
		if d.HELO == "" && h.HELO != "" && d.IP == h.IP {
			d.HELO, d.Reconstructed = h.HELO, append(d.Reconstructed, "helo")
		}
		d.TLS = h.TLS
		if h.At != nil {
			d.ReceivedAt = *h.At
		}
	}
	if d.ReceivedAt.IsZero() && len(d.Hops) > 0 && d.Hops[0].At != nil {
		d.ReceivedAt = *d.Hops[0].At
	}
	d.mailFrom(m, o)
	d.forwarded(m)
}

// mailFrom is what the user says, else the topmost Return-Path: that of the last
// server (RFC 5321 §4.4).
func (d *Delivery) mailFrom(m *Message, o Options) {
	paths := m.all("return-path")
	d.ReturnPaths = len(paths)
	switch {
	case o.MailFrom != nil:
		d.MailFrom, d.MailFromKnown = *o.MailFrom, true
	case len(paths) > 0:
		path, ok := reversePath(m.Fields[paths[0]].Value)
		if ok {
			d.MailFrom, d.MailFromKnown = path, true
			d.Reconstructed = append(d.Reconstructed, "mail_from")
		}
	}
}

// reversePath is the address between the angle brackets. Some servers leave
// them out; without an address that says nothing.
func reversePath(value string) (string, bool) {
	if open := strings.IndexByte(value, '<'); open >= 0 {
		in, _, ok := strings.Cut(value[open+1:], ">")
		return strings.Trim(in, " \t"), ok
	}
	word, _, _ := strings.Cut(value, " ")
	return word, strings.Contains(word, "@")
}

// forwarded collects signs that the message was passed on after its author's
// server had sent it.
func (d *Delivery) forwarded(m *Message) {
	add := func(sign string) {
		if !slices.Contains(d.Forwarded, sign) {
			d.Forwarded = append(d.Forwarded, sign)
		}
	}
	if m.first("list-id") != nil {
		add("list-id")
	}
	for i := range m.Fields {
		if strings.HasPrefix(m.Fields[i].Key, "resent-") {
			add("resent")
		}
	}
	// Forwarders that rewrite MAIL FROM mark it so (SRS).
	local := strings.ToUpper(d.MailFrom)
	if len(local) > 4 && (strings.HasPrefix(local, "SRS0") || strings.HasPrefix(local, "SRS1")) && strings.ContainsRune("=+-", rune(local[4])) {
		add("srs")
	}
	if m.first("arc-seal") != nil {
		add("arc")
	}
}

// border picks the hop in which the receiver's first server took the message
// from the sender's last. Hops inside one organisation stand above it: they name
// no client, a private address, or a client of the server's own domain.
func border(hops []Hop, o Options) int {
	if o.IP.IsValid() {
		if i := slices.IndexFunc(hops, func(h Hop) bool { return h.IP == o.IP.Unmap() }); i >= 0 {
			return i
		}
	}
	if o.Receiver != "" {
		i := slices.IndexFunc(hops, func(h Hop) bool {
			return strings.EqualFold(strings.TrimSuffix(h.By, "."), o.Receiver) && outside(h.IP)
		})
		if i >= 0 {
			return i
		}
	}
	i := slices.IndexFunc(hops, func(h Hop) bool { return outside(h.IP) && !sameHouse(h) })
	if i < 0 {
		i = slices.IndexFunc(hops, func(h Hop) bool { return outside(h.IP) })
	}
	if i < 0 {
		i = slices.IndexFunc(hops, func(h Hop) bool { return h.IP.IsValid() })
	}
	return i
}

// outside tells whether the address can be that of somebody else's server.
func outside(a netip.Addr) bool {
	return a.IsValid() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !sharedSpace.Contains(a)
}

// sharedSpace is between a carrier and its customers (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// sameHouse tells whether client and server are of one organisation: by the name
// that the server looked up, or, as Exchange writes it, by neighbouring
// addresses. What the client calls itself is no evidence: strangers say the
// receiver's own name.
func sameHouse(h Hop) bool {
	if h.ByIP.IsValid() && h.ByIP.BitLen() == h.IP.BitLen() {
		bits := 16
		if h.IP.Is6() {
			bits = 32
		}
		if p, err := h.ByIP.Prefix(bits); err == nil && p.Contains(h.IP) {
			return true
		}
	}
	from, err := dns.ParseDomain(h.PTR)
	if err != nil {
		return false
	}
	by, err := dns.ParseDomain(h.By)
	return err == nil && len(from.Labels()) > 1 && len(by.Labels()) > 1 && spf.SameOrganisation(from, by)
}

// heloName is the name in EHLO where it has the form of a host name; a literal
// or a single word is none.
func (d *Delivery) heloName() (dns.Name, bool) {
	n, err := dns.ParseDomain(d.HELO)
	if err != nil || len(n.Labels()) < 2 || strings.HasPrefix(d.HELO, "[") || strings.Contains(d.HELO, "_") {
		return "", false
	}
	if _, err := netip.ParseAddr(d.HELO); err == nil {
		return "", false
	}
	return n, true
}

// askDelivery asks DNS about the client: its address by name, its name by
// address.
func (f *Facts) askDelivery(ctx context.Context, r dns.Resolver) {
	d := f.Delivery
	if n, ok := d.heloName(); ok {
		d.HELOAddress = append(d.HELOAddress, dns.Ask(ctx, r, n, dns.TypeA))
		if !d.HELOAddress[0].Found() {
			d.HELOAddress = append(d.HELOAddress, dns.Ask(ctx, r, n, dns.TypeAAAA))
		}
	}
	if !d.IP.IsValid() {
		return
	}
	ptr := dns.Ask(ctx, r, reverseName(d.IP), dns.TypePTR)
	d.PTR = &ptr
	family := dns.TypeA
	if d.IP.Is6() {
		family = dns.TypeAAAA
	}
	for i, rec := range ptr.Records() {
		if i == maxPTR {
			break
		}
		d.PTRForward = append(d.PTRForward, dns.Ask(ctx, r, rec.Host, family))
	}
	d.IPRev = d.iprev()
}

// iprev is the result of RFC 8601 §3: a name of the address leads back to it.
func (d *Delivery) iprev() string {
	switch {
	case d.PTR.Unknown():
		return "temperror"
	case !d.PTR.Found():
		return "permerror" // §3: no PTR record
	}
	result := "fail"
	for i := range d.PTRForward {
		l := &d.PTRForward[i]
		if l.Unknown() {
			result = "temperror"
		}
		for _, rec := range l.Records() {
			if rec.Addr.Unmap() == d.IP {
				return "pass"
			}
		}
	}
	return result
}

// reverseName is the owner of an address's PTR records (RFC 1035 §3.5, RFC 3596 §2.5).
func reverseName(a netip.Addr) dns.Name {
	const hex = "0123456789abcdef"
	var labels []string
	if a.Is4() {
		for _, part := range slices.Backward(strings.Split(a.String(), ".")) {
			labels = append(labels, part)
		}
		return dns.Name("in-addr.arpa").Child(strings.Join(labels, "."))
	}
	b := a.As16()
	for _, c := range slices.Backward(b[:]) {
		labels = append(labels, string(hex[c&15]), string(hex[c>>4]))
	}
	return dns.Name("ip6.arpa").Child(strings.Join(labels, "."))
}
