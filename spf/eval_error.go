package spf

import (
	"fmt"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// The codes of an Outcome's Cause. A temperror has that of the *dns.Error.
const (
	CauseAddress      = "spf-eval-address"       // the query has no client address
	CauseMultiple     = "spf-eval-multiple"      // §4.5; Domain, Count
	CauseSyntax       = "spf-eval-syntax"        // §4.6; Domain, Term, Rule
	CauseLookups      = "spf-eval-lookups"       // §4.6.4; Limit
	CauseVoids        = "spf-eval-voids"         // §4.6.4; Limit
	CauseMX           = "spf-eval-mx"            // §4.6.4; Domain, Count, Limit
	CauseIncludeNone  = "spf-eval-include-none"  // §5.2; Domain
	CauseRedirectNone = "spf-eval-redirect-none" // §6.1; Domain
)

// english is the text of each code for Outcome.Reason.
func english(code string, p check.Params) string {
	switch code {
	case CauseAddress:
		return "the client address is not valid"
	case CauseMultiple:
		return fmt.Sprintf("%s has %d SPF records", p["Domain"], p["Count"])
	case CauseSyntax:
		return fmt.Sprintf("the record of %s has a syntax error at %q (%s)", p["Domain"], p["Term"], p["Rule"])
	case CauseLookups:
		return fmt.Sprintf("more than %d terms that query DNS", p["Limit"])
	case CauseVoids:
		return fmt.Sprintf("more than %d look-ups without an answer", p["Limit"])
	case CauseMX:
		return fmt.Sprintf("%s has %d MX records, more than %d", p["Domain"], p["Count"], p["Limit"])
	case CauseIncludeNone:
		return fmt.Sprintf("%s, which is included, has no SPF record", p["Domain"])
	case CauseRedirectNone:
		return fmt.Sprintf("%s, the target of the redirect, has no SPF record", p["Domain"])
	}
	return code
}

// permError ends the evaluation and says why (§2.6.7).
func (e *evaluation) permError(code string, p check.Params) Result {
	e.out.Cause = check.Cause{Code: code, Params: p}
	e.out.Reason = english(code, p)
	return ResultPermError
}

// tempError is a look-up that failed (§2.6.6).
func (e *evaluation) tempError(err error, name dns.Name, qtype dns.Type) Result {
	failed := dns.AsError(err, name, qtype)
	e.out.Cause = check.Cause{Code: failed.CauseCode(), Params: failed.CauseParams()}
	e.out.Reason = failed.Error()
	return ResultTempError
}
