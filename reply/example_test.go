package reply_test

import (
	"fmt"

	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/reply"
)

func ExampleExplain() {
	facts, err := reply.Parse([]byte("451 4.7.1 Greylisted, try again"))
	if err != nil {
		fmt.Println(err)
		return
	}
	e := reply.Explain(facts.Replies[0], reply.StageUnknown)
	fmt.Println(e.Class, e.Retry, e.Actors)
	fmt.Println(locale.Must(locale.English).Text(e.Words+".remedy", nil))
	// Output:
	// temporary later [nobody]
	// Wait; a correct mail server retries by itself and gets through after some minutes, from the same address.
}
