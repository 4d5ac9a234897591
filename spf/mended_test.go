package spf

import (
	"testing"

	"github.com/postseal/postseal/dns/dnstest"
)

func TestMended(t *testing.T) {
	const world = `
ok.example.com.     TXT "v=spf1 ip4:5.6.7.0/24 -all"
broken.example.com. TXT "v=spf1 ipx:5 -all"
voids.example.com.  TXT "v=spf1 a:x.example.com a:y.example.com a:z.example.com -all"
mx.example.com.     A   5.6.7.25
example.com.        MX  10 mx.example.com.
`
	for _, c := range []struct {
		record, want, ending string
		valid, limits        bool
	}{
		{"v=spf1 mx -all", "v=spf1 mx -all", "v=spf1 mx ~all", true, true},
		{"v=spf1 mx MX include:gone.example.com ipv4:5.6.7.8 ?all", "v=spf1 mx ip4:5.6.7.8 ?all", "v=spf1 mx ip4:5.6.7.8 ~all", true, true},
		{"v=spf1 mx include:example.com", "v=spf1 mx", "v=spf1 mx ~all", true, true},
		{"v=spf1 a include:broken.example.com -all", "v=spf1 include:broken.example.com -all", "v=spf1 include:broken.example.com ~all", false, true},
		{"v=spf1 a include:voids.example.com -all", "v=spf1 include:voids.example.com -all", "v=spf1 include:voids.example.com ~all", true, false},
		{"v=spf1 >>> -all", "v=spf1 >>> -all", "v=spf1 >>> ~all", false, true},
		{"v=spf1 redirect=ok.example.com", "v=spf1 redirect=ok.example.com", "", true, true},
	} {
		t.Run(c.record, func(t *testing.T) {
			f, err := Gather(t.Context(), dnstest.New(t, world+"example.com. TXT \""+c.record+"\"\n"), "example.com")
			if err != nil {
				t.Fatal(err)
			}
			m := f.Mended()
			if m.Text != c.want || m.Valid != c.valid || m.Limits != c.limits {
				t.Errorf("got %+v, want %q valid=%v limits=%v", *m, c.want, c.valid, c.limits)
			}
			if got := m.Ending('~'); got != c.ending {
				t.Errorf("ending: got %q, want %q", got, c.ending)
			}
			if change := m.Change(f); (change == nil) != (c.want == c.record) {
				t.Errorf("got the change %v", change)
			}
		})
	}
}
