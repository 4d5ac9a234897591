package mtasts

import (
	"bytes"
	"net/netip"

	"github.com/postseal/postseal/check"
	"github.com/postseal/postseal/dns"
)

// Trace is MTA-STS of one domain step by step, as `mta-sts policy` shows it.
type Trace struct {
	Domain     dns.Name      `json:"domain"`
	RecordName dns.Name      `json:"record_name"`
	Lookup     dns.State     `json:"lookup"`  // of the record: "found", "nodata", "nxdomain", "unknown"
	Records    []string      `json:"records"` // the candidates
	Record     string        `json:"record"`  // the one in force, "" otherwise
	ID         string        `json:"id"`
	URL        string        `json:"url"`
	Fetch      TraceFetch    `json:"fetch"`
	Policy     *Policy       `json:"policy"` // as far as understood; null without a file
	Lines      []TraceLine   `json:"lines"`  // of the file
	MoreLines  int           `json:"more_lines"`
	Patterns   []TracePtn    `json:"patterns"`
	MXKnown    bool          `json:"mx_known"`
	Hosts      []TraceHost   `json:"hosts"`    // by preference
	InForce    bool          `json:"in_force"` // senders that fetch it now apply it
	Known      bool          `json:"known"`    // whether that could be told
	Cause      check.Cause   `json:"-"`        // why not
	Answers    []TraceAnswer `json:"answers"`  // of each address, where each was asked
}

// TraceFetch is the GET, or why there was none: then Error is "no-record",
// "no-address", "dns" (the policy host could not be looked up) or "not-fetched".
type TraceFetch struct {
	Status      int        `json:"status"`
	Error       string     `json:"error"`
	Detail      string     `json:"detail"`
	Phase       string     `json:"phase"`
	Address     netip.Addr `json:"address"`
	Attempts    []Attempt  `json:"attempts"`
	TLSVersion  string     `json:"tls_version"`
	Certificate *Cert      `json:"certificate"`
	ContentType string     `json:"content_type"`
	Location    string     `json:"location"` // of a redirect, which no sender follows
	Size        int        `json:"size"`     // octets read of the body
	Body        string     `json:"body"`     // invalid UTF-8 replaced
	TookMS      float64    `json:"took_ms"`
}

// TraceLine is one line of the policy file.
type TraceLine struct {
	Number   int        `json:"line"`
	Text     string     `json:"text"` // without the line end, invalid UTF-8 replaced
	Span     check.Span `json:"span"` // in the file
	Key      string     `json:"key"`  // "" where the line is no "key: value"
	Value    string     `json:"value"`
	Problems []string   `json:"problems"` // the rules that speak of the line
}

// TracePtn is one mx line of the policy against all mail hosts.
type TracePtn struct {
	Pattern string     `json:"pattern"`
	Span    check.Span `json:"span"`
	Fault   string     `json:"fault"` // why it is no pattern, "" when it is one
	Matches []dns.Name `json:"matches"`
}

// TraceHost is one mail host: the first pattern that matches its name, and what
// a sender that honours the policy does with it, the worst of its addresses.
type TraceHost struct {
	Host
	Preference uint16 `json:"preference"`
	Verdict
	Addresses []TraceAddr `json:"addresses"` // those probed
}

// TraceAddr is one address of a mail host.
type TraceAddr struct {
	Address netip.Addr `json:"address"`
	Verdict
	Seen   string      `json:"seen"` // the certificate's verdict, or the TLS version
	Detail string      `json:"detail"`
	Cause  check.Cause `json:"-"` // why it could not be measured
}

// TraceAnswer is what one address of the policy host served.
type TraceAnswer struct {
	Address netip.Addr `json:"address"`
	Status  int        `json:"status"`
	Error   string     `json:"error"`
	SHA256  string     `json:"sha256"` // of the file with line ends made equal, "" without one
}

// maxLines bounds the lines that are told one by one; a policy has a handful.
const maxLines = 1000

