package message

import (
	"crypto"
	"strings"
	"testing"

	"github.com/postseal/postseal/internal/ruletest"
)

// authCase are the sections that cases of the authentication rules have beside
// those of TestRules:
//
//	-- signs --  a line for each signature, as in setup's "sign", the lowest first
//	-- arc --    a line for each ARC set: what differs from arcTags. "h2" is the h= of the message signature,
//	             "h" that of the seal; "-aar", "-ams" and "-seal" leave a field out
//	-- edits --  what happens to the whole message in the end, "old => new" a line, with \r, \n and \t
//	-- more --   a zone beside testWorld's; an owner in it takes the place of all that testWorld says of it.
//	             "KEY <owner> <kind> [tags]" is a key record: rsa, rsa1024, ed25519, or other, a key nobody signs with
type authCase struct{ signs, arc, edits string }

func authSections(c *ruletest.Case) authCase {
	return authCase{c.Files["signs"], c.Files["arc"], c.Files["edits"]}
}

// sign puts the signatures on top.
func (a *authCase) sign(t *testing.T, text string) string {
	t.Helper()
	for line := range strings.Lines(a.signs) {
		tags := strings.TrimSpace(line)
		text = signature(t, text, signTags(tags), signKey(tags)) + text
	}
	return text
}

// edit does what a line of "edits" says, once each.
func (a *authCase) edit(t *testing.T, text string) string {
	t.Helper()
	unescape := strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\t`, "\t")
	for line := range strings.Lines(a.edits) {
		from, to, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " => ")
		if from = unescape.Replace(from); !ok || !strings.Contains(text, from) {
			t.Fatalf("edits: %q is not in the message:\n%s", from, text)
		}
		text = strings.Replace(text, from, unescape.Replace(to), 1)
	}
	return text
}

// arcTags are a good first seal.
const arcTags = "i=1; a=rsa-sha256; cv=none; d=list.example; s=s1; t=1762164001"

func (a *authCase) seal(t *testing.T, text string) string {
	t.Helper()
	for line := range strings.Lines(a.arc) {
		text = addARC(t, text, strings.TrimSpace(line))
	}
	return text
}

// addARC puts one ARC set on top.
func addARC(t *testing.T, text, changes string) string {
	t.Helper()
	var leave []string
	tags := strings.Split(arcTags, "; ")
	h := "from:to:subject:date:message-id"
	for change := range strings.FieldsSeq(changes) {
		name, value, set := strings.Cut(change, "=")
		switch {
		case name == "h2":
			h = value
			continue
		case !set:
			leave = append(leave, name)
			continue
		}
		done := false
		for i := range tags {
			if strings.HasPrefix(tags[i], name+"=") {
				tags[i], done = change, true
			}
		}
		if !done {
			tags = append(tags, change)
		}
	}
	l := parseTags(strings.Join(tags, "; "))
	i := "i=" + l.value("i")
	has := func(name string) bool {
		for _, s := range leave {
			if s == name {
				return false
			}
		}
		return true
	}
	if has("-aar") {
		text = "ARC-Authentication-Results: " + i + "; mx.list.example; spf=pass\r\n" + text
	}
	if has("-ams") {
		text = sealWith(t, "ARC-Message-Signature", text, i+"; a="+l.value("a")+"; c=relaxed/relaxed; d="+l.value("d")+"; s="+l.value("s")+"; h="+h, key2048()) + text
	}
	if !has("-seal") {
		return text
	}
	field := "ARC-Seal: " + l.text + "; b="
	m, err := Parse([]byte(field + "\r\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	c := collectARC(m)
	digests := c.sealDigests(m)
	for n, s := range c.Sets {
		if i, ok := s.fields[seal]; ok && i == 0 {
			field += signDigest(t, key2048(), digests[n])
		}
	}
	return field + "\r\n" + text
}

// world is testWorld with the section "more" over it.
func (a *authCase) world(c *ruletest.Case) string {
	more := c.Files["more"]
	if more == "" {
		return testWorld()
	}
	var b strings.Builder
	own := map[string]bool{}
	for line := range strings.Lines(more) {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 2:
		case fields[0] == "KEY":
			own[fields[1]] = true
			b.WriteString(txtLine(fields[1], keyText(keyOf(fields[2]), strings.Join(fields[3:], " "))))
		default:
			own[fields[0]] = true
			b.WriteString(line)
		}
	}
	for line := range strings.Lines(testWorld()) {
		if fields := strings.Fields(line); len(fields) > 0 && !own[fields[0]] {
			b.WriteString(line)
		}
	}
	return b.String()
}

func keyOf(kind string) crypto.Signer {
	switch kind {
	case "ed25519":
		return keyEd()
	case "rsa1024":
		return key1024()
	case "other":
		return keyOther()
	}
	return key2048()
}
