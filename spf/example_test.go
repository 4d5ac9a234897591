package spf_test

import (
	"context"
	"fmt"

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
