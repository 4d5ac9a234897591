package report

import (
	"net/url"
	"slices"
	"strings"

	"github.com/postseal/postseal/check"
)

// domainPage is all that the page of one domain shows, in reading order:
// verdict, action, proof.
type domainPage struct {
	frame
	Domain   string // as people read it
	ALabel   string // "" when the same
	Verdict  string
	Seal     sealView
	Ungraded bool
	Partial  bool // whether something was not measured
	Coverage string
	Caps     []capView
	MoreCaps string // how many limits hold beside the lowest, "" for none
	Profile  string
	Why      string // how the profile was told
	Trouble  string // "" unless the audit was cut short
	Duration string

	Steps    []stepView
	Since    *sinceView
	Flow     *flowView
	Cards    []cardView
	Senders  *sendersView
	Reports  *reportsPage
	Records  []suggestion
	Formats  []formatView // the same, as tools and forms take them
	NoTools  string       // says that not all of them are in the tools' formats, "" where they are
	NoZone   string       // says that some records are another zone's, "" where none is
	Queries  []queryView
	Server   string // who was asked, where it was one and the same; "" otherwise
	Left     string // queries left out
	Below    string // the domain, where names of queries are cut short by it
	Network  string
	Dialogue []transcriptView
	Policy   *recordView // the MTA-STS policy file

	Categories []categoryView
	Missing    []missingView
	Accepted   []acceptedView
}

// acceptedView is a finding that the user accepts.
type acceptedView struct{ Message, Rule, Link, Why string }

type capView struct{ Text, Rule, Link string }

type stepView struct {
	N          int
	Title      string
	Gain       string
	Effort     string
	From, To   int
	Width      int
	Grade      string
	Tone       string
	Link       string
	Changes    []changeView
	ScoreAfter string
}

type suggestion struct {
	Change changeView
	Reason string
	Link   string
	change check.RecordChange
}

type queryView struct {
	Name, Type, State, Tone, Symbol, Server, TTL, Took, AD, Error string
	Answer                                                        []string
}

type categoryView struct {
	Name, Points, Weight, Measured string
	Checks                         []pointView
}

type pointView struct {
	Label, Points, Weight string
	Earns                 string // what earns the points
	Bar                   int    // width of 60
	Measured              bool
	Tone                  string
	Standard              check.Standard
}

type missingView struct {
	Label, Weight, Cause string
}

// Bounds of the evidence on the page; the JSON has all of it.
const (
	maxQueries  = 200
	someQueries = 40
)

func newDomainPage(d *Document, r *Report, opts HTMLOptions, home string, level detail) *domainPage {
	style := domainLook
	if r.DMARCReports != nil {
		style = reportsLook
	}
	f := newFrame(d, opts, style())
	w := f.words
	p := &domainPage{
		frame: f, Domain: Escape(r.DomainUnicode), Verdict: Escape(r.Verdict.Text), Seal: w.seal(r), Ungraded: ungraded(r),
		Profile: w.profile(r.Profile.Name), Why: Escape(r.Profile.Reason), Duration: w.duration(float64(r.DurationMS)),
	}
	p.Home = home
	if home != "" {
		p.Data = opts.index() + ".json"
	}
	p.Measured = w.moment(r.StartedAt)
	if p.Domain == "" {
		p.Domain = Escape(r.Domain)
	}
	if p.Domain != Escape(r.Domain) {
		p.ALabel = Escape(r.Domain)
	}
	p.Title = p.Domain + ": " + p.Seal.Value + " " + p.Seal.Grade + " – " + w.t("title") + ", " + w.date(r.StartedAt)
	p.Coverage = w.coverage(r)
	p.Partial = r.Score.Coverage < 100
	if r.Incomplete || r.Error != "" {
		p.Trouble = w.t("incomplete", "Error", Escape(r.Error))
	}
	list := standings(r)
	links := findingLinks(r)
	for _, c := range r.Score.Caps {
		p.Caps = append(p.Caps, capView{w.capText(r, c), Escape(c.Rule), links[c.Rule]})
	}
	if n := len(p.Caps) - 1; n > 0 {
		p.MoreCaps = w.count("more-caps", n)
	}
	p.Steps = w.steps(r, links)
	points := w.points(r)
	for _, s := range list {
		c := w.card(r, s, points)
		c.trim(p.Steps, level)
		p.Cards = append(p.Cards, c)
	}
	p.Since = w.sinceLast(r, d, links)
	p.Flow = w.flowView(w.flow(r))
	p.Senders = w.senders(r, links)
	p.Reports = w.reportsPage(r)
	p.Records = w.suggestions(r, links)
	p.formats(r, opts, level)
	p.evidence(r, level)
	p.Categories = w.categories(r, points)
	each(r, func(res *Result, f *Finding) {
		if f.Ignored != nil {
			p.Accepted = append(p.Accepted, acceptedView{clip(Escape(f.Message), maxMessage), Escape(res.ID), findingID(res.ID, index(res, f)), w.ignored(f.Ignored)})
		}
	})
	for _, m := range r.NotMeasured {
		p.Missing = append(p.Missing, missingView{w.checkName(m.Check), w.integer(m.Weight), Escape(m.Cause)})
	}
	return p
}

