package dmarc

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dns/dnstest"
)

// ids reads "spf:pass:mail.example.com dkim:fail:example.com" into a query.
func ids(from dns.Name, text string) Query {
	q := Query{From: from}
	for _, word := range strings.Fields(text) {
		part := strings.SplitN(word, ":", 3)
		id := Identifier{Result: part[1], Domain: dns.Name(part[2])}
		if part[0] == "spf" {
			q.SPF = &id
		} else {
			q.DKIM = append(q.DKIM, id)
		}
	}
	return q
}

// verdict shows an outcome in one line: result/disposition, the reason, yes or no
// for each identifier, and the old receivers' verdict.
func verdict(o *Outcome) string {
	var aligned []string
	for _, id := range o.Identifiers {
		word := id.Aligned
		if id.StrictOnly {
			word += "(strict)"
		}
		if id.Counts {
			word += "!"
		}
		aligned = append(aligned, word)
	}
	old := fmt.Sprintf("%s/%s", o.RFC7489.Result, o.RFC7489.Disposition)
	if o.RFC7489.Pct < 100 {
		old += fmt.Sprintf("@%d", o.RFC7489.Pct)
	}
	return fmt.Sprintf("%s/%s %s [%s] old %s", o.Result, o.Disposition, o.Reason, strings.Join(aligned, " "), old)
}

