package message

import (
	"bytes"
	"context"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/postseal/postseal/dns"
)

// Limits of RFC 5322 §2.1.1, in octets without the line end.
const (
	maxLine    = 998
	wantedLine = 78
)

// maxAsked bounds how many domains of one From field are looked up.
const maxAsked = 5

// Format is what the header says and how it is written.
type Format struct {
	From         []Mailbox `json:"from"`          // of every From field, in order
	AuthorDomain dns.Name  `json:"author_domain"` // "" where there is none, or more than one

	FromFields  int          `json:"from_fields"`
	FromGroups  []string     `json:"from_groups"`  // display names of groups in From (RFC 6854)
	FromProblem *TextProblem `json:"from_problem"` // of the first From field that no grammar allows
	Readings    []Reading    `json:"readings"`     // what lenient programs make of the topmost From
	Exists      []dns.Lookup `json:"exists"`       // MX at the domains in From

	Date        *time.Time `json:"date"`       // nil where it is missing or cannot be read
	MessageID   string     `json:"message_id"` // as written
	Duplicates  []Repeated `json:"duplicates"` // fields that may stand once (RFC 5322 §3.6) and do not
	EncodedAddr []int      `json:"-"`          // fields with an encoded word inside an address
	EightBit    []int      `json:"-"`          // fields with octets beyond US-ASCII
	SMTPUTF8    bool       `json:"smtputf8"`   // a Received field says that such were allowed (RFC 6531)

	Lines Lines `json:"lines"`
}

// Mailbox is one address of a header field.
type Mailbox struct {
	Display string   `json:"display"` // decoded
	Address string   `json:"address"` // as written
	Domain  dns.Name `json:"domain"`  // A-labels; "" where there is none
}

// Reading is what one lenient reader takes for the author.
type Reading struct {
	Reader    string     `json:"reader"` // "net/mail", "first-angle", "last-angle", "words"
	Addresses []string   `json:"addresses"`
	Domains   []dns.Name `json:"domains"`
}

// TextProblem is where the text of a field leaves the grammar.
type TextProblem struct {
	Field  int    `json:"field"` // index in Message.Fields
	Code   string `json:"code"`
	Offset int    `json:"offset"` // in the unfolded value
}

// Repeated is a field that stands more than once.
type Repeated struct {
	Name   string `json:"name"`
	Fields []int  `json:"fields"` // indices in Message.Fields
}

// Lines is how the octets are cut into lines.
type Lines struct {
	Long       []int `json:"long"`        // numbers of lines over 998 octets, the first ten
	LongCount  int   `json:"long_count"`  // all of them
	Longest    int   `json:"longest"`     // octets
	WideHeader []int `json:"wide_header"` // numbers of header lines over 78 octets, the first ten
	WideCount  int   `json:"wide_count"`
	BareCR     Stray `json:"bare_cr"`
	BareLF     Stray `json:"bare_lf"`
	NUL        Stray `json:"nul"`
	Body8Bit   bool  `json:"body_8bit"`
}

// Stray is an octet that does not belong.
type Stray struct {
	Count  int `json:"count"`
	Offset int `json:"offset"` // of the first, in Message.Raw
	Line   int `json:"line"`   // of the first
}

func (s *Stray) add(offset, line int) {
	if s.Count == 0 {
		s.Offset, s.Line = offset, line
	}
	s.Count++
}

// singles are the fields that stand once at most (RFC 5322 §3.6), in lower
// case. Those that a reader sees, or trusts, are true.
var singles = map[string]bool{
	"from": true, "sender": true, "reply-to": true, "to": true, "subject": true, "date": true, "message-id": true,
	"cc": false, "bcc": false, "in-reply-to": false, "references": false,
}

// addressFields are the fields whose addresses people and programs act on.
var addressFields = []string{"from", "sender", "reply-to", "to", "cc"}

func (f *Facts) gatherFormat() {
	m := f.Message
	fm := &Format{From: []Mailbox{}, FromGroups: []string{}, Readings: []Reading{}, Exists: []dns.Lookup{}, Duplicates: []Repeated{}}
	f.Format = fm
	fm.Lines = readLines(m)
	fm.readFrom(m)
	if d := m.first("date"); d != nil {
		if t, err := mail.ParseDate(d.Value); err == nil {
			fm.Date = &t
		}
	}
	if id := m.first("message-id"); id != nil {
		fm.MessageID = id.Value
	}
	seen := map[string]bool{}
	for i := range m.Fields {
		fd := &m.Fields[i]
		if _, single := singles[fd.Key]; single && !seen[fd.Key] {
			seen[fd.Key] = true
			if all := m.all(fd.Key); len(all) > 1 {
				fm.Duplicates = append(fm.Duplicates, Repeated{Name: fd.Name, Fields: all})
			}
		}
		if slices.Contains(addressFields, fd.Key) && encodedInAddress(fd.Value) {
			fm.EncodedAddr = append(fm.EncodedAddr, i)
		}
		if bytes.ContainsFunc(fd.Raw, func(r rune) bool { return r >= 0x7f }) {
			fm.EightBit = append(fm.EightBit, i)
		}
		if fd.Key == "received" && utf8Hop.MatchString(fd.Value) {
			fm.SMTPUTF8 = true
		}
	}
}

