package message

import (
	"crypto"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/postseal/postseal/dns/dnstest"
	"github.com/postseal/postseal/internal/ruletest"
)

// TestRules runs testdata/rules. A case is a message in a section "mail", built
// up as testMessage says; its other sections are those of ruletest, and those of
// authCase. Setup keys:
//
//	ip, helo, mail-from ("<>" is the null reverse-path), receiver, bulk (true): as the flags
//	sign: tags of a signature, see signTags; "default" for the usual ones
//	trace: "none" for a message that nobody delivered
//	line-ends: "lf" for a file as Unix keeps it
//
// Sections: mail (goodMail where there is none); after (text put behind the
// signed body); before (fields put on top of the signed header); trace (what the
// receiver adds, instead of goodTrace); zone (instead of testWorld).
func TestRules(t *testing.T) {
	ruletest.Run(t, rules, func(t *testing.T, c *ruletest.Case) *Facts {
		tm := testMessage{mail: goodMail, after: c.Files["after"], before: c.Files["before"], trace: goodTrace, lf: c.Setup["line-ends"] == "lf", auth: authSections(c)}
		if text, ok := c.Files["mail"]; ok {
			tm.mail = text
		}
		if v := c.Setup["sign"]; v != "" {
			tm.sign = append(tm.sign, v)
		}
		if text, ok := c.Files["trace"]; ok {
			tm.trace = text
		}
		if c.Setup["trace"] == "none" {
			tm.trace = ""
		}
		o := Options{HELO: c.Setup["helo"], Receiver: c.Setup["receiver"], Bulk: c.Setup["bulk"] == "true"}
		if v := c.Setup["ip"]; v != "" {
			o.IP = netip.MustParseAddr(v)
		}
		if v, ok := c.Setup["mail-from"]; ok {
			v = strings.Trim(v, "<>")
			o.MailFrom = &v
		}
		zone := tm.auth.world(c)
		if z, ok := c.Files["zone"]; ok {
			zone = fillKeys(z)
		}
		return tm.gather(t, zone, o)
	})
}

// goodTrace is what mx.rcpt.example writes on top of a message that example.com
// sent: by an address with PTR, with TLS.
const goodTrace = `Return-Path: <a@example.com>
Received: from mail.example.com (mail.example.com [192.0.2.10])
	(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))
	by mx.rcpt.example (Postfix) with ESMTPS id 4X;
	Mon, 3 Nov 2025 10:00:05 +0000
`

const goodMail = `From: Ann <a@example.com>
To: Bob <b@rcpt.example>
Subject: The figures are in the file that I put on the server
Date: Mon, 3 Nov 2025 10:00:00 +0000
Message-ID: <1@example.com>

Hello Bob,

the figures are there.
`

// usualTags are those of a good signature of example.com: From is named once
// more than it stands there.
const usualTags = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s1; t=1762164000; x=1763164000; h=from:from:to:subject:date:message-id"

// testMessage is a message as its author's server signed it and what happened to
// it afterwards. In all texts line ends may be LF; "{CR}", "{LF}", "{NUL}",
// "{8BIT}" and "{LONG}" (1,000 octets) stand for what a text file cannot hold.
type testMessage struct {
	mail          string
	sign          []string // tags without bh and b, as signTags reads them, the lowest signature first
	after, before string
	trace         string
	lf            bool
	auth          authCase
}

// raw puts the message together.
func (m *testMessage) raw(t *testing.T) string {
	t.Helper()
	text := crlf(m.mail)
	for _, tags := range m.sign {
		text = signature(t, text, signTags(tags), signKey(tags)) + text
	}
	text = m.auth.seal(t, m.auth.sign(t, text))
	text = m.auth.edit(t, crlf(m.trace)+crlf(m.before)+text+crlf(m.after))
	if m.lf {
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	return text
}

func crlf(text string) string {
	return strings.NewReplacer("\r\n", "\r\n", "\n", "\r\n", "{CR}", "\r", "{LF}", "\n", "{NUL}", "\x00", "{8BIT}", "\xe1",
		"{LONG}", strings.Repeat("x", 1000)).Replace(text)
}

// signTags reads the short forms of tags: "default" is usualTags, and "+ c=;
// d=esp.example" usualTags without c= and with another d=.
func signTags(tags string) string {
	if tags == "default" {
		return usualTags
	}
	more, ok := strings.CutPrefix(tags, "+")
	if !ok {
		return tags
	}
	out := strings.Split(usualTags, "; ")
	for tag := range strings.SplitSeq(more, ";") {
		tag = strings.TrimSpace(tag)
		name, value, set := strings.Cut(tag, "=")
		if !set {
			continue
		}
		done := false
		for i := range out {
			if !strings.HasPrefix(out[i], name+"=") {
				continue
			}
			if done = true; value == "" {
				out = append(out[:i], out[i+1:]...)
			} else {
				out[i] = tag
			}
			break
		}
		if !done {
			out = append(out, tag)
		}
	}
	return strings.Join(out, "; ")
}

// signKey is the key for the tags: ed25519 where a= says so.
func signKey(tags string) crypto.Signer {
	if strings.Contains(tags, "a=ed25519") {
		return keyEd()
	}
	return key2048()
}

// gather parses the message and asks the world.
func (m *testMessage) gather(t *testing.T, zone string, o Options) *Facts {
	t.Helper()
	parsed, err := Parse([]byte(m.raw(t)))
	if err != nil {
		t.Fatal(err)
	}
	o.Now = func() time.Time { return received.AddDate(1, 0, 0) }
	f, err := Gather(t.Context(), dnstest.New(t, zone), parsed, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// testWorld is the DNS of the worked examples: example.com with SPF, DMARC
// p=reject and a good key, a service, esp.example, and a forwarder, fwd.example.
func testWorld() string {
	return fillKeys(`example.com.             TXT "v=spf1 ip4:192.0.2.10 -all"
example.com.             MX 10 mail.example.com.
_dmarc.example.com.      TXT "v=DMARC1; p=reject; rua=mailto:d@example.com"
s1._domainkey.example.com. {KEY}
strict._domainkey.example.com. {KEY t=s; }
ed._domainkey.example.com. {KEY-ED}
s1._domainkey.mail.example.com. {KEY}
mail.example.com.        A 192.0.2.10
mail.example.com.        TXT "v=spf1 a -all"
10.2.0.192.in-addr.arpa. PTR mail.example.com.
esp.example.             TXT "v=spf1 ip4:203.0.113.5 -all"
esp.example.             MX 10 out.esp.example.
s1._domainkey.esp.example. {KEY}
out.esp.example.         A 203.0.113.5
5.113.0.203.in-addr.arpa. PTR out.esp.example.
fwd.example.             A 198.51.100.1
1.100.51.198.in-addr.arpa. PTR fwd.example.
bank.example.            MX 10 fwd.example.
other.example.           MX 10 fwd.example.
s1._domainkey.list.example. {KEY}
s1._domainkey.example-com.20251104.gappssmtp.com. {KEY}
`)
}

// fillKeys writes the tests' keys where a zone says {KEY}, {KEY tags} or {KEY-ED}.
func fillKeys(zone string) string {
	var b strings.Builder
	for line := range strings.Lines(zone) {
		owner, rest, ok := strings.Cut(line, "{KEY")
		what, _, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			b.WriteString(line)
			continue
		}
		key, tags := key2048(), strings.TrimPrefix(what, " ")
		if strings.HasPrefix(what, "-ED") {
			key, tags = keyEd(), ""
		}
		b.WriteString(txtLine(strings.TrimSpace(owner), keyText(key, tags)))
	}
	return b.String()
}
