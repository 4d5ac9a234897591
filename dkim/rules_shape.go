package dkim

// shapeRules look at how the keys stand in DNS: delegation, sizes, TTL, aliases
// beside text.
var shapeRules = []rule{}
