package dane

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// maxAround bounds the hosts whose other names are asked about.
const maxAround = 5

// oddPort is one on which nobody has a service to secure (discard, RFC 863): a
// record for it comes from a wildcard.
const oddPort = "_9._tcp"

// lookAround asks for records at further names where the answers for port 25
// call for it: at mistaken names where it has none and could have some, at
// other ports where it has some. Of most domains nothing more is asked.
func (f *Facts) lookAround(ctx context.Context, r dns.Resolver) {
	g := new(errgroup.Group)
	asked := 0
	for _, h := range f.Hosts {
		var names []dns.Name
		var to *[]dns.Lookup
		switch {
		case h.Lookup.Found():
			to = &h.OtherPorts
			for _, port := range []string{oddPort, "_465._tcp", "_587._tcp"} {
				names = append(names, h.Base().Child(port))
			}
		case f.couldHave(h):
			to, names = &h.Misplaced, f.mistaken(h)
		default:
			continue
		}
		if asked++; asked > maxAround {
			break
		}
		*to = make([]dns.Lookup, len(names))
		for i, n := range names {
			g.Go(func() error {
				(*to)[i] = dns.Ask(ctx, r, n, dns.TypeTLSA)
				return nil
			})
		}
	}
	_ = g.Wait() // no goroutine above returns an error
}

// couldHave: the host has no record at the right name, and the zone could have
// one that counts. A zone file is asked whatever its security will be.
func (f *Facts) couldHave(h *Host) bool {
	if !h.Lookup.Absent() || !h.A.Found() && !h.AAAA.Found() {
		return false
	}
	return h.SecureAddress == "yes" || fromFile(&h.Lookup)
}

func fromFile(l *dns.Lookup) bool {
	return l.Answer != nil && strings.HasPrefix(l.Answer.Server, "zone ")
}

// mistaken are the names at which records of the host are published by mistake.
func (f *Facts) mistaken(h *Host) []dns.Name {
	host := h.Name
	names := []dns.Name{f.Domain.Child(port25), host.Child("_25"), host.Child("_tcp._25"), host.Child("_465._tcp"), host.Child("_587._tcp")}
	// A name without its final dot has the zone's name behind it once more.
	zone := h.Lookup.Answer.Zone
	if zone == "" && host.IsUnder(f.Domain) {
		zone = f.Domain
	}
	if zone != "" && zone != dns.Root {
		names = append(names, dns.Name(host.Child(port25).String()+"."+zone.String()))
	}
	return slices.DeleteFunc(names, func(n dns.Name) bool { return n == h.Lookup.Name || n.Check() != nil })
}

