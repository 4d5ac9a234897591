package starttls

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Rules judge Facts, in report order.
var Rules = slices.Concat(connectRules, greetingRules, dialogueRules, capabilityRules, askedRules, starttlsRules, tlsRules, versionRules, suiteRules,
	extensionRules, certRules, chainRules, authRules, mechanismRules, submissionRules, accessRules)

// postfixXCLIENT is where XCLIENT is described: no RFC has it.
var postfixXCLIENT = check.Ref{Doc: "Postfix XCLIENT_README", URL: "https://www.postfix.org/XCLIENT_README.html"}

var (
	port25     = []uint16{25}
	submission = []uint16{465, 587, 2525}
	clearPorts = []uint16{25, 587, 2525}
	access     = []uint16{143, 993, 110, 995}
	allPorts   = slices.Concat([]uint16{25}, submission, access)
)

// receives tells whether there is anything to probe: a domain that takes no
// mail has no mail ports, and that is no fault, unless a host was named to it.
func receives(f *Facts) bool {
	return f.NoHosts != "null-mx" && f.NoHosts != "no-mx" || len(f.Named) > 0
}

// submits tells whether a submission port answered at all. On a mail exchanger
// they are seldom open, and closed or silent ones are nothing to speak of.
func submits(f *Facts) bool {
	return slices.ContainsFunc(f.sessions(submission), func(s *Session) bool { return s.reached(StepConnected) })
}

func (f *Facts) sessions(ports []uint16) []*Session {
	var out []*Session
	for i, h := range slices.Concat(f.Hosts, f.Named) {
		for _, s := range h.Sessions {
			if !slices.Contains(ports, s.Port) {
				continue
			}
			// A mail host that was named too is in both lists.
			if i >= len(f.Hosts) && slices.ContainsFunc(out, func(o *Session) bool { return o.Target == s.Target }) {
				continue
			}
			out = append(out, s)
		}
	}
	return out
}

// named tells whether the host was named for that port: then a closed or
// silent port says something.
func (f *Facts) named(t Target) bool {
	return slices.ContainsFunc(f.Named, func(h *Host) bool {
		return h.Name == t.Host && slices.Contains(h.Ports, t.Port)
	})
}

// notMeasured is why nothing on port 25 could be measured, nil when something was.
func (f *Facts) notMeasured() error {
	params := check.Params{"Domain": f.Domain.String()}
	switch {
	case f.NoHosts == OtherPort, (f.NoHosts == "null-mx" || f.NoHosts == "no-mx") && len(f.Named) > 0:
		return nil // there is no port 25 to speak of
	case f.NoHosts != "":
		return check.Cause{Code: "smtp-" + f.NoHosts, Params: params}
	case f.Blocked:
		return check.Cause{Code: "port25-blocked", Params: params}
	case len(f.sessions(port25)) == 0:
		return check.Cause{Code: "smtp-no-address", Params: params}
	}
	return nil
}

// cause is why a session did not show what a rule wanted.
func (s *Session) cause() check.Cause {
	code := map[string]string{
		"refused": "smtp-refused", "silent": "smtp-silent", "special-address": "smtp-special-address",
		"greeting-refused": "smtp-greeting-refused", "temporary": "smtp-temporary", "tarpit": "smtp-tarpit",
		"protocol": "smtp-protocol", "network": "smtp-network",
	}[s.Status]
	if s.Status == "not-asked" && s.Detail == "blocked" {
		code = "port25-blocked"
	}
	if code == "" {
		code = "smtp-not-asked"
		if s.STARTTLS == "temporary" {
			code = "smtp-temporary"
		}
	}
	return check.Cause{Code: code, Params: check.Params{
		"Host": s.Host.String(), "Address": s.Addr.String(), "Port": int(s.Port), "Detail": s.Detail}}
}

