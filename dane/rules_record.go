package dane

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// recordRules judge the TLSA records one by one. A record is as well or badly
// written in an insecure zone; there another finding explains that it does not matter.
var recordRules = []check.Rule[*Facts]{
	record("dane-usage-pkix", "a TLSA record has a usage that mail does not know", check.Warning,
		[]check.Variant{{Name: "only", Severity: check.Error}}, check.RFC(7672, "3.1.3"),
		`Usages 0 and 1 demand a certificate from a public CA besides the match. SMTP has no way to agree on the CAs, so its senders treat
such records as if they could not be read. When no other record is left they encrypt and check nothing, and any certificate will do
for an attacker.

Publish usage 3 with the digest of the host's own public key instead.

Before:

    _25._tcp.mx1.example.com.  TLSA  1 0 1 (digest of the certificate)

After:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (digest of the public key)`,
		func(h *Host, t *dns.TLSA, _ check.Params) (variant string, bad bool) {
			if t.Usage <= 1 && len(h.Usable()) == 0 {
				return "only", true
			}
			return "", t.Usage <= 1
		}),
	record("dane-usage-unknown", "a TLSA record has an unknown usage", check.Warning, nil, check.RFC(6698, ""),
		`The first number of a TLSA record says what the certificate is held to. Values 0 to 3 are defined, of which mail uses 2 and 3; 255
is for private use. Senders skip a record with any other value, so it protects nothing.

Use 3: the host's own key.

Before:

    _25._tcp.mx1.example.com.  TLSA  4 1 1 (digest)

After:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (digest)`,
		func(_ *Host, t *dns.TLSA, p check.Params) (string, bool) {
			p["Value"] = int(t.Usage)
			return "", t.Usage > 3 && t.Usage != 255
		}),
	record("dane-selector-unknown", "a TLSA record has an unknown selector", check.Warning, nil, check.RFC(6698, ""),
		`The second number of a TLSA record says what is compared: 0 the whole certificate, 1 its public key. Senders skip a record with
any other value, so it protects nothing.

Use 1: the public key stays the same when the certificate is renewed with the same key.

Before:

    _25._tcp.mx1.example.com.  TLSA  3 2 1 (digest)

After:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (digest)`,
		func(_ *Host, t *dns.TLSA, p check.Params) (string, bool) {
			p["Value"] = int(t.Selector)
			return "", t.Selector > 1
		}),
	record("dane-matching-unknown", "a TLSA record has an unknown matching type", check.Warning, nil, check.RFC(6698, ""),
		`The third number of a TLSA record says how it is compared: 0 octet by octet, 1 by SHA-256, 2 by SHA-512. Senders skip a record
with any other value, so it protects nothing.

Use 1: every sender knows SHA-256.

Before:

    _25._tcp.mx1.example.com.  TLSA  3 1 3 (digest)

After:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (SHA-256 digest)`,
		func(_ *Host, t *dns.TLSA, p check.Params) (string, bool) {
			p["Value"] = int(t.Matching)
			return "", t.Matching > 2
		}),
	record("dane-digest-length", "the digest in a TLSA record has the wrong length", check.Error, nil, check.RFC(6698, ""),
		`A SHA-256 digest has 32 octets and a SHA-512 digest 64. This one has another length, so no certificate can ever match it: a digit
was lost, the two algorithms were mixed up, or the digest was pasted in base64 rather than in hexadecimal.

Compute the record again from the certificate that the host sends.

Before:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (62 hexadecimal digits)

After:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (64 hexadecimal digits)`,
		func(_ *Host, t *dns.TLSA, p check.Params) (string, bool) {
			p["Length"], p["Want"] = len(t.Data), 32
			if t.Matching == 2 {
				p["Want"] = 64
			}
			return "", !rightLength(t)
		}),
	record("dane-digest-of-nothing", "a TLSA record has the digest of nothing", check.Error, nil, check.RFC(6698, ""),
		`The digest in this record is that of no octets at all. The command that computed it got no input, usually because an earlier
command in the pipe could not read the key and nobody saw its error. It matches no certificate, so senders that know DANE cannot
deliver.

Compute the record again and look at each step's output.

Before:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 e3b0c44298fc1c14…

After:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (digest of the public key)`,
		func(_ *Host, t *dns.TLSA, _ check.Params) (string, bool) {
			short, long := sha256.Sum256(nil), sha512.Sum512(nil)
			return "", t.Matching == 1 && bytes.Equal(t.Data, short[:]) || t.Matching == 2 && bytes.Equal(t.Data, long[:])
		}),
	record("dane-full-unparsable", "a TLSA record without digest has neither a certificate nor a key", check.Warning, nil, check.RFC(6698, "2.1.4"),
		`With matching type 0 the record holds the whole certificate, or with selector 1 the whole public key, in DER. What is in this one
is neither, so nothing can ever equal it and senders skip the record. Mostly a digest was published with matching type 0, the data
was cut off, or selector and data do not belong together.

Publish a SHA-256 digest with matching type 1: it is short, and a mistake in its length shows.

Before:

    _25._tcp.mx1.example.com.  TLSA  3 1 0 (a digest)

After:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (the same digest, if it is that of the key)`,
		func(_ *Host, t *dns.TLSA, _ check.Params) (string, bool) {
			return "", t.Matching == 0 && t.Selector <= 1 && !readable(t)
		}),
	record("dane-cert-selector", "a TLSA record names the certificate rather than its key", check.Notice, nil, check.RFC(7671, ""),
		`With usage 3 and selector 0 the record matches one certificate only. Each renewal makes a new one, and from that moment until the
record is changed, and caches have forgotten the old one, senders that know DANE cannot deliver.

Name the public key with selector 1 and keep the key when the certificate is renewed.

Before:

    _25._tcp.mx1.example.com.  TLSA  3 0 1 (digest of the certificate)

After:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (digest of the public key)`,
		func(_ *Host, t *dns.TLSA, _ check.Params) (string, bool) {
			return "", usable(t) && t.Usage == 3 && t.Selector == 0
		}),
	{
		Meta: check.Meta{
			ID: "dane-rollover-single", Standard: check.DANE, Severity: check.Info,
			Title: "one TLSA record: the next key needs a second one first",
			Refs:  []check.Ref{check.RFC(7671, "")},
			Doc: `One record for the key in use is right. It is worth knowing before the key is changed: caches hold the old answer for as long as
its TTL says, and a server with a new key matches nothing in them.

Publish the record of the next key beside the present one, wait until every cache has it (two TTLs are safe), change the key, and
remove the old record then. Renewing a certificate with the same key needs none of this.

Before a change of key:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (present key)

Ready for it:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (present key)
    _25._tcp.mx1.example.com.  TLSA  3 1 1 (next key)`,
		},
		Applies: inUse,
		Run: known(hosts(func(f *Facts, h *Host, r *check.Reporter) {
			bound, unsure := f.Bound(h)
			if unsure != nil {
				r.Unknown(unsure)
				return
			}
			if !bound {
				return
			}
			for _, rec := range h.withoutNext() {
				find := at(h, nil)
				find.Record = rec.Data
				r.Report(find)
			}
		})),
	},
}

