package message

import (
	"context"
	"net/netip"
	"strings"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/spf"
)

// Why SPF could not be evaluated: the file does not say, and nobody else did.
const (
	causeNoIP       = "message-no-ip"
	causeNoMailFrom = "message-no-mail-from"
	causeNoHELO     = "message-no-helo"
)

// gatherSPF evaluates SPF for the delivery. Where nobody knows the client or
// the sender there is no result: "none" would be a statement about the domain.
func (f *Facts) gatherSPF(ctx context.Context, r dns.Resolver) {
	if f.spfCause() != nil {
		return
	}
	d := f.Delivery
	f.SPF = spf.Check(ctx, r, spf.Query{IP: d.IP, MailFrom: d.MailFrom, HELO: d.HELO, Receiver: f.Options.Receiver, Now: f.Options.Now})
}

// spfCause is why SPF was not evaluated; nil where it was.
func (f *Facts) spfCause() error {
	switch d := f.Delivery; {
	case d.IP == (netip.Addr{}):
		return check.Cause{Code: causeNoIP, Params: check.Params{}}
	case !d.MailFromKnown:
		return check.Cause{Code: causeNoMailFrom, Params: check.Params{}}
	case d.MailFrom == "" && d.HELO == "":
		return check.Cause{Code: causeNoHELO, Params: check.Params{}}
	}
	return nil
}

// spfDomain is the domain that SPF is about: of MAIL FROM, or of HELO where the
// reverse-path is null (RFC 7208 §2.4); "" where it is not known.
func (f *Facts) spfDomain() dns.Name {
	if f.SPF != nil {
		return f.SPF.Domain
	}
	d := f.Delivery
	text := d.MailFrom
	if d.MailFromKnown && text == "" {
		text = d.HELO
	}
	name, _ := dns.ParseDomain(text[strings.LastIndexByte(text, '@')+1:])
	return name
}

// forwarded tells whether the message shows signs of having been sent on: then
// SPF fails by nature.
func (f *Facts) forwarded() bool { return len(f.Delivery.Forwarded) > 0 }
