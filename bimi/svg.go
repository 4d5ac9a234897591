package bimi

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
)

// What the check of a logo reads at most.
const (
	maxDepth   = 64
	maxNodes   = 50_000
	maxSVGSize = 32_768 // octets uncompressed, the SHOULD of the profile
)

// SVG is a logo as it was understood. It is read once from front to back;
// nothing in it is expanded, drawn or fetched.
type SVG struct {
	Size    int      `json:"size"` // octets, uncompressed
	SHA256  string   `json:"sha256"`
	Title   string   `json:"title"`
	Width   string   `json:"width"` // as written
	Height  string   `json:"height"`
	ViewBox string   `json:"view_box"`
	Colours []string `json:"colours"` // the distinct paints, #rrggbb or as written
	Whole   bool     `json:"whole"`   // it was read to its end

	Problems []SVGProblem `json:"-"`
}

// SVGProblem is a fault of a logo. Line and Column, from 1, are where it was
// first met; of a fault of the whole, where the root stands.
type SVGProblem struct {
	Rule         string
	Variant      string
	Params       check.Params
	Line, Column int
}

// parseSVG checks a logo against the profile SVG Tiny PS. The data is
// uncompressed; the caller bounds its size.
func parseSVG(data []byte) *SVG {
	v := &svgReader{svg: &SVG{Size: len(data), SHA256: sum(data), Colours: []string{}}, colours: map[string]bool{}}
	// A byte order mark is legal before an XML document.
	v.dec = xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	v.dec.CharsetReader = charset
	v.read()
	v.finish()
	return v.svg
}

// charset reads the encodings below UTF-8 that exporters still declare.
func charset(name string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "us-ascii", "ascii":
		return in, nil
	case "iso-8859-1", "latin1":
		b, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		for _, c := range b {
			out.WriteRune(rune(c))
		}
		return &out, nil
	}
	return nil, fmt.Errorf("the encoding %q is not read here", name)
}

// element is one open element.
type element struct {
	name     string // without namespace
	children int    // elements in it so far
	filled   bool   // fill is set here or above
	foreign  bool   // in the metadata, of another namespace
	text     strings.Builder
}

type svgReader struct {
	svg   *SVG
	dec   *xml.Decoder
	open  []*element
	nodes int
	root  string // namespace of the root
	ended bool   // the root was closed
	line  int    // where the token at hand begins
	col   int
	begun place // where the root stands

	titles  int
	colours map[string]bool
	lists   []*placed
	nested  int // depth of the element that is not allowed, 0 for none
}

// place is where a token begins.
type place struct{ line, col int }

// placed is one kind of fault that may come often: told once, with places.
type placed struct {
	rule, variant string
	first         place
	places        []string
	count         int
}

const maxPlaces = 5

func (v *svgReader) add(rule, variant string, params check.Params) {
	if params == nil {
		params = check.Params{}
	}
	v.svg.Problems = append(v.svg.Problems, SVGProblem{rule, variant, params, v.line, v.col})
}

// note counts a fault that may come often.
func (v *svgReader) note(rule, variant, what string) {
	i := slices.IndexFunc(v.lists, func(p *placed) bool { return p.rule == rule && p.variant == variant })
	if i < 0 {
		i = len(v.lists)
		v.lists = append(v.lists, &placed{rule: rule, variant: variant, first: place{v.line, v.col}})
	}
	p := v.lists[i]
	p.count++
	place := fmt.Sprintf("%s (%d)", clipped(what), v.line)
	if len(p.places) < maxPlaces && !slices.Contains(p.places, place) {
		p.places = append(p.places, place)
	}
}

// clipped shortens a stranger's words for a message.
func clipped(s string) string {
	s = strings.ToValidUTF8(strings.TrimSpace(s), "\uFFFD")
	if utf8.RuneCountInString(s) > 60 {
		s = string([]rune(s)[:59]) + "…"
	}
	return s
}

// read goes through the document until its end or the first fault that hides the rest.
func (v *svgReader) read() {
	for {
		v.line, v.col = v.dec.InputPos()
		token, err := v.dec.Token()
		if errors.Is(err, io.EOF) {
			if !v.ended {
				v.malformed("", "no SVG element")
				return
			}
			v.svg.Whole = true
			return
		}
		if err != nil {
			v.line, v.col = v.dec.InputPos()
			v.malformed("", plainXML(err))
			return
		}
		if !v.token(token) {
			return
		}
	}
}

// plainXML is the decoder's complaint without what the message says anyway.
func plainXML(err error) string {
	if e, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return clipped(e.Msg)
	}
	return clipped(err.Error())
}

