package spf_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/spf"
)

// Look-ups are counted through everything that is included.
func ExampleGenerate() {
	world, err := dnstest.Parse(`
_spf.example.net.  TXT "v=spf1 include:_a.example.net ~all"
_a.example.net.    TXT "v=spf1 ip4:5.6.7.0/24 ~all"
example.com.       MX 10 mail.example.com.
mail.example.com.  A 5.6.8.1
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := spf.Generate(context.Background(), world, "example.com", spf.Options{MX: []string{""}, Include: []string{"_spf.example.net"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(g.Record)
	fmt.Println(g.Lookups, "of", spf.MaxLookups, "look-ups, refused:", g.Refused())
	// Output:
	// v=spf1 mx include:_spf.example.net ~all
	// 3 of 10 look-ups, refused: false
}

// The outcome says which term of which record decided.
func ExampleCheck() {
	world, err := dnstest.Parse(`
example.com.       TXT "v=spf1 include:_spf.example.net -all exp=why.example.com"
why.example.com.   TXT "%{i} does not send for %{d}"
_spf.example.net.  TXT "v=spf1 ip4:198.51.100.0/24 ~all"
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, client := range []string{"198.51.100.7", "192.0.2.1"} {
		o := spf.Check(context.Background(), world, spf.Query{
			IP:       netip.MustParseAddr(client),
			MailFrom: "news@example.com",
			HELO:     "mail.example.com",
		})
		fmt.Printf("%s by %s %q\n", o.Result, o.Term, o.Explanation)
		for _, step := range o.Path {
			fmt.Println("  ", step.Domain, step.Term)
		}
	}
	// Output:
	// pass by include:_spf.example.net ""
	//    example.com include:_spf.example.net
	//    _spf.example.net ip4:198.51.100.0/24
	// fail by -all "192.0.2.1 does not send for example.com"
	//    example.com -all
}
