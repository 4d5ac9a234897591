package message

import (
	"net/netip"
	"regexp"
	"testing"

	"github.com/postseal/postseal/spf"
)

// authresForm is RFC 8601 §2.2 without comments and folding, for the methods
// and properties that we write.
var authresForm = func() *regexp.Regexp {
	const (
		token    = `[!#$%&'*+.0-9A-Z^_\x60a-z{|}~-]+` // RFC 2045 §5.1
		quoted   = `"[ !#-\[\]-~]*"`                  // RFC 5322 §3.2.4, without quoted pairs
		atom     = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"  // RFC 5322 §3.2.3
		label    = `[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?`
		domain   = label + `(?:\.` + label + `)*`
		value    = `(?:` + token + `|` + quoted + `)`
		pvalue   = `(?:` + value + `|(?:(?:` + atom + `(?:\.` + atom + `)*|` + quoted + `)?@)?` + domain + `)`
		property = `(?:header|smtp|policy|body)\.[a-z][a-z0-9-]*=` + pvalue
	)
	return regexp.MustCompile(`^` + value + `(?:; [a-z]+=[a-z]+(?: reason=` + value + `)?(?: ` + property + `)*)+$`)
}()

// TestAuthenticationResultsGrammar: whatever stands in the message, the field
// keeps to the grammar, and base64 with a slash is quoted.
func TestAuthenticationResultsGrammar(t *testing.T) {
	for _, tt := range []struct{ b, algo, selector, mailFrom, helo, want string }{
		{b: "abc/defgh", algo: "rsa-sha256", selector: "s1", mailFrom: "a@example.com",
			want: `mx.example; spf=pass smtp.mailfrom=a@example.com; dkim=fail reason=signature header.a=rsa-sha256 header.b="abc/defg" header.d=example.com header.s=s1`},
		{b: "abc+defgh", algo: "foo@bar,baz", selector: "a=b(c)/[x]", mailFrom: "SRS0=x=y@fwd.example",
			want: `mx.example; spf=pass smtp.mailfrom="SRS0=x=y@fwd.example"; dkim=fail reason=signature header.a="foo@bar,baz" header.b=abc+defg header.d=example.com header.s="a=b?c?/[x]"`},
		{b: "A", algo: "x; dkim=pass", selector: "é", helo: "[192.0.2.1]",
			want: `mx.example; spf=pass smtp.helo="[192.0.2.1]"; dkim=fail reason=signature header.a="x??dkim=pass" header.b=A header.d=example.com header.s="?"`},
		{b: "A", algo: `"`, selector: `\`, mailFrom: `"a b"@example.com`,
			want: `mx.example; spf=pass smtp.mailfrom="?a?b?@example.com"; dkim=fail reason=signature header.a="?" header.b=A header.d=example.com header.s="?"`},
		{b: "A", algo: "a", selector: "s", mailFrom: "a@b@c",
			want: `mx.example; spf=pass smtp.mailfrom="a@b@c"; dkim=fail reason=signature header.a=a header.b=A header.d=example.com header.s=s`},
	} {
		f := &Facts{
			Options: Options{Receiver: "mx.example"}, Delivery: &Delivery{IP: netip.MustParseAddr("192.0.2.1"), MailFrom: tt.mailFrom, HELO: tt.helo},
			SPF:        &spf.Outcome{Result: spf.ResultPass},
			Signatures: []*Signature{{Domain: "example.com", Selector: tt.selector, Algo: tt.algo, Result: "fail", Reason: reasonSignature, list: parseTags("b=" + tt.b)}},
			ARC:        &ARC{Result: "temperror"}, // no result that is registered for ARC
		}
		got := f.authenticationResults()
		if got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
		if !authresForm.MatchString(got) {
			t.Errorf("not in the form of RFC 8601: %s", got)
		}
		if a := parseAuthRes(got); a.Problem != nil || len(a.Results) != 2 {
			t.Errorf("our own reader: %+v, problem %+v, in %s", a.Results, a.Problem, got)
		}
	}
}
