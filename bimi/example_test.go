package bimi_test

import (
	"fmt"

	"github.com/postseal/postseal/bimi"
)

func ExampleGenerate() {
	text, problems, err := bimi.Generate(bimi.Options{Logo: "https://example.com/logo.svg", Evidence: "https://example.com/mark.pem"})
	fmt.Println(text, len(problems), err)
	// Output:
	// v=BIMI1; l=https://example.com/logo.svg; a=https://example.com/mark.pem; 0 <nil>
}
