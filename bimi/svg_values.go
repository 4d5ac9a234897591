package bimi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postseal/postseal/check"
)

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

var (
	urlValue   = regexp.MustCompile(`(?i)url\(\s*['"]?\s*([^'")]*)`)
	rasterData = regexp.MustCompile(`(?i)data:image/(png|jpe?g|gif|webp|bmp|tiff|avif)`)
)

func (v *svgReader) attributes(e *element, attrs []xml.Attr) {
	root := len(v.open) == 1
	for _, a := range attrs {
		name, value := a.Name.Local, strings.TrimSpace(a.Value)
		switch {
		case a.Name.Space == "xmlns" || a.Name.Space == "" && name == "xmlns":
			continue // a name for a namespace does nothing by itself
		case a.Name.Space == xmlSpace && (name == "space" || name == "lang" || name == "id"):
			continue
		case a.Name.Space == xlinkSpace && name == "href" && e.name == "use":
			v.link("xlink", value)
			continue
		case a.Name.Space != "":
			v.note("bimi-svg-attribute", "", name)
			continue
		case root && inert[name] != "":
			variant := ""
			if value != inert[name] {
				variant = "wrong"
			}
			v.note("bimi-svg-inert-attribute", variant, name+"="+value)
			continue
		case root && (name == "x" || name == "y"):
			v.note("bimi-svg-root-xy", "", name)
			continue
		case !common[name] && !attributesOf[e.name][name]:
			v.note("bimi-svg-attribute", "", name)
			continue
		case name == "href":
			v.link("", value)
		}
		v.value(e, name, value)
	}
	if slices.Contains(strings.Fields(shapes+" text textArea"), e.name) && !e.filled {
		v.colour("#000000") // what is painted where nobody says with what
	}
}

// link judges a reference to another element.
func (v *svgReader) link(variant, value string) {
	v.raster(value)
	switch {
	case !strings.HasPrefix(value, "#"):
		v.note("bimi-svg-reference", "", value)
	case variant != "":
		v.note("bimi-svg-reference", variant, value)
	}
}

func (v *svgReader) raster(value string) {
	if m := rasterData.FindString(value); m != "" {
		v.note("bimi-svg-raster", "", m)
	}
}

func (v *svgReader) value(e *element, name, value string) {
	if name != "href" {
		v.raster(value)
	}
	for _, m := range urlValue.FindAllStringSubmatch(value, -1) {
		if !strings.HasPrefix(strings.TrimSpace(m[1]), "#") {
			v.note("bimi-svg-reference", "", value)
		}
	}
	if !slices.Contains(paints, name) {
		return
	}
	if name == "fill" && value != "inherit" {
		e.filled = true
	}
	v.colour(value)
}

// colour counts a paint; a gradient counts by its stops.
func (v *svgReader) colour(value string) {
	value = strings.ToLower(value)
	switch {
	case value == "" || value == "none" || value == "inherit" || value == "currentcolor" || strings.HasPrefix(value, "url("):
		return
	case len(value) == 4 && value[0] == '#': // #rgb is short for #rrggbb
		value = "#" + strings.Repeat(value[1:2], 2) + strings.Repeat(value[2:3], 2) + strings.Repeat(value[3:4], 2)
	case value == "black":
		value = "#000000"
	case value == "white":
		value = "#ffffff"
	}
	if !v.colours[value] && len(v.svg.Colours) < 32 {
		v.colours[value] = true
		v.svg.Colours = append(v.svg.Colours, clipped(value))
	}
}

// placeholders are titles that an export tool or a template put there.
var placeholders = []string{"untitled", "title", "svg", "logo", "image", "layer 1"}

func placeholder(title string) bool {
	t := strings.ToLower(title)
	return slices.Contains(placeholders, t) || strings.Contains(t, "tiny-12-ps") || strings.Contains(t, "tiny-ps") || strings.HasPrefix(t, "bimi-svg")
}

// finish judges what only shows at the end.
func (v *svgReader) finish() {
	for _, p := range v.lists {
		v.line, v.col = p.first.line, p.first.col
		v.add(p.rule, p.variant, check.Params{"List": strings.Join(p.places, ", "), "Count": p.count})
	}
	s := v.svg
	v.line, v.col = v.begun.line, v.begun.col // what follows is about the whole
	if s.Size > maxSVGSize {
		v.add("bimi-logo-size", "", check.Params{"Size": s.Size, "Limit": maxSVGSize})
	}
	if !s.Whole {
		return
	}
	switch {
	case v.titles == 0:
		v.add("bimi-svg-title", "missing", nil)
	case s.Title == "":
		v.add("bimi-svg-title", "empty", nil)
	case placeholder(s.Title):
		v.add("bimi-svg-title-placeholder", "", check.Params{"Title": clipped(s.Title)})
	}
	if n := utf8.RuneCountInString(s.Title); n > 64 {
		v.add("bimi-svg-title-long", "", check.Params{"Length": n})
	}
	if len(s.Colours) < 2 {
		v.add("bimi-svg-colours", "", check.Params{"Colours": strings.Join(s.Colours, ", ")})
	}
	v.size()
}

// size judges view box, width and height.
func (v *svgReader) size() {
	s := v.svg
	boxW, boxH, ok := viewBox(s.ViewBox)
	switch {
	case strings.TrimSpace(s.ViewBox) == "":
		v.add("bimi-svg-viewbox", "missing", nil)
	case !ok:
		v.add("bimi-svg-viewbox", "", check.Params{"Value": clipped(s.ViewBox)})
	}
	width, height := strings.TrimSpace(s.Width), strings.TrimSpace(s.Height)
	shown := check.Params{"Width": clipped(width), "Height": clipped(height)}
	switch {
	case strings.HasSuffix(width, "%") || strings.HasSuffix(height, "%"):
		v.add("bimi-svg-percent-size", "", shown)
		return
	case width == "" || height == "":
		v.add("bimi-svg-size-missing", "", shown)
		if ok && width == "" && height == "" {
			v.square(boxW, boxH)
		}
		return
	}
	w, okW := pixels(width)
	h, okH := pixels(height)
	if !okW || !okH {
		return // in another unit, which nobody converts here
	}
	if w < 96 || h < 96 {
		v.add("bimi-svg-too-small", "", shown)
	}
	v.square(w, h)
}

func (v *svgReader) square(w, h float64) {
	if math.Abs(w-h) > 0.01*max(w, h) {
		f := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
		v.add("bimi-svg-not-square", "", check.Params{"Width": clipped(f(w)), "Height": clipped(f(h))})
	}
}

// pixels reads a length without unit or in px.
func pixels(s string) (float64, bool) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, "px"), 64)
	return n, err == nil && !math.IsInf(n, 0) && !math.IsNaN(n)
}

// viewBox reads four numbers with white space or a comma between.
func viewBox(s string) (w, h float64, ok bool) {
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || strings.ContainsRune(space, r) })
	if len(fields) != 4 {
		return 0, 0, false
	}
	var n [4]float64
	for i, f := range fields {
		if n[i], ok = pixels(f); !ok || strings.HasSuffix(f, "px") {
			return 0, 0, false
		}
	}
	return n[2], n[3], n[2] > 0 && n[3] > 0
}
