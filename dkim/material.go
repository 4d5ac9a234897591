package dkim

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// maxKeyText is the most base64 that is decoded: enough for 65,536 bits, four
// times what any verifier could be asked to try.
const maxKeyText = 16 << 10

// material reads and grades the key in "p".
func (p *parser) material() {
	e, i := p.find("p")
	if i < 0 {
		if p.all > len(p.list) {
			return // it may stand further on
		}
		p.add(Problem{Rule: "dkim-p-missing", Span: p.src.span(0, len(p.src.text)), refused: true})
		return
	}
	value := e.value(p.src)
	span := p.src.span(e.valueStart, e.valueEnd)
	switch {
	case p.reports("dkim-tag-duplicate"):
		return // which of the two is meant cannot be told
	case value == "":
		p.key.Revoked = true
		p.add(Problem{Rule: "dkim-revoked", Span: p.src.span(e.start, e.end)})
		return
	case pemText(value):
		p.pem(e, span)
		return
	case p.reports("dkim-v-invalid") && !strings.HasPrefix(strings.ToUpper(p.key.Version), "DKIM") && p.key.Repaired == "":
		return // another protocol's "p"
	}
	data, bad := p.base64(e, span)
	if data == nil {
		return
	}
	before := len(p.problems)
	switch {
	case p.key.Type != "rsa" && p.key.Type != "ed25519":
		// dkim-k-unknown says it
	case p.wrappedEd25519(e, span, data):
	case p.key.Type == "ed25519" && len(data) == ed25519Size:
		p.ed25519(span, data)
	default:
		p.der(e, span, data)
	}
	if bad == nil || p.reports("dkim-p-truncated") || p.reports("dkim-p-certificate") {
		p.key.Data = data
		return
	}
	// What damaged base64 decodes to is nobody's key: it is not graded.
	p.problems = p.problems[:before]
	p.key.Modulus, p.key.Exponent, p.key.Point, p.key.modulus, p.key.Bits = nil, nil, nil, nil, 0
	p.add(*bad)
}

func (p *parser) reports(rule string) bool {
	return slices.ContainsFunc(p.problems, func(q Problem) bool { return q.Rule == rule })
}

func pemText(s string) bool {
	return strings.Contains(s, "-----") || strings.Contains(s, "BEGIN PUBLIC") || strings.Contains(s, "BEGIN RSA") ||
		strings.HasPrefix(s, "ssh-")
}

// pem reports armour around the key, and gives the key without it.
func (p *parser) pem(e element, span check.Span) {
	value := e.value(p.src)
	q := Problem{Rule: "dkim-p-pem", Span: span, refused: true, Params: check.Params{"Text": shorten(value)}}
	if _, after, ok := strings.Cut(value, "-----BEGIN"); ok {
		if _, body, ok := strings.Cut(after, "-----"); ok {
			body, _, _ = strings.Cut(body, "-----")
			body = strings.Join(strings.Fields(body), "")
			if _, err := base64.StdEncoding.DecodeString(body); err == nil && body != "" {
				q.Fix = p.replace(e.valueStart, e.valueEnd, body)
			}
		}
	}
	p.add(q)
}

// base64 decodes the value. A defect is given back, not reported, because a key
// cut short explains a wrong padding; nil data means that nothing can be read.
func (p *parser) base64(e element, span check.Span) ([]byte, *Problem) {
	value := e.value(p.src)
	clean := make([]byte, 0, min(len(value), maxKeyText+1))
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case strings.IndexByte(fws, c) >= 0:
			continue // legal anywhere in base64: RFC 6376 §2.10
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/', c == '=':
		default:
			p.badBase64("character", p.src.span(e.valueStart+i, e.valueStart+i+1), check.Params{"Char": printable(c), "Offset": i})
			return nil, nil
		}
		if len(clean) > maxKeyText {
			p.add(Problem{Rule: "dkim-rsa-over-4096", Variant: "absurd", Span: span, weak: true,
				Params: check.Params{"Length": len(value), "Bits": len(value) * 6}})
			return nil, nil
		}
		clean = append(clean, c)
	}
	body := bytes.TrimRight(clean, "=")
	padding := len(clean) - len(body)
	if i := bytes.IndexByte(body, '='); i >= 0 {
		p.badBase64("padding", span, check.Params{"Offset": i})
		return nil, nil
	}
	var bad *Problem
	switch {
	case len(body)%4 == 1:
		bad = &Problem{Rule: "dkim-p-bad-base64", Variant: "length", Span: span, refused: true,
			Params: check.Params{"Length": len(body)}}
		body = body[:len(body)-1]
	case padding != (4-len(body)%4)%4:
		right := string(body) + strings.Repeat("=", (4-len(body)%4)%4)
		bad = &Problem{Rule: "dkim-p-bad-base64", Variant: "padding", Span: span, refused: true,
			Params: check.Params{"Offset": len(body)}, Fix: p.replace(e.valueStart, e.valueEnd, right)}
	}
	data, err := base64.RawStdEncoding.DecodeString(string(body))
	if err != nil || len(data) == 0 {
		p.badBase64("length", span, check.Params{"Length": len(body)})
		return nil, nil
	}
	return data, bad
}

