package report

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/postseal/postseal/check"
)

// cardView is one standard on the page.
type cardView struct {
	ID       string
	Name     string // "SPF"
	Long     string // "Sender Policy Framework"
	State    state
	Word     string
	Verdict  string
	Score    string // "18 of 20 points"; "" where the score does not look
	Points   []pointView
	Records  []recordView
	Tags     []factView // what the tags and terms in the records say
	Findings []findingView
	Unknown  []unknownView
	Passed   []ruleView
	IDs      bool // of what passed the IDs are shown, not the titles
	NA       []ruleView

	Tree    *treeView
	Policy  *policyTable
	Walk    []walkView
	Keys    []keyView
	Matrix  *matrixView
	Secured *securedView
	Hosts   []hostView
	Facts   []factView
	Sources []factView
}

type unknownView struct {
	Cause string
	Rules []ruleView
	Fold  bool // too many to show at once
}

type ruleView struct{ Title, Rule string }

type factView struct{ Label, Value string }

type keyView struct {
	Selector, FoundBy, Key, Tone, Symbol, Word, Alias string
}

type markView struct{ Tone, Symbol, Word string }

type hostView struct {
	Preference, Name string
	Addresses        []string
	None             *markView // instead of addresses: none, or not known
}

// maxMessage is how much of one sentence a page shows: names in it may be long.
const maxMessage = 700

func (w words) card(r *Report, s *standing, points []pointView) cardView {
	c := cardView{
		ID: "std-" + string(s.Standard), Name: w.standard(s.Standard), Long: w.or("standard-long", string(s.Standard), ""),
		State: s.State, Word: w.stateWord(s.State), Verdict: w.cardVerdict(s),
	}
	var got, of float64
	for _, p := range points {
		if p.Standard == s.Standard {
			c.Points = append(c.Points, p)
		}
	}
	for _, cat := range r.Score.Categories {
		for _, l := range cat.Checks {
			if checkStandard(string(l.ID)) == s.Standard && l.Measured {
				got, of = got+l.Points, of+float64(l.Weight)
			}
		}
	}
	if of > 0 {
		c.Score = w.t("card.points", "Got", w.decimal(got), "Of", w.decimal(of))
	} else if len(c.Points) > 0 {
		c.Score = w.t("card.points-none")
	}
	published := w.published(r, s.Standard)
	c.Records, c.Findings = w.findingViews(r, s, published)
	c.Tags = w.tags(s.Standard, published)
	c.Unknown = unknownViews(s.Unknown)
	c.Passed, c.NA = ruleViews(s.Passed), ruleViews(s.NA)
	if s.Standard == check.BIMI && s.State == stateNone {
		c.NA = nil // optional, and nothing is published: sixty titles would tell nobody anything
	}
	w.details(&c, r, s.Standard)
	return c
}

// trim leaves out what the page says elsewhere, and what is too much for it.
func (c *cardView) trim(steps []stepView, level detail) {
	c.IDs = level >= detailIDs
	for i := range c.Findings {
		f := &c.Findings[i]
		if at := stepsWith(steps, f.Changes); len(at) > 0 {
			f.Changes, f.Steps = nil, at
		}
		if level == detailLittle && f.State != stateError && f.State != stateWarning {
			f.Why = ""
		}
	}
}

// stepsWith are the numbers of the next steps that show all of the changes, nil
// where one of them stands nowhere.
func stepsWith(steps []stepView, changes []changeView) []int {
	var list []int
	for _, c := range changes {
		at := slices.IndexFunc(steps, func(s stepView) bool {
			return slices.ContainsFunc(s.Changes, func(o changeView) bool { return reflect.DeepEqual(o, c) })
		})
		if at < 0 {
			return nil
		}
		if !slices.Contains(list, at+1) {
			list = append(list, at+1)
		}
	}
	return list
}

// cardVerdict says in one sentence how it stands.
func (w words) cardVerdict(s *standing) string {
	var parts []string
	for _, sev := range []check.Severity{check.Error, check.Warning, check.Notice, check.Info} {
		if n := s.Counts[sev]; n > 0 {
			parts = append(parts, w.count("count."+sev.String(), n))
		}
	}
	if n := len(s.Unknown); n > 0 {
		parts = append(parts, w.count("count.unknown", n))
	}
	if s.Ignored > 0 {
		parts = append(parts, w.count("count.ignored", s.Ignored))
	}
	passed := w.count("card.passed", len(s.Passed))
	switch {
	case len(parts) > 0 && len(s.Passed) > 0:
		return strings.Join(parts, ", ") + "; " + passed
	case len(parts) > 0:
		return strings.Join(parts, ", ")
	case s.Elsewhere != nil && s.Elsewhere.Severity >= check.Notice:
		return clip(Escape(s.Elsewhere.Message), 300)
	case len(s.Passed) > 0:
		return passed
	default:
		return w.t("card.none")
	}
}

