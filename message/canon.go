package message

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
)

// The canonicalisations of RFC 6376 §3.4.
const (
	simple  = "simple"
	relaxed = "relaxed"
)

// canonicalField is a field, from its name to its final CRLF, as it is signed
// (RFC 6376 §3.4.1, §3.4.2).
func canonicalField(raw []byte, mode string) []byte {
	if mode != relaxed {
		return raw
	}
	name, value, _ := bytes.Cut(raw, []byte(":"))
	out := bytes.ToLower(bytes.TrimRight(name, " \t"))
	out = append(slices.Clip(out), ':')
	start, gap := len(out), false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == ' ' || c == '\t':
			gap = true
		case c == '\r' && i+1 < len(value) && value[i+1] == '\n':
			i++ // unfolding takes the line end, and leaves the white space after it
		default:
			if gap && len(out) > start {
				out = append(out, ' ')
			}
			gap = false
			out = append(out, c)
		}
	}
	return append(out, '\r', '\n')
}

// canonicalBody is the body as it is hashed (RFC 6376 §3.4.3, §3.4.4). Lines
// end in CRLF; an LF alone is text.
func canonicalBody(body []byte, mode string) []byte {
	if mode == relaxed {
		body = reduceSpace(body)
	}
	end := len(body)
	for end >= 2 && body[end-2] == '\r' && body[end-1] == '\n' {
		end -= 2
	}
	switch {
	case end == 0 && mode == relaxed:
		return nil
	case end+2 <= len(body):
		return body[:end+2]
	}
	return append(slices.Clip(body[:end]), '\r', '\n')
}

// reduceSpace makes each run of white space one space, and none at the end of
// a line.
func reduceSpace(body []byte) []byte {
	out := make([]byte, 0, len(body)+2)
	gap := false
	for i, c := range body {
		switch {
		case c == ' ' || c == '\t':
			gap = true
			continue
		case c == '\r' && i+1 < len(body) && body[i+1] == '\n':
			gap = false
		}
		if gap {
			out, gap = append(out, ' '), false
		}
		out = append(out, c)
	}
	return out // white space at the very end is dropped as well
}

// bodyHash is the hash of a canonical body, up to limit octets where the
// signature has l= (RFC 6376 §3.7).
func bodyHash(canonical []byte, limit int64) [sha256.Size]byte {
	if limit >= 0 && limit < int64(len(canonical)) {
		canonical = canonical[:limit]
	}
	return sha256.Sum256(canonical)
}

// withoutB is a signature field with the value of b= and the white space around
// it taken out (RFC 6376 §3.7).
func withoutB(raw []byte) []byte {
	colon := bytes.IndexByte(raw, ':')
	if colon < 0 {
		return raw
	}
	for start := colon + 1; start < len(raw); {
		end := len(raw)
		if i := bytes.IndexByte(raw[start:], ';'); i >= 0 {
			end = start + i
		}
		name, _, ok := bytes.Cut(raw[start:end], []byte("="))
		if ok && string(bytes.Trim(name, fws)) == "b" {
			return slices.Concat(raw[:start+len(name)+1], raw[end:])
		}
		start = end + 1
	}
	return raw
}

// picked are the fields that a signature covers, in the order of h=: of fields
// with one name the lowest first, and -1 where none is left (RFC 6376 §5.4.2).
func picked(m *Message, names []string) []int {
	by := map[string][]int{}
	for i := range m.Fields {
		by[m.Fields[i].Key] = append(by[m.Fields[i].Key], i)
	}
	out := make([]int, len(names))
	for i, name := range names {
		key := strings.ToLower(name)
		list := by[key]
		if len(list) == 0 {
			out[i] = -1
			continue
		}
		out[i] = list[len(list)-1]
		by[key] = list[:len(list)-1]
	}
	return out
}

// signedParts are the octets that a DKIM-Signature or an ARC-Message-Signature
// signs, a part for each name in h= and the signature itself without its final
// CRLF (RFC 6376 §3.7).
func signedParts(m *Message, fields []int, own int, mode string) [][]byte {
	parts := make([][]byte, 0, len(fields)+1)
	for _, i := range fields {
		var part []byte
		if i >= 0 {
			part = canonicalField(m.Fields[i].Raw, mode)
		}
		parts = append(parts, part)
	}
	return append(parts, signatureItself(m.Fields[own].Raw, mode))
}

func signatureItself(raw []byte, mode string) []byte {
	return bytes.TrimSuffix(canonicalField(withoutB(raw), mode), []byte("\r\n"))
}

func hashParts(parts [][]byte) [sha256.Size]byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
