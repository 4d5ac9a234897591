package dns

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// Zone is the content of one zone, looked up as its authoritative servers
// would (RFC 1034 §4.3.2, RFC 4592). It is safe for concurrent use.
type Zone struct {
	Origin Name
	File   string // named in answers and errors

	closed  bool            // ParseClosed: NS records are data
	draft   bool            // NewDraft: what it leaves unsaid is asked elsewhere
	partial bool            // NewDraft: other names may exist
	left    map[Name][]Type // NewDraft: what Leave names
	beside  map[Name]bool   // NewDraft: what Beside names
	nodes   map[Name]*node
	records []Record
	negTTL  time.Duration
}

// node is one name of a zone. A node without RRsets is an empty non-terminal.
type node struct {
	sets map[Type]*rrset
}

type rrset struct {
	records []Record
	rrs     []mdns.RR
	ttl     uint32
}

func (s *rrset) size() int {
	n := 0
	for _, rr := range s.rrs {
		n += packedSize(rr)
	}
	return n
}

// maxZoneRecords bounds a zone: a line of $GENERATE makes 65,536 records.
const maxZoneRecords = 2_000_000

const defaultTTL = 3600 // seconds, where the file has no $TTL

// ParseZone reads a zone in the form of RFC 1035 §5. Without an origin, it is
// the owner of the first SOA record. $INCLUDE is refused. Errors name file and
// line.
func ParseZone(r io.Reader, origin Name, file string) (*Zone, error) {
	z := &Zone{File: file}
	if origin != "" {
		z.Origin = nameOf(string(origin))
	}
	if err := z.parse(r); err != nil {
		return nil, err
	}
	return z, nil
}

// ParseClosed reads the text of a closed world: its origin is the root, it
// needs no SOA, its NS records delegate nothing, and equal records at one name
// stay as they are. It is what package dnstest answers from.
func ParseClosed(r io.Reader, file string) (*Zone, error) {
	z := &Zone{Origin: Root, File: file, closed: true}
	if err := z.parse(r); err != nil {
		return nil, err
	}
	return z, nil
}

func (z *Zone) parse(r io.Reader) error {
	lines := &lineReader{r: bufio.NewReader(r), line: 1}
	origin := ""
	if z.Origin != "" {
		origin = z.Origin.FQDN()
	}
	zp := mdns.NewZoneParser(lines, origin, "")
	zp.SetDefaultTTL(defaultTTL)

	var rrs []mdns.RR
	var at, cols []int
	for {
		lines.start = 0
		rr, ok := zp.Next()
		if !ok {
			break
		}
		if c := rr.Header().Class; c != mdns.ClassINET {
			return fmt.Errorf("%s:%d: the class is %s, not IN", z.File, lines.at(), mdns.Class(c))
		}
		if _, soa := rr.(*mdns.SOA); soa && z.Origin == "" {
			z.Origin = nameOf(rr.Header().Name)
		}
		if len(rrs) == maxZoneRecords {
			return fmt.Errorf("%s:%d: more than %d records", z.File, lines.at(), maxZoneRecords)
		}
		rrs, at, cols = append(rrs, rr), append(at, lines.at()), append(cols, lines.startCol)
	}
	if err := zp.Err(); err != nil {
		return z.syntaxError(err, lines)
	}
	if z.Origin == "" {
		return fmt.Errorf("%s: no SOA record tells the zone's origin; name it with ORIGIN=%s", z.File, z.File)
	}
	z.nodes = map[Name]*node{z.Origin: {sets: map[Type]*rrset{}}}
	for i, rr := range rrs {
		rec := recordOf(rr)
		rec.Line, rec.Col = at[i], cols[i]
		if err := rec.Name.Check(); err != nil {
			return fmt.Errorf("%s:%d: %q is no domain name: %v", z.File, rec.Line, rec.Name, err)
		}
		if !rec.Name.IsUnder(z.Origin) {
			return fmt.Errorf("%s:%d: %s lies outside of the zone %s", z.File, rec.Line, rec.Name.FQDN(), z.Origin.FQDN())
		}
		z.add(rec, rr)
	}
	z.negTTL = defaultTTL * time.Second
	if soa := z.set(z.Origin, TypeSOA); soa != nil {
		// RFC 2308 §5: the lesser of the SOA's TTL and its MINIMUM.
		z.negTTL = time.Duration(min(soa.ttl, soa.records[0].SOA.Minimum)) * time.Second
	}
	return nil
}

