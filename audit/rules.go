package audit

import (
	"fmt"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/starttls"
)

var relations = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "spf-all-softfail", Standard: check.SPF, Severity: check.Notice,
			Title: "SPF ends in ~all",
			Variants: []check.Variant{
				{Name: "enforced", Severity: check.Info},
				{Name: "parked", Severity: check.Warning},
			},
			Refs:      []check.Ref{check.RFC(7208, "8.5"), check.RFC(9989, "7.1")},
			CoveredBy: []string{"spf-parked-not-closed"},
			Doc: "`~all` says that hosts not listed are probably not yours. Receivers seldom reject for it alone: what they do\n" +
				"with such mail is decided by DMARC. Under an enforced DMARC policy `~all` is a good ending, because forwarded\n" +
				"mail with a valid DKIM signature is not thrown away before DMARC is asked. Without one, it stops little.\n\n" +
				"**Fix:** keep `~all` and bring DMARC to `p=quarantine` or `p=reject`. A domain that sends no mail ends in `-all`.\n\n" +
				"Before: `v=spf1 ~all` on a domain that never sends. After: `v=spf1 -all`.",
		},
		Applies: func(f *Facts) bool { return f.SPF.Lookup.Unknown() || f.SPF.InForce() != nil },
		Run:     spfSoftfail,
	},
	{
		Meta: check.Meta{
			ID: "spf-all-fail-preempts-dmarc", Standard: check.SPF, Severity: check.Info,
			Title: "SPF ends in -all on a domain that sends",
			Refs:  []check.Ref{check.RFC(9989, "7.1"), check.RFC(7208, "8.4")},
			Doc: "`-all` asks receivers to refuse mail from hosts that are not listed. Some do so at MAIL FROM, before they have\n" +
				"seen the message: a forwarded message whose DKIM signature is fine is then refused, and no aggregate report tells\n" +
				"you. Both endings are legitimate; this is a fact to know, not a fault.\n\n" +
				"**Instead:** `~all` together with an enforced DMARC policy protects as well and loses less forwarded mail.\n\n" +
				"Before: `v=spf1 mx -all`. Alternative: `v=spf1 mx ~all` with `p=reject`.",
		},
		Applies: func(f *Facts) bool { return f.Profile.Sends() },
		Run: func(f *Facts, r *check.Reporter) {
			if f.SPF.Lookup.Unknown() {
				r.Unknown(f.SPF.Lookup.Error)
				return
			}
			names, _ := f.SPF.NamesSender()
			q, known := f.SPF.All()
			if !known && f.SPF.InForce() != nil {
				allUnknown(f, r)
			}
			if q == '-' && names {
				r.Report(check.Finding{Subject: f.Domain.String(), Record: f.SPF.InForce().String(), Params: check.Params{"Domain": f.Domain.String()}})
			}
		},
	},
	{
		Meta: check.Meta{
			ID: "dmarc-enforced-without-authentication", Standard: check.DMARC, Severity: check.Error,
			Title: "DMARC enforces, but neither SPF nor DKIM can pass",
			Refs:  []check.Ref{check.RFC(9989, "5.1.6")},
			Doc: "DMARC lets a message through when SPF or DKIM passes for an aligned domain. This domain asks receivers to\n" +
				"quarantine or reject what fails, yet it has no usable SPF record and no DKIM key can exist: every message it sends\n" +
				"itself fails.\n\n" +
				"**Fix:** publish SPF for the hosts that send and sign with DKIM before enforcing; until then step back to `p=none`.\n\n" +
				"Before: `p=reject`, no SPF, no key. After: `v=spf1 include:… ~all`, a key at a selector, then `p=reject`.",
		},
		Applies: sendsEnforced,
		Run: func(f *Facts, r *check.Reporter) {
			if f.SPF.Lookup.Unknown() {
				r.Unknown(f.SPF.Lookup.Error)
				return
			}
			if len(f.SPF.Records) > 0 && !f.SPF.PermError() {
				return
			}
			noUsableKey(f, r)
		},
	},
	{
		Meta: check.Meta{
			ID: "dmarc-reject-spf-only", Standard: check.DMARC, Severity: check.Error,
			Title:     "DMARC enforces on SPF alone",
			Refs:      []check.Ref{check.RFC(9989, "7.4"), check.RFC(9989, "8")},
			CoveredBy: []string{"dmarc-enforced-without-authentication"},
			Doc: "Forwarding breaks SPF: the forwarder's address is not yours. A DKIM signature survives it. A domain whose policy is\n" +
				"enforced and that has no DKIM key loses all mail that is forwarded or sent through a mailing list, and RFC 9989\n" +
				"says that such a policy must not rest on SPF alone.\n\n" +
				"**Fix:** sign with DKIM (`postseal generate dkim`), publish the key, then keep the policy.\n\n" +
				"Before: `p=reject` and no key below `_domainkey`. After: a 2048-bit key at a selector that your server signs with.",
		},
		Applies: sendsEnforced,
		Run:     noUsableKey,
	},
	{
		Meta: check.Meta{
			ID: "mtasts-tlsrpt-missing", Standard: check.MTASTS, Severity: check.Notice,
			Title: "MTA-STS without TLS reports", CoveredBy: []string{"tlsrpt-record-wrong-name", "tlsrpt-record-cname-dangling"},
			Variants: []check.Variant{{Name: "testing", Severity: check.Warning}},
			Refs:     []check.Ref{check.RFC(8461, "5"), check.RFC(8460, "3")},
			Doc: "An MTA-STS policy without a TLS-RPT record works blind: when a sender cannot verify a mail host, nobody tells you.\n" +
				"In testing mode reports are the whole point, since nothing else happens.\n\n" +
				"**Fix:** publish a TLS-RPT record (`postseal generate tls-rpt`).\n\n" +
				"Before: nothing at `_smtp._tls.example.com`. After: `v=TLSRPTv1; rua=mailto:tls-reports@example.com`.",
		},
		Applies: func(f *Facts) bool {
			return f.Profile.Receives() && (!f.MTASTS.Known() || f.MTASTS.Valid && f.MTASTS.Mode() != "none")
		},
		Run: func(f *Facts, r *check.Reporter) {
			// A record that is there but broken is its own finding.
			if len(f.TLSRPT.Records)+len(f.TLSRPT.NearMiss) > 0 {
				return
			}
			if !f.MTASTS.Known() {
				r.Unknown(f.MTASTS.Cause())
				return
			}
			if f.TLSRPT.Lookup.Unknown() {
				r.Unknown(f.TLSRPT.Lookup.Error)
				return
			}
			name := f.Domain.Child("_smtp._tls")
			finding := check.Finding{
				Subject: name.String(),
				Params:  check.Params{"Domain": f.Domain.String(), "Name": name.String()},
				Fix: &check.Fix{Records: []check.RecordChange{{
					Name: name.FQDN(), Type: "TXT", Old: []string{},
					New: []string{"v=TLSRPTv1; rua=mailto:tls-reports@" + f.Domain.String()},
				}}},
			}
			if f.MTASTS.Mode() == "testing" {
				finding.Variant = "testing"
			}
			r.Report(finding)
		},
	},
	{
		Meta: check.Meta{
			ID: "mtasts-null-mx", Standard: check.MTASTS, Severity: check.Notice,
			Title: "an MTA-STS policy for a domain that takes no mail",
			Refs:  []check.Ref{check.RFC(7505, "3"), check.RFC(8461, "5")},
			Doc: "The null MX says that this domain takes no mail; the MTA-STS policy says how to deliver it. Senders believe the MX,\n" +
				"so nothing breaks, but the two statements contradict each other and the policy host is one more thing to keep alive.\n\n" +
				"**Fix:** serve `mode: none` for as long as the old `max_age`, then remove the TXT record and the host.\n\n" +
				"Before: `MX 0 .` and `mode: enforce`. After: `MX 0 .` alone.",
		},
		Applies: func(f *Facts) bool { return f.MX.Null },
		Run: func(f *Facts, r *check.Reporter) {
			switch {
			case !f.MTASTS.Known():
				r.Unknown(f.MTASTS.Cause())
			case f.MTASTS.Valid && f.MTASTS.Mode() != "none":
				r.Report(check.Finding{Subject: f.Domain.String(), Params: check.Params{"Domain": f.Domain.String(), "Mode": f.MTASTS.Mode()}})
			}
		},
	},
	promise("mtasts-mx-starttls-missing", "a mail host under MTA-STS offers no STARTTLS", check.RFC(8461, "4"), starttls.StepEHLO,
		"Senders that enforce MTA-STS deliver only over verified TLS. This host does not offer STARTTLS, so they cannot deliver\n"+
			"to it at all under `mode: enforce`, and will not be able to once `testing` is over.\n\n"+
			"**Fix:** switch STARTTLS on at every mail host (Postfix: `smtpd_tls_security_level = may` with a certificate).\n\n"+
			"Before: `250 SIZE 10240000`. After: `250-STARTTLS` among the capabilities.",
		func(s *starttls.Session) (string, bool) {
			return s.STARTTLS, s.STARTTLS == "missing" || s.STARTTLS == "refused"
		}),
	promise("mtasts-mx-cert-invalid", "a mail host's certificate breaks the MTA-STS policy", check.RFC(8461, "4.2"), starttls.StepTLS,
		"Senders that enforce MTA-STS require a certificate that chains to a public root, is within its dates and names the MX\n"+
			"host. This one does not, so they refuse the host. Senders that only use DANE do not mind; those are other senders.\n\n"+
			"**Fix:** install a publicly trusted certificate that has the MX host's name as a DNS name.\n\n"+
			"Before: self-signed, CN=localhost. After: issued by a public CA, DNS:mx1.example.com.",
		func(s *starttls.Session) (string, bool) {
			if s.Certificate == nil {
				return "", false
			}
			return s.Certificate.Verdict, s.Certificate.Verdict != "ok"
		}),
	promise("mtasts-mx-tls-old", "a mail host under MTA-STS speaks only old TLS", check.RFC(8461, "7.2"), starttls.StepTLS,
		"MTA-STS asks for TLS 1.2 or newer. This host was reached only with an older version, so senders that enforce the\n"+
			"policy cannot deliver to it.\n\n"+
			"**Fix:** enable TLS 1.2 and 1.3 on the host (Postfix: `smtpd_tls_protocols = >=TLSv1.2`).\n\n"+
			"Before: TLS 1.0. After: TLS 1.2 and TLS 1.3.",
		func(s *starttls.Session) (string, bool) {
			if s.TLS == nil {
				return "", false
			}
			return s.TLS.Version, s.TLS.Version == "TLS 1.0" || s.TLS.Version == "TLS 1.1"
		}),
}

