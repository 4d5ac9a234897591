package dkim_test

import (
	"fmt"

	"github.com/postseal/postseal/dkim"
)

// A record pasted with its escapes is still read, and the mended text comes with it.
func ExampleParseKey() {
	key, problems := dkim.ParseKey(`v=DKIM1\; k=ed25519\; p=vGkOBTozmgIkoBEWhDAfwsIln62vQtQwI2SkHqxyETs=`)
	fmt.Println(key.Type, key.Bits, key.Usable())
	for _, p := range problems {
		fmt.Println(p.Rule, p.Span)
	}
	fmt.Println(key.Repaired)
	// Output:
	// ed25519 256 false
	// dkim-escaped-semicolon {7 9}
	// dkim-v-invalid {2 8}
	// v=DKIM1; k=ed25519; p=vGkOBTozmgIkoBEWhDAfwsIln62vQtQwI2SkHqxyETs=
}
