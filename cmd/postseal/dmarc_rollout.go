package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postseal/postseal/audit"
	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dmarc"
	"github.com/postseal/postseal/dmarc/aggregate"
	"github.com/postseal/postseal/internal/locale"
	"github.com/postseal/postseal/internal/zonetext"
	"github.com/postseal/postseal/report"
)

func newDMARCRolloutCmd(s *streams) *cobra.Command {
	var (
		look lookFlags
		net  netFlags
		req  rolloutRequest
	)
	cmd := &cobra.Command{
		Use:   "rollout DOMAIN",
		Short: "Plan the way to an enforced policy: dates, records, what must hold before each step",
		Long: "The plan starts where the domain stands and goes by none, quarantine and reject, with a rehearsal (t=y)\n" +
			"before each level. Every stage has its first day, the exact record, the gate before the next one and the way\n" +
			"back. With --dmarc-reports the aggregate reports of receivers say in numbers whether the next step is safe and\n" +
			"who would break. Receivers that only know RFC 7489 ignore t=y and apply the policy in full. Where people of\n" +
			"the domain write to mailing lists, '--to quarantine' may be the better goal (RFC 9989 §7.4).\n\n" +
			"Exit codes: 0 there is a plan, or nothing is left to do; 2 usage; 3 it could not be told where the domain\n" +
			"stands.",
		Example: "  postseal dmarc rollout example.com\n" +
			"  postseal dmarc rollout example.com --to quarantine --start 2026-12-01 --since 2026-10-01\n" +
			"  postseal dmarc rollout example.com --dmarc-reports reports/\n" +
			"  postseal dmarc rollout --zone example.com.zone --offline example.com --format json",
		Args: oneArg("domain"),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := look.words()
			if err != nil {
				return err
			}
			domain, err := parseDomain(args[0])
			if err != nil {
				return usage("%w", err)
			}
			opts, err := req.options(time.Now())
			if err != nil {
				return err
			}
			profile, err := parseProfile(req.profile)
			if err == nil {
				err = checkSelectors(req.selectors)
			}
			if err != nil {
				return err
			}
			requests := []audit.Request{{Domain: domain, Selectors: req.selectors, Profile: profile, ProfileSource: "flag"}}
			if err := reportEvidence(cmd.Context(), s, req.reports, opts.Since, requests, l); err != nil {
				return err
			}
			ctx, w, done, err := net.begin(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			// The plan needs no connection to a mail host or a policy host.
			w.auditor.Prober, w.auditor.NoSMTP, w.auditor.Fetcher, w.auditor.Logos, w.auditor.AskServer = nil, "disabled", nil, nil, nil
			out, err := w.auditor.Audit(ctx, requests[0])
			switch {
			case cmd.Context().Err() != nil:
				return cmd.Context().Err()
			case err != nil:
				return &exit{exitIncomplete, errors.New(l.Text("audit.timed-out", check.Params{"Timeout": net.timeout.String()}))}
			}
			evidence := audit.EvidenceOf(requests[0].Reports)
			plan, err := audit.PlanRollout(out, opts, evidence)
			switch {
			case errors.Is(err, dmarc.ErrNoAddress):
				return usage("%s", l.Text("rollout.no-address", check.Params{"Domain": domain.String()}))
			case err != nil:
				return &exit{exitIncomplete, errors.New(l.Text("rollout.unknown", check.Params{
					"Domain": domain.String(), "Cause": l.Cause(check.CauseOf(err))}))}
			}
			if look.json() {
				return writeRolloutJSON(s.out, domain.String(), plan, opts, evidence, l)
			}
			return writeRollout(s, domain.String(), plan, l)
		},
	}
	net.addDNS(cmd)
	req.add(cmd)
	look.add(cmd)
	return cmd
}

// rolloutRequest is what the user says of the plan.
type rolloutRequest struct {
	to, start, since, profile string
	rua, selectors, reports   []string
}

func (r *rolloutRequest) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&r.to, "to", "reject", "`LEVEL` to stop at: quarantine or reject")
	fl.StringVar(&r.start, "start", "", "first day of the plan, `YYYY-MM-DD` (default: today)")
	fl.StringVar(&r.since, "since", "", "day on which the record in force was published, `YYYY-MM-DD`; reports before it do not count")
	fl.StringSliceVar(&r.rua, "rua", nil, "`ADDRESS` for aggregate reports where the record has none (repeatable)")
	fl.StringArrayVar(&r.selectors, "selector", nil, "DKIM `SELECTOR` known to be in use (repeatable)")
	fl.StringVar(&r.profile, "profile", "", "what the domain does, a `PROFILE`: mail, send-only, receive-only or parked (default: inferred)")
	fl.StringArrayVar(&r.reports, "dmarc-reports", nil, "judge the next step by the DMARC aggregate reports in this file or folder, `PATH` (repeatable)")
	complete(cmd, "to", "quarantine", "reject")
	complete(cmd, "profile", "mail", "send-only", "receive-only", "parked")
}

