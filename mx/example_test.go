package mx_test

import (
	"context"
	"fmt"

	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/mx"
)

// What could not be looked up is never missing.
func ExampleGather() {
	world, err := dnstest.Parse(`
example.com.      MX 10 mx1.example.com.
example.com.      MX 20 mx2.example.com.
mx1.example.com.  A 5.6.7.8
mx2.example.com.  A ; !timeout
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	facts, err := mx.Gather(context.Background(), world, "example.com", mx.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, h := range facts.Hosts {
		fmt.Println(h.Preference, h.Name, h.A.State, len(h.Addresses))
	}
	// Output:
	// 10 mx1.example.com found 1
	// 20 mx2.example.com unknown 0
}
