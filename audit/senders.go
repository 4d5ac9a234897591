package audit

import (
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/report"
)

// What Google, Yahoo and Microsoft require of those who send to their users.
// Their pages change without notice. A requirement without judge cannot be seen
// from DNS: a message or the provider's own tools show it.

// sendersRead is the day as of which the table is told: it was then compared
// with stored copies of the pages and with quotations of them.
const sendersRead = "2026-11-23"

type senderProvider struct {
	id, name     string
	title, url   string // the page that says so
	requirements []senderRequirement
}

type senderRequirement struct {
	id    string
	bulk  bool   // asked of bulk senders only
	since string // the day or month from which it is required
	judge func(*Facts) senderVerdict
}

// The words of a verdict.
const (
	senderPass      = "pass"
	senderFail      = "fail"
	senderUnknown   = "unknown"
	senderInvisible = "not-visible"
)

// senderVerdict is what DNS shows of one requirement. Pass means that what DNS
// can show is in place: whether a message meets it, the message shows.
type senderVerdict struct {
	Status string
	rule   string // that explains a failure
	cause  check.Cause
}

var senderTable = []senderProvider{
	{
		id: "google", name: "Google", title: "Email sender guidelines (Google)", url: "https://support.google.com/a/answer/81126",
		requirements: []senderRequirement{
			{id: "spf-or-dkim", since: "2024-02-01", judge: judgeEither},
			{id: "ptr", since: "2024-02-01", judge: judgePTR},
			{id: "tls", since: "2024-02-01"},
			{id: "spam-rate", since: "2024-02-01"},
			{id: "format", since: "2024-02-01"},
			{id: "gmail-from", since: "2024-02-01"},
			{id: "arc", since: "2024-02-01"},
			{id: "spf", bulk: true, since: "2024-02-01", judge: judgeSPF},
			{id: "dkim", bulk: true, since: "2024-02-01", judge: judgeDKIM},
			{id: "dmarc", bulk: true, since: "2024-02-01", judge: judgeDMARC},
			{id: "alignment", bulk: true, since: "2024-02-01", judge: judgeAlignment},
			{id: "one-click", bulk: true, since: "2024-06-01"},
		},
	},
	{
		id: "yahoo", name: "Yahoo", title: "Sender Best Practices (Yahoo Sender Hub)", url: "https://senders.yahooinc.com/best-practices/",
		requirements: []senderRequirement{
			{id: "spf-or-dkim", since: "2024-02", judge: judgeEither},
			{id: "ptr", since: "2024-02", judge: judgePTR},
			{id: "spam-rate", since: "2024-02"},
			{id: "format", since: "2024-02"},
			{id: "spf", bulk: true, since: "2024-02", judge: judgeSPF},
			{id: "dkim", bulk: true, since: "2024-02", judge: judgeDKIM},
			{id: "dmarc", bulk: true, since: "2024-02", judge: judgeDMARC},
			{id: "alignment", bulk: true, since: "2024-02", judge: judgeAlignment},
			{id: "one-click", bulk: true, since: "2024-02"},
		},
	},
	{
		id: "microsoft", name: "Microsoft", title: "Outlook's New Requirements for High-Volume Senders (Microsoft)",
		url: "https://techcommunity.microsoft.com/blog/microsoftdefenderforoffice365blog/strengthening-email-ecosystem-outlook%E2%80%99s-new-requirements-for-high%E2%80%90volume-senders/4399730",
		requirements: []senderRequirement{
			{id: "spf", bulk: true, since: "2025-05-05", judge: judgeSPF},
			{id: "dkim", bulk: true, since: "2025-05-05", judge: judgeDKIM},
			{id: "dmarc", bulk: true, since: "2025-05-05", judge: judgeDMARC},
			{id: "alignment", bulk: true, since: "2025-05-05", judge: judgeAlignment},
		},
	},
}

// legWords are the requirements that dmarc-bulk-sender-minimum names.
var legWords = map[string]string{"spf": "SPF", "dkim": "DKIM", "dmarc": "DMARC"}

// judgeSPF asks for one record that receivers can evaluate (RFC 7208 §4.5, §4.6).
func judgeSPF(f *Facts) senderVerdict {
	if f.SPF.Lookup.Unknown() {
		return senderVerdict{Status: senderUnknown, cause: check.CauseOf(f.SPF.Lookup.Error)}
	}
	if rule := f.SPF.PermErrorRule(); rule != "" {
		return senderVerdict{Status: senderFail, rule: rule}
	}
	if len(f.SPF.Records) == 0 {
		return senderVerdict{Status: senderFail, rule: "spf-missing"}
	}
	if _, known := f.SPF.WithinLimits(); !known {
		return senderVerdict{Status: senderUnknown, cause: check.CauseOf(f.SPF.Unanswered())}
	}
	return senderVerdict{Status: senderPass}
}

