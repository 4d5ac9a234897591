package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
	"github.com/postseal/postseal/starttls"
)

// sessionText prints sessions with a mail server. Nearly all of it is the
// server's text.
type sessionText struct {
	strings.Builder
	width int
	l     *locale.Localizer
	v     *starttlsView
	label int // columns of the labels
}

// shownDialogue bounds the lines of one session that text shows.
const shownDialogue = 80

func writeSTARTTLS(w io.Writer, width int, v *starttlsView) error {
	p := &sessionText{width: width, l: v.l, v: v}
	for _, id := range []string{"greeting", "tls", "certificate", "names", "login-before", "login-inside"} {
		p.label = max(p.label, utf8.RuneCountInString(p.text("label."+id, nil)))
	}
	p.WriteString(paragraph(width, "", p.text("title", check.Params{"Host": v.Host.String(), "Port": int(v.Port)})))
	if len(v.Addresses) == 0 {
		p.line("   → ", p.text("no-address", nil))
	}
	for _, e := range v.failed {
		p.line("   → ", report.Escape(v.l.Cause(check.Cause{Code: e.CauseCode(), Params: e.CauseParams()})))
	}
	for i := range v.Addresses {
		p.address(&v.Addresses[i])
	}
	p.findings()
	_, err := io.WriteString(w, p.String())
	return err
}

func (p *sessionText) text(id string, params check.Params) string {
	return report.Escape(p.l.Text("starttls-cmd."+id, params))
}

func (p *sessionText) line(lead, text string) { p.WriteString(paragraph(p.width, lead, text)) }

// row is a label and what belongs to it.
func (p *sessionText) row(label, text string) {
	if text != "" {
		p.line("   "+pad(p.text("label."+label, nil), p.label)+"  ", text)
	}
}

func (p *sessionText) address(a *starttlsAddress) {
	s := a.Session
	p.WriteString("\n")
	p.line("", s.Addr.String()+"  "+p.state(s))
	p.row("greeting", cut(report.Escape(strings.ReplaceAll(s.Banner, "\n", " / ")), 300))
	p.tls(s)
	p.certificate(s.Certificate)
	if s.Banner != "" {
		if s.STARTTLS != "implicit" {
			p.row("login-before", p.mechanisms(s.AuthBeforeTLS))
		}
		if s.TLS != nil {
			p.row("login-inside", p.mechanisms(s.AuthAfterTLS))
		}
	}
	p.verdicts(a)
	p.tests(a)
	p.dialogue(s)
}

// state says how the session went.
func (p *sessionText) state(s *starttls.Session) string {
	if s.Status == "ok" {
		return p.text("state.is-ok", check.Params{"MS": int(s.TookMS)})
	}
	return report.Escape(p.l.Cause(sessionCause(s)))
}

func (p *sessionText) tls(s *starttls.Session) {
	switch {
	case s.TLS != nil:
		text := s.TLS.Version + ", " + s.TLS.Suite
		if s.TLS.Group != "" {
			text += ", " + s.TLS.Group
		}
		p.row("tls", text)
		if s.LargeHello {
			p.row("tls", p.text("large-hello", nil))
		}
	case s.TLSError != "":
		p.row("tls", p.text("tls-failed", nil)+": "+cut(report.Escape(s.TLSError), 300))
	case s.STARTTLS != "":
		text := p.text("starttls.is-"+s.STARTTLS, nil)
		if s.STARTTLS == "refused" || s.STARTTLS == "temporary" {
			text += ": " + cut(report.Escape(s.Detail), 300)
		}
		p.row("tls", text)
	}
}

func (p *sessionText) certificate(c *starttls.Cert) {
	if c == nil {
		return
	}
	if c.Subject == "" && c.Issuer == "" {
		p.row("certificate", p.verdictWord(c.Verdict)+": "+cut(report.Escape(c.Detail), 300))
		return
	}
	text := p.text("cert", check.Params{"Subject": c.Subject, "Issuer": c.Issuer, "From": day(c.NotBefore, p.l), "Until": day(c.NotAfter, p.l), "Key": c.KeyType, "Bits": c.Bits})
	p.row("certificate", cut(text, 600))
	if n := len(c.Names); n > 0 {
		names := strings.Join(c.Names[:min(n, 8)], ", ")
		if n > 8 {
			names += fmt.Sprintf(", … (+%d)", n-8)
		}
		p.row("names", report.Escape(names))
	}
	if len(c.Chain) > 1 {
		p.row("chain", report.Escape(strings.Join(c.Chain[1:], " ← ")))
	}
}

