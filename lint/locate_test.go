package lint

import "testing"

func TestLocate(t *testing.T) {
	unpack(t, `-- a.example.zone --
$ORIGIN a.example.
@ 60 SOA ns root 1 2 3 4 5
@ TXT "v=spf1 -all"
@ MX 10 mx1
_dmarc TXT "v=DMARC1; p=none"
sub TXT "v=spf1 -all"
_dmarc.sub CNAME shared
shared TXT "v=DMARC1; p=reject"
s1._domainkey TXT "p=x"
mx1 A 5.6.7.8
-- b.example.zone --
$ORIGIN b.example.
@ 60 SOA ns root 1 2 3 4 5
_dmarc TXT "v=DMARC1; p=quarantine"
`)
	set, err := Read([]string{"a.example.zone", "b.example.zone"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	set.Drafts()
	tests := []struct {
		name string
		clue Clue
		want string
	}{
		{"by text, at the name", Clue{Subject: "sub.a.example", Text: "v=spf1 -all", Domain: "sub.a.example", Rule: "spf-x"}, "a.example.zone:6:1"},
		{"by text, through an alias", Clue{Subject: "_dmarc.sub.a.example", Text: "v=DMARC1; p=reject", Domain: "sub.a.example", Rule: "dmarc-x"}, "a.example.zone:8:1"},
		{"the text of another zone", Clue{Subject: "c.a.example", Text: "v=DMARC1; p=quarantine", Domain: "c.a.example", Rule: "dmarc-x"}, ""},
		{"by what goes", Clue{Subject: "a.example", Type: "MX", Old: []string{"10 mx1.a.example."}, Domain: "a.example", Rule: "x"}, "a.example.zone:4:1"},
		{"by name and standard", Clue{Subject: "s1._domainkey.a.example", Domain: "a.example", Rule: "dkim-x"}, "a.example.zone:9:1"},
		{"SPF at a name with other TXT", Clue{Subject: "a.example", Domain: "a.example", Rule: "spf-x"}, "a.example.zone:3:1"},
		{"a mail host by its address record", Clue{Subject: "mx1.a.example", Domain: "a.example", Rule: "mx-x"}, "a.example.zone:10:1"},
		{"a mail host's port", Clue{Subject: "mx1.a.example:25", Domain: "a.example", Rule: "starttls-x"}, "a.example.zone:4:1"},
		{"what is not there", Clue{Subject: "_mta-sts.a.example", Domain: "a.example", Rule: "mtasts-x"}, ""},
	}
	for _, tt := range tests {
		got := ""
		if at, ok := set.Locate(tt.clue); ok {
			got = at.String()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
