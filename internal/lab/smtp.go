package lab

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailHost is one SMTP server and what is particular about it.
type mailHost struct {
	name  string
	ports []uint16 // of 25, 465 (TLS at once) and 587; the others refuse

	cert           certKind // "" for no TLS at all
	authInTheClear bool     // AUTH is offered before TLS
	manner         manner
}

// manner is how a host receives a connection.
type manner int

const (
	talks  manner = iota
	silent        // accepts and says nothing
	busy          // greets with 421 and hangs up
)

var (
	mxOnly     = []uint16{25}
	everything = []uint16{25, 465, 587}
)

// mailHosts are all the mail hosts of the zones, but for mx.closed.corner.example,
// which has no server.
var mailHosts = []mailHost{
	{name: "mx1.lighthouse.example", ports: everything, cert: certGood},
	{name: "mx2.lighthouse.example", ports: everything, cert: certGood},
	{name: "mx1.cutter.example", ports: everything, cert: certGood},
	{name: "mx1.flotilla.example", ports: mxOnly, cert: certGood},
	{name: "mx2.flotilla.example", ports: mxOnly, cert: certGood},
	{name: "mx3.flotilla.example", ports: mxOnly, cert: certGood},
	{name: "mx4.flotilla.example", ports: mxOnly, cert: certGood},
	{name: "mx5.flotilla.example", ports: mxOnly, cert: certGood},
	{name: "mx.mailhive.example", ports: mxOnly, cert: certGood},
	{name: "mx1.rusty-gears.example", ports: []uint16{25, 587}, cert: certExpired, authInTheClear: true},
	{name: "mx2.rusty-gears.example", ports: mxOnly},
	{name: "mx3.rusty-gears.example", ports: mxOnly, cert: certWrongName},
	{name: "mx.silent.corner.example", ports: mxOnly, manner: silent},
	{name: "mx.busy.corner.example", ports: mxOnly, manner: busy},
	{name: "mx.self-signed.corner.example", ports: mxOnly, cert: certSelfSigned},
	{name: "mx.good.corner.example", ports: mxOnly, cert: certGood},
	{name: "smtp.srv.corner.example", ports: []uint16{587}, cert: certGood, authInTheClear: true},
	{name: "mx.dane-wrong.corner.example", ports: mxOnly, cert: certGood},
}

// Patience with clients that stop talking; no server of the lab outlives Close.
const idle = time.Minute

func (l *Lab) startMailHost(ctx context.Context, h mailHost, delay time.Duration) error {
	addrs, err := l.addresses(ctx, h.name)
	if err != nil {
		return err
	}
	var conf *tls.Config
	if h.cert != "" {
		cert, err := l.ca.issue(h.name, h.cert)
		if err != nil {
			return err
		}
		conf = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	for _, port := range h.ports {
		ln, err := l.listen(ctx)
		if err != nil {
			return err
		}
		l.redirect(addrs, port, ln)
		g := newGate(ln, delay, func() { l.stats.smtp.Add(1) })
		if h.manner == talks {
			l.talk(h, port, conf, g)
		} else {
			l.stare(h, g)
		}
	}
	return nil
}

// talk serves SMTP.
func (l *Lab) talk(h mailHost, port uint16, conf *tls.Config, g *gate) {
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		if port == 25 && !h.authInTheClear {
			return session{}, nil
		}
		return loginSession{}, nil
	}))
	srv.Domain = h.name
	srv.TLSConfig = conf
	srv.AllowInsecureAuth = h.authInTheClear
	srv.MaxMessageBytes = 50 << 20
	srv.ReadTimeout, srv.WriteTimeout = idle, idle
	srv.ErrorLog = log.New(io.Discard, "", 0)
	srv.Debug = &tally{stats: &l.stats}

	var ln net.Listener = g
	if port == 465 {
		ln = tls.NewListener(g, conf)
	}
	served := make(chan struct{})
	l.wg.Go(func() {
		defer close(served)
		_ = srv.Serve(ln) // it ends when the gate closes, and that is its error
	})
	l.closers = append(l.closers, func() {
		g.Close()
		<-served // from here on, no connection is added to those that Shutdown waits for
		_ = srv.Shutdown(context.Background())
		g.links.Wait()
	})
}

// stare serves the hosts that do not talk SMTP.
func (l *Lab) stare(h mailHost, g *gate) {
	l.wg.Go(func() {
		var conns sync.WaitGroup
		defer g.links.Wait()
		defer conns.Wait()
		for {
			c, err := g.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				if h.manner == busy {
					_, _ = fmt.Fprintf(c, "421 4.3.2 %s too many connections, try again later\r\n", h.name)
					return
				}
				_, _ = io.Copy(io.Discard, c) // until the client or the lab has had enough
			})
		}
	})
	l.closers = append(l.closers, func() { g.Close() })
}

var errNoMail = &smtp.SMTPError{
	Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "the lab takes no mail",
}

// session refuses all mail.
type session struct{}

func (session) Reset()                               {}
func (session) Logout() error                        { return nil }
func (session) Mail(string, *smtp.MailOptions) error { return errNoMail }
func (session) Rcpt(string, *smtp.RcptOptions) error { return errNoMail }
func (session) Data(r io.Reader) error               { return errNoMail }

// loginSession offers to log in, and refuses that too.
type loginSession struct{ session }

func (loginSession) AuthMechanisms() []string         { return []string{sasl.Plain, sasl.Login} }
func (loginSession) Auth(string) (sasl.Server, error) { return nil, smtp.ErrAuthFailed }

// tally counts commands in what passes over a server's connections. The
// backend would not do: the server answers RCPT before MAIL by itself.
type tally struct{ stats *counters }

func (t *tally) Write(b []byte) (int, error) {
	for line := range bytes.Lines(b) {
		word, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		switch string(bytes.ToUpper(word)) {
		case "MAIL", "RCPT", "DATA", "BDAT":
			t.stats.mail.Add(1)
		case "AUTH":
			t.stats.logins.Add(1)
		}
	}
	return len(b), nil
}
