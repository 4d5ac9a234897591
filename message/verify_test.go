package message

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"
)

const (
	usual      = "h=from:to:subject:date:message-id:from; d=example.com; s=s1; v=1; a=rsa-sha256"
	relaxUsual = usual + "; c=relaxed/relaxed"
)

// Signatures of another implementation verify, in every canonicalisation.
func TestVerifyOtherSigner(t *testing.T) {
	r := authZone(t)
	for _, header := range []msgauth.Canonicalization{"simple", "relaxed"} {
		for _, body := range []msgauth.Canonicalization{"simple", "relaxed"} {
			for name, key := range map[string]msgauth.SignOptions{
				"s1": {Signer: key2048()}, "s0": {Signer: key1024()}, "ed": {Signer: keyEd()},
			} {
				key.Domain, key.Selector, key.Identifier = "example.com", name, "@news.example.com"
				key.HeaderCanonicalization, key.BodyCanonicalization = header, body
				key.HeaderKeys = []string{"From", "To", "Subject", "Date", "Message-ID", "From", "Reply-To"}
				for _, text := range []string{plainMessage, "From: a@example.com\r\n\r\n", "From: a@example.com\r\nSubject:  a\r\n\tb \r\n\r\n \r\n\r\nx"} {
					s := signaturesOf(t, r, signAs(t, text, key))[0]
					if s.Result != "pass" || s.Second != "pass" || s.Canon != fmt.Sprintf("%s/%s", header, body) {
						t.Errorf("%s %s/%s: got %s (%s), second opinion %s", name, header, body, s.Result, s.Reason, s.Second)
					}
				}
			}
		}
	}
}

