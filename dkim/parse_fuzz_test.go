package dkim

import (
	"strings"
	"testing"
)

// FuzzParseKey holds the parser to four promises for any text: spans lie inside
// it; what the tags print parses to the same tags; what a fix proposes does not
// have the problem it is for; nor does the repaired text have the damage.
func FuzzParseKey(f *testing.F) {
	for _, s := range []string{
		"v=DKIM1; k=rsa; p=" + k1024, "v=DKIM1 k=rsa p=" + k512, `v=DKIM1\; p="` + k1024p, "a._domainkey v=DKIM1; p=", "s1.example.com.",
		"v=DKIM1; k=ed25519; p=" + kedw, "k=ed25519; p=" + ked, "\u201cv=DKIM1\u201d;;n=\";p=-----BEGIN PUBLIC KEY-----AAAA-----", "v=DKIM1; p=MIAwgAIA",
		k1024[150:] + "v=DKIM1; k=rsa; p=" + k1024[:150], "v=DKIM1; t=y:s; h=sha1:sha256; s=tlsrpt; g=; K=rsa; p=" + k1024e + "; p=" + k1024e,
		"k=RSA; v=DKIM2; p=" + strings.TrimRight(k1024p, "="), "v=DKIM1, k=rsa, p=" + kec, "v=DKIM1; P=" + kRFC,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, problems := ParseKey(text)
		for _, p := range problems {
			if p.Span.Start < 0 || p.Span.Start > p.Span.End || p.Span.End > len(text) {
				t.Fatalf("%s of %q: span %v lies outside %d octets", p.Rule, text, p.Span, len(text))
			}
			if p.Fix == "" {
				continue
			}
			_, after := ParseKey(p.Fix)
			for _, q := range after {
				if q.Rule == p.Rule && q.Variant == p.Variant {
					t.Fatalf("%s (%s) of %q: the fix %q has it again", p.Rule, p.Variant, text, p.Fix)
				}
			}
		}
		// What is damaged many times over is graded as it is and proposed to nobody.
		if _, _, whole := repair(newSource(text)); k.Repaired != "" && whole {
			_, after := ParseKey(k.Repaired)
			for _, q := range after {
				for _, damage := range repaired {
					if q.Rule == damage && q.Rule != "dkim-non-ascii" {
						t.Fatalf("%q repaired is %q, which has %s", text, k.Repaired, q.Rule)
					}
				}
			}
		}
		printed := k.String()
		again, _ := ParseKey(printed)
		if got := again.String(); got != printed {
			t.Fatalf("%q prints as %q and then as %q", text, printed, got)
		}
		if len(again.Tags) != len(k.Tags) {
			t.Fatalf("%q has %d tags, printed %d", text, len(k.Tags), len(again.Tags))
		}
		for i, tag := range again.Tags {
			if was := k.Tags[i]; tag.Name != was.Name || tag.Value != was.Value || tag.Bare != was.Bare {
				t.Fatalf("tag %d of %q: got %+v, want %+v", i, printed, tag, was)
			}
		}
		if k.Usable() && k.fingerprint() == "" {
			t.Fatalf("%q is usable and has no key", text)
		}
	})
}