func TestEval(t *testing.T) {
	const (
		org     = "_dmarc.example.com. TXT \"v=DMARC1; p=reject\"\n"
		timeout = " TXT ; !timeout\n"
	)
	tests := []struct {
		name string
		zone string
		from dns.Name
		ids  string
		want string
	}{
		// §4.4: relaxed is one Organizational Domain, strict the same name.
		{"same name", org, "example.com", "dkim:pass:example.com", "pass/none aligned [yes!] old pass/none"},
		{"subdomain signs, relaxed", org, "example.com", "dkim:pass:mail.example.com", "pass/none aligned [yes!] old pass/none"},
		{"parent signs, relaxed", org, "news.example.com", "dkim:pass:example.com", "pass/none aligned [yes!] old pass/none"},
		{"sibling in MAIL FROM", org, "news.example.com", "spf:pass:bounce.example.com", "pass/none aligned [yes!] old pass/none"},
		{"provider signs for itself", org, "example.com", "spf:pass:bounce.esp.example dkim:pass:esp.example", "fail/reject not-aligned [no no] old fail/reject"},
		{"strict, subdomain", `_dmarc.example.com. TXT "v=DMARC1; p=reject; adkim=s"`, "example.com", "dkim:pass:mail.example.com", "fail/reject not-aligned [no(strict)] old fail/reject"},
		{"strict for DKIM only", `_dmarc.example.com. TXT "v=DMARC1; p=reject; adkim=s"`, "example.com", "spf:pass:mail.example.com dkim:pass:mail.example.com", "pass/none aligned [yes! no(strict)] old pass/none"},
		{"strict, a stranger", `_dmarc.example.com. TXT "v=DMARC1; p=reject; aspf=s"`, "example.com", "spf:pass:esp.example", "fail/reject not-aligned [no] old fail/reject"},
		{"strict, same name", `_dmarc.example.com. TXT "v=DMARC1; p=reject; adkim=s; aspf=s"`, "example.com", "dkim:pass:example.com", "pass/none aligned [yes!] old pass/none"},
		{"mode of the record that applies", org + `_dmarc.news.example.com. TXT "v=DMARC1; p=quarantine; adkim=s"`, "news.example.com", "dkim:pass:example.com", "fail/quarantine not-aligned [no(strict)] old fail/quarantine"},

		// Only what passed counts; one of many signatures is enough.
		{"failed signature", org, "example.com", "dkim:fail:example.com", "fail/reject nothing-passed [yes] old fail/reject"},
		{"second signature", org, "example.com", "dkim:pass:esp.example dkim:fail:example.com dkim:pass:example.com", "pass/none aligned [no yes yes!] old pass/none"},
		{"softfail is no pass", org, "example.com", "spf:softfail:example.com", "fail/reject nothing-passed [yes] old fail/reject"},
		{"nothing at all", org, "example.com", "", "fail/reject no-identifiers [] old fail/reject"},
		{"no SPF, no signature", org, "example.com", "spf:none:example.com", "fail/reject no-identifiers [yes] old fail/reject"},
		{"SPF without a domain", org, "example.com", "spf:none:", "fail/reject no-identifiers [no] old fail/reject"},

		// §4.10.1: which record and tag.
		{"no record", "", "example.com", "dkim:pass:example.com", "none/none no-record [yes!] old none/none"},
		{"several records above nothing", `_dmarc.example.com. TXT "v=DMARC1; p=reject"` + "\n" + `_dmarc.example.com. TXT "v=DMARC1; p=none"`, "example.com", "dkim:fail:example.com", "none/none records-discarded [yes] old none/none"},
		{"several records, the walk goes on", org + `_dmarc.a.example.com. TXT "v=DMARC1; p=none"` + "\n" + `_dmarc.a.example.com. TXT "v=DMARC1; p=none; t=y"` + "\na.example.com. A 192.0.2.1", "a.example.com", "", "fail/reject no-identifiers [] old none/none"},
		{"sp for an existing name", `_dmarc.example.com. TXT "v=DMARC1; p=reject; sp=none; np=quarantine"` + "\nmail.example.com. MX 10 mx.example.com.", "mail.example.com", "", "fail/none no-identifiers [] old fail/none"},
		{"np for a name that does not exist", `_dmarc.example.com. TXT "v=DMARC1; p=reject; sp=none; np=quarantine"`, "ghost.example.com", "", "fail/quarantine no-identifiers [] old fail/none"},
		{"an empty non-terminal exists", `_dmarc.example.com. TXT "v=DMARC1; p=reject; sp=none; np=quarantine"` + "\na.ent.example.com. A 192.0.2.1", "ent.example.com", "", "fail/none no-identifiers [] old fail/none"},
		{"own record: p, not sp", `_dmarc.example.com. TXT "v=DMARC1; p=quarantine; sp=reject"`, "example.com", "", "fail/quarantine no-identifiers [] old fail/quarantine"},
		{"no p, with rua: none", `_dmarc.example.com. TXT "v=DMARC1; rua=mailto:d@example.com"`, "example.com", "", "fail/none no-identifiers [] old fail/none"},
		{"no p, with rua: can pass", `_dmarc.example.com. TXT "v=DMARC1; rua=mailto:d@example.com"`, "example.com", "dkim:pass:example.com", "pass/none aligned [yes!] old pass/none"},
		{"no p, no rua: no processing", `_dmarc.example.com. TXT "v=DMARC1; adkim=s"`, "example.com", "dkim:pass:example.com", "none/none policy-broken [yes!] old none/none"},
		{"bad sp breaks p", `_dmarc.example.com. TXT "v=DMARC1; p=reject; sp=quarentine"`, "example.com", "", "none/none policy-broken [] old none/none"},
		{"bad np breaks p, not at old receivers", `_dmarc.example.com. TXT "v=DMARC1; p=reject; np=x; rua=mailto:d@example.com"`, "example.com", "", "fail/none no-identifiers [] old fail/reject"},
		{"t=y lowers by one", `_dmarc.example.com. TXT "v=DMARC1; p=reject; t=y"`, "example.com", "", "fail/quarantine no-identifiers [] old fail/reject"},
		{"pct is for old receivers", `_dmarc.example.com. TXT "v=DMARC1; p=reject; pct=20"`, "example.com", "", "fail/reject no-identifiers [] old fail/reject@20"},

		// §4.10.2: psd, and where the public suffix list sees it otherwise.
		{"24: giant.bank.example", `_dmarc.giant.bank.example. TXT "v=DMARC1; p=quarantine; rua=mailto:d@giant.bank.example"` + "\n" + `_dmarc.bank.example. TXT "v=DMARC1; p=reject; psd=y; rua=mailto:d@bank.example"`,
			"giant.bank.example", "spf:pass:mail.giant.bank.example dkim:pass:mail.mega.bank.example", "pass/none aligned [yes! no] old pass/none"},
		{"24: the DKIM signature alone", `_dmarc.giant.bank.example. TXT "v=DMARC1; p=quarantine"` + "\n" + `_dmarc.bank.example. TXT "v=DMARC1; p=reject; psd=y"`,
			"giant.bank.example", "dkim:pass:mail.mega.bank.example", "fail/quarantine not-aligned [no] old pass/none"},
		{"psd=n apart from its parent", org + `_dmarc.shop.example.com. TXT "v=DMARC1; p=quarantine; psd=n"`, "shop.example.com", "dkim:pass:example.com spf:pass:mail.shop.example.com", "pass/none aligned [yes! no] old pass/none"},
		{"25: strangers align under com.br", `_dmarc.example.com.br. TXT "v=DMARC1; p=reject"` + "\n" + `_dmarc.com.br. TXT "v=DMARC1; p=none"`, "example.com.br", "dkim:pass:attacker.com.br", "pass/none aligned [yes!] old fail/reject"},
		{"25: psd=n keeps them out", `_dmarc.example.com.br. TXT "v=DMARC1; p=reject; psd=n"` + "\n" + `_dmarc.com.br. TXT "v=DMARC1; p=none"`, "example.com.br", "dkim:pass:attacker.com.br", "fail/reject not-aligned [no] old fail/reject"},
		{"registry's record alone", `_dmarc.bank. TXT "v=DMARC1; p=reject; sp=quarantine; psd=y"` + "\nshop.bank. A 192.0.2.1", "shop.bank", "dkim:pass:mail.shop.bank", "pass/none aligned [yes!] old none/none"},
		{"registry's own mail", `_dmarc.bank. TXT "v=DMARC1; p=reject; psd=y"`, "bank", "dkim:pass:shop.bank", "fail/reject not-aligned [no] old fail/reject"},
		{"23: the record in the skipped part", `_dmarc.b.c.d.e.f.g.example.com. TXT "v=DMARC1; psd=n; p=reject"` + "\n" + `_dmarc.example.com. TXT "v=DMARC1; p=none"`, "a.b.c.d.e.f.g.example.com", "dkim:pass:example.com", "pass/none aligned [yes!] old pass/none"},

		// A failed look-up is a result only where it leaves the verdict open.
		{"own look-up fails", "_dmarc.example.com." + timeout, "example.com", "dkim:pass:example.com", "temperror/none policy-unknown [yes!] old temperror/none"},
		{"above the own record, same name", org + "_dmarc.com." + timeout, "example.com", "dkim:pass:example.com", "pass/none aligned [yes!] old pass/none"},
		{"above the own record, subdomain: one organisation whatever com says", org + "_dmarc.com." + timeout, "example.com", "dkim:pass:mail.example.com", "pass/none aligned [yes!] old pass/none"},
		{"above both: the record there would join them", org + `_dmarc.example.net. TXT "v=DMARC1; p=none"` + "\n_dmarc.com." + timeout, "example.com", "dkim:pass:other.com", "temperror/none alignment-unknown [unknown] old fail/reject"},
		{"another TLD is never aligned", org + "_dmarc.com." + timeout + "_dmarc.esp.example." + timeout, "example.com", "dkim:pass:esp.example", "fail/reject not-aligned [no] old fail/reject"},
		{"the identifier's walk fails below", org + "_dmarc.mail.example.com." + timeout, "example.com", "dkim:pass:mail.example.com", "temperror/none alignment-unknown [unknown] old pass/none"},
		{"strict needs no walk", `_dmarc.example.com. TXT "v=DMARC1; p=reject; adkim=s"` + "\n_dmarc.mail.example.com." + timeout, "example.com", "dkim:pass:mail.example.com", "fail/reject not-aligned [no] old fail/reject"},
		{"a certain pass stays one", org + "_dmarc.mail.example.com." + timeout, "example.com", "spf:pass:mail.example.com dkim:pass:example.com", "pass/none aligned [unknown yes!] old pass/none"},
		{"what did not pass is not asked", org + "_dmarc.mail.example.com." + timeout, "example.com", "dkim:fail:mail.example.com", "fail/reject nothing-passed [unknown] old fail/reject"},
		{"the key look-up failed", org, "example.com", "spf:fail:example.com dkim:temperror:example.com", "temperror/none identifier-temperror [yes yes] old temperror/none"},
		{"the key look-up of a stranger failed", org, "example.com", "dkim:temperror:esp.example", "fail/reject nothing-passed [no] old fail/reject"},
		{"existence unknown, sp and np differ", `_dmarc.example.com. TXT "v=DMARC1; p=reject; sp=none; np=quarantine"` + "\nmail.example.com." + timeout, "mail.example.com", "", "temperror/none existence-unknown [] old fail/none"},
		{"existence unknown, sp and np agree", org + "mail.example.com." + timeout, "mail.example.com", "", "fail/reject no-identifiers [] old fail/reject"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := Eval(context.Background(), dnstest.New(t, tt.zone+"\n"), ids(tt.from, tt.ids))
			if got := verdict(o); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if (o.Cause != "") != (o.Failed() != nil) {
				t.Errorf("cause %q, error %v", o.Cause, o.Failed())
			}
		})
	}
}

// The alignment of many signatures asks nothing twice, and no more than the
// walks need.
func TestEvalAsksOnce(t *testing.T) {
	c := &counter{Resolver: dnstest.New(t, "_dmarc.example.com. TXT \"v=DMARC1; p=reject\"\n"), asked: map[string]int{}}
	Eval(context.Background(), c, ids("news.example.com", "spf:pass:bounce.example.com dkim:pass:example.com dkim:pass:news.example.com dkim:fail:example.com"))
	want := []string{"news.example.com TXT", "_dmarc.news.example.com TXT", "_dmarc.bounce.example.com TXT", "_dmarc.example.com TXT", "_dmarc.com TXT"}
	for _, q := range want {
		if c.asked[q] != 1 {
			t.Errorf("%s asked %d times", q, c.asked[q])
		}
	}
	if len(c.asked) != len(want) {
		t.Errorf("asked %v", c.asked)
	}
}

func TestOutcomeJSON(t *testing.T) {
	b, err := json.Marshal(Eval(context.Background(), dnstest.New(t, ""), Query{From: "example.com"}))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "null,\"reason") || strings.Contains(string(b), `"identifiers":null`) {
		t.Errorf("a list is null: %s", b)
	}
}
