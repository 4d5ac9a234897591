package dns

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"time"

	mdns "github.com/miekg/dns"
)

// Signed is what a zone publishes for one question, with its signatures. Nothing
// of it is validated.
type Signed struct {
	Records    []Record    `json:"records"` // of the type asked
	Signatures []Signature `json:"signatures"`
	NSEC3      *NSEC3      `json:"nsec3,omitempty"` // how a denial was hashed
}

// Signature is an RRSIG record (RFC 4034 §3.1).
type Signature struct {
	Covered    Type      `json:"covered"`
	Algorithm  uint8     `json:"algorithm"`
	KeyTag     uint16    `json:"key_tag"`
	Inception  time.Time `json:"inception"`
	Expiration time.Time `json:"expiration"`
}

// NSEC3 is how a zone hashes the names of its denials (RFC 5155 §3.1).
type NSEC3 struct {
	Iterations uint16 `json:"iterations"`
	Salt       string `json:"salt"` // hexadecimal
	OptOut     bool   `json:"opt_out"`
}

// SignedAsker is a Resolver that can also ask for signatures.
type SignedAsker interface {
	AskSigned(ctx context.Context, name Name, qtype Type) (Signed, error)
}

// AskSigned asks with DO, and with checking disabled: what is published is
// wanted, right or wrong.
func (c *Client) AskSigned(ctx context.Context, name Name, qtype Type) (Signed, error) {
	s, err := c.question(ctx, query{name: name, qtype: qtype, recurse: true, do: true, cd: true, raw: true})
	if err != nil {
		return Signed{}, err
	}
	out := Signed{Records: []Record{}, Signatures: []Signature{}}
	if set := find(collect(s.msg.Answer), name, uint16(qtype)); set != nil {
		for _, rr := range set.rrs[:min(len(set.rrs), maxRecords/10)] {
			out.Records = append(out.Records, recordOf(rr))
		}
		for _, sig := range set.sigs[:min(len(set.sigs), maxSigned)] {
			out.Signatures = append(out.Signatures, signatureOf(sig))
		}
	}
	for _, rr := range s.msg.Ns {
		if n, ok := rr.(*mdns.NSEC3); ok {
			out.NSEC3 = &NSEC3{Iterations: n.Iterations, Salt: n.Salt, OptOut: n.Flags&1 != 0}
			break
		}
	}
	return out, nil
}

func signatureOf(sig *mdns.RRSIG) Signature {
	return Signature{
		Covered: Type(sig.TypeCovered), Algorithm: sig.Algorithm, KeyTag: sig.KeyTag,
		Inception: time.Unix(int64(sig.Inception), 0).UTC(), Expiration: time.Unix(int64(sig.Expiration), 0).UTC(),
	}
}

const signedKind = "dns-signed"

