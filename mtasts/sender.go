package mtasts

import "github.com/postseal/postseal/dns"

// Action is what a sender that honours MTA-STS does with one mail host.
type Action string

// The actions.
const (
	Deliver Action = "deliver" // delivers
	Verify  Action = "verify"  // delivers if TLS can be verified, which nobody looked at
	Warn    Action = "warn"    // delivers and reports the failure: mode testing (RFC 8461 §5)
	Refuse  Action = "refuse"  // does not deliver there and tries the next host (RFC 8461 §5)
	Untold  Action = "unknown" // could not be told
)

// rank orders actions by how little a sender gets delivered.
var rank = map[Action]int{Deliver: 0, Verify: 1, Untold: 2, Warn: 3, Refuse: 4}

// worse tells whether less is delivered under a than under b.
func (a Action) worse(b Action) bool { return rank[a] > rank[b] }

// Verdict is an action and why.
type Verdict struct {
	Action Action `json:"action"`

	// Reason is "no-policy" (none is in force), "policy-unknown", "off" (mode
	// none), "not-listed" (no pattern matches), "listed" (one does, and TLS was
	// not looked at), "not-measured" (it was, in vain), "no-starttls",
	// "handshake", "tls-old", "certificate" or "verified".
	Reason string `json:"reason"`
}

// Seen is what a session on port 25 showed of TLS, as far as a sender under a
// policy needs it (RFC 8461 §4.2, §7.2).
type Seen struct {
	Measured    bool // the session came as far as STARTTLS was a question
	NoSTARTTLS  bool // not offered, or refused for good
	NoHandshake bool
	OldTLS      bool // less than TLS 1.2
	Trusted     bool // the certificate is valid for the name of the mail host
}

// Sender tells what a sender that has fetched the policy does with a mail host
// at one of its addresses. seen is nil where TLS was not looked at. A policy
// that a sender still has cached from earlier is not known here.
func (f *Facts) Sender(h Host, seen *Seen) Verdict {
	switch {
	case !f.Known():
		return Verdict{Untold, "policy-unknown"}
	case f.Mode() == "":
		return Verdict{Deliver, "no-policy"}
	case f.Mode() == None:
		return Verdict{Deliver, "off"}
	case h.Matches == "":
		return f.failed("not-listed")
	case seen == nil:
		return Verdict{Verify, "listed"}
	case !seen.Measured:
		return Verdict{Untold, "not-measured"}
	case seen.NoSTARTTLS:
		return f.failed("no-starttls")
	case seen.NoHandshake:
		return f.failed("handshake")
	case seen.OldTLS:
		return f.failed("tls-old")
	case !seen.Trusted:
		return f.failed("certificate")
	}
	return Verdict{Deliver, "verified"}
}

// failed is the verdict on a host that does not keep the policy.
func (f *Facts) failed(reason string) Verdict {
	if f.Mode() == Enforce {
		return Verdict{Refuse, reason}
	}
	return Verdict{Warn, reason}
}

// matchedBy lists the mail hosts that a pattern matches.
func (f *Facts) matchedBy(pattern string) []dns.Name {
	names := []dns.Name{}
	for _, mx := range f.MX {
		if matches(pattern, mx) {
			names = append(names, mx)
		}
	}
	return names
}
