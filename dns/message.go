package dns

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"
)

// ednsSize is the UDP payload that we offer: what crosses the Internet
// unfragmented (DNS flag day 2020).
const ednsSize = 1232

// query is one question as it goes out.
type query struct {
	name    Name
	qtype   Type
	recurse bool // RD
	cd      bool // checking disabled: answer although validation fails
	do      bool // with DNSSEC records (RFC 4035 §3.2.1)
	raw     bool // keep the message itself in the Step

	sent *atomic.Int32 // counts the messages; nil where nobody asks
}

// count counts a message for its question and for the client.
func (q query) count(total *atomic.Int64) {
	total.Add(1)
	if q.sent != nil {
		q.sent.Add(1)
	}
}

func (q query) String() string {
	s := q.name.String() + " " + q.qtype.String()
	if q.cd {
		s += " cd"
	}
	if q.do {
		s += " do"
	}
	return s
}

// pack makes the message. The name is given as text, for its letters' case.
func (q query) pack(id uint16, name string, edns bool) ([]byte, error) {
	m := mdns.Msg{
		MsgHdr: mdns.MsgHdr{
			Id: id, RecursionDesired: q.recurse, CheckingDisabled: q.cd,
			// RFC 6840 §5.7: AD in a query asks for AD in the reply, without DNSSEC records.
			AuthenticatedData: q.recurse,
		},
		Question: []mdns.Question{{Name: name, Qtype: uint16(q.qtype), Qclass: mdns.ClassINET}},
	}
	if edns {
		m.SetEdns0(ednsSize, q.do)
	}
	return m.Pack()
}

// newID is unpredictable: math/rand/v2 draws from ChaCha8, seeded by the system.
func newID() uint16 { return uint16(rand.Uint32()) }

// mixCase draws the case of each letter at random, so that a forged reply has
// to guess it too (draft-vixie-dnsext-dns0x20).
func mixCase(s string) string {
	b := []byte(s)
	bits, left := uint64(0), 0
	for i, c := range b {
		if c < 'a' || c > 'z' {
			continue
		}
		if left == 0 {
			bits, left = rand.Uint64(), 64
		}
		if bits&1 == 1 {
			b[i] = c - 'a' + 'A'
		}
		bits, left = bits>>1, left-1
	}
	return string(b)
}

// unmix reads a reply again with its question in lower case. Names in the
// answer are often pointers into the question (RFC 1035 §4.1.4) and would show
// the letters that mixCase drew as if somebody had published them.
func unmix(in []byte, m *mdns.Msg) *mdns.Msg {
	if len(m.Question) == 0 {
		return m
	}
	for at := 12; at < len(in) && in[at] != 0 && in[at] < 64; {
		end := min(at+1+int(in[at]), len(in))
		for i, c := range in[at+1 : end] {
			if c >= 'A' && c <= 'Z' {
				in[at+1+i] = c - 'A' + 'a'
			}
		}
		at = end
	}
	again := new(mdns.Msg)
	if err := again.Unpack(in); err != nil {
		return m // it could be read before: better in mixed case than not at all
	}
	return again
}

// match is how a reply relates to a query.
type match int

const (
	matchNone match = iota
	matchCase       // the right question, but in another case
	matchExact
)

func (q query) match(m *mdns.Msg, name string) match {
	if !m.Response || m.Opcode != mdns.OpcodeQuery || len(m.Question) > 1 {
		return matchNone
	}
	if len(m.Question) == 0 {
		// Servers that refuse or cannot read a query may leave it out.
		if m.Rcode != mdns.RcodeSuccess && m.Rcode != mdns.RcodeNameError {
			return matchExact
		}
		return matchNone
	}
	asked := m.Question[0]
	switch {
	case asked.Qtype != uint16(q.qtype) || asked.Qclass != mdns.ClassINET:
		return matchNone
	case asked.Name == name:
		return matchExact
	case nameOf(asked.Name) == q.name:
		return matchCase
	}
	return matchNone
}

// extendedError is the words of the reply's extended errors (RFC 8914), or "".
func extendedError(m *mdns.Msg) string {
	opt := m.IsEdns0()
	if opt == nil {
		return ""
	}
	var words []string
	for _, o := range opt.Option {
		e, ok := o.(*mdns.EDNS0_EDE)
		if !ok || len(words) == 4 {
			continue
		}
		s := mdns.ExtendedErrorCodeToString[e.InfoCode]
		if s == "" {
			s = fmt.Sprintf("extended error %d", e.InfoCode)
		}
		if e.ExtraText != "" {
			s += ": " + e.ExtraText[:min(len(e.ExtraText), 200)]
		}
		words = append(words, s)
	}
	return strings.Join(words, "; ")
}

