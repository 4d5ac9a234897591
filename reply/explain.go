package reply

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What to do about sending again.
const (
	RetryNotNeeded = "not-needed"
	RetryContinue  = "continue" // the server waits for more
	RetryLater     = "later"
	RetryNever     = "never"   // the same thing fails again
	RetryOver      = "over"    // temporary, and retried until time ran out
	RetryRunning   = "running" // temporary, and being retried
	RetrySplit     = "split"   // the recipients left over, in another transaction
	RetryChecked   = "checked" // after looking at what failed: there was no reply
	RetryUnknown   = "unknown"
)

// How the stage is known.
const (
	StageGiven   = "given"   // the user said so
	StageSeen    = "seen"    // it stands in the input
	StageGuessed = "guessed" // from the codes
	StageOpen    = "unknown"
)

// Explanation is what one reply means. Words are IDs of messages, in which
// ".cause" and ".remedy" stand.
type Explanation struct {
	Reply    *Reply
	Class    string // "success", "continue", "temporary", "permanent", "none", "malformed"
	Stage    Stage
	StageHow string

	Words string // of what fits best, never of an unverified row
	Base  string // of the reply code, "" where that is Words
	Maybe string // of a row that may fit and is not verified, "" for none

	Provider  string // who answered, or whose list refused; "" unknown
	Known     bool   // the provider's row is verified
	ReadAs    int    // the code to read it as, 0 for its own
	CodeKnown bool
	Retry     string
	Actors    []string
	Checks    []string // commands and rule IDs
	Domain    string   // that the reply blames, "" where it names none
}

// Explain says what a reply means. stage overrides what the input tells.
func Explain(r *Reply, stage Stage) *Explanation {
	e := &Explanation{Reply: r, Stage: r.Stage, StageHow: StageSeen, Actors: []string{}, Checks: []string{}}
	if stage != StageUnknown {
		e.Stage, e.StageHow = stage, StageGiven
	}
	e.Class = className(r)
	if r.Network != "" {
		e.Stage, e.Words, e.CodeKnown, e.Retry = StageConnect, "reply.network."+string(r.Network), true, RetryChecked
		if r.Expired || r.Delayed {
			e.Retry = retry(r, e)
		}
		e.take(networks[r.Network])
		return e
	}
	if r.malformed() || r.class() == 0 {
		e.Words, e.Retry = "reply.malformed", RetryUnknown
		e.openStage()
		return e
	}
	if isTooMany(r) {
		e.ReadAs = 452
	}
	e.judge()
	e.Retry = retry(r, e)
	e.Domain = blamed(r.Text)
	return e
}

func className(r *Reply) string {
	if r.Network != "" {
		return "none"
	}
	switch r.class() {
	case 2:
		return "success"
	case 3:
		return "continue"
	case 4:
		return "temporary"
	case 5:
		return "permanent"
	}
	return "malformed"
}

// tooMany is the one text that decides (RFC 5321 §4.5.3.1.10): older servers
// say 552 for too many recipients, which is to be read as 452.
var tooMany = regexp.MustCompile(`(?i)too many recipients|too many rcpt`)

func isTooMany(r *Reply) bool { return r.Code == 552 && tooMany.MatchString(r.Text) }

// judge finds the words: a verified row about the text, the enhanced code, the
// reply code at its stage, its class.
func (e *Explanation) judge() {
	r := e.Reply
	code := r.Code
	if e.ReadAs != 0 {
		code = e.ReadAs
	}
	p, maybe := match(r)
	baseID, base, known := baseRow(code, e.Stage)
	e.CodeKnown = known || code == 0
	// A class that contradicts the reply code is not to be acted on.
	enh, enhKnown := enhanced[r.Enhanced.key()]
	usable := r.Enhanced.Class != 0 && (r.Code == 0 || r.Enhanced.Class == r.class())
	specific := usable && enhKnown && !general(r.Enhanced)

	e.Provider = providerName(r, p)
	if e.StageHow == StageSeen && e.Stage == StageUnknown {
		e.guess(p, enh, usable && enhKnown, base)
		baseID, base, _ = baseRow(code, e.Stage)
	}
	switch {
	case p != nil && (p.provider != "" || !specific):
		e.Words, e.Known = "reply.pattern."+p.id, p.provider != ""
		e.take(p.advice)
	case specific, usable && enhKnown && r.Enhanced.Subject+r.Enhanced.Detail > 0 && (code == 0 || !known):
		e.Words = "reply.enhanced." + r.Enhanced.key()
		e.take(enh)
	case usable && known && r.class() == 5 && r.Enhanced.key() == "7-1" && !staged(code, e.Stage):
		e.Words = "reply.enhanced.7-1"
		e.take(enh)
	case code == 0, usable && !known && r.Enhanced.Subject > 0:
		e.Words = subjectWords(r)
	default:
		e.Words = baseID
		e.take(base)
	}
	if baseID != e.Words && code != 0 {
		e.Base = baseID
	}
	if maybe != nil {
		// Who acts is not said on the word of a row that nobody has verified.
		e.Maybe = "reply.pattern." + maybe.id
		e.take(advice{checks: maybe.checks})
	}
	if len(e.Actors) == 0 {
		e.take(base)
	}
	if len(e.Actors) == 0 {
		e.Actors = []string{map[bool]string{true: Nobody, false: SenderAdmin}[r.class() < 4]}
	}
	if r.class() == 2 || r.class() == 3 {
		e.Actors, e.Checks = []string{Nobody}, []string{}
	}
}

