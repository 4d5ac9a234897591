package dns_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/postseal/postseal/dns"
)

// Records are looked up before they are published.
func ExampleOverlay() {
	zone, err := dns.ParseZone(strings.NewReader(`
@    SOA ns root 1 3600 600 86400 300
@    TXT "v=spf1 -all"
www  CNAME @
`), "example.com", "example.com.zone")
	if err != nil {
		fmt.Println(err)
		return
	}
	r := dns.Overlay([]*dns.Zone{zone}, nil)
	for _, name := range []dns.Name{"www.example.com", "mail.example.com", "example.net"} {
		l := dns.Ask(context.Background(), r, name, dns.TypeTXT)
		fmt.Println(name, l.State)
		for _, rec := range l.Records() {
			fmt.Println(" ", rec.Name, rec.Text())
		}
	}
	// Output:
	// www.example.com found
	//   example.com v=spf1 -all
	// mail.example.com nxdomain
	// example.net unknown
}
