package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dkim"
	"github.com/postseal/postseal/dns"
	"github.com/postseal/postseal/publish"
	"github.com/postseal/postseal/report"
)

func newDKIMRotateCmd(s *streams) *cobra.Command {
	var (
		net      netFlags
		k        keyFlags
		g        = genFlags{format: "zone"}
		selector []string
		files    []string
		next     string
		start    string
		format   string
	)
	cmd := &cobra.Command{
		Use:   "rotate DOMAIN",
		Short: "Plan the change to a new DKIM key, with dates and records",
		Long: "The plan follows from what DNS has now: publish the new key; wait one negative TTL (RFC 2308 §5) and one\n" +
			"TTL; switch the signer; keep the old record for seven days, for mail in queues; revoke it; remove it 30\n" +
			"days later. --key takes a key that exists, --key-dir makes one; with neither the plan begins with making it.\n" +
			"Selectors that are aliases belong to a provider, which rotates them.\n\n" +
			"Exit codes: 0 there is a plan; 1 there is no key to rotate, or the new selector is taken; 2 usage; 3 it could\n" +
			"not be told which keys there are.",
		Example: "  postseal dkim rotate example.com --selector s1\n" +
			"  postseal dkim rotate example.com --selector s1 --key-dir keys --start 2026-12-01\n" +
			"  postseal dkim rotate example.com --key keys/example.com.s202611a.pem --format json",
		Args: oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			gen, err := g.of(s, args[0])
			if err != nil {
				return err
			}
			if format != "text" && format != "json" {
				return usage("unknown format %q (text or json)", format)
			}
			for i := range selector {
				if selector[i], err = checkSelector("--selector", selector[i]); err != nil {
					return err
				}
			}
			if next != "" {
				if next, err = checkSelector("--new", next); err != nil {
					return err
				}
			}
			if k.keyType != "" && k.keyType != "both" {
				if _, err := dkim.KeyBits(k.keyType); err != nil {
					return gen.refused(err)
				}
			}
			ctx, w, done, err := net.begin(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			p := &rotatePlan{g: gen, w: w, k: &k, r: dkim.Rotation{Domain: gen.domain, TTL: time.Duration(g.ttl) * time.Second}}
			if p.r.Start, err = startTime(start, w.now()); err != nil {
				return err
			}
			if err := p.look(ctx, selector); err != nil {
				return timedOut(cmd, ctx, err)
			}
			made, err := p.keys(ctx, cmd, files, next)
			if err != nil {
				return timedOut(cmd, ctx, err)
			}
			p.orphans()
			return made.orTakenAway(func() error { return p.write(s, format) })
		},
	}
	net.addDNS(cmd)
	fl := cmd.Flags()
	fl.StringArrayVar(&selector, "selector", nil, "rotate the key at this `SELECTOR` (default: every key that is found; repeatable)")
	fl.StringVar(&next, "new", "", "`SELECTOR` of the new key (default: of the month, such as s202611a)")
	fl.StringVar(&k.keyType, "type", "", "make keys of this `KIND`: rsa2048, rsa3072, rsa4096, ed25519 or both (default: as now)")
	fl.StringArrayVar(&files, "key", nil, "private key `FILE` that takes over (repeatable)")
	fl.StringVar(&k.dir, "key-dir", "", "make the new key in this `FOLDER`")
	fl.StringVar(&start, "start", "", "`DATE` of the first step, 2026-12-01 or 2026-12-01T08:00:00Z (default: now)")
	fl.Uint32Var(&g.ttl, "ttl", publish.DefaultTTL, "TTL of the new records in `SECONDS`")
	fl.StringVar(&format, "format", "text", "what standard output gets, a `FORMAT`: text or json")
	k.add(cmd)
	addLang(cmd, &g.lang)
	cmd.MarkFlagsMutuallyExclusive("key", "key-dir")
	cmd.MarkFlagsMutuallyExclusive("key", "type")
	complete(cmd, "format", "text", "json")
	complete(cmd, "type", "rsa2048", "rsa3072", "rsa4096", "ed25519", "both")
	return cmd
}