func (v *svgReader) malformed(variant, why string) {
	v.add("bimi-svg-malformed", variant, check.Params{"Line": v.line, "Column": v.col, "Why": why, "Depth": maxDepth, "Nodes": maxNodes})
}

// token takes one token in; false ends the reading.
func (v *svgReader) token(token xml.Token) bool {
	switch t := token.(type) {
	case xml.Directive:
		v.add("bimi-svg-doctype", "", check.Params{"Line": v.line})
		// Entities declared inside are never looked at, so what uses them cannot be read.
		return !bytes.ContainsRune(t, '[')
	case xml.ProcInst:
		if t.Target != "xml" {
			v.add("bimi-svg-pi", "", check.Params{"Line": v.line, "Target": clipped(t.Target)})
		}
	case xml.CharData:
		if len(v.open) > 0 {
			v.open[len(v.open)-1].text.Write(t)
		} else if len(bytes.TrimSpace(t)) > 0 {
			v.malformed("", "text outside of the root element")
			return false
		}
	case xml.StartElement:
		return v.start(t)
	case xml.EndElement:
		v.end()
	}
	return true
}

func (v *svgReader) start(t xml.StartElement) bool {
	v.nodes += 1 + len(t.Attr)
	switch {
	case v.ended:
		v.malformed("", "a second root element")
		return false
	case len(v.open) >= maxDepth || v.nodes > maxNodes:
		v.malformed("limits", "")
		return false
	}
	seen := make(map[xml.Name]bool, len(t.Attr)) // an element may have tens of thousands
	for _, a := range t.Attr {
		if seen[a.Name] {
			v.malformed("", "the attribute "+clipped(a.Name.Local)+" stands twice")
			return false
		}
		seen[a.Name] = true
	}
	e := &element{name: t.Name.Local}
	if len(v.open) == 0 {
		v.root = t.Name.Space
		v.begun = place{v.line, v.col}
		v.open = append(v.open, e)
		return v.begin(e, t)
	}
	parent := v.open[len(v.open)-1]
	parent.children++
	e.filled = parent.filled
	e.foreign = t.Name.Space != v.root && (parent.foreign || parent.name == "metadata")
	v.open = append(v.open, e)
	switch {
	case e.foreign: // data about the document, which draws nothing
	case v.nested > 0: // told with the element around it
		if e.name == "image" {
			v.note("bimi-svg-raster", "", "image")
		}
	case t.Name.Space != v.root || parent.foreign || !mayStandIn(parent.name, e.name):
		v.nested = len(v.open)
		v.note("bimi-svg-element", "", e.name)
		if e.name == "image" {
			v.note("bimi-svg-raster", "", "image")
		}
	default:
		v.title(e, parent)
		v.attributes(e, t.Attr)
	}
	return true
}

// begin checks the root; false when there is no SVG to look into.
func (v *svgReader) begin(e *element, t xml.StartElement) bool {
	if e.name != "svg" || t.Name.Space != svgSpace {
		v.add("bimi-svg-root", "", check.Params{"Name": clipped(e.name), "Namespace": clipped(t.Name.Space)})
		if e.name != "svg" {
			return false
		}
	}
	values := map[string]string{}
	for _, a := range t.Attr {
		if a.Name.Space == "" {
			values[a.Name.Local] = a.Value
		}
	}
	if values["version"] != "1.2" {
		v.add("bimi-svg-version", "", check.Params{"Value": clipped(values["version"])})
	}
	if values["baseProfile"] != "tiny-ps" {
		v.add("bimi-svg-baseprofile", "", check.Params{"Value": clipped(values["baseProfile"])})
	}
	v.svg.Width, v.svg.Height, v.svg.ViewBox = values["width"], values["height"], values["viewBox"]
	v.attributes(e, t.Attr)
	return true
}

func (v *svgReader) end() {
	e := v.open[len(v.open)-1]
	if len(v.open) == v.nested {
		v.nested = 0
	}
	v.open = v.open[:len(v.open)-1]
	v.ended = len(v.open) == 0
	text := strings.TrimSpace(e.text.String())
	inside := v.nested == 0 && !e.foreign
	switch {
	case e.name == "title" && inside && len(v.open) == 1 && v.titles == 1:
		v.svg.Title = text
	case e.name == "desc" && inside && text == "" && e.children == 0:
		v.note("bimi-svg-desc-empty", "", "desc")
	}
}

// title counts the titles of the root, the only ones that name the logo.
func (v *svgReader) title(e, parent *element) {
	if e.name != "title" || len(v.open) != 2 {
		return
	}
	v.titles++
	switch {
	case v.titles > 1:
		v.add("bimi-svg-title", "twice", check.Params{"Line": v.line})
	case parent.children > 1:
		v.add("bimi-svg-title", "late", check.Params{"Line": v.line})
	}
}