type publishedText struct{ owner, rrtype, text string }

// published are the records of a standard that stand at the top of its card.
func (w words) published(r *Report, std check.Standard) []publishedText {
	var list []publishedText
	add := func(owner string, texts ...string) {
		for _, t := range texts {
			if t != "" && len(list) < 12 {
				list = append(list, publishedText{owner, "TXT", t})
			}
		}
	}
	switch std {
	case check.SPF:
		if v := factsOf[spfView](r, "spf"); v != nil {
			add(r.Domain+".", v.Records...)
		}
	case check.DKIM:
		if v := factsOf[dkimView](r, "dkim"); v != nil {
			for _, s := range v.Selectors {
				if s != nil {
					add(s.Name+"._domainkey."+r.Domain+".", s.Record)
				}
			}
		}
	case check.DMARC:
		if v := factsOf[dmarcView](r, "dmarc"); v != nil {
			if v.PolicyRecord != "" {
				add("_dmarc."+v.PolicyName+".", v.PolicyRecord)
			} else if len(v.Steps) > 0 && v.Steps[0] != nil {
				add("_dmarc."+v.Steps[0].Name+".", v.Steps[0].Records...)
			}
		}
	case check.MTASTS:
		if v := factsOf[stsView](r, "mta-sts"); v != nil {
			add("_mta-sts."+r.Domain+".", v.Records...)
		}
	case check.TLSRPT:
		if v := factsOf[tlsrptView](r, "tls-rpt"); v != nil {
			add("_smtp._tls."+r.Domain+".", v.Records...)
		}
	case check.BIMI:
		if v := factsOf[bimiView](r, "bimi"); v != nil && v.RecordName != "" {
			add(v.RecordName+".", v.Records...)
		}
	}
	return list
}

// details adds what only this standard has to show.
func (w words) details(c *cardView, r *Report, std check.Standard) {
	switch std {
	case check.SPF:
		c.Tree = w.spfTree(factsOf[spfView](r, "spf"))
	case check.DKIM:
		w.dkimDetails(c, factsOf[dkimView](r, "dkim"))
	case check.DMARC:
		w.dmarcDetails(c, r, factsOf[dmarcView](r, "dmarc"))
	case check.MTASTS:
		w.stsDetails(c, factsOf[stsView](r, "mta-sts"))
	case check.TLSRPT:
		if v := factsOf[tlsrptView](r, "tls-rpt"); v != nil && len(v.RUA) > 0 {
			c.fact(w.t("fact.reports-to"), strings.Join(v.RUA, ", "))
		}
	case check.BIMI:
		w.bimiDetails(c, factsOf[bimiView](r, "bimi"))
	case check.MX:
		w.mxDetails(c, r, factsOf[mxView](r, "mx"))
	case check.STARTTLS:
		c.Matrix = w.tlsMatrix(r, factsOf[starttlsView](r, "starttls"))
	case check.DNSSEC:
		if v := factsOf[dnssecView](r, "dnssec"); v != nil && v.State != "" {
			state := w.or("dnssec", v.State, v.State)
			if how := w.securedHow(v); how != "" {
				state += " (" + how + ")"
			}
			c.Secured = w.secured(v)
			c.fact(w.t("fact.dnssec"), state)
		}
	}
}

func (c *cardView) fact(label, value string) {
	if value != "" {
		c.Facts = append(c.Facts, factView{clip(Escape(label), 260), clip(Escape(value), 500)})
	}
}

