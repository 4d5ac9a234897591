package starttls

import (
	"fmt"
	"slices"
)

// Level is how many handshakes a run makes to learn what else than its best a
// server accepts. Each costs a connection to somebody else's server, so more
// than the first is made on request only.
type Level string

// The levels, and the connections that one address and port sees at most.
const (
	LevelQuick    Level = "quick"    // one; up to three where the first fails
	LevelStandard Level = "standard" // 6
	LevelDeep     Level = "deep"     // 24
)

// Levels are the levels that make handshakes, the least first.
var Levels = []Level{LevelQuick, LevelStandard, LevelDeep}

var connectionsOf = map[Level]int{LevelStandard: 6, LevelDeep: 24}

// reaches tells whether the level makes the handshakes of another. Less than
// quick, as in facts of old, is quick.
func (l Level) reaches(need Level) bool {
	return max(slices.Index(Levels, l), 0) >= slices.Index(Levels, need)
}

// Handshakes are what further connections showed of the TLS of one address and
// port. They say what was accepted, and hold no opinion of it.
type Handshakes struct {
	Level   Level       `json:"level"`
	Tried   []Handshake `json:"tried"`   // in the order in which they were made
	Stopped string      `json:"stopped"` // why not all of them were made, "" when all were

	// Other is the certificate for clients that know only the other type of
	// key; nil where the server has none, or was not asked.
	Other *Cert `json:"other_certificate"`
}

// Kinds of handshakes, by what they offer.
const (
	kindTLS12       = "tls-1-2"     // TLS 1.2 at most, ordinary suites
	kindOtherKey    = "other-key"   // suites and signatures of the other type of key only
	kindTLS11       = "tls-1-1"     // TLS 1.1 at most
	kindTLS10       = "tls-1-0"     // TLS 1.0 at most
	kindSSL3        = "ssl-3-0"     // SSL 3.0
	kindSSL2        = "ssl-2-0"     // SSL 2.0
	kindSuites      = "suites"      // only suites of the classes offered
	kindReverse     = "reverse"     // those of tls-1-2, the weakest first
	kindWeakCurves  = "weak-curves" // curves under 224 bits only
	kindSHA1        = "sha-1"       // signatures with SHA-1 only
	kindCompression = "compression" // DEFLATE
	kindNoName      = "no-name"     // no server name
	kindOtherName   = "other-name"  // a server name that nobody has
	kindEarlyData   = "early-data"  // TLS 1.3, for the ticket it hands out

	kindRenegotiation = "renegotiation" // another one inside a session of TLS 1.2
)

// Results of a handshake.
const (
	accepted = "accepted"
	refused  = "refused" // by an alert, or the connection was closed instead of an answer
	untold   = "untold"  // a deadline, or an answer that is none
)

// Handshake is one of those connections.
type Handshake struct {
	Kind    string  `json:"kind"`
	Offered []Class `json:"offered"` // classes of the suites of a "suites" handshake
	Result  string  `json:"result"`  // "accepted", "refused", "untold"
	Detail  string  `json:"detail"`  // the alert, or why it is untold

	// What the server chose, where it accepted.
	Version     string `json:"version"`
	Suite       string `json:"suite"` // IANA name
	Group       string `json:"group"`
	GroupBits   int    `json:"group_bits"` // of the DHE prime or of the curve; 0 unknown
	Scheme      string `json:"signature"`  // of the server's signature in TLS 1.2
	Compression bool   `json:"compression"`
	EMS         bool   `json:"extended_master_secret"`
	SecureReneg bool   `json:"secure_renegotiation"`
	EarlyData   int    `json:"early_data"` // octets that a ticket allows
}

// find gives the first handshake of a kind.
func (h *Handshakes) find(kind string) *Handshake {
	if h == nil {
		return nil
	}
	for i := range h.Tried {
		if h.Tried[i].Kind == kind {
			return &h.Tried[i]
		}
	}
	return nil
}

// took tells whether a handshake of the kind was accepted; told is false where
// it was not made, or nobody could tell.
func (h *Handshakes) took(kind string) (yes, told bool) {
	t := h.find(kind)
	if t == nil || t.Result == untold {
		return false, false
	}
	return t.Result == accepted, true
}