func (r *rolloutRequest) options(now time.Time) (o dmarc.RolloutOptions, err error) {
	if o.To = dmarc.ParseLevel(r.to); o.To < dmarc.Quarantine {
		return o, usage("--to %q is neither quarantine nor reject", r.to)
	}
	o.Start = audit.Today(now)
	if r.start != "" {
		if o.Start, err = time.Parse(time.DateOnly, r.start); err != nil {
			return o, usage("--start %q is not a day such as 2026-12-01", r.start)
		}
	}
	if r.since != "" {
		if o.Since, err = time.Parse(time.DateOnly, r.since); err != nil {
			return o, usage("--since %q is not a day such as 2026-12-01", r.since)
		}
		if o.Since.After(o.Start) {
			return o, usage("--since %s is after the first day of the plan, %s", r.since, o.Start.Format(time.DateOnly))
		}
	}
	for _, u := range r.rua {
		o.RUA = append(o.RUA, mailto(u))
	}
	if len(o.RUA) > 0 {
		if _, _, _, err := dmarc.Generate("example.com", dmarc.Options{RUA: o.RUA}); err != nil {
			return o, usage("--rua: %w", err)
		}
	}
	return o, nil
}

// writeRollout prints the plan for people. Records hold strangers' text.
func writeRollout(s *streams, domain string, plan *audit.Rollout, l *locale.Localizer) error {
	var b strings.Builder
	width := s.columns()
	note := func(text string) { fmt.Fprintf(&b, "   %s\n", report.Wrap(width, "   ", text)) }
	say := func(id string, p check.Params) string { return report.Escape(l.Text("rollout."+id, p)) }
	name := check.Params{"Domain": domain}
	if len(plan.Stages) == 0 {
		b.WriteString(paragraph(width, "", say("done", name)))
		_, err := io.WriteString(s.out, b.String())
		return err
	}
	b.WriteString(paragraph(width, "", say("title", name)))
	if plan.Profile == check.ProfileParked {
		b.WriteString(paragraph(width, "", say("parked", name)))
	}
	for i, st := range plan.Stages {
		p := check.Params{"From": day(st.From, l), "Until": day(st.Until, l), "Days": st.Days}
		when := "when"
		switch {
		case st.Current:
			when = "when-current"
		case st.Until.IsZero():
			when = "when-last"
		}
		b.WriteString("\n" + heading(width, fmt.Sprintf("%d. %s", i+1, say("stage-"+st.Name, nil)), say(when, p)))
		if st.Current {
			note(say("stands", nil))
			fmt.Fprintf(&b, "   %s\n", report.Escape(st.Record))
		}
		for _, c := range st.Change {
			for _, old := range leaves(plan, i, c) {
				note(say("removed", nil))
				fmt.Fprintf(&b, "   %s\n", report.Escape(fmt.Sprintf("%s IN %s %s", c.Name, c.Type, old)))
			}
			if len(c.New) == 0 {
				continue
			}
			fmt.Fprintf(&b, "   %s\n", report.Escape(fmt.Sprintf("%s %d IN %s %s", c.Name, st.TTL, c.Type, zonetext.Quote(strings.Join(c.New, "")))))
		}
		for _, c := range st.Consent {
			note(say("consent", nil))
			fmt.Fprintf(&b, "   %s\n", report.Escape(fmt.Sprintf("%s IN %s %s", c.Name, c.Type, zonetext.Quote(strings.Join(c.New, "")))))
		}
		if st.Testing {
			note(say("rehearsal", nil))
		}
		if st.Name == dmarc.StageReject && i > 0 && !st.Current && plan.Profile != check.ProfileParked {
			note(say("reject-lists", nil))
		}
		if len(st.Gates) > 0 {
			note(say("gates", nil))
		}
		for _, g := range st.Gates {
			fmt.Fprintf(&b, "     %s %s\n", gateMark[g.Status], report.Wrap(width, "         ", report.Escape(gateText(g, l))))
		}
	}
	if len(plan.Stages) > 1 {
		b.WriteString("\n" + paragraph(width, "", say("back", nil)))
	}
	_, err := io.WriteString(s.out, b.String())
	return err
}

// leaves are what a change takes away that is not the record the plan began
// with: an alias, or texts that are no record.
func leaves(plan *audit.Rollout, stage int, c check.RecordChange) []string {
	var out []string
	for _, old := range c.Old {
		switch {
		case c.Type == "CNAME":
			out = append(out, old)
		case stage == 0 && !plan.Standing.Own:
			out = append(out, zonetext.Quote(old))
		}
	}
	return out
}