func (p *parser) badBase64(variant string, span check.Span, params check.Params) {
	p.add(Problem{Rule: "dkim-p-bad-base64", Variant: variant, Span: span, Params: params, refused: true})
}

func printable(c byte) string {
	if c > ' ' && c < 0x7F {
		return string(rune(c))
	}
	return "0x" + hex.EncodeToString([]byte{c})
}

const ed25519Size = 32

// ed25519Prefix begins the SubjectPublicKeyInfo of an Ed25519 key (RFC 8410 §4).
var ed25519Prefix = []byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}

// wrappedEd25519 reports an Ed25519 key that is wrapped, or not called one.
func (p *parser) wrappedEd25519(e element, span check.Span, data []byte) bool {
	wrapped := len(data) == len(ed25519Prefix)+ed25519Size && bytes.HasPrefix(data, ed25519Prefix)
	isRSA := p.key.Type == "rsa"
	if !wrapped && !(isRSA && len(data) == ed25519Size) {
		return false
	}
	bare := data[len(data)-ed25519Size:]
	text := base64.StdEncoding.EncodeToString(bare)
	fixed := p.replace(e.valueStart, e.valueEnd, text)
	if !isRSA {
		p.add(Problem{Rule: "dkim-ed25519-wrapped", Span: span, Fix: fixed, refused: true, Params: check.Params{"Key": text}})
	} else {
		if k, i := p.find("k"); i >= 0 {
			// "k" and "p" may stand in either order: replace the later one first.
			if k.start < e.start {
				fixed = fixed[:k.valueStart] + "ed25519" + fixed[k.valueEnd:]
			} else {
				at := p.replace(k.valueStart, k.valueEnd, "ed25519")
				fixed = at[:e.valueStart] + text + at[e.valueEnd:]
			}
		} else {
			fixed = fixed[:e.start] + "k=ed25519; " + fixed[e.start:]
		}
		p.add(Problem{Rule: "dkim-ed25519-k-missing", Span: span, Fix: fixed, refused: true, Params: check.Params{"Octets": len(data)}})
	}
	p.key.Type = "ed25519"
	p.ed25519(span, bare)
	return true
}

func (p *parser) ed25519(span check.Span, data []byte) {
	p.key.Point, p.key.Bits = data, 256
	if why := badPoint(data); why != "" {
		p.add(Problem{Rule: "dkim-ed25519-bad-point", Variant: why, Span: span, weak: true})
	}
	p.sample(span)
}

// der reads the structure in "p" and reports what keeps it from being an RSA key.
func (p *parser) der(e element, span check.Span, data []byte) {
	s, ok := inspect(data)
	params := func(more check.Params) check.Params {
		more["Type"], more["Octets"] = p.key.Type, len(data)
		return more
	}
	switch {
	case ok && (s.form == formCertificate || s.form == formRequest):
		q := Problem{Rule: "dkim-p-certificate", Span: span, refused: true, Params: params(check.Params{"Form": string(s.form)})}
		if inner, ok := inspect(s.spki); ok && inner.form == formSPKI && inner.oid == oidRSA && !inner.truncated() {
			q.Fix = p.replace(e.valueStart, e.valueEnd, base64.StdEncoding.EncodeToString(s.spki))
		}
		p.add(q)
		return
	case p.key.Type == "ed25519" && (!ok || s.form == formOther || s.truncated()):
		p.add(Problem{Rule: "dkim-ed25519-length", Span: span, refused: true, Params: params(check.Params{})})
		return
	case ok && s.truncated():
		p.add(Problem{Rule: "dkim-p-truncated", Span: span, refused: true, Params: check.Params{
			"Declared": s.declared, "Present": s.present, "Missing": (s.declared+2)/3*4 - (s.present+2)/3*4}})
		return
	case !ok || s.form == formOther || s.form == formSPKI && s.oid == oidRSA && len(s.modulus) == 0:
		p.add(Problem{Rule: "dkim-k-mismatch", Variant: "unreadable", Span: span, refused: true, Params: params(check.Params{})})
		return
	case s.form == formSPKI && s.oid != oidRSA, p.key.Type != "rsa":
		found := oidName(s.oid)
		if s.form == formPKCS1 {
			found = oidNames[oidRSA]
		}
		p.add(Problem{Rule: "dkim-k-mismatch", Span: span, refused: true, Params: params(check.Params{"Found": found})})
		return
	}
	p.rsa(e, span, data, s)
}

