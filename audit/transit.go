package audit

import (
	"slices"

	"github.com/postseal/postseal/mx"
	"github.com/postseal/postseal/starttls"
)

// probed are the mail hosts that transit is measured by. A name that DNS says
// has no address is nobody's mail host, be it a leftover or a token of
// ownership below msv1.invalid: no sender can reach it, and no attacker either.
func (m *measurer) probed() []*starttls.Host {
	return slices.DeleteFunc(slices.Clone(m.f.STARTTLS.Hosts), func(h *starttls.Host) bool {
		return len(h.Sessions) == 0 && slices.ContainsFunc(m.f.MX.Hosts, func(x *mx.Host) bool {
			return x.Name == h.Name && len(x.Addresses) == 0 && !x.Over && !x.A.Unknown() && !x.AAAA.Unknown()
		})
	})
}
