package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// SPFTreeFormats are the drawings that WriteSPFTree makes.
var SPFTreeFormats = []string{"text", "svg", "dot"}

// WriteSPFTree draws the JSON that 'postseal spf tree --format json' prints as
// text, as one self-contained SVG or as a graph for Graphviz. Text from
// strangers comes out escaped. opts.Color and opts.Width are those of text.
func WriteSPFTree(w io.Writer, format string, document []byte, opts TextOptions) error {
	v := &outlineView{}
	if err := json.Unmarshal(document, v); err != nil {
		return fmt.Errorf("report: reading an SPF tree: %w", err)
	}
	if opts.Width <= 0 {
		opts.Width = 80
	}
	opts.Width = min(max(opts.Width, 60), 120)
	d := &treeDrawing{words: wordsFor(opts.Lang, &Document{}), v: v}
	d.lay(v.Terms, nil)
	var out string
	switch format {
	case "text":
		out = d.text(opts)
	case "svg":
		out = d.svg()
	case "dot":
		out = d.dot()
	default:
		return fmt.Errorf("report: an SPF tree has no format %q", format)
	}
	_, err := io.WriteString(w, out)
	return err
}

// outlineView is what the drawings read of the JSON contract.
type outlineView struct {
	Domain  string `json:"domain"`
	Lookups int    `json:"lookups"`
	Open    bool   `json:"open"`
	Limits  struct {
		Lookups int `json:"lookups"`
	} `json:"limits"`
	Voids struct {
		IPv4 int `json:"ipv4"`
		IPv6 int `json:"ipv6"`
	} `json:"voids"`
	Terms     []*outlineTerm `json:"terms"`
	Addresses struct {
		IPv4 string   `json:"ipv4"`
		IPv6 []string `json:"ipv6"`
	} `json:"addresses"`
	PermError      string `json:"permerror"`
	PermErrorTitle string `json:"permerror_title"`
	StopsAt        *struct {
		outlinePlace
		Reason string `json:"reason"`
	} `json:"stops_at"`
	LastSender *outlinePlace   `json:"last_sender"`
	OverLimit  []*outlinePlace `json:"over_limit"`
	VoidTerms  []*struct {
		outlinePlace
		Answer string `json:"answer"`
		IPv4   bool   `json:"ipv4"`
		IPv6   bool   `json:"ipv6"`
	} `json:"void_terms"`
	Unknown []*struct {
		outlinePlace
		Causes []struct {
			Text string `json:"text"`
		} `json:"causes"`
	} `json:"unknown_terms"`
	Repeated []*struct {
		Target string `json:"target"`
		Times  int    `json:"times"`
		Cost   int    `json:"cost"`
	} `json:"repeated"`
	Widest   []*outlineRange `json:"widest"`
	Overlaps []*struct {
		outlineRange
		In outlineRange `json:"in"`
	} `json:"overlaps"`
}

type outlinePlace struct {
	Term   string   `json:"term"`
	Path   []string `json:"path"`
	Lookup int      `json:"lookup"`
}

type outlineRange struct {
	Network string `json:"network"`
	outlinePlace
}

type outlineTerm struct {
	Term     string `json:"term"`
	Kind     string `json:"kind"`
	Cost     int    `json:"cost"`
	Running  int    `json:"running"`
	Status   string `json:"status"`
	Provider string `json:"provider"`
	Void     struct {
		IPv6 bool `json:"ipv6"`
	} `json:"void"`
	Children []*outlineTerm `json:"children"`
}

// Rows of a drawing, and how deep it follows: a hostile tree has thousands.
const (
	drawnRows  = 200
	drawnDepth = 24
)

// treeDrawing is a tree as rows, the same for all formats.
type treeDrawing struct {
	words
	v    *outlineView
	rows []treeLine
	left int // terms not drawn
}

type treeLine struct {
	depth    int    // 1 for the terms of the domain's own record
	last     []bool // for each level, whether the branch ends here
	parent   int    // row of the include above, -1 for the domain
	term     string // escaped
	used     int    // which look-up it is, 0 when it asks nothing
	provider string
	tone     string
	symbol   string
	status   string // in words, "" for ok
}

// lay puts terms into rows. In a long run of networks only the first are shown.
func (d *treeDrawing) lay(terms []*outlineTerm, last []bool) {
	parent, depth := len(d.rows)-1, len(last)+1
	shown := 2
	if depth == 1 {
		parent, shown = -1, 5
	}
	for i := 0; i < len(terms); i++ {
		t := terms[i]
		if t == nil {
			continue
		}
		if len(d.rows) >= drawnRows || depth > drawnDepth {
			d.left += 1 + countTerms(t.Children)
			continue
		}
		run := 0
		for i+run < len(terms) && terms[i+run].network() {
			run++
		}
		if run <= shown+1 {
			d.add(t, parent, append(last[:len(last):len(last)], i == len(terms)-1))
			continue
		}
		for _, t := range terms[i : i+shown] {
			d.add(t, parent, append(last[:len(last):len(last)], false))
		}
		i += run - 1
		d.rows = append(d.rows, treeLine{depth: depth, last: append(last[:len(last):len(last)], i == len(terms)-1), parent: parent,
			term: d.t("spftree.more-networks", "N", d.integer(run-shown)), tone: "muted", symbol: "…"})
	}
}

