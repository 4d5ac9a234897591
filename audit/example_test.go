package audit_test

import (
	"context"
	"fmt"
	"time"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns/dnstest"
)

func ExampleAuditor_Audit() {
	world, err := dnstest.Parse(`
example.com.         SOA ns.example.com. h.example.com. 1 3600 600 86400 300
example.com.         NS ns.example.com.
ns.example.com.      A 5.6.7.1
example.com.         MX 10 mx.example.com.
mx.example.com.      A 5.6.7.8
8.7.6.5.in-addr.arpa. PTR mx.example.com.
example.com.         TXT "v=spf1 mx +all"
_dmarc.example.com.  TXT "v=DMARC1; p=none; rua=mailto:d@example.com"
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	a := &audit.Auditor{Resolver: world, NoSMTP: "offline", Now: time.Now}
	out, err := a.Audit(context.Background(), audit.Request{Domain: "example.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(out.Facts.Profile)
	for _, r := range out.Results {
		if r.Status == check.Fail && r.Severity >= check.Warning {
			fmt.Println(r.Severity, r.Rule.ID)
		}
	}
	// Output:
	// mail
	// error spf-all-pass
	// warning dkim-domainkey-nxdomain
	// warning dmarc-policy-none
	// warning mtasts-record-missing
}
