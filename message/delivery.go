package message

import (
	"context"

	"github.com/postseal/postseal/dns"
)

func (f *Facts) gatherDelivery() {
	f.Delivery = &Delivery{Reconstructed: []string{}, TLS: "unknown", Forwarded: []string{}}
}
func (f *Facts) askDelivery(context.Context, dns.Resolver) {}
