package audit

import (
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
)

// serverRules compare what the name servers of the zone publish.
var serverRules = []check.Rule[*Facts]{
	serverRule(check.SPF, "spf-authoritative-divergence", "the name servers publish different SPF records",
		"Which hosts may send then depends on the server that a receiver happens to ask: the same mail passes here and fails there.",
		"Before: ns1 publishes `v=spf1 mx -all`, ns2 still `v=spf1 include:_spf.old.example -all`.\nAfter: both publish the same text."),
	serverRule(check.DKIM, "dkim-authoritative-divergence", "the name servers publish different DKIM keys",
		"A signature then verifies or fails by chance. It happens when a key was added at one DNS provider and not at the other.",
		"Before: ns1 publishes the key of `s1`, ns2 nothing.\nAfter: both publish the key."),
	serverRule(check.DMARC, "dmarc-authoritative-divergence", "the name servers publish different DMARC records",
		"Receivers then apply one policy or another by chance, and two records seen together are both discarded (RFC 9989 §4.10).",
		"Before: ns1 publishes `v=DMARC1; p=reject`, ns2 still `v=DMARC1; p=none`.\nAfter: both publish the same text."),
	serverRule(check.MX, "mx-authoritative-divergence", "the name servers publish different MX records",
		"Where a message goes then depends on the server that its sender happened to ask: a part arrives at hosts that no longer expect it.",
		"Before: ns1 publishes `10 mx1.example.com.`, ns2 still `10 mx.old.example.`\nAfter: both publish the same."),
	serverRule(check.MTASTS, "mtasts-authoritative-divergence", "the name servers publish different MTA-STS records",
		"Senders find the new policy, the old one or none by chance, and fetch the file at each change.",
		"Before: ns1 publishes `v=STSv1; id=2`, ns2 still `v=STSv1; id=1`.\nAfter: both publish the same text."),
	serverRule(check.TLSRPT, "tlsrpt-authoritative-divergence", "the name servers publish different TLS-RPT records",
		"Some of the reports go to another address or are not sent.",
		"Before: ns1 publishes `v=TLSRPTv1; rua=mailto:tls@example.com`, ns2 nothing.\nAfter: both publish the same text."),
	serverRule(check.BIMI, "bimi-authoritative-divergence", "the name servers publish different BIMI records",
		"Whether the logo is shown then depends on the server that a mailbox provider happened to ask.",
		"Before: ns1 publishes `v=BIMI1; l=https://example.com/logo.svg`, ns2 nothing.\nAfter: both publish the same text."),
}

func serverRule(standard check.Standard, id, title, why, example string) check.Rule[*Facts] {
	return check.Rule[*Facts]{
		Meta: check.Meta{
			ID: id, Standard: standard, Severity: check.Warning, Title: title,
			Refs:      []check.Ref{check.RFC(1034, "4.2.2"), check.RFC(2182, "")},
			CoveredBy: []string{"mx-ns-disagree"},
			Doc: "Each authoritative name server of the zone was asked, because their serial numbers do not show that all serve one\n" +
				"version of it. They do not say the same here.\n\n" + why + "\n\n**Fix:** publish the record at every provider of the zone, or mend the transfer to the servers that lag behind.\n\n" + example,
		},
		Applies: func(f *Facts) bool {
			return f.Servers.State != "" && (standard != check.BIMI || len(f.BIMI.Records) > 0 || f.Servers.published(standard)) // few domains have one
		},
		Run: func(f *Facts, r *check.Reporter) {
			if f.Servers.State == ServersUnknown {
				r.Unknown(f.Servers.Cause)
				return
			}
			for i := range f.Servers.Records {
				if rec := &f.Servers.Records[i]; rec.Standard == standard {
					judgeServers(rec, r)
				}
			}
		},
	}
}

func judgeServers(rec *ServerRecord, r *check.Reporter) {
	texts, servers := rec.versions()
	if len(texts) > 1 {
		var parts []string
		for _, text := range texts {
			said := "—"
			switch {
			case dkim.HoldsPrivateKey(text):
				said = dkim.Hidden
			case text != "":
				said = "“" + strings.ReplaceAll(short(text), "\n", "” + “") + "”"
			}
			parts = append(parts, strings.Join(servers[text], ", ")+": "+said)
		}
		r.Report(check.Finding{Subject: rec.Name.String(), Scope: rec.Name.String(),
			Params: check.Params{"Name": rec.Name.String(), "Versions": strings.Join(parts, "; ")}})
		return
	}
	for _, a := range rec.Answers {
		if a.Error != nil {
			r.Unknown(a.Error)
			return
		}
	}
}

// short keeps a long key readable: its beginning tells versions apart.
func short(text string) string {
	const most = 120
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