func (z *Zone) syntaxError(err error, lines *lineReader) error {
	hint := ""
	if z.Origin == "" {
		hint = fmt.Sprintf(" (relative names need an origin: $ORIGIN in the file, or ORIGIN=%s)", z.File)
	}
	if _, ok := errors.AsType[*mdns.ParseError](err); ok {
		// "dns: bad TTL: "x" at line: 3:14"
		text := strings.TrimPrefix(err.Error(), "dns: ")
		if i := strings.LastIndex(text, " at line: "); i >= 0 {
			return fmt.Errorf("%s:%s: %s%s", z.File, text[i+len(" at line: "):], text[:i], hint)
		}
	}
	return fmt.Errorf("%s:%d: %w%s", z.File, lines.at(), err, hint)
}

func (z *Zone) add(rec Record, rr mdns.RR) {
	// Every name between the record and the origin exists (RFC 4592 §2.2.2).
	for n := rec.Name; z.nodes[n] == nil; n = n.Parent() {
		z.nodes[n] = &node{sets: map[Type]*rrset{}}
	}
	z.records = append(z.records, rec)
	sets := z.nodes[rec.Name].sets
	set := sets[rec.Type]
	if set == nil {
		set = &rrset{ttl: rec.TTL}
		sets[rec.Type] = set
	}
	if !z.closed && len(set.records) < 1000 {
		// RFC 2181 §5: an RRset is a set.
		for i := range set.records {
			if mdns.IsDuplicate(set.rrs[i], rr) {
				return
			}
		}
	}
	set.ttl = min(set.ttl, rec.TTL)
	set.records = append(set.records, rec)
	set.rrs = append(set.rrs, rr)
}

// AddName makes a name exist, without records of its own.
func (z *Zone) AddName(n Name) {
	for ; n.IsUnder(z.Origin) && z.nodes[n] == nil; n = n.Parent() {
		z.nodes[n] = &node{sets: map[Type]*rrset{}}
	}
}

// Records are all records in the order of the file. Treat them as read-only.
func (z *Zone) Records() []Record { return z.records }

func (z *Zone) set(n Name, t Type) *rrset {
	if node := z.nodes[n]; node != nil {
		return node.sets[t]
	}
	return nil
}

// Step is what one zone says about one name, before any CNAME is followed.
type Step struct {
	Status  Status // of this name; Found also where Target is set
	Records []Record
	Target  Name // where a CNAME or DNAME leads; "" at the end of a chain
	TTL     time.Duration
	Source  Name // the node that answers: the name itself, or a wildcard, or a DNAME's owner
	Cut     Name // set when it is not this zone's to answer: where the name was delegated
	Size    int  // octets of the records in a reply

	Zone    Name   // the zone that denies
	Server  string // who says so
	Secure  bool   // authenticated data
	Trusted bool   // Secure can be believed

	took    time.Duration
	packets int
	passed  []Name  // hops before Target, or before the records
	answer  *Answer // the rest of the chain, had from elsewhere
	denial  Denial  // where DNSSEC records were asked for
	msg     *mdns.Msg
}

// Lookup says what the zone holds for one name and type, as its authoritative
// server would. A name outside of the zone is not its to answer, as one below
// a delegation is not.
func (z *Zone) Lookup(name Name, qtype Type) Step {
	if !name.IsUnder(z.Origin) {
		return Step{Cut: Root}
	}
	// From the origin down: a cut or a DNAME on the way ends the search
	// (RFC 1034 §4.3.2 step 3b, RFC 6672 §3.2).
	var path []Name // from the name up to below the origin
	for n := name; n != z.Origin; n = n.Parent() {
		path = append(path, n)
	}
	encloser := z.Origin
	for i := len(path); i >= 0; i-- {
		n := z.Origin
		if i < len(path) {
			n = path[i]
		}
		if z.nodes[n] == nil {
			return z.wildcard(name, encloser, qtype)
		}
		encloser = n
		if n != z.Origin && !z.closed && z.set(n, TypeNS) != nil && (n != name || qtype != TypeDS) {
			return Step{Cut: n}
		}
		if n != name {
			if set := z.set(n, Type(mdns.TypeDNAME)); set != nil {
				return z.dname(name, n, set)
			}
		}
	}
	return z.at(name, name, qtype)
}