// gateMark tells the state of a gate without colour.
var gateMark = map[audit.GateStatus]string{
	audit.GateMet: "[x]", audit.GateNotMet: "[!]", audit.GateUnknown: "[?]", audit.GateManual: "[ ]",
}

// gateText words a gate and how far it is open.
func gateText(g audit.Gate, l *locale.Localizer) string {
	params := gateParams(g.Params, l)
	text := l.Text("rollout.gate-"+g.Code, params)
	switch g.Status {
	case audit.GateNotMet:
		return text + " — " + l.Text("rollout.not-met-"+g.Code, params)
	case audit.GateMet:
		if g.Code == "aligned" {
			return text + " — " + l.Text("rollout.met-aligned", params)
		}
	case audit.GateManual:
		if _, seen := g.Params["Messages"]; seen {
			return text + " — " + l.Text("rollout.manual-"+g.Code, params)
		}
	case audit.GateUnknown:
		cause := check.Cause{Code: g.Cause.Code, Params: gateParams(g.Cause.Params, l)}
		if g.Cause.Code == "reports-later" { // nothing failed
			return text + " — " + l.Cause(cause)
		}
		return text + " — " + l.Text("rollout.gate-unknown", check.Params{"Cause": l.Cause(cause)})
	}
	return text
}

// gateParams writes shares and lists as the language does.
func gateParams(in check.Params, l *locale.Localizer) check.Params {
	out := check.Params{}
	for k, v := range in {
		switch v := v.(type) {
		case float64:
			n := strconv.FormatFloat(v, 'f', -1, 64)
			if l.Lang == locale.Portuguese {
				n = strings.Replace(n, ".", ",", 1)
			}
			out[k] = n
		case []string:
			out[k] = strings.Join(v, ", ")
		default:
			out[k] = v
		}
	}
	return out
}

type rolloutJSON struct {
	Domain  string        `json:"domain"`
	Profile check.Profile `json:"profile"`
	Start   string        `json:"start"`
	Record  string        `json:"record"` // in force when the plan was made, "" for none
	Own     bool          `json:"own"`
	Stages  []stageJSON   `json:"stages"`

	Evidence *evidenceJSON `json:"evidence"` // of aggregate reports; null for none
}

type evidenceJSON struct {
	Days       int             `json:"days"`
	Begin      time.Time       `json:"begin"`
	End        time.Time       `json:"end"`
	Messages   int64           `json:"messages"`
	Aligned    int64           `json:"aligned"`
	Senders    aggregate.Share `json:"senders"`
	Forwarders aggregate.Share `json:"forwarders"`
	Unnamed    aggregate.Share `json:"unnamed"`
	Breaking   []string        `json:"breaking"` // the first few of the senders
}

type stageJSON struct {
	Stage   string               `json:"stage"`
	From    string               `json:"from"`
	Until   string               `json:"until"` // "" in the last stage
	Days    int                  `json:"days"`
	Current bool                 `json:"current"`
	Record  string               `json:"record"`
	TTL     uint32               `json:"ttl"`
	Change  []check.RecordChange `json:"change"`
	Consent []check.RecordChange `json:"consent"`
	WayBack []string             `json:"way_back"`
	Gates   []gateJSON           `json:"gates"`
}

type gateJSON struct {
	Gate   string           `json:"gate"`
	Status audit.GateStatus `json:"status"`
	Text   string           `json:"text"`
}

func writeRolloutJSON(w io.Writer, domain string, plan *audit.Rollout, o dmarc.RolloutOptions, ev *audit.RolloutEvidence, l *locale.Localizer) error {
	doc := rolloutJSON{Domain: domain, Profile: plan.Profile, Start: o.Start.Format(time.DateOnly), Own: plan.Standing.Own, Stages: []stageJSON{}}
	if plan.Standing.Record != nil {
		doc.Record = plan.Standing.Record.Text
	}
	if ev != nil {
		doc.Evidence = &evidenceJSON{ev.Days, ev.Begin, ev.End, ev.Messages, ev.Aligned, ev.Senders, ev.Forwarders,
			aggregate.Share{Sources: ev.Unnamed, Messages: ev.UnnamedOf}, ev.Breaking}
	}
	for _, s := range plan.Stages {
		st := stageJSON{Stage: s.Name, From: s.From.Format(time.DateOnly), Days: s.Days, Current: s.Current, Record: s.Record, TTL: s.TTL,
			Change: s.Change, Consent: s.Consent, WayBack: s.WayBack, Gates: []gateJSON{}}
		if !s.Until.IsZero() {
			st.Until = s.Until.Format(time.DateOnly)
		}
		for _, g := range s.Gates {
			st.Gates = append(st.Gates, gateJSON{g.Code, g.Status, gateText(g, l)})
		}
		doc.Stages = append(doc.Stages, st)
	}
	return report.EncodeJSON(w, doc)
}
