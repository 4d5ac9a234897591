package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/postseal/postseal/check"
)

// DMARCReportsFormats are what WriteDMARCReports makes of a summary.
var DMARCReportsFormats = []string{"text", "csv"}

// WriteDMARCReports prints the JSON that 'postseal dmarc reports --format json'
// prints as text for a person or as a table of sources. Text from strangers
// comes out escaped, and no cell of the table is a formula.
func WriteDMARCReports(w io.Writer, format string, document []byte, opts TextOptions) error {
	var v struct {
		Domains []*reportsView `json:"domains"`
	}
	if err := json.Unmarshal(document, &v); err != nil {
		return fmt.Errorf("report: reading a summary of DMARC reports: %w", err)
	}
	if opts.Width <= 0 {
		opts.Width = 80
	}
	opts.Width = min(max(opts.Width, 40), 120)
	switch format {
	case "text":
		p := &textPrinter{words: wordsFor(opts.Lang, &Document{}), opts: opts}
		for i, d := range v.Domains {
			if i > 0 {
				p.line()
			}
			p.dmarcReports(d)
		}
		if len(v.Domains) == 0 {
			p.line(p.dr("nothing"))
		}
		_, err := io.WriteString(w, p.b.String())
		return err
	case "csv":
		return dmarcReportsCSV(w, v.Domains)
	}
	return fmt.Errorf("report: a summary of DMARC reports has no format %q", format)
}

// reportsView is what the formats read of one domain of the JSON contract.
type reportsView struct {
	Domain    string    `json:"domain"`
	Reports   int       `json:"reports"`
	Reporters int       `json:"reporters"`
	Begin     time.Time `json:"begin"`
	End       time.Time `json:"end"`
	Days      int       `json:"days"`
	Policy    struct {
		P       string `json:"p"`
		Testing bool   `json:"testing"`
	} `json:"policy"`
	tallyView
	Dispositions map[string]int64 `json:"dispositions"`
	Overrides    map[string]int64 `json:"overrides"`
	Answer       struct {
		Code        string    `json:"code"`
		Next        string    `json:"next"`
		NeedDays    int       `json:"need_days"`
		NeedPercent float64   `json:"need_percent"`
		Senders     shareView `json:"senders"`
		Forwarders  shareView `json:"forwarders"`
		Unknown     shareView `json:"unknown"`
		Untold      shareView `json:"untold"`
	} `json:"answer"`
	Sources []*sourceView `json:"sources"`
	Others  struct {
		Sources int  `json:"sources"`
		More    bool `json:"more"`
		tallyView
	} `json:"others"`
	PerDay []struct {
		Date string `json:"date"`
		tallyView
	} `json:"per_day"`
}

type tallyView struct {
	Messages int64   `json:"messages"`
	Both     int64   `json:"aligned_both"`
	DKIM     int64   `json:"aligned_dkim_only"`
	SPF      int64   `json:"aligned_spf_only"`
	Failing  int64   `json:"failing"`
	Percent  float64 `json:"aligned_percent"`
}

type shareView struct {
	Sources  int   `json:"sources"`
	Messages int64 `json:"messages"`
}

type sourceView struct {
	Name      string   `json:"name"`
	By        string   `json:"by"`
	Provider  string   `json:"provider"`
	Kind      string   `json:"kind"`
	Why       string   `json:"why"`
	Addresses []string `json:"addresses"`
	More      bool     `json:"more_addresses"`
	Days      int      `json:"days"`
	First     string   `json:"first"`
	Last      string   `json:"last"`
	tallyView
	Overridden int64 `json:"overridden"`
	Broken     int64 `json:"broken"`
	Applied    int64 `json:"applied"`
}

// dr gives the message dmarcreports.<key>. pairs are parameter names and values.
func (w words) dr(key string, pairs ...any) string {
	params := check.Params{}
	for i := 0; i+1 < len(pairs); i += 2 {
		params[pairs[i].(string)] = pairs[i+1]
	}
	return w.Text("dmarcreports."+key, params)
}

// drCount gives "1 report", "3 reports".
func (w words) drCount(key string, n int64) string {
	if n == 1 {
		return w.dr(key + "-1")
	}
	return w.dr(key+"-n", "N", w.integer(int(n)))
}

// drWord gives the word for a code of the JSON, or the code where a later
// version brought it.
func (w words) drWord(kind, code string) string {
	if s, ok := w.Lookup("dmarcreports."+kind+".is-"+code, nil); ok {
		return s
	}
	return Escape(code)
}

// reportsLine says in one line what was read.
func (w words) reportsLine(v *reportsView) string {
	return w.dr("read", "Reports", w.drCount("reports", int64(v.Reports)), "Reporters", w.drCount("reporters", int64(v.Reporters)),
		"Begin", w.date(v.Begin), "End", w.date(v.End), "Days", w.drCount("days", int64(v.Days)))
}

func (w words) reportsPolicy(v *reportsView) string {
	p := "p=" + v.Policy.P
	if v.Policy.P == "" {
		p = "p=none"
	}
	if v.Policy.Testing {
		p += "; t=y"
	}
	return Escape(p)
}

