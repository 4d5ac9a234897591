package spf

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// MaxPTR is how many names of a client's address are looked at (§4.6.4).
const MaxPTR = 10

// maxEvaluation is the time one evaluation gets. §4.6.4: at least 20 seconds,
// and a temperror when it is over.
const maxEvaluation = 20 * time.Second

// Result is what check_host returns, in the words of §2.6.
type Result string

// The results.
const (
	ResultNone      Result = "none"
	ResultNeutral   Result = "neutral"
	ResultPass      Result = "pass"
	ResultFail      Result = "fail"
	ResultSoftFail  Result = "softfail"
	ResultTempError Result = "temperror"
	ResultPermError Result = "permerror"
)

// Query is what a receiver knows about one message (§4.1). Only IP is needed,
// and one of MailFrom, HELO and Domain.
type Query struct {
	IP       netip.Addr // of the client; an IPv4-mapped address counts as IPv4 (§5)
	MailFrom string     // the address of MAIL FROM, without angle brackets; "" for the null reverse path (§2.4)
	HELO     string     // the name the client gave

	// Domain is whose record is checked; "" for the domain of MailFrom, or
	// HELO when that is null.
	Domain dns.Name

	Receiver string           // the host that checks, for %{r}; "" is "unknown" (§7.3)
	Now      func() time.Time // for %{t}; nil is time.Now
}

// Outcome is the result of one evaluation and how it came about.
type Outcome struct {
	Result      Result   `json:"result"`
	Explanation string   `json:"explanation"` // of a fail, as the domain's exp says it; "" when it says nothing usable (§6.2)
	Domain      dns.Name `json:"domain"`      // whose record was checked

	// Term is what decided: the mechanism that matched, as written, whose sign
	// is the result; of an error, the term that went wrong. "" when nothing
	// matched or there was no record.
	Term string `json:"term"`

	// Path is the records that led to the decision, outermost first. A matching
	// include or a redirect goes on in the next one. Records of includes that
	// did not match are not in it.
	Path []Step `json:"path"`

	Lookups int    `json:"lookups"` // terms evaluated that query DNS, of at most MaxLookups
	Voids   int    `json:"voids"`   // of those, look-ups without an answer, of at most MaxVoids
	Reason  string `json:"reason"`  // of a temperror or permerror, in English; "" otherwise

	// Cause is Reason for people of any language; its code is one of the Cause
	// constants or that of a *dns.Error. The zero value when there is none.
	Cause check.Cause `json:"-"`
}

// Step is one record on the way to the decision.
type Step struct {
	Domain  dns.Name `json:"domain"`
	Record  string   `json:"record"`
	Term    string   `json:"term"`    // that matched, redirected or went wrong here; "" when none did
	Lookups int      `json:"lookups"` // used up, in the whole evaluation, when the term was reached and its name asked
	Voids   int      `json:"voids"`
}

// evaluation is the state of one check_host and all that it calls.
type evaluation struct {
	ctx context.Context
	r   dns.Resolver
	q   *Query
	out *Outcome

	ip     netip.Addr
	local  string // of the sender
	origin string // the sender's domain, as given
	ascii  bool   // of local

	included int // includes around the record being evaluated
	exp      *Entry
	expAt    at
	reverse  *reverse // names of the client, nil until asked
	stock    []Entry  // where terms are kept; an include gives back what it took
}

// at is a domain whose record is evaluated: as written, for macros, and as it is asked.
type at struct {
	text string
	name dns.Name
}

// Check evaluates SPF for one client: check_host of §4, with the limits of
// §4.6.4. It always gives a Result; a look-up that failed is a temperror. It
// asks r at most 123 questions, one after the other (ten mx terms with ten
// hosts each, ten names of the client, the record and its exp), and takes no
// longer than 20 seconds if r heeds its context.
func Check(ctx context.Context, r dns.Resolver, q Query) *Outcome {
	out := &Outcome{Path: []Step{}}
	e := &evaluation{r: r, q: &q, out: out, ip: q.IP.Unmap().WithZone("")}
	domain := e.identify()
	out.Domain = domain.name
	if !e.ip.IsValid() {
		out.Result = e.permError(CauseAddress, nil)
		return out
	}
	if !multiLabel(domain) { // §4.3
		out.Result = ResultNone
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, maxEvaluation)
	defer cancel()
	e.ctx = ctx
	out.Result = e.checkHost(domain)
	switch out.Result {
	case ResultTempError, ResultPermError:
		if n := len(out.Path); n > 0 {
			out.Term = out.Path[n-1].Term
		}
	case ResultFail:
		out.Explanation = e.explain()
	}
	return out
}

// identify takes the sender apart and picks the domain (§2.4, §4.1, §4.3).
func (e *evaluation) identify() at {
	sender := e.q.MailFrom
	if sender == "" {
		sender = e.q.HELO // §2.4: postmaster@HELO
		if sender == "" {
			sender = string(e.q.Domain)
		}
	} else if i := strings.LastIndexByte(sender, '@'); i >= 0 {
		e.local, sender = sender[:i], sender[i+1:]
	}
	if e.local == "" {
		e.local = "postmaster" // §4.3
	}
	e.origin, e.ascii = sender, isASCII(e.local)
	domain := at{text: strings.TrimSuffix(sender, ".")}
	if e.q.Domain != "" {
		return at{string(e.q.Domain), e.q.Domain}
	}
	if !isASCII(sender) { // RFC 8616 §4: asked and expanded as A-labels
		if n, err := dns.ParseDomain(sender); err == nil {
			e.origin = string(n)
			return at{string(n), n}
		}
	}
	domain.name = dns.FromText(sender)
	return domain
}

