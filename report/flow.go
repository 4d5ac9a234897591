package report

import (
	"slices"
	"strings"
)

// laneView is one way that mail goes, as steps from left to right.
type laneView struct {
	Title string
	Stops []stopView
}

type stopView struct {
	Label  string // "SPF"
	Main   string
	Detail string
	Tone   string
	Symbol string
	Word   string
	Link   string
}

// flow draws how mail from the domain and mail to it travels, with what
// receivers and senders check on the way.
func (w words) flow(r *Report) []laneView {
	states := map[string]state{}
	for _, s := range standings(r) {
		states[string(s.Standard)] = s.State
	}
	stop := func(std, main, detail string) stopView {
		st, ok := states[std]
		if !ok {
			st = stateNone
		}
		v := stopView{Label: w.or("standard", std, std), Main: main, Detail: clip(Escape(detail), 300), Tone: st.Code, Symbol: st.Symbol, Word: w.stateWord(st)}
		if ok {
			v.Link = "std-" + std
		}
		return v
	}
	var lanes []laneView
	if len(r.Facts) == 0 {
		return nil
	}
	out := laneView{Title: w.t("flow.out")}
	spf := factsOf[spfView](r, "spf")
	main, detail := w.t("flow.spf-none"), ""
	if spf != nil && spf.Tree != nil {
		providers := spfSources(spf)
		main = w.t("flow.spf")
		detail = w.few(providers)
		if len(providers) == 0 {
			main = w.t("flow.spf-nobody")
		}
	} else if spf == nil || states["spf"] == stateUnknown {
		main = w.t("state.unknown")
	}
	out.Stops = append(out.Stops, stop("spf", main, detail))

	dkim := factsOf[dkimView](r, "dkim")
	main, detail = w.t("flow.dkim-none"), ""
	if dkim != nil {
		var names []string
		for _, s := range dkim.Selectors {
			if s != nil && s.Status == "found" {
				names = append(names, s.Name)
			}
		}
		if len(names) > 0 {
			main, detail = w.t("flow.dkim"), w.few(names)
		}
	}
	out.Stops = append(out.Stops, stop("dkim", main, detail))

	dmarc := factsOf[dmarcView](r, "dmarc")
	main, detail = w.t("flow.dmarc-none"), ""
	if dmarc != nil && dmarc.Effective != nil && dmarc.Effective.Domain.Policy != "" {
		main, detail = w.or("flow.policy", dmarc.Effective.Domain.Policy, Escape(dmarc.Effective.Domain.Policy)), "p="+dmarc.Effective.Domain.Policy
	} else if dmarc == nil || !dmarc.Known {
		main = w.t("state.unknown")
	}
	out.Stops = append(out.Stops, stop("dmarc", main, detail))
	lanes = append(lanes, out)

	if in, ok := w.inbound(r, stop); ok {
		lanes = append(lanes, in)
	}
	return lanes
}

func (w words) inbound(r *Report, stop func(std, main, detail string) stopView) (laneView, bool) {
	in := laneView{Title: w.t("flow.in")}
	mx := factsOf[mxView](r, "mx")
	if mx == nil {
		return in, false
	}
	if mx.Null || len(mx.Hosts) == 0 && !mx.Implicit {
		if !mx.Null && mx.Lookup.State == "unknown" {
			in.Stops = append(in.Stops, stop("mx", w.t("state.unknown"), ""))
		} else {
			in.Stops = append(in.Stops, stop("mx", w.t("flow.mx-none"), ""))
		}
		return in, true
	}
	var names []string
	for _, h := range mx.Hosts {
		if h != nil {
			names = append(names, h.Name)
		}
	}
	in.Stops = append(in.Stops, stop("mx", w.count("flow.mx", len(names)), w.few(names)))

	main, detail := w.t("flow.sts-none"), ""
	if st := stop("mta-sts", "", ""); st.Tone == stateUnknown.Code {
		main = w.t("state.unknown")
	}
	if sts := factsOf[stsView](r, "mta-sts"); sts != nil && sts.Valid && sts.Policy != nil {
		main, detail = w.or("flow.sts", sts.Policy.Mode, Escape(sts.Policy.Mode)), "mode: "+sts.Policy.Mode
	}
	in.Stops = append(in.Stops, stop("mta-sts", main, detail))

	main, detail = w.t("state.unknown"), ""
	if v := factsOf[starttlsView](r, "starttls"); v != nil && !v.Blocked {
		var versions []string
		missing := false
		for _, h := range v.Hosts {
			if h == nil {
				continue
			}
			for _, s := range h.Sessions {
				if s == nil || s.Port != 25 {
					continue
				}
				missing = missing || s.STARTTLS == "missing" || s.STARTTLS == "refused"
				if s.TLS != nil && !slices.Contains(versions, s.TLS.Version) {
					versions = append(versions, s.TLS.Version)
				}
			}
		}
		switch {
		case missing:
			main = w.t("flow.tls-missing")
		case len(versions) > 0:
			main = w.t("flow.tls")
		}
		detail = strings.Join(versions, ", ")
	}
	in.Stops = append(in.Stops, stop("starttls", main, detail))
	return in, true
}

// few lists as many names as a step has room for, and how many are left.
func (w words) few(names []string) string {
	text := ""
	for i, n := range names {
		n = clip(n, 120)
		if i > 0 && len(text)+len(n) > 120 {
			return text + " " + w.count("flow.more", len(names)-i)
		}
		if i > 0 {
			text += ", "
		}
		text += n
	}
	return text
}

// spfSources names who may send, by provider where it is known.
func spfSources(v *spfView) []string {
	var names []string
	for _, t := range v.Tree.Terms {
		if t == nil || strings.HasPrefix(t.Term, "-") || strings.HasPrefix(t.Term, "~") || strings.HasPrefix(t.Term, "exp=") {
			continue
		}
		name := t.Provider
		if name == "" {
			name = strings.TrimLeft(t.Term, "+?")
			name = strings.TrimPrefix(strings.TrimPrefix(name, "include:"), "redirect=")
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