func TestVerify(t *testing.T) {
	r := authZone(t)
	signed := func(tags string) string { return signature(t, plainMessage, tags, key2048()) + plainMessage }
	alter := func(raw string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(raw) }
	now := strconv.FormatInt(received.Unix(), 10)
	for _, tt := range []struct{ name, raw, result, reason, second string }{
		{"as it should be", signed(relaxUsual), "pass", "", "pass"},
		{"oversigned, and a field added", "From: x@example.com\r\n" + signed(relaxUsual), "fail", "signature", "fail"},
		{"one From signed of two", "From: x@example.com\r\n" + signed(strings.Replace(relaxUsual, "message-id:from", "message-id", 1)), "pass", "", "pass"},
		{"body changed", alter(signed(relaxUsual), "figures are there", "figures are here"), "fail", "body-hash", "fail"},
		{"white space of the body, relaxed", alter(signed(relaxUsual), "Hello  Bob", "Hello Bob"), "pass", "", "pass"},
		{"white space of the body, simple", alter(signed(usual), "Hello  Bob", "Hello Bob"), "fail", "body-hash", "fail"},
		{"empty lines at the end, simple", strings.TrimSuffix(signed(usual), "\r\n\r\n"), "pass", "", "pass"},
		{"subject changed", alter(signed(relaxUsual), "quarterly", "yearly"), "fail", "signature", "fail"},
		{"l= and something below it", signed(relaxUsual+"; l=20") + "<p>more</p>\r\n", "pass", "", "fail"},
		{"l= and the part above changed", alter(signed(relaxUsual+"; l=20"), "Hello", "Hallo"), "fail", "body-hash", "fail"},
		{"expires later", signed(relaxUsual + "; t=" + now + "; x=99999999999"), "pass", "", "pass"},
		// By the clock it is long expired: go-msgauth says so, and by the time of reception it was not.
		{"expired since", signed(relaxUsual + "; t=1700000000; x=" + now), "pass", "", "permerror"},
		{"expired on arrival", signed(relaxUsual + "; t=1700000000; x=1700600000"), "permerror", "expired", "permerror"},
		{"expires before it is signed", signed(relaxUsual + "; t=1700000000; x=1699999999"), "permerror", "expires-before-signed", ""},
		{"identity below", signed(relaxUsual + "; i=a@news.example.com"), "pass", "", "pass"},
		{"identity beside", signed(relaxUsual + "; i=a@newsexample.com"), "permerror", "identity-outside", ""},
		{"identity in capitals", signed(relaxUsual + "; i=a@EXAMPLE.com"), "pass", "", "permerror"},
		{"identity below, key strict", signed(alterTag(relaxUsual, "s=s1", "s=strict") + "; i=a@news.example.com"), "permerror", "key-identity", "pass"},
		{"identity equal, key strict", signed(alterTag(relaxUsual, "s=s1", "s=strict") + "; i=@example.com"), "pass", "", "pass"},
		{"sha1", signed(alterTag(relaxUsual, "sha256", "sha1")), "permerror", "sha1", ""},
		{"another algorithm", signed(alterTag(relaxUsual, "rsa-sha256", "ecdsa-sha256")), "permerror", "algorithm-unknown", ""},
		{"from not signed", signed(alterTag(alterTag(relaxUsual, "h=from:", "h="), ":from", "")), "permerror", "from-unsigned", ""},
		{"no v", signed(alterTag(relaxUsual, "v=1; ", "")), "permerror", "missing-tag", ""},
		{"no s", signed(alterTag(relaxUsual, "s=s1; ", "")), "permerror", "missing-tag", ""},
		{"v=2", signed(alterTag(relaxUsual, "v=1", "v=2")), "permerror", "syntax", ""},
		{"d twice", signed(relaxUsual + "; d=example.com"), "permerror", "syntax", ""},
		{"unknown canonicalisation", signed(usual + "; c=nowsp/simple"), "permerror", "syntax", ""},
		{"unknown query", signed(relaxUsual + "; q=dns/foo"), "permerror", "syntax", ""},
		{"query among others", signed(relaxUsual + "; q=dns/txt:dns/foo"), "pass", "", "pass"},
		{"no key", signed(alterTag(relaxUsual, "s=s1", "s=none")), "permerror", "key-missing", ""},
		{"key not answered", signed(alterTag(relaxUsual, "s=s1", "s=failed")), "temperror", "key-temperror", ""},
		{"key revoked", signed(alterTag(relaxUsual, "s=s1", "s=revoked")), "permerror", "key-unusable", ""},
		{"key of the other kind", signed(alterTag(relaxUsual, "s=s1", "s=ed")), "permerror", "key-unusable", "permerror"},
		{"another key", signed(alterTag(relaxUsual, "s=s1", "s=other")), "fail", "signature", "fail"},
		{"b= in another tag", signed(relaxUsual + "; z=Subject:b=3Dx"), "pass", "", "fail"},
		{"LF alone in the body", alter(signed(relaxUsual), "Hello  Bob,\r\n", "Hello  Bob,\n"), "fail", "body-hash", "pass"},
	} {
		s := signaturesOf(t, r, tt.raw)[0]
		if s.Result != tt.result || s.Reason != tt.reason || s.Second != tt.second {
			t.Errorf("%s: got %s %q, second opinion %q (%v), want %s %q and %q", tt.name, s.Result, s.Reason, s.Second, s.Faults, tt.result, tt.reason, tt.second)
		}
	}
}

func alterTag(tags, old, with string) string { return strings.Replace(tags, old, with, 1) }