// sendsEnforced tells that the domain sends and that its DMARC policy is
// enforced, or that nobody could tell.
func sendsEnforced(f *Facts) bool {
	enforced, known := policyEnforced(f)
	return f.Profile.Sends() && (enforced || !known)
}

func policyEnforced(f *Facts) (enforced, known bool) {
	known, ok := f.DMARC.InForce()
	p := f.DMARC.Effective.Domain
	if !known || ok && !p.Known {
		return false, false
	}
	return ok && (p.Policy == "quarantine" || p.Policy == "reject"), true
}

// allUnknown says that a redirect which decides how SPF ends could not be had.
func allUnknown(f *Facts, r *check.Reporter) {
	if err := f.SPF.Unanswered(); err != nil {
		r.Unknown(err)
	}
}

func spfSoftfail(f *Facts, r *check.Reporter) {
	if f.SPF.Lookup.Unknown() {
		r.Unknown(f.SPF.Lookup.Error)
		return
	}
	q, known := f.SPF.All()
	if !known {
		allUnknown(f, r)
	}
	if q != '~' {
		return
	}
	finding := check.Finding{
		Subject: f.Domain.String(), Record: f.SPF.InForce().String(),
		Params: check.Params{"Domain": f.Domain.String()},
	}
	dmarcKnown, inForce := f.DMARC.InForce()
	switch policy := f.DMARC.Effective.Domain.Policy; {
	case !f.Profile.Sends():
		finding.Variant = "parked"
		finding.Fix = &check.Fix{Records: []check.RecordChange{{
			Name: f.Domain.FQDN(), Type: "TXT", Old: []string{finding.Record}, New: []string{"v=spf1 -all"},
		}}}
	case !dmarcKnown:
		r.Unknown(check.Cause{Code: "dmarc-unknown"})
		return
	case inForce && (policy == "quarantine" || policy == "reject"):
		finding.Variant = "enforced"
	}
	r.Report(finding)
}

