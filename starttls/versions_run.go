package starttls

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"slices"
	"syscall"
	"time"
)

// reserve is what further handshakes leave of the time of a run, so that they
// end before the run does and nothing of the first session is lost.
const reserve = 4 * time.Second

// deeper makes the further handshakes with one address and port, one connection
// after the other.
type deeper struct {
	p    *SMTPProber
	ctx  context.Context
	s    *Session // the first session, where the results go
	h    *Handshakes
	left int // connections
}

// deepen learns what else the server accepts. used is how many connections it
// saw already. Only the outcome of the first session says whether there is
// anything to learn: without TLS there is not.
func (p *SMTPProber) deepen(ctx context.Context, s *Session, used int) {
	if !p.level.reaches(LevelStandard) || s.TLS == nil {
		return
	}
	d := &deeper{p: p, ctx: ctx, s: s, left: connectionsOf[p.level] - used, h: &Handshakes{Level: p.level, Tried: []Handshake{}}}
	s.Handshakes = d.h
	d.versions()
	d.classes()
	if p.level.reaches(LevelDeep) {
		d.deep()
	}
}

// hello is an ordinary raw hello of the newest version that the server is known
// to speak below TLS 1.3.
func (d *deeper) hello() rawHello {
	return rawHello{
		version: d.base(), suites: suitesOf(ClassGood, ClassCBC, ClassNoFS), groups: usualGroups,
		schemes: slices.Concat(ecdsaSchemes, rsaSchemes), name: d.s.Host.String(),
	}
}

// base is the newest version below TLS 1.3 that the server speaks, as far as is known.
func (d *deeper) base() uint16 {
	version := d.s.TLS.Version
	if t := d.h.find(kindTLS11); t != nil && t.Result == accepted && !d.speaks12() {
		version = t.Version
	}
	switch version {
	case "TLS 1.1":
		return verTLS11
	case "TLS 1.0":
		return verTLS10
	case "SSL 3.0":
		return verSSL3
	}
	return verTLS12
}

func (d *deeper) speaks12() bool {
	yes, _ := d.h.took(kindTLS12)
	return yes
}

// versions are H2 to H4: TLS 1.2, the certificate of the other type of key, and
// TLS 1.1 or older.
func (d *deeper) versions() {
	if !d.s.oldTLS() {
		d.try(kindTLS12, d.hello())
	}
	if c := d.s.Certificate; c != nil && (d.speaks12() || d.s.oldTLS()) {
		h := d.hello()
		toECDSA := c.KeyType == "RSA"
		h.suites, h.schemes = withKey(suitesOf(ClassGood, ClassCBC, ClassNoFS), toECDSA), rsaSchemes
		if toECDSA {
			h.schemes = ecdsaSchemes
		}
		if f := d.try(kindOtherKey, h); f != nil && len(f.chain) > 0 {
			if other := d.p.rawCert(f.chain, d.s.Target); other.SHA256 != c.SHA256 {
				d.h.Other = other
			}
		}
	}
	h := d.hello()
	h.version, h.schemes = verTLS11, nil
	h.suites = suitesOf(ClassCBC, ClassNoFS, ClassDHE, ClassWeak, ClassAnon)
	d.try(kindTLS11, h)
}

// classes asks which suites are accepted that should not be. A server picks one
// of those offered, so each answer settles one class, and a refusal all: what
// is worst is asked first.
func (d *deeper) classes() {
	if d.h.onlyTLS13() {
		return
	}
	for _, open := range [][]Class{{ClassBroken, ClassWeak}, {ClassAnon, ClassNoFS, ClassDHE}, {ClassCBC}} {
		if open[0] == ClassCBC && !d.p.level.reaches(LevelDeep) {
			return
		}
		for len(open) > 0 {
			h := d.hello()
			h.suites = suitesOf(open...)
			f := d.try(kindSuites, h, open...)
			if f == nil || f.version == 0 {
				break
			}
			chosen := classOf(suiteName(f.suite))
			if !slices.Contains(open, chosen) {
				break // not one of those offered: nothing to go on
			}
			open = slices.DeleteFunc(slices.Clone(open), func(c Class) bool { return c == chosen })
		}
	}
}