// failureOf is the error that a reply stands for; nil when it is an answer.
func failureOf(m *mdns.Msg) *Error {
	detail := mdns.RcodeToString[m.Rcode]
	if detail == "" {
		detail = fmt.Sprintf("rcode %d", m.Rcode)
	}
	if ede := extendedError(m); ede != "" {
		detail += ", " + ede
	}
	switch m.Rcode {
	case mdns.RcodeSuccess, mdns.RcodeNameError:
	case mdns.RcodeRefused:
		return &Error{Kind: Refused, Detail: detail}
	default:
		return &Error{Kind: ServFail, Detail: detail}
	}
	if m.Rcode == mdns.RcodeSuccess && !m.RecursionAvailable && !m.Authoritative && len(m.Answer) == 0 {
		for _, rr := range m.Ns {
			if rr.Header().Rrtype == mdns.TypeNS {
				return &Error{Kind: Lame, Detail: "referral to " + nameOf(rr.Header().Name).FQDN()}
			}
		}
	}
	return nil
}

// maxRecords bounds what is kept of one answer; a message of 64 KiB could hold
// some more of them. An answer with more is none: the record that counts may be
// among those left out.
const maxRecords = 1000

// stepOf reads a usable reply to q: the CNAME chain as far as the reply has it,
// and what stands at its end.
func stepOf(m *mdns.Msg, q query) (Step, *Error) {
	for _, rr := range m.Answer {
		if cutShort(rr) {
			return Step{}, &Error{Kind: Malformed, Detail: "a record of type " + Type(rr.Header().Rrtype).String() + " is cut short"}
		}
	}
	s := Step{Status: NoData, Secure: m.AuthenticatedData}
	ttl := ^uint32(0)
	end := q.name
	for range maxChain + 1 {
		c := cnameAt(m.Answer, end)
		if c == nil || q.qtype == TypeCNAME {
			break
		}
		target := nameOf(c.Target)
		ttl = min(ttl, c.Hdr.Ttl)
		s.Size += packedSize(c)
		s.passed = append(s.passed, target)
		end = target
	}
	for _, rr := range m.Answer {
		h := rr.Header()
		if Type(h.Rrtype) != q.qtype || h.Class != mdns.ClassINET {
			continue
		}
		if len(s.Records) == maxRecords {
			return Step{}, &Error{Kind: Malformed, Detail: fmt.Sprintf("more than %d records", maxRecords)}
		}
		if r := recordOf(rr); r.Name == end {
			s.Records = append(s.Records, r)
			s.Size += packedSize(rr)
			ttl = min(ttl, r.TTL)
		}
	}
	if len(s.Records) > 0 {
		s.Status, s.TTL = Found, time.Duration(ttl)*time.Second
		return s, nil
	}
	denied := false
	for _, rr := range m.Ns {
		if soa, ok := rr.(*mdns.SOA); ok {
			// RFC 2308 §5: the lesser of the SOA's TTL and its MINIMUM.
			ttl = min(ttl, soa.Hdr.Ttl, soa.Minttl)
			s.Zone = nameOf(soa.Hdr.Name)
			denied = true
		}
	}
	switch {
	case m.Rcode == mdns.RcodeNameError:
		s.Status = NXDomain // of the chain's last name, RFC 6604 §3
	case !denied && len(s.passed) > 0:
		// The chain ends in the open: its last name is yet to be asked.
		last := len(s.passed) - 1
		s.Status, s.Target, s.passed = Found, s.passed[last], s.passed[:last]
	}
	if !denied && s.Status == NoData && len(s.passed) == 0 && len(m.Answer) > 0 {
		// Records, but none of them in answer: nothing was said of the question.
		return Step{}, &Error{Kind: Malformed, Detail: "the reply answers another question"}
	}
	if !denied && s.Target == "" {
		ttl = 0 // RFC 2308 §5: a denial without SOA is not to be kept
	}
	s.TTL = time.Duration(ttl) * time.Second
	return s, nil
}

func cnameAt(answer []mdns.RR, owner Name) *mdns.CNAME {
	for _, rr := range answer {
		if c, ok := rr.(*mdns.CNAME); ok && nameOf(c.Hdr.Name) == owner {
			return c
		}
	}
	return nil
}