// aroundRules judge where records stand and how they are served.
var aroundRules = []check.Rule[*Facts]{
	{
		Meta: check.Meta{
			ID: "dane-wrong-owner", Standard: check.DANE, Severity: check.Warning,
			Title:     "TLSA records stand at a name where no sender looks for them",
			Refs:      []check.Ref{check.RFC(6698, "3"), check.RFC(7672, "2.2.3")},
			CoveredBy: []string{"dnssec-bogus"},
			Doc: `A sender looks for the TLSA records of a mail host at the name of that host, below ` + "`_25._tcp`" + `. There are none, and there are
some at a name that is written by mistake: the mail domain instead of the host, the two labels exchanged or one left out, another
port, or the name of the zone twice because the final dot was forgotten. They protect nothing.

Move the records to the right name.

Before:

    _25._tcp.example.com.      TLSA  3 1 1 (digest)

After:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (digest)`,
		},
		Applies: applies,
		Run:     known(hosts(runWrongOwner)),
	},
	{
		Meta: check.Meta{
			ID: "dane-tlsa-cname-dangling", Standard: check.DANE, Severity: check.Error,
			Title:     "the name of the TLSA records is an alias of a name that does not exist",
			Refs:      []check.Ref{check.RFC(7671, "7")},
			CoveredBy: []string{"dnssec-bogus"},
			Doc: `TLSA records may stand behind an alias, so that one set serves several hosts or is kept by whoever runs the server. This alias
leads to a name that does not exist: the records that once were there are gone, and the host has no DANE any more, without
anybody having decided so.

Publish the records at the end of the alias again, or replace the alias by records of its own.

Before:

    _25._tcp.mx1.example.com.  CNAME  tlsa.provider.example.   (does not exist)

After:

    _25._tcp.mx1.example.com.  TLSA   3 1 1 (digest)`,
		},
		Applies: applies,
		Run: known(hosts(func(_ *Facts, h *Host, r *check.Reporter) {
			switch {
			case h.Lookup.Unknown():
				r.Unknown(h.Lookup.Error)
			// A wildcard alias to a name that exists and has no TLSA records was never meant for them.
			case h.Lookup.State == dns.StateNXDomain && len(h.Lookup.Answer.Chain) > 0:
				r.Report(at(h, check.Params{"Target": h.Lookup.Answer.Owner().String()}))
			}
		})),
	},
	{
		Meta: check.Meta{
			ID: "dane-mx-cname", Standard: check.DANE, Severity: check.Warning,
			Title:     "a mail host with TLSA records is an alias",
			Refs:      []check.Ref{check.RFC(2181, "10.3"), check.RFC(7671, "7")},
			CoveredBy: []string{"mx-target-cname", "dane-address-insecure", "dane-tlsa-insecure"},
			Doc: `The name in the MX record is an alias, and TLSA records are in use. Senders differ on where they look: at the end of the alias
first, at the name itself, or at one of the two only. They differ as well on the name that a certificate under usage 2 must have. What
one of them accepts, another does not deliver to.

Name the canonical host in the MX record and publish the TLSA records there.

Before:

    example.com.       MX     10 mail.example.com.
    mail.example.com.  CNAME  mx1.example.net.

After:

    example.com.       MX     10 mx1.example.net.`,
		},
		Applies: inUse,
		Run: known(hosts(func(f *Facts, h *Host, r *check.Reporter) {
			if h.Name == f.Domain { // without MX the alias is one of the domain itself, which is allowed
				return
			}
			for _, l := range []*dns.Lookup{&h.A, &h.AAAA} {
				if h.Lookup.Found() && l.Found() && len(l.Answer.Chain) > 0 {
					r.Report(at(h, check.Params{"Canonical": l.Answer.Owner().String()}))
					return
				}
			}
		})),
	},
	{
		Meta: check.Meta{
			ID: "dane-implicit-mx", Standard: check.DANE, Severity: check.Info,
			Title: "DANE applies to a domain that is its own mail host without MX records",
			Refs:  []check.Ref{check.RFC(7672, "2.2.1")},
			Doc: `The domain has no MX record, so senders take the domain itself for the mail host; that there is no MX record is secure, and so
are its TLSA records. DANE then applies to the domain's own name. This is allowed and seldom seen: not every sender's software has
been tried with it.

Nothing has to change. An MX record that names the host says the same more plainly.

Before:

    _25._tcp.example.com.  TLSA  3 1 1 (digest)   (and no MX)

After:

    example.com.           MX    10 mx1.example.com.
    _25._tcp.mx1.example.com.  TLSA  3 1 1 (digest)`,
		},
		Applies: func(f *Facts) bool { return inUse(f) && f.MX.Absent() },
		Run: known(hosts(func(f *Facts, h *Host, r *check.Reporter) {
			if h.Name != f.Domain || !h.Lookup.Found() || f.SecureMX == "no" {
				return
			}
			if err := f.UnsureMX(); err != nil {
				r.Unknown(err)
				return
			}
			if bound, unsure := f.Bound(h); unsure != nil {
				r.Unknown(unsure)
			} else if bound {
				r.Report(at(h, nil))
			}
		})),
	},
	{
		Meta: check.Meta{
			ID: "dane-tlsa-ttl-long", Standard: check.DANE, Severity: check.Notice,
			Title: "TLSA records are kept in caches for more than a day",
			Refs:  []check.Ref{check.RFC(7671, "8.1")},
			Doc: `Caches keep a TLSA record for as long as its TTL says. Where a key must be replaced at once, because it was lost or stolen,
senders go on demanding the old one until their copies have expired: with this TTL that is longer than a day, in which they do not
deliver.

Use a TTL of an hour. More questions are asked, and the answers are small.

Before:

    _25._tcp.mx1.example.com.  604800  TLSA  3 1 1 (digest)

After:

    _25._tcp.mx1.example.com.  3600    TLSA  3 1 1 (digest)`,
		},
		Applies: inUse,
		Run: known(hosts(func(_ *Facts, h *Host, r *check.Reporter) {
			if h.Lookup.Unknown() {
				r.Unknown(h.Lookup.Error)
				return
			}
			for _, rec := range h.records() {
				if rec.TTL > maxTTL {
					r.Report(at(h, check.Params{"TTL": int(rec.TTL), "Hours": int(rec.TTL / 3600)}))
					return // one RRset has one TTL (RFC 2181 §5.2)
				}
			}
		})),
	},
	{
		Meta: check.Meta{
			ID: "dane-tlsa-large", Standard: check.DANE, Severity: check.Notice,
			Title: "the TLSA records do not fit one DNS packet",
			Refs:  []check.Ref{check.RFC(7671, "10.1")},
			Doc: `The answer with these TLSA records is larger than the 1232 octets that cross every network in one UDP packet. It is cut off and
asked for again over TCP, or it arrives in fragments that some firewalls drop; a sender that gets no answer does not deliver. Whole
certificates in records (matching type 0) are the usual reason, and signatures come on top.

Publish SHA-256 digests, and take out the records that are no longer needed.

Before:

    _25._tcp.mx1.example.com.  TLSA  2 0 0 (a whole certificate)

After:

    _25._tcp.mx1.example.com.  TLSA  2 1 1 (digest)`,
		},
		Applies: inUse,
		Run: known(hosts(func(_ *Facts, h *Host, r *check.Reporter) {
			if h.Lookup.Unknown() {
				r.Unknown(h.Lookup.Error)
				return
			}
			if n := h.octets(); n > maxAnswer {
				r.Report(at(h, check.Params{"Octets": n, "Records": len(h.records())}))
			}
		})),
	},
	{
		Meta: check.Meta{
			ID: "dane-tlsa-wildcard", Standard: check.DANE, Severity: check.Notice,
			Title: "TLSA records of a mail host apply to every port",
			Refs:  []check.Ref{check.RFC(4592, "")},
			Doc: `The host has TLSA records for a port on which it has no service: a wildcard gives them to every port. Other services on this host,
a web server for one, are then held to the key of the mail server by clients that look for TLSA records, and fail as soon as they use
another key.

Publish the records for port 25 by name.

Before:

    *._tcp.mx1.example.com.    TLSA  3 1 1 (digest)

After:

    _25._tcp.mx1.example.com.  TLSA  3 1 1 (digest)`,
		},
		Applies: inUse,
		Run: known(hosts(func(_ *Facts, h *Host, r *check.Reporter) {
			if l := h.odd(); l != nil && l.Unknown() {
				r.Unknown(l.Error)
			} else if l != nil && l.Found() {
				r.Report(at(h, check.Params{"Odd": l.Name.String()}))
			}
		})),
	},
	{
		Meta: check.Meta{
			ID: "dane-submission-tlsa", Standard: check.DANE, Severity: check.Info,
			Title:     "there are TLSA records for the ports on which people submit mail",
			Refs:      []check.Ref{check.RFC(7672, "7"), check.RFC(7673, "")},
			CoveredBy: []string{"dane-tlsa-wildcard"},
			Doc: `TLSA records stand at the host's ports 465 or 587, where mail programs hand in mail. They do no harm and little good: hardly any
mail program looks for them, and those that do find the host by SRV records. They still have to follow the key of that service at
each change.

Keep them if a client of yours reads them and the key is watched there, too; otherwise remove them.

Before:

    _587._tcp.mx1.example.com.  TLSA  3 1 1 (digest)

After:

    _25._tcp.mx1.example.com.   TLSA  3 1 1 (digest)   (and no other)`,
		},
		Applies: inUse,
		Run: known(hosts(func(_ *Facts, h *Host, r *check.Reporter) {
			var names []string
			for i := range h.OtherPorts {
				switch l := &h.OtherPorts[i]; {
				case l == h.odd():
				case l.Unknown():
					r.Unknown(l.Error)
				case l.Found():
					names = append(names, l.Name.String())
				}
			}
			if len(names) > 0 {
				r.Report(at(h, check.Params{"Names": list(names)}))
			}
		})),
	},
}

