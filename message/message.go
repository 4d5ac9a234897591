// Package message looks at one message as a receiver would: its format
// (RFC 5322), SPF, each DKIM signature, DMARC (RFC 9989), the ARC chain
// (RFC 8617) and what other servers wrote into it (RFC 8601).
//
// Like package audit it stands above the standards: it asks spf, dkim and dmarc
// and relates what they say. A message is a stranger's bytes throughout.
package message

import (
	"net/netip"
	"time"

	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/spf"
)

// Message is one message as its octets are, split and not interpreted.
type Message struct {
	Raw    []byte  // with CRLF at the ends of lines, unless they were mixed
	Fields []Field // the header, top first
	Body   []byte  // of Raw, after the empty line; nil where there is no such line

	// LF tells that every line of the file ended in a bare LF, as Unix keeps
	// files, and was converted.
	LF bool

	Mbox   bool // the "From " line of an mbox stood in front and was dropped
	BOM    bool // so did a byte order mark
	Broken int  // line at which the header ended without an empty line; 0 where it did not
}

// Field is one header field.
type Field struct {
	Name   string // as written, without white space before the colon
	Key    string // Name in lower case
	Value  string // after the colon, unfolded, without surrounding white space
	Raw    []byte // whole, with its folds and the final line end
	Offset int    // in Message.Raw
	Line   int    // first line in the file, from 1
}

// Options are what is known of the delivery beyond the message.
type Options struct {
	IP       netip.Addr // of the client; the zero value takes it from Received
	HELO     string     // "" takes it from Received
	MailFrom *string    // nil takes it from Return-Path; "" is the null reverse-path
	Receiver string     // authserv-id of the server that the reader trusts, "" unknown
	Bulk     bool       // the user says that this is bulk mail
	Now      func() time.Time
}

// Facts are everything observed about one message. Each part is gathered and
// judged in the file of its name.
type Facts struct {
	Message *Message `json:"-"`
	Options Options  `json:"-"`

	Format   *Format   `json:"format"`   // format.go
	Delivery *Delivery `json:"delivery"` // delivery.go

	SPF        *spf.Outcome   `json:"spf"`        // nil where nothing is known to check
	Signatures []*Signature   `json:"signatures"` // signature.go
	DMARC      *dmarc.Outcome `json:"dmarc"`      // nil where the message has no Author Domain
	ARC        *ARC           `json:"arc"`        // arc.go; nil without a set
	AuthRes    []*AuthRes     `json:"authres"`    // authres.go
	Bulk       *Bulk          `json:"bulk"`       // bulk.go; nil where it does not look bulk
}
