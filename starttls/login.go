package starttls

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Secret is a password or token. It does not show itself to any printer.
type Secret string

// Format prints no secret, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText keeps it out of JSON.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

const redacted = "[redacted]"

// Login is an account to log in to, once.
type Login struct {
	User      string
	Secret    Secret
	Token     bool   // Secret is an OAuth 2 access token, not a password
	Mechanism string // "" takes the best that is offered
}

// passwordMechanisms and tokenMechanisms are those known here, the best first.
var (
	passwordMechanisms = []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"}
	tokenMechanisms    = []string{"OAUTHBEARER", "XOAUTH2"}
)

// Mechanisms lists what a login can use.
func Mechanisms() []string { return slices.Concat(passwordMechanisms, tokenMechanisms) }

// choose picks the mechanism, "" where none fits. SCRAM-PLUS binds to the
// channel by what TLS 1.3 exports (RFC 9266); without TLS 1.3 it is passed over.
func (l *Login) choose(offered []string, bindable bool) string {
	known := passwordMechanisms
	if l.Token {
		known = tokenMechanisms
	}
	for _, m := range known {
		switch {
		case l.Mechanism != "" && m != l.Mechanism:
		case !slices.Contains(offered, m), strings.HasSuffix(m, "-PLUS") && !bindable:
		default:
			return m
		}
	}
	return ""
}

// secrets are texts that must not be shown.
type secrets struct {
	texts []string
	short bool // one is so short that only whole replies can be hidden
}

func (h *secrets) add(text string) {
	if text == "" {
		return
	}
	h.short = h.short || len(text) < 6
	h.texts = append(h.texts, text, base64.StdEncoding.EncodeToString([]byte(text)))
	// The longest first, so that none is left over from a longer one.
	slices.SortFunc(h.texts, func(a, b string) int { return len(b) - len(a) })
}

// scrub takes the secrets out of what a server said. What follows 334 is part
// of the exchange and goes too.
func (h *secrets) scrub(text string) string {
	if h == nil || text == "" {
		return text
	}
	if len(text) > 3 && (h.short || strings.HasPrefix(text, "334")) {
		if _, _, _, ok := splitReply(text); ok {
			return text[:4] + redacted
		}
		if h.short {
			return redacted
		}
	}
	for _, t := range h.texts {
		text = strings.ReplaceAll(text, t, redacted)
	}
	return text
}

// login logs in once, only inside TLS with a certificate that is verified for
// the host: a password is not for whoever answers.
func (s *session) login(l *Login) *end {
	skip := func(reason string) *end {
		s.out.Tests = append(s.out.Tests, Test{Name: TestLogin, Outcome: "not-run", Reason: reason})
		return nil
	}
	conn, _ := s.conn.(*tls.Conn)
	if conn == nil || s.out.Certificate == nil || s.out.Certificate.Verdict != "ok" {
		return skip("tls-unverified")
	}
	if len(s.out.AuthAfterTLS) == 0 {
		return skip("no-auth")
	}
	cs := conn.ConnectionState()
	var binding []byte
	if cs.Version == tls.VersionTLS13 {
		// RFC 9266 §2: what TLS exports under this label, 32 octets.
		var err error
		if binding, err = cs.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32); err != nil {
			binding = nil
		}
	}
	mech := l.choose(s.out.AuthAfterTLS, binding != nil)
	if mech == "" {
		return skip("mechanism")
	}
	s.hide = &secrets{}
	s.hide.add(string(l.Secret))
	s.hide.add("\x00" + l.User + "\x00" + string(l.Secret)) // the form that a server would repeat
	x := exchange{login: l, mechanism: mech, host: s.out.Host.String(), port: s.out.Port,
		plus: slices.Contains(s.out.AuthAfterTLS, "SCRAM-SHA-256-PLUS"), binding: binding}
	rep, e := s.converse(&x)
	e = s.tested(TestLogin, "AUTH "+mech, rep, e)
	test := &s.out.Tests[len(s.out.Tests)-1]
	if x.lied || test.Outcome == "accepted" && !x.proven() {
		test.Reason = "server-proof"
	}
	return e
}

// converse holds the exchange of RFC 4954 §4. No line of it is shown.
func (s *session) converse(x *exchange) (reply, *end) {
	limit := s.p.timing.Command
	line := "AUTH " + x.mechanism
	first, given := x.first()
	s.hide.add(first)
	s.log("C", line+" "+redacted)
	encoded := base64.StdEncoding.EncodeToString([]byte(first))
	s.hide.add(encoded)
	// RFC 4954 §4: what makes the command too long is sent after an empty challenge.
	if given && len(line)+len(encoded) < lineAsSaid-10 {
		line += " " + encoded
		given = false
	}
	rep, e := s.send(line, limit)
	for range 5 { // no mechanism here has as many steps
		if e != nil || rep.code != 334 {
			return rep, e
		}
		answer := first
		if given {
			given = false
		} else {
			challenge, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rep.lines[len(rep.lines)-1]))
			if err == nil {
				answer, err = x.next(string(challenge))
			}
			if err != nil { // RFC 4954 §4: a client gives up with an asterisk
				s.log("C", "*")
				return s.send("*", limit)
			}
		}
		s.hide.add(answer)
		s.log("C", redacted)
		rep, e = s.send(base64.StdEncoding.EncodeToString([]byte(answer)), limit)
	}
	return rep, &end{status: "protocol", detail: "AUTH does not come to an end"}
}