// findingID is the anchor of a finding on the page.
func findingID(rule string, n int) string { return "f-" + rule + "-" + itoa(n+1) }

// findingLinks gives for each rule with findings the anchor of its first.
func findingLinks(r *Report) map[string]string {
	links := map[string]string{}
	for i := range r.Results {
		if len(r.Results[i].Findings) > 0 {
			links[r.Results[i].ID] = findingID(r.Results[i].ID, 0)
		}
	}
	return links
}

func (w words) steps(r *Report, links map[string]string) []stepView {
	var views []stepView
	from := r.Score.Value
	for i, s := range r.NextSteps {
		v := stepView{
			N: i + 1, Title: Escape(s.Title), Effort: w.effort(s.Effort), From: clamp(from), To: clamp(s.ScoreAfter),
			Grade: Escape(s.GradeAfter), Tone: gradeTone(s.GradeAfter), Link: links[s.Rule], Changes: w.changeViews(r.Domain, s.Records),
			ScoreAfter: w.integer(s.ScoreAfter),
		}
		v.Width = max(v.To-v.From, 0)
		v.Gain = "±0"
		if s.Gain > 0 {
			v.Gain = "+" + w.integer(s.Gain)
		} else if s.Gain < 0 {
			v.Gain = w.integer(s.Gain)
		}
		from = s.ScoreAfter
		views = append(views, v)
	}
	return views
}

// index is where a finding stands in its result.
func index(res *Result, f *Finding) int {
	for i := range res.Findings {
		if &res.Findings[i] == f {
			return i
		}
	}
	return 0
}

func clamp(n int) int { return min(max(n, 0), 100) }

// suggestions collects every record to change, once, the next steps' first.
func (w words) suggestions(r *Report, links map[string]string) []suggestion {
	var list []suggestion
	seen := map[string]bool{}
	add := func(changes []check.RecordChange, reason, link string) {
		for _, c := range changes {
			// One suggestion for one place: what a step says about it wins
			// over what single findings say.
			key := strings.ToLower(c.Name) + " " + c.Type
			if seen[key] {
				continue
			}
			seen[key] = true
			list = append(list, suggestion{w.changeViews(r.Domain, []check.RecordChange{c})[0], reason, link, c})
		}
	}
	for _, s := range r.NextSteps {
		add(s.Records, Escape(s.Title), links[s.Rule])
	}
	for i := range r.Results {
		res := &r.Results[i]
		for j := range res.Findings {
			if f := &res.Findings[j]; f.Fix != nil && f.Ignored == nil {
				reason := f.Fix.Verb
				if reason == "" {
					reason = res.Title
				}
				add(f.Fix.Records, sentence(Escape(reason)), findingID(res.ID, j))
			}
		}
	}
	return list
}

