package message

import (
	"context"

	"github.com/postseal/postseal/dns"
)

func (f *Facts) gatherSPF(context.Context, dns.Resolver)        {}
func (f *Facts) gatherDMARC(context.Context, dns.Resolver)      {}

var spfRules, dkimRules, dmarcRules, arcRules []rule