// timedOut prefers the interruption to what it caused.
func timedOut(cmd *cobra.Command, ctx context.Context, err error) error {
	switch {
	case cmd.Context().Err() != nil:
		return cmd.Context().Err()
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return &exit{exitIncomplete, err}
	}
	return err
}

func startTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now.UTC(), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usage("--start %q is neither a date (2026-12-01) nor a time (2026-12-01T08:00:00Z)", text)
}

// rotatePlan is a rotation on its way to paper.
type rotatePlan struct {
	g       *generation
	w       *world
	k       *keyFlags
	r       dkim.Rotation
	managed []*dkim.Selector
	longest time.Duration // TTL of the old records, as far as it was seen
}

// look finds the keys in force and how long DNS keeps what it says.
func (p *rotatePlan) look(ctx context.Context, selectors []string) error {
	l := p.g.l
	none := func(code int, id string, params check.Params) error {
		params["Domain"] = p.g.domain.String()
		return &exit{code, errors.New(l.Text("dkim-rotate."+id, params))}
	}
	f := &dkim.Facts{Domain: p.g.domain}
	if len(selectors) == 0 {
		var err error
		if f, err = dkim.Gather(ctx, p.w.run, p.g.domain, dkim.Options{}); err != nil {
			return err
		}
	}
	for _, name := range selectors {
		s := dkim.LookAt(ctx, p.w.run, p.g.domain, name)
		params := check.Params{"Name": s.Owner().String()}
		switch s.Status {
		case dkim.StatusUnknown:
			params["Cause"] = l.Cause(check.CauseOf(s.Lookup.Error))
			return none(exitIncomplete, "unknown", params)
		case dkim.StatusMissing:
			return none(exitFindings, "missing", params)
		case dkim.StatusRevoked:
			return none(exitFindings, "revoked", params)
		}
		f.Selectors = append(f.Selectors, s)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p.r.Old, p.managed = f.Candidates()
	switch {
	case len(p.r.Old)+len(p.managed) > 0:
	case f.Node == dkim.NodeMissing:
		return none(exitFindings, "nothing", check.Params{})
	case f.FailedWith != nil:
		return none(exitIncomplete, "unknown", check.Params{"Name": p.g.domain.String(), "Cause": l.Cause(check.CauseOf(f.FailedWith))})
	default:
		return none(exitIncomplete, "not-found", check.Params{"Tried": len(f.Tried)})
	}
	if own := slices.DeleteFunc(slices.Clone(p.r.Old), func(s *dkim.Selector) bool { return s.KeyType != "rsa" }); len(own) > 1 {
		p.warn("several", check.Params{"Selectors": names(own)})
	}
	if len(f.Failed) > 0 {
		p.warn("failed", check.Params{"Selectors": strings.Join(f.Failed, ", ")})
	}
	for _, s := range p.r.Old {
		p.longest = max(p.longest, s.Lookup.Answer.TTL)
		if s.Status != dkim.StatusFound {
			p.warn("damaged", check.Params{"Name": s.Owner().String()})
		}
	}
	p.r.TTL = max(p.r.TTL, p.longest)
	l2 := dns.AskAuthority(ctx, p.w.run, p.g.domain)
	if l2.Found() {
		soa := l2.Records()[0]
		// A zone file says the TTL itself; a resolver shows what is left of it.
		p.r.Negative = soa.NegativeTTL(!strings.HasPrefix(l2.Answer.Server, "zone "))
	}
	if p.r.Negative == 0 && len(p.r.Old) > 0 {
		p.warn("negative", check.Params{})
	}
	return nil
}

func names(list []*dkim.Selector) string {
	var out []string
	for _, s := range list {
		out = append(out, s.Name)
	}
	return strings.Join(out, ", ")
}

func (p *rotatePlan) warn(id string, params check.Params) {
	p.g.set.Warnings = append(p.g.set.Warnings, p.g.l.Text("dkim-rotate.warn-"+id, params))
}

// keys finds out which keys take over, and makes them where that is asked for.
func (p *rotatePlan) keys(ctx context.Context, cmd *cobra.Command, files []string, next string) (*madeKeys, error) {
	made := &madeKeys{g: p.g}
	if len(p.r.Old) == 0 { // all in a provider's hands
		if len(files) > 0 || p.k.dir != "" {
			return made, usage("every key of %s is an alias: its provider makes the new one", p.g.domain)
		}
		return made, nil
	}
	if len(files) > 0 {
		return made, p.existing(ctx, files, next)
	}
	making := p.k.dir != ""
	if p.k.keyType == "" {
		p.k.keyType = dkim.TypesFor(p.r.Old)
	}
	if err := p.k.check(cmd); err != nil {
		return made, err
	}
	plan, err := p.g.choose(ctx, p.w, p.r.Start, p.k, next)
	if err != nil {
		return made, err
	}
	for _, k := range plan {
		p.kept(dkim.AskSlot(ctx, p.w.run, p.g.domain, k.selector))
	}
	if making {
		if made, err = p.g.keys(p.k, plan); err != nil {
			return made, err
		}
	} else if err := p.g.judge(dkim.Advice(typesOf(plan)...)); err != nil {
		return made, err
	}
	for i, k := range plan {
		n := dkim.NewKey{Selector: k.selector, Type: k.keyType, File: p.k.path(p.g.domain, k)}
		if making {
			n.Record = made.keys[i].Record(p.k.rec)
		}
		p.r.New = append(p.r.New, n)
	}
	return made, nil
}

func typesOf(plan []keyPlan) []string {
	var list []string
	for _, k := range plan {
		list = append(list, k.keyType)
	}
	return list
}

// existing takes keys that were made before. One that is published already
// needs no first step.
func (p *rotatePlan) existing(ctx context.Context, files []string, next string) error {
	var types []string
	for _, path := range files {
		f := dkim.ReadKeyFile(path)
		if f.Err != nil {
			return usage("--key: %s", p.g.l.Cause(check.CauseOf(f.Err)))
		}
		if bits, ok := strings.CutPrefix(f.Key.Type, "rsa"); ok && len(bits) < 4 || bits == "1024" {
			return p.g.refused(&check.GenProblem{ID: "gen-dkim-weak", Severity: check.Error, Params: check.Params{"Bits": bits}})
		}
		n := dkim.NewKey{Type: f.Key.Type, File: path, Record: f.Key.Record(p.k.rec)}
		n.Selector, _ = dkim.SelectorOf(path, p.g.domain)
		if next != "" {
			if n.Selector = next; len(files) > 1 && f.Key.Type == "ed25519" {
				n.Selector += "-ed"
			}
		}
		if n.Selector == "" {
			return usage("the name of %s does not tell the selector; name it with --new", path)
		}
		if slices.ContainsFunc(p.r.New, func(k dkim.NewKey) bool { return k.Selector == n.Selector }) {
			return usage("two new keys at one selector, %s", n.Selector)
		}
		// The new key must not be one of those that go.
		at := slices.IndexFunc(p.r.Old, func(s *dkim.Selector) bool { return s.Name == n.Selector })
		slot := dkim.AskSlot(ctx, p.w.run, p.g.domain, n.Selector)
		p.kept(slot)
		standing := dkim.LookAt(ctx, p.w.run, p.g.domain, n.Selector)
		switch n.Standing = standing.Key() != nil && standing.Status == dkim.StatusFound && f.Key.Matches(standing.Key()); {
		case n.Standing && at >= 0:
			p.r.Old = slices.Delete(p.r.Old, at, at+1)
			n.Record = standing.Record
		case n.Standing:
			n.Record = standing.Record
		default:
			if problem := slot.Problem(); problem != nil {
				if problem.Err != nil {
					problem.Params["Cause"] = p.g.l.Cause(check.CauseOf(problem.Err))
				}
				if err := p.g.judge([]check.GenProblem{*problem}); err != nil {
					return err
				}
			}
		}
		// Another selector with the same key is no other key, and its private half
		// would be destroyed with the old one.
		for _, s := range p.r.Old {
			if s.Key() != nil && f.Key.Matches(s.Key()) {
				return usage("--key: %s is the key at %s: a rotation needs another key, and --key-dir makes one", path, s.Owner())
			}
		}
		p.r.New = append(p.r.New, n)
		types = append(types, f.Key.Type)
	}
	if len(p.r.Old) == 0 {
		return usage("%s has no other key than the new one", p.g.domain)
	}
	return p.g.judge(dkim.Advice(types...))
}

// kept has the plan wait for what resolvers hold of a wildcard that answers for
// the new selector.
func (p *rotatePlan) kept(slot dkim.Slot) {
	if slot.Withdrawn {
		p.r.TTL = max(p.r.TTL, slot.Lookup.Answer.TTL)
	}
}

// orphans warns of Ed25519 keys that go although no such key comes: the signer
// would use them on after the switch. That RSA goes has a warning already.
func (p *rotatePlan) orphans() {
	gone := slices.DeleteFunc(slices.Clone(p.r.Old), func(s *dkim.Selector) bool { return s.KeyType != "ed25519" })
	if len(gone) > 0 && !slices.ContainsFunc(p.r.New, func(k dkim.NewKey) bool { return k.Type == "ed25519" }) {
		p.warn("orphans", check.Params{"Selectors": names(gone)})
	}
}

// rotateDocument is the plan as JSON.
type rotateDocument struct {
	SchemaVersion    int           `json:"schema_version"`
	Domain           string        `json:"domain"`
	Start            time.Time     `json:"start"`
	TTL              int           `json:"ttl"`                // seconds that a record may be kept
	NegativeTTL      int           `json:"negative_ttl"`       // seconds that a denial may be kept
	NegativeTTLKnown bool          `json:"negative_ttl_known"` // false: assumed
	Old              []rotateOld   `json:"old"`
	New              []dkim.NewKey `json:"new"`
	Managed          []rotateOld   `json:"managed"` // aliases: their provider rotates
	Steps            []rotateStep  `json:"steps"`
	Warnings         []string      `json:"warnings"`
}

type rotateOld struct {
	Selector string   `json:"selector"`
	KeyType  string   `json:"key_type"`
	Bits     int      `json:"bits"`
	Records  []string `json:"records"`
	Target   string   `json:"target"`   // of the alias, "" for none
	Provider string   `json:"provider"` // "" unknown
	Advice   string   `json:"advice"`   // what to do about an alias
}

type rotateStep struct {
	dkim.Step
	Title string   `json:"title"`
	Why   string   `json:"why"`
	Check []string `json:"check"` // commands that tell whether it is done
}

func (p *rotatePlan) document() *rotateDocument {
	wait := p.r.Wait()
	d := &rotateDocument{
		SchemaVersion: 1, Domain: p.g.domain.String(), Start: p.r.Start, TTL: int(p.r.TTL / time.Second),
		NegativeTTL: int((wait - p.r.TTL) / time.Second), NegativeTTLKnown: p.r.Negative != 0,
		Old: []rotateOld{}, New: append([]dkim.NewKey{}, p.r.New...), Managed: []rotateOld{}, Steps: []rotateStep{},
		Warnings: append([]string{}, p.g.set.Warnings...),
	}
	for _, s := range p.r.Old {
		d.Old = append(d.Old, rotateOld{Selector: s.Name, KeyType: s.KeyType, Bits: s.Bits, Records: s.Texts()})
	}
	for _, s := range p.managed {
		o := rotateOld{Selector: s.Name, KeyType: s.KeyType, Bits: s.Bits, Records: s.Texts(), Target: s.CNAME.String(), Provider: s.Provider}
		o.Advice = p.g.l.Text("dkim-rotate.managed", check.Params{"Name": s.Owner().String(), "Target": o.Target, "Provider": s.Provider})
		d.Managed = append(d.Managed, o)
	}
	if len(p.r.Old) == 0 {
		return d
	}
	for _, step := range p.r.Steps() {
		params := check.Params{
			"Domain": d.Domain, "Negative": shortTime(wait - p.r.TTL), "TTL": shortTime(p.r.TTL), "Days": int(step.Waited.Hours() / 24),
			"Old": names(p.r.Old), "Made": !slices.ContainsFunc(p.r.New, func(k dkim.NewKey) bool { return k.Record == "" }),
		}
		d.Steps = append(d.Steps, rotateStep{
			Step: step, Title: p.g.l.Text("dkim-rotate."+step.ID, params),
			Why: p.g.l.Text("dkim-rotate."+step.ID+"-why", params), Check: p.checks(step.ID),
		})
	}
	return d
}

// checks are the commands that go with a step. To make the key is one itself.
func (p *rotatePlan) checks(step string) []string {
	list := []string{}
	domain := p.g.domain.String()
	switch step {
	case "make":
		list = append(list, p.makeCall())
	case "publish", "switch":
		for _, n := range p.r.New {
			list = append(list, "postseal dkim match --key "+shellWord(n.File)+" --selector "+n.Selector+" "+domain)
		}
		if step == "switch" {
			for i := range list {
				list[i] = strings.TrimSuffix(list[i], " "+domain) + " --message received.eml " + domain
			}
		}
	case "revoke", "remove":
		for _, s := range p.r.Old {
			list = append(list, "postseal dkim find "+domain+" --selector "+s.Name)
		}
	}
	return list
}

// makeCall is the call that makes the new keys as this plan has them.
func (p *rotatePlan) makeCall() string {
	call := "postseal generate dkim " + p.g.domain.String() + " --selector " + p.r.New[0].Selector + " --type " + p.k.keyType
	rec := p.k.rec
	for _, flag := range []struct {
		text string
		on   bool
	}{
		{" --test", rec.Testing}, {" --strict", rec.Strict}, {" --hash-sha256", rec.SHA256},
		{" --services " + strings.Join(rec.Services, ","), len(rec.Services) > 0},
		{" --key-format " + p.k.form, p.k.form != "pem"},
		{fmt.Sprintf(" --ttl %d", p.g.flags.ttl), p.g.flags.ttl != publish.DefaultTTL},
	} {
		if flag.on {
			call += flag.text
		}
	}
	return call
}

// shellWord quotes a path where a shell would read more into it.
func shellWord(s string) string {
	s = filepath.ToSlash(s)
	if s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-", c)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// shortTime is a duration in units of SI, without the zeros at its end: "1 h 10 min".
func shortTime(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return strings.TrimSpace(strings.NewReplacer("h", " h ", "m", " min ", "s", " s").Replace(s))
}

func (p *rotatePlan) write(s *streams, format string) error {
	d := p.document()
	if format == "json" {
		p.g.flags.format = "json" // it holds what notes would say
		return report.EncodeJSON(s.out, d)
	}
	for _, warning := range d.Warnings {
		fmt.Fprintf(s.err, "postseal: %s\n", report.Escape(warning))
	}
	width := s.columns()
	var b strings.Builder
	text := func(indent, t string) { b.WriteString(indent + report.Wrap(width, indent, report.Escape(t)) + "\n") }
	text("", p.g.l.Text("dkim-rotate.title", check.Params{"Domain": d.Domain}))
	for _, m := range d.Managed {
		b.WriteByte('\n')
		text("  ", m.Advice)
	}
	for i, step := range d.Steps {
		when := day(step.At, p.g.l) + step.At.Format(" 15:04 MST")
		b.WriteString("\n" + heading(width, fmt.Sprintf("%d. %s", i+1, when), report.Escape(step.Title)))
		text("   ", step.Why)
		for _, c := range step.Changes {
			if err := p.change(&b, c); err != nil {
				return err
			}
		}
		for _, c := range step.Check {
			fmt.Fprintf(&b, "   $ %s\n", report.Escape(c))
		}
	}
	_, err := s.out.Write([]byte(b.String()))
	return err
}

// change writes what goes and what comes, as a zone file has it.
func (p *rotatePlan) change(b *strings.Builder, c check.RecordChange) error {
	for _, side := range []struct {
		mark  string
		texts []string
	}{{"-", c.Old}, {"+", c.New}} {
		for _, t := range side.texts {
			if t == dkim.Hidden {
				fmt.Fprintf(b, "   %s %s %s\n", side.mark, c.Name, t)
				continue
			}
			fmt.Fprintf(b, "   %s %s\n", side.mark, publish.Line(c.Name, p.g.flags.ttl, t))
		}
	}
	return nil
}
