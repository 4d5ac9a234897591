package report_test

import (
	"fmt"
	"os"

	"github.com/postseal/postseal/report"
)

func ExampleWriteText() {
	f, err := os.Open("testdata/parked.en.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	doc, err := report.ReadJSON(f)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := report.WriteText(os.Stdout, doc, report.TextOptions{Width: 100}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// parked.example  94/100 A  all 100 points measured · no mail (parked)
	// This domain sends no mail, and receivers are told so.
	//
	// Next steps
	//  1  Sign the domain with DNSSEC  +6 → 100 A+  hours
	//
	// Standards
	//   ✓ ok              SPF       4 checks passed
	//   – not applicable  DKIM      nothing here applies to this domain
	//   ✓ ok              DMARC     3 checks passed
	//   • notice          DNSSEC    the domain is not signed
	//   ✓ ok              MX        2 checks passed
	//   – not applicable  STARTTLS  nothing here applies to this domain
}
