package message

import (
	"slices"
	"strings"

	"github.com/postseal/postseal/dmarc"
)

// Bulk is what bulk mail carries.
type Bulk struct {
	Signs       []string `json:"signs"`        // why it looks bulk: names of fields, or "user"
	Unsubscribe []string `json:"unsubscribe"`  // URIs of List-Unsubscribe (RFC 2369 §3.2)
	HTTPS       bool     `json:"https"`        // one of them is https
	Post        *string  `json:"post"`         // value of List-Unsubscribe-Post; nil without it
	Signed      string   `json:"signed"`       // both fields are covered by a valid signature: "yes", "no", "unknown"
	Discussion  bool     `json:"discussion"`   // List-Post: people write to the list
	Freemail    bool     `json:"freemail"`     // the author's domain is that of a provider of free mailboxes
	Google      []Demand `json:"google"`       // what Google asks of bulk senders
	Microsoft   []Demand `json:"microsoft"`    // what Microsoft does
	ListID      bool     `json:"list_id"`      // RFC 2919
	ListSigns   []string `json:"list_headers"` // list fields other than those of unsubscribing
}

// Demand is one thing that a receiver asks of senders.
type Demand struct {
	Name  string `json:"name"`  // "SPF", "DKIM", "DMARC", "alignment", "PTR", "TLS", "format", "one-click"
	State string `json:"state"` // "met", "not-met", "unknown"
}

// bulkSigns are fields that only mail to many has.
var bulkSigns = map[string]bool{
	"list-id": true, "list-unsubscribe": true, "list-unsubscribe-post": true, "list-post": true, "list-help": true,
	"list-subscribe": true, "list-archive": true, "list-owner": true, "feedback-id": true,
}

func (f *Facts) gatherBulk() {
	b := &Bulk{Signs: []string{}, Unsubscribe: []string{}, ListSigns: []string{}}
	sign := func(name string) {
		if !slices.Contains(b.Signs, name) {
			b.Signs = append(b.Signs, name)
		}
	}
	for i := range f.Message.Fields {
		fd := &f.Message.Fields[i]
		switch {
		case bulkSigns[fd.Key]:
			sign(fd.Name)
		case fd.Key == "precedence" && slices.Contains([]string{"bulk", "list", "junk"}, strings.ToLower(fd.Value)):
			sign(fd.Name)
		default:
			continue
		}
		switch fd.Key {
		case "list-id":
			b.ListID = true
		case "list-post":
			b.Discussion = !strings.EqualFold(strings.TrimSpace(fd.Value), "NO") // RFC 2369 §3.4
			fallthrough
		case "list-help", "list-subscribe", "list-archive", "list-owner":
			b.ListSigns = append(b.ListSigns, fd.Name)
		case "list-unsubscribe":
			b.Unsubscribe = append(b.Unsubscribe, listURIs(fd.Value)...)
		case "list-unsubscribe-post":
			if b.Post == nil {
				v := cut(fd.Value, maxRecord)
				b.Post = &v
			}
		}
	}
	if f.Options.Bulk {
		sign("user")
	}
	if len(b.Signs) == 0 {
		return
	}
	b.HTTPS = slices.ContainsFunc(b.Unsubscribe, func(u string) bool { return len(u) > 8 && strings.EqualFold(u[:8], "https://") })
	b.Signed = f.bothSigned()
	b.Freemail = dmarc.IsFreeMailbox(f.Format.AuthorDomain)
	f.Bulk = b
	b.Google, b.Microsoft = f.google(), f.microsoft()
}

// maxURIs is how many URIs of List-Unsubscribe are kept.
const maxURIs = 20

// listURIs are the URIs in angle brackets (RFC 2369 §2).
func listURIs(value string) []string {
	uris := []string{}
	for len(uris) < maxURIs {
		_, rest, ok := strings.Cut(value, "<")
		if !ok {
			break
		}
		in, after, ok := strings.Cut(rest, ">")
		if !ok {
			break
		}
		// White space inside is ignored, as folding puts it there.
		uris = append(uris, cut(strings.Join(strings.Fields(in), ""), maxRecord))
		value = after
	}
	return uris
}

// bothSigned tells whether one valid signature covers both fields (RFC 8058 §4).
func (f *Facts) bothSigned() string {
	answer := "no"
	for _, s := range f.Signatures {
		covers := func(name string) bool {
			return slices.ContainsFunc(s.Headers, func(h string) bool { return strings.EqualFold(h, name) })
		}
		if !covers("list-unsubscribe") || !covers("list-unsubscribe-post") {
			continue
		}
		switch s.Result {
		case "pass":
			return "yes"
		case "temperror":
			answer = "unknown"
		}
	}
	return answer
}

// The states of a demand.
const (
	met     = "met"
	notMet  = "not-met"
	unknown = "unknown"
)

func demand(name string, ok, known bool) Demand {
	switch {
	case !known:
		return Demand{name, unknown}
	case ok:
		return Demand{name, met}
	}
	return Demand{name, notMet}
}

// authenticated are the demands that both receivers share.
func (f *Facts) authenticated() []Demand {
	spfKnown := f.SPF != nil && f.SPF.Result != "temperror"
	dkim, dkimKnown := false, true
	for _, s := range f.Signatures {
		dkim = dkim || s.Result == "pass"
		dkimKnown = dkimKnown && s.Result != "temperror"
	}
	d := f.DMARC
	known := d == nil || d.Result != "temperror"
	return []Demand{
		demand("SPF", spfKnown && f.SPF.Result == "pass", spfKnown),
		demand("DKIM", dkim, dkim || dkimKnown),
		demand("DMARC", d != nil && d.PolicyRecord != "", known),
		demand("alignment", d != nil && (d.Aligned.SPF || d.Aligned.DKIM), known),
	}
}

// google is Gmail's list for those who send more than 5,000 messages a day.
func (f *Facts) google() []Demand {
	d, fm := f.Delivery, f.Format
	list := append(f.authenticated(),
		demand("PTR", d.IPRev == "pass", d.IPRev != "" && d.IPRev != "temperror"),
		demand("TLS", d.TLS == "yes", d.TLS != "unknown"),
		demand("format", fm.FromFields == 1 && fm.FromProblem == nil && fm.Date != nil && fm.MessageID != "" && len(fm.Duplicates) == 0, true),
	)
	if f.Bulk == nil || !f.Bulk.Discussion {
		list = append(list, demand("one-click", f.oneClick(), f.Bulk == nil || f.Bulk.Signed != "unknown"))
	}
	return list
}

// microsoft is the list of Outlook.com. Both SPF and DKIM have to pass.
func (f *Facts) microsoft() []Demand { return f.authenticated() }

// oneClickValue is the only value that List-Unsubscribe-Post may have (RFC 8058 §3.1).
const oneClickValue = "List-Unsubscribe=One-Click"

func (f *Facts) oneClick() bool {
	b := f.Bulk
	return b != nil && b.HTTPS && b.Post != nil && *b.Post == oneClickValue && b.Signed == "yes"
}

// states lists the names of the demands in a state.
func states(list []Demand, state string) []string {
	var names []string
	for _, d := range list {
		if d.State == state {
			names = append(names, d.Name)
		}
	}
	return names
}
