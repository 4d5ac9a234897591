package message

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postseal/postseal/dns"
)

// asked counts questions.
type asked struct {
	dns.Resolver
	n atomic.Int64
}

func (a *asked) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	a.n.Add(1)
	return a.Resolver.Resolve(ctx, name, qtype)
}

// A stranger's message makes us ask for ten keys at most, each once.
func TestSignatureQuestions(t *testing.T) {
	var raw strings.Builder
	for i := range 300 {
		raw.WriteString("DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=k" + strconv.Itoa(i) + "; h=from; bh=AAAA; b=AAAA\r\n")
	}
	r := &asked{Resolver: authZone(t)}
	got := signaturesOf(t, r, raw.String()+plainMessage)
	if len(got) != 300 || r.n.Load() != maxVerified {
		t.Errorf("%d signatures and %d questions, want 300 and %d", len(got), r.n.Load(), maxVerified)
	}
	r.n.Store(0)
	signaturesOf(t, r, strings.Repeat(signature(t, plainMessage, relaxUsual, key2048()), 8)+plainMessage)
	if r.n.Load() != 1 {
		t.Errorf("%d questions for one key, want 1", r.n.Load())
	}
}

// A field of any length is no reason to try every place where it can be folded.
func TestRefoldedBounds(t *testing.T) {
	m, err := Parse([]byte("From: a@example.com\r\nSubject: " + strings.Repeat("a b ", 500_000) + "\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := &Signature{header: simple, Headers: []string{"from", "subject"}, fields: []int{0, 1}}
	if n := len(s.refolded(m)); n > maxTries {
		t.Errorf("%d changes to try, want %d at most", n, maxTries)
	}
}

// More sets than there can be are no reason to ask anybody.
func TestARCBounds(t *testing.T) {
	var raw strings.Builder
	for i := range 60 {
		n := strconv.Itoa(i + 1)
		raw.WriteString("ARC-Seal: i=" + n + "; a=rsa-sha256; cv=pass; d=example.com; s=s" + n + "; b=AAAA\r\n" +
			"ARC-Message-Signature: i=" + n + "; a=rsa-sha256; d=example.com; s=s" + n + "; h=from; bh=AAAA; b=AAAA\r\n" +
			"ARC-Authentication-Results: i=" + n + "; mx.example\r\n")
	}
	m, err := Parse([]byte(raw.String() + plainMessage))
	if err != nil {
		t.Fatal(err)
	}
	r := &asked{Resolver: authZone(t)}
	f := arcFacts(t, r, m)
	if f.ARC.Result != "fail" || f.ARC.Reason != "structure" || r.n.Load() != 0 {
		t.Errorf("got %s %s and %d questions, want fail, structure and none", f.ARC.Result, f.ARC.Reason, r.n.Load())
	}
}

// Without a time of reception the clock decides, as nothing else is known.
func TestExpiryWithoutReception(t *testing.T) {
	m, err := Parse([]byte(signature(t, plainMessage, relaxUsual+"; x=1762164000", key2048()) + plainMessage))
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[int64]string{1762163999: "pass", 1762164001: "permerror"} {
		f := &Facts{Message: m, Delivery: &Delivery{}, Options: Options{Now: func() time.Time { return time.Unix(at, 0) }}}
		f.gatherSignatures(t.Context(), authZone(t))
		if got := f.Signatures[0].Result; got != want {
			t.Errorf("at %d: got %s, want %s", at, got, want)
		}
	}
}

// Whatever stands in a signature, its places lie in the text, and no tag is
// read twice.
func FuzzTags(f *testing.F) {
	for _, s := range []string{usual, "v=1;; a", "=;b=", "b=\r\n x; b=y", "a=1;" + strings.Repeat("x;", 200), "c=relaxed/; l=99999999999999999999; i=@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := &Message{Fields: []Field{{Name: "DKIM-Signature", Key: "dkim-signature", Value: text, Raw: []byte("DKIM-Signature: " + text + "\r\n")}}}
		s := parseSignature(m, 0)
		seen := map[string]bool{}
		for _, tag := range s.list.tags {
			if seen[tag.name] || text[tag.at.Start:tag.at.End] != tag.value {
				t.Errorf("tag %q: %q is not at %v", tag.name, tag.value, tag.at)
			}
			seen[tag.name] = true
		}
		for _, fault := range s.Faults {
			if fault.Span != nil && text[fault.Span.Start:fault.Span.End] != fault.Text {
				t.Errorf("fault %v is not in %q", fault, text)
			}
		}
		withoutB(m.Fields[0].Raw)
		canonicalField(m.Fields[0].Raw, relaxed)
	})
}