func (p *sessionText) verdictWord(verdict string) string {
	if verdict == "ok" {
		return p.text("pkix-ok", nil)
	}
	return report.Escape(p.l.Text("mta-sts-policy.verdict.is-"+verdict, nil))
}

func (p *sessionText) mechanisms(list []string) string {
	if len(list) == 0 {
		return p.text("none", nil)
	}
	return report.Escape(strings.Join(list, " "))
}

// verdicts are what each kind of sender makes of it.
func (p *sessionText) verdicts(a *starttlsAddress) {
	v := a.Verdicts
	if v.PKIX != "" {
		text := p.verdictWord(v.PKIX)
		if d := a.Certificate.Detail; v.PKIX != "ok" && d != "" {
			text += ": " + cut(report.Escape(d), 300)
		}
		p.row("pkix", text)
	}
	if p.v.Port == 25 && v.Plain != "unknown" {
		p.row("plain", p.text("plain.is-"+v.Plain, nil))
	}
	if v.MTASTS != nil {
		seen := ""
		switch {
		case v.MTASTS.Reason == "certificate" && a.Certificate != nil:
			seen = p.verdictWord(a.Certificate.Verdict)
		case a.TLS != nil:
			seen = a.TLS.Version
		}
		p.row("mta-sts", report.Escape(p.l.Text("mta-sts-policy.action.is-"+string(v.MTASTS.Action), nil)+": "+
			p.l.Text("mta-sts-policy.reason.is-"+v.MTASTS.Reason, check.Params{"Seen": seen})))
	}
	if v.DANE != "" {
		p.row("dane", p.text("dane.is-"+v.DANE, nil))
	}
}

func (p *sessionText) tests(a *starttlsAddress) {
	for _, t := range a.Tests {
		text := p.text("test."+t.Name, nil) + ": "
		switch {
		case t.Outcome == "not-run":
			text += report.Escape(p.l.Cause(check.Cause{Code: "smtp-test-" + t.Reason, Params: check.Params{
				"Host": a.Host.String(), "Port": int(a.Port), "Test": t.Name}}))
		case t.Reason != "":
			text += p.text("outcome.is-"+t.Reason, nil)
		default:
			text += p.text("outcome.is-"+t.Outcome, nil)
			if t.Code != 0 || t.Reply != "" {
				text += fmt.Sprintf(" (%s → %d %s)", report.Escape(t.Command), t.Code, cut(report.Escape(strings.ReplaceAll(t.Reply, "\n", " / ")), 300))
			}
		}
		p.row("test", text)
		if t.Name == starttls.TestLogin && a.Explanation != nil && t.Outcome != "accepted" {
			p.row("means", report.Escape(a.Explanation.Cause))
			p.row("remedy", report.Escape(a.Explanation.Remedy))
		}
	}
}

// dialogue is every line, with the time since the connection was begun.
func (p *sessionText) dialogue(s *starttls.Session) {
	if len(s.Transcript) == 0 {
		return
	}
	p.WriteString("\n")
	for i, l := range s.Transcript {
		if i == shownDialogue {
			p.line("   ", p.text("more-lines", check.Params{"N": len(s.Transcript) - i}))
			break
		}
		at := time.Duration(l.MS * float64(time.Millisecond))
		p.line(fmt.Sprintf("%8.1f ms  %s: ", float64(at.Microseconds())/1000, l.From), cut(report.Escape(l.Text), 300))
	}
}

func (p *sessionText) findings() {
	found, open := false, 0
	for _, r := range p.v.Findings {
		if r.Status == check.Unknown {
			open++
			continue
		}
		for _, f := range r.Findings {
			if !found {
				p.WriteString("\n" + p.text("findings", nil) + "\n")
				found = true
			}
			p.line("   ", fmt.Sprintf("%s %s: %s", p.l.Text("report.severity."+f.Severity.String(), nil), r.ID, cut(report.Escape(f.Message), 600)))
			for _, c := range f.Consequences {
				p.line("      + ", cut(report.Escape(c.Message), 300))
			}
		}
	}
	if !found && open == 0 {
		p.WriteString("\n" + p.text("nothing", nil) + "\n")
	}
	if open > 0 {
		p.WriteString("\n")
		p.line("", p.text("open", check.Params{"N": open}))
		shown := map[string]bool{}
		for _, r := range p.v.Findings {
			if text := report.Escape(r.Cause); r.Status == check.Unknown && !shown[text] && len(shown) < 10 {
				shown[text] = true
				p.line("   ", cut(text, 400))
			}
		}
	}
}
