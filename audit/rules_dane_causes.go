package audit

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dane"
	"github.com/postseal/postseal/dns"
)

// daneCauses name why the certificate of a mail host and its TLSA records do
// not belong together, where that can be seen; each stands in for dane-no-match.
var daneCauses = []check.Rule[*Facts]{
	daneRule("dane-usage-mixup", "a TLSA record names a CA as if it were the host, or the host as if it were a CA", check.Error, check.RFC(7671, "5"), nil,
		"The first number of a TLSA record says whom it names: 3 the host itself, 2 a CA that signed its certificate. This record has the\n"+
			"digest of one and the number of the other, so it never matches, and senders that know DANE do not deliver.\n\n"+
			"**Fix:** publish the digest of the host's own public key with usage 3.\n\n"+
			"Before: `TLSA 3 1 1` with the digest of the CA's key. After: `TLSA 3 1 1` with the digest of the host's key.",
		because(dane.WhyUsageMixup)),
	daneRule("dane-hash-of-pem", "the digest in a TLSA record is that of a text form", check.Error, check.RFC(6698, "2.1.4"), nil,
		"The digest is that of the certificate or key as it is written in a file: with BEGIN and END lines, in base64 or in hexadecimal.\n"+
			"It has to be that of the octets these stand for (DER). As it is, it matches nothing, and senders that know DANE do not deliver.\n\n"+
			"**Fix:** convert to DER before hashing: `openssl x509 -in cert.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl\n"+
			"dgst -sha256`.\n\n"+
			"Before: `sha256sum cert.pem`. After: the digest that the command above prints, with `3 1 1`.",
		because(dane.WhyHashOfText)),
	daneRule("dane-ta-not-sent", "the certificates that a mail host sends do not lead to the CA in its TLSA records", check.Error, check.RFC(7671, "5.2.2"), nil,
		"A TLSA record of usage 2 names a CA by its digest. A sender cannot find a CA by a digest: the host has to send its certificate,\n"+
			"and those between, along with its own. What this host sends does not reach any CA that its records name. Roots are the usual case:\n"+
			"servers leave them out. Senders that know DANE do not deliver.\n\n"+
			"**Fix:** send the CA's certificate too, name one that is sent, or name the host's own key with usage 3.\n\n"+
			"Before: `TLSA 2 1 1` of the root, and the host sends its own certificate and the intermediate one. After: `TLSA 3 1 1` of the\n"+
			"host's key.",
		because(dane.WhyNotSent)),
	daneRule("dane-ta-names", "a certificate under a TLSA record of usage 2 has another name", check.Error, check.RFC(7672, "3.2.2"), nil,
		"With usage 2 anybody whom the CA gave a certificate would pass, so the name in it is checked: it must be that of the mail host, or\n"+
			"the domain whose mail it takes. The certificate has neither, and senders that know DANE do not deliver.\n\n"+
			"**Fix:** get a certificate with the name of the mail host in it, or name the host's own key with usage 3, where names do not count.\n\n"+
			"Before: `TLSA 2 1 1`, certificate for `www.example.com`. After: `TLSA 2 1 1`, certificate for `mx1.example.com`.",
		because(dane.WhyNames)),
	daneRule("dane-ta-expired", "a certificate under a TLSA record of usage 2 is out of date", check.Error, check.RFC(7671, "5.2"), nil,
		"With usage 2 the certificates from the host's up to the CA are checked as everywhere else, their dates too. One of them has expired\n"+
			"or is not valid yet, and senders that know DANE do not deliver. With usage 3 dates would not count.\n\n"+
			"**Fix:** renew the certificate, and have the server send the present intermediate one. Or name the host's own key with usage 3.\n\n"+
			"Before: `TLSA 2 1 1`, certificate expired yesterday. After: `TLSA 2 1 1`, certificate renewed.",
		because(dane.WhyExpired)),
	daneRule("dane-some-addresses", "the TLSA records match at some addresses of a mail host and not at others", check.Error, check.RFC(7672, "3.2"), nil,
		"A sender takes any address of the mail host. At one it finds the key that the TLSA records name, at another it does not and takes\n"+
			"that for an attack: delivery is a matter of chance. Mostly a new certificate was installed on one machine and not on the others,\n"+
			"or on IPv4 and not on IPv6.\n\n"+
			"**Fix:** install the same certificate everywhere, or publish a record for each key in use.\n\n"+
			"Before: two addresses, two keys, one `TLSA 3 1 1`. After: one key at both addresses, or two records.",
		someAddresses),
	daneRule("dane-key-type", "a mail host has keys of two types, and the TLSA records match one of them", check.Error, check.RFC(7671, "8"), nil,
		"The host has two certificates, one with an RSA and one with an ECDSA key, and shows each sender the one that it prefers. The TLSA\n"+
			"records match one and not the other: senders with the other preference do not deliver, and a test that prefers the first sees\n"+
			"nothing wrong. It takes a further handshake to see, which is made on request.\n\n"+
			"**Fix:** publish a record for each key, or take one of the certificates away.\n\n"+
			"Before: `TLSA 3 1 1` of the ECDSA key. After: `TLSA 3 1 1` of the ECDSA key and `TLSA 3 1 1` of the RSA key.",
		keyType),
	daneRule("dane-ta-public-ca", "the TLSA records rest on an intermediate certificate of a public CA", check.Warning, check.RFC(7671, "5.2"), nil,
		"Every TLSA record of this host names a CA, and the one that matches is an intermediate certificate of a public CA. Public CAs change\n"+
			"those when they like, and issue from several in turn. The next renewal may come from another one, and from then on senders that\n"+
			"know DANE do not deliver.\n\n"+
			"**Fix:** name the host's own key with usage 3 and renew with the same key, or name every intermediate that the CA issues from.\n\n"+
			"Before: `TLSA 2 1 1` of the CA's intermediate. After: `TLSA 3 1 1` of the host's key.",
		publicCA),
	daneStale(),
}

