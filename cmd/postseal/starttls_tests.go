package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/term"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/starttls"
)

// testFlags ask for tests on a server of the user's own.
type testFlags struct {
	login, mechanism string
	oauth            bool
	passwordFile     string
	passwordFD       int
	relay            bool
	from, to         string
	recipient        string
	verify           string
	tlsRequired      bool
	injection        bool
	own              bool
}

func (f *testFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.login, "login", "", "log in as `USER`, once")
	fl.StringVar(&f.mechanism, "mechanism", "", "log in by this `MECHANISM` (default: the best that is offered)")
	complete(cmd, "mechanism", starttls.Mechanisms()...)
	fl.BoolVar(&f.oauth, "oauth", false, "the password is an OAuth 2 access token")
	fl.StringVar(&f.passwordFile, "password-file", "", "read the password from the first line of `FILE`")
	fl.IntVar(&f.passwordFD, "password-fd", -1, "read the password from the first line of file descriptor `N`")
	fl.BoolVar(&f.relay, "relay-test", false, "see whether mail from --from to --to is taken, as far as RCPT (needs --i-own-this)")
	fl.StringVar(&f.from, "from", "", "the sender of --relay-test, an `ADDRESS` of yours in a domain that the server does not serve")
	fl.StringVar(&f.to, "to", "", "the recipient of --relay-test, an `ADDRESS` of yours in another such domain")
	fl.StringVar(&f.recipient, "rcpt-test", "", "see whether mail to this `ADDRESS` is taken, as far as RCPT")
	fl.StringVar(&f.verify, "vrfy-test", "", "ask VRFY about an `ADDRESS` of yours")
	fl.BoolVar(&f.tlsRequired, "tls-required-test", false, "see whether MAIL is taken before TLS (ports 587 and 2525)")
	fl.BoolVar(&f.injection, "injection-test", false, "see whether a command sent with STARTTLS is obeyed inside TLS (needs --i-own-this)")
	fl.BoolVar(&f.own, "i-own-this", false, "the server is yours, or its owner agrees to the tests")
	cmd.MarkFlagsMutuallyExclusive("password-file", "password-fd")
	for _, test := range []string{"login", "relay-test", "rcpt-test", "vrfy-test", "tls-required-test", "injection-test"} {
		cmd.MarkFlagsMutuallyExclusive(test, "record") // a test is not repeated from a recording
		cmd.MarkFlagsMutuallyExclusive(test, "replay")
	}
}

// read checks the flags before anything is asked, and gets the password.
func (f *testFlags) read(s *streams, host, domain dns.Name, port uint16) (starttls.Tests, error) {
	t := starttls.Tests{Recipient: f.recipient, Verify: f.verify, TLSRequired: f.tlsRequired, Injection: f.injection}
	var err error
	mail := !slices.Contains([]uint16{143, 993, 110, 995}, port)
	switch {
	case (f.relay || f.injection) && !f.own:
		return t, usage("--relay-test and --injection-test are for servers of your own: say so with --i-own-this")
	case f.relay != (f.from != "" && f.to != "") || !f.relay && f.from+f.to != "":
		return t, usage("--relay-test needs --from and --to, and they are for nothing else")
	case !mail && (f.relay || !t.None() || f.login != ""):
		return t, usage("port %d hands in no mail, so there is nothing to test", port)
	case f.tlsRequired && port != 587 && port != 2525:
		return t, usage("--tls-required-test is for ports 587 and 2525: on %d TLS %s", port, map[bool]string{true: "comes first", false: "must not be demanded"}[port == 465])
	case f.injection && port == 465:
		return t, usage("--injection-test is about STARTTLS, and port 465 has none")
	case f.login == "" && (f.mechanism != "" || f.oauth || f.passwordFile != "" || f.passwordFD >= 0):
		return t, usage("--mechanism, --oauth, --password-file and --password-fd go with --login")
	}
	for flag, address := range map[string]string{"--from": f.from, "--to": f.to, "--rcpt-test": f.recipient, "--vrfy-test": f.verify} {
		if address != "" && !mailbox.MatchString(address) {
			return t, usage("%s %q is no plain address, as in user@example.com", flag, address)
		}
	}
	if f.relay {
		if err := foreign(f.from, f.to, host, domain); err != nil {
			return t, err
		}
		t.RelayFrom, t.RelayTo = f.from, f.to
	}
	if f.login != "" {
		t.Login, err = f.readLogin(s)
	}
	return t, err
}

