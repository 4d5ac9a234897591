package report

import (
	"slices"
	"strings"
)

// laneView is one way that mail goes, as steps from left to right.
type laneView struct {
	Title  string
	Sender string // what mail that goes this way has in its header: "From: …"
	Stops  []stopView
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

// flow tells how mail from the domain and mail to it travels, with what
// receivers and senders check on the way.
func (w words) flow(r *Report) []laneView {
	if len(r.Facts) == 0 {
		return nil
	}
	f := flowFacts{words: w, r: r, states: map[string]state{}}
	for _, s := range standings(r) {
		f.states[string(s.Standard)] = s.State
	}
	name := clip(Escape(r.Domain), 260)
	out := laneView{w.t("flow.out"), "From: @" + name, []stopView{f.spf(), f.dkim(), f.dmarc(), f.receivers()}}
	mx := factsOf[mxView](r, "mx")
	if mx == nil {
		return []laneView{out}
	}
	in := laneView{w.t("flow.in"), "To: @" + name, []stopView{f.mx(mx)}}
	if !mx.Null && (len(mx.Hosts) > 0 || mx.Implicit) {
		in.Stops = append(in.Stops, f.mtaSTS(), f.dane(), f.starttls())
	}
	return []laneView{out, in}
}

// flowFacts makes the stops of one report.
type flowFacts struct {
	words
	r      *Report
	states map[string]state
}

// stop is one standard with its state.
func (f flowFacts) stop(std, main, detail string) stopView {
	st, ok := f.states[std]
	if !ok {
		st = stateNone
	}
	v := stopView{Label: f.or("standard", std, std), Main: main, Detail: clip(Escape(detail), 300), Tone: st.Code, Symbol: st.Symbol, Word: f.stateWord(st)}
	if ok {
		v.Link = "std-" + std
	}
	return v
}

func (f flowFacts) spf() stopView {
	v := factsOf[spfView](f.r, "spf")
	switch {
	case v != nil && v.Tree != nil:
		sources := spfSources(v)
		if len(sources) == 0 {
			return f.stop("spf", f.t("flow.spf-nobody"), "")
		}
		return f.stop("spf", f.t("flow.spf"), f.few(sources))
	case v == nil || f.states["spf"] == stateUnknown:
		return f.stop("spf", f.t("state.unknown"), "")
	default:
		return f.stop("spf", f.t("flow.spf-none"), "")
	}
}

func (f flowFacts) dkim() stopView {
	var names []string
	if v := factsOf[dkimView](f.r, "dkim"); v != nil {
		for _, s := range v.Selectors {
			if s != nil && s.Status == "found" {
				names = append(names, s.Name)
			}
		}
	}
	if len(names) == 0 {
		return f.stop("dkim", f.t("flow.dkim-none"), "")
	}
	return f.stop("dkim", f.t("flow.dkim"), f.few(names))
}

// policy is what holds for mail from the domain itself, and whether that is known.
func (f flowFacts) policy() (policy string, known bool) {
	v := factsOf[dmarcView](f.r, "dmarc")
	if v == nil {
		return "", false
	}
	if v.Effective == nil {
		return "", v.Known
	}
	p := v.Effective.Domain
	return p.Policy, p.Policy != "" || knownOr(p.Known, v.Known)
}

func (f flowFacts) dmarc() stopView {
	switch policy, known := f.policy(); {
	case !known:
		return f.stop("dmarc", f.t("state.unknown"), "")
	case policy == "":
		return f.stop("dmarc", f.t("flow.dmarc-none"), "")
	default:
		return f.stop("dmarc", f.or("flow.policy", policy, Escape(policy)), "p="+policy)
	}
}

// receivers is what becomes of mail that only claims to come from the domain:
// what DMARC asks for, unless a forger can pass SPF or DKIM.
func (f flowFacts) receivers() stopView {
	policy, known := f.policy()
	st, main := policyState(policy, known), ""
	switch {
	case !known:
		main = f.t("state.unknown")
	case policy == "":
		main = f.t("flow.then.none")
	default:
		main = f.or("flow.then", policy, Escape(policy))
	}
	for _, c := range f.r.Score.Caps { // the lowest first, which is the widest open
		if why := f.or("flow.despite", string(c.ID), ""); why != "" {
			st, main = stateError, f.t("flow.then.pass")+": "+why
			break
		}
	}
	return stopView{Label: f.t("flow.receivers"), Main: main, Tone: st.Code, Symbol: st.Symbol, Word: f.stateWord(st)}
}

func (f flowFacts) mx(v *mxView) stopView {
	if v.Null || len(v.Hosts) == 0 && !v.Implicit {
		if !v.Null && v.Lookup.State == "unknown" {
			return f.stop("mx", f.t("state.unknown"), "")
		}
		return f.stop("mx", f.t("flow.mx-none"), "")
	}
	var names []string
	for _, h := range v.Hosts {
		if h != nil {
			names = append(names, h.Name)
		}
	}
	return f.stop("mx", f.count("flow.mx", len(names)), f.few(names))
}

func (f flowFacts) mtaSTS() stopView {
	if v := factsOf[stsView](f.r, "mta-sts"); v != nil && v.Valid && v.Policy != nil {
		return f.stop("mta-sts", f.or("flow.sts", v.Policy.Mode, Escape(v.Policy.Mode)), "mode: "+v.Policy.Mode)
	}
	if f.states["mta-sts"] == stateUnknown {
		return f.stop("mta-sts", f.t("state.unknown"), "")
	}
	return f.stop("mta-sts", f.t("flow.sts-none"), "")
}

// dane counts the hosts whose keys are in DNS: without DNSSEC senders look at
// no TLSA record (RFC 7672 §2.2).
func (f flowFacts) dane() stopView {
	v := factsOf[daneView](f.r, "dane")
	if v == nil || f.states["dane"] == stateUnknown {
		return f.stop("dane", f.t("state.unknown"), "")
	}
	found, secure, unknown := 0, 0, 0
	for _, h := range v.Hosts {
		switch {
		case h == nil:
		case h.Lookup.State == "unknown" || h.Lookup.State == "found" && h.Secure != "yes" && h.Secure != "no":
			unknown++
		case h.Lookup.State == "found":
			found++
			if h.Secure == "yes" {
				secure++
			}
		}
	}
	switch {
	case secure > 0:
		return f.stop("dane", f.t("flow.dane", "N", f.integer(secure), "Of", f.integer(len(v.Hosts))), "")
	case found > 0:
		return f.stop("dane", f.t("flow.dane-insecure"), "")
	case unknown > 0:
		return f.stop("dane", f.t("state.unknown"), "")
	default:
		return f.stop("dane", f.t("flow.dane-none"), "")
	}
}

func (f flowFacts) starttls() stopView {
	main := f.t("state.unknown")
	var versions []string
	if v := factsOf[starttlsView](f.r, "starttls"); v != nil && !v.Blocked {
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
			main = f.t("flow.tls-missing")
		case len(versions) > 0:
			main = f.t("flow.tls")
		}
	}
	return f.stop("starttls", main, strings.Join(versions, ", "))
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