// deep are the handshakes that few need.
func (d *deeper) deep() {
	// A server that has TLS 1.0 and not 1.1 shows it when asked for 1.1.
	if t := d.h.find(kindTLS11); t != nil && t.Version == "TLS 1.1" {
		h := d.hello()
		h.version, h.schemes = verTLS10, nil
		h.suites = suitesOf(ClassCBC, ClassNoFS, ClassDHE, ClassWeak, ClassAnon)
		d.try(kindTLS10, h)
	}
	old := rawHello{version: verSSL3, suites: suitesOf(ClassNoFS, ClassDHE, ClassWeak, ClassAnon)}
	d.try(kindSSL3, old)
	d.sslv2()
	if d.speaks12() || d.s.oldTLS() {
		h := d.hello()
		h.suites = suitesOf(ClassNoFS, ClassCBC, ClassGood)
		d.try(kindReverse, h)
		h = d.hello()
		h.suites, h.groups = suitesOf(ClassGood, ClassCBC), weakGroups
		d.try(kindWeakCurves, h)
		h = d.hello()
		h.compress = true
		d.try(kindCompression, h)
		h = d.hello()
		h.name = ""
		d.try(kindNoName, h)
		h.name = "mx.invalid" // RFC 6761 §6.4: nobody's
		d.try(kindOtherName, h)
	}
	if d.speaks12() {
		h := d.hello()
		h.suites, h.schemes = suitesOf(ClassGood, ClassCBC, ClassDHE), sha1Schemes
		d.try(kindSHA1, h)
		d.renegotiate()
	}
	if d.s.TLS.Version == "TLS 1.3" {
		d.earlyData()
	}
}

// try sends one raw hello on a connection of its own. It gives nil where no
// connection was made any more.
func (d *deeper) try(kind string, h rawHello, offered ...Class) *flight {
	if h.version == verSSL3 {
		h.groups, h.schemes, h.name = nil, nil, ""
	}
	f := &flight{}
	made := d.connect(kind, offered, func(s *session) (err error) {
		if _, err := s.raw.Write(h.bytes()); err != nil {
			return err
		}
		f, err = readFlight(s.raw)
		return err
	}, func(t *Handshake) {
		// A hello offers several versions, a ServerHello of one not offered is no answer.
		if f.version == 0 || f.version > h.version || f.version < verSSL3 {
			return
		}
		t.Result, t.Detail = accepted, ""
		t.take(f)
		if offered != nil && !slices.Contains(offered, classOf(t.Suite)) {
			t.Result, t.Detail = untold, "a suite that was not offered: "+t.Suite
		}
	})
	if !made {
		return nil
	}
	return f
}

func (d *deeper) sslv2() {
	took := false
	d.connect(kindSSL2, nil, func(s *session) (err error) {
		if _, err := s.raw.Write(sslv2Hello()); err != nil {
			return err
		}
		took, err = readSSLv2(s.raw)
		return err
	}, func(t *Handshake) {
		if took {
			t.Result, t.Detail, t.Version = accepted, "", versionNames[verSSL2]
		}
	})
}