// detail are the parameters that one cause has beyond the others.
func (h *held) detail(p check.Params, x *showing25, e dane.Explanation) {
	switch e.Why {
	case dane.WhyNames:
		p["Has"], p["Wanted"] = strings.Join(x.cert.Names[:min(len(x.cert.Names), 5)], ", "), joined(x.shown.Names)
	case dane.WhyExpired:
		p["Until"] = x.cert.NotAfter.UTC().Format("2006-01-02")
	case dane.WhyHashOfText:
		p["Form"] = e.Form
	case dane.WhyUsageMixup:
		p["Usage"] = 2
		if e.CA {
			p["Usage"] = 3
		}
	}
}

func joined(names []dns.Name) string {
	var all []string
	for _, n := range names {
		all = append(all, n.String())
	}
	return strings.Join(all, ", ")
}

// someAddresses: one certificate matches and another does not. An address that
// nobody saw leaves it open whether all do.
func someAddresses(h *held) (*check.Finding, error) {
	match, miss := h.split()
	if match == 0 || len(h.usable) == 0 {
		return nil, nil
	}
	if miss == 0 {
		if len(h.open) > 0 {
			return nil, check.Cause{Code: "dane-address-open", Params: check.Params{"Host": h.host.Name.String(), "Address": h.open[0].String()}}
		}
		return nil, nil
	}
	var good, bad []string
	var at *showing25
	for _, x := range h.first() {
		addr := x.session.Addr.String()
		if x.verdict.OK() {
			good = append(good, addr)
			continue
		}
		bad = append(bad, addr)
		if at == nil {
			at = &x
		}
	}
	return h.finding(at, check.Params{"Good": strings.Join(good, ", "), "Bad": strings.Join(bad, ", ")}), nil
}

// keyType: the certificate for one type of key matches and that for the other
// does not.
func keyType(h *held) (*check.Finding, error) {
	if len(h.usable) == 0 {
		return nil, nil
	}
	var open error
	for _, s := range h.sessions {
		if _, err := otherCert(s); err != nil && s.TLS != nil {
			open = err
		}
	}
	for i := range h.shows {
		x := &h.shows[i]
		if !x.other {
			continue
		}
		for _, y := range h.first() {
			if y.session != x.session || y.verdict.OK() == x.verdict.OK() {
				continue
			}
			good, bad := x, &y
			if y.verdict.OK() {
				good, bad = &y, x
			}
			return h.finding(bad, check.Params{"Good": good.cert.KeyType, "Bad": bad.cert.KeyType}), nil
		}
	}
	return nil, open
}

// publicCA: what matches is a certificate between the host's and a trusted root.
func publicCA(h *held) (*check.Finding, error) {
	if slices.ContainsFunc(h.usable, func(r dns.Record) bool { return r.TLSA.Usage != 2 }) {
		return nil, nil
	}
	for _, x := range h.first() {
		v := x.verdict
		if !v.OK() || x.cert.Verdict != "ok" {
			continue
		}
		root := false
		for i, o := range v.Outcomes {
			root = root || o.How == dane.HowMatches && dane.NamesRoot(h.usable[i].TLSA, x.cert.DER)
		}
		if root {
			continue
		}
		return h.finding(&x, check.Params{"Issuer": x.cert.Issuer}), nil
	}
	return nil, nil
}

// staleMany is how many left-over records are more than any change of keys needs.
const staleMany = 3

// daneStale is about usable records that match nothing that the host shows.
func daneStale() check.Rule[*Facts] {
	rule := daneRule("dane-stale-record", "a TLSA record matches nothing that the mail host shows", check.Info, check.RFC(7671, "8"), nil,
		"Besides the record that matches there is one that matches none of the certificates seen. It is that of the next key, published\n"+
			"before the change as it should be, that of another type of key, or one left over from the last change. A left-over one lets\n"+
			"whoever has that old key pass for the host.\n\n"+
			"**Fix:** remove records of keys that are gone.\n\n"+
			"Before: `TLSA 3 1 1` of the key in use and `TLSA 3 1 1` of the key before. After: `TLSA 3 1 1` of the key in use.",
		func(h *held) (*check.Finding, error) {
			if match, miss := h.split(); match == 0 || miss > 0 {
				return nil, nil
			}
			var stale []string
			for i, rec := range h.usable {
				if !slices.ContainsFunc(h.shows, func(x showing25) bool {
					o := x.verdict.Outcomes[i]
					return o.How == dane.HowMatches || o.Would == dane.HowMatches
				}) &&
					!slices.Contains(stale, rec.Data) {
					stale = append(stale, rec.Data)
				}
			}
			if len(stale) == 0 {
				return nil, nil
			}
			if len(h.open) > 0 { // it may be the record of a machine that nobody saw
				return nil, check.Cause{Code: "dane-address-open", Params: check.Params{"Host": h.host.Name.String(), "Address": h.open[0].String()}}
			}
			find := onHost(h.host, h.shows[0].session, check.Params{"Count": len(stale), "Records": strings.Join(stale, ", ")})
			find.Record = stale[0]
			if len(stale) >= staleMany {
				find.Variant = "many"
			}
			return find, nil
		})
	rule.Variants = []check.Variant{{Name: "many", Severity: check.Notice}}
	return rule
}
