package audit

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dane"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/starttls"
)

// rules relate two standards to each other: what one says is judged by what
// another makes of it. Facts of a single standard are judged in its own room.
var rules = slices.Concat(relations, spfRules, dmarcRules, daneRules, daneCauses, serverRules, tlsrptRules, zoneRules, txtRules, expectRules, dnssecRules)

// daneRules hold the mail hosts to the TLSA records that bind them.
var daneRules = []check.Rule[*Facts]{
	daneRule("dane-no-match", "no TLSA record matches the certificate of a mail host", check.Error, check.RFC(7672, ""),
		[]string{"dane-digest-of-nothing"},
		"The TLSA records say which key the mail host has, and it shows another. Senders that know DANE take this for an attack and do\n"+
			"not deliver. It mostly happens when a certificate is renewed with a new key and the record stays.\n\n"+
			"**Fix:** publish the record of the key in use, or bring the old key back. Renew with the same key from then on, or publish\n"+
			"the next key's record well before the change.\n\n"+
			"Before: `TLSA 3 1 1` with the digest of the old key. After: `TLSA 3 1 1` with the digest of the key that the host shows.",
		because(dane.WhyNoMatch)),
	daneRule("dane-digest-agility", "an old SHA-512 TLSA record silences the right SHA-256 one", check.Error, check.RFC(7671, "9"), nil,
		"Of records with the same usage and selector, a sender looks only at those with the strongest digest that it knows. Here the\n"+
			"SHA-256 record matches the certificate, and the SHA-512 record beside it does not: senders that know both see a mismatch\n"+
			"and do not deliver. It happens when only one of the two was renewed.\n\n"+
			"**Fix:** remove the SHA-512 record. SHA-256 alone is what everybody reads.\n\n"+
			"Before: `TLSA 3 1 1` of the key in use and `TLSA 3 1 2` of the old one. After: `TLSA 3 1 1` alone.",
		because(dane.WhyAgility)),
	daneRule("dane-selector-mixup", "a TLSA record says key and has the certificate's digest, or the reverse", check.Error, check.RFC(6698, ""), nil,
		"No TLSA record matches the certificate of the mail host, and one would if its second number were the other one: selector 0\n"+
			"stands for the whole certificate, 1 for its public key. The digest was computed over the wrong part, and senders that know\n"+
			"DANE cannot deliver.\n\n"+
			"**Fix:** publish the digest of the public key with selector 1; it stays right when the certificate is renewed with the same key.\n\n"+
			"Before: `TLSA 3 1 1` with the digest of the certificate. After: `TLSA 3 1 1` with the digest of its public key.",
		because(dane.WhySelectorMixup)),
	daneRule("dane-starttls-missing", "a mail host with TLSA records offers no STARTTLS", check.Error, check.RFC(7672, "2.2"), nil,
		"TLSA records promise that the host speaks TLS. It does not offer STARTTLS, or refuses it, so senders that know DANE do not\n"+
			"deliver to it: in clear text they must not.\n\n"+
			"**Fix:** switch STARTTLS on (Postfix: `smtpd_tls_security_level = may` with a certificate), or remove the TLSA records.\n\n"+
			"Before: `250 SIZE 10240000`. After: `250-STARTTLS` among the capabilities.",
		func(h *held) (*check.Finding, error) {
			for _, s := range h.sessions {
				if s.STARTTLS == "missing" || s.STARTTLS == "refused" {
					return onHost(h.host, s, check.Params{"Seen": s.STARTTLS}), nil
				}
			}
			return nil, nil
		}),
	daneRule("dane-handshake-failed", "a mail host with TLSA records cannot finish a TLS handshake", check.Error, check.RFC(7672, "2.2"), nil,
		"TLSA records promise that the host speaks TLS. It agrees to STARTTLS, and no handshake comes about after that, neither a\n"+
			"current one nor one with old versions. Senders that know DANE do not fall back to clear text: the mail waits.\n\n"+
			"**Fix:** look for the reason in the server's log; usually the key does not fit the certificate.\n\n"+
			"Before: `220 Ready to start TLS`, then an alert. After: a handshake with TLS 1.2 or 1.3.",
		func(h *held) (*check.Finding, error) {
			for _, s := range h.sessions {
				if noHandshake(s) {
					return onHost(h.host, s, check.Params{"Detail": s.TLSError}), nil
				}
			}
			return nil, nil
		}),
	daneRule("dane-ee-expired-ok", "a certificate that DANE accepts and public CAs would not", check.Info, check.RFC(7672, "3.1.1"), nil,
		"A TLSA record of usage 3 names the host's own key. Its dates, names and issuer then do not count: an expired or self-signed\n"+
			"certificate is right for DANE, though other tools report it. Senders that go by MTA-STS still need one from a public CA.\n\n"+
			"**Instead:** nothing, unless the domain has an MTA-STS policy: then install a publicly trusted certificate with the same key.\n\n"+
			"Before: self-signed, matched by `TLSA 3 1 1`. Alternative: issued by a public CA for the same key, and the same record.",
		func(h *held) (*check.Finding, error) {
			for _, x := range h.first() {
				if v := x.verdict; v.OK() && h.usable[v.Match].TLSA.Usage == 3 && x.cert.Verdict != "ok" {
					return onHost(h.host, x.session, check.Params{"Seen": x.cert.Verdict}), nil
				}
			}
			return nil, nil
		}),
}