// judgeDKIM asks for a usable key. That none was found at the selectors tried
// says nothing: selectors cannot be listed.
func judgeDKIM(f *Facts) senderVerdict {
	found, none := f.DKIM.AnyKnown()
	switch {
	case found && len(f.DKIM.UsableKeys()) > 0:
		return senderVerdict{Status: senderPass}
	case none:
		return senderVerdict{Status: senderFail, rule: "dkim-domainkey-nxdomain"}
	}
	if err := f.DKIM.Unanswered(); err != nil {
		return senderVerdict{Status: senderUnknown, cause: check.CauseOf(err)}
	}
	return senderVerdict{Status: senderUnknown, cause: check.Cause{
		Code: "no-selector-known", Params: check.Params{"Domain": f.Domain.String(), "Tried": len(f.DKIM.Tried)},
	}}
}

// judgeDMARC asks for a record in force, p=none at least.
func judgeDMARC(f *Facts) senderVerdict {
	switch known, ok := f.DMARC.InForce(); {
	case !known:
		return senderVerdict{Status: senderUnknown, cause: check.Cause{Code: "dmarc-unknown"}}
	case !ok:
		return senderVerdict{Status: senderFail, rule: "dmarc-missing"}
	}
	return senderVerdict{Status: senderPass}
}

// judgeEither is SPF or DKIM.
func judgeEither(f *Facts) senderVerdict {
	a, b := judgeSPF(f), judgeDKIM(f)
	switch {
	case a.Status == senderPass || b.Status == senderPass:
		return senderVerdict{Status: senderPass}
	case a.Status == senderUnknown:
		return a
	case b.Status == senderUnknown:
		return b
	}
	return a
}

// judgeAlignment fails where neither SPF nor DKIM of the domain can pass: then
// nothing is aligned with it. What a message aligns with, DNS does not show.
func judgeAlignment(f *Facts) senderVerdict {
	if v := judgeEither(f); v.Status == senderFail {
		return v
	}
	return senderVerdict{Status: senderInvisible}
}

// judgePTR asks for a reverse name that leads back, of each address that is known
// to send. Where none is known, a service sends, and names its own.
func judgePTR(f *Facts) senderVerdict {
	v := senderVerdict{Status: senderInvisible}
	if f.Zone.Untold != nil {
		v = senderVerdict{Status: senderUnknown, cause: check.CauseOf(f.Zone.Untold)}
	}
	for _, a := range f.Zone.Addresses {
		if !a.Sends() {
			continue
		}
		confirmed, unsure := a.Confirmed()
		switch {
		case a.PTR.Absent():
			return senderVerdict{Status: senderFail, rule: "ptr-missing"}
		case a.PTR.Unknown():
			v = senderVerdict{Status: senderUnknown, cause: check.CauseOf(a.PTR.Error)}
		case len(confirmed) > 0:
			if v.Status == senderInvisible {
				v.Status = senderPass
			}
		case unsure != nil:
			v = senderVerdict{Status: senderUnknown, cause: check.CauseOf(unsure)}
		default:
			return senderVerdict{Status: senderFail, rule: "ptr-not-confirmed"}
		}
	}
	return v
}

// senderRequirements is the table filled in for a domain; empty for one that
// sends no mail.
func senderRequirements(f *Facts, results []check.Result, l *locale.Localizer) []report.SenderProvider {
	list := []report.SenderProvider{}
	if !f.Profile.Sends() {
		return list
	}
	by := index(results)
	for _, p := range senderTable {
		out := report.SenderProvider{
			ID: p.id, Name: p.name, Source: report.SenderSource{Title: p.title, URL: p.url, Read: sendersRead},
			Scope: l.Text("senders.scope."+p.id, nil), Enforcement: l.Text("senders.enforcement."+p.id, nil),
			Requirements: make([]report.SenderRequirement, len(p.requirements)),
		}
		for i, req := range p.requirements {
			v := senderVerdict{Status: senderInvisible}
			if req.judge != nil {
				v = req.judge(f)
			}
			row := report.SenderRequirement{
				ID: req.id, Scope: "all", Since: req.since, Status: v.Status, Title: l.Text("senders.requirement."+req.id, nil), Rule: rootOf(by, v.rule),
			}
			if req.bulk {
				row.Scope = "bulk"
			}
			switch v.Status {
			case senderUnknown:
				row.Detail = l.Cause(v.cause)
			case senderInvisible:
				row.Detail = l.Text("senders.where."+req.id, nil)
			case senderFail:
				if r := by[row.Rule]; r != nil {
					row.Detail = l.Title(r.Rule)
				}
			}
			out.Requirements[i] = row
		}
		list = append(list, out)
	}
	return list
}

// rootOf is the rule with the finding to read: the first that failed of those
// that may be behind it, or the root cause that explains one of them.
func rootOf(by map[string]*check.Result, rule string) string {
	ids := []string{rule}
	switch rule {
	case "":
		return ""
	case "dmarc-missing":
		ids = append(ids, noPolicyRules...)
	case "dkim-domainkey-nxdomain":
		ids = append(ids, failuresOf(check.DKIM, check.Error)...)
	}
	m := measurer{by: by}
	if id, _ := m.worst(check.Notice, ids...); id != "" {
		return id
	}
	return rule
}