const (
	maxTTL    = 86400
	maxAnswer = 1232 // octets of UDP payload that cross every IPv6 path whole
)

// odd is the look-up at a port without service, nil when it was not asked.
func (h *Host) odd() *dns.Lookup {
	if len(h.OtherPorts) == 0 {
		return nil
	}
	return &h.OtherPorts[0]
}

// octets are those of an answer with the records, their owner's name compressed,
// without signatures.
func (h *Host) octets() int {
	const header, question, record = 12, 4, 12
	n := header + question + len(h.Lookup.Name) + 2
	for _, rec := range h.records() {
		n += record + 3 + len(rec.TLSA.Data)
	}
	return n
}

func runWrongOwner(f *Facts, h *Host, r *check.Reporter) {
	if h.Lookup.Unknown() {
		r.Unknown(h.Lookup.Error)
		return
	}
	if len(h.Misplaced) == 0 {
		if h.Lookup.Absent() && h.SecureAddress == "unknown" && !fromFile(&h.Lookup) {
			r.Unknown(f.unsureAddress(h))
		}
		return
	}
	var found []string
	var old []check.RecordChange
	right := check.RecordChange{Name: h.Lookup.Name.FQDN(), Type: "TLSA", Old: []string{}, New: []string{}}
	for i := range h.Misplaced {
		l := &h.Misplaced[i]
		switch {
		case l.Unknown():
			r.Unknown(l.Error)
			continue
		case !l.Found():
			continue
		}
		found = append(found, l.Name.String())
		gone := check.RecordChange{Name: l.Name.FQDN(), Type: "TLSA", Old: []string{}, New: []string{}}
		for _, rec := range l.Records() {
			gone.Old = append(gone.Old, rec.Data)
			if !slices.Contains(right.New, rec.Data) {
				right.New = append(right.New, rec.Data)
			}
		}
		old = append(old, gone)
	}
	if len(found) == 0 {
		return
	}
	find := at(h, check.Params{"Found": list(found)})
	if len(found) == 1 { // of several nobody can say which are right
		find.Fix = &check.Fix{Records: append(old, right)}
	}
	r.Report(find)
}