func TestManySignatures(t *testing.T) {
	raw := plainMessage
	for range 12 {
		raw = signature(t, plainMessage, relaxUsual, key2048()) + raw
	}
	var got []string
	for _, s := range signaturesOf(t, authZone(t), raw) {
		got = append(got, s.Result)
	}
	want := strings.TrimSpace(strings.Repeat("pass ", 10) + "neutral neutral")
	if strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// What broke a signature is named.
func TestHints(t *testing.T) {
	r := authZone(t)
	list := strings.Replace(relaxUsual, "message-id:from", "message-id:from:reply-to:list-id", 1)
	for _, tt := range []struct {
		name, tags, signed string
		damage             []string
		want               []Hint
	}{
		{"footer", relaxUsual, plainMessage, []string{"Ann\r\n\r\n\r\n", "Ann\r\n____\r\nlist mailing list\r\n"}, []Hint{{"footer", "2/25"}}},
		{"relaxed body", usual, strings.ReplaceAll(plainMessage, "Hello  Bob,\r\n\r\nthe figures are there. \r\n\r\n-- ", "Hello Bob,\r\n\r\nthe figures are there.\r\n\r\n--"),
			[]string{"Hello Bob,", "Hello  Bob, "}, []Hint{{"relaxed-body", ""}}},
		{"LF", relaxUsual, plainMessage, []string{"Bob,\r\n\r\nthe", "Bob,\n\nthe"}, []Hint{{"crlf", ""}}},
		{"mbox", relaxUsual, strings.Replace(plainMessage, "the figures", "From the figures", 1), []string{"From the", ">From the"}, []Hint{{"mbox-from", ""}}},
		{"dots", relaxUsual, strings.Replace(plainMessage, "the figures", ".the figures", 1), []string{".the", "..the"}, []Hint{{"dots", ""}}},
		{"list tag", relaxUsual, plainMessage, []string{"Subject: ", "Subject: [Figures list] "}, []Hint{{"subject", "[Figures list]"}}},
		{"list tag in a reply", relaxUsual, strings.Replace(plainMessage, "Subject: ", "Subject: Re: ", 1), []string{"Re: ", "Re: [fig] "}, []Hint{{"subject", "[fig]"}}},
		{"list tag and field", list, plainMessage, []string{"Subject: ", "Reply-To: l@list.example\r\nSubject: [fig] "}, []Hint{{"subject", "[fig]"}, {"added", "Reply-To"}}},
		{"two fields", list, plainMessage, []string{"Subject: ", "Reply-To: l@list.example\r\nList-Id: <l.list.example>\r\nSubject: "}, []Hint{{"added", "Reply-To, List-Id"}}},
		{"from rewritten", relaxUsual, plainMessage, []string{"From: Ann <a@example.com>\r\n", "From: Ann via L <l@list.example>\r\nReply-To: Ann <a@example.com>\r\n"}, []Hint{{"from", "Reply-To"}}},
		{"refolded", usual, plainMessage, []string{"in the file", "in\r\n the file"}, []Hint{{"refolded", "Subject"}}},
		{"refolded at another place", usual, strings.Replace(plainMessage, "in the file", "in the\r\n\tfile", 1), []string{"quarterly figures are in the\r\n\tfile", "quarterly\r\n figures are in the file"}, []Hint{{"refolded", "Subject"}}},
		{"anything else", relaxUsual, plainMessage, []string{"quarterly", "yearly"}, nil},
	} {
		for selector, key := range map[string]string{"s1": "rsa", "ed": "ed25519"} {
			tags := alterTag(alterTag(tt.tags, "s=s1", "s="+selector), "rsa-", key+"-")
			signer := key2048()
			if key == "ed25519" {
				signer = keyEd()
			}
			raw := strings.NewReplacer(tt.damage...).Replace(signature(t, tt.signed, tags, signer) + tt.signed)
			s := signaturesOf(t, r, raw)[0]
			if s.Result != "fail" || fmt.Sprint(s.WouldPass) != fmt.Sprint(tt.want) || s.OtherKey {
				t.Errorf("%s (%s): got %s %s %v, other key %v; want fail, %v", tt.name, key, s.Result, s.Reason, s.WouldPass, s.OtherKey, tt.want)
			}
		}
	}
	s := signaturesOf(t, r, signature(t, plainMessage, alterTag(relaxUsual, "s=s1", "s=other"), key2048())+plainMessage)[0]
	if !s.OtherKey {
		t.Error("a signature by another key is not told from a changed header")
	}
}

// The messages of two corpora, with the keys that they come with. Both verifiers
// agree on every signature.
func TestCorpora(t *testing.T) {
	keys := txtOnly{}
	var messages []string
	add := func(file string) {
		text := strings.ReplaceAll(read(t, file), "\r\n", "\n")
		messages = append(messages, text)
	}
	for _, file := range []string{"rfc6376-appendix-a.txt", "rfc8463-appendix-a.txt"} {
		records, raw, _ := strings.Cut(strings.ReplaceAll(read(t, file), "\r\n", "\n"), "\n\n")
		for line := range strings.Lines(records) {
			name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
			keys[name] = text
		}
		messages = append(messages, raw)
	}
	add("dkimpy-rfc6376.signed.msg")
	add("dkimpy-rfc6376.signed.rsa.msg")
	want := [][]string{{"pass"}, {"pass", "pass"}, {"pass", "pass"}, {"pass"}}
	for i, raw := range messages {
		var got []string
		for _, s := range signaturesOf(t, keys, raw) {
			got = append(got, s.Result)
			if s.Second != s.Result {
				t.Errorf("message %d, %s: %s (%s %v), second opinion %s", i, s.Algo, s.Result, s.Reason, s.Faults, s.Second)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want[i]) {
			t.Errorf("message %d: got %v, want %v", i, got, want[i])
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/dkim", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