func (w words) reportsNext(v *reportsView) string {
	if v.Policy.Testing && v.Answer.Next == v.Policy.P {
		return w.dr("next-in-force", "Policy", Escape(v.Answer.Next))
	}
	return w.dr("next", "Policy", Escape(v.Answer.Next))
}

// reportsAnswer is the sentence that answers "is the next step safe".
func (w words) reportsAnswer(v *reportsView) string {
	a := &v.Answer
	key := "answer-" + a.Code
	switch a.Code {
	case "none", "top", "little", "fix", "look":
	case "ready":
		if v.Failing == 0 {
			key += "-all"
		}
	default: // of a later version
		return Escape(a.Code)
	}
	return w.dr(key, "Domain", Escape(v.Domain), "Next", w.reportsNext(v), "Days", w.drCount("days", int64(v.Days)),
		"Need", w.drCount("days", int64(a.NeedDays)), "Messages", w.drCount("messages", a.Senders.Messages),
		"Sources", w.drCount("sources", int64(a.Senders.Sources)), "Percent", w.decimal(v.Percent))
}

// reportsGate shows the numbers behind the answer; "" where there is no gate.
func (w words) reportsGate(v *reportsView) string {
	a := &v.Answer
	if a.Next == "" || a.Code == "none" {
		return ""
	}
	mark := func(ok bool) string {
		if ok {
			return "✓"
		}
		return "✗"
	}
	return w.dr("gate", "Next", w.reportsNext(v), "Days", w.integer(v.Days), "NeedDays", w.drCount("days", int64(a.NeedDays)),
		"DaysMark", mark(v.Days >= a.NeedDays), "Percent", w.decimal(v.Percent), "NeedPercent", w.decimal(a.NeedPercent),
		"PercentMark", mark(v.Percent >= a.NeedPercent), "SourcesMark", mark(a.Senders.Messages+a.Unknown.Messages+a.Untold.Messages == 0))
}

// wouldView is a kind of source whose mail the next policy would hold back.
type wouldView struct{ Tone, Symbol, Text string }

// reportsWouldHead stands above these; "" where there are none.
func (w words) reportsWouldHead(v *reportsView) string {
	switch {
	case v.Failing == 0:
		return ""
	case v.Answer.Next == "":
		return w.dr("would-head-now")
	}
	return w.dr("would-head", "Next", w.reportsNext(v))
}

func (w words) reportsWould(v *reportsView) []wouldView {
	a, list := &v.Answer, []wouldView{}
	add := func(s shareView, tone, symbol, key string) {
		if s.Messages == 0 {
			return
		}
		params := []any{"Messages", w.drCount("messages", s.Messages), "Sources", w.drCount("sources", int64(s.Sources)), "What", w.dr("would-" + key)}
		text := w.dr("would", params...)
		if s.Sources == 0 {
			text = w.dr("would-all", params...)
		}
		list = append(list, wouldView{tone, symbol, text})
	}
	add(a.Senders, "error", "✗", "sender")
	add(a.Unknown, "warning", "!", "unknown")
	add(a.Untold, "unknown", "?", "untold")
	add(a.Forwarders, "info", "i", "forwarder")
	return list
}

// reportsList prints numbers by word, the largest first.
func (w words) reportsList(kind string, numbers map[string]int64) string {
	var keys []string
	for k, n := range numbers {
		if n > 0 {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		switch {
		case numbers[a] != numbers[b] && numbers[a] > numbers[b]:
			return -1
		case numbers[a] != numbers[b]:
			return 1
		}
		return strings.Compare(a, b)
	})
	for i, k := range keys {
		keys[i] = w.drWord(kind, k) + " " + w.integer(int(numbers[k]))
	}
	return strings.Join(keys, " · ")
}

func (w words) sourceName(s *sourceView) string {
	if s.Name == "" {
		return w.dr("no-address")
	}
	return Escape(s.Name)
}

func (w words) sourceKind(s *sourceView) string {
	return w.drWord("kind", s.Kind)
}

func (w words) sourceWhy(s *sourceView) string {
	if s.Why == "" {
		return ""
	}
	return w.drWord("why", s.Why)
}

// reportsMore says what the table of sources leaves out, beginning with source n.
func (w words) reportsMore(v *reportsView, n int) []string {
	left, sources := tallyView{}, v.Others.Sources
	for _, s := range v.Sources[min(n, len(v.Sources)):] {
		left.Messages += s.Messages
		left.Failing += s.Failing
		sources++
	}
	left.Messages += v.Others.Messages
	left.Failing += v.Others.Failing
	if left.Messages == 0 {
		return nil
	}
	key := "more-n"
	switch {
	case v.Others.More:
		key = "more-untold"
	case sources == 1:
		key = "more-1"
	}
	return []string{w.dr(key, "N", w.integer(sources), "Messages", w.drCount("messages", left.Messages), "Failing", w.integer(int(left.Failing)))}
}

var kindTones = map[string]string{"passing": "ok", "forwarder": "info", "sender": "error", "unknown": "warning"}
