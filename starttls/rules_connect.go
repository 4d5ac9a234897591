package starttls

import "github.com/postseal/postseal/check"

// connectRules ask whether the ports can be reached at all.
var connectRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "smtp-port25-not-measured", Standard: check.STARTTLS, Severity: check.Info,
			Title: "port 25 could not be measured from here",
			Refs:  []check.Ref{check.RFC(5321, "2.1")},
			Doc: `Nothing ever connected on port 25 in this run. Most cloud providers, home connections and CI runners close the port for
outgoing connections, so this says something about our network and nothing about the domain. What needs port 25 is left
out of the score, and coverage shows it.

Run the audit where port 25 is open.

Before, on a hosted CI runner:

    postseal audit example.com      (port 25: not measured)

After, on a mail server of yours:

    postseal audit example.com      (port 25: measured)`,
		},
		Applies: receives,
		Run: func(f *Facts, r *check.Reporter) {
			if err := f.notMeasured(); err != nil {
				r.Unknown(err)
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "smtp-all-unreachable", Standard: check.STARTTLS, Severity: check.Error,
			Title: "no mail host accepts connections",
			Refs:  []check.Ref{check.RFC(5321, "5.1")},
			Doc: `Every address of every mail host refuses the connection on port 25, while other servers answered on it from here. No mail
arrives: senders keep it for days and then return it.

Start the mail server, and open port 25 in its firewall.

Before:

    $ nc mx1.example.com 25
    connection refused

After:

    $ nc mx1.example.com 25
    220 mx1.example.com ESMTP`,
		},
		Applies: receives,
		Run: unreachable(func(f *Facts, r *check.Reporter, s *Session) {
			if f.allRefuse() && s == f.sessions(port25)[0] {
				r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{"Domain": f.Domain.String()}})
			}
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-address-unreachable", Standard: check.STARTTLS, Severity: check.Warning,
			Title:     "an address of a mail host refuses connections",
			Variants:  []check.Variant{{Name: "others", Severity: check.Notice}},
			CoveredBy: []string{"smtp-all-unreachable"},
			Refs:      []check.Ref{check.RFC(5321, "5.1")},
			Doc: `This address refuses the connection on port 25 from here, while other servers answer on it. Senders that pick it first lose
time and go on to the next. A refusal may be meant for some countries or networks only.

Repair the service there or drop the address from DNS.

Before:

    mx1.example.com.  A  5.6.7.8
    mx1.example.com.  A  5.6.7.9     (refuses port 25)

After:

    mx1.example.com.  A  5.6.7.8`,
		},
		Applies: receives,
		Run: unreachable(func(f *Facts, r *check.Reporter, s *Session) {
			if f.refusesIPv6(s) {
				return
			}
			find := on(s, check.Params{"Detail": s.Detail})
			find.Subject = s.Host.String()
			if f.worksOver(s, false) {
				find.Variant = "others"
			}
			r.Report(*find)
		}),
	},
	{
		Meta: check.Meta{
			ID: "smtp-ipv6-unreachable", Standard: check.STARTTLS, Severity: check.Warning,
			Title: "a mail host refuses connections over IPv6",
			Refs:  []check.Ref{check.RFC(5321, "5.2")},
			Doc: `The host has an AAAA record, but refuses port 25 there, while its IPv4 address works and IPv6 works from here. Senders prefer
IPv6, so each message waits for the refusal first.

Let the mail server listen on IPv6 and open the firewall for it, or remove the AAAA record.

Before:

    mx1.example.com.  AAAA  2a00:1450:4001::19     (refuses port 25)

After, in Postfix:

    inet_protocols = all`,
		},
		Applies: receives,
		Run: unreachable(func(f *Facts, r *check.Reporter, s *Session) {
			if f.refusesIPv6(s) {
				find := on(s, check.Params{"Detail": s.Detail})
				find.Subject = s.Host.String()
				r.Report(*find)
			}
		}),
	},
}

// unreachable judges the refusals of port 25. A refusal counts against the
// server only where port 25 works from here; silence does after two tries, half
// a minute apart, and never before.
func unreachable(report func(f *Facts, r *check.Reporter, s *Session)) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		if err := f.notMeasured(); err != nil {
			r.Unknown(err)
			return
		}
		for _, s := range f.sessions(port25) {
			switch {
			case s.reached(StepConnected):
			case s.down() && f.Port25Works:
				report(f, r, s)
			default:
				r.Unknown(s.cause())
			}
		}
	}
}

// allRefuse tells whether every address of every host refuses port 25.
func (f *Facts) allRefuse() bool {
	for _, s := range f.sessions(port25) {
		if s.Status != "refused" {
			return false
		}
	}
	return f.Port25Works && len(f.sessions(port25)) > 0
}

// worksOver tells whether another address of the host answers on port 25, of
// IPv4 only if asked so.
func (f *Facts) worksOver(s *Session, onlyIPv4 bool) bool {
	for _, o := range f.port25(s.Host) {
		if o.reached(StepConnected) && (!onlyIPv4 || o.Addr.Is4()) {
			return true
		}
	}
	return false
}

// refusesIPv6 tells whether the session is an IPv6 address that refuses while
// the host's IPv4 works, and IPv6 works from here.
func (f *Facts) refusesIPv6(s *Session) bool {
	return s.Addr.Is6() && f.IPv6Works && f.worksOver(s, true)
}