// connect holds the dialogue up to the handshake on a new connection, hands the
// socket over and notes the outcome. A server that does not let us so far wants
// no more of us: it is then left alone.
func (d *deeper) connect(kind string, offered []Class, hold func(*session) error, judge func(*Handshake)) bool {
	if d.h.Stopped != "" || d.left <= 0 {
		return false
	}
	if at, ok := d.ctx.Deadline(); ok && time.Until(at) < reserve+d.p.timing.Gap {
		d.h.Stopped = "time"
		return false
	}
	if err := d.p.sleep(d.ctx, d.p.timing.Gap); err != nil {
		d.h.Stopped = "time"
		return false
	}
	d.left--
	limit := d.p.timing.Overall
	if at, ok := d.ctx.Deadline(); ok {
		limit = min(limit, time.Until(at)-reserve/2)
	}
	ctx, cancel := context.WithTimeout(d.ctx, limit)
	defer cancel()
	if offered == nil {
		offered = []Class{}
	}
	t := Handshake{Kind: kind, Offered: offered, Result: untold}
	s := &session{p: d.p, out: newSession(d.s.Target), ctx: ctx, start: time.Now()}
	defer s.drop()
	if e := s.open(); e != nil {
		d.h.Stopped = clip(e.Error(), 200)
		return false
	}
	s.deadline(d.p.timing.Handshake)
	if err := hold(s); err != nil {
		t.Detail = clip(err.Error(), 200)
		if turnedDown(err) {
			t.Result = refused
		}
	}
	judge(&t)
	d.h.Tried = append(d.h.Tried, t)
	return true
}

// turnedDown tells whether a hello was refused: by an alert, or by hanging up,
// as old servers do.
func turnedDown(err error) bool {
	var alert alertError
	return errors.As(err, &alert) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// open holds the dialogue up to the point where a hello is due.
func (s *session) open() *end {
	if err := s.connect(); err != nil || s.out.Port == 465 {
		return err
	}
	if err := s.greeting(); err != nil {
		return err
	}
	caps, err := s.ehlo()
	if err != nil {
		return err
	}
	s.out.Step = StepEHLO
	if !has(caps, "STARTTLS") {
		return &end{status: "temporary", detail: "STARTTLS is no longer offered"}
	}
	if err := s.startTLS(); err != nil {
		return err
	}
	if s.out.STARTTLS != "offered" {
		return &end{status: "temporary", detail: s.out.Detail, code: s.out.Code}
	}
	return nil
}

// drop ends a connection in the middle of a handshake: there is nobody left to
// say goodbye to.
func (s *session) drop() {
	if s.conn != nil {
		s.conn.Close()
	}
	if s.release != nil {
		s.release()
	}
}

// rawCert describes a chain that crypto/x509 may or may not read.
func (p *SMTPProber) rawCert(chain [][]byte, t Target) *Cert {
	parsed := make([]*x509.Certificate, 0, len(chain))
	for _, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return &Cert{Names: []string{}, Chain: []string{}, Built: []string{}, Usages: []string{}, Verdict: "unparsable",
				Detail: clip(err.Error(), 500), CheckedAt: p.now().UTC(), SHA256: digest(chain[0]), DER: chain}
		}
		parsed = append(parsed, c)
	}
	return certFacts(parsed, nil, t.Host, p.roots, p.now())
}

// unreadable takes the certificates that crypto/tls refused from a raw hello of
// TLS 1.2, where they come in clear: DANE needs no more than their octets.
func (p *SMTPProber) unreadable(ctx context.Context, s *Session) {
	if p.sleep(ctx, p.timing.Gap) != nil {
		return
	}
	again := &session{p: p, out: newSession(s.Target), ctx: ctx, start: time.Now()}
	defer again.drop()
	if again.open() != nil {
		return
	}
	h := rawHello{version: verTLS12, suites: suitesOf(ClassGood, ClassCBC, ClassNoFS), groups: usualGroups,
		schemes: slices.Concat(ecdsaSchemes, rsaSchemes), name: s.Host.String()}
	again.deadline(p.timing.Handshake)
	if _, err := again.raw.Write(h.bytes()); err != nil {
		return
	}
	if f, _ := readFlight(again.raw); len(f.chain) > 0 { // whatever came before an error counts
		s.Certificate.DER, s.Certificate.SHA256 = f.chain, digest(f.chain[0])
	}
}

// rest waits, unless the context ends first.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
