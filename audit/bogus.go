package audit

import (
	"context"

	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/dnssec"
)

// gatherUnchecked gathers once more without validation. The signatures of a
// bogus domain are one defect, reported as such; behind it the owner still
// wants to know about the rest, which every non-validating sender sees.
func (a *Auditor) gatherUnchecked(ctx context.Context, r dns.CDResolver, req Request, found *dnssec.Facts) (*Facts, error) {
	f, err := a.gather(ctx, unchecked{r}, req)
	if err != nil {
		return nil, err
	}
	f.DNSSEC = found
	return f, nil
}

// unchecked asks everything with checking disabled (RFC 4035 §3.2.2), but the
// root: its answer tells whether the resolver validates.
type unchecked struct{ dns.CDResolver }

func (u unchecked) Resolve(ctx context.Context, name dns.Name, qtype dns.Type) (dns.Answer, error) {
	if name == dns.Root {
		return u.CDResolver.Resolve(ctx, name, qtype)
	}
	return u.ResolveCD(ctx, name, qtype)
}