// daneRule makes a rule about what a mail host does to the TLSA records that
// bind it. Where the MX answer is insecure only some senders heed them.
func daneRule(id, title string, severity check.Severity, ref check.Ref, coveredBy []string, doc string,
	judge func(*held) (*check.Finding, error)) check.Rule[*Facts] {
	meta := check.Meta{ID: id, Standard: check.DANE, Severity: severity, Title: title, Refs: []check.Ref{ref}, Doc: doc, CoveredBy: coveredBy}
	if severity == check.Error {
		meta.Variants = []check.Variant{{Name: "insecure-mx", Severity: check.Warning}}
	}
	return check.Rule[*Facts]{
		Meta:    meta,
		Applies: mayBind,
		Run: func(f *Facts, r *check.Reporter) {
			if f.DANE.HostsUnknown != nil {
				r.Unknown(f.DANE.HostsUnknown)
				return
			}
			for _, d := range f.DANE.Hosts {
				bound, unsure := f.DANE.Bound(d)
				switch {
				case !bound && unsure == nil:
					continue
				case d.Lookup.Unknown():
					r.Unknown(unsure)
					continue
				}
				sessions, cause := measured(f, d.Name)
				if cause != nil {
					r.Unknown(*cause)
				}
				find, open := judge(hold(f, d, sessions))
				if open != nil {
					r.Unknown(open)
				}
				if find == nil {
					continue
				}
				if unsure == nil && severity == check.Error {
					unsure = f.DANE.UnsureMX()
				}
				if unsure != nil {
					r.Unknown(unsure)
					continue
				}
				if severity == check.Error && f.DANE.SecureMX == "no" {
					find.Variant = "insecure-mx"
				}
				r.Report(*find)
			}
		},
	}
}

// because makes the judge of a rule about one cause of a mismatch: of all causes
// seen at the host's addresses only the one that explains most is reported.
func because(why dane.Why) func(*held) (*check.Finding, error) {
	return func(h *held) (*check.Finding, error) {
		x, e := h.why()
		if x == nil || e.Why != why {
			return nil, nil
		}
		params := check.Params{"Record": data(h.usable)}
		if e.Record >= 0 {
			params["Record"] = h.usable[e.Record].Data
		}
		h.detail(params, x, e)
		find := h.finding(x, params)
		find.Record = h.usable[max(e.Record, 0)].Data
		return find, nil
	}
}

// mayBind: a mail host has TLSA records that senders may heed, or nobody could tell.
func mayBind(f *Facts) bool {
	return f.Profile.Receives() && (f.DANE.HostsUnknown != nil || slices.ContainsFunc(f.DANE.Hosts, func(d *dane.Host) bool {
		bound, unsure := f.DANE.Bound(d)
		return bound || unsure != nil
	}))
}

// measured are the sessions of the host's port 25 that came to an end, with the
// cause why some did not.
func measured(f *Facts, name dns.Name) (ended []*starttls.Session, cause *check.Cause) {
	if f.STARTTLS.NoHosts != "" {
		return nil, &check.Cause{Code: "smtp-" + f.STARTTLS.NoHosts}
	}
	if f.STARTTLS.Blocked {
		return nil, &check.Cause{Code: "port25-blocked"}
	}
	for _, h := range f.STARTTLS.Hosts {
		if h.Name != name {
			continue
		}
		for _, s := range port25(h) {
			if s.Status == "ok" && s.STARTTLS != "temporary" && !(s.STARTTLS == "offered" && s.TLS == nil && !noHandshake(s)) {
				ended = append(ended, s)
			}
		}
	}
	if len(ended) == 0 {
		return nil, &check.Cause{Code: "smtp-not-measured"}
	}
	return ended, nil
}

// noHandshake: TLS was promised and did not come about by the server's own
// doing. A certificate that only we cannot read is no proof of that.
func noHandshake(s *starttls.Session) bool {
	return s.STARTTLS == "offered" && s.TLS == nil && s.TLSError != "" && !s.TLSTimedOut &&
		(s.Certificate == nil || s.Certificate.Verdict != "unparsable")
}

func data(records []dns.Record) string {
	var all []string
	for _, r := range records {
		all = append(all, r.Data)
	}
	return strings.Join(all, ", ")
}