// withoutNext are the records of keys in use, where each names one and none is
// left over for the key that comes next. Before anything was measured a single
// record is taken for that of the key in use.
func (h *Host) withoutNext() []dns.Record {
	var own []dns.Record
	for _, rec := range h.Usable() {
		if rec.TLSA.Usage != 3 {
			return nil // the CA issues for any key
		}
		if !slices.ContainsFunc(own, func(o dns.Record) bool { return o.Data == rec.Data }) {
			own = append(own, rec)
		}
	}
	if len(own) > 1 && slices.ContainsFunc(own, func(rec dns.Record) bool { return !slices.Contains(h.InUse, rec.Data) }) {
		return nil
	}
	return own
}

// record makes a rule about each TLSA record by itself.
func record(id, title string, severity check.Severity, variants []check.Variant, ref check.Ref, doc string,
	judge func(*Host, *dns.TLSA, check.Params) (variant string, bad bool)) check.Rule[*Facts] {
	return check.Rule[*Facts]{
		Meta: check.Meta{
			ID: id, Standard: check.DANE, Severity: severity, Title: title, Variants: variants, Refs: []check.Ref{ref}, Doc: doc,
			CoveredBy: []string{"dnssec-bogus", "dane-tlsa-insecure", "dane-address-insecure"},
		},
		Applies: inUse,
		Run: known(hosts(func(_ *Facts, h *Host, r *check.Reporter) {
			if h.Lookup.Unknown() {
				r.Unknown(h.Lookup.Error)
				return
			}
			for _, rec := range h.records() {
				params := check.Params{"Record": rec.Data}
				variant, bad := judge(h, rec.TLSA, params)
				if !bad {
					continue
				}
				find := at(h, params)
				find.Variant, find.Record = variant, rec.Data
				r.Report(find)
			}
		})),
	}
}

func list(names []string) string { return strings.Join(names, ", ") }