// general codes say hardly more than their class; the text tells more.
func general(e Enhanced) bool { return e.Detail == 0 || e.Subject == 7 && e.Detail == 1 }

func subjectWords(r *Reply) string {
	if s := r.Enhanced.Subject; s >= 1 && s <= 7 {
		return "reply.subject." + strconv.Itoa(s)
	}
	return "reply.class." + strconv.Itoa(r.class())
}

func staged(code int, stage Stage) bool {
	_, ok := atStage[code][stage]
	return ok
}

// baseRow is the row of a reply code; its class where it has none.
func baseRow(code int, stage Stage) (id string, a advice, known bool) {
	if a, ok := atStage[code][stage]; ok {
		return "reply.code." + strconv.Itoa(code) + "-" + string(stage), a, true
	}
	if a, ok := codes[code]; ok {
		return "reply.code." + strconv.Itoa(code), a, true
	}
	return "reply.class." + strconv.Itoa(code/100), advice{}, false
}

func (e *Explanation) openStage() {
	if e.Stage == StageUnknown {
		e.StageHow = StageOpen
	}
}

// guess takes the stage from what replies with such codes answer.
func (e *Explanation) guess(p *pattern, enh advice, usable bool, base advice) {
	e.StageHow = StageGuessed
	switch {
	case p != nil && p.stage != "":
		e.Stage = p.stage
	case usable && enh.stage != "":
		e.Stage = enh.stage
	case base.stage != "":
		e.Stage = base.stage
	case e.Reply.Code == 250 && strings.Contains(strings.ToLower(e.Reply.Text), "queued"):
		e.Stage = StageMessage
	}
	e.openStage()
}

func (e *Explanation) take(a advice) {
	for _, w := range a.actors {
		if !slices.Contains(e.Actors, w) {
			e.Actors = append(e.Actors, w)
		}
	}
	for _, c := range a.checks {
		if !slices.Contains(e.Checks, c) {
			e.Checks = append(e.Checks, c)
		}
	}
}

// match finds the first row that fits: a verified one, and one that may.
func match(r *Reply) (sure, maybe *pattern) {
	text := r.Enhanced.String() + " " + r.Text
	if r.class() < 4 {
		return nil, nil
	}
	for i := range patterns {
		p := &patterns[i]
		if p.fits(r, text) {
			if p.verified {
				return p, maybe
			}
			if maybe == nil {
				maybe = p
			}
		}
	}
	return nil, maybe
}

func (p *pattern) fits(r *Reply, text string) bool {
	switch {
	case p.codes != nil && !slices.Contains(p.codes, r.Code),
		p.enhanced != nil && (r.Enhanced.Class == 0 || !slices.Contains(p.enhanced, r.Enhanced.key())),
		p.class != 0 && p.class != r.class(),
		p.text != nil && !p.text.MatchString(text):
		return false
	case p.hinted, p.text == nil && p.enhanced == nil:
		return p.provider != "" && hinted(text, p.provider)
	}
	return true
}

func hinted(text, id string) bool {
	return slices.ContainsFunc(providers, func(p provider) bool { return p.id == id && p.hint.MatchString(text) })
}

// providerOf is whose marks stand in the text. A blocklist's come last: the
// server that quotes it is somebody else's.
func providerOf(text string) string {
	for _, p := range providers {
		if p.hint.MatchString(text) {
			return p.id
		}
	}
	return ""
}

// providerName is whose reply it is: by its marks, else by a verified row.
func providerName(r *Reply, p *pattern) string {
	id := providerOf(r.Text)
	if id == "" && p != nil {
		id = p.provider
	}
	for _, p := range providers {
		if p.id == id {
			return p.name
		}
	}
	return ""
}

func retry(r *Reply, e *Explanation) string {
	switch {
	case r.Expired:
		return RetryOver
	case r.Delayed:
		return RetryRunning
	case e.ReadAs == 452, e.Words == "reply.pattern.too-many-recipients" && r.class() == 4, r.Code == 452 && r.Enhanced.key() == "5-3":
		return RetrySplit
	}
	switch r.class() {
	case 2:
		return RetryNotNeeded
	case 3:
		return RetryContinue
	case 4:
		return RetryLater
	case 5:
		return RetryNever
	}
	return RetryUnknown
}

// blamedDomain is how servers name the sender's domain.
var blamedDomain = regexp.MustCompile(`(?i)(?:sending domain|from domain|domain of|on behalf of|mail from|policy of|policy for)\s+<?(?:[^\s@<>]+@)?((?:[a-z0-9_](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,10}[a-z][a-z0-9-]{1,61})\b`)

func blamed(text string) string {
	if m := blamedDomain.FindStringSubmatch(text); m != nil && len(m[1]) <= 253 {
		return strings.ToLower(m[1])
	}
	return ""
}