// wildcard answers from the closest encloser's "*" child (RFC 4592 §3.3.1).
func (z *Zone) wildcard(name, encloser Name, qtype Type) Step {
	star := encloser.Child("*")
	if z.nodes[star] == nil {
		return Step{Status: NXDomain, TTL: z.negTTL, Source: encloser, Zone: z.denier()}
	}
	return z.at(name, star, qtype)
}

// at answers for name from the records of the node source.
func (z *Zone) at(name, source Name, qtype Type) Step {
	if set := z.set(source, qtype); set != nil {
		return z.found(name, source, set, "")
	}
	if set := z.set(source, TypeCNAME); set != nil {
		return z.found(name, source, set, set.records[0].Host)
	}
	return Step{Status: NoData, TTL: z.negTTL, Source: source, Zone: z.denier()}
}

// denier is the zone's name where it has the SOA that a denial shows.
func (z *Zone) denier() Name {
	if z.set(z.Origin, TypeSOA) == nil {
		return ""
	}
	return z.Origin
}

func (z *Zone) found(name, source Name, set *rrset, target Name) Step {
	s := Step{Status: Found, Source: source, Target: target, TTL: time.Duration(set.ttl) * time.Second, Size: set.size()}
	if target != "" {
		return s
	}
	s.Records = set.records
	if name != source {
		s.Records = make([]Record, len(set.records))
		for i, r := range set.records {
			r.Name = name
			s.Records[i] = r
		}
	}
	return s
}

// dname puts the target in place of the owner (RFC 6672 §2.2). A name that
// grows too long is refused when it is asked.
func (z *Zone) dname(name, owner Name, set *rrset) Step {
	target := Root
	if rr, ok := set.rrs[0].(*mdns.DNAME); ok {
		target = nameOf(rr.Target)
	}
	prefix := strings.TrimSuffix(strings.TrimSuffix(string(name), string(owner)), ".")
	if owner == Root {
		prefix = string(name)
	}
	return Step{
		Status: Found, Source: owner, Target: target.Child(prefix),
		TTL: time.Duration(set.ttl) * time.Second, Size: set.size(),
	}
}

// lineReader counts the lines that the zone parser has read. It is an
// io.ByteReader, so that the parser reads no further than it understands.
type lineReader struct {
	r       *bufio.Reader
	line    int
	col     int // octets read of the line
	start   int // the line on which the record being read begins; 0 before it
	skip    bool
	midLine bool

	directive int // the line of the last directive: records of $GENERATE have no line of their own
	startCol  int // where on the line start the record begins, from 1
}

func (l *lineReader) ReadByte() (byte, error) {
	c, err := l.r.ReadByte()
	if err != nil {
		return c, err
	}
	l.col++
	switch {
	case c == '\n':
		l.line++
		l.col = 0
		l.skip, l.midLine = false, false
		return c, nil
	case l.skip || c == ' ' || c == '\t' || c == '\r':
	case c == ';' || (c == '$' && !l.midLine):
		l.skip = true // a comment or a directive
		if c == '$' {
			l.directive, l.startCol = l.line, l.col
		}
	case l.start == 0:
		l.start, l.startCol = l.line, l.col
	}
	l.midLine = true
	return c, nil
}

// Read makes it an io.Reader; the parser uses ReadByte.
func (l *lineReader) Read(p []byte) (int, error) {
	for i := range p {
		c, err := l.ReadByte()
		if err != nil {
			return i, err
		}
		p[i] = c
	}
	return len(p), nil
}

// at is the line of the record just read.
func (l *lineReader) at() int {
	if l.start > 0 {
		return l.start
	}
	if l.directive > 0 {
		return l.directive
	}
	return l.line
}
