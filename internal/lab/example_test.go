package lab_test

import (
	"context"
	"fmt"

	"github.com/postseal/postseal/internal/lab"
)

func ExampleStart() {
	l, err := lab.Start(context.Background(), lab.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	for _, d := range l.Domains() {
		fmt.Printf("%s (%s): %d rules must complain\n", d.Name, d.Title, len(d.Expect))
	}
	// Output:
	// lighthouse.example (everything right): 0 rules must complain
	// oldbrand.example (parked, and says so): 0 rules must complain
	// padaria-lua.example (a small business at a provider): 3 rules must complain
	// rusty-gears.example (broken in most ways): 13 rules must complain
}