// Trace lays the facts out. The caller adds preferences and what a probe saw.
func (f *Facts) Trace() *Trace {
	t := &Trace{
		Domain: f.Domain, RecordName: RecordName(f.Domain), Lookup: f.Lookup.State, Records: f.Records, Record: f.Record, ID: f.ID,
		URL: PolicyURL(f.Domain), Fetch: f.traceFetch(), Policy: f.Policy, Lines: []TraceLine{}, Patterns: []TracePtn{},
		MXKnown: f.MX != nil, Hosts: []TraceHost{}, InForce: f.Mode() != "", Known: f.Known(), Cause: f.Cause(), Answers: []TraceAnswer{},
	}
	if f.Policy != nil {
		t.Lines, t.MoreLines = f.lines()
		for i, p := range f.Policy.MX[:min(len(f.Policy.MX), maxLines)] {
			t.Patterns = append(t.Patterns, TracePtn{Pattern: p, Span: f.Policy.mxSpans[i], Fault: patternFault(p), Matches: f.matchedBy(p)})
		}
	}
	for _, mx := range f.MX {
		h := Host{MX: mx}
		if f.Policy != nil {
			h.Matches = f.firstMatch(mx)
		}
		t.Hosts = append(t.Hosts, TraceHost{Host: h, Verdict: f.Sender(h, nil), Addresses: []TraceAddr{}})
	}
	for _, a := range f.Answers {
		t.Answers = append(t.Answers, TraceAnswer{Address: a.asked, Status: a.Status, Error: a.Error, SHA256: a.hash()})
	}
	return t
}

// Saw adds what a probe showed at an address of the i-th mail host.
func (t *Trace) Saw(f *Facts, i int, addr TraceAddr, seen *Seen) {
	h := &t.Hosts[i]
	addr.Verdict = f.Sender(h.Host, seen)
	if len(h.Addresses) == 0 || addr.worse(h.Action) {
		h.Verdict = addr.Verdict
	}
	h.Addresses = append(h.Addresses, addr)
}

// worse compares verdicts by their actions.
func (v Verdict) worse(than Action) bool { return v.Action.worse(than) }

func (f *Facts) traceFetch() TraceFetch {
	t := TraceFetch{Attempts: []Attempt{}}
	if g := f.Fetch; g != nil {
		t = TraceFetch{
			Status: g.Status, Error: g.Error, Detail: g.Detail, Phase: g.Phase, Address: g.Addr, Attempts: g.Attempts, TLSVersion: g.TLSVersion,
			Certificate: g.Certificate, ContentType: g.ContentType, Location: g.Location, Size: len(g.Body), Body: g.Text, TookMS: g.TookMS,
		}
		if t.Attempts == nil {
			t.Attempts = []Attempt{}
		}
		return t
	}
	switch {
	case len(f.Records) == 0:
		t.Error = "no-record"
	case f.HostA.Found() || f.HostAAAA.Found():
		t.Error = "not-fetched"
	case f.HostA.Unknown() || f.HostAAAA.Unknown():
		t.Error = "dns"
	default:
		t.Error = "no-address"
	}
	return t
}

// lines are those of the policy file, each with the rules that speak of it.
func (f *Facts) lines() ([]TraceLine, int) {
	list, more := []TraceLine{}, 0
	body := f.Fetch.Body
	for start, n := 0, 1; start < len(body); n++ {
		end, next := lineEnd(body, start)
		if len(list) == maxLines {
			more++
			start = next
			continue
		}
		text := string(body[start:end])
		l := TraceLine{Number: n, Text: string(bytes.ToValidUTF8(body[start:end], []byte("\uFFFD"))),
			Span: check.Span{Start: start, End: end}, Problems: []string{}}
		if key, value, fault := splitLine(trimBlank(text)); fault == "" {
			l.Key, l.Value = key, value
		}
		for i := range f.PolicyProblems {
			if p := &f.PolicyProblems[i]; p.Line == n {
				l.Problems = append(l.Problems, p.Rule)
			}
		}
		list = append(list, l)
		start = next
	}
	return list, more
}