func (t *outlineTerm) network() bool {
	return t != nil && (t.Kind == "ip4" || t.Kind == "ip6") && t.Status == "ok"
}

func countTerms(terms []*outlineTerm) int {
	n := len(terms)
	for _, t := range terms {
		if t != nil {
			n += countTerms(t.Children)
		}
	}
	return n
}

func (d *treeDrawing) add(t *outlineTerm, parent int, last []bool) {
	row := treeLine{depth: len(last), last: last, parent: parent, term: clip(Escape(t.Term), 300), provider: clip(Escape(t.Provider), 40)}
	row.tone, row.symbol = treeTone(t.Status)
	if t.Status != "ok" {
		row.status = d.or("term", t.Status, Escape(t.Status))
	} else if t.Void.IPv6 {
		row.tone, row.symbol, row.status = "warning", "!", d.t("spftree.void6")
	}
	if t.Cost > 0 {
		row.used = t.Running - t.Cost + 1
		if row.used > d.v.Limits.Lookups && t.Status != "over-limit" {
			row.tone, row.symbol = "error", "✗" // "12 of 10" says the rest
		}
	}
	d.rows = append(d.rows, row)
	d.lay(t.Children, last)
}

// of is "7 of 10" for a term that is the seventh look-up.
func (d *treeDrawing) of(row *treeLine) string {
	if row.used == 0 {
		return ""
	}
	return d.t("spftree.of", "N", row.used, "Limit", d.v.Limits.Lookups)
}

func (d *treeDrawing) note(row *treeLine) string {
	note := row.provider
	if row.status != "" {
		if note != "" {
			note += " · "
		}
		note += row.symbol + " " + row.status
	}
	return note
}

func (d *treeDrawing) over() bool { return d.v.Lookups > d.v.Limits.Lookups }

func (d *treeDrawing) summary() string {
	if d.v.Open {
		return d.t("spftree.lookups-open", "N", d.v.Lookups, "Limit", d.v.Limits.Lookups)
	}
	return d.t("spftree.lookups", "N", d.v.Lookups, "Limit", d.v.Limits.Lookups)
}

func (d *treeDrawing) voids() string {
	if d.v.Voids.IPv4 == 0 && d.v.Voids.IPv6 == 0 {
		return d.t("spftree.voids-none")
	}
	return d.t("spftree.voids", "IPv4", d.v.Voids.IPv4, "IPv6", d.v.Voids.IPv6)
}

func (d *treeDrawing) addresses() string {
	four := Escape(d.v.Addresses.IPv4)
	if n, err := strconv.ParseUint(four, 10, 40); err == nil {
		four = d.integer(int(n))
	}
	return d.t("spftree.addresses", "IPv4", four, "IPv6", d.integer(len(d.v.Addresses.IPv6)))
}

// stops says where an evaluation ends and who passes before; nil when it does not end.
func (d *treeDrawing) stops() []string {
	s := d.v.StopsAt
	if s == nil {
		return nil
	}
	if s.Reason == "syntax" {
		return []string{d.t("spftree.syntax", "Title", Escape(d.v.PermErrorTitle), "Rule", Escape(d.v.PermError))}
	}
	lines := []string{d.t("spftree.stops", "Place", d.at(s.outlinePlace), "Reason", d.or("spftree.reason", s.Reason, Escape(s.Reason)))}
	if d.v.LastSender == nil {
		return append(lines, d.t("spftree.last-none"))
	}
	return append(lines, d.t("spftree.last", "Place", d.at(*d.v.LastSender)))
}

// at names a term and the way to it, unless it stands in the domain's own record.
func (d *treeDrawing) at(p outlinePlace) string {
	if len(p.Path) == 1 {
		return clip(Escape(p.Term), 100)
	}
	path := make([]string, len(p.Path))
	for i, name := range p.Path {
		path[i] = Escape(name)
	}
	return d.t("spftree.place", "Term", clip(Escape(p.Term), 100), "Path", strings.Join(path, " → "))
}

// source names a network and the term that lets it pass, in one word where the
// term is the network.
func (d *treeDrawing) source(r outlineRange) string {
	network := strings.TrimSuffix(Escape(r.Network), "/128")
	if !strings.Contains(network, ":") {
		network = strings.TrimSuffix(network, "/32")
	}
	if strings.HasSuffix(Escape(r.Term), ":"+network) {
		return d.at(r.outlinePlace)
	}
	return d.t("spftree.source", "Network", network, "Place", d.at(r.outlinePlace))
}