// noUsableKey reports when DNS proves that no DKIM key can exist, and says
// unknown when none was found at the selectors tried.
func noUsableKey(f *Facts, r *check.Reporter) {
	found, none := f.DKIM.AnyKnown()
	_, known := policyEnforced(f)
	switch {
	case found && len(f.DKIM.UsableKeys()) > 0:
	case !known:
		r.Unknown(check.Cause{Code: "dmarc-unknown"})
	case none:
		r.Report(check.Finding{
			Subject: f.DMARC.PolicyName.String(), Record: f.DMARC.PolicyRecord,
			Params: check.Params{"Domain": f.Domain.String(), "Policy": f.DMARC.Effective.Domain.Policy},
		})
	default:
		r.Unknown(check.Cause{Code: "no-selector-known", Params: check.Params{"Domain": f.Domain.String(), "Tried": len(f.DKIM.Tried)}})
	}
}

// promise makes a rule about what a mail host does to the MTA-STS policy: an
// error where the policy is enforced, a warning where it is being tested.
// broken looks at one session on port 25 and gives what was seen. A session that
// was cut short before the step leaves the rule unknown, unless another host
// breaks the promise: the good certificate of one host says nothing of the next.
func promise(id, title string, ref check.Ref, step starttls.Step, doc string, broken func(*starttls.Session) (seen string, bad bool)) check.Rule[*Facts] {
	return check.Rule[*Facts]{
		Meta: check.Meta{
			ID: id, Standard: check.MTASTS, Severity: check.Error, Title: title, Refs: []check.Ref{ref}, Doc: doc,
			Variants: []check.Variant{{Name: "testing", Severity: check.Warning}},
		},
		Applies: func(f *Facts) bool {
			mode := f.MTASTS.Mode()
			return f.Profile.Receives() && !f.MX.Null && (!f.MTASTS.Known() || mode == "enforce" || mode == "testing")
		},
		Run: func(f *Facts, r *check.Reporter) {
			if !f.MTASTS.Known() {
				r.Unknown(f.MTASTS.Cause())
				return
			}
			if f.STARTTLS.NoHosts != "" {
				r.Unknown(check.Cause{Code: "smtp-" + f.STARTTLS.NoHosts})
				return
			}
			measured := false
			for _, h := range f.STARTTLS.Hosts {
				for _, s := range h.Sessions {
					if s.Port != 25 {
						continue
					}
					if s.Status != "ok" {
						if err := f.STARTTLS.Untold(s, step); err != nil {
							r.Unknown(err)
						}
						continue
					}
					measured = true
					seen, bad := broken(s)
					if !bad {
						continue
					}
					finding := check.Finding{
						Subject: fmt.Sprintf("%s:25", h.Name), Scope: h.Name.String(),
						Params: check.Params{"Host": h.Name.String(), "Address": s.Addr.String(), "Seen": seen},
					}
					if f.MTASTS.Mode() == "testing" {
						finding.Variant = "testing"
					}
					r.Report(finding)
					break // one finding a host; the matrix shows each address
				}
			}
			if !measured {
				r.Unknown(check.Cause{Code: "smtp-not-measured"})
			}
		},
	}
}