// exchange is the client's side of one mechanism.
type exchange struct {
	login     *Login
	mechanism string
	host      string
	port      uint16
	plus      bool   // SCRAM-SHA-256-PLUS is offered
	binding   []byte // of the channel; nil: none known

	step        int
	nonce, bare string // of SCRAM
	signature   []byte // that the server has to show
	shown, lied bool
}

// first is the initial response; false where the mechanism has none.
func (x *exchange) first() (string, bool) {
	user, secret := x.login.User, string(x.login.Secret)
	switch x.mechanism {
	case "PLAIN": // RFC 4616
		return "\x00" + user + "\x00" + secret, true
	case "XOAUTH2": // Google's and Microsoft's documentation
		return "user=" + user + "\x01auth=Bearer " + secret + "\x01\x01", true
	case "OAUTHBEARER": // RFC 7628 §3.1
		return "n,a=" + saslName(user) + ",\x01host=" + x.host + "\x01port=" + strconv.Itoa(int(x.port)) +
			"\x01auth=Bearer " + secret + "\x01\x01", true
	case "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS": // RFC 5802 §7, RFC 7677
		if x.nonce == "" {
			x.nonce = rand.Text()
		}
		x.bare = "n=" + saslName(prepared(user)) + ",r=" + x.nonce
		return x.header() + x.bare, true
	}
	return "", false
}

// header is what SCRAM says about channel binding: used, possible but not
// offered (so that a stripped list is noticed), or not possible.
func (x *exchange) header() string {
	switch {
	case strings.HasSuffix(x.mechanism, "-PLUS"):
		return "p=tls-exporter,,"
	case x.binding != nil && !x.plus:
		return "y,,"
	}
	return "n,,"
}

// next answers a challenge.
func (x *exchange) next(challenge string) (string, error) {
	x.step++
	switch {
	case x.mechanism == "LOGIN" && x.step == 1:
		return x.login.User, nil
	case x.mechanism == "LOGIN" && x.step == 2:
		return string(x.login.Secret), nil
	case x.mechanism == "OAUTHBEARER":
		return "\x01", nil // RFC 7628 §3.2.3: an error was told, and this ends it
	case x.mechanism == "XOAUTH2":
		return "", nil
	case strings.HasPrefix(x.mechanism, "SCRAM-") && x.step == 1:
		return x.final(challenge)
	case strings.HasPrefix(x.mechanism, "SCRAM-") && x.step == 2:
		return "", x.verify(challenge)
	}
	return "", fmt.Errorf("starttls: a challenge too many")
}

// maxIterations bounds the work that a server can ask for.
const maxIterations = 1_000_000

// final proves that the password is known (RFC 5802 §3).
func (x *exchange) final(serverFirst string) (string, error) {
	a := attributes(serverFirst)
	n, err := strconv.Atoi(a["i"])
	salt, saltErr := base64.StdEncoding.DecodeString(a["s"])
	if err != nil || saltErr != nil || n < 1 || n > maxIterations || len(salt) == 0 ||
		!strings.HasPrefix(a["r"], x.nonce) || len(a["r"]) == len(x.nonce) || a["m"] != "" {
		return "", fmt.Errorf("starttls: the challenge is not SCRAM")
	}
	head := []byte(x.header())
	if strings.HasSuffix(x.mechanism, "-PLUS") {
		head = append(head, x.binding...)
	}
	without := "c=" + base64.StdEncoding.EncodeToString(head) + ",r=" + a["r"]
	message := x.bare + "," + serverFirst + "," + without
	salted, err := pbkdf2.Key(sha256.New, prepared(string(x.login.Secret)), salt, n, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("starttls: %w", err)
	}
	clientKey := mac(salted, "Client Key")
	stored := sha256.Sum256(clientKey)
	proof := mac(stored[:], message)
	for i := range proof {
		proof[i] ^= clientKey[i]
	}
	x.signature = mac(mac(salted, "Server Key"), message)
	return without + ",p=" + base64.StdEncoding.EncodeToString(proof), nil
}

// verify holds the server to knowing the password too.
func (x *exchange) verify(serverFinal string) error {
	got, err := base64.StdEncoding.DecodeString(attributes(serverFinal)["v"])
	if err != nil || !hmac.Equal(got, x.signature) {
		x.lied = true
		return fmt.Errorf("starttls: the server does not prove that it knows the password")
	}
	x.shown = true
	return nil
}

// proven tells whether the server has shown what the mechanism asks of it.
func (x *exchange) proven() bool { return !strings.HasPrefix(x.mechanism, "SCRAM-") || x.shown }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// attributes reads "r=…,s=…,i=…"; of an attribute given twice the first counts.
func attributes(text string) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if name, value, ok := strings.Cut(part, "="); ok {
			if _, have := out[name]; !have {
				out[name] = value
			}
		}
	}
	return out
}

// saslName writes a name where commas and equals signs have a meaning (RFC 5802 §5.1).
func saslName(s string) string { return strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s) }

// prepared is a name or password in the form that both sides hash: the part of
// SASLprep (RFC 4013) that matters to what people type.
func prepared(s string) string { return norm.NFKC.String(s) }