// rsa reports how an RSA key is encoded and what it is worth.
func (p *parser) rsa(e element, span check.Span, data []byte, s *structure) {
	k := p.key
	k.modulus, k.Bits = s.modulus, bitLen(s.modulus)
	if k.Bits <= maxModulusBits {
		k.Modulus = new(big.Int).SetBytes(s.modulus)
	}
	if bitLen(s.exponent) <= maxExponentBits {
		k.Exponent = new(big.Int).SetBytes(s.exponent)
	}
	canonical := encodeSPKI(k.Modulus, k.Exponent)
	fixed := ""
	if canonical != "" {
		fixed = p.replace(e.valueStart, e.valueEnd, canonical)
	}
	if n := s.trailing(); n > 0 {
		trimmed := base64.StdEncoding.EncodeToString(data[:s.declared])
		p.add(Problem{Rule: "dkim-p-trailing", Span: span, Params: check.Params{"Count": n},
			Fix: p.replace(e.valueStart, e.valueEnd, trimmed)})
	}
	if s.form == formPKCS1 {
		p.add(Problem{Rule: "dkim-p-pkcs1", Span: span, Fix: fixed})
	}
	if len(s.irregular) > 0 {
		p.add(Problem{Rule: "dkim-p-der-irregular", Span: span, Fix: fixed,
			Params: check.Params{"What": strings.Join(s.irregular, "; ")}})
	}
	p.size(span)
	p.exponent(span, s.exponent)
	p.factors(span)
	p.sample(span)
}

// size grades the length of the modulus (RFC 8301 §3.2).
func (p *parser) size(span check.Span) {
	bits := p.key.Bits
	params := check.Params{"Bits": bits}
	switch {
	case bits < 1024:
		p.add(Problem{Rule: "dkim-rsa-too-short", Span: span, Params: params, weak: true})
	case bits < 2048:
		p.add(Problem{Rule: "dkim-rsa-1024", Span: span, Params: params})
	case bits > 4096:
		p.add(Problem{Rule: "dkim-rsa-over-4096", Span: span, Params: params})
	case bits >= 3072:
		p.add(Problem{Rule: "dkim-rsa-4096", Span: span, Params: params})
	}
	if bits%256 != 0 {
		p.add(Problem{Rule: "dkim-rsa-odd-size", Span: span, Params: params})
	}
}

// exponent grades the public exponent from its octets.
func (p *parser) exponent(span check.Span, e []byte) {
	n := int64(1) << 62
	if len(e) < 8 {
		n = new(big.Int).SetBytes(e).Int64()
	}
	shown := "over 2^62"
	if len(e) < 8 {
		shown = big.NewInt(n).String()
	}
	params := check.Params{"Exponent": shown}
	modulus := p.key.modulus
	switch {
	case n < 3, e[len(e)-1]&1 == 0, len(e) > len(modulus), len(e) == len(modulus) && bytes.Compare(e, modulus) >= 0:
		// RFC 8017 §3.1: odd, and between 3 and n-1.
		p.add(Problem{Rule: "dkim-rsa-exponent-invalid", Span: span, Params: params, weak: true})
	case n < 65537:
		p.add(Problem{Rule: "dkim-rsa-exponent-small", Span: span, Params: params})
	case n > 1<<31-1:
		p.add(Problem{Rule: "dkim-rsa-exponent-large", Span: span, Params: params})
	}
}

// factors looks for moduli that anybody can factor.
func (p *parser) factors(span check.Span) {
	n := p.key.Modulus
	if p.made || n == nil || n.BitLen() < 16 {
		return
	}
	if f := smallFactor(n); f != 0 {
		p.add(Problem{Rule: "dkim-rsa-trivial-factor", Span: span, weak: true, Params: check.Params{"Factor": big.NewInt(f).String()}})
		return
	}
	if isSquare(n) {
		p.add(Problem{Rule: "dkim-rsa-trivial-factor", Variant: "square", Span: span, weak: true})
		return
	}
	if n.BitLen() <= maxPrimeBits && n.ProbablyPrime(0) {
		p.add(Problem{Rule: "dkim-rsa-trivial-factor", Variant: "prime", Span: span, weak: true})
		return
	}
	if steps, ok := fermat(n); ok {
		p.add(Problem{Rule: "dkim-rsa-fermat", Span: span, weak: true, Params: check.Params{"Steps": steps}})
	}
	if roca(n) {
		p.add(Problem{Rule: "dkim-rsa-roca", Span: span, weak: true})
	}
}

// samples are the SHA-256 of keys whose private half is printed in a standard,
// over the modulus or the 32 octets.
var samples = map[string]string{
	"1be2c2e898b8cb93583845439eb7b8df9d47527f9b77751cfcd96d91851f4efd": "RFC 6376 Appendix C",
	"21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9": "RFC 8463 Appendix A",
	"faa7f1558c0345a1166a022f3c50feabe8105966d5d8010d3c8d29a462986a42": "RFC 8463 Appendix A",
}

func (p *parser) sample(span check.Span) {
	for _, octets := range [][]byte{p.key.modulus, p.key.Point} {
		sum := sha256.Sum256(octets)
		if where, ok := samples[hex.EncodeToString(sum[:])]; ok && octets != nil {
			p.add(Problem{Rule: "dkim-known-public-key", Span: span, weak: true, Params: check.Params{"Where": where}})
		}
	}
}
