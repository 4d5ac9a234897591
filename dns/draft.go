package dns

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	mdns "github.com/miekg/dns"
)

// Entry is a record that is to be published, from a file that is no zone file.
type Entry struct {
	Name    Name
	Type    Type
	TTL     uint32
	Data    string   // RDATA in presentation form; not read where Strings are given
	Strings []string // TXT: the character-strings, raw octets
}

// NewDraft makes a zone of records that are to be published, for Overlay to put
// before what is published now. SOA, NS and keys of the apex that the records
// do not mention are asked of the next resolver: a DNS host adds them, and
// whoever signs the zone today signs it tomorrow. Of a partial draft the same
// holds for every name and type that has no record here.
//
// A record that cannot be read is left out; problems says why, by its index.
func NewDraft(origin Name, file string, entries []Entry, partial bool) (z *Zone, problems map[int]error) {
	z = &Zone{Origin: origin, File: file, draft: true, partial: partial, negTTL: defaultTTL * 1e9}
	z.nodes = map[Name]*node{origin: {sets: map[Type]*rrset{}}}
	problems = map[int]error{}
	for i := range entries {
		rr, err := entries[i].rr()
		if err == nil && !entries[i].Name.IsUnder(origin) {
			err = fmt.Errorf("dns: %s lies outside of the zone %s", entries[i].Name.FQDN(), origin.FQDN())
		}
		if err != nil {
			problems[i] = err
			continue
		}
		rec := recordOf(rr)
		rec.Name = entries[i].Name
		z.add(rec, rr)
	}
	return z, problems
}

// rr reads the data. The owner is put in afterwards, so that no name can be
// taken for a directive.
func (e *Entry) rr() (mdns.RR, error) {
	if err := e.Name.Check(); err != nil {
		return nil, fmt.Errorf("dns: %q is no domain name: %v", e.Name, err)
	}
	hdr := mdns.RR_Header{Name: e.Name.FQDN(), Rrtype: uint16(e.Type), Class: mdns.ClassINET, Ttl: e.TTL}
	if len(e.Strings) > 0 && e.Type == TypeTXT {
		txt := &mdns.TXT{Hdr: hdr}
		for _, s := range e.Strings {
			for more := true; more; more = len(s) > 0 {
				n := min(len(s), 255) // RFC 1035 §3.3: more does not fit one string
				txt.Txt = append(txt.Txt, escapeString(s[:n]))
				s = s[n:]
			}
		}
		return txt, nil
	}
	if i := strings.IndexFunc(e.Data, func(r rune) bool { return r < ' ' && r != '\t' }); i >= 0 {
		return nil, fmt.Errorf("dns: the data of %s has a control character", e.Name.FQDN())
	}
	rr, err := mdns.NewRR("owner. " + strconv.FormatUint(uint64(e.TTL), 10) + " IN " + e.Type.String() + " " + e.Data)
	if err != nil || rr == nil {
		return nil, fmt.Errorf("dns: %q is no data of a %s record", e.Data, e.Type)
	}
	*rr.Header() = hdr
	return rr, nil
}

// escapeString writes raw octets as miekg/dns keeps a character-string.
func escapeString(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03d", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// hosted are the types at the apex that a DNS host writes by itself.
var hosted = []Type{TypeSOA, TypeNS, TypeDNSKEY, Type(mdns.TypeCDS), Type(mdns.TypeCDNSKEY), TypeNSEC, Type(mdns.TypeNSEC3PARAM)}

// Leave says that a draft has a record of that name and type whose content is
// not known: the name exists, and the next resolver is asked. It must not be
// called once questions are asked.
func (z *Zone) Leave(n Name, t Type) {
	z.AddName(n)
	if z.left == nil {
		z.left = map[Name][]Type{}
	}
	z.left[n] = append(z.left[n], t)
}

// Beside says that a draft's TXT records at a name are added to those that are
// published, as a tool does that manages each record by itself. Of published
// ones those stay whose beginning, up to an equals sign, the draft does not
// have: its SPF record takes the place of another. It must not be called once
// questions are asked.
func (z *Zone) Beside(n Name) {
	if z.beside == nil {
		z.beside = map[Name]bool{}
	}
	z.beside[n] = true
}

// besides adds what stays to what a draft has. Where nobody can be asked, a
// draft without a policy of its own at the name cannot tell that there is none.
func (o *overlay) besides(ctx context.Context, n Name, s Step) (Step, error) {
	live, err := o.ask(ctx, n, TypeTXT)
	begins := func(r *Record) string {
		head, _, _ := strings.Cut(r.Text(), "=")
		if strings.EqualFold(head, "v") {
			head, _, _ = strings.Cut(r.Text(), " ") // v=spf1
			head, _, _ = strings.Cut(head, ";")
		}
		return strings.ToLower(head)
	}
	have := map[string]bool{}
	policy := false
	for i := range s.Records {
		b := begins(&s.Records[i])
		have[b] = true
		policy = policy || strings.HasPrefix(b, "v=")
	}
	switch {
	case err != nil && !policy:
		return Step{}, err
	case err != nil || live.answer == nil || live.answer.Status != Found || len(live.answer.Chain) > 0:
		return s, nil
	}
	all := slices.Clone(s.Records)
	for i := range live.answer.Records {
		if r := live.answer.Records[i]; !have[begins(&r)] {
			all = append(all, r)
		}
	}
	s.Records = all
	return s, nil
}

// leaves tells that a draft does not say what was asked.
func (z *Zone) leaves(n Name, qtype Type, s Step) bool {
	if n == z.Origin && slices.Contains(hosted, qtype) && s.Target == "" {
		return s.Status != Found || qtype == TypeSOA // the present SOA tells who signs
	}
	if slices.Contains(z.left[n], qtype) {
		return true
	}
	return z.partial && (s.Status != Found || s.Source != n)
}

// drafted is what a draft, or for what it leaves unsaid the next resolver, answers.
func (o *overlay) drafted(ctx context.Context, z *Zone, n Name, qtype Type, s Step) (Step, error) {
	if o.next != nil {
		// What is signed now is taken to be signed after the change, too.
		if a, err := o.next.Resolve(ctx, z.Origin, TypeSOA); err == nil {
			s.Secure, s.Trusted = a.AD, a.Trusted
		}
	}
	if !z.leaves(n, qtype, s) {
		if qtype == TypeTXT && z.partial && z.beside[n] && s.Status == Found && s.Target == "" {
			return o.besides(ctx, n, s)
		}
		return s, nil
	}
	live, err := o.ask(ctx, n, qtype)
	switch {
	case err != nil && s.Status == Found && s.Source == n:
		return s, nil // an SOA of its own, where none is published
	case err != nil || live.answer == nil:
		return live, err
	case s.Status != NXDomain && live.answer.Status != Found && len(live.answer.Chain) == 0 &&
		(live.answer.Status == NXDomain || s.Status == Found && s.Source == n):
		return s, nil // a wildcard of the draft, or a name above one of its records
	}
	return live, nil
}
