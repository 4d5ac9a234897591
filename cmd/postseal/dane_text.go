package main

import (
	"io"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dane"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// daneText prints what became of TLSA records. All of it but the words is
// strangers' text.
type daneText struct {
	strings.Builder
	width int
	l     *locale.Localizer
}

// shortRecord is enough of a record to find it again among the others.
const shortRecord = 22

func writeDANE(w io.Writer, width int, v *daneView, l *locale.Localizer) error {
	p := &daneText{width: width, l: l}
	if v.Domain != "" {
		p.line("", p.text("mx-"+v.MXSecurity, check.Params{"Domain": v.Domain.String()}))
	}
	for i, h := range v.Hosts {
		if i > 0 || v.Domain != "" {
			p.WriteByte('\n')
		}
		p.host(v, h)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

func (p *daneText) text(id string, params check.Params) string {
	return report.Escape(p.l.Text("dane-check."+id, params))
}

func (p *daneText) line(lead, text string) { p.WriteString(paragraph(p.width, lead, text)) }

func (p *daneText) host(v *daneView, h *daneHost) {
	p.line("", p.text("host-"+h.Verdict, check.Params{"Host": h.Host.String(), "Port": int(v.Port)}))
	if h.Cause != "" {
		p.line("   ", report.Escape(h.Cause))
	}
	p.WriteByte('\n')
	p.records(h)
	p.addresses(h)
	p.rollover(h)
	if len(h.Publish) > 0 {
		p.WriteByte('\n')
		p.line("   ", p.text("publish", check.Params{"Name": h.Owner.FQDN()}))
		for _, rec := range h.Publish {
			p.WriteString("      TLSA " + report.Escape(rec) + "\n")
		}
	}
}

func (p *daneText) records(h *daneHost) {
	p.WriteString("   TLSA  " + report.Escape(h.Owner.String()) + "\n")
	switch {
	case h.Lookup == dns.StateUnknown:
		p.line("      → ", p.text("records-unknown", nil))
	case len(h.Records) == 0:
		p.line("      → ", p.text("records-none", nil))
	default:
		p.line("      → ", p.text("secured-"+h.Security, check.Params{"TTL": int(h.TTL)}))
	}
	for _, rec := range h.Records[:min(len(h.Records), shownTexts)] {
		p.WriteString("      " + cut(report.Escape(rec.Data), shownText) + "\n")
		p.line("         ← ", p.text("use-"+string(rec.Use), nil))
	}
	if more := len(h.Records) - shownTexts; more > 0 {
		p.line("      ", p.text("records-more", check.Params{"N": more}))
	}
}

func (p *daneText) addresses(h *daneHost) {
	if len(h.Addresses) > 0 {
		p.WriteByte('\n')
	}
	for _, a := range h.Addresses {
		p.line("   ", a.Address.String()+": "+p.text("address-"+a.Status, check.Params{"Cause": a.Cause, "Record": cut(a.Record, shortRecord), "Depth": a.Depth}))
		if a.Key == "" {
			continue
		}
		p.line("      ", p.text("certificate", check.Params{"Subject": cut(a.Subject, 120), "Issuer": cut(a.Issuer, 120), "Until": a.NotAfter}))
		if a.Status == "matches" {
			continue
		}
		p.line("      ", p.text("key", nil))
		p.WriteString("      " + report.Escape(a.Key) + "\n")
		if a.Why != dane.WhyNothing {
			p.line("      → ", p.text("why-"+string(a.Why), check.Params{"Names": joinNames(h.Names)}))
		}
	}
}

func (p *daneText) rollover(h *daneHost) {
	if h.Rollover == dane.RolloverNone || h.Rollover == dane.RolloverUnknown && len(h.Addresses) == 0 {
		return
	}
	p.WriteByte('\n')
	p.line("   ", p.text("rollover-"+string(h.Rollover), check.Params{"Wait": 2 * int(h.TTL)}))
}

func joinNames(names []dns.Name) string {
	var all []string
	for _, n := range names {
		all = append(all, n.String())
	}
	return strings.Join(all, ", ")
}
