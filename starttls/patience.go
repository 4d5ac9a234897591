package starttls

import (
	"context"
	"net/netip"
	"time"

	"github.com/postseal/postseal/dns"
)

// patientTiming has the long waits of a probe that is asked to be patient.
func patientTiming() Timing {
	return Timing{
		Connect: 10 * time.Second, Greeting: 65 * time.Second, Command: 20 * time.Second,
		Handshake: 15 * time.Second, Quit: 5 * time.Second, Overall: 160 * time.Second,
	}
}

// patientHost is how long one address and port may take, tries and waits included.
const patientHost = 300 * time.Second

// again is how long to wait before another try, 0 for no other. A busy server
// is left alone for longer each time; one that says nothing is asked twice,
// because one lost packet looks the same.
func again(s *Session, tries int) time.Duration {
	switch busy := s.Status == "temporary" && s.Step == StepConnected && s.Code >= 400; {
	case busy && tries == 1:
		return 10 * time.Second
	case busy && tries == 2:
		return 60 * time.Second
	case s.Status == "silent" && s.Step == StepNone && s.Port == 25 && tries == 1:
		return 30 * time.Second
	}
	return 0
}

// patiently holds sessions until one says something, or patience ends.
func (p *SMTPProber) patiently(ctx context.Context, t Target, tests *Tests) (out *Session, used int) {
	ctx, cancel := context.WithTimeout(ctx, patientHost)
	defer cancel()
	for tries := 1; ; tries++ {
		out, n := p.attempt(ctx, t, tests)
		used += n
		out.Tries = tries
		wait := again(out, tries)
		if wait == 0 || p.sleep(ctx, wait) != nil {
			return out, used
		}
	}
}

// silentTwice tells that nobody answered, twice, half a minute apart.
func (s *Session) silentTwice() bool {
	return s.Status == "silent" && s.Step == StepNone && s.Tries >= 2
}

// down tells that the address takes no connection.
func (s *Session) down() bool { return s.Status == "refused" || s.silentTwice() }

// Control is a mail host of somebody else's that the user named, to tell a
// blocked port 25 from servers that are down. It is asked once a run, and only
// where nothing answered.
type Control struct {
	Host dns.Name
	// Addresses looks the host up. It is called at most once.
	Addresses func(context.Context) []netip.Addr
}

// maxControl bounds the addresses of a control host that are tried.
const maxControl = 2

// control asks the control host: a whole greeting and QUIT.
func (p *SMTPProber) control(ctx context.Context) {
	if p.controlHost == nil {
		return
	}
	p.controlOnce.Do(func() {
		c := p.controlHost
		for i, a := range c.Addresses(ctx) {
			if i == maxControl {
				return
			}
			t := Target{Host: c.Host, Addr: a, Port: 25}
			s := &session{p: p, out: newSession(t), ctx: ctx}
			if s.greetOnly(); s.out.reached(StepGreeted) {
				p.learn(s.out)
				return
			}
		}
	})
}

// greetOnly reads the greeting and says goodbye.
func (s *session) greetOnly() {
	ctx, cancel := context.WithTimeout(s.ctx, s.p.timing.Overall)
	defer cancel()
	s.ctx, s.start = ctx, time.Now()
	s.out.Status = "ok"
	err := s.connect()
	if err == nil {
		err = s.greeting()
	}
	if err != nil {
		s.out.Status = err.status
	}
	if s.conn != nil {
		s.quit()
	}
	if s.release != nil {
		s.release()
	}
}
