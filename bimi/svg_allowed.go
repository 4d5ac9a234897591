package bimi

import (
	"slices"
	"strings"
)

// The namespaces that a logo has to do with.
const (
	svgSpace   = "http://www.w3.org/2000/svg"
	xlinkSpace = "http://www.w3.org/1999/xlink"
	xmlSpace   = "http://www.w3.org/XML/1998/namespace"
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

const (
	shapes    = "path rect circle ellipse line polyline polygon"
	describes = "title desc metadata "
	contents  = describes + "g defs use text textArea linearGradient radialGradient solidColor " + shapes
)

// childrenOf lists the elements that may stand in each element. What SVG Tiny PS
// leaves of SVG Tiny 1.2 is what draws: no script, link, image, animation,
// sound, switch, font or foreign content.
var childrenOf = map[string]map[string]bool{
	"svg": set(contents), "g": set(contents), "defs": set(contents),
	"use":            set(describes),
	"linearGradient": set(describes + "stop"), "radialGradient": set(describes + "stop"),
	"stop": set(describes), "solidColor": set(describes),
	"text": set(describes + "tspan tbreak"), "textArea": set(describes + "tspan tbreak"), "tspan": set(describes + "tspan tbreak"),
	"tbreak": {}, "title": {}, "desc": {}, "metadata": {},
}

// common are the attributes that may stand anywhere: the name of the element and
// what says how it is painted.
var common = set(`id fill fill-opacity fill-rule stroke stroke-width stroke-linecap stroke-linejoin stroke-miterlimit
	stroke-dasharray stroke-dashoffset stroke-opacity color color-rendering display visibility opacity vector-effect solid-color
	solid-opacity stop-color stop-opacity viewport-fill viewport-fill-opacity font-family font-size font-style font-variant font-weight
	text-anchor text-align line-increment display-align direction unicode-bidi shape-rendering text-rendering image-rendering
	buffered-rendering pointer-events role`)

var gradient = " gradientUnits gradientTransform spreadMethod"

// attributesOf are those of single elements.
var attributesOf = map[string]map[string]bool{
	"svg":            set("version baseProfile viewBox preserveAspectRatio width height"),
	"g":              set("transform"),
	"use":            set("transform x y href"),
	"path":           set("transform d pathLength"),
	"rect":           set("transform x y width height rx ry"),
	"circle":         set("transform cx cy r"),
	"ellipse":        set("transform cx cy rx ry"),
	"line":           set("transform x1 y1 x2 y2"),
	"polyline":       set("transform points"),
	"polygon":        set("transform points"),
	"text":           set("transform x y rotate editable"),
	"textArea":       set("transform x y width height editable"),
	"linearGradient": set("x1 y1 x2 y2" + gradient),
	"radialGradient": set("cx cy r" + gradient),
	"stop":           set("offset"),
}

// inert are the attributes of the root that the profile takes with one value only.
var inert = map[string]string{
	"zoomAndPan": "disable", "externalResourcesRequired": "false", "focusable": "false",
	"snapshotTime": "none", "playbackOrder": "all", "timelineBegin": "onLoad",
}

// mayStandIn tells whether an SVG element may stand in another.
func mayStandIn(parent, child string) bool {
	if slices.Contains(strings.Fields(shapes), parent) {
		return child == "title" || child == "desc" || child == "metadata"
	}
	return childrenOf[parent][child]
}

// paints are the attributes whose values are colours.
var paints = []string{"fill", "stroke", "stop-color", "solid-color", "color", "viewport-fill"}
