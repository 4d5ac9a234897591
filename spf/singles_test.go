package spf

import (
	"fmt"
	"testing"
)

func TestSingles(t *testing.T) {
	for name, tt := range map[string]struct {
		zone, want string
		untold     bool
	}{
		"each form": {zone: `
example.com. TXT "v=spf1 ip4:5.6.7.8 ip4:5.6.7.9/32 ip4:5.6.9.0/24 ip6:2a01::1 a mx a:big.example.com/24 ?ip4:5.6.7.99 include:v.example -all"
example.com. A 5.6.7.8
example.com. MX 10 mx.example.com.
mx.example.com. A 5.6.7.25
mx.example.com. AAAA 2a01::25
big.example.com. A 5.6.10.1
v.example. TXT "v=spf1 ip4:5.5.5.5 -all"
`, want: "[5.6.7.8 5.6.7.9 2a01::1 5.6.7.25 2a01::25]"},
		"a redirect": {zone: `
example.com. TXT "v=spf1 redirect=r.example.com"
r.example.com. TXT "v=spf1 ip4:5.6.7.8 -all"
`, want: "[5.6.7.8]"},
		"nothing": {zone: `example.com. TXT "v=spf1 -all"`, want: "[]"},
		"a host that failed": {zone: `
example.com. TXT "v=spf1 a:h.example.com ip4:5.6.7.8 -all"
h.example.com. A ; !servfail
`, want: "[5.6.7.8]", untold: true},
		"a redirect that failed": {zone: `
example.com. TXT "v=spf1 ip4:5.6.7.8 redirect=r.example.com"
r.example.com. TXT ; !timeout
`, want: "[5.6.7.8]", untold: true},
		"the record itself": {zone: `example.com. TXT ; !servfail`, want: "[]", untold: true},
	} {
		got, err := gather(t, tt.zone).Singles()
		if fmt.Sprint(got) != tt.want || (err != nil) != tt.untold {
			t.Errorf("%s: got %v, %v, want %s, untold %v", name, got, err, tt.want, tt.untold)
		}
	}
}
