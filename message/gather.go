package message

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postseal/postseal/dns"
)

// Gather learns everything about a message that rules ask for. What could not
// be looked up is a fact; the error is only that of a cancelled context.
func Gather(ctx context.Context, r dns.Resolver, m *Message, o Options) (*Facts, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &Facts{Message: m, Options: o}
	// What the octets say comes first: everything after may read it.
	f.gatherFormat()
	f.gatherDelivery()
	f.gatherAuthRes()
	// These write one part of the facts each and read only what is above.
	var g errgroup.Group
	for _, part := range []func(context.Context, dns.Resolver){
		f.askFormat, f.askDelivery, f.gatherSPF, f.gatherSignatures, f.gatherARC,
	} {
		g.Go(func() error { part(ctx, r); return nil })
	}
	_ = g.Wait() // no part fails
	// DMARC needs the results of SPF and of the signatures.
	f.gatherDMARC(ctx, r)
	f.gatherBulk()
	return f, ctx.Err()
}
