package audit

import (
	"slices"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/score"
)

func (s *stepper) dkim() {
	switch {
	case s.lacks("dkim-key"):
		name, rule := "dkim-key", s.failing("dkim-domainkey-nxdomain", append([]string{"dkim-domainkey-nxdomain", "dkim-not-a-key",
			"dkim-selector-not-found", "dkim-cname-broken"}, failuresOf(check.DKIM, check.Error)...)...)
		if broken, _ := s.m.worst(check.Error, brokenKeyRules...); broken != "" {
			name, rule = "dkim-strength", broken // there is a key, and nobody may trust it
		}
		records := s.fixes(rule)
		earned := sets(score.Full, "dkim-key", "dkim-strength", "dkim-hygiene")
		if key := onlyKey(records); name == "dkim-key" && key != nil && key.Usable() {
			// The key that is there works once its record is mended; it stays as strong as it is.
			earned["dkim-strength"] = keyPart(key.Type, key.Bits)
			s.add("dkim-fix", rule, score.Minutes, earned, records, nil)
			if earned["dkim-strength"] < score.Full {
				s.add("dkim-strength", rule, score.Hours, sets(score.Full, "dkim-strength"), nil, nil, "dkim-fix")
			}
			return
		}
		s.add(name, rule, score.Hours, earned, nil, []score.CapID{"dkim-broken-key"})
	default:
		if s.lacks("dkim-strength") {
			rule := s.failing("dkim-rsa-1024", append(slices.Clone(brokenKeyRules), "dkim-rsa-1024", "dkim-ed25519-only")...)
			s.add("dkim-strength", rule, score.Hours, sets(score.Full, "dkim-strength"), nil, []score.CapID{"dkim-broken-key"})
		}
		if s.lacks("dkim-hygiene") {
			rule := s.failing("dkim-t-testing", "dkim-t-testing", "dkim-multiple-keys", "dkim-not-a-key", "dkim-p-truncated", "dkim-selector-not-found")
			s.add("dkim-hygiene", rule, score.Minutes, sets(score.Full, "dkim-hygiene"), s.fixes(rule), nil)
		}
	}
}

// onlyKey is the key that a change of one record publishes.
func onlyKey(changes []check.RecordChange) *dkim.Key {
	if len(changes) != 1 || changes[0].Type != "TXT" || len(changes[0].New) != 1 {
		return nil
	}
	key, _ := dkim.ParseKey(changes[0].New[0])
	return key
}

// keyPart grades one key: Ed25519 alone counts half, since not every receiver
// can verify it (RFC 8463 §6).
func keyPart(keyType string, bits int) score.Part {
	switch {
	case keyType == "rsa" && bits < 1024:
		return score.Nothing
	case keyType == "rsa" && bits >= 2048:
		return score.Full
	default:
		return score.Half
	}
}
