package message

import (
	"context"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/spf"
)

// reasonSPFOpen is the Outcome.Reason where DMARC hangs on an SPF result that
// nobody could compute.
const reasonSPFOpen = "spf-unknown"

// gatherDMARC judges the Author Domain by what SPF and the signatures gave.
// Several authors, or none, give no verdict (RFC 9989 §5.3.1).
func (f *Facts) gatherDMARC(ctx context.Context, r dns.Resolver) {
	if f.Format == nil || f.Format.AuthorDomain == "" {
		return
	}
	q := dmarc.Query{From: f.Format.AuthorDomain, SPF: &dmarc.Identifier{Domain: f.spfDomain()}}
	if f.SPF != nil {
		q.SPF.Result = string(f.SPF.Result)
	}
	for _, s := range f.Signatures {
		if s.Domain != "" && s.Reason != reasonNotVerified {
			q.DKIM = append(q.DKIM, dmarc.Identifier{Domain: s.Domain, Selector: s.Selector, Result: s.Result})
		}
	}
	o := dmarc.Eval(ctx, r, q)
	if o.Result == "fail" && f.spfCouldCount(o) {
		// Not "fail": with the client's address it may be a pass.
		o.Result, o.Reason, o.Disposition = "temperror", reasonSPFOpen, "none"
	}
	f.DMARC = o
}

// spfCouldCount tells whether SPF, which could not be evaluated, may be what
// passes and is aligned.
func (f *Facts) spfCouldCount(o *dmarc.Outcome) bool {
	if f.SPF != nil {
		return false
	}
	id := f.alignment(o, "spf")
	return id == nil || id.Domain == "" || id.Aligned != dmarc.AlignedNo
}

// alignment is the first identifier of a method, nil where there is none.
func (f *Facts) alignment(o *dmarc.Outcome, method string) *dmarc.Alignment {
	for i := range o.Identifiers {
		if o.Identifiers[i].Method == method {
			return &o.Identifiers[i]
		}
	}
	return nil
}

// dmarcOpen is why the verdict is open: the look-up that failed, or SPF; nil
// where it is known.
func (f *Facts) dmarcOpen() error {
	o := f.DMARC
	switch {
	case o == nil || o.Result != "temperror":
		return nil
	case o.Reason == reasonSPFOpen:
		return f.spfCause()
	case o.Failed() != nil:
		return o.Failed()
	}
	return check.Cause{Code: "message-identifier-open", Params: check.Params{}}
}

// dkimOpen is why the alignment of a passing signature, or the signature
// itself, is open although it may count; nil where nothing is.
func (f *Facts) dkimOpen() error {
	for i := range f.DMARC.Identifiers {
		id := &f.DMARC.Identifiers[i]
		if id.Method != "dkim" || id.Aligned == dmarc.AlignedNo {
			continue
		}
		if id.Result == "temperror" || id.Result == "pass" && id.Aligned == dmarc.AlignedUnknown {
			return keyOpen(id)
		}
	}
	return nil
}

// keyOpen is why one identifier of a signature is open: its key, or the walk
// from its domain.
func keyOpen(id *dmarc.Alignment) error {
	if id.Result != "temperror" && id.Failed() != nil {
		return id.Failed()
	}
	return check.Cause{Code: "message-key-open", Params: check.Params{"Domain": id.Domain.String(), "Selector": id.Selector}}
}

// spfOpen is why an aligned pass of SPF can be neither told nor ruled out; nil
// where one of them can.
func (f *Facts) spfOpen() error {
	switch {
	case f.SPF == nil && f.spfCouldCount(f.DMARC):
		return f.spfCause()
	case f.SPF != nil && f.SPF.Result == spf.ResultTempError:
		if id := f.alignment(f.DMARC, "spf"); id != nil && id.Aligned != dmarc.AlignedNo {
			return f.SPF.Cause
		}
	}
	return nil
}