// multiLabel tells whether the domain has a form whose record can be asked:
// labels that DNS can hold, more than one, and no address literal (§4.3).
func multiLabel(d at) bool {
	return d.name.Check() == nil && strings.Contains(d.text, ".") && !strings.HasPrefix(d.text, "[") && isASCII(d.text)
}

// checkHost is check_host of §4 for one domain: at first, and of includes and redirects.
func (e *evaluation) checkHost(domain at) Result {
	if !multiLabel(domain) {
		return ResultNone
	}
	text, result := e.record(domain.name)
	if result != "" {
		return result
	}
	depth := len(e.out.Path)
	e.out.Path = append(e.out.Path, Step{Domain: domain.name, Record: text})
	rec, broken := e.compile(text)
	if broken != nil { // §4.6: anywhere in the record, before anything is evaluated
		e.reach(depth, broken.Params["Term"].(string))
		return e.permError(CauseSyntax, check.Params{"Domain": domain.name.String(), "Term": broken.Params["Term"], "Rule": broken.Rule})
	}
	for i := range rec.list { // §4.6.2: left to right, the first match decides
		t := &rec.list[i]
		if !t.Kind.Mechanism() {
			continue
		}
		matched, result := e.match(depth, t, domain)
		if result != "" {
			return result
		}
		if !matched {
			continue
		}
		if t.Kind != Include {
			e.reach(depth, t.Text)
		}
		result = signed[t.qualifier()]
		if e.included == 0 {
			e.out.Term = t.Text
			if result == ResultFail {
				e.exp, e.expAt = rec.exp, domain
			}
		}
		return result
	}
	if rec.redirect != nil { // §6.1: after the mechanisms, wherever it stands
		return e.redirect(depth, rec.redirect, domain)
	}
	e.reach(depth, "")
	return ResultNeutral // §4.7
}

// signed is the result of a match under each sign (§4.6.2).
var signed = map[byte]Result{'+': ResultPass, '-': ResultFail, '~': ResultSoftFail, '?': ResultNeutral}

// reach notes the term of the record at that depth which the path leads through.
func (e *evaluation) reach(depth int, term string) {
	s := &e.out.Path[depth]
	s.Term, s.Lookups, s.Voids = term, e.out.Lookups, e.out.Voids
}

// record asks for the SPF record at a name (§4.4, §4.5). The result is "" when
// there is exactly one.
func (e *evaluation) record(name dns.Name) (text string, result Result) {
	answer, err := e.r.Resolve(e.ctx, name, dns.TypeTXT)
	if err != nil {
		return "", e.tempError(err, name, dns.TypeTXT)
	}
	found := 0
	for i := range answer.Records {
		if t := answer.Records[i].Text(); isRecord(t) { // §3.3: strings joined without a space
			text = t
			found++
		}
	}
	switch found {
	case 0:
		return "", ResultNone
	case 1:
		return text, ""
	}
	e.out.Path = append(e.out.Path, Step{Domain: name})
	return "", e.permError(CauseMultiple, check.Params{"Domain": name.String(), "Count": found})
}

// redirect goes on in another record, whose result it is (§6.1).
func (e *evaluation) redirect(depth int, t *Entry, domain at) Result {
	if result := e.pay(depth, t); result != "" {
		return result
	}
	target := e.target(t, domain)
	result := e.checkHost(target)
	if result == ResultNone {
		return e.permError(CauseRedirectNone, check.Params{"Domain": target.text})
	}
	return result
}

// include matches when the other record gives a pass; the table of §5.2.
func (e *evaluation) include(t *Entry, domain at) (bool, Result) {
	target := e.target(t, domain)
	depth, stock := len(e.out.Path), e.stock
	e.included++
	result := e.checkHost(target)
	e.included--
	e.stock = stock
	switch result {
	case ResultPass:
		return true, ""
	case ResultTempError, ResultPermError:
		return false, result
	case ResultNone:
		return false, e.permError(CauseIncludeNone, check.Params{"Domain": target.text})
	}
	e.out.Path = e.out.Path[:depth]
	return false, ""
}

// pay counts a term that queries DNS. The eleventh is a permerror (§4.6.4).
func (e *evaluation) pay(depth int, t *Entry) Result {
	if e.out.Lookups >= MaxLookups {
		e.reach(depth, t.Text)
		return e.permError(CauseLookups, check.Params{"Limit": MaxLookups})
	}
	e.out.Lookups++
	e.reach(depth, t.Text)
	return ""
}

// void counts a term whose name has no answer (§4.6.4).
func (e *evaluation) void(depth int, t *Entry) Result {
	e.out.Voids++
	e.reach(depth, t.Text)
	if e.out.Voids > MaxVoids {
		return e.permError(CauseVoids, check.Params{"Limit": MaxVoids})
	}
	return ""
}
