package tlsrpt_test

import (
	"fmt"

	"github.com/postseal/postseal/tlsrpt"
)

func ExampleGenerate() {
	text, problems, err := tlsrpt.Generate(tlsrpt.Options{RUA: []string{"mailto:tls!reports@example.com", "https://reports.example.net/tls"}})
	fmt.Println(text, len(problems), err)
	// Output:
	// v=TLSRPTv1; rua=mailto:tls%21reports@example.com,https://reports.example.net/tls 0 <nil>
}
