package dns

import (
	"context"
	"net/netip"
	"sync/atomic"
)

// ServerAsker can ask one authoritative server. *Run is one.
type ServerAsker interface {
	AskServer(ctx context.Context, addr netip.AddrPort, name Name, qtype Type) (Answer, error)
}

// AskServer puts one question straight to an authoritative server, without
// recursion. A server that does not answer with authority is Kind Lame. A
// CNAME is followed as far as the reply has it.
func AskServer(ctx context.Context, addr netip.AddrPort, name Name, qtype Type) (Answer, error) {
	var sent atomic.Int64
	return askServer(ctx, addr, name, qtype, &sent)
}

func askServer(ctx context.Context, addr netip.AddrPort, name Name, qtype Type, sent *atomic.Int64) (Answer, error) {
	c := &Client{timeout: defaultTimeout}
	srv := &server{name: addr.String(), t: newUDP(addr, sent)}
	defer srv.t.Close()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return Follow(ctx, name, qtype, func(n Name) (Step, error) {
		q := query{name: n, qtype: qtype}
		if n != name {
			// The server need not serve the zone that its CNAME leads to.
			return Step{Status: NoData, Server: srv.name}, nil
		}
		c.servers = []*server{srv}
		s, e := c.try(ctx, q)
		if e != nil {
			e.Name, e.Type = n, qtype
			return Step{}, e
		}
		return s, nil
	})
}