// utf8Hop is a protocol of RFC 6531 §4.3 in a Received field.
var utf8Hop = regexp.MustCompile(`(?i)\bwith\s+UTF8(SMTP|LMTP)`)

// readFrom reads every From field, strictly first. Where that fails, lenient
// readers that agree on one domain give the Author Domain: a receiver would
// find it, too.
func (fm *Format) readFrom(m *Message) {
	fields := m.all("from")
	fm.FromFields = len(fields)
	domains := map[dns.Name]bool{}
	for n, i := range fields {
		value := m.Fields[i].Value
		if n >= maxAsked {
			break // so many are told by their number
		}
		list := parseAddresses(value)
		readings := lenient(value[:min(len(value), maxAddressText)])
		if n == 0 {
			fm.Readings = append(fm.Readings, readings...)
		}
		fm.FromGroups = append(fm.FromGroups, list.groups...)
		if list.problem != "" {
			if fm.FromProblem == nil {
				fm.FromProblem = &TextProblem{Field: i, Code: list.problem, Offset: list.at}
			}
			list.mailboxes = agreed(readings, value)
		}
		fm.From = append(fm.From, list.mailboxes...)
		for _, mb := range list.mailboxes {
			domains[mb.Domain] = true
		}
	}
	if len(fields) == 1 && len(domains) == 1 {
		for d := range domains {
			fm.AuthorDomain = d
		}
	}
}

// agreed is the mailbox in which all readings end, if there is one. What stands
// before its bracket is what mail readers show.
func agreed(readings []Reading, value string) []Mailbox {
	var all []string
	for _, r := range readings {
		all = append(all, r.Addresses...)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) != 1 || strings.Count(all[0], "@") != 1 {
		return nil // of two @, some take the first and some the last
	}
	display := ""
	if i := strings.LastIndexByte(value, '<'); i > 0 {
		display = strings.Trim(cut(value[:i], maxRecord), " \t\"")
	}
	return []Mailbox{mailbox(display, all[0])}
}

// encodedWord is one as RFC 2047 §2 writes it.
var encodedWord = regexp.MustCompile(`=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=`)

// encodedInAddress tells whether an encoded word stands where RFC 2047 §5 allows
// none: in an address, as opposed to the name before it.
func encodedInAddress(value string) bool {
	if !strings.Contains(value, "=?") {
		return false
	}
	for _, mb := range parseAddresses(value).mailboxes {
		if encodedWord.MatchString(mb.Address) {
			return true
		}
	}
	for _, r := range lenient(value[:min(len(value), maxAddressText)]) {
		if slices.ContainsFunc(r.Addresses, encodedWord.MatchString) {
			return true
		}
	}
	return false
}

// firstTen keeps evidence short.
const firstTen = 10

// readLines looks at every octet once.
func readLines(m *Message) Lines {
	l := Lines{Long: []int{}, WideHeader: []int{}}
	line := 1
	if m.Mbox {
		line++
	}
	body := len(m.Raw) - len(m.Body)
	for at, rest := 0, m.Raw; len(rest) > 0; line++ {
		n := bytes.IndexByte(rest, '\n') + 1
		whole := n > 0
		if !whole {
			n = len(rest)
		}
		text := rest[:n]
		if whole {
			text = text[:n-1]
			if t, ok := bytes.CutSuffix(text, []byte("\r")); ok {
				text = t
			} else {
				l.BareLF.add(at+n-1, line)
			}
		}
		l.look(text, at, line, at < body)
		at += n
		rest = rest[n:]
	}
	return l
}

// look judges one line without its end.
func (l *Lines) look(text []byte, at, line int, header bool) {
	l.Longest = max(l.Longest, len(text))
	if len(text) > maxLine {
		if l.LongCount++; len(l.Long) < firstTen {
			l.Long = append(l.Long, line)
		}
	}
	if header && len(text) > wantedLine {
		if l.WideCount++; len(l.WideHeader) < firstTen {
			l.WideHeader = append(l.WideHeader, line)
		}
	}
	for i, c := range text {
		switch {
		case c == '\r':
			l.BareCR.add(at+i, line)
		case c == 0:
			l.NUL.add(at+i, line)
		case c >= 0x80 && !header:
			l.Body8Bit = true
		}
	}
}

// askFormat asks whether the domains in From exist.
func (f *Facts) askFormat(ctx context.Context, r dns.Resolver) {
	var asked []dns.Name
	for _, mb := range f.Format.From {
		if mb.Domain == "" || slices.Contains(asked, mb.Domain) || len(asked) == maxAsked {
			continue
		}
		asked = append(asked, mb.Domain)
		f.Format.Exists = append(f.Format.Exists, dns.Ask(ctx, r, mb.Domain, dns.TypeMX))
	}
}
