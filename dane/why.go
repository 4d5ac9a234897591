package dane

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/postseal/postseal/dns"
)

// Why is the likeliest cause that no record matches what a server showed.
type Why string

// The causes, the one that explains most first. Each but the last is named by
// the rule "dane-<cause>", and so is WhyNoMatch.
const (
	WhyNothing       Why = ""         // a record matches
	WhyUnusable      Why = "unusable" // there is no record to match: senders encrypt and check nothing
	WhyAgility       Why = "digest-agility"
	WhyNames         Why = "ta-names"
	WhyExpired       Why = "ta-expired"
	WhySelectorMixup Why = "selector-mixup"
	WhyUsageMixup    Why = "usage-mixup"
	WhyHashOfText    Why = "hash-of-pem"
	WhyNotSent       Why = "ta-not-sent"
	WhyNoMatch       Why = "no-match"
)

// Whys are the causes of a mismatch, the one that explains most first.
var Whys = []Why{WhyAgility, WhyNames, WhyExpired, WhySelectorMixup, WhyUsageMixup, WhyHashOfText, WhyNotSent, WhyNoMatch}

// Explanation is a cause and the record it was seen in.
type Explanation struct {
	Why    Why
	Record int    // in the records; -1 where it is about all
	Form   string // WhyHashOfText: what was hashed instead of DER: "pem", "hex", "base64"
	CA     bool   // WhyUsageMixup: usage 3 names a CA of the chain; otherwise usage 2 names the leaf
}

// Explain says why nothing matched. v is the verdict on the same records and chain.
func Explain(records []dns.Record, s Shown, v Verdict) Explanation {
	switch {
	case v.OK():
		return Explanation{Why: WhyNothing, Record: -1}
	case v.Usable == 0:
		return Explanation{Why: WhyUnusable, Record: -1}
	}
	for _, seen := range []struct {
		why  Why
		test func(Outcome) bool
	}{
		{WhyAgility, func(o Outcome) bool { return o.Would == HowMatches }},
		{WhyNames, func(o Outcome) bool { return o.How == HowName }},
		{WhyExpired, func(o Outcome) bool { return o.How == HowDates }},
	} {
		if i := slices.IndexFunc(v.Outcomes, seen.test); i >= 0 {
			return Explanation{Why: seen.why, Record: i}
		}
	}
	if i := Match(otherSelector(records), s).Match; i >= 0 {
		return Explanation{Why: WhySelectorMixup, Record: i}
	}
	for i, rec := range records {
		if !usable(rec.TLSA) {
			continue
		}
		for depth, der := range s.Chain[:min(len(s.Chain), maxChain)] {
			// Usage 2 of a leaf that is its own issuer does match: it is not here.
			if (rec.TLSA.Usage == 3) == (depth > 0) && selects(rec.TLSA, der) && v.Outcomes[i].How != HowChain {
				return Explanation{Why: WhyUsageMixup, Record: i, CA: depth > 0}
			}
		}
	}
	for i, rec := range records {
		if form := hashedText(rec.TLSA, s.Chain); form != "" && usable(rec.TLSA) {
			return Explanation{Why: WhyHashOfText, Record: i, Form: form}
		}
	}
	// Which CA a digest is of cannot be seen from it. A way to one that is sent
	// and not reached is certain; else only where nothing but CAs is named.
	onlyCAs := !slices.ContainsFunc(records, func(r dns.Record) bool { return usable(r.TLSA) && r.TLSA.Usage != 2 })
	if i := slices.IndexFunc(v.Outcomes, func(o Outcome) bool { return o.How == HowChain }); i >= 0 {
		return Explanation{Why: WhyNotSent, Record: i}
	} else if onlyCAs {
		return Explanation{Why: WhyNotSent, Record: -1}
	}
	return Explanation{Why: WhyNoMatch, Record: -1}
}

// otherSelector are the records as they would be with the other selector.
func otherSelector(records []dns.Record) []dns.Record {
	out := slices.Clone(records)
	for i, r := range out {
		if r.TLSA == nil || r.TLSA.Selector > 1 {
			continue
		}
		t := *r.TLSA
		t.Selector = 1 - t.Selector
		out[i].TLSA = &t
	}
	return out
}

// hashedText tells in which written form a certificate or key of the chain gives
// the record's digest when its text is hashed instead of its octets; "" if none.
func hashedText(t *dns.TLSA, chain [][]byte) string {
	if t == nil || t.Matching == 0 {
		return ""
	}
	for _, der := range chain[:min(len(chain), maxChain)] {
		for kind, data := range map[string][]byte{"CERTIFICATE": der, "PUBLIC KEY": keyOf(der)} {
			if data == nil {
				continue
			}
			block := string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
			body := block[strings.IndexByte(block, '\n')+1 : strings.LastIndex(block, "-----END")]
			long := base64.StdEncoding.EncodeToString(data)
			low := hex.EncodeToString(data)
			for _, text := range []struct{ form, text string }{
				{"pem", block}, {"base64", body}, {"base64", long}, {"hex", low}, {"hex", strings.ToUpper(low)},
			} {
				bare := strings.TrimSuffix(text.text, "\n")
				for _, as := range []string{bare, bare + "\n", strings.ReplaceAll(bare, "\n", "\r\n") + "\r\n"} {
					if digestIs(t, as) {
						return text.form
					}
				}
			}
		}
	}
	return ""
}

func digestIs(t *dns.TLSA, text string) bool {
	if t.Matching == 1 {
		sum := sha256.Sum256([]byte(text))
		return string(sum[:]) == string(t.Data)
	}
	sum := sha512.Sum512([]byte(text))
	return string(sum[:]) == string(t.Data)
}
