package dmarc

import "testing"

// TestOptionsKeep holds what a generated record keeps of the one it replaces.
func TestOptionsKeep(t *testing.T) {
	for record, want := range map[string]string{
		"v=DMARC1; p=none":                                                                            "v=DMARC1; p=none",
		"v=DMARC1;P=None;pct=50;unknown=1;adkim=S":                                                    "v=DMARC1; p=none; adkim=s",
		"v=DMARC1; p=reject; sp=none; np=reject; t=y":                                                 "v=DMARC1; p=reject; sp=none; np=reject; t=y",
		"v=DMARC1; p=reject; psd=n; rua=mailto:a@example.com, b@example.com; fo=1":                    "v=DMARC1; p=reject; psd=n; rua=mailto:a@example.com",
		"v=DMARC1; p=reject; rua=mailto:a@example.com!10m; ruf=mailto:b@example.com; fo=1:d; ri=3600": "v=DMARC1; p=reject; rua=mailto:a@example.com; ruf=mailto:b@example.com; fo=1:d",
	} {
		rec, _ := Parse(record)
		o := rec.Options()
		o.NoReports = len(o.RUA) == 0
		got, _, _, err := Generate("example.com", o)
		if err != nil || got != want {
			t.Errorf("%s\n got %s (%v)\nwant %s", record, got, err, want)
		}
	}
}