// missing is why the session did not reach a step, nil when that is a fact of
// the server that another rule speaks of.
func (f *Facts) missing(s *Session, step Step) error {
	tlsWanted := stepRank[step] >= stepRank[StepTLS]
	switch {
	case tlsWanted && s.reached(StepEHLO) && (s.HELOOnly || s.STARTTLS == "missing" || s.STARTTLS == "refused" ||
		s.STARTTLS == "injected" || s.handshakeFailed()):
		return nil
	case tlsWanted && s.Certificate != nil && s.Certificate.Verdict == "unparsable":
		return nil
	case s.Status == "refused" && slices.ContainsFunc(f.sessions(port25), func(o *Session) bool { return o.reached(step) }):
		return nil
	}
	return s.cause()
}

// Untold is why the session says nothing of a step, for rules of others that
// judge sessions; nil where it came so far, and where what kept it from that is
// the server's doing, of which a rule here speaks.
func (f *Facts) Untold(s *Session, step Step) error {
	if s.reached(step) {
		return nil
	}
	return f.missing(s, step)
}

// judge looks at one session and gives a finding or nil.
type judge func(f *Facts, s *Session) *check.Finding

// each judges the sessions of some ports that came as far as a step. Sessions
// on port 25 that did not come so far leave the rule unknown; on a submission
// port that is normal for a mail exchanger. Equal findings of several
// addresses of a host are one.
func each(ports []uint16, step Step, j judge) func(*Facts, *check.Reporter) {
	return func(f *Facts, r *check.Reporter) {
		if slices.Contains(ports, 25) {
			if err := f.notMeasured(); err != nil {
				r.Unknown(err)
			}
		}
		var found []*check.Finding
		for _, s := range f.sessions(ports) {
			if !s.reached(step) {
				speaks := s.Port == 25 && !f.Blocked || f.named(s.Target) && s.Status != "refused"
				if err := f.missing(s, step); err != nil && speaks {
					r.Unknown(err)
				}
				continue
			}
			find := j(f, s)
			if find == nil {
				continue
			}
			i := slices.IndexFunc(found, func(o *check.Finding) bool {
				return o.Subject == find.Subject && o.Variant == find.Variant
			})
			if i < 0 {
				found = append(found, find)
			} else {
				have := found[i].Params
				have["Addresses"] = fmt.Sprint(have["Addresses"]) + ", " + s.Addr.String()
			}
		}
		for _, find := range found {
			r.Report(*find)
		}
	}
}

// on is a finding about a session: subject, scope and the usual parameters.
func on(s *Session, params check.Params) *check.Finding {
	if params == nil {
		params = check.Params{}
	}
	params["Host"], params["Port"], params["Addresses"] = s.Host.String(), int(s.Port), s.Addr.String()
	subject := fmt.Sprintf("%s:%d", s.Host, s.Port)
	scope := subject
	if s.Port == 25 {
		scope = s.Host.String() // the scope in which MTA-STS and DANE speak of a mail host
	}
	return &check.Finding{Subject: subject, Scope: scope, Params: params}
}

// onLine is a finding about a line that the server sent.
func onLine(s *Session, line string, params check.Params) *check.Finding {
	f := on(s, params)
	f.Record = line
	f.Params["Line"] = line
	return f
}

// when gives the finding if the condition holds.
func when(cond bool, f *check.Finding) *check.Finding {
	if cond {
		return f
	}
	return nil
}

// listed is a judge that reports a capability offered in clear, if there.
func listed(words ...string) judge {
	return func(_ *Facts, s *Session) *check.Finding {
		for _, w := range words {
			if line, ok := capability(s.Capabilities, w); ok {
				return onLine(s, line, check.Params{"Keyword": w})
			}
		}
		return nil
	}
}

// hostNames lists names for a message.
func hostNames(names []dns.Name) string {
	var out []string
	for _, n := range names {
		out = append(out, n.String())
	}
	return strings.Join(out, ", ")
}
