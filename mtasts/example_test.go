package mtasts_test

import (
	"fmt"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/mtasts"
)

func ExampleGenerate() {
	g, problems, err := mtasts.Generate("example.com", mtasts.Options{
		MX:     []string{"*.mail.example.com"},
		LiveMX: []dns.Name{"mx1.mail.example.com", "backup.example.net"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(g.Record)
	fmt.Print(g.Policy)
	for _, p := range problems {
		fmt.Println(p.Severity, p.ID, p.Params["Hosts"])
	}
	// Output:
	// v=STSv1; id=66a56debe9901a68
	// version: STSv1
	// mode: testing
	// mx: *.mail.example.com
	// max_age: 86400
	// error gen-mtasts-mx-uncovered [backup.example.net]
}
