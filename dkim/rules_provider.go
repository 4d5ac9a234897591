package dkim

// providerRules compare what was found with what the domain's providers use.
var providerRules = []rule{}
