package lab

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"text/template"
	"time"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/dial"
)

//go:embed worlds/*.zone
var zones embed.FS

// Public keys of the DKIM records. Their private halves were never kept:
// nobody signs in the lab.
var dkimKeys = map[string]string{
	"rsa2048": "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqTiKeRk7Gc/QNrzhvdNqMFb2CEniUdczzI8biNRjpTYI2sf31AggYnEfXMk0ic5mNT87+qzNLX/K0zPBFimDjOjgAuh7nxo3XkEO3X18j1P7ATuw15fXzY5hleb2+G8vbnY9AB795ClasFezL2Ka2nPEK3ohD+KpNrA7PYtyWVdur+gyVuBhClSgN6SginUlPchq+gTRN1k+rizlaT+qoFsvWtLoSUfLKaFD0w0bvQeQQkxSCKfO4cb1MrKl1emWtzvDU7URdw6BuSR4Cs4GZhEaajDoH+d+AbpTVHrOYVxdRIh++M6FgjxEgYFggh5FKAoG7NGGAIUV/0uiPxcWiQIDAQAB",
	"ed25519": "v=DKIM1; k=ed25519; p=wdyaLyw+SVL1JMG5dLOgmNENU+TPms1sAHOe7n1gNBk=",
	"rsa1024": "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCBq0uFZw/N+GTSa5B2l4Hn8fBgxbOsvzMIyGRXChBo42PZAviv4w7DX13zfdRNI/t8RCig7WEtHXXnFjDJb5hDZPXSWAq7xzaM74joEUu5uKN61IxHJTJnYe7w5lYZTdzZTJdhQxKN7qz0tC2jRLX3xtGIEGamvUjHY9htkXuwwIDAQAB",
	"rsa512":  "v=DKIM1; k=rsa; t=y; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKCbwRkjfYdKnJHjfXTBGC9cx+/StS89Xp4TNP10RaXuSUsYJ0/+zQzUcuHs764nuDSGK/dNhm4v+JToRvfmWXsCAwEAAQ==",
}

// newWorld reads the zones, fills in keys and certificates, and gives every
// address its reverse name.
func newWorld(ca *authority) (*dnstest.World, error) {
	t := template.New("").Funcs(template.FuncMap{"dkim": dkimRecord, "tlsa": ca.tlsa})
	if _, err := t.ParseFS(zones, "worlds/*.zone"); err != nil {
		return nil, err
	}
	names, err := fs.Glob(zones, "worlds/*.zone")
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	for _, name := range names {
		if err := t.ExecuteTemplate(&text, strings.TrimPrefix(name, "worlds/"), nil); err != nil {
			return nil, err
		}
	}
	reverse, err := reverseZone(text.String())
	if err != nil {
		return nil, err
	}
	w, err := dnstest.Parse(text.String() + reverse)
	if err != nil {
		return nil, fmt.Errorf("reading the zones: %w", err)
	}
	return w, nil
}

// dkimRecord is a key record as a zone file writes it: character-strings hold
// at most 255 octets (RFC 1035 §3.3.14).
func dkimRecord(key string) (string, error) {
	text, ok := dkimKeys[key]
	if !ok {
		return "", fmt.Errorf("no DKIM key %q", key)
	}
	var parts []string
	for len(text) > 255 {
		parts = append(parts, `"`+text[:255]+`"`)
		text = text[255:]
	}
	return strings.Join(append(parts, `"`+text+`"`), " "), nil
}

// reverseZone gives each address of the zones a PTR record. Where several names
// share an address, the first one has it.
func reverseZone(text string) (string, error) {
	var b strings.Builder
	origin, seen := "", map[netip.Addr]bool{}
	b.WriteString("\n$ORIGIN .\n")
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && f[0] == "$ORIGIN":
			origin = f[1]
		case len(f) == 3 && (f[1] == "A" || f[1] == "AAAA"):
			a, err := netip.ParseAddr(f[2])
			if err != nil {
				return "", fmt.Errorf("address of %s: %w", f[0], err)
			}
			if seen[a] || strings.HasPrefix(f[0], "mta-sts") {
				continue
			}
			seen[a] = true
			name := f[0] + "." + origin
			if f[0] == "@" {
				name = origin
			}
			fmt.Fprintf(&b, "%s PTR %s\n", reverseName(a), name)
		}
	}
	return b.String(), nil
}

// reverseName is where the PTR record of an address lives (RFC 1035 §3.5,
// RFC 3596 §2.5).
func reverseName(a netip.Addr) string {
	var b strings.Builder
	bytes := a.AsSlice()
	for i := len(bytes) - 1; i >= 0; i-- {
		if a.Is4() {
			fmt.Fprintf(&b, "%d.", bytes[i])
		} else {
			fmt.Fprintf(&b, "%x.%x.", bytes[i]&15, bytes[i]>>4)
		}
	}
	if a.Is4() {
		return b.String() + "in-addr.arpa."
	}
	return b.String() + "ip6.arpa."
}

// addresses are those that the zones give a host.
func (l *Lab) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, t := range []dns.Type{dns.TypeA, dns.TypeAAAA} {
		a, err := l.world.Resolve(ctx, dns.Name(host), t)
		if err != nil {
			return nil, err
		}
		for _, r := range a.Records {
			addrs = append(addrs, r.Addr)
		}
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("the zones give %s no address", host)
	}
	return addrs, nil
}

// startDNS serves the zones.
func (l *Lab) startDNS(ctx context.Context, delay time.Duration) error {
	l.world.SetDelay(delay)
	addr, stop, err := l.world.Listen()
	if err != nil {
		return err
	}
	l.dnsAddr = addr
	l.closers = append(l.closers, stop)
	for _, ns := range []string{"ns1.zonewerk.example", "ns2.zonewerk.example"} {
		addrs, err := l.addresses(ctx, ns)
		if err != nil {
			return err
		}
		for _, a := range addrs {
			l.redirects = append(l.redirects, dial.Redirect{Name: a.String(), Port: 53, To: addr})
		}
	}
	return nil
}