// onlyTLS13 tells that nothing older than TLS 1.3 was accepted: whatever is a
// matter of older versions is then settled.
func (h *Handshakes) onlyTLS13() bool {
	new12, told12 := h.took(kindTLS12)
	old, told11 := h.took(kindTLS11)
	return told12 && told11 && !new12 && !old
}

// class gives a suite of the class that was accepted; told is false where the
// server was not asked about the class alone and chose another. Before TLS 1.2
// there was nothing but CBC: the version is then what is wrong.
func (s *Session) class(c Class) (suite string, told bool) {
	if s.TLS != nil && classOf(s.TLS.Suite) == c && (c != ClassCBC || !s.oldTLS()) {
		return s.TLS.Suite, true
	}
	if s.Handshakes == nil {
		return "", false
	}
	told = s.Handshakes.onlyTLS13()
	for _, t := range s.Handshakes.Tried {
		switch {
		case c == ClassCBC && t.Version != "" && t.Version != "TLS 1.2":
		case t.Result == accepted && t.Suite != "" && classOf(t.Suite) == c:
			return t.Suite, true
		case t.Kind == kindSuites && t.Result == refused && slices.Contains(t.Offered, c):
			told = true
		}
	}
	return "", told
}

// take fills in what the server chose.
func (t *Handshake) take(f *flight) {
	t.Version, t.Suite = versionNames[f.version], suiteName(f.suite)
	if t.Version == "" {
		t.Version = fmt.Sprintf("0x%04X", f.version)
	}
	t.Compression, t.EMS, t.SecureReneg = f.compression != 0, f.ems, f.secureReneg
	switch {
	case f.curve != 0:
		t.Group, t.GroupBits = curveOf(f.curve)
	case f.oddCurve:
		t.Group = customCurve
	case f.dhBits != 0:
		t.Group, t.GroupBits = fmt.Sprintf("DHE %d", f.dhBits), f.dhBits
	}
	if f.scheme != 0 {
		t.Scheme = schemeName(f.scheme)
	}
}

// curves are the named curves of RFC 8422 §5.1.1 and its forerunner RFC 4492
// with the bits of their fields; X25519 and X448 by their strength.
var curves = map[uint16]struct {
	name string
	bits int
}{
	1: {"sect163k1", 163}, 2: {"sect163r1", 163}, 3: {"sect163r2", 163}, 4: {"sect193r1", 193}, 5: {"sect193r2", 193},
	6: {"sect233k1", 233}, 7: {"sect233r1", 233}, 8: {"sect239k1", 239}, 9: {"sect283k1", 283}, 10: {"sect283r1", 283},
	11: {"sect409k1", 409}, 12: {"sect409r1", 409}, 13: {"sect571k1", 571}, 14: {"sect571r1", 571},
	15: {"secp160k1", 160}, 16: {"secp160r1", 160}, 17: {"secp160r2", 160}, 18: {"secp192k1", 192}, 19: {"P-192", 192},
	20: {"secp224k1", 224}, 21: {"P-224", 224}, 22: {"secp256k1", 256}, 23: {"P-256", 256}, 24: {"P-384", 384},
	25: {"P-521", 521}, 26: {"brainpoolP256r1", 256}, 27: {"brainpoolP384r1", 384}, 28: {"brainpoolP512r1", 512},
	29: {"X25519", 255}, 30: {"X448", 448},
}

func curveOf(id uint16) (name string, bits int) {
	if c, ok := curves[id]; ok {
		return c.name, c.bits
	}
	return fmt.Sprintf("group %d", id), 0
}

func schemeName(id uint16) string {
	names := map[uint16]string{
		0x0101: "RSA-MD5", 0x0201: "RSA-SHA1", 0x0203: "ECDSA-SHA1", 0x0401: "RSA-SHA256", 0x0403: "ECDSA-SHA256",
		0x0501: "RSA-SHA384", 0x0503: "ECDSA-SHA384", 0x0601: "RSA-SHA512", 0x0603: "ECDSA-SHA512",
		0x0804: "RSA-PSS-SHA256", 0x0805: "RSA-PSS-SHA384", 0x0806: "RSA-PSS-SHA512", 0x0807: "Ed25519",
	}
	if n := names[id]; n != "" {
		return n
	}
	return fmt.Sprintf("0x%04X", id)
}

const customCurve = "a curve of its own"