// mailbox is an address that needs no quoting: what else RFC 5321 allows is no
// address that anybody tests with.
var mailbox = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,10}$`)

// foreign holds --from and --to to being addresses of two organisations, none of
// them the server's: else an answer would prove nothing.
func foreign(from, to string, host, domain dns.Name) error {
	own := []string{organisation(host.String())}
	if domain != "" {
		own = append(own, organisation(domain.String()))
	}
	var seen []string
	for flag, address := range map[string]string{"--from": from, "--to": to} {
		_, at, _ := strings.Cut(address, "@")
		org := organisation(strings.ToLower(at))
		if slices.Contains(own, org) {
			return usage("%s %s is an address of the server's own domain; the test needs a stranger's", flag, address)
		}
		seen = append(seen, org)
	}
	if seen[0] == seen[1] {
		return usage("--from and --to are of one domain; the test needs two")
	}
	return nil
}

func organisation(name string) string {
	if org, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return org
	}
	return name
}

// maxPassword bounds a password or token, in octets.
const maxPassword = 16 << 10

// readLogin gets the password from where it is kept. It is never an argument:
// those are seen by everybody on the machine.
func (f *testFlags) readLogin(s *streams) (*starttls.Login, error) {
	login := &starttls.Login{User: f.login, Token: f.oauth, Mechanism: strings.ToUpper(f.mechanism)}
	if login.Mechanism != "" && !slices.Contains(starttls.Mechanisms(), login.Mechanism) {
		return nil, usage("--mechanism %q is none of %s", f.mechanism, strings.Join(starttls.Mechanisms(), ", "))
	}
	if strings.ContainsAny(f.login, "\x00\x01\r\n") {
		return nil, usage("--login holds a control character")
	}
	var secret string
	var err error
	env, inEnv := os.LookupEnv("POSTSEAL_PASSWORD")
	switch {
	case f.passwordFile != "":
		file, oerr := os.Open(f.passwordFile)
		if oerr != nil {
			return nil, usage("--password-file: %w", oerr)
		}
		secret, err = firstLine(file)
		file.Close()
	case f.passwordFD == 0:
		secret, err = firstLine(s.in)
	case f.passwordFD > 2:
		file := os.NewFile(uintptr(f.passwordFD), "the file descriptor")
		secret, err = firstLine(file)
		file.Close()
	case f.passwordFD > 0:
		return nil, usage("--password-fd %d is where postseal writes", f.passwordFD)
	case inEnv:
		secret = env
	default:
		secret, err = prompt(s, f.login)
	}
	if err != nil {
		return nil, usage("reading the password: %w", bare(err))
	}
	if secret == "" || len(secret) > maxPassword || strings.ContainsAny(secret, "\x00\x01\r\n") {
		return nil, usage("the password is empty, too long, or has a control character in it")
	}
	login.Secret = starttls.Secret(secret)
	return login, nil
}

// firstLine reads the first line, without its end.
func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReaderSize(io.LimitReader(r, maxPassword+2), maxPassword+2).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

// prompt asks for the password on the terminal, without showing it.
func prompt(s *streams, user string) (string, error) {
	var file *os.File
	in, ok := s.in.(*stdin)
	if ok {
		file, ok = in.r.(*os.File)
	}
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return "", errors.New("there is no terminal to ask on; use --password-file, --password-fd or POSTSEAL_PASSWORD")
	}
	fmt.Fprintf(s.err, "postseal: password of %q: ", user)
	state, err := term.GetState(int(file.Fd()))
	if err != nil {
		return "", err
	}
	// ReadPassword waits through an interrupt; a terminal that was left then would
	// no longer show what is typed.
	stop := context.AfterFunc(in.ctx, func() {
		_ = term.Restore(int(file.Fd()), state)
		fmt.Fprintln(s.err, "\npostseal: interrupted, nothing was written")
		os.Exit(exitInterrupted)
	})
	secret, err := term.ReadPassword(int(file.Fd()))
	stop()
	fmt.Fprintln(s.err)
	return string(secret), err
}

// replyText writes a reply as the server sent it.
func replyText(code int, text string) string {
	var b strings.Builder
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		mark := " "
		if i < len(lines)-1 {
			mark = "-"
		}
		fmt.Fprintf(&b, "%03d%s%s\r\n", code, mark, l)
	}
	return b.String()
}