func (w words) dkimDetails(c *cardView, v *dkimView) {
	if v == nil {
		return
	}
	for _, s := range v.Selectors {
		if s == nil || len(c.Keys) == 40 {
			continue
		}
		k := keyView{Selector: clip(Escape(s.Name), 100), Alias: clip(Escape(s.CNAME), 260), Word: w.or("key", s.Status, Escape(s.Status))}
		how, provider, _ := strings.Cut(s.FoundBy, ":")
		k.FoundBy = w.or("found-by", how, Escape(how))
		if provider != "" {
			k.FoundBy += ": " + Escape(provider)
		}
		switch {
		case s.KeyType != "" && s.Bits > 0 && s.KeyType != "ed25519":
			k.Key = strings.ToUpper(Escape(s.KeyType)) + " " + strconv.Itoa(s.Bits) // not grouped: a size, not a count
		case s.KeyType == "ed25519":
			k.Key = "Ed25519"
		default:
			k.Key = Escape(s.KeyType)
		}
		st := stateError
		switch s.Status {
		case "found":
			st = stateOK
			if s.KeyType == "rsa" && s.Bits > 0 && s.Bits < 1024 { // RFC 8301 §3.2
				st, k.Word = stateError, w.t("key.short")
			} else if s.Testing {
				st, k.Word = stateWarning, w.t("key.testing")
			}
		case "revoked":
			st = stateNone
		case "unknown":
			st = stateUnknown
		case "missing":
			st = stateWarning
		}
		k.Tone, k.Symbol = st.Code, st.Symbol
		c.Keys = append(c.Keys, k)
	}
	c.fact(w.t("fact.selectors-tried"), w.integer(len(v.Tried)))
	c.fact(w.t("fact.providers"), strings.Join(v.Providers, ", "))
}

func (w words) dmarcDetails(c *cardView, r *Report, v *dmarcView) {
	if v == nil {
		return
	}
	c.Policy, c.Walk = w.policyTable(r, v), w.walk(v)
	c.fact(w.t("fact.organizational-domain"), v.OrganizationalDomain)
	for i, d := range v.Destinations {
		if d == nil || i >= 20 {
			continue
		}
		value := d.URI
		if d.External {
			value += " (" + w.or("consent", d.Authorized, d.Authorized) + ")"
		}
		c.fact(d.Tag, value)
	}
}

func (w words) stsDetails(c *cardView, v *stsView) {
	if v == nil {
		return
	}
	if v.Policy != nil {
		c.fact(w.t("fact.mode"), v.Policy.Mode)
		if v.Policy.MaxAge > 0 {
			c.fact(w.t("fact.max-age"), w.count("days", int(v.Policy.MaxAge/86400)))
		}
		c.fact(w.t("fact.mx-patterns"), strings.Join(v.Policy.MX, ", "))
	}
	if v.Fetch != nil {
		status := ""
		if v.Fetch.Status > 0 {
			status = strconv.Itoa(v.Fetch.Status)
		}
		if v.Fetch.Error != "" {
			status = strings.TrimSpace(status + " " + w.or("fetch", v.Fetch.Error, v.Fetch.Error))
		}
		c.fact(w.t("fact.fetch"), v.Fetch.URL+" → "+status)
	}
	for i, h := range v.Hosts {
		if i < 20 && v.Policy != nil {
			if h.Matches == "" {
				c.fact(h.MX, w.t("sts.no-match"))
			} else {
				c.fact(h.MX, w.t("sts.match", "Pattern", h.Matches))
			}
		}
	}
}

func (w words) mxDetails(c *cardView, r *Report, v *mxView) {
	if v == nil {
		return
	}
	if v.Null {
		c.fact(w.t("fact.mail-hosts"), w.t("mx.null"))
	} else if v.Implicit {
		c.fact(w.t("fact.mail-hosts"), w.t("mx.implicit"))
	}
	for i, h := range v.Hosts {
		if h == nil || i >= 40 {
			continue
		}
		host := hostView{Preference: strconv.Itoa(h.Preference), Name: clip(Escape(h.Name), 260)}
		for j, a := range h.Addresses {
			text := Escape(a.IP)
			if a.Special != "" {
				text += " (" + Escape(a.Special) + ")"
			}
			if j < 20 {
				host.Addresses = append(host.Addresses, text)
			}
		}
		if len(h.Addresses) == 0 {
			st, word := stateError, w.t("mx.no-address")
			if h.A.State == "unknown" || h.AAAA.State == "unknown" {
				st, word = stateUnknown, w.t("state.unknown")
			}
			host.None = &markView{st.Code, st.Symbol, word}
		}
		c.Hosts = append(c.Hosts, host)
	}
	ns := v.NameServers
	var names []string
	for i, h := range ns.Hosts {
		if i < 20 {
			names = append(names, h.Name)
		}
	}
	c.fact(w.t("fact.name-servers"), strings.Join(names, ", "))
	if ns.Agree != "" && (len(ns.Hosts) > 1 || ns.Agree != "yes") { // one server agrees with itself
		c.fact(w.t("fact.agree"), w.or("agree", ns.Agree, ns.Agree))
	}
}