func (p *domainPage) evidence(r *Report, level detail) {
	w := p.words
	p.Server = oneServer(r.Queries)
	below := "." + strings.TrimSuffix(r.Domain, ".") + "." // names are shortened as in the domain's zone file
	most := maxQueries
	switch level {
	case detailSome:
		most = someQueries
	case detailLittle:
		most = 0
	}
	for i, q := range r.Queries {
		if i == most {
			p.Left = w.count("lines-more", len(r.Queries)-i)
			break
		}
		name, cut := strings.CutSuffix(q.Name, below)
		if cut && name != "" && below != "." {
			p.Below = Escape(r.Domain)
		} else {
			name = q.Name
		}
		v := queryView{Name: clip(Escape(name), 260), Type: Escape(q.Type), State: w.or("answer", q.State, Escape(q.State)), Server: clip(Escape(q.Server), 80), Error: clip(Escape(q.Error), 300), Took: w.decimal(q.TookMS)}
		v.Tone, v.Symbol = "none", "–"
		switch q.State {
		case "found":
			v.Tone, v.Symbol, v.TTL = "ok", "✓", w.integer(int(q.TTL))
		case "unknown":
			v.Tone, v.Symbol = "unknown", "?"
		}
		if q.AD {
			v.AD = "AD"
		}
		for j, a := range q.Answer {
			if j == 20 {
				v.Answer = append(v.Answer, "… "+w.count("lines-more", len(q.Answer)-j))
				break
			}
			v.Answer = append(v.Answer, clip(Escape(a), 500))
		}
		p.Queries = append(p.Queries, v)
	}
	n := r.Network
	p.Network = strings.Join([]string{
		w.count("net.queries", n.DNSQueries), w.count("net.packets", n.DNSPackets),
		w.count("net.https", n.HTTPSRequests), w.count("net.smtp", n.SMTPConnections),
	}, " · ")
	if n == (Network{}) {
		p.Network = w.t("net.nothing")
	}
	if level < detailLittle {
		p.Dialogue = w.transcripts(factsOf[starttlsView](r, "starttls"))
	}
	if level >= detailSome {
		p.Dialogue = p.Dialogue[:min(len(p.Dialogue), 4)]
	}
	if sts := factsOf[stsView](r, "mta-sts"); sts != nil && sts.Fetch != nil && sts.Fetch.Text != "" {
		v := recordView{Owner: Escape(sts.Fetch.URL)}
		for _, line := range strings.SplitAfter(clip(sts.Fetch.Text, maxShown), "\n") {
			body := strings.TrimRight(line, "\r\n")
			v.Segments = append(v.Segments, segment{Text: Escape(body) + "\n"})
		}
		p.Policy = &v
	}
}

// oneServer is the server that answered every question, "" if there were several.
func oneServer(queries []Query) string {
	server := ""
	for _, q := range queries {
		if server == "" {
			server = q.Server
		}
		if q.Server != server {
			return ""
		}
	}
	return clip(Escape(server), 80)
}

// points are the score's lines as every card and the last section show them.
func (w words) points(r *Report) []pointView {
	var list []pointView
	for _, c := range r.Score.Categories {
		for _, l := range c.Checks {
			v := pointView{
				Label: w.checkName(string(l.ID)), Earns: w.scoreWord("part", string(l.ID), ""), Points: w.decimal(l.Points), Weight: w.integer(l.Weight), Measured: l.Measured,
				Standard: checkStandard(string(l.ID)),
			}
			switch {
			case !l.Measured:
				v.Tone, v.Points = "unknown", "?"
			case l.Points >= float64(l.Weight)-0.001:
				v.Tone = "ok"
			case l.Points > 0:
				v.Tone = "warning"
			default:
				v.Tone = "error"
			}
			if l.Measured && l.Weight > 0 {
				v.Bar = int(60*l.Points/float64(l.Weight) + 0.5)
			}
			list = append(list, v)
		}
	}
	return list
}

func (w words) categories(r *Report, points []pointView) []categoryView {
	var list []categoryView
	at := 0
	for _, c := range r.Score.Categories {
		v := categoryView{Name: w.scoreWord("category", c.Name, c.Name), Points: w.decimal(c.Points), Weight: w.integer(c.Weight), Measured: w.integer(c.Measured)}
		v.Checks = slices.Clone(points[at : at+len(c.Checks)])
		at += len(c.Checks)
		list = append(list, v)
	}
	return list
}

// safeLink lets only https references through: they come from a file that
// anybody may have written.
func safeLink(s string) string {
	if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return s
}
