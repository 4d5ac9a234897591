package audit

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dns"
)

// Servers is what each name server of the zone publishes at the names that
// decide. It is asked only where the serials do not show already that all serve
// one version: that costs nothing, this a question for each server and name.
type Servers struct {
	State   ServersState
	Cause   check.Cause
	Records []ServerRecord
}

// ServersState says whether the servers were compared.
type ServersState string

// The states. Not asked at all, as offline, is the zero value.
const (
	ServersSame    ServersState = "same-version" // by their serials
	ServersAsked   ServersState = "asked"
	ServersUnknown ServersState = "unknown"
)

// ServerRecord is one name and what each server says there.
type ServerRecord struct {
	Standard check.Standard
	Name     dns.Name
	Answers  []ServerAnswer // in the order of the servers' names
}

// ServerAnswer is one server's word. One with an error takes no part.
type ServerAnswer struct {
	Server dns.Name
	Text   string // all that stands there, in one order; "" for nothing
	Error  error
}

// Bounds of what is asked.
const (
	maxCompared = 8 // servers
	maxKeys     = 6 // selectors
)

// compareServers asks each server for the records that matter.
func (a *Auditor) compareServers(ctx context.Context, f *Facts) Servers {
	n := &f.MX.NameServers
	switch {
	case n.Agree == "yes":
		return Servers{State: ServersSame}
	case n.Agree == "not-asked" || a.AskServer == nil || n.Zone == "":
		return Servers{}
	case !n.Versions():
		// Those that answered serve one version; the others would not answer now either.
		return Servers{State: ServersUnknown, Cause: check.Cause{Code: "ns-not-asked", Params: check.Params{"Zone": n.Zone.String()}}}
	}
	s := Servers{State: ServersAsked, Records: f.decisive()}
	var wg sync.WaitGroup
	for i := range s.Records {
		rec := &s.Records[i]
		rec.Answers = make([]ServerAnswer, min(len(n.Hosts), maxCompared))
		for k := range rec.Answers {
			host := &n.Hosts[k]
			rec.Answers[k] = ServerAnswer{Server: host.Name}
			if host.Error != "" {
				rec.Answers[k].Error = &dns.Error{Name: rec.Name, Type: rec.qtype(), Kind: dns.Kind(host.Error), Server: host.Name.String()}
				continue
			}
			wg.Go(func() { a.askOne(ctx, &rec.Answers[k], host.Addresses, rec) })
		}
	}
	wg.Wait()
	return s
}

// decisive are the records whose text decides about mail.
func (f *Facts) decisive() []ServerRecord {
	list := []ServerRecord{
		{Standard: check.SPF, Name: f.Domain},
		{Standard: check.DMARC, Name: f.Domain.Child("_dmarc")},
		{Standard: check.MX, Name: f.Domain},
		{Standard: check.MTASTS, Name: f.Domain.Child("_mta-sts")},
		{Standard: check.TLSRPT, Name: f.Domain.Child("_smtp._tls")},
		{Standard: check.BIMI, Name: f.Domain.Child("default._bimi")},
	}
	others := len(list)
	for _, s := range f.DKIM.Selectors {
		if s.FoundBy == dkim.ByWildcard || s.Status == dkim.StatusUnknown || len(list) == maxKeys+others {
			continue
		}
		list = append(list, ServerRecord{Standard: check.DKIM, Name: s.Owner()})
	}
	return list
}

// qtype is the type of record that decides.
func (r *ServerRecord) qtype() dns.Type {
	if r.Standard == check.MX {
		return dns.TypeMX
	}
	return dns.TypeTXT
}

func (a *Auditor) askOne(ctx context.Context, to *ServerAnswer, addrs []netip.Addr, rec *ServerRecord) {
	if len(addrs) == 0 {
		to.Error = &dns.Error{Name: rec.Name, Type: rec.qtype(), Kind: dns.Network, Detail: "the server has no address"}
		return
	}
	ans, err := a.AskServer(ctx, addrs[0], rec.Name, rec.qtype())
	if err != nil {
		to.Error = err
		return
	}
	var texts []string
	for _, r := range ans.Records {
		text := r.Text()
		if rec.Standard == check.MX {
			text = r.Data
		}
		if rec.Standard == check.SPF && !strings.HasPrefix(strings.ToLower(text), "v=spf1") {
			continue // verification tokens come and go, and decide nothing
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	if len(ans.Chain) > 0 {
		// Only the alias is this server's to say.
		texts = []string{"CNAME " + ans.Chain[0].String()}
	}
	to.Text = strings.Join(texts, "\n")
}

// published tells whether any server has a record of the standard.
func (s *Servers) published(standard check.Standard) bool {
	return slices.ContainsFunc(s.Records, func(r ServerRecord) bool {
		return r.Standard == standard && slices.ContainsFunc(r.Answers, func(a ServerAnswer) bool { return a.Text != "" })
	})
}

// versions groups the servers by what they say; one group means agreement.
func (r *ServerRecord) versions() (texts []string, servers map[string][]string) {
	servers = map[string][]string{}
	for _, a := range r.Answers {
		if a.Error != nil {
			continue
		}
		if _, seen := servers[a.Text]; !seen {
			texts = append(texts, a.Text)
		}
		servers[a.Text] = append(servers[a.Text], a.Server.String())
	}
	return texts, servers
}