type signedOnTape struct {
	Signed
	Error  Kind   `json:"error,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// AskSigned asks the network. A name in a zone file is Kind Offline: the file
// has no signatures. The recording is kept and played.
func (r *Run) AskSigned(ctx context.Context, name Name, qtype Type) (Signed, error) {
	key := query{name: name, qtype: qtype, do: true, cd: true}.String()
	refuse := func(kind Kind, detail string) (Signed, error) {
		return Signed{}, &Error{Name: name, Type: qtype, Kind: kind, Detail: detail}
	}
	for _, z := range r.cfg.Zones {
		if name.IsUnder(z.Origin) {
			return refuse(Offline, "a zone file has no signatures")
		}
	}
	if r.cfg.Tape.Playing() {
		var v signedOnTape
		switch ok, err := r.cfg.Tape.Get(signedKind, key, &v); {
		case err != nil:
			return refuse(Malformed, err.Error())
		case !ok:
			return refuse(NotRecorded, "not in the recording")
		case v.Error != "":
			return refuse(v.Error, v.Detail)
		}
		return v.Signed, nil
	}
	if r.client == nil {
		return refuse(Offline, "the network is not used")
	}
	r.asked.Add(1)
	s, err := r.client.AskSigned(ctx, name, qtype)
	v := signedOnTape{Signed: s}
	if err != nil {
		e := AsError(err, name, qtype)
		if e.Kind == Cancelled {
			return s, err
		}
		v.Error, v.Detail = e.Kind, e.Detail
	}
	if perr := r.cfg.Tape.Put(signedKind, key, v); perr != nil {
		return refuse(Malformed, perr.Error())
	}
	return s, err
}

// AskSigned passes the question on.
func (l *logged) AskSigned(ctx context.Context, name Name, qtype Type) (Signed, error) {
	if r, ok := l.next.(SignedAsker); ok {
		return r.AskSigned(ctx, name, qtype)
	}
	return Signed{}, &Error{Name: name, Type: qtype, Kind: Offline, Detail: "this resolver asks for no signatures"}
}

// DNSKEY is what a DNSKEY record says (RFC 4034 §2.1).
type DNSKEY struct {
	Tag       uint16 `json:"tag"`
	Algorithm uint8  `json:"algorithm"`
	SEP       bool   `json:"sep"`            // secure entry point: a key-signing key
	Bits      int    `json:"bits,omitempty"` // of an RSA key
}

// DS is what a DS or CDS record says (RFC 4034 §5.1).
type DS struct {
	Tag       uint16 `json:"tag"`
	Algorithm uint8  `json:"algorithm"`
	Digest    uint8  `json:"digest_type"`
}

// rrOf reads a record from its presentation form again.
func rrOf(r *Record) mdns.RR {
	rr, err := mdns.NewRR(r.presentation())
	if err != nil {
		return nil
	}
	return rr
}

// ParseDNSKEY reads a zone key; ok is false for what is none, or is revoked.
func ParseDNSKEY(r *Record) (k DNSKEY, ok bool) {
	key, ok := rrOf(r).(*mdns.DNSKEY)
	if !ok || key.Flags&mdns.ZONE == 0 || key.Flags&mdns.REVOKE != 0 || key.Protocol != 3 {
		return k, false
	}
	k = DNSKEY{Tag: key.KeyTag(), Algorithm: key.Algorithm, SEP: key.Flags&mdns.SEP != 0}
	switch key.Algorithm {
	case mdns.RSAMD5, mdns.RSASHA1, mdns.RSASHA1NSEC3SHA1, mdns.RSASHA256, mdns.RSASHA512:
		k.Bits = rsaBits(key.PublicKey)
	}
	return k, true
}

// rsaBits is the length of the modulus in a key of RFC 3110 §2; 0 if it cannot be read.
func rsaBits(text string) int {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) < 3 {
		return 0
	}
	exponent, rest := int(b[0]), b[1:]
	if exponent == 0 {
		exponent, rest = int(binary.BigEndian.Uint16(b[1:3])), b[3:]
	}
	if len(rest) <= exponent {
		return 0
	}
	rest = rest[exponent:]
	for len(rest) > 0 && rest[0] == 0 {
		rest = rest[1:]
	}
	bits := len(rest) * 8
	for m := byte(0x80); len(rest) > 0 && rest[0]&m == 0; m >>= 1 {
		bits--
	}
	return bits
}

// ParseDS reads a DS or CDS record.
func ParseDS(r *Record) (d DS, ok bool) {
	switch ds := rrOf(r).(type) {
	case *mdns.DS:
		return DS{ds.KeyTag, ds.Algorithm, ds.DigestType}, true
	case *mdns.CDS:
		return DS{ds.KeyTag, ds.Algorithm, ds.DigestType}, true
	}
	return d, false
}

// Usable tells whether a validator can follow the DS (RFC 4035 §5.2).
func (d DS) Usable() bool {
	return supported[d.Algorithm] && (d.Digest == mdns.SHA1 || d.Digest == mdns.SHA256 || d.Digest == mdns.SHA384)
}

// Names tells whether the DS record is the digest of the DNSKEY record.
func Names(ds, key *Record) bool {
	d, _ := rrOf(ds).(*mdns.DS)
	k, _ := rrOf(key).(*mdns.DNSKEY)
	return d != nil && k != nil && names(d, k)
}

// SignatureOf reads an RRSIG record; zero for what is none.
func SignatureOf(r *Record) Signature {
	if sig, ok := rrOf(r).(*mdns.RRSIG); ok {
		return signatureOf(sig)
	}
	return Signature{}
}
